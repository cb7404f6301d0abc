"""What the company's directory tells us: received signals, the provider's sessions, SCIM resources."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.tables.metadata import authority, key, metadata, moment, number, optional_text, sealed, text

signals = Table("signals", metadata, key("id"), moment("until"), sqlite_with_rowid=False)
Index("ix_signals_until", signals.c.until)

provider_sessions = Table(
    "provider_sessions", metadata, key("id"), text("identity"), moment("until"), sqlite_with_rowid=False
)
Index("ix_provider_sessions_until", provider_sessions.c.until)

provisioned = Table(
    "provisioned",
    metadata,
    key("id"),
    text("client"),
    text("kind"),
    text("name"),
    optional_text("external_id"),
    optional_text("identity"),
    number("active"),
    number("deleted"),
    sealed("document"),
    moment("created_at"),
    moment("changed_at"),
    *authority(),
)
_present = provisioned.c.deleted == 0
_users = _present & (provisioned.c.kind == "User")
Index(
    "uq_provisioned_client_name",
    provisioned.c.client,
    provisioned.c.name,
    unique=True,
    sqlite_where=_users,
    postgresql_where=_users,
)
Index("ix_provisioned_client_kind", provisioned.c.client, provisioned.c.kind, provisioned.c.created_at)
Index("ix_provisioned_client_external_id", provisioned.c.client, provisioned.c.external_id)
Index("ix_provisioned_identity", provisioned.c.identity)
