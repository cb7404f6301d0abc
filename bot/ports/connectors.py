"""What every HR and CRM connector shares: the call, what it says of itself, and the errors it may answer with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors import DoorwardError


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The acting person and the bounds of one call; stands beside the `Grant` in every operation."""

    subject: str
    """`LinkedIdentity.key` of the acting person."""
    employee: str | None
    """Their reference in the system."""
    correlation: str
    deadline: datetime
    idempotency_key: str | None = None
    """Required for every write."""
    expected_version: str | None = None


class Delegation(StrEnum):
    """In whose name the system is called."""

    PER_USER = "per_user"
    SERVICE = "service"


class Idempotency(StrEnum):
    """How a repeated write is recognised."""

    NATIVE = "native"
    MARKER = "marker"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationTraits:
    """What a connector says of one operation."""

    supported: bool
    delegation: Delegation
    idempotency: Idempotency
    version_check: bool
    separation_of_duties: bool = False


class Reconciliation(StrEnum):
    """What a look-up says of a write whose reply was lost."""

    DONE = "done"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class ConnectorError(DoorwardError):
    """Base of what a system can answer; vendor texts never pass, they carry other people's names."""

    code = "connector.error"


class Unauthenticated(ConnectorError):
    """The system does not accept our credential."""

    code = "connector.unauthenticated"


class Forbidden(ConnectorError):
    """The system refuses this person."""

    code = "connector.forbidden"


class NotFound(ConnectorError):
    """There is no such record."""

    code = "connector.not_found"


class Invalid(ConnectorError):
    """A value is refused; `field` names it."""

    code = "connector.invalid"

    def __init__(self, field: str, detail: str = "") -> None:
        super().__init__(detail or field)
        self.field = field


class ConflictReason(StrEnum):
    """Why a write does not fit the present state."""

    OVERLAP = "overlap"
    ALREADY_DECIDED = "already_decided"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    STALE = "stale"


class Conflict(ConnectorError):
    """The write does not fit the present state."""

    code = "connector.conflict"

    def __init__(self, reason: ConflictReason, detail: str = "") -> None:
        super().__init__(detail or reason.value, code=f"connector.conflict.{reason.value}")
        self.reason = reason


class RateLimited(ConnectorError):
    """Too many calls; `retry_after_seconds` says when."""

    code = "connector.rate_limited"

    def __init__(self, retry_after_seconds: float = 1.0) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class ConnectorUnavailable(ConnectorError):
    """The system does not answer; a read, or a write that surely did not reach it."""

    code = "connector.unavailable"


class Unsupported(ConnectorError):
    """This system cannot do that."""

    code = "connector.unsupported"


class OutcomeUnknown(ConnectorError):
    """A write was sent and not confirmed: reconcile by look-up, never repeat blindly."""

    code = "connector.outcome_unknown"
