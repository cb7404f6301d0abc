"""Walks the parts of a policy's syntax tree: dataclasses and tuples, whoever made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass


def nodes(part: object) -> Iterator[object]:
    """A part and everything in it."""
    yield part
    for child in children(part):
        yield from nodes(child)


def children(part: object) -> Iterator[object]:
    """What a part is made of."""
    if isinstance(part, tuple):
        yield from part
    elif is_dataclass(part):
        yield from (getattr(part, field.name) for field in fields(part))


def names(part: object, attribute: str) -> bool:
    """Whether a part asks for an attribute, of whatever: who is in doubt takes it for a yes."""
    return any(getattr(one, "attr", "") == attribute or attribute in getattr(one, "attrs", ()) for one in nodes(part))
