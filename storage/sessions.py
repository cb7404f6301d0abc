"""Chat sessions: one alive for a chat account, both limits checked at use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, bindparam, delete, exists, func, or_, select, text

from bot.domain.identity import ChannelIdentity, LinkedIdentity, Person, Platform, Role, RoleGrant
from bot.domain.session import TOUCH_AFTER_SECONDS, Session, SessionLimits, SessionState, Standing, Whose
from bot.errors import IntegrityAlarm, Stale
from storage.authority import AuthorityRows, Values
from storage.codec import (
    channel_key,
    identity_key,
    optional_micros,
    optional_moment,
    to_channel,
    to_identity,
    to_micros,
    to_moment,
    words,
    words_to_json,
)
from storage.crypto import Keyring, Purpose
from storage.links import StoredLink
from storage.roles import Roles
from storage.statement import Connection, Row, Statement, deleting, locking, replacing, upserting
from storage.tables.identity import links, persons, role_grants, sessions

TOUCH_AFTER = timedelta(seconds=TOUCH_AFTER_SECONDS)


def parse(values: Mapping[str, Any]) -> Session:
    """The session of a row; its id is the hash that is stored."""
    return Session(
        id=values["id"],
        channel=to_channel(values["channel"]),
        identity=to_identity(values["identity"]),
        opened_at=to_moment(values["opened_at"]),
        last_used_at=to_moment(values["last_used_at"]),
        absolute_until=to_moment(values["absolute_until"]),
        auth_time=optional_moment(values["auth_time"]),
        acr=values["acr"],
        amr=words(values["amr"]),
        interactive=values["silent"] is None,
    )


def _to_values(session: Session, *, stored_id: str, version: int) -> Values:
    return {
        "channel": channel_key(session.channel),
        "id": stored_id,
        "identity": identity_key(session.identity),
        "opened_at": to_micros(session.opened_at),
        "last_used_at": to_micros(session.last_used_at),
        "absolute_until": to_micros(session.absolute_until),
        "auth_time": optional_micros(session.auth_time),
        "acr": session.acr,
        "amr": words_to_json(session.amr),
        "silent": None if session.interactive else 1,
        "version": version,
    }


_granted = exists().where(role_grants.c.identity == links.c.identity)
_standing = (
    select(*links.c, *persons.c, *sessions.c, _granted)
    .select_from(
        links.join(persons, persons.c.identity == links.c.identity).join(
            sessions, (sessions.c.channel == links.c.channel) & (sessions.c.identity == links.c.identity)
        )
    )
    .where(links.c.channel == bindparam("channel"))
)
_LOOK = Statement(_standing)
# On PostgreSQL, whoever decides on this standing holds it until the end of the transaction: a revocation comes before
# the decision or waits for it. The session is held alone, since two that share it could not both touch it.
_USE = Statement(
    _standing.suffix_with(text("FOR NO KEY UPDATE OF sessions FOR SHARE OF links, persons"), dialect="postgresql")
)
_LINKED = Statement(
    select(*links.c, *persons.c)
    .select_from(links.outerjoin(persons, persons.c.identity == links.c.identity))
    .where(links.c.channel == bindparam("channel"))
)
_OPEN = upserting(sessions)
_TOUCH = replacing(sessions, journaled=False)
_LOCK = locking(sessions)
_RENEW = replacing(sessions)
_OF_IDENTITY = Statement(
    select(sessions).where(sessions.c.identity == bindparam("identity")).order_by(sessions.c.last_used_at.desc())
)
_EVERYONE = Statement(
    select(sessions).order_by(sessions.c.last_used_at.desc()).limit(bindparam("limit", type_=Integer))
)
_OF_TENANT = Statement(
    select(sessions).where(func.substr(sessions.c.channel, 1, bindparam("size", type_=Integer)) == bindparam("starts"))
)
_END = deleting(sessions)
_END_ALL = Statement(delete(sessions).where(sessions.c.identity == bindparam("identity")).returning(sessions.c.channel))
_late = (
    select(sessions.c.channel)
    .where(or_(sessions.c.last_used_at <= bindparam("idle_since"), sessions.c.absolute_until <= bindparam("now")))
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_SWEEP = Statement(delete(sessions).where(sessions.c.channel.in_(_late)).returning(*sessions.c))
# Limits of a role or a platform may be shorter than those the session was opened under, so its opening counts.
_late_of_some = (
    select(sessions.c.channel)
    .where(or_(sessions.c.last_used_at <= bindparam("idle_since"), sessions.c.opened_at <= bindparam("opened_until")))
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_late_on_platform = _late_of_some.where(
    func.substr(sessions.c.channel, 1, bindparam("size", type_=Integer)) == bindparam("starts")
)
_SWEEP_PLATFORM = Statement(delete(sessions).where(sessions.c.channel.in_(_late_on_platform)).returning(*sessions.c))
_holders = select(role_grants.c.identity).where(
    role_grants.c.role == bindparam("role"),
    or_(role_grants.c.until.is_(None), role_grants.c.until > bindparam("now")),
)
_from_provider = select(persons.c.identity).where(persons.c.roles.contains(bindparam("quoted")))
_late_in_role = _late_of_some.where(or_(sessions.c.identity.in_(_holders), sessions.c.identity.in_(_from_provider)))
_SWEEP_ROLE = Statement(delete(sessions).where(sessions.c.channel.in_(_late_in_role)).returning(*sessions.c))


class Sessions:
    """See `bot.ports.stores.SessionStore`. A session read back has the stored hash for an id, never the id itself."""

    def __init__(
        self,
        connection: Connection,
        keys: Keyring,
        rows: AuthorityRows[Session],
        links_rows: AuthorityRows[StoredLink],
        persons_rows: AuthorityRows[Person],
        roles: Roles,
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._rows = rows
        self._links = links_rows
        self._persons = persons_rows
        self._roles = roles
        self._person_at = links_rows.width
        self._session_at = links_rows.width + persons_rows.width

    def open(self, session: Session) -> None:
        stored_id = self._keys.hashed(Purpose.PEPPER, session.id)
        row = self._rows.signed(_to_values(session, stored_id=stored_id, version=1))
        self._connection.change(_OPEN, **row)

    def use(self, channel: ChannelIdentity, *, now: datetime, limits: SessionLimits, touch: bool = True) -> Standing:
        """The standing. In a read-only transaction nothing is touched, so only a write counts as use."""
        row = self._connection.row(_LOOK if self._connection.read_only else _USE, channel=channel.key)
        if row is None:
            return self._without_session(channel)
        stored = self._links.load(row[: self._person_at])
        person = self._persons.load(row[self._person_at : self._session_at])
        session = self._rows.load(row[self._session_at : -1])
        grants: Sequence[RoleGrant] = self._roles.of_identity(session.identity) if row[-1] else ()
        own = limits.of(person, grants, now, channel.platform)
        if not session.alive(now, own):
            state = SessionState.EXPIRED if session.over(now, own) else SessionState.IDLE
            return Standing(state=state, person=person, link_version=stored.version)
        if touch and now - session.last_used_at >= TOUCH_AFTER and not self._connection.read_only:
            session = self._touch(row, session, now)
        return Standing(
            state=SessionState.ALIVE, person=person, session=session, grants=tuple(grants), link_version=stored.version
        )

    def renew(self, session: Session, new_id: str) -> Session:
        row = self._connection.row(_LOCK, row=session.channel.key)
        if row is None or (known := self._rows.load(row)).id != session.id:
            raise Stale("session")
        renewed = replace(known, id=self._keys.hashed(Purpose.PEPPER, new_id))
        version = row[-3] + 1  # the columns end in version, mac_key, mac
        values = self._rows.signed(_to_values(renewed, stored_id=renewed.id, version=version))
        self._connection.change(_RENEW, row=session.channel.key, **values)
        return renewed

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Session]:
        return [self._rows.load(row) for row in self._connection.rows(_OF_IDENTITY, identity=identity.key)]

    def everyone(self, limit: int) -> Sequence[Session]:
        return [self._rows.load(row) for row in self._connection.rows(_EVERYONE, limit=limit)]

    def of_tenant(self, tenant: str) -> Sequence[Session]:
        found: list[Session] = []
        for platform in Platform:
            for starts in (f"{platform}:{tenant}:", f"{platform}:{tenant}/"):  # "E1/T1" is a workspace of "E1"
                rows = self._connection.rows(_OF_TENANT, starts=starts, size=len(starts))
                found += [self._rows.load(row) for row in rows]
        return found

    def end(self, channel: ChannelIdentity) -> bool:
        return self._connection.change(_END, row=channel.key) == 1

    def end_all(self, identity: LinkedIdentity) -> int:
        return len(self._connection.rows(_END_ALL, identity=identity.key))

    def sweep(self, *, now: datetime, limits: SessionLimits, limit: int, whose: Whose = None) -> Sequence[Session]:
        """End late sessions. A forged one is ended like any other: it must not hold up the sweep."""
        idle_since, late = to_micros(now - limits.idle), to_micros(now)
        opened_until = to_micros(now - limits.absolute)
        run = self._connection.rows
        if isinstance(whose, Platform):
            starts = f"{whose}:"
            rows = run(
                _SWEEP_PLATFORM,
                idle_since=idle_since,
                opened_until=opened_until,
                starts=starts,
                size=len(starts),
                limit=limit,
            )
        elif isinstance(whose, Role):
            rows = run(
                _SWEEP_ROLE,
                idle_since=idle_since,
                opened_until=opened_until,
                role=whose,
                quoted=f'"{whose}"',
                now=late,
                limit=limit,
            )
        else:
            rows = run(_SWEEP, idle_since=idle_since, now=late, limit=limit)
        return [self._rows.unverified(row) for row in rows]

    def _without_session(self, channel: ChannelIdentity) -> Standing:
        row = self._connection.row(_LINKED, channel=channel.key)
        if row is None:
            return Standing(state=SessionState.NOT_LINKED)
        stored = self._links.load(row[: self._person_at])
        if row[self._person_at] is None:
            # A lock lives in the row of the person: whoever deletes it must not get further than this.
            raise IntegrityAlarm("a linked person's row is missing")
        person = self._persons.load(row[self._person_at :])
        return Standing(state=SessionState.NO_SESSION, person=person, link_version=stored.version)

    def _touch(self, row: Row, session: Session, now: datetime) -> Session:
        touched = replace(session, last_used_at=now)
        version = row[-4] + 1  # the columns end in version, mac_key, mac, and whether there are grants
        values = self._rows.signed(_to_values(touched, stored_id=session.id, version=version))
        self._connection.change(_TOUCH, row=session.channel.key, **values)
        return touched
