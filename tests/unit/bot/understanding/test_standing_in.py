"""Sentences that name a substitute, in both languages, and those that only look like one."""

from __future__ import annotations

from datetime import date

import pytest

from bot.domain.intent import Intent, Question
from bot.understanding.understand import Understanding
from tests.unit.bot.understanding.conftest import MODELS, MONDAY, WRITES, Arguments


class Substitute(Arguments):
    substitute: str
    start: date
    end: date


UNDERSTANDING = Understanding(
    arguments=MODELS | {"name_substitute": Substitute}, writes=WRITES | {"name_substitute"}, titles={}
)
DAYS = {"start": "2027-03-03", "end": "2027-03-07"}


@pytest.mark.parametrize(
    "text",
    [
        "sarah stands in for me from 3 to 7 March",
        "Sarah will cover for me 3 to 7 March",
        "sarah is my substitute from 3 March to 7 March",
        "please make sarah my substitute from 3 to 7 March",
        "@sarah fills in for me from 3 to 7 March",
        "sarah decides for me from 2027-03-03 to 2027-03-07",
        "Sarah vertritt mich vom 3. bis 7. März",
        "sarah soll mich vom 3. bis 7. März vertreten",
        "Sarah ist meine Vertretung vom 3. bis 7. März",
        "sarah springt vom 3. bis 7. März für mich ein",
        "Sarah entscheidet vom 3. bis 7. März für mich",
    ],
)
def test_who_stands_in_and_when(text: str) -> None:
    heard = UNDERSTANDING.understand(text, today=MONDAY, locale="de" if "März" in text else "en", is_command=False)
    assert isinstance(heard, Intent)
    assert heard.capability == "name_substitute"
    arguments = {**heard.arguments, "substitute": str(heard.arguments["substitute"]).casefold()}
    assert arguments == {"substitute": "sarah", **DAYS}


def test_without_days_it_asks_for_them() -> None:
    heard = UNDERSTANDING.understand("sarah stands in for me", today=MONDAY, locale="en", is_command=False)
    assert isinstance(heard, Question)
    assert heard.partial is not None
    assert heard.partial.capability == "name_substitute"


@pytest.mark.parametrize(
    "text",
    ["who stands in for me", "wer vertritt mich", "somebody stands in for me on 3 March", "sarah stands in for mia",
     "she decides for me", "niemand vertritt mich"],
)  # fmt: skip
def test_what_names_nobody_is_no_substitution(text: str) -> None:
    heard = UNDERSTANDING.understand(text, today=MONDAY, locale="en", is_command=False)
    assert not (isinstance(heard, Intent) and heard.capability == "name_substitute")
