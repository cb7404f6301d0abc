"""The database's history is one line."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).resolve().parents[2] / "storage" / "migrations"


@pytest.mark.skipif(not MIGRATIONS.exists(), reason="no migrations yet")
def test_there_is_one_newest_migration() -> None:
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1
