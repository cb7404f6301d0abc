"""In HR's channel a request is one card: edited as it goes on, each step a line in its thread, nobody's words on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.domain.identity import Platform
from tests.fakes.clock import FixedClock
from tests.functional.sides import SIDES, OnSlack, OnTeams, Side
from tests.functional.test_one_history import approve, both_in

BOTH = (Platform.SLACK, Platform.TEAMS)
ROOM = "19:hr@thread.tacv2"
NOTE, QUESTION, ANSWER, WHY = "note-xylophone", "question-xylophone", "answer-xylophone", "reason-xylophone"
KIND = "Kind-xylophone"
LINES = (
    "John Carver changed the days: Mon 21 Dec – Wed 23 Dec → Mon 28 Dec – Tue 29 Dec",
    "Mia Lindqvist took the decision back",
)


def in_channel(side: Side) -> list[tuple[str, str, str]]:
    """What stands in HR's channel: its id, the thread it is in, and everything it says."""
    if isinstance(side, OnSlack):
        posted = [one for one in side._door.slack.messages if one.channel == "C1HR" and not one.ephemeral_for]
        return [(one.ts, one.thread_ts or "", one.text + json.dumps(one.blocks, ensure_ascii=False)) for one in posted]
    assert isinstance(side, OnTeams)
    activities = side._door.teams.conversations[ROOM].activities.values()
    return [
        (one["id"], one["address"].partition(";messageid=")[2], json.dumps(one["attachments"], ensure_ascii=False))
        for one in activities
    ]


def sent_to_channel(side: Side) -> str:
    """Every payload that was ever sent there, edits included."""
    if isinstance(side, OnSlack):
        calls = [
            arguments for name, arguments in side._door.slack.calls
            if arguments.get("channel") == "C1HR" and name != "chat.postEphemeral"
        ]  # fmt: skip
        return json.dumps(calls, ensure_ascii=False)
    assert isinstance(side, OnTeams)
    return "\n".join(side._door.teams.sent.get(ROOM, []))


async def in_words_of_hr(side: Side) -> None:
    """The HR system's own kind of leave, and the note of whoever asked, are words that occur nowhere else."""

    def work(connection: Any) -> None:
        connection.execute(
            "INSERT INTO leave_type SELECT 'study', 9, ?, approval, second_over_halves, allowance_halves, 0"
            " FROM leave_type WHERE id = 'unpaid'",
            (KIND,),
        )
        connection.execute("UPDATE leave SET type = 'study', note = ? WHERE start_on = '2026-12-21'", (NOTE,))

    await side.here.backend._database.write(work)


async def lived(side: Side) -> None:
    """Asked with a note, asked about, answered, changed, approved, taken back with a reason, refused with one."""
    await both_in(side)
    await side.type("john", "I'd like to take 21 to 23 December off")
    await side.press("john", "Send request")
    await in_words_of_hr(side)
    await side.press("mia", "Ask for more")
    await side.fill("mia", text=QUESTION)
    await side.press("john", "Answer")
    await side.fill("john", text=ANSWER)
    await side.press("john", "Change the days")
    await side.fill("john", start="2026-12-28", end="2026-12-29")
    await side.press("john", "Change it")
    await approve(side)
    await side.press("mia", "Take it back")
    await side.fill("mia", note=WHY)
    await side.give("mia", side.here.code("mia"))
    side.here.clock.advance(seconds=30)


@pytest.mark.requirement("57")
@pytest.mark.parametrize("platform", BOTH)
async def test_one_card_with_one_thread_and_nothing_of_anybodys_words(
    platform: Platform, tmp_path: Path, clock: FixedClock
) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        await lived(side)
        (card, top, says), *thread = in_channel(side)
        assert top == ""
        assert "Approve" in says, "it waits again, on the same card"
        assert "28 Dec" in says
        assert [under for _, under, _ in thread] == [card] * len(LINES)
        assert [line for line, (_, _, text) in zip(LINES, thread, strict=True) if line in text] == list(LINES)
        for words in (NOTE, KIND, QUESTION, ANSWER, WHY):
            assert words in side.seen("mia") + side.seen("john"), "whoever it is for reads it"
        sent = sent_to_channel(side)
        assert sent.count("John Carver") > 4
        assert [word for word in (NOTE, QUESTION, ANSWER, WHY, KIND) if word in sent] == []


@pytest.mark.parametrize("platform", BOTH)
async def test_a_card_that_is_gone_is_posted_anew_and_edited_from_then_on(
    platform: Platform, tmp_path: Path, clock: FixedClock
) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        await both_in(side)
        await side.type("john", "I'd like to take 21 to 23 December off")
        await side.press("john", "Send request")
        gone = in_channel(side)[0][0]
        delete(side, gone)
        await side.press("john", "Change the days")
        await side.fill("john", start="2026-12-28", end="2026-12-29")
        await side.press("john", "Change it")
        [(card, top, says)] = in_channel(side)
        assert (card != gone, top) == (True, "")
        assert "28 Dec" in says
        assert "Approve" in says
        await approve(side)
        [(same, _, says)] = in_channel(side)
        assert same == card
        assert "Approved by Mia" in says


def delete(side: Side, message: str) -> None:
    """Somebody of HR's removes the bot's message."""
    if isinstance(side, OnSlack):
        side._door.slack.messages[:] = [one for one in side._door.slack.messages if one.ts != message]
    else:
        assert isinstance(side, OnTeams)
        del side._door.teams.conversations[ROOM].activities[message]
