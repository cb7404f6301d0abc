"""Who was ever here, and how many guesses each has left: what deleting a person's row must not make forgotten."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import authority, key, metadata, text

known_people = Table(
    "known_people",
    metadata,
    key("bucket"),
    text("members"),
    *authority(),
    sqlite_with_rowid=False,
)

guess_counts = Table(
    "guess_counts",
    metadata,
    key("identity"),
    text("counts"),
    *authority(),
    sqlite_with_rowid=False,
)

told_accounts = Table(
    "told_accounts",
    metadata,
    key("identity"),
    text("account"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_told_accounts_account", told_accounts.c.account)
