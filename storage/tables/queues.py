"""What came in, what waits to go out, and what is out."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, Table, UniqueConstraint

from storage.tables.metadata import metadata, moment, number, optional_moment, optional_sealed, place, sealed, text

inbox = Table(
    "inbox",
    metadata,
    place(),
    text("id"),
    optional_sealed("payload"),  # NULL once the event is dealt with: only the keyed hash in `id` stays
    number("attempts"),
    moment("received_at"),
    moment("lease_until"),
    optional_moment("completed_at"),
    UniqueConstraint("id"),
)
Index(
    "ix_inbox_lease_until_position",
    inbox.c.lease_until,
    inbox.c.position,
    sqlite_where=inbox.c.payload.is_not(None),
    postgresql_where=inbox.c.payload.is_not(None),
)

outbox = Table(
    "outbox",
    metadata,
    place(),
    text("id"),
    sealed("payload"),
    number("attempts"),
    moment("due_at"),
    UniqueConstraint("id"),
)

Index("ix_outbox_due_at_position", outbox.c.due_at, outbox.c.position)

posted = Table(
    "posted_messages",
    metadata,
    text("platform"),
    text("conversation"),
    text("message"),
    text("about"),
    text("place"),
    text("addressee"),
    number("version"),
    moment("posted_at"),
    PrimaryKeyConstraint("platform", "conversation", "message"),
    sqlite_with_rowid=False,
)
Index("ix_posted_messages_about", posted.c.about)
