"""What waits for a person, and what proves it was them: handles, questions, proposals, proofs, factors."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

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

interactions = Table(
    "interactions",
    metadata,
    key("id"),
    text("kind"),
    text("audience"),
    sealed("payload"),
    moment("until"),
    number("version"),
    sqlite_with_rowid=False,
)
Index("ix_interactions_until", interactions.c.until)

pending = Table(
    "pending",
    metadata,
    key("channel"),
    sealed("payload"),
    moment("until"),
    sqlite_with_rowid=False,
)

proposals = Table(
    "proposals",
    metadata,
    key("id"),
    text("identity"),
    text("digest"),
    sealed("payload"),
    number("confirmed"),
    text("state"),
    moment("until"),
    *authority(),
)
Index("ix_proposals_identity_state", proposals.c.identity, proposals.c.state)

proofs = Table(
    "proofs",
    metadata,
    key("id"),
    text("identity"),
    text("method"),
    number("phishing_resistant"),
    text("kind"),
    text("binding"),
    moment("at"),
    moment("until"),
    optional_text("src_ip"),
    text("state"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_proofs_identity_state", proofs.c.identity, proofs.c.state)

authenticators = Table(
    "authenticators",
    metadata,
    key("id"),
    text("identity"),
    text("method"),
    text("name"),
    sealed("seed"),
    moment("created_at"),
    optional_moment("confirmed_at"),
    number("last_step"),
    number("failures"),
    number("disabled"),
    optional_moment("counts_from"),
    Column("chat_failures", BigInteger),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_authenticators_identity", authenticators.c.identity)

passkeys = Table(
    "passkeys",
    metadata,
    key("id"),
    text("identity"),
    text("name"),
    Column("public_key", LargeBinary, nullable=False),
    number("sign_count"),
    text("transports"),
    moment("created_at"),
    optional_moment("last_used_at"),
    optional_moment("counts_from"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_passkeys_identity", passkeys.c.identity)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    key("id"),
    text("identity"),
    moment("created_at"),
    optional_moment("used_at"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_recovery_codes_identity", recovery_codes.c.identity)

enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    key("id"),
    text("identity"),
    text("given_by"),
    moment("until"),
    *authority(),
    sqlite_with_rowid=False,
)
"""Halves of enrolment codes, as keyed hashes; each from one administrator for one person."""
Index("ix_enrolment_codes_identity", enrolment_codes.c.identity)
