"""One's own page: sessions, accounts and data, and the buttons that end them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.audit import EventType
from bot.services.audit_trail import Scribe
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, web_stage

END_BROWSER = re.compile(r'value="(browser:[^"]+)"')
END_ONE = re.compile(r'value="(one:[^"]+)"')


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
async def john(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.link(browser, "john")
    return browser


async def sessions(stage: Stage, person: str = "john") -> int:
    return len(await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity(person))))


async def test_whoever_is_not_signed_in_signs_in_and_comes_back(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get("/me")
    assert "Sessions in the chat" not in page.text
    back = await stage.sign_in(browser, "john", "/me")
    assert back.headers["location"] == "/me"


async def test_it_shows_sessions_accounts_and_what_is_kept(stage: Stage, john: Browser) -> None:
    page = await john.get("/me")
    for testid, count in (("session", 1), ("account", 1), ("kept", 5), ("nobody", 1)):
        assert page.text.count(f'data-testid="{testid}"') == count, testid


async def test_each_showing_is_written_down_and_asking_to_sign_in_is_not(stage: Stage, john: Browser) -> None:
    await stage.browser().get("/me")
    assert (await john.get("/me")).status_code == 200
    shown = await stage.database.read(lambda tx: list(tx.audit.search(type_prefix="view.opened", limit=9)))
    key = stage.identity("john").key
    assert [(one.event.principal, one.event.resource, one.event.code) for one in shown] == [
        (key, f"Person::{key}", "view.own_page")
    ]


async def test_nobodys_sign_out_is_no_record(stage: Stage) -> None:
    browser = stage.browser()
    await browser.press(await browser.get("/signout"))
    assert not await stage.database.read(lambda tx: list(tx.audit.search(type_prefix="session.ended", limit=9)))


async def test_whoever_looked_is_named(stage: Stage, john: Browser) -> None:
    await stage.link(stage.browser(), "mia")
    looked = Scribe(time=stage.clock.now(), channel="web", correlation="c", principal=stage.identity("mia").key).event(
        EventType.EFFECT_FINISHED, action="ViewLeaveBalance", resource="Employee::E1001", decision="allow"
    )
    await stage.database.write(lambda tx: tx.audit.append(looked))
    page = await john.get("/me")
    assert 'data-testid="look"' in page.text
    assert "Your leave balance" in page.text
    assert "ViewLeaveBalance" not in page.text


async def test_one_session_is_ended(stage: Stage, john: Browser) -> None:
    page = await john.get("/me")
    found = END_ONE.search(page.text)
    assert found is not None
    assert (await john.press(page, end=found.group(1))).headers["location"] == "/me"
    assert await sessions(stage) == 0
    ended = await stage.audit("session.ended")
    assert [record.event.code for record in ended] == ["session.own"]
    assert (await john.press(page, end=found.group(1))).status_code == 403  # gone already


async def test_nobody_elses_session_is_ended(stage: Stage, john: Browser) -> None:
    mia = stage.browser()
    await stage.link(mia, "mia")
    theirs = END_ONE.search((await mia.get("/me")).text)
    assert theirs is not None
    refused = await john.press(await john.get("/me"), end=theirs.group(1))
    assert refused.status_code == 403
    assert await sessions(stage, "mia") == 1


async def test_everything_is_ended_in_this_browser_too(stage: Stage, john: Browser) -> None:
    await stage.say("john", "my payslip")
    done = await john.press(await john.get("/me"), end="all:")
    assert "Everything has ended" in done.text
    assert await sessions(stage) == 0
    assert "Sessions in the chat" not in (await john.get("/me")).text
    await stage.say("john", "my leave balance")
    assert "session" in stage.cards("john")[-1].headline


@pytest.mark.requirement("46")
async def test_a_forged_form_ends_nothing(stage: Stage, john: Browser) -> None:
    await john.get("/me")
    assert (await john.post("/me/end", {"end": "all:"})).status_code == 403
    page = await john.get("/me")
    foreign = await john.post(
        "/me/end",
        {"end": "all:", "csrf_token": re.search(r'csrf_token" value="([^"]+)"', page.text).group(1)},  # type: ignore[union-attr]  # it is there
        origin="https://evil.example",
        sec_fetch_site="cross-site",
    )
    assert foreign.status_code == 403
    assert await sessions(stage) == 1


async def test_looking_ends_nothing(stage: Stage, john: Browser) -> None:
    for _ in range(3):
        await john.get("/me")
    assert (await john.client.get("/me/end")).status_code == 405
    assert await sessions(stage) == 1


async def test_another_browser_is_ended_alone(stage: Stage, john: Browser) -> None:
    stage.clock.advance(seconds=60)
    lost = stage.browser()
    await stage.sign_in(lost, "john", "/me")
    page = await john.get("/me")
    assert page.text.count('data-testid="browser"') == 2
    assert page.text.count("This browser</strong>") == 1
    assert page.text.count("Another browser</strong>") == 1
    for secret in (john.cookie, lost.cookie):
        assert secret
        assert secret not in page.text
    latest = END_BROWSER.findall(page.text)[0]
    assert (await john.press(page, end=latest)).headers["location"] == "/me"
    assert 'data-testid="browser"' not in (await lost.get("/me")).text
    assert (await john.get("/me")).text.count('data-testid="browser"') == 1
    assert [record.event.code for record in await stage.audit("session.ended")] == ["session.own_browser"]
    assert (await john.press(page, end=latest)).status_code == 403  # gone already
    assert await sessions(stage) == 1


async def test_nobody_elses_browser_is_ended(stage: Stage, john: Browser) -> None:
    mia = stage.browser()
    await stage.link(mia, "mia")
    theirs = END_BROWSER.findall((await mia.get("/me")).text)
    assert (await john.press(await john.get("/me"), end=theirs[0])).status_code == 403
    assert END_BROWSER.findall((await mia.get("/me")).text) == theirs
