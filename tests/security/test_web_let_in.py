"""Whoever policy keeps out is kept out of every page: all routes of a whole installation are tried, by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from bot.ports.database import Transaction
from bot.services import factors
from tests.fakes.clock import FixedClock
from tests.fakes.entra_server import FakeEntra
from tests.fakes.teams_installation import teams_installation
from tests.fakes.teams_server import FakeTeams
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.functional.test_who_may_use import company_policies

SENTENCE = "open to you yet"
HANDLE = "h" * 32
EXEMPT = {
    "GET /signin/start": "who it is comes first",
    "POST /signin/start": "who it is comes first",
    "POST /signin/accounts": "who it is comes first",
    "POST /signin/accounts/options": "who it is comes first",
    "POST /signin/continue": "who it is comes first",
    "GET /signin/callback/{provider}": "the way back from a sign-in",
    "GET /signin/{platform}/callback": "the way back from a sign-in",
    "GET /signout": "whoever is kept out can leave",
    "POST /signout": "whoever is kept out can leave",
    "GET /setup/{handle}": "nobody could let the first administrator in",
    "POST /setup/{handle}": "nobody could let the first administrator in",
    "POST /setup/{handle}/options": "nobody could let the first administrator in",
    "GET /healthz": "nobody's",
    "GET /readyz": "nobody's",
    "/static": "nobody's",
}
"""Every page that does not ask, with why."""
MACHINES = (
    "/api/messages",
    "/ssf/",
    "/oidc/",
    "/scim/",
    "/slack/",
    "/.well-known/",
    "/mcp",
    "/api/v1",
    "/openapi.json",
)
"""Ways in that no browser of a person's has a session for: each proves its own caller."""


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    policies = company_policies(tmp_path, 'principal.department == "legal"')
    async with web_stage(tmp_path, clock, policies=policies) as everything:
        yield everything


def ways(routes: list[Any]) -> list[str]:
    found = []
    for route in routes:
        if isinstance(route, Mount):
            found.append(route.path)
        elif isinstance(route, Route):
            found += [f"{method} {route.path}" for method in sorted((route.methods or set()) - {"HEAD"})]
    return found


async def form_token(stage: Stage, browser: Browser) -> str:
    """What the forms of this browser carry; a minute later, since a browser has a budget of requests."""
    stage.clock.advance(seconds=20)
    return fields_of(await browser.get("/signout"))["csrf_token"]


async def go(stage: Stage, browser: Browser, way: str) -> Any:
    method, _, path = way.partition(" ")
    path = path.format(handle=HANDLE, provider="corp", platform="playground")
    if method == "GET":
        return await browser.get(path)
    token = await form_token(stage, browser)
    return await browser.post(path, {"csrf_token": token, "decision": "yes", "code": "123456"})


async def keep_out(stage: Stage, name: str) -> None:
    """Somebody moves to the department that is not let in."""

    def moves(tx: Transaction) -> None:
        person = tx.persons.find(stage.identity(name))
        assert person is not None
        tx.persons.save(replace(person, department="legal"))

    await stage.database.write(moves)


async def test_every_page_asks_or_is_one_of_the_few_that_do_not(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    await stage.link(stage.browser(), "raj")  # an administrator
    asking = [way for way in ways(stage.app.routes) if way not in EXEMPT]
    assert len(asking) > 25
    before = {way: await go(stage, browser, way) for way in asking}
    assert not [way for way, answer in before.items() if SENTENCE in answer.text], "john is let in"
    await keep_out(stage, "john")
    stage.clock.advance(minutes=2)  # a browser's budget of requests
    after = {way: await go(stage, browser, way) for way in asking}
    assert [way for way, answer in after.items() if (answer.status_code, SENTENCE in answer.text) != (403, True)] == []
    for way in EXEMPT:
        if way != "/static":
            assert SENTENCE not in (await go(stage, browser, way)).text, way


async def test_a_whole_installation_has_no_page_beside_those(tmp_path: Path, clock: FixedClock, stage: Stage) -> None:
    known = {*ways(stage.app.routes)}
    with FakeTeams(now=clock).running() as teams, FakeEntra(now=clock).running() as entra:
        folder = tmp_path / "whole"
        folder.mkdir()
        async with teams_installation(folder, teams, entra, origin=HTTPS, clock=clock) as site:
            found = ways(site.running.app.routes)
    assert [way for way in found if way not in known and not way.partition(" ")[2].startswith(MACHINES)] == []


async def test_being_kept_out_is_written_down_and_changes_nothing(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    await stage.link(stage.browser(), "raj")  # an administrator
    await keep_out(stage, "john")
    assert (await go(stage, browser, "POST /enrol")).status_code == 403
    [record] = [one for one in await stage.audit() if one.event.code == "page.not_let_in"]
    assert (record.event.decision, record.event.principal) == ("deny", stage.identity("john").key)
    assert not await stage.database.read(lambda tx: factors.of_person(tx, stage.identity("john")))


async def test_the_first_factor_of_the_first_administrator_needs_nobody_to_let_them_in(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    await keep_out(stage, "john")
    assert SENTENCE not in (await go(stage, browser, "GET /enrol")).text
    await stage.link(stage.browser(), "raj")  # an administrator
    assert SENTENCE in (await go(stage, browser, "GET /enrol")).text


async def test_a_rule_about_a_workspace_counts_by_the_chats_of_the_person(tmp_path: Path, clock: FixedClock) -> None:
    policies = company_policies(tmp_path, 'context.session.workspace != "demo"')
    async with web_stage(tmp_path, clock, policies=policies) as stage:
        browser = stage.browser()
        await stage.link(browser, "john")
        assert SENTENCE not in (await browser.get("/me")).text
        await stage.database.write(lambda tx: tx.links.remove(stage.channel("john")))
        assert SENTENCE in (await browser.get("/me")).text
