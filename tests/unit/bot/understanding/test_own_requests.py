"""Sentences about a request that is made already, in both languages, and an account's number typed into the chat."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import BaseModel

from bot.domain.intent import Intent, Question
from bot.understanding.understand import Understanding
from tests.unit.bot.understanding.conftest import MODELS, MONDAY, WRITES, Arguments


class Changed(Arguments):
    leave: str
    start: date
    end: date


class Written(Arguments):
    leave: str
    text: str


NAMED: dict[str, type[BaseModel]] = {"change_leave": Changed, "ask_about_leave": Written, "answer_about_leave": Written}
OWN: dict[str, type[BaseModel]] = {"my_factors": Arguments, "bank_change": Arguments}
UNDERSTANDING = Understanding(arguments=MODELS | NAMED | OWN, writes=WRITES | NAMED.keys(), titles={})
IBAN = "DE89370400440532013000"


def _heard(text: str) -> Intent | Question:
    return UNDERSTANDING.understand(text, today=MONDAY, locale="en", is_command=False)


@pytest.mark.parametrize(
    ("text", "capability", "known"),
    [
        ("change my leave to 21 to 22 December", "change_leave", {"start": "2026-12-21", "end": "2026-12-22"}),
        ("please move my waiting leave request to 28 December", "change_leave", {"start": "2026-12-28"}),
        ("change my leave from 21 to 23 December to 28 December", "change_leave", {}),
        ("ändere meinen Urlaub auf 21. bis 22. Dezember", "change_leave", {"start": "2026-12-21", "end": "2026-12-22"}),
        ("ich möchte meinen Urlaub verschieben", "change_leave", {}),
        ("ask john about his leave: who covers the fair?", "ask_about_leave", {"text": "who covers the fair?"}),
        ("ask john for more", "ask_about_leave", {}),
        ("frag john zu seinem Urlaub: wer vertritt dich?", "ask_about_leave", {"text": "wer vertritt dich?"}),
        ("answer: sue covers the fair", "answer_about_leave", {"text": "sue covers the fair"}),
        ("Antwort: Sue übernimmt", "answer_about_leave", {"text": "Sue übernimmt"}),
    ],
)
def test_which_request_is_asked_for_and_the_rest_is_kept(text: str, capability: str, known: dict[str, str]) -> None:
    heard = _heard(text)
    assert isinstance(heard, Question)
    assert (heard.text_key, heard.missing) == ("ask.leave", "leave")
    assert heard.partial is not None
    assert heard.partial.capability == capability
    assert known.items() <= heard.partial.arguments.items()
    assert known or not {"start", "text"} & {name for name, value in heard.partial.arguments.items() if value}
    (choice,) = heard.choices
    assert choice[1].capability == ("waiting" if capability == "ask_about_leave" else "my_leaves")


@pytest.mark.parametrize("text", ["I'd like to take 21 to 23 December off", "book my leave from 21 to 23 December"])
def test_a_new_request_stays_one(text: str) -> None:
    heard = _heard(text)
    assert isinstance(heard, Intent)
    assert heard.capability == "request_leave"


@pytest.mark.parametrize("text", ["add a passkey", "I have a new phone", "Passkey hinzufügen", "recovery codes"])
def test_factors_are_found_by_what_people_call_them(text: str) -> None:
    heard = _heard(text)
    assert isinstance(heard, Intent)
    assert heard.capability == "my_factors"


@pytest.mark.parametrize("text", [f"my bank account is {IBAN}", "pay me to DE89 3704 0044 0532 0130 00 please"])
def test_an_account_number_in_the_chat_leads_to_the_page_and_goes_nowhere(text: str) -> None:
    heard = _heard(text)
    assert isinstance(heard, Intent)
    assert heard.capability == "bank_change"
    assert not heard.arguments


def test_what_only_looks_like_an_account_number_is_none() -> None:
    heard = _heard("ticket DE89370400440532013001")
    assert not isinstance(heard, Intent) or heard.capability != "bank_change"
