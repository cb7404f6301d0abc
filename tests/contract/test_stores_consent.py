"""Handles, pending questions, proposals, proofs, authenticators, effects: each counts once, in parallel too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from bot.domain.effect import EffectState
from bot.domain.interaction import Interaction
from bot.domain.proof import ConsentKind
from bot.domain.proposal import ProposalState
from bot.domain.totp import MAX_CONSECUTIVE_FAILURES
from bot.errors import IntegrityAlarm, Stale
from bot.ports.database import Transaction
from tests.contract.stores import (
    JOHN,
    JOHNS_CHAT,
    MIA,
    MIAS_CHAT,
    OpenDatabase,
    a_message,
    a_proof,
    a_proposal,
    an_authenticator,
    an_effect,
    by_hand,
    each,
)

T = TypeVar("T")
MINUTE = timedelta(minutes=1)
IN_PARALLEL = 50


async def in_parallel(databases: tuple[OpenDatabase, ...], work: Callable[[Transaction], T]) -> list[T]:
    """The same work many times at once, from several processes' point of view, with all connections open already."""
    await asyncio.gather(
        *(databases[n % len(databases)].write(lambda tx: tx.jobs.mark("m")) for n in range(IN_PARALLEL))
    )
    return await asyncio.gather(*(databases[n % len(databases)].write(work) for n in range(IN_PARALLEL)))


def a_button(now: datetime) -> Interaction:
    payload: dict[str, object] = {"proposal": "p1", "nested": {"list": [1, None, "ä"]}}
    return Interaction(kind="button", payload=payload, audience=JOHNS_CHAT.key, until=now + MINUTE)


async def test_a_handle_opens_what_lies_under_it_until_its_end(database: OpenDatabase, now: datetime) -> None:
    handle = await database.write(lambda tx: tx.interactions.create(a_button(now)))
    assert len(handle) >= 22
    in_time = [now, now + MINUTE - timedelta(microseconds=1)]
    assert await each(database, lambda tx, at: tx.interactions.find(handle, now=at), in_time) == [a_button(now)] * 2
    assert await database.read(lambda tx: tx.interactions.find(handle, now=now + MINUTE)) is None
    assert await database.write(lambda tx: tx.interactions.take(handle, now=now + MINUTE)) is None
    assert await database.read(lambda tx: tx.interactions.find("another" + handle, now=now)) is None


async def test_a_handle_is_stored_neither_open_nor_with_what_lies_under_it(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    handle = await database.write(lambda tx: tx.interactions.create(a_button(now)))
    (row,) = await by_hand(database_url, "SELECT * FROM interactions")
    assert handle not in str(row)
    assert b"proposal" not in bytes(row[3])
    assert await database.read(lambda tx: tx.interactions.find(row[0], now=now)) is None


async def test_a_handle_is_taken_exactly_once_in_parallel(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    handle = await database.write(lambda tx: tx.interactions.create(a_button(now)))
    taken = await in_parallel((database, replica), lambda tx: tx.interactions.take(handle, now=now))
    assert [found for found in taken if found is not None] == [a_button(now)]


async def test_what_lies_under_a_handle_is_swapped_by_version(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    handle = await database.write(lambda tx: tx.interactions.create(a_button(now)))
    changed = replace(a_button(now), payload={"proposal": "p2"}, until=now + 2 * MINUTE)
    swapped = await in_parallel((database, replica), lambda tx: tx.interactions.replace(handle, changed))
    assert sum(swapped) == 1
    found = await database.read(lambda tx: tx.interactions.find(handle, now=now + MINUTE))
    assert found == replace(changed, version=1)
    assert await database.write(lambda tx: tx.interactions.replace(handle, replace(changed, version=1)))
    assert not await database.write(lambda tx: tx.interactions.replace("no handle", changed))


async def test_late_handles_are_swept(database: OpenDatabase, now: datetime) -> None:
    handle = await database.write(lambda tx: tx.interactions.create(a_button(now)))
    await database.write(lambda tx: tx.interactions.create(a_button(now + MINUTE)))
    assert await database.write(lambda tx: tx.interactions.sweep(now + MINUTE)) == 1
    assert await database.read(lambda tx: tx.interactions.find(handle, now=now)) is None


async def test_what_waits_in_a_conversation_is_taken_once(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.pending.put(JOHNS_CHAT, a_message(now, "Ev0"), until=now + MINUTE))
    await database.write(lambda tx: tx.pending.put(JOHNS_CHAT, a_message(now), until=now + MINUTE))
    await database.write(lambda tx: tx.pending.put(MIAS_CHAT, a_message(now, "Ev2"), until=now + MINUTE))
    taken = await in_parallel((database, replica), lambda tx: tx.pending.take(JOHNS_CHAT, now=now))
    assert [message for message in taken if message is not None] == [a_message(now)]
    assert await database.write(lambda tx: tx.pending.take(MIAS_CHAT, now=now + MINUTE)) is None
    assert await database.write(lambda tx: tx.pending.take(MIAS_CHAT, now=now)) is None


async def test_a_proposal_comes_back_as_made_and_sealed(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: tx.proposals.insert(a_proposal(now)))
    assert await database.read(lambda tx: tx.proposals.find("proposal-1")) == a_proposal(now)
    assert await database.read(lambda tx: tx.proposals.find("proposal-2")) is None
    await database.write(lambda tx: tx.proposals.confirm("proposal-1"))
    assert await database.read(lambda tx: tx.proposals.find("proposal-1")) == replace(a_proposal(now), confirmed=True)
    (row,) = await by_hand(database_url, "SELECT payload FROM proposals")
    assert b"mountains" not in bytes(row[0])


async def test_a_proposal_is_finished_exactly_once_in_parallel(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.proposals.insert(a_proposal(now)))
    done = await in_parallel((database, replica), lambda tx: tx.proposals.finish("proposal-1", ProposalState.SPENT))
    assert sum(done) == 1
    assert not await database.write(lambda tx: tx.proposals.finish("proposal-1", ProposalState.VOID))
    await database.write(lambda tx: tx.proposals.confirm("proposal-1"))
    found = await database.read(lambda tx: tx.proposals.find("proposal-1"))
    assert found == replace(a_proposal(now), state=ProposalState.SPENT)
    assert not await database.write(lambda tx: tx.proposals.finish("proposal-2", ProposalState.SPENT))


async def test_what_waits_for_a_person_is_voided(database: OpenDatabase, now: datetime) -> None:
    proposals = [a_proposal(now, f"p{number}", MIA if number == 3 else JOHN) for number in (1, 2, 3, 4)]
    await each(database, lambda tx, proposal: tx.proposals.insert(proposal), proposals)
    await database.write(lambda tx: tx.proposals.finish("p1", ProposalState.SPENT))
    assert await database.write(lambda tx: tx.proposals.void_all(JOHN)) == 2
    found = await each(database, lambda tx, proposal: tx.proposals.find(proposal.id), proposals)
    assert [proposal and proposal.state for proposal in found] == ["spent", "void", "waiting", "void"]


async def test_a_proof_is_spent_exactly_once_in_parallel(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.proofs.insert(a_proof(now)))
    spent = await in_parallel((database, replica), lambda tx: tx.proofs.spend("proof-1", now=now))
    assert sum(spent) == 1
    assert await database.read(lambda tx: tx.proofs.unspent(JOHN, "digest-1", now=now)) is None
    assert not await database.write(lambda tx: tx.proofs.spend("proof-2", now=now))


async def test_a_proof_counts_for_its_person_its_binding_and_its_time(database: OpenDatabase, now: datetime) -> None:
    older, newer = a_proof(now, "older"), a_proof(now + MINUTE, "newer", src_ip="192.0.2.7")
    await each(database, lambda tx, proof: tx.proofs.insert(proof), [newer, older])
    assert await database.read(lambda tx: tx.proofs.unspent(JOHN, "digest-1", now=now)) == newer
    assert await database.read(lambda tx: tx.proofs.unspent(MIA, "digest-1", now=now)) is None
    assert await database.read(lambda tx: tx.proofs.unspent(JOHN, "digest-2", now=now)) is None
    assert await database.read(lambda tx: tx.proofs.unspent(JOHN, "digest-1", now=newer.until)) is None
    assert not await database.write(lambda tx: tx.proofs.spend("older", now=older.until))
    assert await database.write(lambda tx: tx.proofs.spend("older", now=older.until - timedelta(microseconds=1)))


async def test_a_proof_for_own_reading_opens_again_until_its_time(database: OpenDatabase, now: datetime) -> None:
    reading = a_proof(now, kind=ConsentKind.OWN_READING, binding="session:payslips")
    await database.write(lambda tx: tx.proofs.insert(reading))
    for _ in range(2):
        assert await database.write(lambda tx: tx.proofs.spend("proof-1", now=now))
        assert await database.read(lambda tx: tx.proofs.unspent(JOHN, "session:payslips", now=now)) == reading
    assert not await database.write(lambda tx: tx.proofs.spend("proof-1", now=reading.until))


async def test_what_is_open_for_reading_follows_its_session_and_nothing_else_does(
    database: OpenDatabase, now: datetime
) -> None:
    reading = a_proof(now, "reading", kind=ConsentKind.OWN_READING, binding="one|payslips")
    others = [
        a_proof(now, "act", binding="one|payslips"),
        a_proof(now, "elsewhere", kind=ConsentKind.OWN_READING, binding="another|payslips"),
        a_proof(now, "of-mia", MIA, kind=ConsentKind.OWN_READING, binding="one|payslips"),
    ]
    await each(database, lambda tx, proof: tx.proofs.insert(proof), [reading, *others])
    assert await database.write(lambda tx: tx.proofs.rebind(JOHN, "one|", "two|")) == 1
    moved = await database.read(lambda tx: tx.proofs.unspent(JOHN, "two|payslips", now=now))
    assert moved == replace(reading, binding="two|payslips")
    left = await database.read(lambda tx: [tx.proofs.unspent(one.identity, one.binding, now=now) for one in others])
    assert left == others


async def test_voided_proofs_count_no_more(database: OpenDatabase, now: datetime) -> None:
    reading = a_proof(now, "reading", kind=ConsentKind.OWN_READING)
    of_mia = a_proof(now, "of-mia", MIA)
    await each(database, lambda tx, proof: tx.proofs.insert(proof), [reading, a_proof(now), of_mia])
    assert await database.write(lambda tx: tx.proofs.void_all(JOHN)) == 2
    assert await database.write(lambda tx: tx.proofs.void_all(JOHN)) == 0
    spent = await each(database, lambda tx, name: tx.proofs.spend(name, now=now), ["reading", "proof-1", "of-mia"])
    assert spent == [False, False, True]


@pytest.mark.requirement("26")
async def test_a_seed_is_sealed(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: tx.authenticators.insert(an_authenticator(now), "JBSWY3DPEHPK3PXP"))
    assert await database.read(lambda tx: tx.authenticators.seed("totp-1")) == "JBSWY3DPEHPK3PXP"
    assert await database.read(lambda tx: tx.authenticators.of_identity(JOHN)) == [an_authenticator(now)]
    (row,) = await by_hand(database_url, "SELECT * FROM authenticators")
    assert "JBSWY3DPEHPK3PXP" not in str(row)
    with pytest.raises(Stale):
        await database.read(lambda tx: tx.authenticators.seed("totp-2"))


async def test_a_time_step_is_accepted_once_in_parallel(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.authenticators.insert(an_authenticator(now), "SEED"))
    accepted = await in_parallel((database, replica), lambda tx: tx.authenticators.accept("totp-1", step=100, now=now))
    assert sum(accepted) == 1
    assert not await database.write(lambda tx: tx.authenticators.accept("totp-1", step=99, now=now))
    assert await database.write(lambda tx: tx.authenticators.accept("totp-1", step=101, now=now + MINUTE))
    (present,) = await database.read(lambda tx: tx.authenticators.of_identity(JOHN))
    assert (present.last_step, present.failures, present.confirmed_at) == (101, 0, now)


async def test_failures_are_all_counted_and_disable_at_the_limit(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.authenticators.insert(an_authenticator(now), "SEED"))
    await in_parallel((database, replica), lambda tx: tx.authenticators.count_attempt("totp-1"))
    (present,) = await database.read(lambda tx: tx.authenticators.of_identity(JOHN))
    assert (present.failures, present.disabled) == (IN_PARALLEL, False)

    def exhaust(tx: Transaction) -> list[bool]:
        return [
            tx.authenticators.count_attempt("totp-1").disabled for _ in range(MAX_CONSECUTIVE_FAILURES - IN_PARALLEL)
        ]

    *before, last = await database.write(exhaust)
    assert (set(before), last) == ({False}, True)
    assert not await database.write(lambda tx: tx.authenticators.accept("totp-1", step=100, now=now))


async def test_success_forgives_failures(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.authenticators.insert(an_authenticator(now), "SEED"))
    assert (await database.write(lambda tx: tx.authenticators.count_attempt("totp-1"))).failures == 1
    assert await database.write(lambda tx: tx.authenticators.accept("totp-1", step=1, now=now))
    assert (await database.write(lambda tx: tx.authenticators.count_attempt("totp-1"))).failures == 1
    assert await database.write(lambda tx: tx.authenticators.remove("totp-1"))
    assert not await database.write(lambda tx: tx.authenticators.remove("totp-1"))
    with pytest.raises(Stale):
        await database.write(lambda tx: tx.authenticators.count_attempt("totp-1"))


async def test_a_grant_is_spent_exactly_once_in_parallel(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    async def intend(number: int) -> bool:
        effect = an_effect(now, f"effect-{number}")
        try:
            await (database, replica)[number % 2].write(lambda tx: tx.effects.intend(effect))
        except Stale:
            return False
        return True

    assert sum(await asyncio.gather(*(intend(number) for number in range(20)))) == 1


async def test_an_effect_comes_back_as_intended_and_is_finished_once(
    database: OpenDatabase, replica: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: tx.effects.intend(an_effect(now)))
    assert await database.read(lambda tx: tx.effects.find("effect-1")) == an_effect(now)
    assert await database.read(lambda tx: tx.effects.find("effect-2")) is None
    spent = an_effect(now).proposal_id or ""
    assert await database.read(lambda tx: tx.effects.of_proposal(spent)) == an_effect(now)
    assert await database.read(lambda tx: tx.effects.of_proposal("")) is None
    (row,) = await by_hand(database_url, "SELECT action FROM grants")
    assert b"mountains" not in bytes(row[0])

    assert await database.write(lambda tx: tx.effects.finish("effect-1", EffectState.UNKNOWN, now=now, code="sent"))
    done = await in_parallel(
        (database, replica), lambda tx: tx.effects.finish("effect-1", EffectState.DONE, now=now + MINUTE, code="ok")
    )
    assert sum(done) == 1
    finished = replace(an_effect(now), state=EffectState.DONE, finished_at=now + MINUTE, outcome_code="ok")
    assert await database.read(lambda tx: tx.effects.find("effect-1")) == finished
    assert not await database.write(lambda tx: tx.effects.finish("effect-1", EffectState.REFUSED, now=now))


async def test_unfinished_effects_are_found_when_they_are_old_enough(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    effects = [an_effect(now + number * MINUTE, f"effect-{number}", f"grant-{number}") for number in range(4)]
    await each(database, lambda tx, effect: tx.effects.intend(effect), effects)
    await database.write(lambda tx: tx.effects.finish("effect-0", EffectState.DONE, now=now))
    await database.write(lambda tx: tx.effects.finish("effect-1", EffectState.UNKNOWN, now=now))
    at = now + 4 * MINUTE

    async def unfinished(older_than_seconds: int, limit: int = 9) -> list[str]:
        found = await database.read(
            lambda tx: tx.effects.unfinished(now=at, older_than_seconds=older_than_seconds, limit=limit)
        )
        return [effect.id for effect in found]

    assert await unfinished(60) == ["effect-1", "effect-2", "effect-3"]
    assert await unfinished(121) == ["effect-1"]
    assert await unfinished(0, limit=2) == ["effect-1", "effect-2"]
    await by_hand(database_url, "UPDATE grants SET until = until + 1 WHERE id = 'grant-2'")
    assert await unfinished(60) == ["effect-1", "effect-3"]


@pytest.mark.requirement("26")
async def test_moved_ciphertext_does_not_open(database: OpenDatabase, database_url: str, now: datetime) -> None:
    people = [JOHN, MIA]
    await each(database, lambda tx, who: tx.tokens.save(who, b"cache", expected_version=None, now=now), people)
    handles = await each(database, lambda tx, _: tx.interactions.create(a_button(now)), [1, 2])
    await by_hand(database_url, "UPDATE token_caches SET cache = (SELECT cache FROM token_caches LIMIT 1)")
    await by_hand(database_url, "UPDATE interactions SET payload = (SELECT payload FROM interactions LIMIT 1)")

    def opens(work: Callable[[], object]) -> bool:
        try:
            work()
        except IntegrityAlarm:
            return False
        return True

    caches = await each(database, lambda tx, who: opens(lambda: tx.tokens.load(who)), people)
    assert sum(caches) == 1
    found = await each(database, lambda tx, handle: opens(lambda: tx.interactions.find(handle, now=now)), handles)
    assert sum(found) == 1


@pytest.mark.parametrize(
    "edit",
    [
        f"audience = '{MIAS_CHAT.key}'",
        "audience = '*'",
        "kind = 'view'",
        "until = until + 1",
        "version = version + 1",
    ],
)
async def test_what_stands_beside_a_handle_cannot_be_edited(
    database: OpenDatabase, database_url: str, now: datetime, edit: str
) -> None:
    handle = await database.write(lambda tx: tx.interactions.create(a_button(now)))
    await by_hand(database_url, f"UPDATE interactions SET {edit}")  # noqa: S608
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.interactions.take(handle, now=now))
    with pytest.raises(IntegrityAlarm):
        await database.read(lambda tx: tx.interactions.find(handle, now=now))


async def test_what_waits_cannot_be_kept_longer(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: tx.pending.put(JOHNS_CHAT, a_message(now), until=now + MINUTE))
    await by_hand(database_url, "UPDATE pending SET until = until + 60000000")
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.pending.take(JOHNS_CHAT, now=now))
