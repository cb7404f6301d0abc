"""What runs when: sweeps that end what is over, and hand-overs that finish what a crash left behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.capabilities.reconciling import Reconciling
from bot.domain.identity import ChannelIdentity
from bot.domain.notice import KEPT_FOR
from bot.domain.outbound import OutboxItem
from bot.domain.session import Session, SessionLimits
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.services import refusals
from bot.services.carrying_out import CarryingOut
from bot.services.clock_watch import ClockWatch
from bot.services.delivery import Delivery, edit_of
from bot.services.ingress import InboxIngress
from bot.services.key_keeping import KeyKeeper
from bot.services.letters import Letterbox
from bot.services.notices import Notices
from bot.services.reminding import Reminding
from bot.services.sessions import note_over
from bot.services.token_revocation import TokenRevocation
from bot.services.watching import Watching
from bot.texts.formats import clock_time
from bot.texts.sentences import voice

MOST_CALLED = 10_000
SWEEP_BATCH = 20
"""Small enough that messages on SQLite's one writer hardly wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something periodic. `once` jobs claim their slot in the database, so that one replica runs each."""

    name: str
    every_seconds: int
    run: Callable[[], Awaitable[int]]
    once: bool = True


class Jobs:
    """All jobs, and how a slot is run."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        limits: SessionLimits,
        delivery: Delivery,
        ingress: InboxIngress,
        reconciling: Reconciling,
        watching: Watching,
        carrying_out: CarryingOut,
        reminding: Reminding,
        letterbox: Letterbox,
        notices: Notices | None = None,
        revocation: TokenRevocation,
        key_keeper: KeyKeeper | None = None,
    ) -> None:
        self._database = database
        self._clock_watch = ClockWatch(database=database, clock=clock)
        self._clock = clock
        self._limits = limits
        self._delivery = delivery
        self._ingress = ingress
        self._reconciling = reconciling
        self._letterbox = letterbox
        self._watching = watching
        self._carrying_out = carrying_out
        self._reminding = reminding
        self._notices = notices or Notices()
        self._revocation = revocation
        self._polling: tuple[Job, ...] = ()
        self._key_keeper = key_keeper

    def all(self) -> tuple[Job, ...]:
        """The list."""
        return (
            Job(name="watch_clock", every_seconds=30, run=self.watch_clock, once=False),
            Job(name="end_idle_sessions", every_seconds=30, run=self.end_idle_sessions),
            Job(name="sweep_leftovers", every_seconds=300, run=self.sweep_leftovers),
            Job(name="release_notices", every_seconds=60, run=self.release_notices),
            Job(name="reconcile_effects", every_seconds=5, run=self._reconciling.run),
            Job(name="watch_requests", every_seconds=60, run=self._watching.run),
            Job(name="carry_out_changes", every_seconds=15, run=self._carrying_out.run),
            Job(name="remind_of_reviews", every_seconds=15, run=self._reminding.run),
            Job(name="hold_inbox", every_seconds=5, run=self._ingress.hold, once=False),
            Job(name="take_over_inbox", every_seconds=5, run=self._ingress.take_over, once=False),
            Job(name="hold_outbox", every_seconds=5, run=self._delivery.hold, once=False),
            Job(name="take_over_outbox", every_seconds=5, run=self._delivery.take_over, once=False),
            Job(name="take_over_letters", every_seconds=30, run=self._letterbox.take_over, once=False),
            Job(name="revoke_tokens", every_seconds=5, run=self._revocation.run, once=False),
            *_keeping(self._key_keeper),
            *self._polling,
        )

    def also(self, jobs: Sequence[Job]) -> None:
        """What the settings add, before the first tick."""
        self._polling = (*self._polling, *jobs)

    async def tick(self, job: Job) -> int:
        """Run a job's present slot, unless another replica has it; how much it did."""
        now = self._clock.now()
        slot = str(int(now.timestamp()) // job.every_seconds)
        if job.once and not await self._database.write(lambda tx: tx.jobs.claim_slot(job.name, slot, now=now)):
            return 0
        done = await job.run()
        if job.once:
            at = self._clock.now()
            await self._database.write(lambda tx: tx.jobs.finish_slot(job.name, slot, now=at))
        return done

    async def watch_clock(self) -> int:
        """Where the clock was set back, end what was over before it was; how many sessions."""
        latest = await self._database.write(self._clock_watch.set_back)
        if latest is None:
            return 0
        ended = await self.end_idle_sessions(as_of=latest)
        await self._database.write(lambda tx: self._clock_watch.settle(tx, latest))
        return ended

    async def end_idle_sessions(self, as_of: datetime | None = None) -> int:
        """End sessions past a limit, destroy their tokens, and say so on the card that says who is signed in."""
        ended = 0
        while True:
            items = await self._database.write(lambda tx: self._sweep_sessions(tx, as_of or self._clock.now()))
            await self._delivery.send([item for item in items if item is not None])
            ended += len(items)
            if len(items) < SWEEP_BATCH:
                return ended

    def _sweep_sessions(self, tx: Transaction, now: datetime) -> list[OutboxItem | None]:
        """By everybody's limits, then by those of each role and platform."""
        items: list[OutboxItem | None] = []
        for limits, whose in self._limits.parts():
            left = SWEEP_BATCH - len(items)
            sessions = tx.sessions.sweep(now=now, limits=limits, limit=left, whose=whose) if left else ()
            items += [self._end(tx, session, now, limits) for session in sessions]
        return items

    def _end(self, tx: Transaction, session: Session, now: datetime, limits: SessionLimits) -> OutboxItem | None:
        reason = "absolute" if session.over(now, limits) else "idle"
        note_over(tx, session.channel, session.identity, reason, self._clock.now())
        for posted in tx.posted.about(refusals.session_card(session.channel))[-1:]:
            person = tx.persons.find(session.identity)
            reader = voice(person.locale if person else None)
            at = clock_time(now, person.timezone if person else "UTC", reader.language)
            edit = edit_of(tx, posted, refusals.session_ended(reader, reason, at))
            return self._delivery.put(tx, edit, "") if edit else None
        return None

    async def release_notices(self) -> int:
        """Post what waited for somebody's working hours, and remind of what was not done; how many were posted."""
        people = await self._database.read(lambda tx: tx.notices.addressees(MOST_CALLED))
        posted = 0
        for to in people:
            items = await self._database.write(lambda tx, to=to: self._release(tx, to))  # type: ignore[misc]  # a loop's own value
            await self._delivery.send(items)
            posted += len(items)
        return posted

    def _release(self, tx: Transaction, to: ChannelIdentity) -> list[OutboxItem]:
        now = self._clock.now()
        return [self._delivery.put(tx, posting, "") for posting in self._notices.release(tx, to, now)]

    async def sweep_leftovers(self) -> int:
        """Delete what is late: handles, dedupe hashes, windows of the limiter."""
        now = self._clock.now()
        return await self._database.write(
            lambda tx: (
                tx.interactions.sweep(now)
                + tx.inbox.sweep(now)
                + tx.throttle.sweep(now)
                + tx.challenges.sweep(now)
                + tx.signals.sweep(now)
                + tx.notices.sweep(now - KEPT_FOR)
            )
        )


def _keeping(keeper: KeyKeeper | None) -> tuple[Job, ...]:
    if keeper is None:
        return ()
    return (Job(name="keep_keys", every_seconds=keeper.every_seconds, run=keeper.run, once=False),)
