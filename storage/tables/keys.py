"""Which process holds which keys, and tokens that are still to be revoked at their provider."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import key, metadata, moment, number, optional_moment, optional_text, sealed, text

key_holders = Table(
    "key_holders",
    metadata,
    key("holder"),
    text("reads"),
    text("writes"),
    moment("seen_at"),
    sqlite_with_rowid=False,
)

revocations = Table(
    "revocations",
    metadata,
    key("id"),
    text("identity"),
    text("provider"),
    sealed("cache"),
    number("attempts"),
    optional_moment("first_at"),
    moment("due_at"),
    optional_text("asked_by"),
)
Index("ix_revocations_due_at", revocations.c.due_at)
