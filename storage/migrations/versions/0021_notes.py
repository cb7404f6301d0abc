"""What stands beside somebody in the ledger: that they are administrator, and that they have a chat account."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    # A migration has no keys: `doorward migrate` writes it down right after, where there is anybody to write it of.
    op.execute("INSERT INTO marks (key, value) SELECT 'ledger.notes', 'wanted' WHERE EXISTS (SELECT 1 FROM persons)")


def downgrade() -> None:
    op.execute("DELETE FROM marks WHERE key = 'ledger.notes'")
