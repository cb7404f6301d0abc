"""The systems the connector suites run on, and the grants they are called with."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path

from adapters.connectors.demo.backend import DemoBackend
from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.grant import GRANT_SECONDS, FactsGrant, Grant
from bot.domain.identity import Issuer, LinkedIdentity, Subject
from bot.errors import NotAllowed
from bot.ports.clock import Clock
from bot.ports.connectors import Call
from bot.ports.crm import CustomerRelations
from bot.ports.facts import FactsSource
from bot.ports.hr import HumanResources

KEY = b"for tests only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """An acting person: who they are, and their reference in the system."""

    name: str
    employee: str | None

    @property
    def identity(self) -> LinkedIdentity:
        return LinkedIdentity(issuer=Issuer("https://id.example"), subject=Subject(self.name))


JOHN = Somebody(name="john", employee="E1001")
MIA = Somebody(name="mia", employee="E1002")
SARAH = Somebody(name="sarah", employee="E1003")
SUE = Somebody(name="sue", employee="E1004")
RAJ = Somebody(name="raj", employee="E1005")


@dataclass(slots=True, kw_only=True)
class GrantDesk:
    """Makes grants as authorization would, and verifies them as it would for a connector."""

    clock: Clock
    asked: list[str] = field(default_factory=list)
    """Every operation a grant was verified for."""
    _numbers: Iterator[int] = field(default_factory=count)

    def grant(self, who: Somebody, kind: str, record: str, **arguments: str) -> Grant:
        now = self.clock.now()
        action = CanonicalAction(
            principal=who.identity.key,
            capability="test",
            action="Test",
            resource=ResourceRef(type=kind, id=record),
            arguments=dict(arguments),
            salt="00" * 16,
        )
        grant = Grant(
            id=f"g{next(self._numbers)}",
            identity=who.identity,
            employee=who.employee,
            action=action,
            digest=action.digest,
            policy_hash="",
            issued_at=now,
            until=now + timedelta(seconds=GRANT_SECONDS),
            correlation="c",
            mac="",
        )
        return replace(grant, mac=_mac(grant.id, grant.digest, str(grant.employee)))

    def facts_grant(self, who: Somebody, kind: str, record: str) -> FactsGrant:
        ref = ResourceRef(type=kind, id=record)
        mac = _mac(str(ref), who.identity.key)
        return FactsGrant(identity=who.identity, employee=who.employee, ref=ref, correlation="c", mac=mac)

    def call(self, grant: Grant, *, expected_version: str | None = None, key: str | None = None) -> Call:
        return Call(
            subject=grant.identity.key,
            employee=grant.employee,
            correlation=grant.correlation,
            deadline=self.clock.now() + timedelta(seconds=5),
            idempotency_key=key or grant.idempotency_key,
            expected_version=expected_version,
        )

    def verify(self, grant: Grant, operation: str) -> None:
        self.asked.append(operation)
        genuine = hmac.compare_digest(grant.mac, _mac(grant.id, grant.action.digest, str(grant.employee)))
        if not genuine or self.clock.now() >= grant.until:
            raise NotAllowed("grant")

    def verify_facts(self, grant: FactsGrant) -> None:
        if not hmac.compare_digest(grant.mac, _mac(str(grant.ref), grant.identity.key)):
            raise NotAllowed("facts grant")


def _mac(*fields: str) -> str:
    return hmac.new(KEY, "\n".join(fields).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUnderTest:
    """One system, reached over as many connectors as there are replicas."""

    desk: GrantDesk
    hr: tuple[HumanResources, ...]
    crm: tuple[CustomerRelations, ...]
    facts: FactsSource

    def act(self, who: Somebody, kind: str, record: str | None, **bounds: str | None) -> tuple[Grant, Call]:
        """A fresh grant and the call under it."""
        assert record is not None
        grant = self.desk.grant(who, kind, record)
        return grant, self.desk.call(grant, **bounds)


@contextmanager
def demo_in_memory(clock: Clock, folder: Path) -> Iterator[SystemUnderTest]:
    """The demo backend in memory: one replica."""
    with _demo(clock, [None]) as system:
        yield system


@contextmanager
def demo_replicas(clock: Clock, folder: Path) -> Iterator[SystemUnderTest]:
    """The demo backend on one file, reached by two replicas."""
    with _demo(clock, [folder / "demo.db"] * 2) as system:
        yield system


@contextmanager
def _demo(clock: Clock, paths: Sequence[Path | None]) -> Iterator[SystemUnderTest]:
    desk = GrantDesk(clock=clock)
    with ExitStack() as stack:
        backends = []
        for path in paths:
            backend = DemoBackend(path=path, clock=clock, verify=desk.verify, verify_facts=desk.verify_facts)
            stack.callback(backend.close)
            backends.append(backend)
        yield SystemUnderTest(
            desk=desk,
            hr=tuple(backend.hr for backend in backends),
            crm=tuple(backend.crm for backend in backends),
            facts=backends[0].facts,
        )


SYSTEMS = (demo_in_memory, demo_replicas)
"""Every real system is added here and runs the same suites."""
