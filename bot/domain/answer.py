"""What a message ends in: replies, records, a dialog, a page to go on with; written in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from bot.domain.cards import ActionStyle, Audience, Card, Dialog, FieldKind
from bot.domain.identity import ChannelIdentity
from bot.domain.intent import Intent
from bot.domain.messages import Place
from bot.domain.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """An action still without its handle: pressing it starts an intent, or goes on with a proposal."""

    label: str
    intent: Intent | None = None
    proposal: str | None = None
    digest: str = ""
    """Of the proposal: what the card shows. A handle counts for no other."""
    kind: str = "intent"
    """`intent`, `confirm`, `dismiss`, `code` or `said` (see `bot.services.buttons`)."""
    said: str = ""
    """For `said`: the sentence that a press makes the person's own."""
    style: ActionStyle = ActionStyle.PLAIN
    opens_dialog: bool = False
    lasts: bool = False
    """It stands on a notice, which somebody reads when they come to it: good for as long as a shared card's."""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A card whose buttons have no handles yet."""

    card: Card
    buttons: tuple[Button, ...] = ()
    audience: Audience = Audience.PERSON
    about: str = ""
    """Under what the posted message can be found and edited later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A draft with where it goes. `place` None is the person's direct conversation."""

    draft: Draft
    to: ChannelIdentity
    place: Place
    edits: str | None = None
    version: int = 0
    """The rendered version that this makes of a posted message (`PostedMessage.version`)."""
    line: Card | None = None
    """For an edit: what is said of it in the thread of the edited message."""
    anew: bool = False
    """For an edit: where the message is gone, the card is posted there anew, without the line."""
    notice: Notice | None = None
    """Which line of the table of notices it is; None for an answer to what was just said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Confidential values for our page: never a message, dialog, file or fallback text."""

    title: str
    rows: tuple[tuple[str, str], ...]
    total: tuple[str, str] | None = None
    quiet: str = ""
    file: str = ""
    """The name of a file that the page offers once besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody gets, wherever they are: in chat, in an open dialog, in the browser."""

    draft: Draft | None = None
    dialog: Dialog | None = None
    continue_path: str | None = None
    """The page of ours on which this goes on; in chat it is a link, in a browser leg the next page."""
    code: str = ""
    """A stable code of how it ended, for the trace and the audit trail."""
    refused: bool = False
    """It ended, and the capability itself did not do what was asked for."""
    view: Card | None = None
    """What the platform shows on the card that was pressed, to this person alone; then it is posted nowhere."""
    back: str = ""
    """The address of the shared card this began on, for a page that ends it; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """Something that now waits for somebody else's decision."""

    about: str
    """The resource, `Leave::12`."""
    subject_name: str
    """Whose request it is, as the system names them."""
    owner: str
    """Their employee reference."""
    start: date
    end: date
    kind: str
    """As the HR system calls it; empty where the kind itself is sensitive."""
    note: str
    approver: str | None
    """Employee reference of who decides; None goes to HR."""
    by_hr: bool
    working_days: Decimal | None = None
    """A number and no words: each reader has a language of their own. None in rows that were kept before it was."""
    read_at: datetime | None = None
    """When the HR system was read."""
    capability: str = "request_leave"
    leave_type: str = ""
    """For routing only; it stands on no card."""
    days: int = 0
    """Working days, rounded up."""
    department: str = ""
    region: str = ""
    version: str = ""
    """Of the record, as its facts have it."""
    was: tuple[date, date] | None = None
    """The days it was asked for before, where they were changed."""
    line: tuple[LineMember, ...] = ()
    """The approver and those above, nearest first, as far as they could be learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMember:
    """Somebody in the line of an approver."""

    employee: str
    present: bool
    """The HR system knows them, neither away nor departed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Approvals that do not suffice yet."""

    about: str
    given: tuple[str, ...]
    """By whom, in words."""
    needed: int
    """How many there must be at the least."""
    missing: tuple[str, ...]
    """As what: `manager`, `hr`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """A decision that every posted copy shows from now on."""

    about: str
    subject_name: str
    owner: str
    start: date
    end: date
    approved: bool
    final: bool
    withdrawn: bool = False
    undone: str = ""
    """How it ended otherwise: `cancelled` or `changed` by the owner, or `revoked` by whoever decided."""
    by_name: str
    method: str
    note: str = ""
    on_behalf_of: str = ""
    """The name of whom they stood in for."""
    by_employee: str = ""
    capability: str = "request_leave"
    leave_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of a list to choose from: one action, and how it is called for the reader."""

    capability: str
    argument: str
    """Which argument `item` is."""
    item: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """A list to choose from: each line is one action, of whatever kinds policy lets one proof sign several of."""

    items: tuple[Tick, ...]
    kind: str = ""
    """The capability all lines are of; empty where they are of several."""
    reason: str = ""
    """Which argument one reason for all of them becomes; empty where none is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """One thing that is wanted in a dialog."""

    argument: str
    """Which argument it becomes."""
    kind: FieldKind = FieldKind.TEXT
    value: str = ""
    """What stands there at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is wanted, in a dialog or on our page, for an action that is decided on once it is there."""

    capability: str
    blanks: tuple[Blank, ...]
    arguments: tuple[tuple[str, str], ...]
    """Pairs of a name and a value: the other arguments, which are known already."""
    on_page: bool = False
    """It is typed on our page: chat never has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a capability made of its effect."""

    draft: Draft
    sheet: Sheet | None = None
    code: str = "done"
    asks: ApprovalRequest | None = None
    decided: DecisionMade | None = None
    ticks: Ticks | None = None
    """What an open dialog lets the person tick."""
    form: Form | None = None
    """What an open dialog, or our page, lets the person write."""
    progress: Progress | None = None
    postings: tuple[Posting, ...] = ()
    """Cards for others that follow from it."""
    office: Card | None = None
    """What the pay office is told, in HR's channel."""
    mailbox: tuple[str, str] | None = None
    """A letter to the person's own company mailbox, past the chat: subject and text."""
