"""Whatever leaves for Slack or Teams in whole journeys, searched for confidential amounts and kinds of leave."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.connectors.demo.backend import DemoBackend
from tests.fakes.clock import FixedClock
from tests.fakes.slack_server import FakeSlack
from tests.fakes.teams_server import JOHN, MIA, Answer, FakeTeams
from tests.fakes.world import World
from tests.functional import test_slack_end_to_end as on_slack
from tests.functional import test_teams_end_to_end as on_teams

KIND, NOTE = "Quarantine-xylophone", "migraine-xylophone"
AMOUNTS = ("7531975", "75319.75", "75,319.75", "75.319,75", "4862 ", "48.62", "48,62", "platinum-xylophone")
CANARIES = (KIND, NOTE, *AMOUNTS)


async def plant(backend: DemoBackend) -> None:
    """Amounts, a benefit's choice and a kind of leave that occur nowhere else."""

    def work(connection: Any) -> None:
        connection.execute("UPDATE leave_type SET name = ? WHERE id = 'sick'", (KIND,))
        connection.execute("UPDATE payslip SET gross_cents = 7531975, net_cents = 7531975")
        connection.execute("UPDATE payslip_line SET cents = 7531975")
        connection.execute("UPDATE benefit_choice SET employer_cents = 4862, employee_cents = 4862")
        connection.execute("UPDATE employee SET pay_cents = 7531975")
        connection.execute(
            "INSERT INTO leave (employee, type, start_on, end_on, portion, halves, state, note, created_at, approver)"
            " SELECT e.id, 'sick', '2026-12-14', '2026-12-15', 'full', 4, 'pending', ?, '2026-11-16T09:00:00+00:00',"
            " e.manager FROM employee e JOIN employee_called c ON c.employee = e.id WHERE c.called = 'john'",
            (NOTE,),
        )

    await backend._database.write(work)


@dataclass(kw_only=True)
class Wire:
    """One platform, by what people do there, and everything it was ever sent."""

    here: World
    type: Callable[[str, str], Awaitable[object]]
    press: Callable[[str, str], Awaitable[object]]
    submit: Callable[..., Awaitable[object]]
    """Fill the dialog that is open."""
    sent: Callable[[], str]
    newest: Callable[[str], str]
    """The last card somebody sees."""


@dataclass
class Overheard(FakeTeams):
    """A Teams that keeps every body it was ever sent: updates overwrite what stood there before."""

    bodies: list[str] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        self.bodies.append(body.decode())
        return super().answer(method, target, headers, body)


@asynccontextmanager
async def slack_wire(folder: Path, clock: FixedClock) -> AsyncIterator[Wire]:
    async with FakeSlack(now=clock).running() as slack:
        for account in on_slack.PEOPLE.values():
            slack.join(account)
        slack.channel("C1HR", *on_slack.PEOPLE.values())
        async with on_slack.doorward(slack, folder, clock) as door:
            answers: list[str] = []

            async def submit(_name: str, **values: str) -> None:
                view = [view for view in slack.views.values() if view.open][-1]
                answers.append((await door.send(slack.submission(view, **values))).text)

            def sent() -> str:
                views = [view.content for view in slack.views.values()]
                return json.dumps([slack.calls, views, answers], ensure_ascii=False, default=str)

            def newest(name: str) -> str:
                last = door.seen(name)[-1]
                return json.dumps([last.text, last.blocks], ensure_ascii=False)

            yield Wire(here=door.here, type=door.type, press=door.press, submit=submit, sent=sent, newest=newest)


@asynccontextmanager
async def teams_wire(folder: Path, clock: FixedClock) -> AsyncIterator[Wire]:
    people = {"john": JOHN, "mia": MIA}
    overheard = Overheard(now=clock)
    with overheard.running() as teams:
        for person in people.values():
            teams.personal(person)
        async with on_teams.doorward(teams, folder, clock) as door:
            answers: list[Any] = []

            async def type_(name: str, text: str) -> None:
                await door.type(people[name], text)

            async def press(name: str, label: str) -> None:
                room = teams.personal(people[name])
                posted = list(room.activities.items())
                number, found = next(
                    (key, item) for key, item in posted[::-1] if any(label in each for each in on_teams.labels(item))
                )
                room.activities[number] = room.activities.pop(number)  # the fake presses on the last card
                answers.append(await door.press(people[name], label))
                assert found

            async def submit(name: str, **values: str) -> None:
                dialog = answers[-1]["task"]["value"]["card"]["content"]
                room = teams.personal(people[name])
                answers.append((await door.send(teams.submitted(people[name], room, dialog, **values))).json())

            def sent() -> str:
                return "\n".join(overheard.bodies) + json.dumps(answers, ensure_ascii=False)

            def newest(name: str) -> str:
                return json.dumps(door.posted(people[name])[-1], ensure_ascii=False)

            yield Wire(here=door.here, type=type_, press=press, submit=submit, sent=sent, newest=newest)


async def on_our_page(wire: Wire, name: str) -> None:
    """The consent page of the newest card is passed, and the value is opened there."""
    found = re.findall(r"https://doorward\.example(/consent/[\w-]+)", wire.newest(name))
    assert found, wire.newest(name)
    answer = await wire.here.prove_on_page(name, found[-1])
    assert answer.continue_path is not None
    assert answer.continue_path.startswith("/view/")
    wire.here.clock.advance(timedelta(seconds=30))


async def sign(wire: Wire, name: str) -> None:
    await wire.submit(name, code=wire.here.code(name))
    wire.here.clock.advance(timedelta(seconds=30))


async def a_working_day(wire: Wire) -> None:
    """Everything that touches what is confidential, the wrong turns too."""
    here = wire.here
    await plant(here.backend)
    await wire.type("john", "my payslip")
    for name in ("john", "mia"):
        await here.sign_in(name)
        await here.enrol(name)
    for text in ("my payslip", "my benefits"):
        await wire.type("john", text)
        await on_our_page(wire, "john")
    for text in ("payslip of mia", "payslip of sarah", "benefits of mia", "my payslip for 2019-01"):
        await wire.type("john", text)
    await wire.type("john", "sick leave on 21 December")
    await wire.press("john", "Send request")
    for text in ("my leaves", "balance", "who is away", "waiting"):
        await wire.type("john", text)
    await wire.type("mia", "who is away in December")
    await wire.type("mia", "waiting")
    await wire.press("mia", "Approve several")
    await wire.submit("mia", ticked="0,1")
    await sign(wire, "mia")
    finished = await here.audit(type_prefix="effect.finished")
    leaves = {record.event.resource for record in finished if record.event.action == "ApproveLeave"}
    assert len(leaves) == 2, "both sick leaves were approved in one list"
    number = max(leaves).removeprefix("Leave::")
    await wire.type("mia", f"leaves show {number}")
    await wire.type("mia", f"leaves reopen {number} decided too early")
    await wire.press("mia", "Enter")
    await sign(wire, "mia")
    await wire.press("mia", "Refuse…")
    await sign(wire, "mia")
    await wire.type("john", "my leaves")
    await wire.press("john", "Cancel leave")
    await wire.press("john", "Cancel the leave")
    await wire.type("john", "my leaves")


@pytest.mark.requirement("92", "57")
@pytest.mark.parametrize("platform", [slack_wire, teams_wire], ids=["slack", "teams"])
async def test_no_amount_and_no_confidential_kind_of_leave_reaches_the_platform(
    platform: Callable[[Path, FixedClock], Any], tmp_path: Path, clock: FixedClock
) -> None:
    async with platform(tmp_path, clock) as wire:
        await a_working_day(wire)
        sent = wire.sent()
    assert sent.count("John Carver") > 10, "the search has something to look at"
    assert "21 Dec" in sent
    assert [canary for canary in CANARIES if canary in sent] == []
