"""Puts up what a campaign stands on: Slack, an identity provider, a company that is signed in, and its replicas."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.bootstrap.outside import SystemClock
from bot.bootstrap.production import running
from bot.bootstrap.shell_audit import verify_log, verify_state
from bot.domain.audit import AuditRecord
from bot.ports.database import Database
from bot.settings.tree import Settings, load
from storage.database import open_database
from storage.migration import migrate
from tests.reliability import company
from tests.reliability.campaign import Campaign
from tests.reliability.company import Pair, members, pairs_of
from tests.reliability.courier import Courier, session
from tests.reliability.replicas import Replica, installation, key_file, replicas
from tests.reliability.workspace import WatchedSlack

SEED = 20261123
NO_MORE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs."""

    folder: Path
    pairs: list[Pair]
    slack: WatchedSlack
    replicas: list[Replica]
    courier: Courier
    campaign: Campaign
    database: Database
    settings: Settings

    @property
    def hr(self) -> Path:
        """The HR system's own records."""
        return self.folder / "hr.db"

    async def records(self) -> list[AuditRecord]:
        """The whole audit log."""
        return await self.database.read(lambda tx: list(tx.audit.records()))

    async def verified(self) -> list[str]:
        """What `audit verify --state` finds fault with."""
        log = await asyncio.to_thread(verify_log, self.settings, _quiet)
        state = await asyncio.to_thread(verify_state, self.settings, _quiet)
        return [str(fault) for fault in (*([log.fault] if log.fault else []), *state)]


@asynccontextmanager
async def stage(
    folder: Path, url: str, *, pairs: int, count: int = 2, patience: float = 150.0, more: Mapping[str, str] = NO_MORE
) -> AsyncIterator[Stage]:
    """A company of so many pairs, and so many replicas on the database at `url`, with `more` settings."""
    slack, made = WatchedSlack(now=lambda: datetime.now(UTC)), pairs_of(pairs)
    with company.provider() as provider:
        async with slack.running():
            for member in members(made):
                slack.join(member.account)
            given = {**company.provider_settings(provider), **more}
            environ = installation(folder, url, slack.api_base_url, **given)
            await asyncio.to_thread(migrate, url)
            database = open_database(url, keys=key_file(folder).load())
            try:
                await company.settle(database, provider, made, folder / "hr.db")
                async with replicas(folder, environ, count=count) as both, session() as client:
                    courier = Courier(slack=slack, to=both, session=client, random=Random(SEED))
                    campaign = Campaign(slack=slack, courier=courier, patience=patience)
                    yield Stage(
                        folder=folder,
                        pairs=made,
                        slack=slack,
                        replicas=both,
                        courier=courier,
                        campaign=campaign,
                        database=database,
                        settings=load(environ),
                    )
            finally:
                await database.close()


class _Later:
    """The clock of somebody who comes later."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return SystemClock().now() + self._by


async def take_over(on: Stage, *, later: timedelta = timedelta(minutes=2)) -> None:
    """What the killed left behind is taken over by a replica whose clock says that their time is up."""
    settings = on.settings.model_copy(update={"port": 0})
    async with running(settings, clock=_Later(later)) as doorward:
        core = doorward.core
        for _ in range(3):
            await core.ingress.take_over(200)
            await core.reconciling.run()
            await core.ingress.drain(30)
            await core.delivery.take_over(200)
            await core.letterbox.take_over()


@contextmanager
def progress(what: str, total: int) -> Iterator[Progress]:
    """A bar on stderr, where somebody looks."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=sys.__stderr__)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar


def _quiet(_at: int, _of: int | None) -> None:
    """No bar of its own."""


def advancing(on: Stage, bar: Progress) -> None:
    """Each delivery that is taken moves the bar."""
    on.courier.advance = lambda: bar.advance(bar.task_ids[0])
