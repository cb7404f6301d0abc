"""Ids of received signals, and which provider session is whose; both under hashes, so that a row tells nothing."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from bot.domain.identity import LinkedIdentity
from storage.codec import identity_key, to_identity, to_json, to_micros
from storage.statement import ALONE, Connection, Statement, inserting_once, key_of, upserting
from storage.tables.provisioning import provider_sessions, signals

_REMEMBER = inserting_once(signals)
_REMEMBERED = Statement(
    select(signals.c.id).where(signals.c.id == bindparam("row"), signals.c.until > bindparam("now"))
)
_NOTE = upserting(provider_sessions)
_WHOSE = Statement(
    select(provider_sessions.c.identity).where(
        provider_sessions.c.id == bindparam("row"), provider_sessions.c.until > bindparam("now")
    )
)
_SWEEP = Statement(delete(signals).where(signals.c.until <= bindparam("now")))
_SWEEP_SESSIONS = Statement(delete(provider_sessions).where(provider_sessions.c.until <= bindparam("now")))


class Signals:
    """See `bot.ports.provisioning.SignalStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def remember(self, source: str, signal_id: str, *, until: datetime) -> bool:
        return self._connection.change(_REMEMBER, id=_hashed(source, signal_id), until=to_micros(until)) == 1

    def remembered(self, source: str, signal_id: str, *, now: datetime) -> bool:
        return self._connection.row(_REMEMBERED, row=_hashed(source, signal_id), now=to_micros(now)) is not None

    def note_session(self, issuer: str, session: str, identity: LinkedIdentity, *, until: datetime) -> None:
        row = _hashed(issuer, session)
        self._connection.change(_NOTE, id=row, identity=identity_key(identity), until=to_micros(until))

    def hold_session(self, issuer: str, session: str) -> None:
        if self._connection.concurrent:
            self._connection.row(ALONE, key=key_of("provider session", _hashed(issuer, session)))

    def whose_session(self, issuer: str, session: str, *, now: datetime) -> LinkedIdentity | None:
        """Only a person of that issuer: an altered row ends at most the sessions of one of its own people."""
        row = self._connection.row(_WHOSE, row=_hashed(issuer, session), now=to_micros(now))
        identity = None if row is None else to_identity(row[0])
        return identity if identity is not None and identity.issuer == issuer else None

    def sweep(self, now: datetime) -> int:
        late = to_micros(now)
        return self._connection.change(_SWEEP, now=late) + self._connection.change(_SWEEP_SESSIONS, now=late)


def _hashed(*parts: str) -> str:
    return hashlib.sha256(to_json(parts).encode()).hexdigest()
