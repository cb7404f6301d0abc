"""The ledger of the people who were here, and the counts of their guesses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    _sealed("known_people", "bucket", "members")
    _sealed("guess_counts", "identity", "counts")
    _sealed("told_accounts", "identity", "account")
    op.create_index("ix_told_accounts_account", "told_accounts", ["account"], unique=False)
    # A migration has no keys: `doorward migrate` begins the ledger right after, where there is anybody to put in it.
    op.execute("INSERT INTO marks (key, value) SELECT 'ledger', 'wanted' WHERE EXISTS (SELECT 1 FROM persons)")


def _sealed(table: str, key: str, content: str) -> None:
    op.create_table(
        table,
        sa.Column(key, sa.Text(), nullable=False),
        sa.Column(content, sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("mac_key", sa.Text(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{table}")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("told_accounts")
    op.drop_table("guess_counts")
    op.drop_table("known_people")
