"""Every delivery four times over two processes that are killed and started again: no second effect, no second reply."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.reliability import record
from tests.reliability.campaign import doubled_effects, kill_one, killing, meanwhile, unaudited
from tests.reliability.company import leaves, written
from tests.reliability.courier import COPIES, Courier, session
from tests.reliability.replicas import replicas
from tests.reliability.stage import SEED, Stage, advancing, progress, stage, take_over
from tests.reliability.workspace import WatchedSlack

A_DAY = 12
"""Deliveries of one pair in one round."""
DELIVERIES = int(os.environ.get("DOORWARD_TEST_DELIVERIES", "10000"))
"""Fewer for a shorter run, whose numbers are written nowhere."""
FULL = 10_000
FULL_SECONDS = 1440.0
"""After this nobody begins another day: a slower machine fails for its counts, and does not run into the night."""
AT_ONCE = 20
"""Days that go on at once, each delivery four times: enough to keep two processes busy, and no test of overload."""
ROUNDS = 2
KILLS_EVERY = (3.0, 8.0)
"""Seconds between one process that is up again and the next that is killed."""
SPARE = 10
"""Pairs beyond those that the deliveries take, for days that are broken off."""
BOLT = ("-m", "tests.reliability.bolt")
KINDS = ("message", "command", "press", "submission")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a campaign; everything but the counts has to be empty."""

    deliveries: Counter[str]
    more: list[str]
    fewer: list[str]
    doubled: list[str]
    unaudited: list[str]
    leaves: list[str]
    faults: list[str]
    given_up: list[str]
    seconds: float
    records: int
    writes: int


async def campaign(
    on: Stage, killer: Callable[[asyncio.Event], Coroutine[Any, Any, None]], *, rounds: int, at_once: int
) -> Outcome:
    """Run it to its end, and look at everything."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    with progress("deliveries, four times each", len(on.pairs) * rounds * A_DAY) as bar:
        advancing(on, bar)
        async with meanwhile(killer):
            await on.campaign.run(on.pairs, rounds=rounds, at_once=at_once)
    seconds = loop.time() - since
    await take_over(on)
    records = await on.records()
    more, fewer = on.campaign.replies()
    outcome = Outcome(
        deliveries=on.courier.deliveries,
        more=more,
        fewer=fewer,
        doubled=doubled_effects(records),
        unaudited=unaudited(records),
        leaves=await asyncio.to_thread(_wrong_leaves, on),
        faults=await on.verified(),
        given_up=on.campaign.given_up,
        seconds=seconds,
        records=len(records),
        writes=await asyncio.to_thread(written, on.hr),
    )
    found: dict[str, object] = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
    record.keep(on.folder, "outcome", found | {"conversations": _conversations(on, outcome)})
    return outcome


def _conversations(on: Stage, outcome: Outcome) -> dict[str, dict[str, list[str]]]:
    """What stands in the conversations and dialogs of whoever has to do with what is not as it is to be."""
    found = re.findall(r"[aAbB](\d+)\b", " ".join((*outcome.more, *outcome.fewer, *outcome.leaves, *outcome.given_up)))
    accounts = [f"U{letter}{number}" for number in sorted(set(found), key=int) for letter in "AB"]
    return {
        account: {
            "messages": [message.text for message in on.slack.all_by(account)],
            "dialogs": [json.dumps(view.content) for view in on.slack.views.values() if view.user == account],
        }
        for account in accounts
    }


def _wrong_leaves(on: Stage) -> list[str]:
    """Requests in the HR system that are there twice, were never asked for, or are not there although acknowledged."""
    found = {(employee, day): (state, count) for employee, day, state, count in leaves(on.hr)}
    asked = {(employee, _day(day)) for employee, day in on.campaign.asked}
    approved = {(employee, _day(day)) for employee, day in on.campaign.approved}
    return [
        *(f"{name}: {count} times" for name, (_, count) in found.items() if count != 1),
        *(f"{name}: nobody asked" for name in found.keys() - asked),
        *(f"{name}: lost" for name in asked - found.keys()),
        *(f"{name}: not approved" for name in approved if found.get(name, ("", 0))[0] != "approved"),
        *(
            f"{name}: approved by nobody"
            for name, (state, _) in found.items()
            if state == "approved" and name not in approved
        ),
    ]


def _day(text: str) -> str:
    return datetime.strptime(f"{text} {datetime.now(UTC).year}", "%d %B %Y").date().isoformat()  # noqa: DTZ007 - a day has no zone


def assert_clean(outcome: Outcome) -> None:
    """Nothing twice, nothing lost, everything written down and provable."""
    assert outcome.doubled == []
    assert outcome.leaves == []
    assert outcome.more == [], "a second reply"
    assert outcome.unaudited == []
    assert outcome.faults == []
    assert outcome.fewer == [], "a reply that did not come"


@pytest.mark.chaos
@pytest.mark.postgres
@pytest.mark.requirement("4", "79")
@pytest.mark.timeout(600)
async def test_deliveries_four_times_over_two_processes_and_a_kill(tmp_path: Path, postgres_url: str) -> None:
    async with stage(tmp_path, postgres_url, pairs=6) as on:
        outcome = await campaign(on, lambda _over: kill_one(on.replicas, 1.0), rounds=1, at_once=6)
        assert sum(replica.kills for replica in on.replicas) == 1
        assert on.courier.copies >= COPIES * sum(outcome.deliveries.values())
    assert set(outcome.deliveries) == set(KINDS)
    assert_clean(outcome)


@pytest.mark.chaos
@pytest.mark.postgres
@pytest.mark.requirement("4", "79")
@pytest.mark.timeout(5400)
async def test_ten_thousand_deliveries_four_times_over_two_processes(tmp_path: Path, postgres_url: str) -> None:
    async with stage(tmp_path, postgres_url, pairs=math.ceil(DELIVERIES / ROUNDS / A_DAY) + SPARE) as on:
        on.campaign.budget = FULL_SECONDS
        random = Random(SEED)
        outcome = await campaign(
            on,
            lambda over: killing(on.replicas, random, every=KILLS_EVERY, most=1000, over=over),
            rounds=ROUNDS,
            at_once=AT_ONCE,
        )
        total, kills = sum(outcome.deliveries.values()), sum(replica.kills for replica in on.replicas)
        bare = await _bare_bolt(tmp_path, deliveries=total, kills=kills, seconds=outcome.seconds)
        lines = _lines(on, outcome, bare)
        record.show(lines)
        if total >= FULL:
            record.write("deliveries", lines)
    assert_clean(outcome)
    assert total >= DELIVERIES
    assert bare.doubled > 0


def _lines(on: Stage, outcome: Outcome, bare: Bare) -> list[tuple[str, object]]:
    """What was measured, for the page."""
    total, kills = sum(outcome.deliveries.values()), sum(replica.kills for replica in on.replicas)
    answers, did = on.courier.answers, on.campaign
    other = {status: count for status, count in answers.items() if status not in (200, 503, 0)}
    return [
        ("deliveries, each sent four times", f"{total:,} ({_by_kind(outcome.deliveries)})"),
        ("requests sent", f"{on.courier.copies:,}"),
        ("answered 200 / 503 / not at all (process dead)", " / ".join(f"{answers[n]:,}" for n in (200, 503, 0))),
        ("other answers", str(other or "none")),
        ("kill -9 of a process, and restart", kills),
        ("slowest acknowledgement", f"{on.courier.slowest:.2f} s"),
        ("duration", f"{outcome.seconds / 60:.1f} min, {total / outcome.seconds:.1f} deliveries a second"),
        ("writes in the HR system", f"{outcome.writes:,}"),
        ("audit records", f"{outcome.records:,}"),
        ("**done twice**", len(outcome.doubled)),
        ("**requests in HR twice, lost or not as the person was told**", len(outcome.leaves)),
        ("**effects without intent and outcome in the audit log**", len(outcome.unaudited)),
        ("**conversations with a reply too many / too few**", f"{len(outcome.more)} / {len(outcome.fewer)}"),
        ("told “it was not done, ask again”, and asked again", sum(did.asked_again.values()) + did.told_on_card),
        ("slowest answer, after a kill", f"{did.slowest:.0f} s; {did.late} later than two minutes"),
        ("acknowledged, and not answered within 150 s", len(outcome.given_up)),
        ("pressed again: told to, or the dialog gone with its process", did.pressed_again),
        ("`audit verify --state`", "clean" if not outcome.faults else f"{len(outcome.faults)} faults"),
        ("**bare Bolt, same courier, kills and counts: run more than once**", f"{bare.doubled:,} of {bare.total:,}"),
        ("bare Bolt: acknowledged and never run", f"{bare.lost:,}"),
    ]


def _by_kind(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]:,} {kind}{'es' if kind == 'press' else 's'}" for kind in KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """What bare Bolt did of as many deliveries."""

    total: int
    doubled: int
    lost: int


async def _bare_bolt(folder: Path, *, deliveries: int, kills: int, seconds: float) -> Bare:
    """The same courier brings as many deliveries to two bare Bolt processes, killed as often."""
    home = folder / "bolt"
    home.mkdir()
    database = home / "effects.db"
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("CREATE TABLE effects (event TEXT)")
    slack = WatchedSlack(now=lambda: datetime.now(UTC))
    sent: list[str] = []
    async with slack.running():
        settings = {"BOLT_API": slack.api_base_url, "BOLT_DATABASE": str(database)}
        async with replicas(home, settings, command=(sys.executable, *BOLT)) as both, session() as client:
            courier = Courier(slack=slack, to=both, session=client, random=Random(SEED))
            pause = max(0.5, seconds / max(1, kills) * deliveries / 40_000)
            random = Random(SEED)
            with progress("the same with bare Bolt", deliveries) as bar:
                courier.advance = lambda: bar.advance(bar.task_ids[0])
                async with meanwhile(
                    lambda over: killing(both, random, every=(pause / 2, pause), most=kills, over=over)
                ):
                    await _deliver(courier, slack, deliveries, sent)
            await slack.until(lambda: False, 2.0)  # what Bolt does after its answer
    with closing(sqlite3.connect(database)) as raw:
        done = Counter(event for (event,) in raw.execute("SELECT event FROM effects"))
    return Bare(total=deliveries, doubled=sum(count > 1 for count in done.values()), lost=len(set(sent) - done.keys()))


async def _deliver(courier: Courier, slack: WatchedSlack, deliveries: int, sent: list[str]) -> None:
    gate = asyncio.Semaphore(64)
    person = slack.join("UBARE")

    async def one(number: int) -> None:
        async with gate:
            kind = KINDS[number % len(KINDS)]
            payload = _simple(slack, person, kind)
            sent.append(payload["event_id"] if kind == "message" else payload["trigger_id"])
            await courier.deliver(kind, payload)

    async with asyncio.TaskGroup() as group:
        for number in range(deliveries):
            group.create_task(one(number))
    await courier.settled()


def _simple(slack: WatchedSlack, person: str, kind: str) -> dict[str, Any]:
    if kind == "message":
        return slack.typed(person, "balance")
    if kind == "command":
        return slack.command(person, "balance")
    trigger, team = slack.trigger(person), {"id": "T0COMPANY", "domain": "company"}
    shared: dict[str, Any] = {"user": {"id": person, "team_id": team["id"]}, "team": team, "trigger_id": trigger}
    shared |= {"api_app_id": "A0DOORWARD", "token": "unused", "is_enterprise_install": False, "enterprise": None}
    if kind == "press":
        action = {"type": "button", "action_id": "go", "block_id": "b", "value": "v", "action_ts": "1.1"}
        channel = {"id": slack.direct(person), "name": "x"}
        return shared | {
            "type": "block_actions",
            "actions": [action],
            "channel": channel,
            "container": {"type": "message"},
        }
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": "form",
        "state": {"values": {}},
        "blocks": [],
        "team_id": team["id"],
    }
    return shared | {"type": "view_submission", "view": view}
