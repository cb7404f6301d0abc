"""How conversations are reached again."""

from __future__ import annotations

from sqlalchemy import Table

from storage.tables.metadata import key, metadata, moment, sealed

references = Table(
    "conversation_references",
    metadata,
    key("of"),
    sealed("reference"),
    moment("noted_at"),
    sqlite_with_rowid=False,
)
