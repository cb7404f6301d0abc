"""The digest of the canonical action in the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("audit", sa.Column("digest", sa.Text()))


def downgrade() -> None:
    op.drop_column("audit", "digest")
