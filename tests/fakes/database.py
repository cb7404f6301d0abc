"""An empty database with the newest schema: made once a run, since migrating is slow."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from storage.migration import migrate


@cache
def empty_database() -> bytes:
    """The file's content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def make_empty(path: Path) -> None:
    """A database there; one that is there already stays."""
    if not path.exists():
        path.write_bytes(empty_database())
