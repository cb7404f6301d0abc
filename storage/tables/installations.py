"""Where our app is installed."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import authority, key, metadata, moment, optional_moment, sealed, text

installations = Table(
    "installations",
    metadata,
    key("tenant"),
    text("enterprise"),
    text("app"),
    text("bot"),
    sealed("tokens"),
    optional_moment("token_until"),
    text("installed_by"),
    moment("installed_at"),
    moment("held_until"),
    *authority(),
)
Index("ix_installations_enterprise", installations.c.enterprise)
