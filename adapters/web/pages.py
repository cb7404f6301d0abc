"""Renders our pages, and turns whatever is raised into one: never a trace of the fault, always what to do next."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from adapters.web.cookies import BrowserCookie
from adapters.web.csrf import FIELD, CsrfGuard, Forged
from adapters.web.forms import read_form
from adapters.web.scribes import scribe_of
from adapters.web.site import Web
from adapters.web.templating import page_environment
from adapters.web.visitors import Visit, Visitors, preferred_voice
from adapters.web.way_back import chat_link, own_chat
from bot.domain.audit import EventType
from bot.domain.cards import Status
from bot.errors import DoorwardError, IntegrityAlarm, NotAllowed, Refusal, Unavailable
from bot.services import first_administrator
from bot.services.deciding import USE_BOT
from bot.services.no_longer_waiting import NoLongerWaiting, Why
from bot.texts.formats import clock_time
from bot.texts.sentences import Voice

OWN_RECORDS = "/me"
log = structlog.get_logger("doorward.web")
Page = Callable[[Visit], Awaitable[Response]]
Order = Callable[[Visit, dict[str, str]], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Asks(StrEnum):
    """When a page asks policy whether whoever is signed in may use Doorward at all."""

    ALWAYS = "always"
    WITH_ADMINISTRATOR = "with_administrator"
    """Not before there is a first administrator, whose factor is enrolled on the way to becoming one."""
    NEVER = "never"
    """What leads to being somebody, or away from it."""


class Pages:
    """What every page has in common."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.cookie = BrowserCookie(web.public_url, development=web.development)
        self.csrf = CsrfGuard(web.csrf_key, web.public_url)
        self._visitors = Visitors(database=web.database, clock=web.clock, cookie=self.cookie)

    def shows(self, page: Page, asks: Asks = Asks.ALWAYS) -> Endpoint:
        """An endpoint for a GET that shows something and changes nothing."""

        async def endpoint(request: Request) -> Response:
            visit = None
            try:
                visit = await self._visitors.receive(request)
                await self._let_in(visit, asks)
                return await page(visit)
            except DoorwardError as error:
                return await self._refused(request, visit, error)

        return endpoint

    def comes_back(self, page: Page) -> Endpoint:
        """An endpoint for the way back from a sign-in, which is a GET by its protocol: HEAD must not run it."""
        shown = self.shows(page, Asks.NEVER)

        async def endpoint(request: Request) -> Response:
            if request.method != "GET":
                return self.error(request, HTTPStatus.METHOD_NOT_ALLOWED, "405")
            return await shown(request)

        return endpoint

    def takes(self, order: Order, asks: Asks = Asks.ALWAYS) -> Endpoint:
        """An endpoint for a POST of one of our forms."""

        async def endpoint(request: Request) -> Response:
            visit = None
            try:
                visit = await self._visitors.receive(request)
                form = await read_form(request)
                self.csrf.check(request, None if visit.is_new else visit.form_anchor, form.get(FIELD, ""))
                await self._let_in(visit, asks)
                response = await order(visit, form)
            except DoorwardError as error:
                response = await self._refused(request, visit, error)
            return await self._with_new_id(visit, response)

        return endpoint

    async def _with_new_id(self, visit: Visit | None, response: Response) -> Response:
        """The answer, with the cookie of an id that was made for this browser, where that was written."""
        if visit is None or not visit.renewed or self.cookie.is_set(response):
            return response
        try:
            there = await self.web.database.read(lambda tx: tx.browsers.find(visit.browser_id, visit.now))
        except DoorwardError as error:
            log.warning("new_id_not_told", code=error.code)
            return response
        if there is not None:
            self.cookie.set(response, visit.browser_id)
        return response

    async def _let_in(self, visit: Visit, asks: Asks) -> None:
        """Whether whoever is signed in here may use Doorward at all. Raises `NotAllowed`."""
        if asks is Asks.NEVER or visit.known is None:
            return
        ever = partial(first_administrator.ever, now=visit.now)
        if asks is Asks.WITH_ADMINISTRATOR and not await self.web.database.read(ever):
            return
        if not await self.web.may(visit.owner, USE_BOT):
            raise NotAllowed(USE_BOT, code="page.not_let_in")

    def render(self, reader: Voice, template: str, *, status_code: int = 200, **variables: Any) -> HTMLResponse:
        """A page without a form, in the reader's language."""
        page = page_environment(reader.language).get_template(template)
        headers = {"content-language": reader.language}
        return HTMLResponse(page.render({**self.web.demo, **variables}), status_code, headers)

    def form(self, visit: Visit, template: str, *, status_code: int = 200, **variables: Any) -> HTMLResponse:
        """A page with a form; it gives a new browser its cookie, without which the form would not count."""
        token = self.csrf.token(visit.form_anchor)
        signed_in = visit.person is not None
        values = {"csrf_token": token, "signed_in": signed_in, **variables}
        response = self.render(visit.voice, template, status_code=status_code, **values)
        if visit.is_new:
            self.cookie.set(response, visit.browser_id)
        return response

    def message(
        self, visit: Visit, key: str, *, status: Status = Status.PLAIN, back_url: str = "", **values: object
    ) -> HTMLResponse:
        """A page with one sentence and what comes next, under `web.<key>` of the texts."""
        say = visit.voice.say
        following = say(f"web.{key}.next", **values) if visit.voice.has(f"web.{key}.next") else ""
        return self.render(
            visit.voice,
            "message.html",
            title=say(f"web.{key}.title", **values),
            sentence=say(f"web.{key}.sentence", **values),
            next_step=following,
            back_url=back_url,
            status=status.value,
        )

    async def ends(self, visit: Visit, key: str, *, status: Status = Status.PLAIN) -> HTMLResponse:
        """A page that something ends with: `message`, with the way back into the chat."""
        return self.message(visit, key, status=status, back_url=await self.way_back(visit))

    async def way_back(self, visit: Visit | None) -> str:
        """The link to the chat that this browser came from, or its person's own; empty where none is known."""
        if visit is None:
            return ""
        channel, person = visit.came_from, visit.person
        if channel is None and person is not None:
            try:
                channel = await self.web.database.read(lambda tx: own_chat(tx, person.identity))
            except DoorwardError as error:
                log.warning("no_way_back", code=error.code)
        return "" if channel is None else chat_link(self.web.teams_bot, channel)

    async def note_denied(self, visit: Visit, error: DoorwardError) -> None:
        """Write down that somebody who is signed in was refused a page."""
        event = scribe_of(visit.person, visit.now).event(EventType.ACCESS_DECIDED, decision="deny", code=error.code)
        try:
            await self.web.database.write(lambda tx: tx.audit.append(event))
        except DoorwardError:
            log.warning("refusal_not_written", code=error.code, correlation=event.correlation)

    async def _refused(self, request: Request, visit: Visit | None, error: DoorwardError) -> Response:
        """The page of an error of ours, after it was written down."""
        if isinstance(error, Refusal):
            decided = isinstance(error, NotAllowed) and not isinstance(error, Forged)
            if decided and visit is not None and visit.person is not None:
                await self.note_denied(visit, error)
            else:
                await self.web.rejected(error.code)
            if isinstance(error, NoLongerWaiting) and visit is not None:
                return self._gone(visit, error)
            return self.error(request, error.status, error.code, visit=visit, back_url=await self.way_back(visit))
        reference = secrets.token_hex(8)
        if isinstance(error, IntegrityAlarm):
            await self._alarm(error, reference)
            return self.error(request, HTTPStatus.FORBIDDEN, error.code, reference, visit=visit)
        log.warning("page_failed", code=error.code, correlation=reference)
        if isinstance(error, Unavailable):
            back_url = await self.way_back(visit)
            return self.error(request, error.status, error.code, reference, visit=visit, back_url=back_url)
        return self.error(request, HTTPStatus.FORBIDDEN, error.code, reference, visit=visit)

    def _gone(self, visit: Visit, error: NoLongerWaiting) -> Response:
        """The page of one's own request that no longer waits: which it was, what became of it, and what to do next."""
        gone, say = error.gone, visit.voice.say
        key = f"web.gone.{gone.why.value}"
        at = clock_time(gone.until, visit.owner.timezone, visit.voice.language)
        if "text/html" not in visit.request.headers.get("accept", "text/html"):
            return PlainTextResponse(f"{say(f'{key}.title', at=at)}\n", error.status)
        return self.render(
            visit.voice,
            "message.html",
            status_code=error.status,
            title=say(f"{key}.title", at=at),
            about=gone.headline,
            sentence=say(f"{key}.sentence"),
            next_step=say(f"{key}.next"),
            back_url=chat_link(self.web.teams_bot, gone.channel),
            status=(Status.ALLOWED if gone.why is Why.DONE else Status.WAITING).value,
        )

    async def _alarm(self, error: IntegrityAlarm, reference: str) -> None:
        log.critical("integrity_alarm", code=error.code, correlation=reference)
        scribe = replace(scribe_of(None, self.web.clock.now()), correlation=reference)
        event = scribe.event(EventType.INTEGRITY_ALARM, decision="error", code=error.code)
        try:
            await self.web.database.write(lambda tx: tx.audit.append(event))
        except DoorwardError:
            log.critical("integrity_alarm_not_written", correlation=reference)

    def error(
        self,
        request: Request,
        status: int,
        code: str,
        reference: str = "",
        *,
        visit: Visit | None = None,
        back_url: str = "",
    ) -> Response:
        """The page of a refusal, or a line of text for what is no browser."""
        reader = preferred_voice(request) if visit is None else visit.voice
        keys = (f"web.error.{code}", f"web.error.{status}", "web.error.any")
        key = next(key for key in keys if reader.has(f"{key}.title"))
        title = reader.say(f"{key}.title")
        if "text/html" not in request.headers.get("accept", "text/html"):
            return PlainTextResponse(f"{title}\n", status)
        denied = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        return self.render(
            reader,
            "error.html",
            status_code=status,
            title=title,
            sentence=reader.say(f"{key}.sentence"),
            next_step=reader.say(f"{key}.next"),
            reference=reference,
            back_url=back_url,
            back_label=reader.say("pages.shared.own_page" if back_url == OWN_RECORDS else "pages.shared.back_to_chat"),
            status=(Status.DENIED if denied else Status.BROKEN).value,
        )


def go(path: str) -> RedirectResponse:
    """On with a GET."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)
