"""Every step of one request stands in one thread, in the order in which it was taken, on Slack and on Teams."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.identity import Platform
from tests.fakes.clock import FixedClock
from tests.functional import test_teams_end_to_end as teams_side
from tests.functional.sides import ON_TEAMS, SIDES, OnSlack, OnTeams, Side

pytestmark = pytest.mark.requirement("57")
ASKED = "I'd like to take 21 to 23 December off"
THREAD = "1795420800.000001"
WHY = "two others are away that week"
HISTORY = (
    "Mia Lindqvist asks about your leave",
    "Your answer went to Mia Lindqvist",
    "is approved by Mia Lindqvist",
    "took back the decision",
    "is approved by Mia Lindqvist",
    "The days are yours again",
)
"""What John is told, besides the cards of his request, which say where it stands."""


async def lived(side: Side) -> None:
    """Asked, asked about, answered, changed, decided, taken back, decided, cancelled."""
    await side.press("john", "Send request")
    await side.press("mia", "Ask for more")
    await side.fill("mia", text="Who covers the release?")
    await side.press("john", "Answer")
    await side.fill("john", text="Sue does.")
    await side.press("john", "Change the days")
    await side.fill("john", start="2026-12-28", end="2026-12-29")
    await side.press("john", "Change it")
    await approve(side)
    await side.press("mia", "Take it back")
    await side.fill("mia", note=WHY)
    await side.give("mia", side.here.code("mia"))
    side.here.clock.advance(seconds=30)
    await side.type("mia", "waiting")
    await approve(side)
    await side.press("john", "Cancel leave")
    await side.press("john", "Cancel the leave")


async def approve(side: Side) -> None:
    await side.press("mia", "Approve")
    await side.give("mia", side.here.code("mia"))
    side.here.clock.advance(seconds=30)


async def both_in(side: Side) -> None:
    for name in ("john", "mia"):
        await side.here.sign_in(name)
    await side.here.enrol("mia")


def in_order(texts: list[str]) -> list[str]:
    """Which steps of the history the texts tell, in their order; each text tells one at most."""
    return [step for text in texts for step in dict.fromkeys(HISTORY) if step in text]


async def test_in_the_thread_of_slack_in_which_it_was_asked(tmp_path: Path, clock: FixedClock) -> None:
    async with SIDES[Platform.SLACK](tmp_path, clock) as side:
        assert isinstance(side, OnSlack)
        await both_in(side)
        slack = side._door.slack
        await side._door.send(slack.typed("U1JOHN", ASKED, thread_ts=THREAD))
        await lived(side)
        johns = [message for message in slack.messages if message.channel == slack.direct("U1JOHN")]
        assert {message.thread_ts for message in johns} == {THREAD}
        assert in_order([message.text for message in johns]) == list(HISTORY)
        assert "Cancelled by John" in johns[0].text, "and the card of the request says how it ended"


async def test_in_the_conversation_of_teams_in_which_it_was_asked(tmp_path: Path, clock: FixedClock) -> None:
    async with SIDES[Platform.TEAMS](tmp_path, clock) as side:
        assert isinstance(side, OnTeams)
        await both_in(side)
        await side.type("john", ASKED)
        await lived(side)
        # A card that was pressed stands last in the fake's list: its id says when it was posted.
        johns = sorted(side._door.posted(ON_TEAMS["john"]), key=lambda message: int(message["id"]))
        told = [teams_side.said(message) for message in johns]
        assert in_order(told) == list(HISTORY)
        assert "Cancelled by John" in told[0]
