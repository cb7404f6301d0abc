"""No document links to a file or a heading that is not there. Other sites are not asked."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
_markdown = MarkdownIt("commonmark").enable("table")


def _tokens(document: Path) -> Iterator[Token]:
    for block in _markdown.parse(document.read_text()):
        yield block
        yield from block.children or ()


def _links(document: Path) -> set[str]:
    found = {str(token.attrs.get("href") or token.attrs.get("src") or "") for token in _tokens(document)}
    return {link for link in found if link and not urlsplit(link).scheme}


def _anchors(document: Path) -> set[str]:
    """The anchors a forge makes of headings: lower case, punctuation dropped, blanks as hyphens, repeats numbered."""
    blocks = _markdown.parse(document.read_text())
    anchors: set[str] = set(re.findall(r'<a (?:id|name)="([^"]+)"', document.read_text()))
    for opening, heading in pairwise(blocks):
        if opening.type == "heading_open":
            text = "".join(part.content for part in heading.children or () if part.type in {"text", "code_inline"})
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            repeats = sum(1 for anchor in anchors if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", anchor))
            anchors.add(f"{slug}-{repeats}" if repeats else slug)
    return anchors


def dead_links(document: Path, root: Path) -> list[str]:
    """The links of a document that lead nowhere."""
    dead = []
    for link in sorted(_links(document)):
        parts = urlsplit(link)
        target = document.parent / unquote(parts.path) if parts.path else document
        is_dead = not target.exists() or not target.resolve().is_relative_to(root)
        if is_dead or (parts.fragment and target.suffix == ".md" and unquote(parts.fragment) not in _anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_has_no_dead_link(document: Path) -> None:
    assert dead_links(document, ROOT) == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# What `it` is, and why\n")
    document = tmp_path / "page.md"
    document.write_text(
        "# Here\n[a](other.md#what-it-is-and-why) [b](#here) [c](other.md#gone) ![d](gone.png) [e](../x) [f](https://x.example)\n"
    )
    assert dead_links(document, tmp_path) == ["../x", "gone.png", "other.md#gone"]
