"""Changes of authority that wait: for another administrator's yes, or, where there is only one, for a day to pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.identity import Role

ENROLMENT = "give_enrolment_code"
RECOVERY = "recover_administrator"
"""What the link of `doorward admin recover` asks for; nobody says a command for it."""
SENSITIVE = frozenset({Role.ADMINISTRATOR, Role.AUDITOR, Role.HR_MANAGER})
"""Roles that two administrators give and take."""
DELAY = timedelta(hours=24)
"""How long a change waits where there is no second administrator, and can be cancelled."""
KEPT = timedelta(days=7)
"""After that an unanswered proposal is none."""


class ChangeState(StrEnum):
    """How far a change is."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A change, whoever wants it: two people want the same one if these are equal."""

    capability: str
    target: str
    """The identity's key; for what concerns a whole tenant, the tenant."""
    arguments: Mapping[str, str]

    @property
    def key(self) -> str:
        """One string for exactly this change."""
        return json.dumps([self.capability, self.target, dict(self.arguments)], sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that somebody wanted, and who said yes to it."""

    id: str
    wanted: Wanted
    proposed_by: str
    """An identity's key, or `shell`."""
    proposed_at: datetime
    agreed: tuple[str, ...] = ()
    """Keys of the identities that said yes."""
    due_at: datetime | None = None
    """When it is done by itself: in single-administrator mode only."""
    until: datetime
    state: ChangeState = ChangeState.OPEN
    announced: bool = False
    version: int = 0

    def open(self, now: datetime) -> bool:
        """Whether it still waits."""
        return self.state is ChangeState.OPEN and now < self.until


def needed(wanted: Wanted) -> int:
    """How many administrators have to say yes."""
    sensitive = wanted.arguments.get("role", "") in {role.value for role in SENSITIVE}
    return 2 if sensitive or wanted.capability == ENROLMENT else 1
