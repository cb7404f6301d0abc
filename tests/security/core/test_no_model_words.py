"""No word of a language model comes to a consent: nothing here asks one, and what would come of it is marked first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SEAM, UNDERSTANDING = "bot.understanding.llm", "understand.py"
SAYS = "a model's words could come to a consent: mark them apart as the assistant's (card, dialog, page; en, de) first"


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in ("adapters", "bot", "policy", "storage"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """The modules, and what is taken from them, in dotted names."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {item.name for item in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{item.name}" for item in node.names}
    return names


@pytest.mark.requirement("57", "62")
def test_nothing_asks_a_language_model() -> None:
    """The seam is a protocol without an implementation and without a caller."""
    asks = [path for path, tree in sources() if any(name.startswith(SEAM) for name in imported(tree))]
    assert asks == [], SAYS


@pytest.mark.requirement("57", "62")
def test_no_intent_is_a_models_but_where_its_proposal_is_checked() -> None:
    """And nobody hands a proposal there: `Understanding.propose` has no caller either."""
    made, called = set(), set()
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute):
                continue
            if node.attr == "MODEL" and isinstance(node.value, ast.Name) and node.value.id == "Origin":
                made.add(path.name)
            if node.attr == "propose" and "understand" in ast.unparse(node.value).casefold():
                called.add(path.name)
    # `turns.GUESSED` asks back sooner where a guess is a model's; it makes none.
    assert made == {UNDERSTANDING, "turns.py"}, SAYS
    assert called == set(), SAYS
