"""Keys change while messages go on, on two replicas, through a kill half way; and a key service that is away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.bootstrap.core import compose
from bot.bootstrap.outside import SystemClock
from bot.bootstrap.waiting import WaitingForKeys
from bot.domain.identity import Issuer, LinkedIdentity, Role, RoleGrant, Subject
from bot.errors import KeysUnavailable, Misconfigured
from bot.ports.database import Transaction
from bot.ports.keys import KeysHeld
from bot.services.audit_trail import Scribe
from bot.services.key_keeping import KeyKeeper, seen_within
from bot.services.key_rotation import Pause, Rotation
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.key_file import FileRotation, InTheClear, KeyFile, LiveKeys
from tests.fakes.clock import FixedClock
from tests.fakes.shell import Shell, link
from tests.fakes.world import World, world

ROWS = 1_200
"""So many that a rotation is still at work when it is killed."""
LOOK_SECONDS = 0.1
CLOCK = SystemClock()


def key_file(folder: Path) -> KeyFile:
    return KeyFile(folder / "keys.json", InTheClear(), clock=CLOCK.now)


def fill(tx: Transaction, now: datetime) -> None:
    for number in range(ROWS):
        somebody = LinkedIdentity(issuer=Issuer("https://id.example"), subject=Subject(f"n{number}"))
        role = RoleGrant(
            id=f"r{number:05}", identity=somebody, role=Role.EMPLOYEE, scope="", granted_by="x", granted_at=now
        )
        tx.roles.insert(role)


@asynccontextmanager
async def kept(here: World, keys: LiveKeys, name: str) -> AsyncIterator[KeyKeeper]:
    """A replica that looks after its keys, as the ticker would have it do."""
    keeper = KeyKeeper(database=here.database, clock=CLOCK, keys=keys, name=name, every_seconds=1)

    async def keep() -> None:
        while True:
            await keeper.run()
            await asyncio.sleep(LOOK_SECONDS)

    await keeper.run()
    task = asyncio.create_task(keep())
    try:
        yield keeper
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await keeper.leave()


async def talk(here: World, name: str, failures: list[str], until: asyncio.Event) -> int:
    """Somebody asks again and again; what is answered wrongly is a failure."""
    asked = 0
    while not until.is_set():
        here.clock.advance(timedelta(seconds=4))  # nobody asks more than the limiter lets them
        answer = await here.say(name, "balance")
        asked += 1
        if " days" not in answer or "Reference" in answer:
            failures.append(answer)
        await asyncio.sleep(0.01)
    return asked


async def rotating(url: str, folder: Path) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "bot", "keys", "rotate", "--wait", "60"]
    return await asyncio.create_subprocess_exec(*command, env=environ(url, folder), stderr=subprocess.PIPE)


def environ(url: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DOORWARD_DATABASE_URL": url,
        "DOORWARD_KEYS__FILE": str(folder / "keys.json"),
        "DOORWARD_KEYS__RELOAD_SECONDS": "1",
    }


async def half_way(here: World, process: asyncio.subprocess.Process) -> int:
    """Wait until the rotation has put some of the rows under the new key, and not all."""
    while process.returncode is None:
        done = ROWS - await here.database.read(lambda tx: tx.keys.older("role_grants"))
        if 0 < done < ROWS:
            return done
        await asyncio.sleep(0.01)
    raise AssertionError("it was through before it could be killed")


@pytest.mark.requirement("27")
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_messages_go_on_while_keys_rotate_through_a_kill_half_way(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock
) -> None:
    url = request.getfixturevalue("postgres_url") if engine == "postgres" else f"sqlite:///{tmp_path / 'world.db'}"
    Keyring.generate().save(tmp_path / "keys.json")
    here_keys, there_keys = LiveKeys.of(key_file(tmp_path)), LiveKeys.of(key_file(tmp_path))
    old = {purpose: here_keys.ring.newest(purpose).id for purpose in (Purpose.SEAL, Purpose.ROW_MAC)}
    async with world(tmp_path, clock, url=url, keys=here_keys.ring) as here:
        other = open_database(url, keys=there_keys.ring)
        there = replace(here, core=compose(replace(here.core.outside, database=other)), database=other)
        await here.sign_in("john")
        await here.sign_in("mia")
        await here.database.write(lambda tx: fill(tx, clock.now()))
        failures: list[str] = []
        through = asyncio.Event()
        async with kept(here, here_keys, "one"), kept(there, there_keys, "two"):
            talks = [
                asyncio.create_task(talk(here, "john", failures, through)),
                asyncio.create_task(talk(there, "mia", failures, through)),
            ]
            killed = await rotating(url, tmp_path)
            await half_way(here, killed)
            killed.kill()
            _, told = await killed.communicate()
            assert killed.returncode == -9, told.decode()
            assert await here.database.read(lambda tx: tx.keys.older("role_grants")) > 0
            again = await rotating(url, tmp_path)
            _, told = await again.communicate()
            assert again.returncode == 0, told.decode()
            assert "An earlier rotation was not at its end" in told.decode()
            use = await here.database.read(lambda tx: tx.keys.use())
            assert not [name for name in use if name in {f"{purpose}:{key}" for purpose, key in old.items()}]
            file = key_file(tmp_path)
            with file.alone():
                rotation = FileRotation(file, file.load())
                for purpose, key in old.items():
                    rotation.remove(purpose.value, key)
            through.set()
            counts = await asyncio.gather(*talks)
        assert failures == []
        assert min(counts) > 3
        for keys in (here_keys, there_keys):
            keys.refresh()
            assert keys.ring.newest(Purpose.SEAL).id != old[Purpose.SEAL]
            assert len(keys.ring.of(Purpose.SEAL)) == 1
        assert "14 days" in await here.say("john", "balance")
        await other.close()


def rotation_of(here: World, folder: Path, ring: Keyring, told: list[str], pause: Pause) -> Rotation:
    return Rotation(
        database=here.database,
        clock=here.clock,
        keys=FileRotation(key_file(folder), ring),
        pause=pause,
        scribe=Scribe(time=here.clock.now(), channel="shell", correlation="test"),
        seen_within=seen_within(5),
        patience=timedelta(seconds=60),
        tell=told.append,
    )


def saying(here: World, held: Callable[[], KeysHeld]) -> Pause:
    """A second passes, in which a replica says what it holds."""

    async def pause(seconds: float) -> None:
        here.clock.advance(timedelta(seconds=1))
        keys, now = held(), here.clock.now()
        await here.database.write(lambda tx: tx.keys.report("deaf", keys, now=now))

    return pause


@pytest.mark.requirement("27")
async def test_nobody_writes_with_a_key_before_everybody_can_read_it(tmp_path: Path, clock: FixedClock) -> None:
    Keyring.generate().save(tmp_path / "keys.json")
    live = LiveKeys.of(key_file(tmp_path))
    async with world(tmp_path, clock, keys=live.ring) as here:
        await here.sign_in("john")
        deaf = live.held()
        await here.database.write(lambda tx: tx.keys.report("deaf", deaf, now=clock.now()))
        ring, told = key_file(tmp_path).load(), list[str]()
        step = rotation_of(here, tmp_path, ring, told, saying(here, lambda: deaf))
        with pytest.raises(Misconfigured) as refused:
            await step.run(["seal"], lambda done, total: None, older_until=None)
        assert "deaf" in refused.value.detail
        assert "Waiting for 1 of 1" in told[0]
        assert ring.standby(Purpose.SEAL) is not None
        assert f"seal:{key_file(tmp_path).load().newest(Purpose.SEAL).id}" in deaf.writes
        # Given the file, it takes the key in, and the same command goes on from there.
        again = rotation_of(here, tmp_path, ring, told, saying(here, live.refresh))
        done = await again.run(["seal"], lambda done, total: None, older_until=None)
        assert done.promoted == (f"seal:{ring.newest(Purpose.SEAL).id}",)
        assert done.broken == 0
        codes = [record.event.code for record in reversed(await here.audit(type_prefix="keys."))]
        assert codes == ["keys.added", "keys.promoted", "keys.rewritten"]


@pytest.mark.requirement("27")
async def test_a_replica_that_died_holds_a_rotation_up_only_until_that_is_certain(
    tmp_path: Path, clock: FixedClock
) -> None:
    Keyring.generate().save(tmp_path / "keys.json")
    live = LiveKeys.of(key_file(tmp_path))
    async with world(tmp_path, clock, keys=live.ring) as here:
        dead, now = live.held(), clock.now()
        await here.database.write(lambda tx: tx.keys.report("dead", dead, now=now))
        waited: list[float] = []

        async def pause(seconds: float) -> None:
            waited.append(seconds)
            clock.advance(timedelta(seconds=1))

        step = rotation_of(here, tmp_path, live.ring, [], pause)
        assert (await step.run(["seal"], lambda done, total: None, older_until=None)).promoted
        assert len(waited) <= seen_within(5).seconds + 1


def test_the_shell_rotates_lists_and_removes(shell: Shell) -> None:
    shell.write(lambda tx: tx.links.insert(link()))
    before = {(row["purpose"], row["id"]): row for row in shell.json("keys", "list")}
    assert all(row["state"] == "writes" for row in before.values())
    (old,) = [key for purpose, key in before if purpose == "row_mac"]
    assert before["row_mac", old]["rows"] == 1
    done = shell("keys", "rotate")
    assert done.exit_code == 0, done.stderr
    new = dict(line.split(":") for line in done.stdout.split())
    assert set(new) == {"seal", "row_mac"}
    after = {(row["purpose"], row["id"]): row for row in shell.json("keys", "list")}
    assert (after["row_mac", old]["state"], after["row_mac", old]["rows"]) == ("reads", 0)
    assert (after["row_mac", new["row_mac"]]["state"], after["row_mac", new["row_mac"]]["rows"]) == ("writes", 1)
    refused = shell("keys", "remove", "row_mac", new["row_mac"])
    assert refused.exit_code == 2
    assert "rotate first" in refused.stderr
    removed = shell("keys", "remove", "row_mac", old)
    assert removed.exit_code == 0, removed.stderr
    assert ("row_mac", old) not in {(row["purpose"], row["id"]) for row in shell.json("keys", "list")}
    assert shell("links", "list").exit_code == 0
    secret = (shell.folder / "keys.json").read_text().split('"secret": "')[1].split('"')[0]
    for result in (done, removed, shell("keys", "list")):
        assert secret not in result.output


def test_a_known_key_is_replaced_for_every_purpose_and_the_older_ones_go(shell: Shell) -> None:
    shell.write(lambda tx: tx.links.insert(link()))
    before = {row["id"] for row in shell.json("keys", "list")}
    done = shell("keys", "rotate", "--compromised")
    assert done.exit_code == 0, done.stderr
    after = {row["id"] for row in shell.json("keys", "list")}
    assert not before & after
    assert len(after) == len(Purpose)
    assert shell("links", "list").exit_code == 0


def test_under_a_known_key_nothing_is_signed_anew_that_the_log_does_not_know(shell: Shell) -> None:
    shell.write(lambda tx: tx.links.insert(link()))
    shell.sql("DELETE FROM links")
    refused = shell("keys", "rotate", "--compromised")
    assert refused.exit_code == 2
    assert "audit verify --state" in refused.stderr


@pytest.mark.parametrize("name", ["DOORWARD_KEYS__KEY", "DOORWARD_KEYS__SEAL", "DOORWARD_KEYS__AWS_KMS__SECRET"])
def test_no_key_is_taken_from_the_environment(shell: Shell, name: str) -> None:
    refused = shell("keys", "list", **{name: "hex"})
    assert refused.exit_code == 2
    assert "never taken from the environment" in refused.stderr


def test_the_help_teaches(shell: Shell) -> None:
    told = shell("keys", "--help").stdout
    assert "keys rotate" in told
    assert "docs/keys.md" in told
    assert "--compromised" in shell("keys", "rotate", "--help").stdout


@pytest.mark.requirement("26")
async def test_while_the_key_service_is_away_everything_is_refused_and_then_served() -> None:
    tries: list[str] = []

    @asynccontextmanager
    async def start() -> AsyncIterator[ASGIApp]:
        tries.append("once")
        if len(tries) < 3:
            raise KeysUnavailable("away")
        yield Starlette(routes=[Route("/slack/events", lambda _: PlainTextResponse("real"), methods=["POST"])])

    ready = asyncio.Event()
    waiting = WaitingForKeys(start, pause_seconds=0.01)
    transport = httpx2.ASGITransport(app=waiting)
    async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as client:
        assert (await client.get("/healthz")).status_code == 200
        not_ready = await client.get("/readyz")
        assert (not_ready.status_code, not_ready.json()["checks"]) == (503, {"keys": "unavailable"})
        refused = await client.post("/slack/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        running = asyncio.create_task(waiting.run(ready.set))
        await asyncio.wait_for(ready.wait(), 5)
        assert (await client.post("/slack/events")).text == "real"
        waiting.stop()
        await running
