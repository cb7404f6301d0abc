"""Letters that wait for the company's mail server."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import key, metadata, moment, number, sealed

letters = Table(
    "letters",
    metadata,
    key("id"),
    sealed("payload"),
    number("attempts"),
    moment("due_at"),
    sqlite_with_rowid=False,
)
Index("ix_letters_due_at", letters.c.due_at)
