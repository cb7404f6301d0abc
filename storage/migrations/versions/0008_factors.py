"""Factors: from when one counts, what a sign-in showed, and codes of enrolment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("authenticators", sa.Column("counts_from", sa.BigInteger(), nullable=True))
    op.add_column("authenticators", sa.Column("chat_failures", sa.BigInteger(), nullable=True))
    op.add_column("passkeys", sa.Column("counts_from", sa.BigInteger(), nullable=True))
    op.add_column("browser_sessions", sa.Column("acr", sa.Text(), nullable=True))
    op.add_column("browser_sessions", sa.Column("vouched", sa.BigInteger(), nullable=True))
    op.create_table(
        "enrolment_codes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("mac_key", sa.Text(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_codes")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_enrolment_codes_identity", "enrolment_codes", ["identity"], unique=False)


def downgrade() -> None:
    op.drop_table("enrolment_codes")
    op.drop_column("browser_sessions", "vouched")
    op.drop_column("browser_sessions", "acr")
    op.drop_column("passkeys", "counts_from")
    op.drop_column("authenticators", "chat_failures")
    op.drop_column("authenticators", "counts_from")
