"""Who gets the card that asks, stage after stage; never silence.

A manager is asked through the line: whoever they named as substitute for today, else they themselves if they are there,
else the same of their manager, else HR. Routes are settings and say only where cards go; who may decide is policy's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.answer import ApprovalRequest, DecisionMade, Draft, Posting
from bot.domain.approval import EXPIRE_DAYS, Address, AddressKind, AskedRequest, Remark, RequestState, Route
from bot.domain.identity import ChannelIdentity, Link, LinkedIdentity, Person, Platform, Role
from bot.domain.messages import Place
from bot.domain.notice import Notice
from bot.domain.outbound import PostedMessage
from bot.ports.database import Transaction
from bot.services import asked_again
from bot.services.approval_cards import APPROVER, question
from bot.services.delivery import direct_place
from bot.services.people import find_person
from bot.services.standing_in import reachable, stands_in
from bot.texts.formats import zone
from bot.texts.sentences import voice

PROMPTS_AN_HOUR = 6
"""Cards from one requester to one approver, or to one channel; what is more waits in the approvers' lists."""
PAUSE = timedelta(hours=1)
"""How long a refusal pauses further cards of that kind to whoever refused."""
MOST_OF_HR = 5
MANAGER, HR = Address(kind=AddressKind.MANAGER), Address(kind=AddressKind.HR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Where approvals are posted besides the approver's own conversation: HR's channel, by platform; and by rules."""

    hr: Mapping[Platform, Place]
    rules: tuple[Route, ...] = ()
    expire_days: int = EXPIRE_DAYS

    def stages(self, request: ApprovalRequest) -> tuple[tuple[Address, ...], ...]:
        """The stages of a request: of the first route that fits, else the line with HR's channel looking on."""
        found = next((route.stages for route in self.rules if route.fits(request)), ())
        return found or ((MANAGER,), (HR,))

    def hr_place(self, platform: Platform) -> Place | None:
        """HR's channel: on the requester's platform, or on another where there is none."""
        return self.hr.get(platform) or next(iter(self.hr.values()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of asking."""

    postings: tuple[Posting, ...]
    told: str = ""
    """How the requester is told where it went: `substitute`, `superior`, `hr`, `nobody`, `paused`, `paused_place`."""
    name: str = ""


@dataclass(slots=True, kw_only=True)
class _Asking:
    """One round of asking, in one transaction."""

    tx: Transaction
    request: ApprovalRequest
    routes: Routes
    platform: Platform
    asked_by: ChannelIdentity
    now: datetime
    postings: list[Posting] = field(default_factory=list)
    told: str = ""
    name: str = ""
    limited: bool = False
    """A channel gets no more cards of this requester for now."""
    talk: tuple[Remark, ...] = ()
    seen: set[str] = field(default_factory=set)
    copies: Sequence[PostedMessage] = ()
    """The question as it stands here and there already; a copy where it would be asked again is edited instead."""
    made: DecisionMade | None = None
    """What happened to the request, for the line under such a copy."""

    def put(self, address: Address) -> None:
        match address.kind:
            case AddressKind.MANAGER:
                self.manager()
            case AddressKind.HR:
                self.hr()
            case AddressKind.PLACE:
                assert address.place is not None
                self.place(address.place)
            case AddressKind.PERSON:
                self.named(address.person)

    def manager(self) -> None:
        for position, employee, present in self._line():
            for substitute in self._substitutes(employee):
                self.person(*substitute)
                self.told, self.name = "substitute", substitute[0].display_name
                return
            found = reachable(self.tx, employee)
            if present and found is not None:
                self.person(*found)
                if position:
                    self.told, self.name = "superior", found[0].display_name
                return
        self.told = "hr"
        self.hr()

    def _line(self) -> Iterator[tuple[int, str, bool]]:
        request = self.request
        line = [(item.employee, item.present) for item in request.line]
        if not line and request.approver:
            line = [(request.approver, True)]
        return ((at, *item) for at, item in enumerate(line) if item[0] != request.owner)

    def _substitutes(self, employee: str) -> Iterator[tuple[Person, tuple[Link, ...]]]:
        for item in self.tx.substitutions.of_approver(employee, since=(self.now - timedelta(days=1)).date()):
            own = item.substitute == self.request.owner or not stands_in(self.tx, item, self.request.owner)
            found = None if own else reachable(self.tx, item.substitute)
            if found is not None and item.covers(self.now.astimezone(zone(found[0].timezone)).date()):
                yield found

    def named(self, username: str) -> None:
        person = find_person(self.tx, username)
        found = None if person is None or not person.employee else reachable(self.tx, person.employee)
        if found is not None and found[0].employee != self.request.owner:
            self.person(*found)

    def hr(self) -> None:
        place = self.routes.hr_place(self.platform)
        if place is not None:
            self.place(place)
            return
        people = [person for person in self.tx.persons.with_role(Role.HR_MANAGER) if person.employee]
        for person in people[:MOST_OF_HR]:
            found = reachable(self.tx, person.employee or "")
            if found is not None and person.employee != self.request.owner:
                self.person(*found)

    def place(self, place: Place) -> None:
        if str(place) in self.seen:
            return
        self.seen.add(str(place))
        within, there = self._within(str(place)), asked_again.copy_in(self.copies, place)
        draft = question(self.request, voice(None), detailed=False, talk=self.talk)
        self.limited = self.limited or not within
        if there is not None:
            line = asked_again.thread_line(self.request, self.made, voice(None)) if within else None
            self._edit(asked_again.in_its_place(self.tx, there, draft, line=line, anew=within))
            return
        if not within:
            return
        self.postings.append(Posting(draft=draft, to=self.asked_by, place=place, notice=Notice.APPROVAL_POSTED))

    def person(self, person: Person, links: tuple[Link, ...]) -> None:
        if person.identity.key in self.seen:
            return
        self.seen.add(person.identity.key)
        paused = self._paused(person)
        copies = [(link, asked_again.copy_for(self.copies, link)) for link in links]
        if paused and not any(there for _, there in copies):
            self.told, self.name = "paused", person.display_name
            return
        reader = voice(person.locale)
        for link, there in copies:
            draft = question(self.request, reader, detailed=True, timezone=person.timezone, talk=self.talk)
            if there is not None:
                self._edit(asked_again.in_its_place(self.tx, there, draft, anew=not paused))
                if not paused:
                    self.postings.append(asked_again.call(self.request, self.made, reader, there))
            elif not paused:
                place = direct_place(link.channel)
                self.postings.append(Posting(draft=draft, to=link.channel, place=place, notice=Notice.APPROVAL_WANTED))

    def _edit(self, edit: Posting | None) -> None:
        self.postings += [] if edit is None else [edit]

    def _paused(self, person: Person) -> bool:
        """Counted before it is looked at; a refusal of the same kind within the hour pauses too."""
        within = self._within(str(person.employee))
        refused = any(
            item.refused_by == person.employee
            and item.closed_at is not None
            and self.now - item.closed_at < PAUSE
            and _kind(item.request) == _kind(self.request)
            for item in self.tx.approvals.of_owner(self.request.owner)
        )
        return refused or not within

    def _within(self, addressee: str) -> bool:
        """Whether this requester's card to them is within the limit; counted before it is compared."""
        key = f"prompt|{self.request.owner}|{addressee}"
        seconds = int(PAUSE.total_seconds())
        return self.tx.throttle.hit(key, limit=PROMPTS_AN_HOUR, window_seconds=seconds, now=self.now)


def _kind(request: ApprovalRequest) -> tuple[str, str]:
    return request.capability, request.leave_type


def ask(
    tx: Transaction,
    request: ApprovalRequest,
    *,
    routes: Routes,
    asked_by: ChannelIdentity,
    identity: LinkedIdentity,
    now: datetime,
    made: DecisionMade | None = None,
) -> Asked:
    """Put a request to its first stage (HR's, where only HR decides), and keep that it was asked.

    Whoever has its card already gets that one edited; `made` is what happened to it since.
    """
    before = tx.approvals.hold(request.about)
    talk = () if before is None else before.talk
    asking = _Asking(
        tx=tx,
        request=request,
        routes=routes,
        platform=asked_by.platform,
        asked_by=asked_by,
        now=now,
        talk=talk,
        copies=tx.posted.about(request.about + APPROVER),
        made=made,
    )
    if request.by_hr:
        asking.hr()
    else:
        stages = routes.stages(request)
        for address in stages[0]:
            asking.put(address)
        if stages == ((MANAGER,), (HR,)):
            # HR's channel looks on from the beginning, where the company has one.
            place = routes.hr_place(asked_by.platform)
            if place is not None:
                asking.place(place)
    if not asking.postings and asking.told != "paused":
        asking.hr()
        asking.told = "hr" if asking.postings else "paused_place" if asking.limited else "nobody"
    heard = any(posting.edits is None or posting.line is not None for posting in asking.postings)
    if asking.limited and not heard and asking.told != "paused":
        asking.told = "paused_place"  # the card there is edited, and nobody is called to it
    tx.approvals.ask(
        AskedRequest(
            about=request.about,
            request=request,
            identity=identity if before is None else before.identity,
            asked_by=asked_by if before is None else before.asked_by,
            facts_version=request.version,
            stage=0,
            asked_at=now,
            until=now + timedelta(days=routes.expire_days),
            talk=talk,
        )
    )
    return Asked(postings=tuple(asking.postings), told=asking.told, name=asking.name)


def ask_further(
    tx: Transaction, asked: AskedRequest, missing: tuple[str, ...], *, routes: Routes, now: datetime
) -> Asked:
    """Put a request to its next stage, once one has approved: the route's, and HR where policy wants HR besides."""
    asking = _Asking(
        tx=tx,
        request=asked.request,
        routes=routes,
        platform=asked.asked_by.platform,
        asked_by=asked.asked_by,
        now=now,
        talk=asked.talk,
    )
    asking.seen |= {str(posted.place) for posted in tx.posted.about(asked.about + APPROVER)}
    stages, stage = routes.stages(asked.request), asked.stage + 1
    for address in stages[stage] if stage < len(stages) else ():
        asking.put(address)
    if "hr" in missing:
        asking.hr()
    tx.approvals.ask(replace(asked, stage=stage, state=RequestState.OPEN))
    return Asked(postings=tuple(asking.postings), told=asking.told, name=asking.name)


def told_draft(draft: Draft, sentence: str) -> Draft:
    """The requester's card with what happened to the way it took."""
    body = f"{draft.card.body}\n{sentence}" if draft.card.body else sentence
    return replace(draft, card=replace(draft.card, body=body))
