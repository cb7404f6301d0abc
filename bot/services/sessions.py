"""Sessions: opened by a sign-in, checked by one statement at use, ended by limits, by people and by the provider."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.identity import ChannelIdentity, Employee, Issuer, LinkedIdentity, Person, Role, Subject
from bot.domain.session import BrowserSession, Session, SessionLimits
from bot.ports.database import Transaction
from bot.ports.identity_provider import SignIn, VerifiedClaims

SESSION_ID_BYTES = 24
BROWSER_SESSION_SECONDS = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an ending destroyed."""

    sessions: int
    browsers: int
    proposals: int


def identity_of(claims: VerifiedClaims) -> LinkedIdentity:
    """Issuer and subject: the identity, and nothing else is."""
    return LinkedIdentity(issuer=Issuer(claims.issuer), subject=Subject(claims.subject))


def remember_person(tx: Transaction, provider: str, claims: VerifiedClaims, now: datetime) -> Person:
    """Insert or refresh the person from verified claims. A lock stays: the provider never lifts it."""
    identity = identity_of(claims)
    known = tx.persons.find(identity)
    roles = frozenset(Role(role) for role in claims.roles if role in Role.__members__.values())
    return tx.persons.save(
        Person(
            identity=identity,
            provider=provider,
            username=claims.username,
            display_name=claims.display_name,
            email=claims.email,
            roles=roles,
            department=claims.department,
            region=claims.region,
            manager=None if claims.manager is None else Subject(claims.manager),
            employee=None if claims.employee_number is None else Employee(claims.employee_number),
            locale=claims.locale,
            timezone=claims.timezone,
            locked=known.locked if known else False,
            lock_reason=known.lock_reason if known else "",
            idp_checked_at=now,
            version=known.version if known else 0,
        )
    )


def open_session(
    tx: Transaction, channel: ChannelIdentity, sign_in: SignIn, limits: SessionLimits, now: datetime
) -> Session:
    """Open a chat session under a new id (ASVS 7.2.4), ending any earlier one of this chat account."""
    claims = sign_in.claims
    session = Session(
        id=secrets.token_urlsafe(SESSION_ID_BYTES),
        channel=channel,
        identity=identity_of(claims),
        opened_at=now,
        last_used_at=now,
        absolute_until=now + limits.absolute,
        auth_time=claims.auth_time or claims.issued_at,
        acr=claims.acr,
        amr=claims.amr,
    )
    tx.sessions.open(session)
    return session


def open_browser(tx: Transaction, claims: VerifiedClaims | None, now: datetime) -> BrowserSession:
    """Open a browser session under a new id; the caller sets the cookie."""
    session = BrowserSession(
        id=secrets.token_urlsafe(SESSION_ID_BYTES),
        identity=None if claims is None else identity_of(claims),
        opened_at=now,
        until=now + timedelta(seconds=BROWSER_SESSION_SECONDS),
        auth_time=None if claims is None else (claims.auth_time or claims.issued_at),
        amr=() if claims is None else claims.amr,
    )
    tx.browsers.open(session)
    return session


def end_everything(tx: Transaction, identity: LinkedIdentity) -> Ended:
    """End a person's sessions on every platform and in every browser, tokens, proofs and what is pending."""
    sessions = tx.sessions.end_all(identity)
    browsers = tx.browsers.end_all(identity)
    proposals = tx.proposals.void_all(identity)
    tx.proofs.void_all(identity)
    tx.tokens.destroy(identity)
    return Ended(sessions=sessions, browsers=browsers, proposals=proposals)
