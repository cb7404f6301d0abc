"""A stateful OpenID provider on loopback whose keys, tokens and manners a test may set: the dishonest one too."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

AUTHORITY = "https://login.idp.example/corp"
CLIENT_ID = "client-of-doorward"
CLIENT_SECRET = "a secret of the test's own"
SUBJECT = "248289761001"

Claims = dict[str, Any]


@dataclass
class Grant:
    """A code or refresh token that was given out."""

    subject: str
    nonce: str | None
    challenge: str | None


@dataclass
class Manners:
    """How this provider behaves; honest at first."""

    claims: Callable[[Claims], Claims] = lambda claims: claims
    token: Callable[[str], str] = lambda token: token
    algorithm: str = "RS256"
    signing_key: Any = None
    key_id: str | None = "first"
    id_token_on_refresh: bool = True
    token_error: tuple[int, dict[str, str]] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    hangs: bool = False
    redirects: bool = False
    garbage: bool = False


class FakeOpenIdProvider:
    """Runs on its own thread; `now` is its clock."""

    def __init__(self, now: Callable[[], datetime], *, authority: str = AUTHORITY) -> None:
        self.now = now
        self.authority = authority
        self.manners = Manners()
        self.keys: dict[str, RSAKey] = {"first": RSAKey.generate_key(2048, {"kid": "first"})}
        self.codes: dict[str, Grant] = {}
        self.grants: dict[str, Grant] = {}
        self.revoked: list[str] = []
        self.requests: list[str] = []
        self.issuer = authority
        self._released = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.transport_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of whoever hangs, and stop."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def authorize(self, url: str, *, subject: str = SUBJECT) -> dict[str, str]:
        """What the browser of a person who signs in brings back."""
        query = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(16)
        self.codes[code] = Grant(subject=subject, nonce=query["nonce"], challenge=query["code_challenge"])
        return {"code": code, "state": query["state"], "iss": self.issuer}

    def rotate(self, key_id: str) -> None:
        """Sign with a new key, and publish no other."""
        self.keys = {key_id: RSAKey.generate_key(2048, {"kid": key_id})}
        self.manners.key_id = key_id

    def id_token(self, subject: str, nonce: str | None) -> str:
        """An ID token, honest but for the manners."""
        now = int(self.now().timestamp())
        claims: Claims = {"iss": self.issuer, "sub": subject, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims |= {"auth_time": now, "preferred_username": "john", "name": "John", "roles": ["staff"]}
        if nonce is not None:
            claims["nonce"] = nonce
        header = {"alg": self.manners.algorithm}
        if self.manners.key_id is not None:
            header["kid"] = self.manners.key_id
        key = self.manners.signing_key or self.keys[self.manners.key_id or "first"]
        return self.manners.token(jwt.encode(header, self.manners.claims(claims), key, [self.manners.algorithm]))

    def answer(self, method: str, target: str, form: dict[str, str]) -> tuple[int, Any]:
        """Status and body of one request."""
        path = urlsplit(target).path
        self.requests.append(f"{method} {path}")
        if path.endswith("/.well-known/openid-configuration"):
            return 200, self._metadata()
        if path == "/keys":
            return 200, {"keys": [key.as_dict(private=False) for key in self.keys.values()]}
        if path == "/token" and method == "POST":
            return self._token(form)
        if path == "/revoke" and method == "POST":
            self.revoked.append(form["token"])
            self.grants.pop(form["token"], None)
            return 200, {}
        return 404, {}

    def _metadata(self) -> dict[str, Any]:
        base = self.transport_url
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/keys",
            "revocation_endpoint": f"{base}/revoke",
            "authorization_response_iss_parameter_supported": True,
        } | self.manners.metadata

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.manners.token_error is not None:
            return self.manners.token_error
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "authorization_code":
            return self._redeem(self.codes.pop(form["code"], None), form)
        grant = self.grants.pop(form["refresh_token"], None)  # rotated: a second use finds nothing
        return self._issue(grant, nonce=None, with_id_token=self.manners.id_token_on_refresh)

    def _redeem(self, grant: Grant | None, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if grant is None or grant.challenge != challenge:
            return 400, {"error": "invalid_grant"}
        return self._issue(grant, nonce=grant.nonce, with_id_token=True)

    def _issue(self, grant: Grant | None, *, nonce: str | None, with_id_token: bool) -> tuple[int, dict[str, Any]]:
        if grant is None:
            return 400, {"error": "invalid_grant"}
        refresh_token = secrets.token_urlsafe(16)
        self.grants[refresh_token] = grant
        token: dict[str, Any] = {"access_token": "a", "token_type": "Bearer", "expires_in": 300}
        token["refresh_token"] = refresh_token
        if with_id_token:
            token["id_token"] = self.id_token(grant.subject, nonce)
        return 200, token

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(dict(parse_qsl(body)))

            def _answer(self, form: dict[str, str]) -> None:
                if provider.manners.hangs:
                    provider._released.wait()
                    return
                if provider.manners.redirects:
                    self.send_response(302)
                    self.send_header("Location", f"{provider.transport_url}/elsewhere")
                    self.end_headers()
                    return
                status, body = provider.answer(self.command, self.path, form)
                payload = b"<html>" if provider.manners.garbage else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        return Handler


@contextmanager
def fake_openid_provider(
    now: Callable[[], datetime] = lambda: datetime.now(UTC), *, authority: str = AUTHORITY
) -> Iterator[FakeOpenIdProvider]:
    """A running one, closed at the end."""
    provider = FakeOpenIdProvider(now, authority=authority)
    try:
        yield provider
    finally:
        provider.close()
