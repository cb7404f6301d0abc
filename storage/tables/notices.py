"""Notices that need somebody, and how each person wants theirs."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import key, metadata, moment, number, optional_moment, optional_sealed, optional_text, text

notices = Table(
    "notices",
    metadata,
    key("id"),
    text("addressee"),
    text("about"),
    optional_sealed("payload"),  # NULL once it is posted
    moment("created_at"),
    optional_moment("delivered_at"),
    optional_moment("closed_at"),
    number("bundled"),
    optional_text("reminded_on"),
    sqlite_with_rowid=False,
)
Index("ix_notices_addressee", notices.c.addressee)
Index("ix_notices_about", notices.c.about)

notice_hours = Table(
    "notice_hours",
    metadata,
    key("identity"),
    text("starts"),
    text("ends"),
    text("days"),
    number("digest"),
    sqlite_with_rowid=False,
)
