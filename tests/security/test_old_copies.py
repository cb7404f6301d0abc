"""Cards that stand there already: what came late undoes no decision, and who lost an account reads no more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.ports.database import Transaction
from tests.fakes.clock import FixedClock
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import Message
from tests.functional.test_slack_end_to_end import PEOPLE, Doorward, doorward, labels
from tests.security.held import later

QUESTION, ANSWER = "Who covers the canary?", "canary-answer"


@pytest.fixture
async def door(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    async with FakeSlack(now=clock).running() as slack:
        for account in PEOPLE.values():
            slack.join(account)
        slack.channel("C1HR", *PEOPLE.values())
        async with doorward(slack, tmp_path, clock) as running:
            await running.here.sign_in("john")
            await running.here.sign_in("mia")
            await running.here.enrol("mia")
            await running.type("john", "I'd like to take 21 to 23 December off")
            await running.press("john", "Send request")
            yield running


async def write(door: Doorward, name: str, label: str, **values: str) -> None:
    """Press, and fill in the dialog it opens."""
    await door.press(name, label)
    dialog = [view for view in door.slack.views.values() if view.open][-1]
    assert (await door.send(door.slack.submission(dialog, **values))).status_code == 200


def copies(door: Doorward) -> list[Message]:
    return [message for message in door.slack.messages if "Leave for John" in message.text]


async def test_an_edit_that_slack_took_late_does_not_undo_the_decision_after_it(door: Doorward) -> None:
    for _ in copies(door):
        door.slack.fail_next("chat.update", 429, None, **{"retry-after": "30"})
    await write(door, "mia", "Ask for more", text=QUESTION)
    await write(door, "mia", "Approve", code=door.here.code("mia"))
    assert len(copies(door)) == 2
    for _ in range(3):
        await later(door.here)
        await door.settled()
    for copy in copies(door):
        assert "Approved by Mia" in copy.text
        assert not [label for label in labels(copy) if "pprove" in label]


async def test_the_newest_edit_still_comes_when_slack_took_none_of_them(door: Doorward) -> None:
    for _ in range(4):
        door.slack.fail_next("chat.update", 503)
    await write(door, "mia", "Ask for more", text=QUESTION)
    await write(door, "mia", "Approve", code=door.here.code("mia"))
    assert not any("Approved" in copy.text for copy in copies(door))
    for _ in range(3):
        await later(door.here)
        await door.settled()
    assert all("Approved by Mia" in copy.text for copy in copies(door))


@pytest.mark.requirement("17")
@pytest.mark.parametrize("how", ["unlinked", "locked", "another person's"])
async def test_what_is_answered_does_not_reach_an_account_that_is_the_approvers_no_more(
    door: Doorward, how: str
) -> None:
    await write(door, "mia", "Ask for more", text=QUESTION)
    there = door.here.channel("mia")
    door.here.clock.advance(timedelta(seconds=30))

    def work(tx: Transaction) -> None:
        link = tx.links.find(there)
        assert link is not None
        if how == "locked":
            mia = tx.persons.find(link.identity)
            assert mia is not None
            tx.persons.save(replace(mia, locked=True))
            return
        tx.links.remove(there)
        if how != "unlinked":
            tx.links.insert(replace(link, identity=door.here.identity("john"), linked_at=door.here.clock.now()))

    await door.here.database.write(work)
    await write(door, "john", "Answer", text=ANSWER)
    in_their_chat = [message for message in door.seen("mia") if message.channel == door.slack.direct("U1MIA")]
    assert in_their_chat
    assert ANSWER not in json.dumps([[message.text, message.blocks] for message in in_their_chat])
    channel = json.dumps([message.blocks for message in copies(door)])
    assert "Answered" in channel, "HR's channel was asked too"
    assert ANSWER not in channel


async def test_how_it_ended_does_not_reach_an_account_that_is_the_requesters_no_more(door: Doorward) -> None:
    await door.here.database.write(lambda tx: tx.links.remove(door.here.channel("john")))
    before = len(door.slack.messages)
    await write(door, "mia", "Approve", code=door.here.code("mia"))
    assert "Approved by Mia" in door.last("mia", "Leave for John").text
    told = [message for message in door.slack.messages[before:] if message.channel == door.slack.direct("U1JOHN")]
    assert told == []
