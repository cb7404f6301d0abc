"""A factor given on a page gives the browser a new id: the old one is dead at once, other tabs go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request

from adapters.web.visitors import Visit
from bot.errors import NotAllowed
from bot.services.sessions import end_everything
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.security.passkey_hand import signature
from tests.security.test_web_passkeys import RP_ID, first_passkey

NAME = "__Host-dw_session"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


async def ready(stage: Stage, person: str = "john") -> Browser:
    """Somebody with an app, and a minute later, so that its next code is a new one."""
    browser = stage.browser()
    await stage.link(browser, person)
    await stage.enrol(browser, person)
    stage.clock.advance(minutes=1)
    return browser


def holding(stage: Stage, cookie: str) -> Browser:
    """A browser that brings exactly this cookie: a thief's, or one from before."""
    browser = stage.browser()
    browser.client.cookies.set(NAME, cookie, domain="doorward.example", path="/")
    return browser


async def is_signed_in(stage: Stage, cookie: str) -> bool:
    return await stage.database.read(lambda tx: tx.browsers.find(cookie, stage.clock.now())) is not None


def new_cookie(answer: httpx2.Response) -> list[str]:
    return [value for value in answer.headers.get_list("set-cookie") if value.startswith(f"{NAME}=")]


@pytest.mark.requirement("43")
@pytest.mark.requirement("46")
async def test_a_code_on_a_consent_page_gives_a_new_id_and_ends_the_old_one(stage: Stage) -> None:
    browser = await ready(stage)
    page = await browser.get(await stage.payslip_page("john"))
    before = browser.cookie or ""
    done = await browser.press(page, decision="yes", code=stage.code("john"))
    assert done.status_code == 200
    [cookie] = new_cookie(done)
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    after = browser.cookie or ""
    assert after != before
    assert await is_signed_in(stage, after)
    assert not await is_signed_in(stage, before)
    assert "Sign in" in (await holding(stage, before).get("/me")).text
    assert "Sign in" not in (await browser.get("/me")).text


async def test_a_wrong_code_changes_no_id(stage: Stage) -> None:
    browser = await ready(stage)
    page = await browser.get(await stage.payslip_page("john"))
    before = browser.cookie
    wrong = await browser.press(page, decision="yes", code=stage.wrong_code("john"))
    assert (wrong.status_code, new_cookie(wrong)) == (422, [])
    assert browser.cookie == before


async def test_an_id_that_was_planted_before_the_factor_is_worth_nothing_after(stage: Stage) -> None:
    """Fixation: whoever knew the id before, however they came by it, is not carried along."""
    browser = await ready(stage)
    thief = holding(stage, browser.cookie or "")
    assert "Sign in" not in (await thief.get("/me")).text
    page = await browser.get(await stage.payslip_page("john"))
    await browser.press(page, decision="yes", code=stage.code("john"))
    assert "Sign in" in (await thief.get("/me")).text
    assert [new_cookie(await thief.get(path)) for path in ("/enrol/recover", "/signout")] == [[], []]


async def test_a_form_of_another_tab_still_counts(stage: Stage) -> None:
    browser = await ready(stage)
    other = await browser.get("/me")
    page = await browser.get(await stage.payslip_page("john"))
    viewed = await browser.press(page, decision="yes", code=stage.code("john"))
    assert (await browser.press(other, end="all")).status_code == 200, "a tab that was open before"
    assert viewed.status_code == 200


async def test_the_page_that_comes_with_the_new_id_has_a_form_that_counts(stage: Stage) -> None:
    browser = await ready(stage)
    page = await browser.get(await stage.payslip_page("john"))
    viewed = await browser.press(page, decision="yes", code=stage.code("john"))
    assert (await browser.press(viewed)).status_code == 200


async def test_another_browsers_form_still_counts_for_nothing_here(stage: Stage) -> None:
    browser = await ready(stage)
    stage.clock.advance(seconds=1)
    second = stage.browser()
    await stage.sign_in(second, "john")
    theirs = await second.get("/me")
    assert (await browser.press(theirs, end="all")).status_code == 403


@pytest.mark.requirement("43")
async def test_first_factors_and_passkeys_give_new_ids_too(stage: Stage) -> None:
    device = SoftAuthenticator(HTTPS, RP_ID)
    browser = stage.browser()
    await stage.link(browser, "mia")
    linked = browser.cookie
    await stage.enrol(browser, "mia")
    assert browser.cookie != linked, "by the first code of an app"
    keyed, bound = await first_passkey(stage, "john", device)
    assert len(new_cookie(bound)) == 1, "by a first passkey"
    before = keyed.cookie
    path = await stage.payslip_page("john")
    page = await keyed.get(path)
    done = await keyed.press(page, decision="yes", **await signature(keyed, device, f"{path}/passkey/options", page))
    assert done.status_code == 200
    assert keyed.cookie != before, "by a passkey"


async def test_a_change_of_factors_ends_other_browsers_and_keeps_this_one_under_its_new_id(stage: Stage) -> None:
    browser = await ready(stage)
    stage.clock.advance(seconds=1)
    second = stage.browser()
    await stage.sign_in(second, "john")
    before = browser.cookie or ""
    asked = await browser.post("/enrol/change", {**csrf(await browser.get("/enrol")), "change": "recovery:"})
    made = await browser.press(asked, code=stage.code("john"))
    assert made.status_code == 200
    assert browser.cookie != before
    assert await is_signed_in(stage, browser.cookie or "")
    assert not await is_signed_in(stage, before)
    assert not await is_signed_in(stage, second.cookie or "")


async def test_a_session_that_was_ended_meanwhile_is_not_opened_again(stage: Stage) -> None:
    """Everything of this person ends between the request and its transaction: no new id brings it back."""
    browser = await ready(stage)
    cookie, now = browser.cookie or "", stage.clock.now()
    found = await stage.database.read(lambda tx: tx.browsers.find(cookie, now))
    request = Request({"type": "http", "headers": [], "path": "/", "method": "POST"})
    visit = Visit(request=request, now=now, src_ip=None, cookie=cookie, is_new=False, found=found)
    await stage.database.write(lambda tx: end_everything(tx, stage.identity("john")))
    with pytest.raises(NotAllowed, match="ended meanwhile"):
        await stage.database.write(visit.renew)
    assert (visit.renewed, visit.browser_id) == (False, cookie)
    assert await stage.database.read(lambda tx: tx.browsers.of_identity(stage.identity("john"), now)) == []


async def test_two_factors_at_once_leave_one_browser(stage: Stage) -> None:
    browser = await ready(stage)
    page = await browser.get(await stage.payslip_page("john"))
    code = stage.code("john")
    twins = [holding(stage, browser.cookie or "") for _ in range(4)]
    answers = await asyncio.gather(*(twin.press(page, decision="yes", code=code) for twin in twins))
    assert sum(len(new_cookie(answer)) for answer in answers) == 1
    alive = await stage.database.read(lambda tx: tx.browsers.of_identity(stage.identity("john"), stage.clock.now()))
    assert len(alive) == 1


def csrf(page: httpx2.Response) -> dict[str, str]:
    return {"csrf_token": fields_of(page)["csrf_token"]}
