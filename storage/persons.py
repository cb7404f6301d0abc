"""Proven people, their attributes and their lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Integer, bindparam, func, or_, select

from bot.domain.identity import Acquaintance, LinkedIdentity, Person, Role
from bot.errors import IntegrityAlarm, Stale
from storage.authority import AuthorityRows, Values
from storage.codec import identity_key, to_identity, to_micros, to_moment, words, words_to_json
from storage.guesses import Guesses
from storage.ledger import BUCKETS, Ledger, Note, fingerprint
from storage.roles import Roles
from storage.statement import Connection, Statement, finding, holding, inserting_once, locking, replacing
from storage.tables.identity import links, persons, role_grants

GROUP = "group:"
"""Marks a group among the roles: both are what the provider's role claims say of somebody."""


def parse(values: Mapping[str, Any]) -> Person:
    """The person of a row."""
    said = words(values["roles"])
    return Person(
        identity=to_identity(values["identity"]),
        provider=values["provider"],
        username=values["username"],
        display_name=values["display_name"],
        email=values["email"],
        roles=frozenset(Role(word) for word in said if not word.startswith(GROUP)),
        groups=frozenset(word.removeprefix(GROUP) for word in said if word.startswith(GROUP)),
        department=values["department"],
        region=values["region"],
        manager=values["manager"],
        employee=values["employee"],
        locale=values["locale"],
        timezone=values["timezone"],
        locked=bool(values["locked"]),
        lock_reason=values["lock_reason"],
        idp_checked_at=to_moment(values["idp_checked_at"]),
        version=values["version"],
    )


def _to_values(person: Person) -> Values:
    return {
        "identity": identity_key(person.identity),
        "provider": person.provider,
        "username": person.username,
        "display_name": person.display_name,
        "email": person.email,
        "roles": words_to_json([*sorted(person.roles), *sorted(f"{GROUP}{name}" for name in person.groups)]),
        "department": person.department,
        "region": person.region,
        "manager": person.manager,
        "employee": person.employee,
        "locale": person.locale,
        "timezone": person.timezone,
        "locked": int(person.locked),
        "lock_reason": person.lock_reason,
        "idp_checked_at": to_micros(person.idp_checked_at),
        "version": person.version,
    }


NAMESAKES = 50
"""More people of one name than anybody chooses from."""
_FIND = finding(persons)
_HOLD = holding(persons)
_LOCK = locking(persons)
_INSERT = inserting_once(persons)
_REPLACE = replacing(persons)
_RECHECKED = replacing(persons, journaled=False)
_BY_EMPLOYEE = Statement(select(persons).where(persons.c.employee == bindparam("employee")).limit(2))
_CALLED = Statement(
    select(persons)
    # SQLite folds A to Z only, PostgreSQL what its locale says: Python folds the rest (see `_spellings`).
    .where(or_(*(func.lower(persons.c.username) == bindparam(name) for name in ("typed", "small", "capital"))))
    .order_by(persons.c.identity)
    .limit(NAMESAKES)
)
_EVERYONE = Statement(select(persons).order_by(persons.c.identity).limit(bindparam("limit", type_=Integer)))
_granted = select(role_grants.c.identity).where(role_grants.c.role == bindparam("role"))
_GIVEN = Statement(select(role_grants.c.identity).where(role_grants.c.role == bindparam("role")).distinct())
_LINKED = Statement(select(links.c.identity).distinct())
_WITH_ROLE = Statement(
    select(persons)
    .where(or_(persons.c.roles.contains(bindparam("quoted")), persons.c.identity.in_(_granted)))
    .order_by(persons.c.identity)
)


class Persons:
    """See `bot.ports.stores.PersonStore`."""

    def __init__(
        self, connection: Connection, rows: AuthorityRows[Person], roles: Roles, ledger: Ledger, guesses: Guesses
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._roles = roles
        self._ledger = ledger
        self._guesses = guesses

    def find(self, identity: LinkedIdentity) -> Person | None:
        row = self._connection.row(_FIND if self._connection.read_only else _HOLD, row=identity.key)
        return None if row is None else self._rows.load(row)

    def by_employee(self, employee: str) -> Person | None:
        return self._only(_BY_EMPLOYEE, employee=employee)

    def by_username(self, username: str) -> Person | None:
        found = self.called(username)
        return found[0] if len(found) == 1 else None

    def called(self, username: str) -> Sequence[Person]:
        typed, small, capital = _spellings(username)
        rows = self._connection.rows(_CALLED, typed=typed, small=small, capital=capital)
        return [self._rows.load(row) for row in rows]

    def everyone(self, limit: int) -> Sequence[Person]:
        return [self._rows.load(row) for row in self._connection.rows(_EVERYONE, limit=limit)]

    def with_role(self, role: str) -> Sequence[Person]:
        """Everybody with the role, whether or not a local grant is in force now: the caller has the clock."""
        rows = self._connection.rows(_WITH_ROLE, role=role, quoted=f'"{role}"')
        return [person for person in map(self._rows.load, rows) if self._holds(person, role)]

    def administrators_lost(self) -> int:
        noted = self._ledger.noted(Note.GIVEN, Note.PROVIDED)
        there = {fingerprint(person.identity.key) for person in self.with_role(Role.ADMINISTRATOR)}
        given = {row[0] for row in self._connection.rows(_GIVEN, role=Role.ADMINISTRATOR)}
        waiting = {fingerprint(one) for one in given if self._ledger.knows(one) is Acquaintance.STRANGER}
        return len(noted - there - waiting)

    def save(self, person: Person) -> Person:
        row = self._connection.row(_LOCK, row=identity_key(person.identity))
        if row is None:
            if person.version:
                raise Stale("the person is gone")
            stored = replace(person, version=1)
            if self._connection.change(_INSERT, **self._rows.signed(_to_values(stored))):
                self._ledger.enter(person.identity.key)
                self._guesses.begin(person.identity)
                self._note_provided(stored)
                return stored
            # Somebody inserted in between; PostgreSQL has waited for them, and the row is there now.
            row = self._connection.row(_LOCK, row=person.identity.key)
            if row is None:
                raise Stale("the person came and went")
        return self._update(person, self._rows.load(row))

    def acquaintance(self, identity: LinkedIdentity) -> Acquaintance:
        return self._ledger.knows(identity.key)

    def readmit(self, identity: LinkedIdentity) -> bool:
        present = self._connection.row(_LOCK, row=identity.key)
        return present is None and self._ledger.readmit(identity.key)

    def note_present(self) -> None:
        for person in self.with_role(Role.ADMINISTRATOR):
            if Role.ADMINISTRATOR in person.roles:
                self._note_provided(person)
        for grant in self._roles.everyone():
            if grant.role is Role.ADMINISTRATOR:
                self._ledger.note(grant.identity.key, Note.GIVEN, holds=True)
        for row in self._connection.rows(_LINKED):
            self._ledger.note(row[0], Note.LINKED, holds=True)

    def adopt(self) -> int:
        everybody = self._ledger.everybody()
        for identity in everybody:
            self._guesses.begin(to_identity(identity))
        if self._ledger.begin(map(fingerprint, everybody)) < BUCKETS:
            raise IntegrityAlarm("there is a ledger of who was here already")
        return len(everybody)

    def _update(self, person: Person, present: Person) -> Person:
        if not person.version and present.locked:
            person = replace(person, locked=True, lock_reason=present.lock_reason)
        elif person.version and person.version != present.version:
            raise Stale("the person has changed")
        stored = replace(person, version=present.version + 1)
        as_before = replace(present, idp_checked_at=stored.idp_checked_at, version=stored.version) == stored
        statement = _RECHECKED if as_before else _REPLACE
        self._connection.change(statement, row=person.identity.key, **self._rows.signed(_to_values(stored)))
        if (Role.ADMINISTRATOR in stored.roles) is not (Role.ADMINISTRATOR in present.roles):
            self._note_provided(stored)
        return stored

    def _note_provided(self, person: Person) -> None:
        self._ledger.note(person.identity.key, Note.PROVIDED, holds=Role.ADMINISTRATOR in person.roles)

    def _only(self, statement: Statement, **values: str) -> Person | None:
        rows = self._connection.rows(statement, **values)
        return self._rows.load(rows[0]) if len(rows) == 1 else None

    def _holds(self, person: Person, role: str) -> bool:
        return role in person.roles or any(grant.role == role for grant in self._roles.of_identity(person.identity))


def _spellings(username: str) -> tuple[str, str, str]:
    """As typed, in small and in capital letters, each with A to Z in small ones."""
    return _ascii_lower(username), _ascii_lower(username.casefold()), _ascii_lower(username.upper())


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
