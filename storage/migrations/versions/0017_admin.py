"""Claims challenges that wait for a browser leg."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "claims_challenges",
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("of", name=op.f("pk_claims_challenges")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("claims_challenges")
