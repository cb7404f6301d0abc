"""Approvals by others: who is asked, who approved, who stands in for whom, and where cards go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.domain.answer import ApprovalRequest, Progress
from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.messages import Place
from bot.domain.proof import ProofMethod

EXPIRE_DAYS = 14
"""How long a request for a decision waits, where the settings say nothing else."""


class Manner(StrEnum):
    """How somebody comes to decide in another's place (the same words as the Cedar schema's `Manner`)."""

    SUBSTITUTE = "substitute"
    SUPERIOR = "superior"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behalf:
    """For whom somebody decides."""

    employee: str
    name: str
    manner: Manner


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's consent to one request as it stood (`facts_version`), kept until enough others agree.

    What it counts for is decided anew each time by policy, on what holds of that person then.
    """

    id: str
    about: str
    facts_version: str
    identity: LinkedIdentity
    employee: str
    name: str
    on_behalf_of: Behalf | None
    digest: str
    """Of the canonical action that was consented to."""
    method: ProofMethod
    phishing_resistant: bool
    at: datetime

    @property
    def authority(self) -> str:
        """Whose right this is: the manager's, where a substitute or superior gave it."""
        return self.on_behalf_of.employee if self.on_behalf_of else self.employee


class RequestState(StrEnum):
    """The life of a request for a decision."""

    OPEN = "open"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What was asked about a request, or answered, in somebody's own words."""

    asks: bool
    """A question by whoever may decide; else the answer of whoever made the request."""
    name: str
    on_behalf_of: str = ""
    """The name of whom they stood in for."""
    text: str
    channel: ChannelIdentity
    """Where they wrote it, and hear what became of it."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRequest:
    """A request that was put to somebody, with what its cards say. One row for each resource."""

    about: str
    request: ApprovalRequest
    identity: LinkedIdentity
    """Who asked."""
    asked_by: ChannelIdentity
    facts_version: str
    stage: int
    """Up to which stage of its route cards were posted."""
    asked_at: datetime
    until: datetime
    state: RequestState = RequestState.OPEN
    taken_by: str = ""
    """The effect with which the last approval went to the system; of this `facts_version`."""
    refused_by: str = ""
    """Employee reference of whoever refused, and when: prompts of that kind pause."""
    closed_at: datetime | None = None
    talk: tuple[Remark, ...] = ()
    """Questions about it and their answers, the oldest first."""
    progress: Progress | None = None
    """Approvals that do not suffice yet, as the cards show them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitution:
    """Somebody decides in another's place on given days, both included; it ends by itself."""

    id: str
    approver: str
    """Employee reference, as `substitute`."""
    approver_name: str
    substitute: str
    substitute_name: str
    starts: date
    ends: date
    named_by: str
    """`LinkedIdentity.key` of whoever named them."""
    named_at: datetime

    def covers(self, day: date) -> bool:
        """Whether it holds on that day."""
        return self.starts <= day <= self.ends

    def meets(self, starts: date, ends: date) -> bool:
        """Whether it shares a day with a range."""
        return self.starts <= ends and starts <= self.ends


class AddressKind(StrEnum):
    """Whom a stage of a route names."""

    MANAGER = "manager"
    HR = "hr"
    PLACE = "place"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One addressee of a stage."""

    kind: AddressKind
    place: Place | None = None
    person: str = ""
    """User name at the identity provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where requests of one kind go, stage after stage; an empty condition holds for all. Settings, not rights."""

    capability: str = ""
    types: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    longer_than: int | None = None
    """Days."""
    stages: tuple[tuple[Address, ...], ...]

    def fits(self, request: ApprovalRequest) -> bool:
        """Whether a request takes this route."""
        return (
            self.capability in ("", request.capability)
            and _among(request.leave_type, self.types)
            and _among(request.department, self.departments)
            and _among(request.region, self.regions)
            and (self.longer_than is None or request.days > self.longer_than)
        )


def _among(value: str, named: frozenset[str]) -> bool:
    return not named or value in named
