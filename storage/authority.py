"""Rows that carry authority: a MAC over every column, so that no database administrator can make any (DESIGN §5.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Table

from bot.errors import IntegrityAlarm
from storage.codec import to_json
from storage.crypto import Keyring, Purpose
from storage.statement import Row, Value

T = TypeVar("T")
FORM = 1
"""Of what the MAC is over; in it, so that a later form is another MAC."""
Values = dict[str, Value]


class AuthorityRows(Generic[T]):
    """The rows of one table under one keyring.

    With `remember`, what was verified and parsed is kept by the complete content of its row, MAC included. That is a
    memo of a pure function: the row is read from the database at every use, and any change to it is verified anew.
    """

    def __init__(
        self, table: Table, keys: Keyring, parse: Callable[[Mapping[str, Any]], T], *, remember: int = 0
    ) -> None:
        self._table = table.name
        self._names = tuple(table.c.keys())
        self._keys = keys
        self._parse = parse
        self._memo = lru_cache(maxsize=remember)(self._remembered) if remember else self._remembered
        self.load: Callable[[Row], T] = self._known if remember else self._verified
        """The value of a row, in the order of the table's columns. Raises `IntegrityAlarm`."""

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return len(self._names)

    def signed(self, values: Values) -> Values:
        """The values of a row with its MAC."""
        key_id, mac = self._keys.mac(Purpose.ROW_MAC, self._canonical(values))
        return {**values, "mac_key": key_id, "mac": mac}

    def unverified(self, row: Row) -> T:
        """The value of a row that is only taken out of use: nothing may be granted on it."""
        return self._parse(dict(zip(self._names, row, strict=True)))

    def check(self, values: Values) -> None:
        """Return if the row holds under the key it names. Raises `IntegrityAlarm`."""
        self._verified(tuple([values[name] for name in self._names]))

    def _known(self, row: Row) -> T:
        return self._memo(self._keys.generation, row)

    def _remembered(self, generation: int, row: Row) -> T:
        """A row is remembered for one generation of keys: one whose key was taken away holds no longer."""
        return self._verified(row)

    def _verified(self, row: Row) -> T:
        values: dict[str, Any] = dict(zip(self._names, row, strict=True))
        key_id, mac = values.pop("mac_key"), values.pop("mac")
        try:
            self._keys.check_mac(Purpose.ROW_MAC, key_id, self._canonical(values), mac)
        except IntegrityAlarm:
            raise IntegrityAlarm(f"a row of {self._table} was not written by this installation") from None
        return self._parse(values)

    def _canonical(self, values: Mapping[str, Value]) -> bytes:
        """Table, form and every column by name; NULL is left out, so that adding a column later breaks no MAC."""
        columns = {
            name: {"bytes": value.hex()} if isinstance(value, bytes) else value
            for name, value in values.items()
            if value is not None
        }
        return to_json([FORM, self._table, columns]).encode()
