"""Batch consent, break-glass and revoked decisions."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("ix_effects_proposal_id", "effects", ["proposal_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_effects_proposal_id", table_name="effects")
