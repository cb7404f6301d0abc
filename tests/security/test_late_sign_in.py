"""A sign-in that was begun before the directory ended a person's sessions opens none when it comes to its end after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.services.signals import Signals
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Stage, web_stage

ENDING = (SignalKind.SESSION_REVOKED, SignalKind.CREDENTIAL_CHANGE, SignalKind.TOKEN_CLAIMS_CHANGE, SignalKind.LOGOUT)


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as made:
        yield made


async def signal(stage: Stage, kind: SignalKind, person: str) -> None:
    """One of the company's directory."""
    subject = stage.identity(person)
    source = SignalSource(channel="ssf:corp", issuer=subject.issuer)
    happenings = (Happening(kind=kind, subject=subject),)
    signals = Signals(database=stage.database, clock=stage.clock)
    assert await signals.receive(Signal(source=source, id=f"{kind}-{person}", happenings=happenings))


@pytest.mark.requirement("31")
@pytest.mark.parametrize("kind", ENDING)
async def test_a_first_link_confirmed_after_the_signal_is_not_made(stage: Stage, kind: SignalKind) -> None:
    browser = stage.browser()
    naming = await stage.to_naming_page(browser, "john")
    stage.clock.advance(seconds=1)
    await signal(stage, kind, "john")
    answer = await browser.press(naming, decision="link")
    assert answer.status_code == 401
    assert "ended your sessions" in answer.text
    channel = stage.channel("john")
    assert await stage.database.read(lambda tx: tx.links.find(channel)) is None
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    assert [record.event.code for record in await stage.audit("link.refused")] == ["link.ended_meanwhile"]


@pytest.mark.requirement("31")
async def test_a_renewal_that_comes_back_after_the_signal_opens_nothing(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    stage.clock.advance(seconds=1)
    begun = await browser.press(await browser.get(await stage.offer("john")))
    back = stage.at_company(begun, "john")
    stage.clock.advance(seconds=1)
    await signal(stage, SignalKind.SESSION_REVOKED, "john")
    assert (await browser.get(back)).status_code == 401
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))


@pytest.mark.requirement("31")
async def test_a_page_of_ours_is_not_reached_by_it_either(stage: Stage) -> None:
    browser = stage.browser()
    begun = await browser.press(await browser.get("/enrol"))
    back = stage.at_company(begun, "john")
    await signal(stage, SignalKind.CREDENTIAL_CHANGE, "john")
    assert (await browser.get(back)).status_code == 401


@pytest.mark.parametrize("kind", [SignalKind.PROVISIONED_CHANGE, SignalKind.ACCOUNT_ENABLED])
async def test_a_signal_that_ends_nothing_stops_no_sign_in(stage: Stage, kind: SignalKind) -> None:
    browser = stage.browser()
    naming = await stage.to_naming_page(browser, "john")
    await signal(stage, kind, "john")
    assert (await browser.press(naming, decision="link")).status_code == 200


async def test_one_about_somebody_else_or_from_before_stops_none(stage: Stage) -> None:
    await signal(stage, SignalKind.SESSION_REVOKED, "john")
    stage.clock.advance(seconds=1)
    browser = stage.browser()
    naming = await stage.to_naming_page(browser, "john")
    await signal(stage, SignalKind.SESSION_REVOKED, "mia")
    assert (await browser.press(naming, decision="link")).status_code == 200
