"""Browser sessions on our pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from bot.domain.identity import LinkedIdentity
from bot.domain.session import BrowserSession
from storage.authority import AuthorityRows
from storage.codec import (
    identity_key,
    optional_micros,
    optional_moment,
    to_identity,
    to_micros,
    to_moment,
    words,
    words_to_json,
)
from storage.crypto import Keyring, Purpose
from storage.statement import Connection, Statement, deleting, finding, inserting
from storage.tables.identity import browser_sessions


def parse(values: Mapping[str, Any]) -> BrowserSession:
    """The session of a row; its id is the hash that is stored."""
    identity = values["identity"]
    return BrowserSession(
        id=values["id"],
        identity=None if identity is None else to_identity(identity),
        opened_at=to_moment(values["opened_at"]),
        until=to_moment(values["until"]),
        auth_time=optional_moment(values["auth_time"]),
        amr=words(values["amr"]),
        acr=values["acr"],
        vouched=bool(values["vouched"]),
    )


_OPEN = inserting(browser_sessions)
_FIND = finding(browser_sessions)
_END = deleting(browser_sessions)
_END_ALL = Statement(
    delete(browser_sessions)
    .where(browser_sessions.c.identity == bindparam("identity"))
    .returning(browser_sessions.c.id)
)
_END_OWN = Statement(
    delete(browser_sessions)
    .where(browser_sessions.c.id == bindparam("row"), browser_sessions.c.identity == bindparam("identity"))
    .returning(browser_sessions.c.id)
)
_OF_IDENTITY = Statement(
    select(browser_sessions)
    .where(browser_sessions.c.identity == bindparam("identity"))
    .order_by(browser_sessions.c.opened_at.desc())
)
_LATE = Statement(
    delete(browser_sessions).where(browser_sessions.c.until <= bindparam("now")).returning(browser_sessions.c.id)
)


class BrowserSessions:
    """See `bot.ports.stores.BrowserSessionStore`."""

    def __init__(self, connection: Connection, keys: Keyring, rows: AuthorityRows[BrowserSession]) -> None:
        self._connection = connection
        self._keys = keys
        self._rows = rows

    def open(self, session: BrowserSession) -> None:
        """Open; those past their end go."""
        row = self._rows.signed(
            {
                "id": self._keys.hashed(Purpose.PEPPER, session.id),
                "identity": None if session.identity is None else identity_key(session.identity),
                "opened_at": to_micros(session.opened_at),
                "until": to_micros(session.until),
                "auth_time": optional_micros(session.auth_time),
                "amr": words_to_json(session.amr),
                "version": 1,
                "acr": session.acr,
                "vouched": 1 if session.vouched else None,
            }
        )
        self._connection.rows(_LATE, now=to_micros(session.opened_at))
        self._connection.change(_OPEN, **row)

    def find(self, session_id: str, now: datetime) -> BrowserSession | None:
        for stored_id in self._keys.hashes(Purpose.PEPPER, session_id):
            row = self._connection.row(_FIND, row=stored_id)
            if row is not None:
                session = self._rows.load(row)
                if now < session.until:
                    return replace(session, id=session_id)
                if not self._connection.read_only:  # over is over, whatever the clock does next
                    self._connection.change(_END, row=stored_id)
                return None
        return None

    def end(self, session_id: str) -> bool:
        ended = [self._connection.change(_END, row=row) for row in self._keys.hashes(Purpose.PEPPER, session_id)]
        return any(ended)

    def of_identity(self, identity: LinkedIdentity, now: datetime) -> Sequence[BrowserSession]:
        found = [self._rows.load(row) for row in self._connection.rows(_OF_IDENTITY, identity=identity.key)]
        return [session for session in found if now < session.until]

    def end_own(self, stored_id: str, identity: LinkedIdentity) -> bool:
        return bool(self._connection.rows(_END_OWN, row=stored_id, identity=identity.key))

    def end_all(self, identity: LinkedIdentity) -> int:
        return len(self._connection.rows(_END_ALL, identity=identity.key))
