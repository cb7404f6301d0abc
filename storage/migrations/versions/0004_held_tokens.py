"""Which token caches a replica is refreshing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("token_caches", sa.Column("held_until", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("token_caches", "held_until")
