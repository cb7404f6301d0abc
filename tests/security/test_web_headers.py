"""Every answer of the server carries the security headers: pages, refusals, faults, files, health."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from structlog.testing import capture_logs

from adapters.web.headers import security_headers
from adapters.web.routes import STATIC_SECONDS
from bot.domain.messages import IncomingMessage
from bot.errors import StorageUnavailable
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Stage, fields_of, web_stage

SECRET = "a sentence somebody typed"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


def missing(response: httpx2.Response, stage: Stage) -> list[str]:
    """The headers a response lacks, or has with another value."""
    wanted = security_headers(https=True, sign_in_origins=[stage.provider.transport_url])
    if response.url.path.startswith("/static/") and response.status_code == 200:
        wanted["cache-control"] = f"public, max-age={STATIC_SECONDS}"
    return [name for name, value in wanted.items() if response.headers.get_list(name) != [value]]


def paths(routes: list[BaseRoute]) -> list[tuple[str, str]]:
    """Every route with its method, made-up values in the place of parameters."""
    found = []
    for route in routes:
        if isinstance(route, Route):
            path = re.sub(r"\{[^}]+\}", "x" * 32, route.path)
            found += [(method, path) for method in sorted(route.methods or ())]
        elif isinstance(route, Mount):
            found.append(("GET", f"{route.path}/doorward.css"))
    return found


@pytest.mark.requirement("65")
async def test_every_route_answers_with_every_header(stage: Stage) -> None:
    routes = paths(stage.app.routes)
    assert len(routes) > 20
    for method, path in routes:
        for form in (None, {"csrf_token": "x", "decision": "yes"}):
            answer = await stage.browser().client.request(method, path, data=form)
            assert answer.status_code < 500, (method, path)
            assert missing(answer, stage) == [], (method, path, answer.status_code)


@pytest.mark.requirement("65")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/static/nowhere.css", 404),
        ("GET", "/static/../site.py", 404),
        ("DELETE", "/signin/start", 405),
        ("POST", "/healthz", 405),
        ("OPTIONS", "/consent/" + "x" * 32, 405),
        ("GET", "/signin/accounts", 405),
    ],
)
async def test_what_is_not_there_answers_with_them_too(stage: Stage, method: str, path: str, status: int) -> None:
    answer = await stage.browser().client.request(method, path)
    assert answer.status_code == status
    assert missing(answer, stage) == []
    assert "text/html" in answer.headers["content-type"]
    plain = await stage.browser().client.request(method, path, headers={"accept": "application/json"})
    assert plain.headers["content-type"].startswith("text/plain")
    assert missing(plain, stage) == []


@pytest.mark.requirement("65")
async def test_what_a_signed_in_person_sees_answers_with_them_too(stage: Stage) -> None:
    browser = stage.browser()
    answers = [await stage.link(browser, "john"), await browser.get("/enrol"), await browser.get("/signout")]
    consent = await stage.payslip_page("john")
    answers += [await browser.get(consent)]
    shown = await browser.press(answers[-1])
    stage.keep_seed("john", shown)
    answers += [shown, await browser.press(shown, code=stage.code("john"), decision="yes")]
    answers += [await browser.press(answers[-1])]
    for answer in answers:
        assert answer.status_code == 200
        assert missing(answer, stage) == []


def test_the_content_policy_gives_nothing_away() -> None:
    policy = security_headers(https=True, sign_in_origins=["https://login.example"])["content-security-policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["form-action"] == "'self' https://login.example"
    assert "unsafe" not in policy
    assert "*" not in policy


async def test_no_page_has_a_script_or_style_of_its_own(stage: Stage) -> None:
    browser = stage.browser()
    pages = [
        await browser.get(await stage.offer("john")),
        await stage.link(browser, "john"),
        await browser.get("/enrol"),
    ]
    for page in pages:
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text)


async def test_the_pages_cannot_be_kept_and_the_files_can(stage: Stage) -> None:
    browser = stage.browser()
    assert (await browser.get("/enrol")).headers["cache-control"] == "no-store"
    assert "max-age" in (await browser.get("/static/doorward.css")).headers["cache-control"]


# Faults


def failing(error: Callable[[], Exception]) -> Callable[[IncomingMessage, str | None], object]:
    async def resume(message: IncomingMessage, src_ip: str | None) -> object:
        raise error()

    return resume


@pytest.mark.requirement("65", "69")
@pytest.mark.parametrize(
    "error", [lambda: RuntimeError(SECRET), lambda: StorageUnavailable(SECRET), lambda: KeyError(SECRET)]
)
async def test_a_fault_is_told_without_a_word_of_it(
    tmp_path: Path, clock: FixedClock, error: Callable[[], Exception]
) -> None:
    async with web_stage(tmp_path, clock, extra={"resume": failing(error)}) as stage:
        browser = stage.browser()
        await stage.link(browser, "john")
        await stage.enrol(browser, "john")
        page = await browser.get(await stage.payslip_page("john"))
        with capture_logs() as logged:
            answer = await browser.press(page, code=stage.code("john"), decision="yes")
        assert answer.status_code == 503
        assert missing(answer, stage) == []
        assert SECRET not in answer.text
        assert "Traceback" not in answer.text
        assert SECRET not in str(logged)
        assert logged


@pytest.mark.requirement("74")
async def test_pages_refuse_when_nothing_can_be_written_down(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get(await stage.offer("john"))
    await stage.core.ingress.drain(1)
    await stage.close_database()
    for answer in (await browser.get("/enrol"), await browser.press(page)):
        assert answer.status_code == 503
        assert missing(answer, stage) == []
    assert (await browser.get("/healthz")).status_code == 200


async def test_a_header_a_route_sets_itself_stays(stage: Stage) -> None:
    async def own(_: Request) -> Response:
        return Response("ok", headers={"cache-control": "private", "content-security-policy": "default-src 'self'"})

    app = Starlette(routes=[Route("/own", own)], middleware=stage.app.user_middleware)
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=stage.origin)
    answer = await client.get("/own")
    await client.aclose()
    assert answer.headers.get_list("cache-control") == ["private"]
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_form_on_a_refused_page_is_none(stage: Stage) -> None:
    """A refusal has no token to take along."""
    refused = await stage.browser().get("/signin/start?ticket=nonsense")
    assert fields_of(refused) == {}
    assert "set-cookie" not in refused.headers
