"""Sign in with Slack, as Slack serves it: who the browser is, a code for it, and a token; the dishonest one too."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.fakes.slack_limits import Json, Refused

ISSUER = "https://slack.com"
CLIENT_ID, CLIENT_SECRET = "2141029472.691202649728", "e1b9e11dfcd19c1982d5de12921e17e8"
SESSION = "slack_d"
"""The cookie of a browser that is signed in to Slack: the account, as text."""
CODE_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for."""

    account: str
    nonce: str
    redirect_uri: str
    at: datetime


@dataclass
class Manners:
    """How tokens are made; honest at first."""

    claims: Callable[[Json], Json] = lambda claims: claims
    token: Callable[[str], str] = lambda token: token
    algorithm: str = "RS256"
    signing_key: Any = None
    key_id: str | None = "slack-1"
    keys: Any = None
    """What the key address answers instead of the keys."""


@cache
def a_key(name: str) -> RSAKey:
    """A key pair, made once a run."""
    return RSAKey.generate_key(2048, {"kid": name})


@dataclass
class SlackOpenId:
    """The OpenID Connect side of one workspace's app."""

    now: Callable[[], datetime]
    people: dict[str, Json]
    redirect_uris: set[str] = field(default_factory=set)
    codes: dict[str, Code] = field(default_factory=dict)
    manners: Manners = field(default_factory=Manners)
    tokens: list[str] = field(default_factory=list)
    """Every ID token that was given out."""

    def routes(self) -> list[Route]:
        """What browsers and apps reach outside the Web API."""
        return [
            Route("/openid/connect/authorize", self._authorize, methods=["GET"]),
            Route("/openid/connect/keys", self._keys, methods=["GET"]),
            Route("/signin/{account}", self._sign_in, methods=["GET"]),
        ]

    async def _sign_in(self, request: Request) -> Response:
        """A browser signs in to Slack as somebody."""
        account = request.path_params["account"]
        response = HTMLResponse(f"<p>Signed in to Slack as {account}", 200 if account in self.people else 404)
        response.set_cookie(SESSION, account, httponly=True)
        return response

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        account = request.cookies.get(SESSION, "")
        if query.get("client_id") != CLIENT_ID or query.get("redirect_uri") not in self.redirect_uris:
            return HTMLResponse("<p>Something went wrong: bad_redirect_uri", 400)
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            return HTMLResponse("<p>Something went wrong: invalid_scope", 400)
        if account not in self.people:
            return HTMLResponse("<p>Sign in to Slack", 200)
        return RedirectResponse(self.grant(account, dict(query)), 302)

    def grant(self, account: str, query: Json) -> str:
        """The address a browser that is signed in as this account is sent back to."""
        code = secrets.token_hex(16)
        redirect_uri = str(query["redirect_uri"])
        nonce = str(query.get("nonce", ""))
        self.codes[code] = Code(account=account, nonce=nonce, redirect_uri=redirect_uri, at=self.now())
        return f"{redirect_uri}?{urlencode({'code': code, 'state': query.get('state', '')})}"

    def redeem(self, arguments: Json) -> Json:
        """`openid.connect.token`: once for each code."""
        if arguments.get("client_id") != CLIENT_ID:
            raise Refused("invalid_client_id")
        if arguments.get("client_secret") != CLIENT_SECRET:
            raise Refused("bad_client_secret")
        if arguments.get("grant_type") != "authorization_code":
            raise Refused("invalid_grant_type")
        code = self.codes.pop(str(arguments.get("code")), None)
        if code is None or self.now() - code.at > timedelta(seconds=CODE_SECONDS):
            raise Refused("invalid_code")
        if arguments.get("redirect_uri") != code.redirect_uri:
            raise Refused("bad_redirect_uri")
        self.tokens.append(self.id_token(code.account, code.nonce))
        return {"access_token": "xoxp-never-used", "token_type": "Bearer", "id_token": self.tokens[-1]}

    def id_token(self, account: str, nonce: str) -> str:
        """An ID token, honest but for the manners."""
        now, person = int(self.now().timestamp()), self.people[account]
        claims: Json = {"iss": ISSUER, "sub": account, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims |= {"auth_time": now, "nonce": nonce, "name": person["name"], "https://slack.com/user_id": account}
        claims |= {"https://slack.com/team_id": person["team_id"], "https://slack.com/team_name": "company"}
        manners = self.manners
        header = {"alg": manners.algorithm, "typ": "JWT"} | ({"kid": manners.key_id} if manners.key_id else {})
        key = manners.signing_key or a_key("slack-1")
        return manners.token(jwt.encode(header, manners.claims(claims), key, [manners.algorithm]))

    async def _keys(self, _request: Request) -> Response:
        if self.manners.keys is not None:
            return JSONResponse(self.manners.keys)
        return JSONResponse(
            {"keys": [a_key("slack-1").as_dict(private=False), a_key("slack-2").as_dict(private=False)]}
        )
