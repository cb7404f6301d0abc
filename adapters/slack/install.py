"""Installing into another workspace: `/slack/install` leads to Slack, `/slack/oauth_redirect` takes what comes back.

What comes back counts when all of this holds:

(1) the browser carries the cookie it was given when it left, and the state is of that browser, taken once, within ten
    minutes; whoever lacks the cookie consumes nothing;
(2) Slack's token endpoint, asked with our client secret, takes the code for our redirect address;
(3) the token is of our own app, and of a listed workspace or organisation; any other is revoked at once.

See: https://docs.slack.dev/authentication/installing-with-oauth
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.slack.installations import Installations
from adapters.slack.oauth import Granted, SlackOAuth
from adapters.slack.workspaces import is_ours
from bot.domain.interaction import Interaction
from bot.domain.limit import Limit
from bot.errors import PlatformRefused, Unavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.services.throttling import hit

START, BACK = "/slack/install", "/slack/oauth_redirect"
STATE_SECONDS = 600
STATE = "slack.install"
STARTS = Limit(count=60, window_seconds=60)
"""Of everybody together: installing is rare, and each start stores a row."""
MAX_PARAMETER = 512
NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}

_log = logging.getLogger("doorward.slack")


class Installing:
    """The two pages, which show nothing of their own."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        oauth: SlackOAuth,
        installations: Installations,
        workspaces: frozenset[str],
        app_id: str | None,
        public_url: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._oauth = oauth
        self._installations = installations
        self._workspaces = workspaces
        self._app_id = app_id
        self._redirect_uri = public_url.rstrip("/") + BACK
        self._secure = public_url.startswith("https:")
        self._cookie = "__Host-slack-install" if self._secure else "slack-install"

    def routes(self) -> list[Route]:
        """Both ways."""
        return [Route(START, self.start, methods=["GET"]), Route(BACK, self.back, methods=["GET"])]

    async def start(self, request: Request) -> Response:
        """Give the browser its cookie, and lead it to Slack. Raises `HTTPException`."""
        del request
        browser, now = secrets.token_urlsafe(32), self._clock.now()
        try:
            state = await self._database.write(lambda tx: _begin(tx, browser, now))
        except Unavailable:
            raise HTTPException(503) from None
        if state is None:
            raise HTTPException(429)
        response = RedirectResponse(self._oauth.authorize_url(state, self._redirect_uri), 302, headers=NO_STORE)
        # Lax, since the browser comes back by a link of Slack's.
        response.set_cookie(
            self._cookie, browser, max_age=STATE_SECONDS, secure=self._secure, httponly=True, samesite="lax", path="/"
        )
        return response

    async def back(self, request: Request) -> Response:
        """Take what Slack gave the browser. Raises `HTTPException`."""
        try:
            return await self._taken(request)
        except PlatformRefused as refusal:
            _log.warning("slack_install_refused error=%s", refusal.detail)
            await self._noted("", "slack.install.code")
            raise HTTPException(403) from None
        except Unavailable:
            raise HTTPException(503) from None

    async def _taken(self, request: Request) -> Response:
        state, code = _parameter(request, "state"), _parameter(request, "code")
        browser, now = request.cookies.get(self._cookie, ""), self._clock.now()
        # condition 1
        if not await self._database.write(lambda tx: _end(tx, state, browser, now)):
            await self._noted("", "slack.install.state")
            raise HTTPException(403)
        if not code:
            raise HTTPException(400)  # the person pressed Cancel at Slack
        # condition 2
        granted = await self._oauth.exchange(code, self._redirect_uri)
        # condition 3
        if not self._is_wanted(granted):
            await self._oauth.revoke(granted.token)
            await self._noted(granted.tenant, "slack.install.foreign")
            raise HTTPException(403)
        await self._installations.save(granted.installation(now))
        response = RedirectResponse(self._oauth.app_url(granted), 302, headers=NO_STORE)
        response.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response

    def _is_wanted(self, granted: Granted) -> bool:
        ours = self._app_id is None or hmac.compare_digest(granted.app, self._app_id)
        return ours and is_ours(granted.team, granted.enterprise, self._workspaces)

    async def _noted(self, tenant: str, code: str) -> None:
        await self._installations.refuse(tenant, code)


def _begin(tx: Transaction, browser: str, now: datetime) -> str | None:
    if not hit(tx, STATE, STARTS, now):
        return None
    until = now + timedelta(seconds=STATE_SECONDS)
    return tx.interactions.create(Interaction(kind=STATE, payload={}, audience=_hash(browser), until=until))


def _end(tx: Transaction, state: str, browser: str, now: datetime) -> bool:
    """Whether the state is this browser's own; taken only then."""
    found = tx.interactions.find(state, now=now) if state and browser else None
    if found is None or found.kind != STATE or not hmac.compare_digest(found.audience, _hash(browser)):
        return False
    return tx.interactions.take(state, now=now) is not None


def _hash(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()


def _parameter(request: Request, name: str) -> str:
    values: list[Any] = request.query_params.getlist(name)
    if len(values) > 1 or any(len(value) > MAX_PARAMETER for value in values):
        raise HTTPException(400)
    return str(values[0]) if values else ""
