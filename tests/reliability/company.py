"""A company of pairs for the campaigns: an asker and who decides, with accounts, sessions, tokens, authenticators."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.connectors.demo.database import DemoDatabase
from adapters.idp.oidc import OidcProvider
from bot.domain.identity import ChannelIdentity, Link, Platform
from bot.domain.session import SessionLimits
from bot.domain.totp import code_at
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import SignIn
from bot.services import step_up
from bot.services.sessions import identity_of, open_session, remember_person
from tests.fakes.openid_provider import AUTHORITY, CLIENT_ID, CLIENT_SECRET, FakeOpenIdProvider
from tests.fakes.slack_workspace import TEAM

PROVIDER = "corp"
LIMITS = SessionLimits(idle=timedelta(hours=1), absolute=timedelta(hours=12))
REDIRECT = "http://127.0.0.1:9/signin/callback/corp"
AT_ONCE = 40


@dataclass(slots=True, kw_only=True)
class Member:
    """Somebody of the company."""

    name: str
    seed: str = ""

    @property
    def account(self) -> str:
        """Their chat account."""
        return "U" + self.name.upper()

    @property
    def employee(self) -> str:
        """Their number in the HR system."""
        return "E" + self.name.upper()

    def code(self) -> str:
        """What their authenticator shows."""
        return code_at(self.seed, datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Who asks, and who decides."""

    asker: Member
    boss: Member


def pairs_of(count: int) -> list[Pair]:
    """So many pairs."""
    return [Pair(asker=Member(name=f"a{n}"), boss=Member(name=f"b{n}")) for n in range(count)]


def members(pairs: list[Pair]) -> list[Member]:
    """Everybody of them."""
    return [member for pair in pairs for member in (pair.boss, pair.asker)]


class LastingProvider(FakeOpenIdProvider):
    """Refresh tokens last, as Entra ID's do: what a killed process took with it may be shown again."""

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        shown = form.get("refresh_token", "")
        kept = self.grants.get(shown)
        answer = super()._token(form)
        if kept is not None:
            self.grants[shown] = kept
        return answer


@contextmanager
def provider() -> Iterator[LastingProvider]:
    """The company's identity provider, running."""
    running = LastingProvider(lambda: datetime.now(UTC))
    describe(running)
    try:
        yield running
    finally:
        running.close()


def describe(running: FakeOpenIdProvider) -> None:
    """What its tokens say of everybody."""
    running.manners.claims = lambda claims: (
        claims
        | {
            "preferred_username": claims["sub"],
            "name": claims["sub"].upper(),
            "roles": ["employee"],
            "department": "sales",
            "region": "eu",
            "employee_number": "E" + str(claims["sub"]).upper(),
        }
    )


def provider_settings(running: FakeOpenIdProvider) -> dict[str, str]:
    """How a process is told of it."""
    prefix = f"DOORWARD_IDPS__{PROVIDER.upper()}__"
    return {
        f"{prefix}AUTHORITY": AUTHORITY,
        f"{prefix}TRANSPORT_URL": running.transport_url,
        f"{prefix}CLIENT_ID": CLIENT_ID,
        f"{prefix}CLIENT_SECRET": CLIENT_SECRET,
    }


async def settle(
    database: Database, running: FakeOpenIdProvider, pairs: list[Pair], hr: Path, *, ago: timedelta = timedelta(0)
) -> None:
    """Everybody signed in with a second factor, so long ago, and known to the HR system."""
    await asyncio.to_thread(_employ, hr, pairs)
    adapter = OidcProvider(
        name=PROVIDER,
        kind="oidc",
        authority=AUTHORITY,
        transport_url=running.transport_url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )
    everybody = members(pairs)
    try:
        for start in range(0, len(everybody), AT_ONCE):
            some = everybody[start : start + AT_ONCE]
            signed = [await _sign_in(adapter, running, member) for member in some]
            seeds = await database.write(_let_in(list(zip(some, signed, strict=True)), ago))
            for member, seed in zip(some, seeds, strict=True):
                member.seed = seed
    finally:
        await adapter.close()


async def _sign_in(adapter: OidcProvider, running: FakeOpenIdProvider, member: Member) -> SignIn:
    attempt = await adapter.begin_sign_in(redirect_uri=REDIRECT, state=member.name)
    response = running.authorize(attempt.authorize_url, subject=member.name)
    return await adapter.complete_sign_in(flow=attempt.flow, response=response, now=datetime.now(UTC))


def _let_in(some: list[tuple[Member, SignIn]], ago: timedelta) -> Any:
    now = datetime.now(UTC) - ago

    def work(tx: Transaction) -> list[str]:
        return [_one(tx, member, signed, now) for member, signed in some]

    return work


def _one(tx: Transaction, member: Member, signed: SignIn, now: datetime) -> str:
    channel = ChannelIdentity(platform=Platform.SLACK, tenant=TEAM, account=member.account)
    identity = identity_of(signed.claims)
    remember_person(tx, PROVIDER, signed.claims, now)
    tx.links.insert(Link(channel=channel, identity=identity, provider=PROVIDER, linked_at=now))
    open_session(tx, channel, replace(signed), LIMITS, now)
    tx.tokens.save(identity, signed.token_cache, expected_version=None, now=now)
    then = now - timedelta(minutes=10)
    enrolment = step_up.begin_enrolment(tx, identity, then)
    assert enrolment is not None
    code = code_at(enrolment.seed, then)
    checked = step_up.check_code(tx, identity, code, path=step_up.CodePath.PAGE, now=then, enrolling=True)
    assert not isinstance(checked, step_up.CodeRefusal)
    return enrolment.seed


def _employ(hr: Path, pairs: list[Pair]) -> None:
    DemoDatabase(hr, datetime.now(UTC).date()).close()
    with closing(sqlite3.connect(hr, timeout=30)) as raw, raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(employee)")]
        model = dict(zip(columns, raw.execute("SELECT * FROM employee WHERE id = 'E1001'").fetchone(), strict=True))
        for pair in pairs:
            for member, manager in ((pair.boss, None), (pair.asker, pair.boss.employee)):
                name = member.name.upper()
                row = model | {"id": member.employee, "username": member.name, "name": name, "first_name": name}
                row["manager"] = manager
                raw.execute(f"INSERT INTO employee VALUES ({', '.join('?' * len(columns))})", list(row.values()))  # noqa: S608 - our own names


def leaves(hr: Path) -> list[tuple[str, str, str, int]]:
    """Employee, first day, state, and how often it was asked for, of what was asked for in the campaign."""
    with closing(sqlite3.connect(hr, timeout=30)) as raw:
        return list(
            raw.execute(
                "SELECT employee, start_on, state, count(*) FROM leave WHERE employee LIKE 'EA%'"
                " GROUP BY employee, start_on"
            )
        )


def written(hr: Path) -> int:
    """How many writes the HR system did."""
    with closing(sqlite3.connect(hr, timeout=30)) as raw:
        (count,) = raw.execute("SELECT count(*) FROM done").fetchone()
    return int(count)
