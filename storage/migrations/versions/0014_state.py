"""What each record changed of the rows that carry authority."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("audit", sa.Column("state", sa.Text(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("audit", "state")
