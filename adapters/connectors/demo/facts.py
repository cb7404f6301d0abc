"""The facts of the demo system's records: one statement a type, the same whether there is a record or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

from adapters.connectors.deadline import LONGEST_SECONDS, answered
from adapters.connectors.demo.database import DemoDatabase
from adapters.connectors.demo.faults import Faults
from adapters.connectors.demo.staff import as_typed
from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.grant import FactsGrant
from bot.ports.clock import Clock
from bot.ports.connectors import Unsupported

ONE_ROW = "SELECT f.* FROM (SELECT 1) LEFT JOIN ({}) f ON TRUE"
"""Always gives a row, so that the work is the same for what is missing."""
STATEMENTS = {
    "Employee": (
        "SELECT e.id, e.id AS owner, e.manager, e.department, e.region,"
        " CASE WHEN e.left_on < :today THEN 'departed' WHEN EXISTS (SELECT 1"
        " FROM leave a WHERE a.employee = e.id AND a.state = 'approved' AND :today BETWEEN a.start_on AND a.end_on)"
        " THEN 'away' ELSE 'active' END AS state, NULL AS amount, e.profile_version AS version FROM employee e"
        " WHERE e.id IN (SELECT employee FROM employee_called WHERE called = :typed)"
    ),
    "Leave": (
        "SELECT l.id, l.employee AS owner, e.manager, e.department, e.region, l.state,"
        " (l.halves + 1) / 2 AS amount, l.version, d.name AS decided_by"
        " FROM leave l JOIN employee e ON e.id = l.employee LEFT JOIN employee d ON d.id = l.decided_by"
        " WHERE lower(l.id) = ltrim(:typed, '#') OR l.number = ltrim(:typed, '#')"
    ),
    "Payslip": (
        "SELECT p.id, p.employee AS owner, e.manager, e.department, e.region, 'done' AS state, NULL AS amount,"
        " 1 AS version FROM payslip p JOIN employee e ON e.id = p.employee"
        " WHERE lower(p.id) = :typed"
        " OR p.employee IN (SELECT employee FROM employee_called WHERE called = :called) AND p.month = CASE :month"
        " WHEN 'latest' THEN (SELECT MAX(n.month) FROM payslip n WHERE n.employee = p.employee) ELSE :month END"
    ),
    "BankAccount": (
        "SELECT e.id, e.id AS owner, e.manager, e.department, e.region, NULL AS state, NULL AS amount, b.version"
        " FROM bank_account b JOIN employee e ON e.id = b.employee WHERE lower(e.id) = :typed"
    ),
    "Department": (
        "SELECT department AS id, NULL AS owner, NULL AS manager, department, NULL AS region, NULL AS state,"
        " NULL AS amount, '' AS version FROM employee WHERE lower(department) = :typed GROUP BY department"
    ),
    "Customer": (
        "SELECT id, owner, NULL AS manager, NULL AS department, region, NULL AS state, NULL AS amount, version"
        " FROM customer WHERE :typed <> '' AND (:typed IN (lower(id), lower(name))"
        " OR substr(lower(name), 1, length(:typed) + 1) = :typed || ' ')"
    ),
    "Ticket": (
        "SELECT t.id, t.owner, NULL AS manager, NULL AS department, c.region, t.status AS state, NULL AS amount,"
        " t.version FROM ticket t JOIN customer c ON c.id = t.customer"
        " WHERE lower(t.id) = ltrim(:typed, '#') OR t.number = ltrim(:typed, '#')"
    ),
    "Opportunity": (
        "SELECT o.id, o.owner, NULL AS manager, NULL AS department, c.region, o.status AS state,"
        " o.amount_cents / 100 AS amount, o.version FROM opportunity o JOIN customer c ON c.id = o.customer"
        " WHERE lower(o.id) = ltrim(:typed, '#') OR substr(o.id, 3) = ltrim(:typed, '#')"
    ),
}
SEPARATOR = ":"
"""Between month and employee, where a payslip is named by both."""


class DemoFacts:
    """Implements `bot.ports.facts.FactsSource` for the demo's HR system and CRM."""

    def __init__(
        self, *, database: DemoDatabase, verify: Callable[[FactsGrant], None], clock: Clock, faults: Faults
    ) -> None:
        self._database = database
        self._verify = verify
        self._clock = clock
        self._faults = faults

    async def resolve(self, grant: FactsGrant) -> ResourceFacts | None:
        """As the port says; names are resolved by the table in `bot.ports.facts`."""
        self._verify(grant)
        if grant.ref.type not in STATEMENTS:
            raise Unsupported(grant.ref.type)
        now = self._clock.now()

        async def send() -> ResourceFacts | None:
            await self._faults.before()
            return await self._database.read(lambda connection: _look_up(connection, grant.ref, now))

        return await answered(send, deadline=_latest(now), now=now, write=False)


def _latest(now: datetime) -> datetime:
    return now + timedelta(seconds=LONGEST_SECONDS)


def _look_up(connection: sqlite3.Connection, ref: ResourceRef, now: datetime) -> ResourceFacts | None:
    typed = as_typed(ref.id)
    month, _, called = typed.partition(SEPARATOR)
    values = {"typed": typed, "month": month.strip(), "called": called.strip(), "today": now.date().isoformat()}
    rows = connection.execute(ONE_ROW.format(STATEMENTS[ref.type]), values).fetchall()
    found = _facts_of(rows[0], ref.type)
    return found if len(rows) == 1 and rows[0]["id"] is not None else None


def _facts_of(row: sqlite3.Row, kind: str) -> ResourceFacts:
    return ResourceFacts(
        ref=ResourceRef(type=kind, id=str(row["id"])),
        owner=row["owner"],
        manager=row["manager"],
        department=row["department"],
        region=row["region"],
        state=row["state"],
        amount=row["amount"],
        version=str(row["version"]),
        decided_by=row["decided_by"] if kind == "Leave" else None,
    )
