"""Halves of enrolment codes: keyed hashes, so that whoever reads the table can type none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, or_

from bot.domain.identity import LinkedIdentity
from storage.authority import AuthorityRows, Values
from storage.codec import identity_key, to_micros
from storage.crypto import Keyring, Purpose
from storage.statement import Connection, Statement, deleting, finding, inserting
from storage.tables.consent import enrolment_codes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHalf:
    """One half."""

    id: str
    identity: str
    given_by: str
    until: int


def parse(values: Mapping[str, Any]) -> StoredHalf:
    """The half of a row."""
    return StoredHalf(id=values["id"], identity=values["identity"], given_by=values["given_by"], until=values["until"])


_INSERT = inserting(enrolment_codes)
_FIND = finding(enrolment_codes)
_REMOVE = deleting(enrolment_codes)
_REPLACED = Statement(
    delete(enrolment_codes)
    .where(enrolment_codes.c.identity == bindparam("identity"), enrolment_codes.c.given_by == bindparam("given_by"))
    .returning(enrolment_codes.c.id)
)
_OF_IDENTITY = Statement(
    delete(enrolment_codes)
    .where(or_(enrolment_codes.c.identity == bindparam("identity"), enrolment_codes.c.until <= bindparam("now")))
    .returning(enrolment_codes.c.id)
)


class EnrolmentCodes:
    """See `bot.ports.consent_stores.EnrolmentCodeStore`."""

    def __init__(self, connection: Connection, keys: Keyring, rows: AuthorityRows[StoredHalf]) -> None:
        self._connection = connection
        self._keys = keys
        self._rows = rows

    def give(self, identity: LinkedIdentity, half: str, *, by: LinkedIdentity, until: datetime) -> None:
        self._connection.rows(_REPLACED, identity=identity_key(identity), given_by=identity_key(by))
        row: Values = {
            "id": self._keys.hashed(Purpose.PEPPER, _said(identity, half)),
            "identity": identity_key(identity),
            "given_by": identity_key(by),
            "until": to_micros(until),
            "version": 1,
        }
        self._connection.change(_INSERT, **self._rows.signed(row))

    def spend(self, identity: LinkedIdentity, halves: tuple[str, str], *, now: datetime) -> tuple[str, str] | None:
        found = [self._find(identity, half, now) for half in halves]
        one, other = found
        if one is None or other is None or one.given_by == other.given_by:
            return None
        removed = [self._connection.change(_REMOVE, row=half.id) for half in (one, other)]
        if removed != [1, 1]:
            return None
        self._connection.rows(_OF_IDENTITY, identity=identity_key(identity), now=to_micros(now))
        return one.given_by, other.given_by

    def _find(self, identity: LinkedIdentity, half: str, now: datetime) -> StoredHalf | None:
        for stored_id in self._keys.hashes(Purpose.PEPPER, _said(identity, half)):
            row = self._connection.row(_FIND, row=stored_id)
            if row is not None:
                stored = self._rows.load(row)
                theirs = stored.identity == identity_key(identity) and to_micros(now) < stored.until
                return stored if theirs else None
        return None


def _said(identity: LinkedIdentity, half: str) -> str:
    """A half is for one person: the same characters for another are another hash."""
    return f"enrolment|{identity_key(identity)}|{half}"
