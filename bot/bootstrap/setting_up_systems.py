"""The HR and CRM parts of `doorward setup`: read one named record live, and say what the connector may and may not.

Asked through the ports alone, so it holds for whichever system stands behind them. The record is read as facts (whose,
where, how it stands), never its content; the right for it is made for this one call, under a key made for it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from adapters.probes import Probe
from bot.bootstrap.outside import SystemClock
from bot.bootstrap.production import systems
from bot.bootstrap.setting_up import Asked, Copies, Part
from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.identity import Employee, Issuer, LinkedIdentity, Person, Subject, principal_of
from bot.errors import Misconfigured
from bot.ports.clock import Clock
from bot.ports.connectors import ConnectorError, Delegation, OperationTraits, Unauthenticated
from bot.ports.crm import CustomerRelations
from bot.ports.facts import DEPARTED, FactsSource
from bot.ports.hr import HumanResources
from bot.services.authorization import GrantMint
from bot.services.employment import FACTS_SECONDS
from bot.settings.systems import SystemKind
from bot.settings.tree import Environment, Settings
from bot.texts.sentences import Voice

NOBODY = "doorward-setup"
"""What no record is called: whether the system answers at all."""
HR_NAMED, CRM_NAMED = "hr_employee", "crm_customer"


class Backend(Protocol):
    """The systems behind, as the composition opens them."""

    @property
    def hr(self) -> HumanResources: ...
    @property
    def crm(self) -> CustomerRelations: ...
    @property
    def facts(self) -> FactsSource: ...
    def close(self) -> None: ...


Opens = Callable[[Settings, Clock, GrantMint], Backend]


def hr_part(opens: Opens = systems) -> Part:
    """HR, opened so."""

    def tests(settings: Settings, reader: Voice, answers: Mapping[str, str]) -> list[Probe]:
        number = answers.get(HR_NAMED, "")
        only = settings.model_copy(update={"crm": settings.hr})
        return _looked_up(opens, only, "hr", ResourceRef(type="Employee", id=number), reader)

    return _part("hr", HR_NAMED, tests=tests, optional=False)


def crm_part(opens: Opens = systems) -> Part:
    """The CRM, opened so."""

    def tests(settings: Settings, reader: Voice, answers: Mapping[str, str]) -> list[Probe]:
        name = answers.get(CRM_NAMED, "")
        only = settings.model_copy(update={"hr": settings.crm})
        return _looked_up(opens, only, "crm", ResourceRef(type="Customer", id=name), reader)

    return _part("crm", CRM_NAMED, tests=tests, optional=True)


def _part(
    name: str, named: str, *, tests: Callable[[Settings, Voice, Mapping[str, str]], list[Probe]], optional: bool
) -> Part:
    kinds = tuple(kind.value for kind in SystemKind)
    return Part(
        name=name,
        optional=optional,
        asked=(Asked(setting=(name, "kind"), what=f"{name}_kind", choices=kinds), Asked(setting=(), what=named)),
        copy=_copies(name),
        test=tests,
    )


def _copies(name: str) -> Copies:
    def copies(_settings: Settings, reader: Voice, _answers: Mapping[str, str]) -> Iterator[str]:
        yield reader.say(f"setup.copy.{name}_kind")
        yield reader.say(f"setup.copy.{name}_account")

    return copies


def _looked_up(opens: Opens, settings: Settings, name: str, ref: ResourceRef, reader: Voice) -> list[Probe]:
    connection, system = reader.say("setup.test.connection"), reader.say(f"setup.title.{name}")
    kind = getattr(settings, name).kind
    if kind is SystemKind.DEMO and settings.environment is Environment.PRODUCTION:
        fix = reader.say("setup.fix.system_demo", variable=f"DOORWARD_{name.upper()}__KIND")
        return [Probe(what=connection, good=False, fix=fix)]
    clock, key = SystemClock(), secrets.token_bytes(32)
    mint = GrantMint(lambda: (key,))
    try:
        backend = opens(settings, clock, mint)
    except Misconfigured as error:
        return [Probe(what=connection, good=False, fix=error.detail)]
    try:
        found = asyncio.run(_facts(backend.facts, mint, clock, ref))
    except Unauthenticated:
        fix = reader.say("setup.fix.system_credential", system=system)
        return [Probe(what=connection, good=False, fix=fix)]
    except (ConnectorError, TimeoutError):
        return [Probe(what=connection, good=False, fix=reader.say("setup.fix.system_away", system=system))]
    finally:
        backend.close()
    answers = Probe(what=connection, good=True, found=reader.say("setup.found.system_answers"))
    of_record = _of_employee if name == "hr" else _of_customer
    record = [of_record(found, ref.id, reader)] if ref.id else []
    traits = backend.hr.traits() if name == "hr" else backend.crm.traits()
    return [answers, *record, *_abilities(traits, reader)]


async def _facts(source: FactsSource, mint: GrantMint, clock: Clock, ref: ResourceRef) -> ResourceFacts | None:
    """The facts of one record. Raises `ConnectorError`, `TimeoutError`."""
    asked = ResourceRef(type=ref.type, id=ref.id or NOBODY)
    principal = principal_of(_person(asked.id, clock), (), clock.now())
    async with asyncio.timeout(FACTS_SECONDS):
        return await source.resolve(mint.issue_facts(principal=principal, ref=asked, correlation="setup"))


def _of_employee(found: ResourceFacts | None, number: str, reader: Voice) -> Probe:
    what = reader.say("setup.test.record", name=number)
    if found is None:
        return Probe(what=what, good=False, fix=reader.say("setup.fix.hr_no_record", number=number))
    if found.owner != number:
        return Probe(what=what, good=False, fix=reader.say("setup.fix.hr_not_theirs", number=number))
    nothing = reader.say("setup.found.nothing")
    told = reader.say(
        "setup.found.hr_record",
        department=found.department or nothing,
        region=found.region or nothing,
        manager=found.manager or nothing,
    )
    left = reader.say("setup.found.hr_left") if found.state == DEPARTED else ""
    return Probe(what=what, good=True, found=f"{told} {left}".strip())


def _of_customer(found: ResourceFacts | None, name: str, reader: Voice) -> Probe:
    what = reader.say("setup.test.record", name=name)
    if found is None:
        return Probe(what=what, good=False, fix=reader.say("setup.fix.crm_no_record", name=name))
    nothing = reader.say("setup.found.nothing")
    told = reader.say("setup.found.crm_record", region=found.region or nothing, owner=found.owner or nothing)
    return Probe(what=what, good=True, found=told)


def _abilities(traits: Mapping[str, OperationTraits], reader: Voice) -> Iterator[Probe]:
    """What can be asked of the system and what cannot, and in whose name it is called."""
    can = [name for name, said in traits.items() if said.supported]
    cannot = [name for name, said in traits.items() if not said.supported]
    service = [name for name in can if traits[name].delegation is Delegation.SERVICE]
    yield Probe(what=reader.say("setup.test.may"), good=bool(can), found=_listed(can))
    yield Probe(
        what=reader.say("setup.test.may_not"), good=True, found=_listed(cannot) or reader.say("setup.found.none")
    )
    yield Probe(
        what=reader.say("setup.test.in_whose_name"),
        good=True,
        found=reader.say("setup.found.by_service" if service else "setup.found.per_user"),
    )


def _listed(operations: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in sorted(operations))


def _person(name: str, clock: Clock) -> Person:
    """Whoever asks, for this one look-up; never stored, and of no provider."""
    return Person(
        identity=LinkedIdentity(issuer=Issuer("doorward:setup"), subject=Subject(name)),
        provider="",
        username=name,
        display_name=name,
        email=None,
        roles=frozenset(),
        department="",
        region="",
        manager=None,
        employee=Employee(name),
        idp_checked_at=clock.now(),
    )
