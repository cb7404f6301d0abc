"""A session that the provider renewed by itself says who it was: enough to read one's own, and for nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.domain.session import Session
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Stage, directory, web_stage
from tests.fakes.world import World

AGAIN = "Please sign in once more"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.mark.parametrize("question", ["my leave balance", "who am I", "my sessions"])
async def test_reading_ones_own_goes_on(here: World, question: str) -> None:
    await here.sign_in("john", silent=True)
    assert AGAIN not in await here.say("john", question)


@pytest.mark.parametrize("question", ["I need leave tomorrow", "my payslip", "my benefits"])
async def test_anything_else_takes_a_sign_in_that_asks(here: World, question: str) -> None:
    await here.sign_in("john", silent=True)
    assert AGAIN in await here.say("john", question)
    offered = await here.audit(type_prefix="sign_in.offered")
    assert (offered[0].event.code, offered[0].event.rules) == ("silent", ("guard.silent-session",))


async def test_a_factor_at_hand_does_not_lift_it(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    await here.sign_in("john", silent=True)
    assert AGAIN in await here.say("john", "my payslip")
    assert not here.chat.dialogs


async def test_whoever_may_not_do_it_anyway_is_told_so_first(here: World) -> None:
    await here.sign_in("sue", silent=True)
    heard = await here.command("sue", "roles list")
    assert AGAIN not in heard
    assert "role" in heard


async def test_the_providers_own_session_advances_nothing(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    first = await _session(stage)
    stage.clock.advance(timedelta(hours=2))
    _answers(stage, first.auth_time)
    await _renew(stage)
    renewed = await _session(stage)
    assert renewed.id != first.id
    assert renewed.auth_time == first.auth_time
    assert not renewed.interactive


async def test_a_provider_that_does_not_say_when_is_no_proof_that_somebody_is_there(stage: Stage) -> None:
    await stage.link(stage.browser(), "john")
    stage.clock.advance(timedelta(hours=2))
    _answers(stage, None)
    await _renew(stage)
    renewed = await _session(stage)
    assert (renewed.auth_time, renewed.interactive) == (None, False)


async def test_a_renewal_is_one_press_and_answers_what_waited(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    stage.clock.advance(timedelta(hours=2))
    _answers(stage, stage.clock.now() - timedelta(hours=2))
    await stage.say("john", "my leave balance")
    begun = await browser.press(await browser.get(stage.link_on_card("john")))  # the one press
    address = urlsplit(begun.headers["location"])
    assert address.path == "/authorize"
    assert dict(parse_qsl(address.query))["login_hint"] == "john"
    done = await browser.get(stage.at_company(begun, "john"))
    assert done.status_code == 200
    assert "days" in str(stage.cards("john")[-1])
    assert 'data-testid="accounts"' not in done.text


async def test_what_takes_a_person_goes_on_to_the_provider_without_another_press(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    stage.clock.advance(timedelta(hours=2))
    _answers(stage, stage.clock.now() - timedelta(hours=2))
    await stage.say("john", "my payslip")
    begun = await browser.press(await browser.get(stage.link_on_card("john")))
    on = await browser.get(stage.at_company(begun, "john"))
    assert on.status_code == 303
    assert dict(parse_qsl(urlsplit(on.headers["location"]).query))["max_age"] == "0"
    stage.provider.manners.claims = directory
    done = await browser.get(stage.at_company(on, "john"))
    assert done.headers["location"].startswith("/consent/")
    assert (await _session(stage)).interactive


@pytest.mark.requirement("41")
async def test_a_provider_that_asks_nobody_all_the_same_gets_nowhere(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    stage.clock.advance(timedelta(hours=2))
    _answers(stage, stage.clock.now() - timedelta(hours=2))
    await stage.say("john", "my payslip")
    begun = await browser.press(await browser.get(stage.link_on_card("john")))
    on = await browser.get(stage.at_company(begun, "john"))
    refused = await browser.get(stage.at_company(on, "john"))
    assert refused.status_code == 401
    assert not (await _session(stage)).interactive


def _answers(stage: Stage, auth_time: datetime | None) -> None:
    """The provider's own session answers, whose owner authenticated then."""

    def claims(given: dict[str, Any]) -> dict[str, Any]:
        said = directory(given) | ({} if auth_time is None else {"auth_time": int(auth_time.timestamp())})
        return said if auth_time is not None else {name: said[name] for name in said if name != "auth_time"}

    stage.provider.manners.claims = claims


async def _renew(stage: Stage) -> None:
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer("john")))
    done = await browser.get(stage.at_company(begun, "john"))
    assert done.status_code == 200, done.text


async def _session(stage: Stage) -> Session:
    [session] = await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    return session
