"""Every notice there is: who gets it, of what class it is, and when it comes.

*Security*: always, at once, by day and night. *Needs you*: within working hours in the person's own zone, two a day by
themselves, what is more in one card, and one reminder a working day. *Answer*: somebody's own request went on, told
where they asked. *For information*: edits a message that is there already, which makes no sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bot.domain.identity import ChannelIdentity

SINGLY = 2
"""So many a day come by themselves; from the third on they are one card."""


TALK = "Talk::"
"""What a notice is about that asks something of whoever made a request (`Talk::12`): their answer ends it."""


class NoticeClass(StrEnum):
    """How much a notice may disturb."""

    SECURITY = "security"
    NEEDS_YOU = "needs_you"
    ANSWER = "answer"
    INFORMATION = "information"


class Recipient(StrEnum):
    """Who gets it."""

    OWNER = "owner"
    """Whose account, factor or record it is about."""
    APPROVER = "approver"
    REQUESTER = "requester"
    CHANNEL = "channel"
    """A channel named in the settings; nobody is called by it."""
    ADMINISTRATORS = "administrators"


class Notice(StrEnum):
    """Every notice."""

    ACCOUNT_LINKED = "account_linked"
    FACTOR_CHANGED = "factor_changed"
    APPROVAL_WANTED = "approval_wanted"
    APPROVALS_BUNDLED = "approvals_bundled"
    APPROVAL_REMINDER = "approval_reminder"
    APPROVAL_POSTED = "approval_posted"
    REQUEST_DECIDED = "request_decided"
    SUBSTITUTE_WANTED = "substitute_wanted"
    SUBSTITUTE_NAMED = "substitute_named"
    CHANGE_WAITS = "change_waits"
    BREAK_GLASS = "break_glass"
    COPY_CHANGED = "copy_changed"
    SESSION_ENDED = "session_ended"
    PAY_OFFICE = "pay_office"
    DID_NOT_HELP = "did_not_help"
    MORE_WANTED = "more_wanted"
    MORE_TOLD = "more_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table."""

    who: Recipient
    kind: NoticeClass
    by_mail: bool = False
    """Also to the company mailbox, past the chat."""


TABLE: Mapping[Notice, Rule] = MappingProxyType(
    {
        Notice.ACCOUNT_LINKED: Rule(who=Recipient.OWNER, kind=NoticeClass.SECURITY, by_mail=True),
        Notice.FACTOR_CHANGED: Rule(who=Recipient.OWNER, kind=NoticeClass.SECURITY, by_mail=True),
        Notice.APPROVAL_WANTED: Rule(who=Recipient.APPROVER, kind=NoticeClass.NEEDS_YOU),
        Notice.APPROVALS_BUNDLED: Rule(who=Recipient.APPROVER, kind=NoticeClass.NEEDS_YOU),
        Notice.APPROVAL_REMINDER: Rule(who=Recipient.APPROVER, kind=NoticeClass.NEEDS_YOU),
        Notice.APPROVAL_POSTED: Rule(who=Recipient.CHANNEL, kind=NoticeClass.INFORMATION),
        Notice.REQUEST_DECIDED: Rule(who=Recipient.REQUESTER, kind=NoticeClass.ANSWER),
        Notice.SUBSTITUTE_WANTED: Rule(who=Recipient.REQUESTER, kind=NoticeClass.ANSWER),
        Notice.SUBSTITUTE_NAMED: Rule(who=Recipient.APPROVER, kind=NoticeClass.ANSWER),
        Notice.CHANGE_WAITS: Rule(who=Recipient.ADMINISTRATORS, kind=NoticeClass.SECURITY, by_mail=True),
        Notice.BREAK_GLASS: Rule(who=Recipient.ADMINISTRATORS, kind=NoticeClass.SECURITY, by_mail=True),
        Notice.COPY_CHANGED: Rule(who=Recipient.CHANNEL, kind=NoticeClass.INFORMATION),
        Notice.SESSION_ENDED: Rule(who=Recipient.OWNER, kind=NoticeClass.INFORMATION),
        Notice.PAY_OFFICE: Rule(who=Recipient.CHANNEL, kind=NoticeClass.INFORMATION),
        Notice.MORE_WANTED: Rule(who=Recipient.REQUESTER, kind=NoticeClass.NEEDS_YOU),
        Notice.MORE_TOLD: Rule(who=Recipient.APPROVER, kind=NoticeClass.ANSWER),
        Notice.DID_NOT_HELP: Rule(who=Recipient.ADMINISTRATORS, kind=NoticeClass.INFORMATION),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """When somebody may be called to something that needs them, in their own zone."""

    start: time = time(8)
    end: time = time(18)
    days: frozenset[int] = frozenset(range(5))
    """Monday is 0."""
    digest: bool = False
    """All of a day in one card when it begins, nothing in between."""

    def within(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether this is working time; an end of midnight is the end of the day."""
        local = now.astimezone(zone)
        return (
            local.weekday() in self.days
            and self.start <= local.time()
            and (self.end == time(0) or local.time() < self.end)
        )


ALWAYS = WorkingHours(start=time(0), end=time(0), days=frozenset(range(7)))
"""The demonstration's: nobody there sleeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A notice that needs somebody, from when it is wanted until what it asks for is done."""

    id: str
    to: ChannelIdentity
    about: str
    """The resource, `Leave::12`."""
    created_at: datetime
    delivered_at: datetime | None = None
    bundled: bool = False
    reminded_on: date | None = None

    def delivered_on(self, zone: ZoneInfo) -> date | None:
        """The day it was delivered, there."""
        return None if self.delivered_at is None else self.delivered_at.astimezone(zone).date()

    def delivered(self, now: datetime, *, bundled: bool) -> Kept:
        """The same, delivered."""
        return replace(self, delivered_at=now, bundled=bundled)


KEPT_FOR = timedelta(days=60)
"""What was never decided in this time is not spoken of again."""
