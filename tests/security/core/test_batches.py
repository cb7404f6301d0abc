"""Attacks on a list that is signed with one proof: between ticking and consent, and between consent and each line."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.bootstrap.core import compose
from bot.domain.messages import EventKind
from bot.domain.proposal import ProposalState
from bot.domain.secret import Secret
from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed, DialogUpdate
from policy.cedar import load
from policy.sources import POLICIES
from tests.fakes.world import World
from tests.functional.test_batches import decided, lines, tick, ticking, wait
from tests.security.core.attack import Wrapped, unmatched, with_hr

pytestmark = pytest.mark.requirement("61")


async def consented(here: World, count: int = 3, positions: str = "0,1,2") -> None:
    """Sarah has the dialog open that asks for the code of her list."""
    await wait(here, count)
    await ticking(here)
    assert isinstance(await tick(here, positions), DialogUpdate)


async def at_hr(here: World, statement: str, *values: object) -> None:
    """Something happens in the HR system itself."""
    await here.backend._database.write(lambda connection: connection.execute(statement, values))


async def state_at_hr(here: World, leave: str) -> str:
    """The state of a request there."""
    statement = "SELECT state FROM leave WHERE id = ?"
    return await here.backend._database.read(
        lambda connection: str(connection.execute(statement, (leave,)).fetchone()[0])
    )


def told(here: World) -> list[str]:
    """What became of each line, as the result says."""
    card = here.last("sarah", "approved.").card
    return [fact.value.rpartition(" · ")[2] for fact in card.facts]


@pytest.mark.requirement("57")
async def test_a_line_whose_facts_changed_after_the_consent_is_void_alone_and_told(here: World) -> None:
    await consented(here)
    second = (await lines(here))[1].action.resource.id
    await at_hr(here, "UPDATE leave SET version = version + 1, end_on = start_on WHERE id = ?", second)
    assert await here.submit_code("sarah", here.code("sarah")) == DialogClosed()
    assert [word == "approved" for word in told(here)] == [True, False, True]
    assert "changed" in told(here)[1]
    assert await decided(here) == {"done": 2}
    assert "3 requests" not in await here.say("sarah", "waiting")


async def test_a_line_the_person_may_no_longer_decide_is_left_out_and_told(here: World) -> None:
    await consented(here)
    first = (await lines(here))[0].action.resource.id
    mine = "UPDATE leave SET employee = (SELECT employee FROM employee_called WHERE called = 'sarah') WHERE id = ?"
    await at_hr(here, mine, first)  # the HR system now says it is her own
    await here.submit_code("sarah", here.code("sarah"))
    assert [word == "approved" for word in told(here)] == [False, True, True]
    assert await decided(here) == {"done": 2}


async def test_ones_own_request_slipped_into_the_list_never_comes_to_the_consent(here: World) -> None:
    await wait(here)
    await ticking(here)
    await at_hr(
        here, "UPDATE leave SET employee = (SELECT employee FROM employee_called WHERE called = 'sarah')"
        " WHERE number = (SELECT min(number) FROM leave WHERE state = 'pending' AND start_on LIKE '2026-12-07%')",
    )  # fmt: skip
    await tick(here, "0,1,2")
    signing = here.chat.dialogs["view"]
    assert signing.title == "Approve 2 requests?"
    assert any("Nobody decides on their own request" in fact.value for fact in signing.signed)
    await here.submit_code("sarah", here.code("sarah"))
    assert await decided(here) == {"done": 2}


async def test_more_than_policy_allows_at_once_is_asked_to_be_less(here: World, tmp_path: Path) -> None:
    await wait(here)
    fewer = tmp_path / "policies"
    fewer.mkdir()
    for source in POLICIES.glob("*.cedar"):
        (fewer / source.name).write_text(source.read_text().replace('@batch("20")', '@batch("2")'))
    strict = replace(here, core=compose(replace(here.core.outside, engine=load(fewer))))
    await ticking(strict)
    answer = await tick(strict, "0,1,2")
    assert isinstance(answer, DialogUpdate)
    assert "At most 2 at once" in answer.dialog.fields[0].error
    assert not await here.audit(type_prefix="proof.")
    assert isinstance(await tick(strict, "0,2"), DialogUpdate)
    await strict.submit_code("sarah", here.code("sarah"))
    assert await decided(here) == {"done": 2}


async def test_what_policy_no_longer_lets_into_a_list_is_told_to_be_decided_singly(here: World, tmp_path: Path) -> None:
    await wait(here)
    single = tmp_path / "policies"
    single.mkdir()
    for source in POLICIES.glob("*.cedar"):
        (single / source.name).write_text(source.read_text().replace('@batch("20")\n', ""))
    strict = replace(here, core=compose(replace(here.core.outside, engine=load(single))))
    await ticking(strict)
    await tick(strict, "0,1")
    assert "decided by itself" in here.last("sarah", "Nothing of what was ticked").text
    assert not await decided(here)


@pytest.mark.requirement("32", "17")
async def test_one_code_twenty_times_over_two_replicas_does_every_line_once(replicas: tuple[World, World]) -> None:
    one, _ = replicas
    await consented(one, 8, ",".join(map(str, range(8))))
    handle, code = one.chat.dialogs["view"].handle, one.code("sarah")
    answers = await asyncio.gather(
        *(
            replicas[turn % 2].core.ingress.submit_code(
                one.message("sarah", EventKind.SUBMISSION, handle=handle), Secret(code)
            )
            for turn in range(20)
        ),
        return_exceptions=True,
    )
    for world in replicas:
        await world.core.ingress.drain(20)
    assert answers.count(DialogClosed()) == 1
    assert await decided(one) == {"done": 8}
    assert len(await one.audit(type_prefix="batch.consented")) == 1
    assert not await unmatched(one)


@pytest.mark.requirement("17", "79")
async def test_the_same_consented_list_taken_up_on_both_replicas_does_every_line_once(
    replicas: tuple[World, World],
) -> None:
    one, two = replicas
    await consented(one, 6, ",".join(map(str, range(6))))
    whole = await one.database.read(lambda tx: _whole_of(tx, one))

    async def crash() -> None:
        raise SystemError("the process is gone")

    crashed = with_hr(one, Wrapped(one.backend.hr, "decide_leave", before=crash))
    await crashed.submit_code("sarah", one.code("sarah"))
    resumed = one.message("sarah", EventKind.RESUME, fields={"proposal": whole})
    await asyncio.gather(one.core.ingress.resume(resumed), two.core.ingress.resume(replace(resumed, event_id="other")))
    done = await decided(one)
    assert done["done"] <= 6
    one.clock.advance(timedelta(seconds=61))
    await one.core.ingress.take_over()
    await one.core.reconciling.run()
    assert not await unmatched(one)
    approved = [record.event.resource for record in await one.audit(type_prefix="effect.intended")
                if record.event.action == "ApproveLeave"]  # fmt: skip
    assert len(approved) == len(set(approved)), "no line has two effects"


def _whole_of(tx: Transaction, here: World) -> str:
    found = tx.interactions.find(here.chat.dialogs["view"].handle, now=here.clock.now())
    assert found is not None
    return str(found.payload["proposal"])


@pytest.mark.requirement("79")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_between_two_lines_it_goes_on_and_doubles_nothing(here: World, when: str) -> None:
    await consented(here, 6, "0,1,2,3,4,5")
    before = await lines(here)
    calls = 0

    async def crash() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise SystemError("the process is gone")

    hr = Wrapped(here.backend.hr, "decide_leave", **{when: crash})
    await with_hr(here, hr).submit_code("sarah", here.code("sarah"))
    here.clock.advance(timedelta(seconds=61))
    await here.core.ingress.take_over()
    await here.core.reconciling.run()
    await here.core.reconciling.run()
    assert not await unmatched(here)
    keys = [call.idempotency_key for _, call in hr.calls]
    assert len(keys) == len(set(keys))
    after = await here.database.read(lambda tx: [tx.proposals.find(line.id) for line in before])
    assert {line.state for line in after if line} == {ProposalState.SPENT}
    # Where the call never reached the HR system the line stays open there.
    open_there = [await state_at_hr(here, line.action.resource.id) for line in before].count("pending")
    assert open_there == (1 if when == "before" else 0)
    result = told(here)
    assert result.count("approved") >= 4
    assert len(result) == 6


@pytest.mark.requirement("91")
async def test_a_list_grown_by_hand_in_the_database_is_an_alarm(here: World, tmp_path: Path) -> None:
    await consented(here)
    with closing(sqlite3.connect(tmp_path / "world.db", timeout=5)) as raw, raw:
        assert raw.execute("UPDATE proposals SET until = until + 600000000").rowcount
    await here.submit_code("sarah", here.code("sarah"))
    assert not await decided(here)


@pytest.mark.requirement("55")
@pytest.mark.parametrize("what", ["lock", "sign_out", "void"])
async def test_what_ends_after_the_consent_ends_every_line(here: World, what: str) -> None:
    await consented(here)

    def change(tx: Transaction) -> None:
        if what == "lock":
            person = tx.persons.find(here.identity("sarah"))
            assert person is not None
            tx.persons.save(replace(person, locked=True, lock_reason="left"))
        elif what == "sign_out":
            tx.sessions.end(here.channel("sarah"))
        else:
            tx.proposals.void_all(here.identity("sarah"))

    await here.database.write(change)
    await here.submit_code("sarah", here.code("sarah"))
    assert not await decided(here)
