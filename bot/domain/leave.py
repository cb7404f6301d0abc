"""The closed sets of words about leave, the same for every HR system."""

from __future__ import annotations

from enum import StrEnum


class LeaveState(StrEnum):
    """The states of a leave request; the vendor's own word stays beside it in `raw_state`."""

    PENDING = "pending"
    SECOND_APPROVAL = "second_approval"
    APPROVED = "approved"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class LeaveApproval(StrEnum):
    """Who has to agree before a leave of a type is granted."""

    NONE = "none"
    MANAGER = "manager"
    HR = "hr"
    BOTH = "both"


class Portion(StrEnum):
    """How much of each day; a half is possible for a single day only."""

    FULL = "full"
    MORNING = "morning"
    AFTERNOON = "afternoon"


class Verdict(StrEnum):
    """The two decisions on a leave request."""

    APPROVE = "approve"
    REFUSE = "refuse"


class LeaveScope(StrEnum):
    """Whose leave requests are listed."""

    OWN = "own"
    """Those of the employee."""
    AWAITING = "awaiting"
    """Those that wait for the employee's decision."""
