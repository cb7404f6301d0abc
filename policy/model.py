"""What a decision is asked with and what it answers: plain values that name no policy engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Method(StrEnum):
    """How presence is proven. The order is the order in which a step-up is tried and offered."""

    PROVIDER = "provider"
    PASSKEY = "passkey"
    TOTP = "totp"


class Place(StrEnum):
    """Where the person speaks from."""

    DIRECT = "direct"
    GROUP = "group"
    CHANNEL = "channel"
    WEB = "web"


class Consent(StrEnum):
    """What one proof opens (annotation `@consent`); the stricter one last."""

    OWN_READING = "own_reading"
    PER_ACTION = "per_action"


class Reason(StrEnum):
    """Why not: stable keys of texts. A policy's `@reason` names one of the first group."""

    NOT_OWNER = "not_owner"
    OWN_REQUEST = "own_request"
    OWN_ACCOUNT = "own_account"
    NOT_YOUR_REPORT = "not_your_report"
    NOT_YOUR_ROLE = "not_your_role"
    MORE_APPROVALS = "more_approvals"
    REASON_WANTED = "reason_wanted"
    OTHER_DEPARTMENT = "other_department"
    OTHER_REGION = "other_region"
    ALREADY_DECIDED = "already_decided"
    LOCKED = "locked"
    IDENTITY_CHECK_STALE = "identity_check_stale"
    SESSION_EXPIRED = "session_expired"
    SIGN_IN_AGAIN = "sign_in_again"

    SECOND_FACTOR_UNAVAILABLE = "second_factor_unavailable"
    NOT_ALLOWED = "not_allowed"
    POLICY_ERROR = "policy_error"


EVERY_DEPARTMENT = "*"
"""The scope of a role that reaches every department."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalEntity:
    """The person who acts, as policy sees them."""

    key: str
    roles: frozenset[str]
    department: str
    region: str
    employee: str | None = None
    """The reference in the HR system; without it nothing counts as one's own."""
    locked: bool
    has_passkey: bool = False
    """Whether a passkey of theirs counts now; the core says so of everybody it decides about."""
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Departments a role reaches (`*` for every one). A role that is not named reaches none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEntity:
    """What is acted upon: facts, no content. A resource that was not found is one without any fact."""

    type: str
    id: str
    owner: str | None = None
    """Employee reference, as `manager`."""
    manager: str | None = None
    department: str | None = None
    region: str | None = None
    state: str | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext:
    """The session a request comes in; never enough for a sensitive action by itself."""

    acr: str | None = None
    age_seconds: int
    idp_checked_age_seconds: int
    """How long ago the identity provider last confirmed this person."""
    interactive: bool = True
    """Whether the person authenticated for this session; not so where the provider's own session answered for them."""
    platform: str
    workspace: str = ""
    """The chat's workspace or tenant."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofContext:
    """An unspent proof for exactly this action, or one that could be had."""

    method: Method
    phishing_resistant: bool = False
    age_seconds: int = 0
    src_ip: str | None = None
    """The browser's address; chat carries none."""


class Manner(StrEnum):
    """How somebody comes to decide in another's place."""

    SUBSTITUTE = "substitute"
    SUPERIOR = "superior"


@dataclass(frozen=True, slots=True, kw_only=True)
class BehalfContext:
    """For whom somebody decides."""

    employee: str
    manner: Manner = Manner.SUBSTITUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsContext:
    """How many approved and still may, and as what."""

    total: int = 0
    manager: int = 0
    hr: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassContext:
    """That somebody goes past whoever is entitled: the length of the reason given, never its text."""

    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRequest:
    """One question: may this principal do this action to this resource, here and now?"""

    principal: PrincipalEntity
    action: str
    resource: ResourceEntity
    session: SessionContext
    proof: ProofContext | None = None
    approvals: ApprovalsContext | None = None
    on_behalf_of: BehalfContext | None = None
    break_glass: BreakGlassContext | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligations:
    """What a permit asks of whoever acts on it: the strictest union over the policies that permitted."""

    consent: Consent | None = None
    reading_set: str = ""
    """What one proof opens, where consent is `own_reading`."""
    confidential: bool = False
    """The values never enter the chat platform."""
    revalidate: bool = False
    """The identity provider is asked over the network before the transaction."""
    confirm: bool = False
    """A press on a card that shows the exact action."""
    batch: int = 0
    """How many of these one proof may sign, in a list that is shown in full; 0 where each wants its own."""
    approves: tuple[str, ...] = ()
    """As what this counts where several have to approve (annotation `@approves`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Yes, under these obligations."""

    rules: tuple[str, ...]
    policy_hash: str
    obligations: Obligations


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """No."""

    rules: tuple[str, ...] = ()
    """The forbidding policies; empty when nothing permitted."""
    reason: Reason
    policy_hash: str
    error: bool = False
    """The policies could not be evaluated: an alarm."""
    detail: str = ""
    """For operators, where `error` is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpRequired:
    """Yes, once one of these methods has proven presence."""

    methods: tuple[Method, ...]
    """Every one that would do, the first to be offered first."""
    rules: tuple[str, ...]
    policy_hash: str
    obligations: Obligations


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRequired:
    """A browser leg could supply what is missing (`src_ip`); whether that suffices is decided then."""

    missing: tuple[str, ...]
    methods: tuple[Method, ...]
    rules: tuple[str, ...]
    policy_hash: str
    obligations: Obligations


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequired:
    """Yes, once one of these methods is enrolled and used."""

    methods: tuple[Method, ...]
    rules: tuple[str, ...]
    policy_hash: str
    obligations: Obligations


APPROVES = ("manager", "hr")
"""As what somebody may approve: the counts of `ApprovalsContext`, in the order in which more are asked for."""
WRITABLE_REASONS = frozenset(Reason) - {Reason.SECOND_FACTOR_UNAVAILABLE, Reason.POLICY_ERROR}
"""What a policy may say in `@reason`; the others are the engine's own words."""

Decision = Permit | Deny | StepUpRequired | ContextRequired | EnrolRequired
