"""What identity providers want to see in somebody's next sign-in."""

from __future__ import annotations

from sqlalchemy import Table

from storage.tables.metadata import key, metadata, moment, sealed

claims_challenges = Table(
    "claims_challenges",
    metadata,
    key("of"),
    sealed("payload"),
    moment("until"),
    sqlite_with_rowid=False,
)
