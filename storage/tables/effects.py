"""What is done outside: grants and the effects that spend them."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint, or_

from storage.tables.metadata import (
    authority,
    key,
    metadata,
    moment,
    number,
    optional_moment,
    optional_text,
    sealed,
    text,
)

grants = Table(
    "grants",
    metadata,
    key("id"),
    text("identity"),
    optional_text("employee"),
    sealed("action"),
    text("digest"),
    text("policy_hash"),
    moment("issued_at"),
    moment("until"),
    text("correlation"),
    text("grant_mac"),
    *authority(),
)

effects = Table(
    "effects",
    metadata,
    key("id"),
    text("grant_id"),
    text("channel"),
    text("place"),
    optional_text("proposal_id"),
    optional_text("source"),
    text("state"),
    number("attempts"),
    moment("intended_at"),
    optional_moment("finished_at"),
    text("outcome_code"),
    UniqueConstraint("grant_id"),
    ForeignKeyConstraint(["grant_id"], ["grants.id"]),
)
_unfinished = or_(effects.c.state == "intended", effects.c.state == "unknown")
Index("ix_effects_unfinished", effects.c.intended_at, sqlite_where=_unfinished, postgresql_where=_unfinished)
Index("ix_effects_proposal_id", effects.c.proposal_id)
