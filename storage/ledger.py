"""The ledger of everybody who was ever here, apart from their rows: somebody whose row is deleted is not made again.

It is 64 rows, there from the first person on, each with the fingerprints of those who fall into it, under a MAC. So

(1) one person's entry cannot be taken out: it is part of a row with everybody else's, and a row edited by hand fails;
(2) a row of it that is deleted lets nobody in who is not known: there are never fewer than all;
(3) all of it deleted is begun anew only where nothing at all says that anybody was ever here.

Beside a fingerprint stands what else of somebody must not be forgotten with a row: that they have a chat account, and
that they are administrator, by a role given here or by their provider (`Note`). So a second administrator whose rows
are deleted leaves nobody alone, and a further chat account does not become the first one.

What is left to a database administrator is to empty the whole installation, audit log and all, or to put an older state
of everything back: the first is told by a checkpoint kept elsewhere, the second by `doorward audit verify --state` too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Table, bindparam, literal, select

from bot.domain.audit import EventType
from bot.domain.identity import Acquaintance
from bot.errors import IntegrityAlarm
from storage.authority import AuthorityRows, Values
from storage.codec import to_json, words
from storage.statement import Connection, Statement, finding, inserting_once, locking, replacing
from storage.tables.audit import audit
from storage.tables.consent import authenticators, passkeys, recovery_codes
from storage.tables.identity import browser_sessions, links, persons, role_grants, sessions
from storage.tables.ledger import guess_counts, known_people

BUCKETS = 64
READMITTED = "+"
"""Before the fingerprint of somebody whom an administrator let in again: their next sign-in makes them anew, once."""
MISSING = "the row of a person who was here before is missing"
GONE = "the ledger of the people who were here is missing"


class Note(StrEnum):
    """What stands before a fingerprint that says more of somebody than that they were here."""

    LINKED = "~"
    """They have a chat account."""
    GIVEN = "!"
    """They were given the role of administrator here."""
    PROVIDED = "?"
    """Their provider says that they are administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One row of the ledger."""

    name: str
    members: frozenset[str]
    version: int


def parse(values: Mapping[str, Any]) -> Bucket:
    """The bucket of a row."""
    return Bucket(name=values["bucket"], members=frozenset(words(values["members"])), version=values["version"])


_FIND = finding(known_people)
_LOCK = locking(known_people)
_INSERT = inserting_once(known_people)
_REPLACE = replacing(known_people)
_OTHER_PERSON = Statement(
    select(persons.c.identity).where(persons.c.identity != bindparam("identity")).limit(literal(1))
)
_SESSION_OPENED = Statement(select(audit.c.seq).where(audit.c.type == bindparam("type")).limit(literal(1)))
_LEFT_BEHIND: tuple[Table, ...] = (
    *(links, authenticators, passkeys, recovery_codes, guess_counts),
    *(role_grants, sessions, browser_sessions),
)
_ALL = Statement(select(known_people))
_ANY = tuple(Statement(select(table.primary_key.columns[0]).limit(literal(1))) for table in _LEFT_BEHIND)
_EVERYBODY = (
    Statement(select(persons.c.identity)),
    Statement(select(links.c.identity).distinct()),
    Statement(select(audit.c.principal).where(audit.c.principal.contains("#")).distinct()),
)


class Ledger:
    """What `storage.persons` asks before it makes anybody, and tells of everybody it made."""

    def __init__(self, connection: Connection, rows: AuthorityRows[Bucket]) -> None:
        self._connection = connection
        self._rows = rows

    def knows(self, identity: str) -> Acquaintance:
        """What is known of somebody. Raises `IntegrityAlarm`: the ledger is not as it was written."""
        bucket = self._bucket(_FIND, identity)
        return Acquaintance.STRANGER if bucket is None else _standing(bucket, fingerprint(identity))

    def enter(self, identity: str) -> None:
        """Put down somebody whose row was just made. Raises `IntegrityAlarm` where they were here before."""
        bucket = self._bucket(_LOCK, identity)
        if bucket is None:
            if self._nobody_was_here(identity):
                self.begin(())
            bucket = self._bucket(_LOCK, identity)
        if bucket is None:
            raise IntegrityAlarm(GONE)
        of = fingerprint(identity)
        if _standing(bucket, of) is Acquaintance.KNOWN:
            raise IntegrityAlarm(MISSING)
        self._replace(bucket, (bucket.members | {of}) - {READMITTED + of})

    def readmit(self, identity: str) -> bool:
        """Let somebody who is known be made anew, once; False where they are not known. Raises `IntegrityAlarm`."""
        bucket, of = self._bucket(_LOCK, identity), fingerprint(identity)
        if bucket is None or _standing(bucket, of) is not Acquaintance.KNOWN:
            return False
        self._replace(bucket, (bucket.members - {of}) | {READMITTED + of})
        return True

    def note(self, identity: str, note: Note, *, holds: bool) -> None:
        """Write down, or strike out, what holds of somebody; nothing where nobody was ever here."""
        bucket, noted = self._bucket(_LOCK, identity), note + fingerprint(identity)
        if bucket is not None and (noted in bucket.members) is not holds:
            self._replace(bucket, bucket.members | {noted} if holds else bucket.members - {noted})

    def holds(self, identity: str, note: Note) -> bool:
        """Whether that was written down of somebody. Raises `IntegrityAlarm`."""
        bucket = self._bucket(_FIND, identity)
        return bucket is not None and note + fingerprint(identity) in bucket.members

    def noted(self, *notes: Note) -> frozenset[str]:
        """The fingerprints of everybody of whom one of these holds, and who was here. Raises `IntegrityAlarm`."""
        rows = [self._rows.load(row) for row in self._connection.rows(_ALL)]
        if (rows and len(rows) < BUCKETS) or (not rows and not self._nobody_was_here("")):
            raise IntegrityAlarm(GONE)
        return frozenset(member[1:] for row in rows for member in row.members if member[:1] in notes)

    def begin(self, members: Iterable[str]) -> int:
        """Make every row of it, with these fingerprints; how many rows were not there before."""
        known: dict[str, list[str]] = {_name(number): [] for number in range(BUCKETS)}
        for of in members:
            known[_bucket_of(of)].append(of)
        return sum(
            self._connection.change(
                _INSERT, **self._rows.signed({"bucket": name, "members": to_json(sorted(some)), "version": 1})
            )
            for name, some in known.items()
        )

    def everybody(self) -> frozenset[str]:
        """Whoever a row of the database says was here, ledger or not: persons, links, and the audit log."""
        return frozenset(row[0] for statement in _EVERYBODY for row in self._connection.rows(statement))

    def _nobody_was_here(self, identity: str) -> bool:
        if self._connection.row(_OTHER_PERSON, identity=identity) is not None:
            return False
        if self._connection.row(_SESSION_OPENED, type=EventType.SESSION_OPENED.value) is not None:
            return False
        return all(self._connection.row(statement) is None for statement in _ANY)

    def _bucket(self, statement: Statement, identity: str) -> Bucket | None:
        row = self._connection.row(statement, row=_bucket_of(fingerprint(identity)))
        return None if row is None else self._rows.load(row)

    def _replace(self, bucket: Bucket, members: frozenset[str]) -> None:
        values: Values = {"bucket": bucket.name, "members": to_json(sorted(members)), "version": bucket.version + 1}
        self._connection.change(_REPLACE, row=bucket.name, **self._rows.signed(values))


def fingerprint(identity: str) -> str:
    """128 bits of SHA-256 over the identity's key: what is kept of somebody says nothing by itself."""
    return hashlib.sha256(f"doorward known person|{identity}".encode()).hexdigest()[:32]


def _bucket_of(of: str) -> str:
    return _name(int(of[:2], 16) % BUCKETS)


def _name(number: int) -> str:
    return f"{number:02d}"


def _standing(bucket: Bucket, of: str) -> Acquaintance:
    if of in bucket.members:
        return Acquaintance.KNOWN
    return Acquaintance.READMITTED if READMITTED + of in bucket.members else Acquaintance.STRANGER
