"""Two bindings of one person's factors in the same moment: a key beside the owner's would be theirs without a proof."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.totp import code_at
from bot.ports.database import Transaction
from bot.services import factors, step_up
from bot.services.step_up import CodePath, CodeRefusal, Enrolment
from tests.fakes.world import World

Both = tuple[World, World]
ROUNDS = 6


async def begin(here: World) -> Enrolment | None:
    def work(tx: Transaction) -> Enrolment | None:
        allowed = factors.may_bind(tx, here.identity("john"), "", here.clock.now(), spend=False)
        return step_up.begin_enrolment(tx, here.identity("john"), here.clock.now()) if allowed else None

    return await here.database.write(work)


@pytest.mark.requirement("38")
async def test_of_keys_shown_at_once_one_is_left_to_confirm(replicas: Both) -> None:
    one, two = replicas
    await one.sign_in("john")
    for _ in range(ROUNDS):
        await asyncio.gather(*(begin(each) for each in (one, two, one, two)))
        left = await one.database.read(lambda tx: list(tx.authenticators.of_identity(one.identity("john"))))
        assert len(left) == 1


@pytest.mark.requirement("38")
async def test_a_key_begun_while_another_is_confirmed_is_none(replicas: Both) -> None:
    """However the two fall: once there is a factor, no key waits that was shown without one."""
    one, two = replicas
    await one.sign_in("john")
    shown = await begin(one)
    assert shown is not None

    def confirm(tx: Transaction) -> None:
        who, now = one.identity("john"), one.clock.now()
        tx.authenticators.hold(who)
        code = code_at(shown.seed, now)
        checked = step_up.check_code(tx, who, code, path=CodePath.PAGE, now=now, enrolling=True)
        if not isinstance(checked, CodeRefusal):  # the other key came first, and this one is none any more
            factors.forget_unconfirmed(tx, who)

    await asyncio.gather(one.database.write(confirm), begin(two))
    left = await one.database.read(lambda tx: list(tx.authenticators.of_identity(one.identity("john"))))
    assert len(left) == 1
