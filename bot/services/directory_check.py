"""Compares what the company's systems say of real people: the role each gets and why, and their HR record.

Nothing is changed, and nothing here gives anybody anything: it is what an administrator looks at before opening up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.action import ResourceFacts
from bot.domain.identity import LinkedIdentity, Person, RoleGrant
from bot.ports.connectors import ConnectorError
from bot.ports.database import Transaction
from bot.ports.facts import DEPARTED
from bot.services.provisioned_attributes import provisioned
from policy.model import EVERY_DEPARTMENT

Record = Callable[[Person], Awaitable[ResourceFacts | None]]
"""Somebody's own HR record. Raises `ConnectorError`, `TimeoutError`."""
NOT_HELD, NOT_ASKED = "no employee number", "not asked"
OK, NONE, AMBIGUOUS, LEFT, AWAY = "ok", "none", "ambiguous", "departed", "no answer"
COMPARED = ("department", "region")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a provider's attributes come from: `claim`, `graph`, `scim` or `hr` by attribute; and its mapping."""

    attributes: Mapping[str, str]
    roles: Mapping[str, Sequence[str]]
    """Role -> the values that give it, as `groups=…`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who is known here, or would be."""

    person: Person
    known_by: str
    """`sign-in`, `scim:<name>` or `graph:<name>`."""
    why: Mapping[str, str] = field(default_factory=dict)
    """Role -> what gives it."""
    roles_known: bool = True
    """Whether the roles can be told before a sign-in."""
    active: bool = True
    accounts: int = 0
    manager_number: str | None = None
    """The manager's employee number, where the manager is known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One person, and what is wrong with them; `problems` empty where nothing is."""

    candidate: Candidate
    hr: str
    problems: tuple[str, ...]


def known(tx: Transaction, sources: Mapping[str, Sources], now: datetime, limit: int) -> list[Candidate]:
    """Everybody who has signed in. Raises `IntegrityAlarm`."""
    return [_known(tx, person, sources.get(person.provider), now) for person in tx.persons.everyone(limit)]


def _known(tx: Transaction, person: Person, sources: Sources | None, now: datetime) -> Candidate:
    grants = [grant for grant in tx.roles.of_identity(person.identity) if grant.holds(now)]
    why = {role.value: _by_provider(role.value, person.provider, sources) for role in sorted(person.roles)}
    why |= {grant.role.value: _by_grant(grant) for grant in grants}
    manager = None if person.manager is None else _of_manager(tx, person)
    return Candidate(
        person=person,
        known_by="sign-in",
        why=why,
        accounts=len(tx.links.of_identity(person.identity)),
        manager_number=manager,
    )


def _of_manager(tx: Transaction, person: Person) -> str | None:
    assert person.manager is not None
    found = tx.persons.find(LinkedIdentity(issuer=person.identity.issuer, subject=person.manager))
    return None if found is None else found.employee


def _by_provider(role: str, provider: str, sources: Sources | None) -> str:
    values = () if sources is None else sources.roles.get(role, ())
    return f"{provider}: {' or '.join(values)}" if values else f"{provider} said so; its mapping no longer does"


def _by_grant(grant: RoleGrant) -> str:
    where = "everywhere" if grant.scope == EVERY_DEPARTMENT else f"in {grant.scope}"
    return f"given here {where} by {grant.granted_by}"


def attributes_of(tx: Transaction, identity: LinkedIdentity) -> Mapping[str, str]:
    """What provisioning says, where exactly one record does."""
    return provisioned(tx, identity)


async def compared(
    candidates: Sequence[Candidate],
    sources: Mapping[str, Sources],
    record: Record | None,
    advance: Callable[[int, int | None], None],
) -> list[Finding]:
    """Each with their HR record; without `record` HR is not asked."""
    numbers: Counter[str] = Counter(
        str(candidate.person.employee) for candidate in _one_each(candidates) if candidate.person.employee is not None
    )
    findings = []
    for done, candidate in enumerate(candidates):
        advance(done, len(candidates))
        findings.append(await _finding(candidate, sources.get(candidate.person.provider), record, numbers))
    advance(len(candidates), len(candidates))
    return findings


def with_shared(finding: Finding, shared: Mapping[str, str]) -> Finding:
    """The finding, with the others who are said to have the same chat account."""
    others = shared.get(finding.candidate.person.identity.key)
    if others is None:
        return finding
    return replace(finding, problems=(*finding.problems, f"has one Slack account with {others} by the directory"))


def _one_each(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same account told of by two sources is one."""
    return list({candidate.person.identity.key: candidate for candidate in candidates}.values())


async def _finding(
    candidate: Candidate, sources: Sources | None, record: Record | None, numbers: Mapping[str, int]
) -> Finding:
    person = candidate.person
    problems = list(_of_standing(candidate))
    if person.employee is None:
        return Finding(candidate=candidate, hr=NOT_HELD, problems=(*problems, NOT_HELD))
    if record is None:
        return Finding(candidate=candidate, hr=NOT_ASKED, problems=tuple(problems))
    try:
        facts = await record(person)
    except (ConnectorError, TimeoutError):
        return Finding(candidate=candidate, hr=AWAY, problems=(*problems, "HR does not answer"))
    hr = _state(person.employee, facts, numbers)
    if facts is not None and hr == OK:
        problems += _differences(candidate, sources, facts)
    said = {
        NONE: f"HR has no record of {person.employee}",
        AMBIGUOUS: f"{person.employee} is not one person's own number",
        LEFT: "HR says that they have left",
    }
    return Finding(candidate=candidate, hr=hr, problems=(*problems, *([said[hr]] if hr in said else [])))


def _of_standing(candidate: Candidate) -> list[str]:
    problems = []
    if candidate.roles_known and not candidate.why:
        problems.append("no role: they may do nothing")
    if candidate.person.locked:
        problems.append(f"locked: {candidate.person.lock_reason or 'by an administrator'}")
    if not candidate.active:
        problems.append("not active in the directory")
    return problems


def _state(number: str, facts: ResourceFacts | None, numbers: Mapping[str, int]) -> str:
    """A number that several hold, or that HR takes for a name, is nobody's own."""
    if numbers[number] > 1:
        return AMBIGUOUS
    if facts is None:
        return NONE
    if facts.owner != number:
        return AMBIGUOUS
    return LEFT if facts.state == DEPARTED else OK


def _differences(candidate: Candidate, sources: Sources | None, facts: ResourceFacts) -> list[str]:
    person = candidate.person
    told = [
        f"{name} is {getattr(person, name) or 'not told'} by the provider, {getattr(facts, name)} in HR"
        for name in COMPARED
        if getattr(facts, name) and getattr(person, name) != getattr(facts, name)
    ]
    from_hr = sources is not None and sources.attributes.get("manager") == "hr"
    if not from_hr and candidate.manager_number is not None and candidate.manager_number != facts.manager:
        told.append(f"manager is {candidate.manager_number} by the provider, {facts.manager or 'nobody'} in HR")
    return told
