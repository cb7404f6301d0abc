"""Policies as they are written: which files, in which order, under which hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from policy.rules import PolicyRefused

POLICIES = Path(__file__).parent / "policies"
SCHEMA = Path(__file__).parent / "schema.cedarschema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The texts of one set of policies."""

    schema: str
    files: tuple[tuple[str, str], ...]
    """Name and text, in the order in which their reasons are given."""

    @property
    def digest(self) -> str:
        """SHA-256 over names and texts, each with its length before it."""
        said = b"".join(_sized(name) + _sized(text) for name, text in (("", self.schema), *self.files))
        return hashlib.sha256(said).hexdigest()


def read_sources(directory: Path = POLICIES) -> Sources:
    """Every `*.cedar` of a directory in the order of the names, with the schema beside them or else Doorward's own.

    Raises `PolicyRefused` when there is no policy or a file cannot be read.
    """
    own = directory / SCHEMA.name
    try:
        schema = (own if own.exists() else SCHEMA).read_text(encoding="utf-8")
        files = tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.cedar")))
    except (OSError, UnicodeDecodeError) as exc:
        raise PolicyRefused([f"{directory}: {exc}"]) from exc
    if not files:
        raise PolicyRefused([f"{directory}: no *.cedar file"])
    return Sources(schema=schema, files=files)


def line_of(text: str, rule_id: str) -> int:
    """The line of a policy's `@id`, counted from one; 1 when it is nowhere."""
    mark = f'@id("{rule_id}")'
    return next((number for number, line in enumerate(text.splitlines(), 1) if mark in line), 1)


def _sized(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(8, "big") + raw
