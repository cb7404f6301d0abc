"""An accepted second factor gives the chat session a new id: whoever knew the old one has nothing (ASVS 7.2.4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.proof import OWN_READING_SECONDS
from bot.domain.session import Session
from tests.fakes.world import World, url_in
from tests.security.core.attack import code_dialog, effects_done


async def session(here: World, name: str) -> Session:
    (found,) = await here.database.read(lambda tx: tx.sessions.of_identity(here.identity(name)))
    return found


@pytest.mark.requirement("41")
async def test_a_code_in_chat_renews_the_id_and_the_very_action_is_done(here: World) -> None:
    await code_dialog(here)
    before = await session(here, "mia")
    await here.submit_code("mia", here.code("mia"))
    after = await session(here, "mia")
    assert after.id != before.id
    assert (after.opened_at, after.absolute_until) == (before.opened_at, before.absolute_until)
    assert await effects_done(here, "ApproveLeave")


async def test_a_wrong_code_renews_nothing(here: World) -> None:
    await code_dialog(here)
    before = await session(here, "mia")
    await here.submit_code("mia", "000000")
    assert (await session(here, "mia")).id == before.id


async def test_what_was_opened_for_reading_stays_open_until_its_time_and_under_the_new_id_alone(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    before = await session(here, "john")
    await here.say("john", "my payslip")
    await here.prove_on_page("john", url_in(here.last("john")))
    after = await session(here, "john")
    assert after.id != before.id
    opened = len(await effects_done(here, "ViewPayslip"))
    await here.say("john", "my payslip")
    decided = [record.event.decision for record in await here.audit(type_prefix="access.decided")]
    assert decided[0] not in {"step_up", "deny"}, opened
    old = f"reading|{before.id}|"
    bindings = await here.database.read(
        lambda tx: [
            tx.proofs.unspent(here.identity("john"), old + kind, now=here.clock.now()) for kind in ("pay", "payslips")
        ]
    )
    assert bindings == [None, None]
    here.clock.advance(timedelta(seconds=OWN_READING_SECONDS + 1))
    await here.say("john", "my payslip")
    decided = [record.event.decision for record in await here.audit(type_prefix="access.decided")]
    assert decided[0] == "step_up"
