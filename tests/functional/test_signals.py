"""A signal received by one replica holds at the next message on every other, and reaches what is pending."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.secret import Secret
from bot.ports.ingress import FieldError
from storage.crypto import Keyring
from tests.fakes.clock import FixedClock
from tests.fakes.signals import (
    CAEP,
    RISC,
    SSF_TOKEN,
    VERIFICATION,
    FakeTransmitter,
    fake_transmitter,
    machine,
    of,
    ways_in,
)
from tests.fakes.world import World, world
from tests.security.core.attack import code_dialog, states

ENDING = (
    f"{CAEP}session-revoked",
    f"{CAEP}credential-change",
    f"{CAEP}assurance-level-change",
    f"{RISC}account-disabled",
    f"{RISC}account-purged",
    f"{CAEP}token-claims-change",
)


@pytest.fixture(scope="module")
def transmitter() -> Iterator[FakeTransmitter]:
    with fake_transmitter() as running:
        yield running


@pytest.fixture
async def two(postgres_url: str, tmp_path: Path, clock: FixedClock) -> AsyncIterator[tuple[World, World]]:
    """Two cores on one PostgreSQL: the second has the first's chat, provider and systems."""
    assert make_url(postgres_url).get_backend_name() == "postgresql"
    keys = Keyring.generate()
    async with (
        world(tmp_path, clock, url=postgres_url, keys=keys) as one,
        world(tmp_path, clock, url=postgres_url, keys=keys) as other,
    ):
        yield one, replace(other, directory=one.directory)


async def push(world: World, transmitter: FakeTransmitter, event: str, name: str | None) -> int:
    subject = None if name is None else of(name)
    token = transmitter.sign(transmitter.claims(world.clock.now(), event, subject))
    async with machine(ways_in(world, jwks_url=transmitter.jwks_url), SSF_TOKEN) as client:
        headers = {"Content-Type": "application/secevent+jwt"}
        return (await client.post("/ssf/events", content=token, headers=headers)).status_code


@pytest.mark.postgres
@pytest.mark.requirement("31")
@pytest.mark.parametrize("event", ENDING)
async def test_the_next_message_on_the_other_replica_is_refused(
    two: tuple[World, World], transmitter: FakeTransmitter, event: str
) -> None:
    one, other = two
    await one.sign_in("john")
    assert "14 days" in await other.say("john", "balance")
    assert await push(one, transmitter, event, "john") == 202
    for replica in two:
        assert "14 days" not in await replica.say("john", "balance")
    assert not await other.database.read(lambda tx: tx.sessions.of_identity(other.identity("john")))
    assert await other.database.read(lambda tx: tx.tokens.load(other.identity("john"))) is None


@pytest.mark.requirement("31")
@pytest.mark.parametrize("event", [*ENDING[:3], ENDING[-1]])
async def test_a_signal_reaches_the_code_that_is_being_typed(
    here: World, transmitter: FakeTransmitter, event: str
) -> None:
    await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    assert await push(here, transmitter, event, "mia") == 202
    await here.sign_in("mia")
    answer = await here.core.ingress.submit_code(
        here.message("mia", EventKind.SUBMISSION, handle=dialog.handle), Secret(here.code("mia"))
    )
    assert isinstance(answer, FieldError)
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("31")
async def test_what_waited_in_the_conversation_is_gone(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take some days off")
    await push(here, transmitter, ENDING[0], "john")
    now, who = here.clock.now(), here.channel("john")
    assert await here.database.write(lambda tx: tx.pending.take(who, now=now)) is None


@pytest.mark.requirement("31", "45")
async def test_changed_claims_end_the_session_and_are_what_the_next_one_begins_with(
    here: World, transmitter: FakeTransmitter
) -> None:
    await here.sign_in("raj")
    assert "roles were given" in await here.command("raj", "roles list")
    here.directory.roles["raj"] = frozenset({"employee"})
    await push(here, transmitter, f"{CAEP}token-claims-change", "raj")
    assert "roles were given" not in await here.command("raj", "roles list")
    here.clock.advance(timedelta(seconds=1))
    await here.sign_in("raj")
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("raj")))
    assert person is not None
    assert person.roles == {"employee"}


@pytest.mark.requirement("31")
async def test_somebody_disabled_stays_out_until_enabled_and_then_signs_in_anew(
    here: World, transmitter: FakeTransmitter
) -> None:
    await here.sign_in("john")
    await push(here, transmitter, f"{RISC}account-disabled", "john")
    await here.sign_in("john")  # the provider has not heard of it yet
    assert "14 days" not in await here.say("john", "balance")
    await push(here, transmitter, f"{RISC}account-enabled", "john")
    here.clock.advance(timedelta(minutes=1))
    await here.sign_in("john")
    assert "14 days" in await here.say("john", "balance")


async def test_a_verification_event_is_noted_and_ends_nothing(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    assert await push(here, transmitter, VERIFICATION, None) == 202
    marked = await here.database.read(lambda tx: tx.jobs.mark("signals.verified:ssf:corp"))
    assert marked == here.clock.now().isoformat()
    assert "14 days" in await here.say("john", "balance")


async def test_an_event_we_do_not_know_is_taken_and_has_no_effect(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    assert await push(here, transmitter, "https://elsewhere.example/event", "john") == 202
    assert "14 days" in await here.say("john", "balance")


async def test_a_proposal_that_was_void_is_not_revived(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    await push(here, transmitter, ENDING[0], "john")
    await here.sign_in("john")
    await here.press("john", shown, "Send request")
    assert await states(here) == []
