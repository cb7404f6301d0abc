"""The stores of approvals by others. Every row carries a MAC; a mismatch raises `IntegrityAlarm`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from bot.domain.approval import Approval, AskedRequest, Substitution


class ApprovalStore(Protocol):
    """What was asked, and what was approved while it does not suffice."""

    def ask(self, asked: AskedRequest) -> None:
        """Insert, or replace the row of the same resource."""
        ...

    def asked(self, about: str) -> AskedRequest | None:
        """The row of a resource."""
        ...

    def hold(self, about: str) -> AskedRequest | None:
        """The row of a resource, kept as it is until the transaction ends: whoever counts next waits."""
        ...

    def open(self, *, limit: int) -> Sequence[AskedRequest]:
        """What still waits, the next to expire first."""
        ...

    def of_owner(self, owner: str) -> Sequence[AskedRequest]:
        """What one employee asked."""
        ...

    def give(self, approval: Approval) -> None:
        """Keep one consent."""
        ...

    def given(self, about: str, facts_version: str) -> Sequence[Approval]:
        """The consents to a resource as it stands, the oldest first; neither spent nor void."""
        ...

    def close(self, about: str, state: str) -> int:
        """Take every consent to a resource out of use (`spent` or `void`); how many."""
        ...


class SubstitutionStore(Protocol):
    """Who stands in for whom."""

    def name(self, substitution: Substitution) -> None:
        """Keep one."""
        ...

    def of_approver(self, approver: str, *, since: date) -> Sequence[Substitution]:
        """Who stands in for somebody, from that day on; those that were ended early are none."""
        ...

    def of_substitute(self, substitute: str, *, since: date) -> Sequence[Substitution]:
        """For whom somebody stands in, from that day on."""
        ...

    def end(self, substitution_id: str, now: datetime) -> bool:
        """End one; whether it still stood."""
        ...
