"""Whom the glass was broken for, who is no reviewer of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("break_glass", sa.Column("owner", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("break_glass", "owner")
