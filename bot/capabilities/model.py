"""What a capability is: one frozen entry of the catalogue, from which menus, schemas and cards derive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.answer import ApprovalRequest, Result
from bot.domain.approval import AskedRequest, Behalf
from bot.domain.grant import Grant
from bot.domain.identity import ChannelIdentity, Principal
from bot.domain.notice import WorkingHours
from bot.domain.owner import Owner
from bot.domain.proposal import Shown
from bot.ports.connectors import Call
from bot.ports.crm import CustomerRelations
from bot.ports.database import Transaction
from bot.ports.hr import HumanResources
from bot.ports.upkeep import NoUpkeep, Upkeep
from bot.texts.sentences import Voice
from policy.engine import PolicyEngine


class Effect(StrEnum):
    """Whether performing changes anything."""

    READ = "read"
    WRITE = "write"


class Group(StrEnum):
    """The areas of the catalogue."""

    ACCOUNT = "account"
    HR = "hr"
    CRM = "crm"
    ADMIN = "admin"


LONGEST_TEXT = 500
"""Characters of one argument."""


class Arguments(BaseModel):
    """Base of every arguments model: nothing unknown passes."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=LONGEST_TEXT, str_strip_whitespace=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """The systems a capability may call."""

    hr: HumanResources
    crm: CustomerRelations
    upkeep: Upkeep = field(default_factory=NoUpkeep)
    """The installation itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Everything a handler may know about the act it performs."""

    principal: Principal
    grant: Grant
    call: Call
    facts: ResourceFacts
    channel: ChannelIdentity
    voice: Voice
    now: datetime
    on_behalf_of: Behalf | None = None
    """For whom this person acts, where it is not for themselves."""
    resistant: bool = False
    """A phishing-resistant proof was given for exactly this."""

    def argument(self, name: str) -> str:
        """A text argument of the canonical action; empty where absent."""
        value = self.grant.action.arguments.get(name)
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What the settings say that a handler may tell or use."""

    public_url: str = ""
    """Where our pages are; empty where there are none."""
    hours: WorkingHours = field(default_factory=WorkingHours)
    """When people are called who have not chosen."""
    owner: Owner = field(default_factory=Owner)
    """Who hears what could not be helped with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """What a handler that works on our own database gets besides."""

    tx: Transaction
    engine: PolicyEngine
    ours: Ours
    asked: AskedRequest | None = None
    """The request it is about, where that waits in the system and was not made through us."""
    gone: frozenset[str] = frozenset()
    """The keys of those who reviewed before and have left since, by what provider and HR say now."""


Target = Callable[[Arguments, Principal], ResourceRef]
Perform = Callable[[Systems, Acting], Awaitable[Result]]
PerformLocal = Callable[[Local, Acting], Result]
Preview = Callable[[Systems, Acting], Awaitable[Shown]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One thing Doorward can do. `perform` calls a system; `local` works inside the transaction on our own tables."""

    name: str
    action: str
    """The Cedar action."""
    group: Group
    resource_type: str
    arguments: type[Arguments]
    effect: Effect
    target: Target
    canonical: tuple[str, ...] = ()
    """Arguments that are part of the canonical action; the others only name the resource."""
    perform: Perform | None = None
    local: PerformLocal | None = None
    preview: Preview | None = None
    preview_action: str = ""
    """The Cedar action under which the preview, or what others are asked, may be read; required with either."""
    settles: str = ""
    """The Cedar action that says whether the approvals suffice; where they do not, the act is an approval kept."""
    asks: Callable[[Systems, Acting], Awaitable[ApprovalRequest]] | None = None
    """What others are asked, read under `preview_action`; required with `settles`. Of a `local` capability it is read
    where the request was not made through us, and given to it as `Local.asked`."""
    stands_in: bool = False
    """Whether it may be done in somebody else's place."""
    breaks_glass: bool = False
    """Whether it is done past whoever is entitled, and each use is kept and reviewed by two people."""
    reviews_break_glass: bool = False
    """Whether it is such a review: before it counts, it is asked whether those who reviewed before still work here."""
    reviews_on_top: bool = False
    """Whether uses of break-glass that wait for this person's review stand before everything else it tells."""
    shows_talk: bool = False
    """Whether what was asked about a request, and answered, stands below what the system tells of it."""
    shows_questions: bool = False
    """Whether what others ask about one's own requests, unanswered, stands before everything else it tells."""
    instead: str = ""
    """The capability that whoever may not do this is shown, where policy lets them: said in the same words."""
    command: str = ""
    """How it is written after `/doorward`."""

    @property
    def title_key(self) -> str:
        """The text key of its title."""
        return f"{self.group}.{self.name}.title"


def on_self(resource_type: str) -> Target:
    """The target that is the acting person's own record."""

    def target(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
        return ResourceRef(type=resource_type, id=principal.employee or principal.key)

    return target
