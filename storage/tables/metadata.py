"""The one MetaData of all tables, and the few kinds of column there are.

Both engines store only text, integers and bytes: moments are microseconds since 1970 in UTC, flags are 0 or 1,
lists are JSON. So a row reads the same whatever driver brought it, and its MAC is over exactly what is stored.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

SEALED = "sealed"
"""Marks a column of ciphertext, so that a rotation of keys finds it (see `storage.rekeying`)."""


def key(name: str) -> Column[str]:
    """The text a row is found by."""
    return Column(name, Text, primary_key=True)


def place() -> Column[int]:
    """A growing number given by the database: the order of arrival."""
    return Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def text(name: str) -> Column[str]:
    """Text that is always there."""
    return Column(name, Text, nullable=False)


def optional_text(name: str) -> Column[str | None]:
    """Text that may be missing."""
    return Column(name, Text)


def number(name: str) -> Column[int]:
    """A counter, a version or a flag."""
    return Column(name, BigInteger, nullable=False)


def moment(name: str) -> Column[int]:
    """Microseconds since 1970, UTC."""
    return Column(name, BigInteger, nullable=False)


def optional_moment(name: str) -> Column[int | None]:
    """A moment that may not have come."""
    return Column(name, BigInteger)


def sealed(name: str) -> Column[bytes]:
    """Ciphertext with its key id in front (see `storage.sealing`); its purpose is the column's name."""
    return Column(name, LargeBinary, nullable=False, info={SEALED: True})


def optional_sealed(name: str) -> Column[bytes | None]:
    """Ciphertext that is gone once it was dealt with."""
    return Column(name, LargeBinary, info={SEALED: True})


def authority() -> tuple[Column[int], Column[str], Column[bytes]]:
    """The last three columns of every row that carries authority (see `storage.authority`)."""
    return number("version"), text("mac_key"), Column("mac", LargeBinary, nullable=False)
