"""The shell with one installation's settings, and something to find in its database."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from bot.cli import app
from bot.domain.audit import AuditEvent, EventType
from bot.domain.identity import (
    ChannelIdentity,
    Issuer,
    Link,
    LinkedIdentity,
    Platform,
    Subject,
)
from bot.ports.database import Transaction
from storage.crypto import Keyring
from storage.database import open_database

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
JOHN = LinkedIdentity(issuer=Issuer("https://login.company.test"), subject=Subject("john"))
CHANNEL = ChannelIdentity(platform=Platform.SLACK, tenant="T1", account="U1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A shell in a folder of its own, with one installation's settings."""

    environ: Mapping[str, str]
    folder: Path
    sql: Callable[[str], object]
    """What a database administrator could do."""

    def __call__(self, *arguments: str, **environ: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env={**self.environ, **environ})

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def write(self, work: Callable[[Transaction], object]) -> None:
        asyncio.run(self._write(work))

    async def _write(self, work: Callable[[Transaction], object]) -> None:
        keys = Keyring.load(self.folder / "keys.json", now=NOON)
        database = open_database(self.environ["DOORWARD_DATABASE_URL"], keys=keys)
        try:
            await database.write(work)
        finally:
            await database.close()


def typed(shell: Shell, config: Path, *arguments: str, lines: tuple[str, ...] = (), **environ: Any) -> Result:
    """`doorward setup` with these lines typed, and then a closed terminal."""
    env = {**shell.environ, "DOORWARD_CONFIG": str(config), **environ}
    return CliRunner().invoke(app, ["setup", *arguments], env=env, input="\n".join((*lines, "")))


def written(config: Path) -> dict[str, Any]:
    """What was kept."""
    return tomllib.loads(config.read_text(encoding="utf-8"))


def run_sqlite(path: Path) -> Callable[[str], object]:
    def sql(statement: str) -> None:
        import sqlite3  # noqa: PLC0415 - only here

        with sqlite3.connect(path) as raw:
            raw.execute(statement)
        raw.close()

    return sql


def event(number: int, **fields: Any) -> AuditEvent:
    known: dict[str, Any] = {
        "time": NOON + timedelta(minutes=number),
        "type": EventType.ACCESS_DECIDED,
        "principal": JOHN.key,
        "channel": CHANNEL.key,
        "action": "ViewPayslip",
        "resource": f"Payslip::E{number}",
        "decision": "deny",
        "rules": ("a", "b"),
        "policy_hash": "f00d",
        "correlation": f"c{number}",
        "code": "not_owner",
    }
    return AuditEvent(**{**known, **fields})


def record(shell: Shell, count: int) -> None:
    def work(tx: Transaction) -> None:
        for number in range(1, count + 1):
            tx.audit.append(event(number))

    shell.write(work)


def link() -> Link:
    return Link(channel=CHANNEL, identity=JOHN, provider="company", linked_at=NOON)
