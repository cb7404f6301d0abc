"""Two served processes answer everything while a third rotates the keys and is killed half way."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.identity import Issuer, LinkedIdentity, Role, RoleGrant, Subject
from bot.ports.database import Transaction
from storage.crypto import Keyring, Purpose
from tests.reliability.company import Member, members
from tests.reliability.replicas import DOORWARD, ROOT, key_file
from tests.reliability.stage import Stage, stage

ROTATE = (*DOORWARD[:-1], "keys", "rotate", "--wait", "60")
RELOAD = {"DOORWARD_KEYS__RELOAD_SECONDS": "1"}
QUESTION = "how many days of leave do I have?"
ANSWER_SECONDS = 60.0
PAUSE_SECONDS = 1.1
"""Nobody asks more than the limiter lets them."""


@dataclass(slots=True, kw_only=True)
class Talk:
    """Everybody asks again and again, each delivery four times over both processes."""

    on: Stage
    over: asyncio.Event = field(default_factory=asyncio.Event)
    wrong: list[str] = field(default_factory=list)
    asked: int = 0

    async def one(self, who: Member) -> None:
        slack = self.on.slack
        while not self.over.is_set():
            self.on.campaign.expected[who.account] += 1
            await self.on.courier.deliver("message", slack.typed(who.account, QUESTION))
            if not await slack.until(lambda: self._answered(who), ANSWER_SECONDS):
                self.wrong.append(f"{who.name}: no answer")
            self.asked += 1
            await asyncio.sleep(PAUSE_SECONDS)
        await self.on.courier.settled()
        self.wrong += [one.text for one in slack.seen_by(who.account) if " days" not in one.text]

    def _answered(self, who: Member) -> bool:
        return len(self.on.slack.seen_by(who.account)) >= self.on.campaign.expected[who.account]


def fill(count: int) -> object:
    """So many rows that a rotation is still at work when it is killed."""

    def work(tx: Transaction) -> None:
        for number in range(count):
            somebody = LinkedIdentity(issuer=Issuer("https://id.example"), subject=Subject(f"n{number}"))
            grant = RoleGrant(
                id=f"r{number:05}", identity=somebody, role=Role.EMPLOYEE, scope="", granted_by="x",
                granted_at=datetime.now(UTC),
            )  # fmt: skip
            tx.roles.insert(grant)

    return work


async def rotating(on: Stage) -> asyncio.subprocess.Process:
    environ = {**on.replicas[0].settings, "PATH": "/usr/bin:/bin", "HOME": str(on.folder), "PYTHONPATH": str(ROOT)}
    return await asyncio.create_subprocess_exec(*ROTATE, env=environ, stderr=subprocess.PIPE)


async def half_way(on: Stage, process: asyncio.subprocess.Process, rows: int) -> None:
    """Wait until some of the rows are under the new key, and not all."""
    use = f"{Purpose.ROW_MAC}:{old_keys(on)[Purpose.ROW_MAC]}"
    while process.returncode is None:
        left = (await on.database.read(lambda tx: tx.keys.use())).get(use, 0)
        if left < rows // 2:
            assert left, "it was through before it could be killed"
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it was through before it could be killed")


def old_keys(on: Stage) -> dict[Purpose, str]:
    """Those this process was opened with: it never looks again."""
    keys: Keyring = on.database._vault.keys  # type: ignore[attr-defined]  # as an attacker of the tests has them
    return {purpose: keys.newest(purpose).id for purpose in (Purpose.SEAL, Purpose.ROW_MAC)}


async def rotated_under_way(on: Stage, rows: int) -> Talk:
    """Rotate, kill it half way, rotate again, and let everybody talk on for a moment with the old keys gone."""
    old, talk = old_keys(on), Talk(on=on)
    await on.database.write(fill(rows))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        for member in members(on.pairs):
            group.create_task(talk.one(member))
        killed = await rotating(on)
        await half_way(on, killed, rows)
        killed.kill()
        await killed.wait()
        again = await rotating(on)
        _, told = await again.communicate()
        talk.over.set()
    assert again.returncode == 0, told.decode()
    assert "An earlier rotation was not at its end" in told.decode()
    ring = key_file(on.folder).load()
    for purpose, key in old.items():
        assert ring.newest(purpose).id != key
    return talk


@pytest.mark.chaos
@pytest.mark.postgres
@pytest.mark.requirement("27")
@pytest.mark.timeout(600)
async def test_two_processes_miss_nothing_while_a_third_rotates_the_keys(tmp_path: Path, postgres_url: str) -> None:
    async with stage(tmp_path, postgres_url, pairs=3, more=RELOAD) as on:
        talk = await rotated_under_way(on, 2000)
        more, fewer = on.campaign.replies()
    assert (talk.wrong, more, fewer) == ([], [], [])
    assert talk.asked > 2 * len(on.pairs)
