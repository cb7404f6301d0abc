"""The vendor's unmaintained SDK stays where it can be taken out again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
VENDOR = {"botbuilder", "botframework", "msrest"}


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_one_module_knows_botbuilder() -> None:
    modules = [path for area in ("bot", "adapters", "policy", "storage") for path in (ROOT / area).rglob("*.py")]
    knowing = {str(path.relative_to(ROOT)) for path in modules if VENDOR & set(imported(path))}
    assert knowing == {"adapters/teams/app.py"}
