"""The audit log: append only, each record chained to the one before."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from storage.tables.metadata import metadata, moment, text

audit = Table(
    "audit",
    metadata,
    # Given by the log, not by the database: a number that is missing is a record that is missing.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    moment("time"),
    text("type"),
    text("principal"),
    text("channel"),
    text("action"),
    text("resource"),
    text("decision"),
    text("rules"),
    text("policy_hash"),
    text("correlation"),
    text("code"),
    text("previous"),
    text("hash"),
    Column("state", Text, nullable=False, server_default="{}"),
    Column("digest", Text),
)
Index("ix_audit_principal", audit.c.principal)
Index("ix_audit_resource", audit.c.resource)
Index("ix_audit_correlation", audit.c.correlation)
