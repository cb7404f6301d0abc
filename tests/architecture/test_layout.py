"""Modules stay small enough to read, are named after what they hold, and packages re-export nothing."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = {False: 400, True: 650}
"""Code, and tests: a table of attacks reads better whole."""
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
MODULES = [path for top in ("bot", "adapters", "policy", "storage", "tests") for path in (ROOT / top).rglob("*.py")]


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_modules_are_short() -> None:
    assert [
        _relative(path) for path in MODULES if _lines(path) > MOST_LINES[_relative(path).startswith("tests/")]
    ] == []


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_packages_re_export_nothing() -> None:
    assert [_relative(path) for path in MODULES if path.name == "__init__.py" and path.read_text().strip()] == []


def test_every_folder_of_modules_is_a_package() -> None:
    bare = {path.parent for path in MODULES if not (path.parent / "__init__.py").exists()}
    assert {_relative(folder) for folder in bare} <= {"storage/migrations", "storage/migrations/versions"}


@pytest.mark.parametrize("name", sorted(VAGUE_NAMES))
def test_no_module_is_called(name: str) -> None:
    assert [_relative(path) for path in MODULES if name in {path.stem, path.parent.name}] == []
