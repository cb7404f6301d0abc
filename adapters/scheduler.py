"""APScheduler as a ticker: it says when; who runs a slot is decided in the database (its job store ran some twice)."""

from __future__ import annotations

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.jobs import Job, Jobs

log = structlog.get_logger("doorward.scheduler")


class Ticker:
    """Ticks every job at its interval; a missed tick is run once, not made up for one by one."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def start(self) -> None:
        """Start on the running event loop."""
        for job in self._jobs.all():
            self._scheduler.add_job(
                self.tick_one,
                "interval",
                args=[job],
                seconds=job.every_seconds,
                id=job.name,
                name=job.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._scheduler.start()

    async def stop(self) -> None:
        """Stop ticking; what runs goes on to its end."""
        self._scheduler.shutdown(wait=False)

    async def tick_all(self) -> None:
        """Tick every job now (the demo's "let an hour pass")."""
        for job in self._jobs.all():
            await self.tick_one(job)

    async def tick_one(self, job: Job) -> None:
        """Tick one job; nothing is raised."""
        try:
            done = await self._jobs.tick(job)
        except Exception as error:  # noqa: BLE001 - one failing slot must not end the ticker; the next tries again
            # An error's own text may quote a row or a token: only its kind is written.
            log.error("job_failed", job=job.name, error=type(error).__name__)  # noqa: TRY400 - see above
            return
        if done:
            log.info("job_done", job=job.name, count=done)
