"""Sessions: opened by a sign-in, checked by one statement at use, ended by limits, by people and by the provider."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.audit import EventType
from bot.domain.identity import Acquaintance, ChannelIdentity, Employee, Issuer, LinkedIdentity, Person, Role, Subject
from bot.domain.session import BrowserSession, Session, SessionLimits, SessionState, Standing
from bot.domain.signal import SignalSource, suspension
from bot.errors import IntegrityAlarm
from bot.ports.database import Transaction
from bot.ports.identity_provider import SignIn, VerifiedClaims
from bot.services.audit_trail import Scribe
from bot.services.people import identity_from_key
from bot.services.provisioned_attributes import with_provisioned
from bot.services.token_revocation import retire

SESSION_ID_BYTES = 24
BROWSER_SESSION_SECONDS = 1800
AUTH_TIME_LEEWAY = timedelta(seconds=60)
"""The provider's clock is not ours."""
PROVIDER_SESSION_SECONDS = 86_400
"""How long it is kept whose the provider's session is: as long as one of ours may last."""


OVER = {SessionState.EXPIRED: "absolute", SessionState.IDLE: "idle"}
"""What a look-up finds over, and by which limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an ending destroyed."""

    sessions: int
    browsers: int
    proposals: int


def identity_of(claims: VerifiedClaims) -> LinkedIdentity:
    """Issuer and subject: the identity, and nothing else is."""
    return LinkedIdentity(issuer=Issuer(claims.issuer), subject=Subject(claims.subject))


def remember_person(
    tx: Transaction,
    provider: str,
    claims: VerifiedClaims,
    now: datetime,
    *,
    said_at: datetime | None = None,
    piloted: frozenset[str] = frozenset(),
) -> Person:
    """Insert or refresh the person from verified claims. A lock stays: the provider never lifts it.

    `said_at` is when the provider said it, where that was not just now; what it said since then is kept.
    Of the provider's groups only those in `piloted` are kept.
    Raises `IntegrityAlarm` where the row of somebody who was here before is gone.
    """
    identity = identity_of(claims)
    claims = with_provisioned(tx, identity, claims)
    if claims.session is not None:
        until = now + timedelta(seconds=PROVIDER_SESSION_SECONDS)
        tx.signals.note_session(claims.issuer, claims.session, identity, until=until)
    known = tx.persons.find(identity) or _missed(tx, identity)
    if known is not None and said_at is not None and known.idp_checked_at > said_at:
        return known
    # Somebody who was disabled before ever coming here is locked from the first moment.
    barred = "" if known is not None else _barred(tx, identity)
    if known is None:
        _drop_own_gifts(tx, identity, claims.employee_number)
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
            # A refresh without a browser may name none: then it stays as it was.
            locale=claims.locale or (known.locale if known else ""),
            timezone=claims.timezone or (known.timezone if known else ""),
            locked=known.locked if known else bool(barred),
            lock_reason=known.lock_reason if known else barred,
            idp_checked_at=said_at or now,
            version=known.version if known else 0,
            groups=claims.groups & piloted,
        )
    )


def _drop_own_gifts(tx: Transaction, identity: LinkedIdentity, employee: str | None) -> None:
    """Roles that wait for somebody who turns out to be who gave them: nobody changes their own standing."""
    for grant in tx.roles.of_identity(identity):
        giver = tx.persons.find(identity_from_key(grant.granted_by))
        if employee and giver is not None and giver.employee == employee:
            tx.roles.remove(grant.id)


def _missed(tx: Transaction, identity: LinkedIdentity) -> Person | None:
    """None for somebody new, or whom an administrator lets in anew.

    A lock is part of the row, so a row that somebody deleted is not simply made again; nor is it where every other
    trace was taken out too: `save` asks a ledger apart.
    """
    if tx.persons.acquaintance(identity) is Acquaintance.READMITTED:
        return None
    if not tx.links.of_identity(identity) and not tx.audit.search(principal=identity.key, limit=1):
        return None
    known = tx.persons.find(identity)  # their first sign-in may have been through elsewhere a moment ago
    if known is None:
        raise IntegrityAlarm("the row of a person who was here before is missing")
    return known


def _barred(tx: Transaction, identity: LinkedIdentity) -> str:
    """The reason of a lock by a directory that has this person as inactive or deleted; empty when none has."""
    latest = {resource.client: resource for resource in reversed(tx.provisioned.about(identity))}
    off = [resource for resource in latest.values() if resource.deleted or not resource.active]
    return suspension(SignalSource(channel=off[0].client, issuer=identity.issuer)) if off else ""


def is_interactive(claims: VerifiedClaims, begun_at: datetime) -> bool:
    """Whether the person authenticated for the sign-in that began then (OIDC Core §2, `auth_time`).

    A provider that does not say when they did, or that let them in on a session of its own, proves who it was and not
    who is there.
    """
    return claims.auth_time is not None and claims.auth_time >= begun_at - AUTH_TIME_LEEWAY


def open_session(
    tx: Transaction,
    channel: ChannelIdentity,
    sign_in: SignIn,
    limits: SessionLimits,
    now: datetime,
    *,
    begun_at: datetime | None = None,
) -> Session:
    """Open a chat session under a new id (ASVS 7.2.4), ending any earlier one of this chat account.

    `begun_at` is when the sign-in began, where that was not just now.
    """
    claims = sign_in.claims
    session = Session(
        id=secrets.token_urlsafe(SESSION_ID_BYTES),
        channel=channel,
        identity=identity_of(claims),
        opened_at=now,
        last_used_at=now,
        absolute_until=now + limits.absolute,
        auth_time=claims.auth_time,
        acr=claims.acr,
        amr=claims.amr,
        interactive=is_interactive(claims, begun_at or now),
    )
    tx.sessions.open(session)
    return session


def note_over(tx: Transaction, channel: ChannelIdentity, identity: LinkedIdentity, reason: str, now: datetime) -> None:
    """What goes with a chat session that was ended by a limit: with the last one, tokens and what is pending."""
    if not tx.sessions.of_identity(identity):
        retire(tx, identity)
        tx.proposals.void_all(identity)
        tx.proofs.void_all(identity)
    scribe = Scribe(time=now, channel="scheduler", correlation="", principal=identity.key)
    tx.audit.append(scribe.event(EventType.SESSION_ENDED, resource=channel.key, code=f"session.{reason}"))


def end_seen_over(tx: Transaction, channel: ChannelIdentity, standing: Standing, now: datetime) -> None:
    """A session that was seen to be over stays so, whatever the clock does next."""
    if standing.state not in OVER or standing.person is None or not tx.sessions.end(channel):
        return
    note_over(tx, channel, standing.person.identity, OVER[standing.state], now)


def open_browser(tx: Transaction, claims: VerifiedClaims | None, now: datetime) -> BrowserSession:
    """Open a browser session under a new id; the caller sets the cookie."""
    session = BrowserSession(
        id=secrets.token_urlsafe(SESSION_ID_BYTES),
        identity=None if claims is None else identity_of(claims),
        opened_at=now,
        until=now + timedelta(seconds=BROWSER_SESSION_SECONDS),
        # Without it nobody can say how old the sign-in is: what needs a fresh one asks for one (`max_age=0`).
        auth_time=None if claims is None else claims.auth_time,
        amr=() if claims is None else claims.amr,
        acr=None if claims is None else claims.acr,
    )
    tx.browsers.open(session)
    return session


def end_tenant(tx: Transaction, tenant: str) -> int:
    """End every chat session of a workspace, organisation or tenant; how many. Links stay: signing in again is a press.

    Whoever was signed in there loses every browser session, proposal and unspent proof too: none of those says which
    chat it belongs to.
    """
    sessions = tx.sessions.of_tenant(tenant)
    for session in sessions:
        tx.sessions.end(session.channel)
    for identity in {session.identity for session in sessions}:
        tx.browsers.end_all(identity)
        tx.proposals.void_all(identity)
        tx.proofs.void_all(identity)
        tx.pending.drop_all(identity)
        if not tx.sessions.of_identity(identity):
            retire(tx, identity)
    return len(sessions)


def end_everything(tx: Transaction, identity: LinkedIdentity) -> Ended:
    """End a person's sessions on every platform and in every browser, tokens, proofs and what is pending."""
    sessions = tx.sessions.end_all(identity)
    browsers = tx.browsers.end_all(identity)
    proposals = tx.proposals.void_all(identity)
    tx.proofs.void_all(identity)
    tx.pending.drop_all(identity)
    retire(tx, identity)
    return Ended(sessions=sessions, browsers=browsers, proposals=proposals)
