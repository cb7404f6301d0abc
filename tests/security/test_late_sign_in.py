"""A sign-in that was begun before the directory ended a person's sessions opens none when it comes to its end after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.services.signals import Signals
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, web_stage

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


# A naming page that waited: what the provider said of the person since then counts, and what it said before does not.


async def _second_account_waits(stage: Stage) -> tuple[Browser, httpx2.Response]:
    """John is linked and has codes; a further chat account is at the page that names both."""
    first, second = stage.browser(), stage.browser("203.0.113.99")
    await stage.link(first, "john")
    await stage.enrol(first, "john")
    return second, await stage.to_naming_page(second, "mia", company="john")


def _now_says(stage: Stage, **changes: Any) -> None:
    honest = stage.provider.manners.claims
    stage.provider.manners.claims = lambda claims: honest(claims) | changes


@pytest.mark.requirement("45")
async def test_a_role_taken_away_meanwhile_does_not_come_back_with_the_confirmation(stage: Stage) -> None:
    browser, naming = await _second_account_waits(stage)
    _now_says(stage, roles=[])
    stage.clock.advance(seconds=90)
    await stage.say("john", "balance")
    assert await _roles(stage) == set()
    done = await browser.press(naming, decision="link", code=stage.code("john"))
    assert done.status_code == 200
    assert await _roles(stage) == set()


@pytest.mark.requirement("30", "45")
async def test_what_a_confirmation_brings_is_as_old_as_the_sign_in(stage: Stage) -> None:
    browser = stage.browser()
    naming = await stage.to_naming_page(browser, "john")
    _now_says(stage, roles=[])
    stage.clock.advance(seconds=90)
    assert (await browser.press(naming, decision="link")).status_code == 200
    await stage.say("john", "balance")
    assert await _roles(stage) == set(), "the provider was asked at the first message"


@pytest.mark.requirement("30", "31")
async def test_an_account_that_the_provider_ended_meanwhile_is_not_let_in_by_a_page_that_waited(stage: Stage) -> None:
    browser, naming = await _second_account_waits(stage)
    stage.provider.manners.token_error = (400, {"error": "invalid_grant"})
    stage.clock.advance(seconds=90)
    await stage.say("john", "balance")
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    answer = await browser.press(naming, decision="link", code=stage.code("john"))
    assert answer.status_code == 401
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    assert [record.event.code for record in await stage.audit("link.refused")] == ["link.ended_meanwhile"]


@pytest.mark.requirement("31", "44")
async def test_ending_everything_oneself_ends_what_waits_elsewhere(stage: Stage) -> None:
    browser, naming = await _second_account_waits(stage)
    own = stage.browser()
    await stage.sign_in(own, "john", "/me")
    stage.clock.advance(seconds=30)
    assert (await own.press(await own.get("/me"), end="all")).status_code == 200
    answer = await browser.press(naming, decision="link", code=stage.code("john"))
    assert answer.status_code == 401
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))


@pytest.mark.requirement("31", "49")
async def test_signing_out_everywhere_in_chat_ends_what_waits_in_a_browser(stage: Stage) -> None:
    browser, naming = await _second_account_waits(stage)
    stage.clock.advance(seconds=30)
    await stage.say("john", "sign out")
    await stage.press("john", "Sign out everywhere")
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    answer = await browser.press(naming, decision="link", code=stage.code("john"))
    assert answer.status_code == 401
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))


async def _roles(stage: Stage) -> set[str]:
    person = await stage.database.read(lambda tx: tx.persons.find(stage.identity("john")))
    assert person is not None
    return {str(role) for role in person.roles}


@pytest.mark.requirement("28")
async def test_the_last_session_ended_on_ones_own_page_has_its_tokens_revoked(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    page = await browser.get("/me")
    (session,) = await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    assert (await browser.press(page, end=f"one:{session.id}")).status_code == 303
    assert await stage.database.read(lambda tx: tx.revocations.waiting()) == 1


@pytest.mark.requirement("31")
@pytest.mark.parametrize(("over", "status"), [("their-session", 401), ("another", 200)])
async def test_a_session_the_provider_ended_before_anybody_knew_of_it_opens_nothing(
    stage: Stage, over: str, status: int
) -> None:
    usual = stage.provider.manners.claims
    stage.provider.manners.claims = lambda claims: usual(claims) | {"sid": "their-session"}
    browser = stage.browser()
    naming = await stage.to_naming_page(browser, "john")
    signals = Signals(database=stage.database, clock=stage.clock)
    issuer = stage.identity("john").issuer
    assert await signals.whose_over(issuer, over) is None
    assert await signals.whose_over("https://other.example", "their-session") is None
    assert (await browser.press(naming, decision="link")).status_code == status
    found = await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    assert bool(found) is (status == 200)
