"""The seven things somebody may begin with: each has a sentence and a next step, and fits Slack and Teams as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.slack.render import card_blocks, card_text, home_view
from adapters.teams.render import card_content
from bot.domain.answer import Draft
from bot.domain.cards import Action, Card
from bot.domain.identity import (
    ChannelIdentity,
    Employee,
    Issuer,
    LinkedIdentity,
    Platform,
    Principal,
    Role,
    Subject,
)
from bot.domain.session import Session
from bot.services import start_card
from bot.services.start_card import Beginning, Glance
from bot.texts.sentences import Voice, voice
from tests.fakes.slack_limits import check_blocks, checked_home
from tests.fakes.teams_server import MESSAGE_BYTES

NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
WHO = LinkedIdentity(issuer=Issuer("https://id.example"), subject=Subject("mia"))
MIA = Principal(
    identity=WHO,
    username="mia",
    display_name="Mia Wong",
    roles=frozenset({Role.EMPLOYEE, Role.LINE_MANAGER}),
    provider_roles=frozenset({Role.EMPLOYEE}),
    department="sales",
    region="emea",
    employee=Employee("E1002"),
    locale="en",
    timezone="UTC",
    locked=False,
)
READY = Beginning(
    principal=MIA,
    session=Session(
        id="s",
        channel=ChannelIdentity(platform=Platform.SLACK, tenant="T1", account="U1"),
        identity=WHO,
        opened_at=NOW,
        last_used_at=NOW,
        absolute_until=NOW + timedelta(hours=12),
        acr=None,
        auth_time=NOW,
        amr=(),
    ),
    may=("leave_balance", "request_leave", "view_payslip", "team_absences", "waiting"),
    titles={
        "leave_balance": "hr.leave_balance.title",
        "request_leave": "hr.request_leave.title",
        "view_payslip": "hr.view_payslip.title",
        "team_absences": "hr.team_absences.title",
        "waiting": "hr.waiting.title",
    },
    waiting=Glance(lines=("John: 21 to 23 December",), count=1),
    requests=Glance(lines=("Mon 28 Dec: waiting",), count=1),
    factors=("totp",),
    now=NOW,
)

HIDDEN = Glance(hidden=True)


def states(reader: Voice) -> dict[str, Draft]:
    """Each state's card."""
    beginnings = {
        "ready": READY,
        "no record": replace(READY, principal=replace(MIA, employee=None), waiting=HIDDEN, requests=HIDDEN),
        "HR away": replace(READY, waiting=Glance(away=True), requests=Glance(away=True)),
        "nothing waits": replace(READY, waiting=Glance(), requests=Glance()),
        "no payslip yet": replace(READY, no_payslip=True),
    }
    signed_in = {name: start_card.draft(beginning, reader) for name, beginning in beginnings.items()}
    outside = {"not signed in": start_card.not_signed_in(reader), "not in the pilot": start_card.not_in_pilot(reader)}
    return signed_in | outside


def shown(draft: Draft) -> Card:
    """With handles under its buttons."""
    buttons = tuple(Action(label=one.label, handle=f"h{at}", style=one.style) for at, one in enumerate(draft.buttons))
    return replace(draft.card, actions=buttons)


NEXT = {
    "ready": ("type a sentence", "schreib einen Satz"),
    "no record": ("Ask HR", "Bitte die Personalabteilung"),
    "HR away": ("Try again", "Versuch es"),
    "nothing waits": ("you are told when something does", "du hörst es"),
    "no payslip yet": ("ask HR", "frag die Personalabteilung"),
    "not signed in": ("Sign in once", "Melde dich einmal"),
    "not in the pilot": ("ask your administrator", "frag deine Administration"),
}
"""What to do next, in English and German."""


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", NEXT)
def test_each_has_its_sentence_and_fits(state: str, language: str) -> None:
    card = shown(states(voice(language))[state])
    wanted = NEXT[state][language == "de"]
    check_blocks(card_blocks(card), 50)
    checked_home(home_view(card))
    assert len(json.dumps(card_content(card)).encode()) < MESSAGE_BYTES
    for said in (card_text(card), json.dumps(home_view(card), ensure_ascii=False), str(card_content(card)["speak"])):
        assert wanted in said.replace("\\", ""), said


def test_no_two_say_the_same_and_only_the_pilot_has_nothing_to_press() -> None:
    cards = {state: shown(draft) for state, draft in states(voice("en")).items()}
    assert len({card_text(card) for card in cards.values()}) == len(NEXT)
    assert [state for state, card in cards.items() if not card.actions] == ["not in the pilot"]
    assert "Payslip" not in [action.label for action in cards["no payslip yet"].actions]
