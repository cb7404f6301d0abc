"""An administrator ends somebody's sessions in the whole company: the consequence shown, a passkey, and the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.session import Session
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Stage, web_stage
from tests.security.test_web_passkeys import RP_ID, first_passkey, signed


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.mark.requirement("49")
async def test_the_consequence_is_shown_and_a_passkey_ends_ours_and_asks_the_provider(stage: Stage) -> None:
    john, device = stage.browser(), SoftAuthenticator(HTTPS, RP_ID)
    await stage.link(john, "john")
    raj, _ = await first_passkey(stage, "raj", device)
    await stage.say("raj", "/doorward sessions end-company john")
    card = stage.cards("raj")[-1]
    told = f"{card.headline} {card.body}"
    assert "End all sessions of john in the whole company" in told
    assert "signs them out of everything" in told
    assert "cannot be taken back" in told
    page = stage.link_on_card("raj")
    assert "signs them out of everything" in (await raj.get(page)).text
    assert len(await sessions(stage, "john")) == 1
    done = await raj.post(page, await signed(raj, device, page))
    assert "1 session of john ended here" in done.text
    assert await sessions(stage, "john") == []
    assert "Sign in" in (await john.get("/enrol")).text, "browsers too"
    await stage.core.jobs.tick(next(job for job in stage.core.jobs.all() if job.name == "revoke_tokens"))
    last = stage.cards("raj")[-1]
    assert last.headline == "Only the sessions of john with Doorward ended."
    codes = [record.event.code for record in await stage.audit("revocation.")]
    assert "company_sessions.not_offered" in codes
    effects = [record.event for record in await stage.audit("effect.finished")]
    assert [(event.action, event.code) for event in effects] == [("EndCompanySessions", "done")]


async def test_a_code_does_not_do(stage: Stage) -> None:
    john, raj = stage.browser(), stage.browser()
    await stage.link(john, "john")
    await stage.link(raj, "raj")
    await stage.enrol(raj, "raj")
    await stage.say("raj", "/doorward sessions end-company john")
    assert [record.event.decision for record in await stage.audit("access.decided")][-1] == "enrol"
    assert len(await sessions(stage, "john")) == 1


async def test_nobody_else_may(stage: Stage) -> None:
    john, raj = stage.browser(), stage.browser()
    await stage.link(john, "john")
    await stage.link(raj, "raj")
    await stage.say("john", "/doorward sessions end-company raj")
    assert stage.cards("john")[-1].headline == "Your role doesn't include this."
    assert len(await sessions(stage, "raj")) == 1


async def sessions(stage: Stage, name: str) -> list[Session]:
    return await stage.database.read(lambda tx: list(tx.sessions.of_identity(stage.identity(name))))
