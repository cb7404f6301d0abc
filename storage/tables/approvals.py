"""Approvals by others: what was asked, who approved, who stands in."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import authority, key, metadata, moment, optional_moment, sealed, text

asked_requests = Table(
    "asked_requests",
    metadata,
    key("about"),
    text("owner"),
    text("state"),
    moment("until"),
    sealed("payload"),
    *authority(),
)
Index("ix_asked_requests_state_until", asked_requests.c.state, asked_requests.c.until)
Index("ix_asked_requests_owner", asked_requests.c.owner)

approvals = Table(
    "approvals",
    metadata,
    key("id"),
    text("about"),
    text("facts_version"),
    text("employee"),
    text("state"),
    moment("at"),
    sealed("payload"),
    *authority(),
)
Index("ix_approvals_about", approvals.c.about)

substitutions = Table(
    "substitutions",
    metadata,
    key("id"),
    text("approver"),
    text("approver_name"),
    text("substitute"),
    text("substitute_name"),
    text("starts"),
    text("ends"),
    text("named_by"),
    moment("named_at"),
    optional_moment("ended_at"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_substitutions_approver", substitutions.c.approver)
Index("ix_substitutions_substitute", substitutions.c.substitute)
