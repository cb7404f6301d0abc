"""Counts an administrator's yes to a change of somebody's standing, and says what it still waits for."""

from __future__ import annotations

from bot.capabilities.model import Acting, Local
from bot.domain.answer import Draft, Result
from bot.domain.cards import Card, Status
from bot.domain.change import ENROLMENT, Change, Wanted
from bot.domain.identity import LinkedIdentity, Person
from bot.services import changes
from bot.services.audit_trail import Scribe
from bot.texts.formats import moment


def scribe_of(acting: Acting) -> Scribe:
    """What writes down what follows from an act besides its own record."""
    return Scribe(
        time=acting.now,
        channel=acting.channel.key,
        correlation=acting.call.correlation,
        principal=acting.principal.key,
    )


def agree(
    local: Local, acting: Acting, identity: LinkedIdentity, name: str, capability: str, **arguments: str
) -> Result | None:
    """Count this yes; what is said where it does not suffice yet, None where the change is done now."""
    wanted = Wanted(capability=capability, target=identity.key, arguments=arguments)
    change = changes.agree(local.tx, wanted, acting.principal.identity, scribe_of(acting), resistant=acting.resistant)
    return None if change is None else _waiting(acting, change, name)


def _waiting(acting: Acting, change: Change, name: str) -> Result:
    say = acting.voice.say
    if change.due_at is None:
        body = say("changes.waits.second")
    else:
        at = moment(change.due_at, acting.principal.timezone, acting.voice.language)
        body = say("changes.waits.day", at=at)
    card = Card(
        headline=say(f"admin.{change.wanted.capability}.shown", name=name),
        body=body,
        status=Status.WAITING,
        quiet=say("changes.cancel", id=change.id),
    )
    return Result(draft=Draft(card=card))


def agree_alone(local: Local, acting: Acting, person: Person) -> Result | None:
    """What is said while the day has not passed in which an only administrator's enrolment code can be cancelled."""
    wanted = Wanted(capability=ENROLMENT, target=person.identity.key, arguments={})
    change = changes.agree(local.tx, wanted, acting.principal.identity, scribe_of(acting), resistant=acting.resistant)
    # Policy has just permitted this very act, with a proof of its own.
    if change is None or changes.ripe(local.tx, change.id, scribe_of(acting), lambda *_: True) is not None:
        return None
    return _waiting(acting, change, person.username)
