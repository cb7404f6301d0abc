"""Sessions that nobody was asked for, and letters that wait for the mail server."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("silent", sa.SmallInteger(), nullable=True))
    op.create_table(
        "letters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_letters_due_at", "letters", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_table("letters")
    op.drop_column("sessions", "silent")
