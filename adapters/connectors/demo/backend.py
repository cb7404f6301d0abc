"""The demo backend: a small HR system and CRM in one SQLite file, labelled as a demo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from adapters.connectors.demo.crm import DemoCustomerRelations
from adapters.connectors.demo.database import DemoDatabase
from adapters.connectors.demo.facts import DemoFacts
from adapters.connectors.demo.faults import Faults
from adapters.connectors.demo.gate import Gate
from adapters.connectors.demo.hr import DemoHumanResources
from bot.domain.grant import FactsGrant, Grant
from bot.ports.clock import Clock


class DemoBackend:
    """Joins the parts: `hr`, `crm`, `facts`, and the `faults` it can be told to have.

    `path` is its own file, or None for one in memory, seeded relative to the clock's day. `verify` gets the grant and
    the name of the port's operation (`reconcile` among them) and raises `NotAllowed`; `verify_facts` likewise.
    Raises `Misconfigured` when the file is a database of something else.
    """

    is_demo = True

    def __init__(
        self,
        *,
        path: Path | None,
        clock: Clock,
        verify: Callable[[Grant, str], None],
        verify_facts: Callable[[FactsGrant], None],
    ) -> None:
        self.faults = Faults()
        self._database = DemoDatabase(path, clock.now().date())
        gate = Gate(database=self._database, verify=verify, clock=clock, faults=self.faults)
        self.hr = DemoHumanResources(gate)
        self.crm = DemoCustomerRelations(gate)
        self.facts = DemoFacts(database=self._database, verify=verify_facts, clock=clock, faults=self.faults)

    async def end_employment(self, employee: str, last_day: date | None) -> None:
        """What HR would do in its own system; with None, undo it."""
        day = None if last_day is None else last_day.isoformat()
        await self._database.write(
            lambda connection: connection.execute("UPDATE employee SET left_on = ? WHERE id = ?", (day, employee))
        )

    def close(self) -> None:
        """Let running work end and close the file."""
        self._database.close()
