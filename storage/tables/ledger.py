"""Who was ever here, and how many guesses each has left: what deleting a person's row must not make forgotten."""

from __future__ import annotations

from sqlalchemy import Table

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
