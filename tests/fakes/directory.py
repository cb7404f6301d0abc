"""An identity provider in memory with the demonstration's people: accounts can be disabled, changed, or all be away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from adapters.idp.demo.people import BY_USERNAME
from bot.errors import AccountRevoked, ProviderUnavailable, SignInRefused
from bot.ports.clock import Clock
from bot.ports.identity_provider import Revalidation, SignIn, SignInAttempt, VerifiedClaims

ISSUER = "https://id.example"


@dataclass(slots=True, kw_only=True)
class FakeDirectory:
    """Implements `bot.ports.identity_provider.IdentityProvider`; a sign-in's code is the user name."""

    clock: Clock
    name: str = "test"
    away: bool = False
    asked: int = 0
    refused: int = 0
    """How often it was asked for anything while it was away."""
    disabled: set[str] = field(default_factory=set)
    rotates: bool = False
    """Refresh tokens rotate, and a used one ends the grant (RFC 9700 §4.14.2)."""
    answers_after: float = 0.0
    """Seconds of real time a refresh takes, so that others can come in between."""
    reused: int = 0
    revokes: bool = True
    """Whether it has a revocation endpoint (Entra ID has none)."""
    retry_after: float | None = None
    """What it says while it is away."""
    revoked: list[bytes] = field(default_factory=list)
    ends_everywhere: bool = True
    """Whether it can end every session of a person (only Entra ID can)."""
    ended_everywhere: list[str] = field(default_factory=list)
    """Whose company sessions were ended."""
    current: dict[str, int] = field(default_factory=dict)
    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    locales: dict[str, str] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    """The time zones it names; everybody else's is UTC, and an empty one is none."""

    def claims(self, username: str) -> VerifiedClaims:
        person = BY_USERNAME[username]
        now = self.clock.now()
        return VerifiedClaims(
            issuer=ISSUER,
            subject=username,
            tenant=None,
            username=username,
            display_name=person.name,
            email=person.email,
            roles=self.roles.get(username, frozenset(person.roles)),
            groups=self.groups.get(username, frozenset()),
            department=person.department,
            region=person.region,
            timezone=self.zones.get(username, "UTC"),
            manager=person.manager,
            employee_number=person.employee_number,
            acr=None,
            amr=("pwd",),
            auth_time=now,
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            locale=self.locales.get(username, "en"),
        )

    def sign_in(self, username: str) -> SignIn:
        return SignIn(claims=self.claims(username), token_cache=json.dumps({"username": username}).encode())

    async def begin_sign_in(
        self,
        *,
        redirect_uri: str,
        state: str,
        login_hint: str | None = None,
        max_age: int | None = None,
        acr_values: tuple[str, ...] = (),
        claims: str = "",
    ) -> SignInAttempt:
        self._reach()
        return SignInAttempt(authorize_url=f"{ISSUER}/authorize?state={state}", flow=state.encode())

    async def complete_sign_in(self, *, flow: bytes, response: Mapping[str, str], now: datetime) -> SignIn:
        self._reach()
        username = response.get("code", "")
        if flow.decode() != response.get("state") or username not in BY_USERNAME or username in self.disabled:
            raise SignInRefused(code="idp.denied")
        return self.sign_in(username)

    async def revalidate(self, *, subject: str, token_cache: bytes, now: datetime) -> Revalidation:
        self._reach()
        self.asked += 1
        kept = json.loads(token_cache)
        username = kept["username"]
        token_cache = await self._rotated(username, kept.get("refresh", 0)) if self.rotates else token_cache
        if username in self.disabled:
            raise AccountRevoked(subject)
        return Revalidation(claims=replace(self.claims(username), auth_time=None), token_cache=token_cache)

    async def _rotated(self, username: str, refresh: int) -> bytes:
        if refresh != self.current.get(username, 0):
            self.reused += 1
            raise AccountRevoked(username)
        self.current[username] = refresh + 1
        await asyncio.sleep(self.answers_after)
        return json.dumps({"username": username, "refresh": refresh + 1}).encode()

    async def revoke(self, *, token_cache: bytes) -> bool:
        self._reach()
        if self.revokes:
            self.revoked.append(token_cache)
        return self.revokes

    async def end_company_sessions(self, *, token_cache: bytes) -> bool:
        self._reach()
        username = json.loads(token_cache)["username"]
        if username in self.disabled:
            raise AccountRevoked(username)
        if self.ends_everywhere:
            self.ended_everywhere.append(username)
        return self.ends_everywhere

    async def ping(self) -> None:
        self._reach()

    def _reach(self) -> None:
        if self.away:
            self.refused += 1
            raise ProviderUnavailable("away", retry_after_seconds=self.retry_after)
