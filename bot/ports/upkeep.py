"""The installation itself, as a system that administrators look at: its health, its settings, its policies' cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.grant import Grant
from bot.ports.connectors import Call, Unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHealth:
    """How one part is."""

    name: str
    """As `/readyz` calls it: `database`, `keys`, `idp company`."""
    answers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingShown:
    """A setting that differs from its default; a secret's value is only that it is there."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTest:
    """What came of the policies in force against the cases that are installed."""

    cases: int
    failures: tuple[str, ...]
    undecided: tuple[str, ...]
    """Policies that decide no case."""


class Upkeep(Protocol):
    """What an administrator may look at."""

    async def health(self, grant: Grant, call: Call) -> Sequence[PartHealth]:
        """Every part, asked now. Raises `NotAllowed`."""
        ...

    async def settings(self, grant: Grant, call: Call) -> Sequence[SettingShown]:
        """What is set. Raises `NotAllowed`."""
        ...

    async def test_policy(self, grant: Grant, call: Call) -> PolicyTest:
        """Hold the policies in force to their cases. Raises `NotAllowed`, `Unsupported` where no case is installed."""
        ...


class NoUpkeep:
    """Nothing can be looked at."""

    async def health(self, grant: Grant, call: Call) -> Sequence[PartHealth]:
        """Raises `Unsupported`."""
        raise Unsupported

    async def settings(self, grant: Grant, call: Call) -> Sequence[SettingShown]:
        """Raises `Unsupported`."""
        raise Unsupported

    async def test_policy(self, grant: Grant, call: Call) -> PolicyTest:
        """Raises `Unsupported`."""
        raise Unsupported
