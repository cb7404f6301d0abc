"""What the company's directory tells us: received signals, the provider's sessions, SCIM resources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "provider_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_provider_sessions_until", "provider_sessions", ["until"], unique=False)
    op.create_table(
        "provisioned",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("active", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("mac_key", sa.Text(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioned")),
    )
    op.create_index("ix_provisioned_client_external_id", "provisioned", ["client", "external_id"], unique=False)
    op.create_index("ix_provisioned_client_kind", "provisioned", ["client", "kind", "created_at"], unique=False)
    op.create_index("ix_provisioned_identity", "provisioned", ["identity"], unique=False)
    op.create_index(
        "uq_provisioned_client_name",
        "provisioned",
        ["client", "name"],
        unique=True,
        sqlite_where=sa.text("deleted = 0 AND kind = 'User'"),
        postgresql_where=sa.text("deleted = 0 AND kind = 'User'"),
    )
    op.create_table(
        "signals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_signals_until", "signals", ["until"], unique=False)


def downgrade() -> None:
    for table in ("signals", "provisioned", "provider_sessions"):
        op.drop_table(table)
