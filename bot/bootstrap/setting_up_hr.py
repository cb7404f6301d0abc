"""The HR part of `doorward setup`: reads one named employee's record live, and says what the connector may and may not.

Asked through the ports alone, so it holds for whichever system stands behind them. The record is read as facts (whose,
where, employed or not), never its content; the right for it is made for this one call, under a key made for it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping

from adapters.probes import Probe
from bot.bootstrap.outside import SystemClock
from bot.bootstrap.production import systems
from bot.bootstrap.setting_up import Asked, Part
from bot.domain.action import ResourceFacts
from bot.domain.identity import Employee, Issuer, LinkedIdentity, Person, Subject
from bot.errors import Misconfigured
from bot.ports.clock import Clock
from bot.ports.connectors import ConnectorError, Delegation, OperationTraits, Unauthenticated
from bot.ports.facts import DEPARTED, FactsSource
from bot.services.authorization import GrantMint
from bot.services.employment import record
from bot.settings.systems import SystemKind
from bot.settings.tree import Environment, Settings
from bot.texts.sentences import Voice

NOBODY = "doorward-setup"
"""An employee number that nobody has: whether the system answers at all."""
NAMED = "hr_employee"


def _copies(_settings: Settings, reader: Voice) -> Iterator[str]:
    yield reader.say("setup.copy.hr_kind")
    yield reader.say("setup.copy.hr_account")


def _tests(settings: Settings, reader: Voice, once: Mapping[str, str]) -> list[Probe]:
    connection, kind = reader.say("setup.test.hr_connection"), settings.hr.kind
    if kind is SystemKind.DEMO and settings.environment is Environment.PRODUCTION:
        return [Probe(what=connection, good=False, fix=reader.say("setup.fix.hr_demo"))]
    clock = SystemClock()
    key = secrets.token_bytes(32)
    mint = GrantMint(lambda: (key,))
    try:
        backend = systems(settings, clock, mint)
    except Misconfigured as error:
        return [Probe(what=connection, good=False, fix=error.detail)]
    try:
        answer = _asked(backend.facts, mint, clock, once.get(NAMED, ""), reader)
    finally:
        backend.close()
    return [*answer, *_abilities(backend.hr.traits(), reader)]


def _asked(source: FactsSource, mint: GrantMint, clock: Clock, number: str, reader: Voice) -> list[Probe]:
    """Whether the system answers, and what it says of the one who was named."""
    connection = reader.say("setup.test.hr_connection")
    try:
        found = asyncio.run(record(source, mint, _person(number or NOBODY, clock), "setup", clock.now()))
    except Unauthenticated:
        return [Probe(what=connection, good=False, fix=reader.say("setup.fix.hr_credential"))]
    except (ConnectorError, TimeoutError):
        return [Probe(what=connection, good=False, fix=reader.say("setup.fix.hr_away"))]
    answers = Probe(what=connection, good=True, found=reader.say("setup.found.hr_answers"))
    return [answers, _of_record(found, number, reader)] if number else [answers]


def _of_record(found: ResourceFacts | None, number: str, reader: Voice) -> Probe:
    what = reader.say("setup.test.hr_record", number=number)
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


def _abilities(traits: Mapping[str, OperationTraits], reader: Voice) -> Iterator[Probe]:
    """What can be asked of the system and what cannot, and in whose name it is called."""
    can = [name for name, said in traits.items() if said.supported]
    cannot = [name for name, said in traits.items() if not said.supported]
    service = [name for name in can if traits[name].delegation is Delegation.SERVICE]
    yield Probe(what=reader.say("setup.test.hr_can"), good=bool(can), found=_listed(can))
    yield Probe(
        what=reader.say("setup.test.hr_cannot"), good=True, found=_listed(cannot) or reader.say("setup.found.none")
    )
    yield Probe(
        what=reader.say("setup.test.hr_name"),
        good=True,
        found=reader.say("setup.found.hr_service" if service else "setup.found.hr_per_user"),
    )


def _listed(operations: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in sorted(operations))


def _person(number: str, clock: Clock) -> Person:
    """Whoever was named; never stored, and of no provider."""
    return Person(
        identity=LinkedIdentity(issuer=Issuer("doorward:setup"), subject=Subject(number)),
        provider="",
        username=number,
        display_name=number,
        email=None,
        roles=frozenset(),
        department="",
        region="",
        manager=None,
        employee=Employee(number),
        idp_checked_at=clock.now(),
    )


HR = Part(
    name="hr",
    asked=(
        Asked(setting=("hr", "kind"), what="hr_kind", choices=tuple(kind.value for kind in SystemKind)),
        Asked(setting=(), what=NAMED),
    ),
    copy=_copies,
    test=_tests,
)
