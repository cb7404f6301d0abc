"""The demo backend in memory, with its switches, and what to call it with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.connectors.demo.backend import DemoBackend
from bot.domain.action import ResourceFacts
from tests.contract.connectors import JOHN, GrantDesk, Somebody
from tests.fakes.clock import FixedClock


@pytest.fixture
def desk(clock: FixedClock) -> GrantDesk:
    return GrantDesk(clock=clock)


@pytest.fixture
def backend(desk: GrantDesk, clock: FixedClock) -> Iterator[DemoBackend]:
    backend = DemoBackend(path=None, clock=clock, verify=desk.verify, verify_facts=desk.verify_facts)
    yield backend
    backend.close()


@pytest.fixture
def facts(backend: DemoBackend, desk: GrantDesk) -> FactsDesk:
    return FactsDesk(backend, desk)


class FactsDesk:
    """Asks for facts as a signed-in person would."""

    def __init__(self, backend: DemoBackend, desk: GrantDesk) -> None:
        self._backend = backend
        self._desk = desk

    async def of(self, kind: str, typed: str, who: Somebody = JOHN) -> ResourceFacts | None:
        """The facts of what was typed."""
        return await self._backend.facts.resolve(self._desk.facts_grant(who, kind, typed))
