"""People, messages and rights to put into stores, and a database administrator who edits behind our back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import asyncpg

from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.answer import ApprovalRequest
from bot.domain.approval import Approval, AskedRequest, Substitution
from bot.domain.audit import AuditEvent, EventType
from bot.domain.break_glass import Finding, Review, Use
from bot.domain.cards import Audience, Card, Fact, Reply
from bot.domain.change import Change, Wanted
from bot.domain.effect import Effect, EffectState
from bot.domain.grant import Grant
from bot.domain.identity import (
    ChannelIdentity,
    Employee,
    Issuer,
    Link,
    LinkedIdentity,
    Person,
    Platform,
    Role,
    RoleGrant,
    Subject,
)
from bot.domain.installation import Installation
from bot.domain.messages import EventKind, IncomingMessage, Place, PlaceKind
from bot.domain.outbound import OutboxItem
from bot.domain.passkey import Passkey
from bot.domain.proof import Authenticator, ConsentKind, Proof, ProofMethod
from bot.domain.proposal import Proposal, Shown
from bot.domain.secret import Secret
from bot.domain.session import Session, SessionLimits
from bot.ports.database import Transaction
from bot.ports.provisioning import Provisioned, ProvisionedKind
from storage.postgres import PostgresDatabase
from storage.sqlite import SqliteDatabase

T = TypeVar("T")
V = TypeVar("V")
OpenDatabase = SqliteDatabase | PostgresDatabase
LIMITS = SessionLimits(idle=timedelta(hours=1), absolute=timedelta(hours=12))
JOHN = LinkedIdentity(issuer=Issuer("https://login.example/acme"), subject=Subject("john"))
MIA = LinkedIdentity(issuer=Issuer("https://login.example/acme"), subject=Subject("mia"))
JOHNS_CHAT = ChannelIdentity(platform=Platform.SLACK, tenant="E1/T1", account="U-john")
MIAS_CHAT = ChannelIdentity(platform=Platform.TEAMS, tenant="a-tenant", account="29:mia:with:colons")
PLACE = Place(platform=Platform.SLACK, tenant="E1/T1", conversation="D1", kind=PlaceKind.DIRECT, thread="171.1")


def an_installation(now: datetime, **changes: Any) -> Installation:
    installation = Installation(
        tenant="E1/T1",
        app="A1",
        bot="U1BOT",
        token=Secret("xoxe.xoxb-1"),
        renewal=Secret("xoxe-1"),
        token_until=now + timedelta(hours=12),
        installed_by="U1ADMIN",
        installed_at=now,
    )
    return replace(installation, **changes)


def a_person(now: datetime, identity: LinkedIdentity = JOHN, **changes: Any) -> Person:
    person = Person(
        identity=identity,
        provider="demo",
        username=str(identity.subject),
        display_name="Jöhn “J” Doe\u2028",
        email=None,
        roles=frozenset({Role.EMPLOYEE}),
        department="sales",
        region="eu",
        manager=MIA.subject,
        employee=Employee(f"E-{identity.subject}"),
        idp_checked_at=now,
    )
    return replace(person, **changes)


def a_link(now: datetime, channel: ChannelIdentity = JOHNS_CHAT, identity: LinkedIdentity = JOHN) -> Link:
    return Link(channel=channel, identity=identity, provider="demo", linked_at=now)


def a_session(
    now: datetime, channel: ChannelIdentity = JOHNS_CHAT, identity: LinkedIdentity = JOHN, **changes: Any
) -> Session:
    session = Session(
        id=f"secret-session-id-of-{identity.subject}",
        channel=channel,
        identity=identity,
        opened_at=now,
        last_used_at=now,
        absolute_until=now + LIMITS.absolute,
        auth_time=now - timedelta(seconds=3),
        acr="urn:acr:2",
        amr=("pwd", "otp"),
    )
    return replace(session, **changes)


def sign_in(tx: Transaction, now: datetime, channel: ChannelIdentity = JOHNS_CHAT, who: LinkedIdentity = JOHN) -> None:
    """Person, link and session, as a sign-in leaves them."""
    tx.persons.save(a_person(now, who))
    tx.links.insert(a_link(now, channel, who))
    tx.sessions.open(a_session(now, channel, who))


def a_role(now: datetime, identity: LinkedIdentity = JOHN, **changes: Any) -> RoleGrant:
    grant = RoleGrant(
        id="role-1",
        identity=identity,
        role=Role.HR_MANAGER,
        scope="sales",
        granted_by="raj",
        granted_at=now,
        until=now + timedelta(days=9),
    )
    return replace(grant, **changes)


def a_message(now: datetime, event_id: str = "Ev1", **changes: Any) -> IncomingMessage:
    message = IncomingMessage(
        event_id=event_id,
        kind=EventKind.MESSAGE,
        who=JOHNS_CHAT,
        place=PLACE,
        received_at=now,
        text="how many days of leave do I have? \U0001f334",
        fields={"note": "wéll"},
    )
    return replace(message, **changes)


def an_item(now: datetime, item_id: str = "item-1", **changes: Any) -> OutboxItem:
    card = Card(headline="You have 12 days", facts=(Fact(label="Left", value="12"),))
    item = OutboxItem(
        id=item_id, place=PLACE, to=JOHNS_CHAT, reply=Reply(audience=Audience.PERSON, card=card), created_at=now
    )
    return replace(item, **changes)


def an_action(identity: LinkedIdentity = JOHN) -> CanonicalAction:
    return CanonicalAction(
        principal=identity.key,
        capability="approve_leave",
        action="ApproveLeave",
        resource=ResourceRef(type="Leave", id="12"),
        arguments={"leave": "12", "note": "enjoy the mountains", "days": 3, "half": False, "until": None},
        salt="00" * 16,
    )


def a_proposal(now: datetime, proposal_id: str = "proposal-1", identity: LinkedIdentity = JOHN) -> Proposal:
    action = an_action(identity)
    return Proposal(
        id=proposal_id,
        identity=identity,
        channel=JOHNS_CHAT,
        place=PLACE,
        action=action,
        digest=action.digest,
        shown=Shown(headline="Approve the leave", facts=(Fact(label="Days", value="3"),)),
        facts_version="7",
        reading_set="",
        confirmed=False,
        method=ProofMethod.TOTP,
        consent=ConsentKind.PER_ACTION,
        confidential=False,
        source=None,
        created_at=now,
        until=now + timedelta(minutes=5),
    )


def a_proof(now: datetime, proof_id: str = "proof-1", identity: LinkedIdentity = JOHN, **changes: Any) -> Proof:
    proof = Proof(
        id=proof_id,
        identity=identity,
        method=ProofMethod.TOTP,
        phishing_resistant=False,
        kind=ConsentKind.PER_ACTION,
        binding="digest-1",
        at=now,
        until=now + timedelta(minutes=5),
    )
    return replace(proof, **changes)


def an_authenticator(now: datetime, authenticator_id: str = "totp-1", identity: LinkedIdentity = JOHN) -> Authenticator:
    return Authenticator(
        id=authenticator_id,
        identity=identity,
        method=ProofMethod.TOTP,
        name="Phone",
        created_at=now,
        confirmed_at=None,
        last_step=0,
        failures=0,
        disabled=False,
    )


def a_grant(now: datetime, grant_id: str = "grant-1", identity: LinkedIdentity = JOHN) -> Grant:
    action = an_action(identity)
    return Grant(
        id=grant_id,
        identity=identity,
        employee=Employee("E-john"),
        action=action,
        digest=action.digest,
        policy_hash="ab" * 32,
        issued_at=now,
        until=now + timedelta(seconds=60),
        correlation="c-1",
        mac="cd" * 32,
    )


def an_effect(now: datetime, effect_id: str = "effect-1", grant_id: str = "grant-1") -> Effect:
    return Effect(
        id=effect_id,
        grant=a_grant(now, grant_id),
        channel=JOHNS_CHAT,
        place=PLACE,
        proposal_id="proposal-1",
        source=None,
        state=EffectState.INTENDED,
        attempts=1,
        intended_at=now,
    )


def an_event(now: datetime, **changes: Any) -> AuditEvent:
    event = AuditEvent(
        time=now,
        type=EventType.ACCESS_DECIDED,
        principal=JOHN.key,
        channel=JOHNS_CHAT.key,
        action="ViewLeaveBalance",
        resource="Employee::E-john",
        decision="allow",
        rules=("own-low", "line-manager"),
        policy_hash="ab" * 32,
        correlation="c-1",
    )
    return replace(event, **changes)


async def each(database: OpenDatabase, work: Callable[[Transaction, V], T], values: Iterable[V]) -> list[T]:
    """`work` for every value, each in a transaction of its own."""

    async def one(value: V) -> T:
        return await database.write(lambda tx: work(tx, value))

    return [await one(value) for value in values]


async def by_hand(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run SQL as the database's administrator could, past all of our code; the rows it gives."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=5)) as connection:
            return connection.execute(statement).fetchall()
    administrator = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await administrator.fetch(statement)]
    finally:
        await administrator.close()


RECOVERY_CODE = "ABCDEFGHIJKLMNOP"


def a_passkey(now: datetime, passkey_id: str = "passkey-1", **changes: Any) -> Passkey:
    passkey = Passkey(
        id=passkey_id,
        identity=JOHN,
        name="this laptop",
        public_key=b"\xa5\x01\x02",
        sign_count=0,
        transports=("internal", "hybrid"),
        created_at=now,
    )
    return replace(passkey, **changes)


def a_resource(now: datetime, **changes: Any) -> Provisioned:
    known: dict[str, Any] = {
        "id": "resource-1",
        "client": "scim:corp",
        "kind": ProvisionedKind.GROUP,
        "name": "everybody",
        "external_id": "x-1",
        "identity": JOHN,
        "active": True,
        "document": "{}",
        "created_at": now,
        "changed_at": now,
    }
    return Provisioned(**known | changes)


def an_asked_request(now: datetime, **changes: Any) -> AskedRequest:
    request = ApprovalRequest(
        about="Leave::L-1",
        subject_name="Jöhn",
        owner="E-john",
        start=now.date(),
        end=now.date(),
        working_days=Decimal("0.5"),
        kind="",
        note="",
        approver="E-mia",
        by_hr=False,
        read_at=now,
        version="1",
    )
    asked = AskedRequest(
        about=request.about,
        request=request,
        identity=JOHN,
        asked_by=JOHNS_CHAT,
        facts_version="1",
        stage=0,
        asked_at=now,
        until=now + timedelta(days=14),
    )
    return replace(asked, **changes)


def an_approval(now: datetime, **changes: Any) -> Approval:
    approval = Approval(
        id="approval-1",
        about="Leave::L-1",
        facts_version="1",
        identity=MIA,
        employee="E-mia",
        name="Mia",
        on_behalf_of=None,
        digest="digest-1",
        method=ProofMethod.TOTP,
        phishing_resistant=False,
        at=now,
    )
    return replace(approval, **changes)


def a_substitution(now: datetime, **changes: Any) -> Substitution:
    substitution = Substitution(
        id="substitution-1",
        approver="E-mia",
        approver_name="Mia",
        substitute="E-sue",
        substitute_name="Sue",
        starts=now.date(),
        ends=now.date() + timedelta(days=3),
        named_by=MIA.key,
        named_at=now,
    )
    return replace(substitution, **changes)


def a_change(now: datetime, **changes: Any) -> Change:
    change = Change(
        id="change-1",
        wanted=Wanted(capability="grant_role", target=JOHN.key, arguments={"role": "auditor", "scope": "*"}),
        proposed_by=MIA.key,
        proposed_at=now,
        agreed=(MIA.key,),
        due_at=now + timedelta(hours=24),
        until=now + timedelta(hours=48),
    )
    return replace(change, **changes)


def a_use(now: datetime, **changes: Any) -> Use:
    use = Use(
        id="use-1",
        identity=JOHN.key,
        employee="E-john",
        action="BreakGlassApproveLeave",
        resource="Leave::71",
        reason="nobody else is there",
        effect="grant-1",
        at=now,
        owner="E-owner",
        reviews=(Review(identity=MIA.key, employee="E-mia", finding=Finding.FINE, reason="seen", at=now),),
        reminded_at=now,
    )
    return replace(use, **changes)
