"""A stateful Entra ID on loopback: one tenant's sign-in, ID tokens, Teams' SSO tokens, and on-behalf-of."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt

from tests.fakes.graph import FakeGraph
from tests.fakes.teams_server import APP_ID, APP_PASSWORD, TENANT, Person, rsa_key

LOGIN = "https://login.microsoftonline.com"
AUTHORITY = f"{LOGIN}/{TENANT}"
ISSUER = f"{AUTHORITY}/v2.0"
RESOURCE = f"api://botid-{APP_ID}"
DESKTOP = "1fec8e78-bce4-4aaf-ab1b-5451cc387264"
"""The client id of Teams on desktops and phones, as Microsoft publishes it."""
COMPANY_APP, COMPANY_SECRET = APP_ID, APP_PASSWORD
"""Bot, sign-in and the API that Teams' tokens are for: one registration, as docs/teams.md sets it up."""
ON_BEHALF = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Claims = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Code:
    """An authorization code that was given out."""

    person: Person
    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    claims: Claims = field(default_factory=dict)


@dataclass
class Manners:
    """How it behaves; honest at first."""

    claims: Callable[[Claims], Claims] = lambda claims: claims
    token: Callable[[str], str] = lambda token: token
    on_behalf_error: str = ""
    on_behalf_claims: str = ""
    wants: str = ""
    """A claims challenge: until somebody signed in with it, on-behalf-of and refresh are refused with it."""
    away: bool = False


@dataclass
class FakeEntra:
    """Runs on its own thread; `now` is its clock."""

    now: Callable[[], datetime]
    people: dict[str, Person] = field(default_factory=dict)
    """By object id."""
    manners: Manners = field(default_factory=Manners)
    codes: dict[str, Code] = field(default_factory=dict)
    grants: dict[str, Person] = field(default_factory=dict)
    asked_for: list[str] = field(default_factory=list)
    """The `claims` parameter of each authorization request."""
    satisfied: set[str] = field(default_factory=set)
    """Object ids of those who signed in with what is wanted."""
    redirect_uris: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    attributes: dict[str, Claims] = field(default_factory=dict)
    """Further claims of a person, by object id."""
    graph: FakeGraph | None = None
    """Whose application tokens it gives out."""

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.transport_url = f"{self.url}/{TENANT}"

    @contextmanager
    def running(self) -> Iterator[FakeEntra]:
        """Serve, then stop."""
        thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def authorize(self, url: str, person: Person) -> dict[str, str]:
        """What the browser of somebody who signs in here brings back. Refuses what Entra refuses."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert query["redirect_uri"] in self.redirect_uris, query["redirect_uri"]
        assert (query["client_id"], query["response_type"]) == (COMPANY_APP, "code")
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.people[person.oid] = person
        self.codes[code] = Code(
            person=person,
            client_id=query["client_id"],
            redirect_uri=query["redirect_uri"],
            nonce=query["nonce"],
            challenge=query["code_challenge"],
            claims=json.loads(query.get("claims", "{}")),
        )
        self.asked_for.append(query.get("claims", ""))
        return {"code": code, "state": query["state"]}

    def sso_token(self, person: Person, *, key_id: str = "entra", **changes: Any) -> str:
        """What Teams' client gets for the app it shows; a change to None leaves a claim out."""
        seconds = int(self.now().timestamp())
        claims: Claims = {
            "iss": f"{LOGIN}/{person.tenant}/v2.0",
            "aud": COMPANY_APP,
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + 3600,
            "azp": DESKTOP,
            "azpacr": "0",
            "name": person.name.title(),
            "oid": person.oid,
            "preferred_username": person.upn or f"{person.name}@corp.example",
            "scp": "access_as_user",
            "sub": subject(person),
            "tid": person.tenant,
            "ver": "2.0",
        }
        self.people[person.oid] = person
        honest = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": key_id, "typ": "JWT"}, honest, rsa_key(key_id))

    def id_token(self, person: Person, nonce: str | None = None) -> str:
        """An ID token, honest but for the manners."""
        seconds = int(self.now().timestamp())
        claims: Claims = {
            "iss": f"{LOGIN}/{person.tenant}/v2.0",
            "aud": COMPANY_APP,
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + 3600,
            "name": person.name.title(),
            "oid": person.oid,
            "preferred_username": person.upn or f"{person.name}@corp.example",
            "sub": subject(person),
            "tid": person.tenant,
            "ver": "2.0",
        }
        claims |= self.attributes.get(person.oid, {})
        claims |= {} if nonce is None else {"nonce": nonce}
        header = {"alg": "RS256", "kid": "entra", "typ": "JWT"}
        return self.manners.token(jwt.encode(header, self.manners.claims(claims), rsa_key("entra")))

    # The server

    def answer(self, method: str, target: str, form: dict[str, str]) -> tuple[int, Any]:
        """Status and body of one request."""
        path = urlsplit(target).path
        self.requests.append(f"{method} {path.rpartition('/')[2]} {form.get('grant_type', '')}".strip())
        if self.manners.away:
            return 503, {}
        if path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return 200, self._metadata()
        if path == f"/{TENANT}/discovery/v2.0/keys":
            return 200, {"keys": [dict(rsa_key("entra").as_dict(private=False)) | {"use": "sig"}]}
        if self.graph is not None and form.get("grant_type") == "client_credentials":
            return self.graph.give_token(form)
        if path == f"/{TENANT}/oauth2/v2.0/token" and method == "POST":
            return self._token(form)
        return 404, {}

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{self.transport_url}/oauth2/v2.0/authorize",
            "token_endpoint": f"{self.transport_url}/oauth2/v2.0/token",
            "jwks_uri": f"{self.transport_url}/discovery/v2.0/keys",
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
        }

    def _token(self, form: dict[str, str]) -> tuple[int, Any]:
        if (form.get("client_id"), form.get("client_secret")) != (COMPANY_APP, COMPANY_SECRET):
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "authorization_code":
            return self._redeemed(self.codes.pop(form["code"], None), form)
        if form["grant_type"] == ON_BEHALF:
            return self._on_behalf(form)
        person = self.grants.pop(form.get("refresh_token", ""), None)
        if person is not None and self._unmet(person):
            return self._challenged()
        return (400, {"error": "invalid_grant"}) if person is None else (200, self._issued(person))

    def _redeemed(self, code: Code | None, form: dict[str, str]) -> tuple[int, Any]:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if code is None or (code.challenge, code.redirect_uri) != (challenge, form.get("redirect_uri")):
            return 400, {"error": "invalid_grant"}
        wanted = json.loads(self.manners.wants or "{}")
        if wanted and all(claims.items() <= code.claims.get(member, {}).items() for member, claims in wanted.items()):
            self.satisfied.add(code.person.oid)
        return 200, self._issued(code.person, code.nonce)

    def _unmet(self, person: Person) -> bool:
        return bool(self.manners.wants) and person.oid not in self.satisfied

    def _challenged(self) -> tuple[int, Any]:
        return 400, {"error": "interaction_required", "suberror": "basic_action", "claims": self.manners.wants}

    def _on_behalf(self, form: dict[str, str]) -> tuple[int, Any]:
        if form.get("requested_token_use") != "on_behalf_of":
            return 400, {"error": "invalid_request"}
        if self.manners.on_behalf_error:
            body = {"error": self.manners.on_behalf_error, "suberror": "basic_action"}
            return 400, body | ({"claims": self.manners.on_behalf_claims} if self.manners.on_behalf_claims else {})
        try:
            claims = jwt.decode(form["assertion"], rsa_key("entra"), algorithms=["RS256"]).claims
        except ValueError:
            return 400, {"error": "invalid_grant"}
        person = self.people.get(claims.get("oid", ""))
        if person is None or claims.get("aud") not in {COMPANY_APP, RESOURCE}:
            return 400, {"error": "invalid_grant"}
        if self._unmet(person):
            return self._challenged()
        return 200, self._issued(person)

    def _issued(self, person: Person, nonce: str | None = None) -> dict[str, Any]:
        refresh_token = secrets.token_urlsafe(16)
        self.grants[refresh_token] = person
        return {
            "token_type": "Bearer",
            "scope": "openid profile email",
            "expires_in": 3600,
            "access_token": secrets.token_urlsafe(16),
            "refresh_token": refresh_token,
            "id_token": self.id_token(person, nonce),
            "client_info": base64.urlsafe_b64encode(
                json.dumps({"uid": person.oid, "utid": person.tenant}).encode()
            ).decode(),
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                status, answer = fake.answer(self.command, self.path, dict(parse_qsl(body)))
                raw = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = _serve  # noqa: N815 - the names the server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parameter's own name
                return

        return Handler


def subject(person: Person) -> str:
    """The pairwise subject: of this person at this registration, and not their object id."""
    return f"pairwise-{person.name}-{person.tenant[:4]}"


def elsewhere(person: Person, tenant: str) -> Person:
    """The same directory object id, as another tenant asserts it."""
    return replace(person, tenant=tenant)
