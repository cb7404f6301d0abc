"""Uses of break-glass, and their reviews."""

from __future__ import annotations

from sqlalchemy import Table

from storage.tables.metadata import authority, key, metadata, moment, optional_moment, optional_text, text

break_glass = Table(
    "break_glass",
    metadata,
    key("id"),
    text("identity"),
    text("employee"),
    text("action"),
    text("resource"),
    text("reason"),
    text("effect"),
    moment("used_at"),
    text("reviews"),
    optional_moment("reminded_at"),
    optional_text("owner"),
    *authority(),
    sqlite_with_rowid=False,
)
