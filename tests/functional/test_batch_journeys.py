"""Twelve of fifteen approved with one code, by the boxes of Slack's dialog and of a Teams card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters.connectors.demo.backend import DemoBackend
from tests.fakes.clock import FixedClock
from tests.fakes.slack_server import FakeSlack
from tests.fakes.teams_server import JOHN, MIA, Activity, FakeTeams
from tests.fakes.world import World
from tests.functional import test_slack_end_to_end as on_slack
from tests.functional import test_teams_end_to_end as on_teams

pytestmark = pytest.mark.requirement("61")


@pytest.fixture
async def slack(clock: FixedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=clock).running() as running:
        for account in on_slack.PEOPLE.values():
            running.join(account)
        running.channel("C1HR", *on_slack.PEOPLE.values())
        yield running


@pytest.fixture
def teams(clock: FixedClock) -> Iterator[FakeTeams]:
    with FakeTeams(now=clock).running() as running:
        for person in (JOHN, MIA):
            running.personal(person)
        yield running


async def fifteen_wait(backend: DemoBackend, day: date) -> None:
    """John has asked for fifteen single days in the HR system itself, from `day` on."""
    days: list[str] = []
    while len(days) < 15:
        days += [day.isoformat()] if day.weekday() < 5 else []
        day += timedelta(days=1)
    insert = (
        "INSERT INTO leave (employee, type, start_on, end_on, portion, halves, state, note, created_at, approver)"
        " SELECT e.id, 'unpaid', :day, :day, 'full', 2, 'pending', '', '2026-11-20T09:00:00+00:00', e.manager"
        " FROM employee e JOIN employee_called c ON c.employee = e.id WHERE c.called = 'john'"
    )
    await backend._database.write(lambda connection: connection.executemany(insert, [{"day": each} for each in days]))


async def states(here: World) -> Counter[str]:
    statement = "SELECT state FROM leave WHERE type = 'unpaid' AND start_on BETWEEN '2026-11-30' AND '2026-12-31'"
    return Counter(
        row[0] for row in await here.backend._database.read(lambda connection: connection.execute(statement).fetchall())
    )


async def one_code_did_it(here: World) -> None:
    assert await states(here) == {"approved": 12, "pending": 3}
    assert len(await here.audit(type_prefix="proof.given")) == 1
    assert len(await here.audit(type_prefix="batch.consented")) == 1
    approved = [
        record for record in await here.audit(type_prefix="effect.finished") if record.event.action == "ApproveLeave"
    ]
    assert [record.event.code for record in approved] == ["done"] * 12


FIRST = date(2026, 11, 30)
TICKED = ",".join(str(position) for position in range(15) if position not in {1, 4, 13})


async def test_on_slack(slack: FakeSlack, tmp_path: Path, clock: FixedClock) -> None:
    async with on_slack.doorward(slack, tmp_path, clock) as door:
        await door.here.sign_in("mia")
        await door.here.enrol("mia")
        await fifteen_wait(door.here.backend, FIRST)
        await door.type("mia", "what waits for me?")
        await door.press("mia", "Approve several")
        (view,) = slack.views.values()
        boxes = [block for block in view.content["blocks"] if block["type"] == "input"]
        assert [len(block["element"]["options"]) for block in boxes] == [10, 5], "ten a block is what Slack takes"
        answer = await door.send(slack.submission(view, ticked=TICKED))
        assert answer.status_code == 200
        said = json.dumps(view.content["blocks"])
        assert view.content["title"]["text"].startswith("Approve 12 requests")
        assert said.count("1 day") == 12
        await door.send(slack.submission(view, code=door.here.code("mia")))
        assert not view.open, "it stayed open until the code was right"
        await one_code_did_it(door.here)
        result = door.last("mia", "12 of 12 approved.")
        assert json.dumps(result.blocks, ensure_ascii=False).count("· approved") == 12
        assert "3 requests wait" in await door.type("mia", "waiting")


async def test_on_teams(teams: FakeTeams, tmp_path: Path, clock: FixedClock) -> None:
    async with on_teams.doorward(teams, tmp_path, clock) as door:
        await door.here.sign_in("mia")
        await door.here.enrol("mia")
        await fifteen_wait(door.here.backend, FIRST)
        room = teams.personal(MIA)
        await door.type(MIA, "what waits for me?")
        dialog = _dialog(await door.press(MIA, "Approve several"))
        (boxes,) = [element for element in dialog["body"] if element["type"] == "Input.ChoiceSet"]
        assert (boxes["isMultiSelect"], len(boxes["choices"])) == (True, 15)
        signing = _dialog((await door.send(teams.submitted(MIA, room, dialog, ticked=TICKED))).json())
        said = json.dumps(signing["body"])
        assert "Approve 12 requests?" in json.dumps(signing) or "Approve 12 requests?" in said
        assert said.count("1 day") == 12
        answer = await door.send(teams.submitted(MIA, room, signing, code=door.here.code("mia")))
        assert answer.status_code == 200
        await one_code_did_it(door.here)
        result = next(item for item in door.posted(MIA)[::-1] if "12 of 12 approved." in on_teams.said(item))
        assert on_teams.said(result).count('· approved"}') == 12
        assert "3 requests wait" in await door.type(MIA, "waiting")


def _dialog(answer: Activity) -> Activity:
    shown: Activity = answer["task"]["value"]["card"]["content"]
    return shown
