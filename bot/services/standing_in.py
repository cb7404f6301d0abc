"""Who may decide in whose place, and who is there to be asked: substitutes by name and date, superiors by the line."""

from __future__ import annotations

from datetime import date, datetime

import structlog

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.answer import LineMember
from bot.domain.approval import Behalf, Manner, Substitution
from bot.domain.identity import Link, Person, Principal
from bot.errors import DoorwardError
from bot.ports.database import Database, Transaction
from bot.services.authorization import Circumstances
from bot.services.facts_desk import NOT_KNOWN, FactsDesk
from bot.services.people import identity_from_key
from bot.texts.formats import zone

PRESENT = "active"
"""The state of an employee's facts who is neither away nor gone (see `bot.ports.facts`)."""
HIGHEST = 2
"""The approver and their manager; above that HR decides."""
log = structlog.get_logger("doorward.standing_in")


class StandingIn:
    """Asks the HR system for the line, and our own tables for the rest."""

    def __init__(self, *, database: Database, facts: FactsDesk) -> None:
        self._database = database
        self._facts = facts

    async def behalf(
        self, person: Principal, facts: ResourceFacts, circumstances: Circumstances, correlation: str, now: datetime
    ) -> Behalf | None:
        """For whom this person would decide on a request of somebody else's report; None where for nobody.

        A named substitute comes first; a superior only while the approver cannot. Raises `ConnectorUnavailable`.
        """
        manager, me = facts.manager, person.employee
        if not manager or not me or me in (manager, facts.owner):
            return None
        today = now.astimezone(zone(person.timezone)).date()
        name, named = await self._database.read(lambda tx: _named(tx, manager, me, today, facts.owner))
        if named:
            return Behalf(employee=manager, name=name, manner=Manner.SUBSTITUTE)
        above = await self._learn(person, manager, circumstances, correlation, now)
        if above.manager != me:
            return None
        able = await self._database.read(lambda tx: reachable(tx, manager) is not None)
        if able and above.state == PRESENT and manager != facts.owner:
            return None
        return Behalf(employee=manager, name=name, manner=Manner.SUPERIOR)

    async def line(
        self, person: Principal, approver: str | None, circumstances: Circumstances, correlation: str, now: datetime
    ) -> tuple[LineMember, ...]:
        """The approver and those above, as far as the HR system tells; never raises, since the request is made."""
        members: list[LineMember] = []
        employee = approver
        try:
            while employee and len(members) < HIGHEST and employee not in {item.employee for item in members}:
                found = await self._learn(person, employee, circumstances, correlation, now)
                members.append(LineMember(employee=employee, present=found.state == PRESENT))
                employee = found.manager
        except DoorwardError as error:
            log.warning("line_not_learnt", code=error.code, correlation=correlation)
            if approver and not members:
                members.append(LineMember(employee=approver, present=True))
        return tuple(members)

    async def _learn(
        self, person: Principal, employee: str, circumstances: Circumstances, correlation: str, now: datetime
    ) -> ResourceFacts:
        ref = ResourceRef(type="Employee", id=employee)
        found = await self._facts.learn(person, ref, circumstances, correlation, now)
        # One's own record is told without the system: what it says of the line has to be asked.
        return found if found.ref.id != NOT_KNOWN else ResourceFacts(ref=ref)


def _named(tx: Transaction, manager: str, substitute: str, today: date, owner: str | None) -> tuple[str, bool]:
    person = tx.persons.by_employee(manager)
    standing = tx.substitutions.of_approver(manager, since=today)
    mine = [
        item for item in standing if item.substitute == substitute and item.covers(today) and stands_in(tx, item, owner)
    ]
    name = mine[0].approver_name if mine else person.display_name if person else ""
    return name, bool(mine)


def stands_in(tx: Transaction, item: Substitution, owner: str | None) -> bool:
    """Whether a substitution holds for a request of `owner`: nobody names who decides on their own.

    Whoever named them is told by the employee behind the account; one that is gone may have been anybody.
    """
    by = tx.persons.find(identity_from_key(item.named_by))
    return by is not None and (by.employee is None or by.employee != owner)


def reachable(tx: Transaction, employee: str) -> tuple[Person, tuple[Link, ...]] | None:
    """Somebody who can be asked here: known, not locked, with a chat account. None where not."""
    person = tx.persons.by_employee(employee)
    if person is None or person.locked:
        return None
    links = tuple(tx.links.of_identity(person.identity))
    return (person, links) if links else None
