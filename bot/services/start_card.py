"""The start card: three things this person may do now, what waits, their requests, session and second factor.

What may be done is what policy says, asked for each thing; no list of roles stands here. Nothing is promised by it:
each thing is decided anew when it is pressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.answer import Button, Draft
from bot.domain.cards import ActionStyle, Card, Fact, Status
from bot.domain.identity import Principal
from bot.domain.intent import Intent, Origin
from bot.domain.session import Session
from bot.domain.start import Prompt, StartState
from bot.services.authorization import Authorizer, Circumstances
from bot.services.break_glass_cards import show_button
from bot.texts.formats import clock_time
from bot.texts.sentences import Voice
from policy.model import Deny, Reason

THINGS = 3
LONG_ENOUGH = 500
"""Characters of a reason that is only thought of: as many as one may have."""
PAYSLIP = "view_payslip"
SOMETHING = "?"
"""Stands for the id of a resource that is only thought of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One thing somebody might do, and on what policy is asked about it."""

    capability: str
    action: str
    resource: str
    """The resource's type."""
    needs: str = ""
    """An action on one's own record that has to be allowed besides: who is never asked decides nothing."""
    breaks_glass: bool = False
    """Whether it goes past whoever is entitled, which is asked about as if a reason had been given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a look into the HR system gave: lines, or that it did not answer."""

    lines: tuple[str, ...] = ()
    count: int = 0
    away: bool = False
    hidden: bool = False
    """Not this person's to see, or not without being asked first."""


def allowed(
    authorizer: Authorizer, principal: Principal, circumstances: Circumstances, offers: Sequence[Offered], now: datetime
) -> tuple[str, ...]:
    """The capabilities among `offers` that policy does not refuse, a second factor allowing for it; in their order."""
    # The provider is asked again when it is pressed; here it counts as asked.
    fresh = replace(circumstances, idp_checked_at=now)

    def may(action: str, resource: str, *, past: bool = False) -> bool:
        facts = _thought_of(resource, principal, other=action in _OF_OTHERS)
        here = replace(fresh, break_glass=LONG_ENOUGH) if past else fresh
        decision = authorizer.decide(principal, action, facts, here, proof=None, now=now)
        # Whoever lacks only the second factor is told how to get it when they press.
        return not isinstance(decision, Deny) or decision.reason is Reason.SECOND_FACTOR_UNAVAILABLE

    return tuple(
        offered.capability
        for offered in offers
        if (not offered.needs or may(offered.needs, "Employee"))
        and may(offered.action, offered.resource, past=offered.breaks_glass)
    )


_OF_OTHERS = frozenset({"ApproveLeave", "RefuseLeave", "BreakGlassApproveLeave"})


def _thought_of(resource: str, principal: Principal, *, other: bool) -> ResourceFacts:
    """A resource near to this person: their own, of their department and region; or a report's, to be decided on."""
    if resource == "System":
        return ResourceFacts(ref=ResourceRef(type=resource, id="doorward"))
    if resource == "Person":
        return ResourceFacts(ref=ResourceRef(type=resource, id=SOMETHING), state="active")
    own = principal.employee or principal.key
    return ResourceFacts(
        ref=ResourceRef(type=resource, id=own if resource == "Employee" else SOMETHING),
        owner=SOMETHING if other else None if resource in _OF_CUSTOMERS else principal.employee,
        manager=principal.employee if other else None,
        department=principal.department,
        region=principal.region,
        state="pending" if resource == "Leave" else None,
    )


_OF_CUSTOMERS = frozenset({"Customer", "Ticket", "Opportunity", "Department"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Everything the card of somebody signed in is made of."""

    principal: Principal
    session: Session
    may: tuple[str, ...]
    """Capabilities, the likeliest first."""
    titles: dict[str, str]
    """The text key of each one's title."""
    waiting: Glance
    requests: Glance
    factors: tuple[str, ...]
    """The kinds of second factor that are set up."""
    now: datetime
    no_payslip: bool = False
    """There is none of theirs yet."""
    reviews: int = 0
    """How many uses of break-glass wait for a review, for whoever may see them."""

    @property
    def state(self) -> StartState:
        """What has to be said first."""
        if self.principal.employee is None:
            return StartState.NO_RECORD
        return StartState.HR_AWAY if self.waiting.away or self.requests.away else StartState.READY

    @property
    def things(self) -> tuple[str, ...]:
        """The three things this person may do now."""
        # What only the HR system can answer is not offered while it cannot.
        away = self.state is not StartState.READY
        known = (name for name in self.may if name in self.titles)
        offered = (name for name in known if not (name == PAYSLIP and self.no_payslip))
        return tuple(name for name in offered if not (away and self.titles[name].startswith("hr.")))[:THINGS]


def draft(beginning: Beginning, reader: Voice) -> Draft:
    """The card."""
    state, say = beginning.state, reader.say
    # Under a mark that something is broken, a bare greeting would say that of the person.
    greeting = "start.hello_hr_away" if state is StartState.HR_AWAY else "start.hello"
    facts = (
        Fact(label=say("start.reviews.label"), value=_reviews(beginning, reader)),
        _glance(reader, "start.waiting", beginning.waiting),
        _glance(reader, "start.requests", beginning.requests),
        Fact(label=say("hr.view_payslip.title"), value=say("start.no_payslip") if beginning.no_payslip else ""),
        Fact(label=say("start.session.label"), value=_session(beginning, reader)),
        Fact(label=say("start.factors.label"), value=_factors(beginning, reader)),
    )
    card = Card(
        headline=say(greeting, name=beginning.principal.display_name),
        body=say(f"start.{state}"),
        facts=tuple(fact for fact in facts if fact.value),
        status=Status.BROKEN if state is StartState.HR_AWAY else Status.PLAIN,
    )
    return Draft(card=card, buttons=_buttons(beginning, reader))


def _glance(reader: Voice, key: str, glance: Glance) -> Fact:
    label = reader.say(f"{key}.label")
    if glance.away or glance.hidden:
        return Fact(label=label, value="")
    if not glance.count:
        return Fact(label=label, value=reader.say(f"{key}.none"))
    more = glance.count - len(glance.lines)
    lines = (*glance.lines, reader.say("start.more", count=more)) if more > 0 else glance.lines
    return Fact(label=label, value=" · ".join(lines))


def _session(beginning: Beginning, reader: Voice) -> str:
    zone = beginning.principal.timezone
    return reader.say(
        "start.session.line",
        since=clock_time(beginning.session.opened_at, zone, reader.language),
        until=clock_time(beginning.session.absolute_until, zone, reader.language),
    )


def _reviews(beginning: Beginning, reader: Voice) -> str:
    return reader.say("start.reviews.some", count=beginning.reviews) if beginning.reviews else ""


def _factors(beginning: Beginning, reader: Voice) -> str:
    if not beginning.factors:
        return reader.say("start.factors.none")
    return ", ".join(reader.say(f"factors.methods.{method}") for method in beginning.factors)


def _buttons(beginning: Beginning, reader: Voice) -> tuple[Button, ...]:
    names = list(beginning.things)
    if beginning.waiting.count and "waiting" in beginning.may and "waiting" not in names:
        names.insert(0, "waiting")
    buttons = [
        Button(
            label=reader.say(beginning.titles[name]),
            intent=Intent(capability=name, arguments={}, origin=Origin.PRESS),
            style=ActionStyle.PRIMARY if at == 0 else ActionStyle.PLAIN,
        )
        for at, name in enumerate(names)
    ]
    if beginning.reviews:
        buttons = [show_button(reader), *(replace(button, style=ActionStyle.PLAIN) for button in buttons)]
    if beginning.state is StartState.HR_AWAY:
        buttons.append(_press(reader.say("start.again"), "start"))
    return (*buttons, _press(reader.say("start.everything"), "help"))


def _press(label: str, capability: str) -> Button:
    return Button(label=label, intent=Intent(capability=capability, arguments={}, origin=Origin.PRESS))


def not_signed_in(reader: Voice) -> Draft:
    """The card of somebody whom nobody knows here yet; the press is answered with a sign-in offer."""
    card = Card(headline=reader.say("start.welcome"), body=reader.say("start.not_signed_in"), status=Status.NEEDS_PROOF)
    button = replace(_press(reader.say("sign_in.button"), "sign_in"), style=ActionStyle.PRIMARY)
    return Draft(card=card, buttons=(button,))


def not_in_pilot(reader: Voice) -> Draft:
    """The one polite sentence for those who are not in the pilot."""
    card = Card(headline=reader.say("start.not_yet"), body=reader.say("start.not_in_pilot"), status=Status.PLAIN)
    return Draft(card=card)


def prompts(beginning: Beginning, reader: Voice) -> tuple[Prompt, ...]:
    """The same three things as an assistant's suggested prompts."""
    return tuple(
        Prompt(title=reader.say(beginning.titles[name]), message=reader.say(beginning.titles[name]))
        for name in beginning.things
    )
