"""Reads our page templates: which texts they say, and every word that stands in one as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import Environment, nodes

from tests.architecture.spoken import OPEN, ROOT, Spoken

TEMPLATES = sorted((ROOT / "adapters" / "web" / "templates").glob("*.html"))
READ_OUT = {"alt", "aria-label", "placeholder", "title", "data-done", "data-left", "data-other"}
"""Attributes whose value a person sees or hears."""
_JINJA = re.compile(r"\{% block width %\}.*?\{% endblock %\}|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def page_spoken() -> Iterator[Spoken]:
    """Every `say(…)` of every template, as `Source.spoken` gives those of the code."""
    environment = Environment(autoescape=True)
    for template in TEMPLATES:
        tree = environment.parse(template.read_text(encoding="utf-8"))
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "say":
                key = call.args[0]
                yield Spoken(
                    where=f"{template.name}:{call.lineno}",
                    keys=frozenset({key.value if isinstance(key, nodes.Const) else OPEN}),
                    values=frozenset(given.key for given in call.kwargs),
                    optional=False,
                )


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self._see(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in READ_OUT or (tag == "input" and name == "value"):
                self._see(value or "")

    def _see(self, text: str) -> None:
        self.found += re.findall(r"[^\W\d_]{2,}", text)


def words_in(template: str) -> list[str]:
    """The words a template says by itself, in its text or in what is read out of its attributes."""
    reader = _Words()
    reader.feed(_JINJA.sub(" ", template))
    literals = [
        word
        for output in Environment(autoescape=True).parse(template).find_all(nodes.Output)
        for constant in output.find_all(nodes.Const)
        if isinstance(constant.value, str) and " " in constant.value.strip()
        for word in constant.value.split()
    ]
    return reader.found + literals
