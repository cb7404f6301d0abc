"""Changes of authority that wait."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import authority, key, metadata, moment, number, optional_moment, text

changes = Table(
    "changes",
    metadata,
    key("id"),
    text("capability"),
    text("target"),
    text("arguments"),
    text("proposed_by"),
    moment("proposed_at"),
    text("agreed"),
    optional_moment("due_at"),
    moment("until"),
    text("state"),
    number("announced"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_changes_state", changes.c.state)
