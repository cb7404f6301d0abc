"""Entra ID and Microsoft Graph on loopback: accounts and groups a test may change, Graph's own limits and errors."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.openid_provider import FakeOpenIdProvider

TENANT = "9f1f2d52-3a6c-4c7e-8f6b-1c1b9e6f0a11"
LOGIN = "https://login.microsoftonline.example"
GRAPH = "https://graph.microsoft.example"
GRAPH_CLIENT, GRAPH_SECRET = "the-asking-application", "a secret of the asking application"
GROUPS_A_CALL = 20


@dataclass
class Account:
    """A user of the directory."""

    id: str
    enabled: bool = True
    groups: set[str] = field(default_factory=set)
    valid_from: datetime | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class Trouble:
    """What Graph answers instead, while it is set."""

    status: int
    code: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


class FakeGraph:
    """Graph with a login service of its own; `now` is its clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.accounts: dict[str, Account] = {}
        self.permissions = {"User.Read.All", "GroupMember.Read.All", "User.RevokeSessions.All"}
        self.trouble: Trouble | None = None
        self.next_link = ""
        """Where it sends for the next page, if not to itself."""
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.tokens_given = 0
        self.challenge = ""
        """What an application token has to bear, once set."""
        self.weak_tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.transport_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def give_token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The login service's answer to client credentials."""
        if (form.get("client_id"), form.get("client_secret")) != (GRAPH_CLIENT, GRAPH_SECRET):
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"}
        if form.get("scope", "").split()[0] != f"{GRAPH}/.default":
            return 400, {"error": "invalid_scope", "error_description": "AADSTS70011"}
        if self.challenge and form.get("claims") != self.challenge:
            token = secrets.token_urlsafe(24)  # good for nothing that takes the claims
            self.weak_tokens.add(token)
            return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token}
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        self.tokens_given += 1
        return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token}

    def answer(self, method: str, target: str, bearer: str, body: Any) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of one request."""
        parts = urlsplit(target)
        self.requests.append(f"{method} {parts.path}")
        if self.trouble is not None:
            trouble = self.trouble
            text = trouble.body if trouble.body is not None else self._error(trouble.code)
            return trouble.status, trouble.headers, text
        if bearer in self.weak_tokens:
            encoded = base64.b64encode(self.challenge.encode()).decode()
            header = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
            return 401, {"www-authenticate": header}, self._error("InvalidAuthenticationToken")
        if bearer not in self.tokens:
            return 401, {}, self._error("InvalidAuthenticationToken")
        version, collection, object_id, *rest = parts.path.strip("/").split("/")
        if (version, collection, method, rest) == ("v1.0", "groups", "GET", ["transitiveMembers"]):
            return self._members(object_id, parse_qs(parts.query))
        if (version, collection) != ("v1.0", "users"):
            return 404, {}, self._error("ResourceNotFound")
        account = self.accounts.get(object_id)
        if account is None:
            return 404, {}, self._error("Request_ResourceNotFound")
        if method == "GET" and not rest:
            return self._user(account, parse_qs(parts.query))
        if method == "POST" and rest == ["checkMemberGroups"]:
            return self._member_of(account, body)
        if method == "POST" and rest == ["revokeSignInSessions"]:
            return self._revoke(account)
        return 400, {}, self._error("BadRequest")

    def _user(self, account: Account, query: dict[str, list[str]]) -> tuple[int, dict[str, str], str]:
        if "User.Read.All" not in self.permissions:
            return 403, {}, self._error("Authorization_RequestDenied")
        known: dict[str, Any] = {"id": account.id, "accountEnabled": account.enabled, **account.properties}
        at = account.valid_from or datetime(2020, 1, 1, tzinfo=UTC)
        known["signInSessionsValidFromDateTime"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        selected = query.get("$select", ["id,displayName"])[0].split(",")
        found = {name: known.get(name) for name in selected}
        return 200, {}, json.dumps({"@odata.context": f"{GRAPH}/v1.0/$metadata#users/$entity", **found})

    def _member_of(self, account: Account, body: Any) -> tuple[int, dict[str, str], str]:
        if "GroupMember.Read.All" not in self.permissions:
            return 403, {}, self._error("Authorization_RequestDenied")
        asked = body.get("groupIds", []) if isinstance(body, dict) else []
        if not 0 < len(asked) <= GROUPS_A_CALL:
            return 400, {}, self._error("Request_BadRequest")
        return 200, {}, json.dumps({"value": [group for group in asked if group in account.groups]})

    def _members(self, group: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], str]:
        """Two a page whatever is asked for, and a group among them."""
        if "GroupMember.Read.All" not in self.permissions:
            return 403, {}, self._error("Authorization_RequestDenied")
        inside = [account for account in self.accounts.values() if group in account.groups]
        start = int(query.get("$skiptoken", ["0"])[0])
        selected = query.get("$select", ["id"])[0].split(",")
        known = [{"id": one.id, "accountEnabled": one.enabled, **one.properties} for one in inside[start : start + 2]]
        page: dict[str, Any] = {
            "value": [
                {"@odata.type": "#microsoft.graph.group", "id": "nested"},
                *({"@odata.type": "#microsoft.graph.user", **{n: one.get(n) for n in selected}} for one in known),
            ]
        }
        if start + 2 < len(inside):
            base = f"{GRAPH}/v1.0/groups/{group}/transitiveMembers"
            page["@odata.nextLink"] = self.next_link or f"{base}?$select={','.join(selected)}&$skiptoken={start + 2}"
        return 200, {}, json.dumps(page)

    def _revoke(self, account: Account) -> tuple[int, dict[str, str], str]:
        if "User.RevokeSessions.All" not in self.permissions:
            return 403, {}, self._error("Authorization_RequestDenied")
        account.valid_from = self.now()
        return 200, {}, json.dumps({"value": True})

    def _error(self, code: str) -> str:
        """Graph's shape of an error. See: learn.microsoft.com/graph/errors"""
        inner = {"date": "2026-11-16T09:00:00", "request-id": "r", "client-request-id": "c"}
        return json.dumps({"error": {"code": code, "message": f"{code}: a sentence.", "innerError": inner}})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        graph = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(json.loads(body) if body else None)

            def _answer(self, body: Any) -> None:
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, headers, text = graph.answer(self.command, self.path, bearer, body)
                payload = text.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        return Handler


class FakeEntra(FakeOpenIdProvider):
    """One tenant's login service: v2 issuer, `oid` and `tid`, and no revocation endpoint."""

    def __init__(self, now: Callable[[], datetime], graph: FakeGraph) -> None:
        super().__init__(now, authority=f"{LOGIN}/{TENANT}")
        self.issuer = f"{self.authority}/v2.0"
        self.graph = graph
        self.manners.claims = self._as_entra
        self.manners.metadata = {"revocation_endpoint": None}

    def answer(self, method: str, target: str, form: dict[str, str]) -> tuple[int, Any]:
        """Client credentials are Graph's business."""
        if form.get("grant_type") == "client_credentials":
            return self.graph.give_token(form)
        return super().answer(method, target, form)

    @staticmethod
    def object_id(subject: str) -> str:
        """The account of a subject: the subject is pairwise, the object id is not."""
        return f"oid-{subject}"

    def _as_entra(self, claims: dict[str, Any]) -> dict[str, Any]:
        return claims | {"tid": TENANT, "oid": self.object_id(claims["sub"]), "ver": "2.0"}


@contextmanager
def fake_entra(now: Callable[[], datetime]) -> Iterator[tuple[FakeEntra, FakeGraph]]:
    """Both, closed at the end."""
    graph = FakeGraph(now)
    entra = FakeEntra(now, graph)
    try:
        yield entra, graph
    finally:
        entra.close()
        graph.close()
