"""Stages, substitutes and routes of approvals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "asked_requests",
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        *_authority(),
        sa.PrimaryKeyConstraint("about", name=op.f("pk_asked_requests")),
    )
    op.create_index("ix_asked_requests_state_until", "asked_requests", ["state", "until"], unique=False)
    op.create_index("ix_asked_requests_owner", "asked_requests", ["owner"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("facts_version", sa.Text(), nullable=False),
        sa.Column("employee", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        *_authority(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index("ix_approvals_about", "approvals", ["about"], unique=False)
    op.create_table(
        "substitutions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("approver_name", sa.Text(), nullable=False),
        sa.Column("substitute", sa.Text(), nullable=False),
        sa.Column("substitute_name", sa.Text(), nullable=False),
        sa.Column("starts", sa.Text(), nullable=False),
        sa.Column("ends", sa.Text(), nullable=False),
        sa.Column("named_by", sa.Text(), nullable=False),
        sa.Column("named_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        *_authority(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_substitutions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_substitutions_approver", "substitutions", ["approver"], unique=False)
    op.create_index("ix_substitutions_substitute", "substitutions", ["substitute"], unique=False)


def _authority() -> tuple[sa.Column[int], sa.Column[str], sa.Column[bytes]]:
    return (
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("mac_key", sa.Text(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("substitutions")
    op.drop_table("approvals")
    op.drop_table("asked_requests")
