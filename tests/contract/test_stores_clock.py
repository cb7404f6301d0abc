"""What the stores offer to whoever sees to a clock that was set back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.proof import ProofMethod
from tests.contract.stores import JOHN, MIA, OpenDatabase, a_proof


@pytest.mark.requirement("48")
async def test_proofs_that_ended_between_two_times_are_void(database: OpenDatabase, now: datetime) -> None:
    ends = {"before": -1, "at-first": 0, "between": 1, "at-last": 5, "after": 6}
    for name, minutes in ends.items():
        proof = replace(
            a_proof(now - timedelta(hours=1)), id=name, binding=name, until=now + timedelta(minutes=minutes)
        )
        await database.write(lambda tx, proof=proof: tx.proofs.insert(proof))  # type: ignore[misc]  # a loop's own value
    assert await database.write(lambda tx: tx.proofs.void_between(now, now + timedelta(minutes=5))) == 2
    long_ago = now - timedelta(hours=2)
    left = {
        name
        for name in ends
        if await database.read(lambda tx, name=name: tx.proofs.unspent(JOHN, name, now=long_ago))  # type: ignore[misc]  # a loop's own value
    }
    assert left == {"before", "at-first", "after"}


async def test_the_last_use_of_a_method_is_remembered_spent_or_not(database: OpenDatabase, now: datetime) -> None:
    first = replace(a_proof(now), id="first", method=ProofMethod.PROVIDER)
    second = replace(a_proof(now + timedelta(minutes=1)), id="second", method=ProofMethod.PROVIDER)
    other = replace(a_proof(now + timedelta(minutes=2)), id="other", method=ProofMethod.TOTP)
    for proof in (first, second, other):
        await database.write(lambda tx, proof=proof: tx.proofs.insert(proof))  # type: ignore[misc]  # a loop's own value
    await database.write(lambda tx: tx.proofs.void_all(JOHN))
    assert await database.read(lambda tx: tx.proofs.last_at(JOHN, ProofMethod.PROVIDER)) == second.at
    assert await database.read(lambda tx: tx.proofs.last_at(JOHN, ProofMethod.PASSKEY)) is None
    assert await database.read(lambda tx: tx.proofs.last_at(MIA, ProofMethod.PROVIDER)) is None


async def test_slots_of_a_time_that_comes_again_are_run_again(database: OpenDatabase, now: datetime) -> None:
    for at in (now, now + timedelta(hours=1)):
        assert await database.write(lambda tx, at=at: tx.jobs.claim_slot("job", at.isoformat(), now=at))  # type: ignore[misc]  # a loop's own value
    await database.write(lambda tx: tx.jobs.forget_after(now))
    later = now + timedelta(hours=1)
    assert not await database.write(lambda tx: tx.jobs.claim_slot("job", now.isoformat(), now=now))
    assert await database.write(lambda tx: tx.jobs.claim_slot("job", later.isoformat(), now=now))
