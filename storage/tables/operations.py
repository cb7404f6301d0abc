"""What keeps the machine in order: counters in windows, slots of periodic jobs, marks on the database."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, Table

from storage.tables.metadata import key, metadata, moment, number, optional_moment, text

throttle = Table(
    "throttle",
    metadata,
    text("key"),
    number("window_seconds"),
    moment("starts_at"),
    moment("until"),
    number("hits"),
    PrimaryKeyConstraint("key", "window_seconds", "starts_at"),
    sqlite_with_rowid=False,
)
Index("ix_throttle_until", throttle.c.until)

job_runs = Table(
    "job_runs",
    metadata,
    text("job"),
    text("slot"),
    moment("claimed_at"),
    optional_moment("finished_at"),
    PrimaryKeyConstraint("job", "slot"),
    sqlite_with_rowid=False,
)

marks = Table("marks", metadata, key("key"), text("value"), sqlite_with_rowid=False)
