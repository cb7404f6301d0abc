"""The way in: a verified message becomes a durable inbox row, once, before it is acknowledged; then it is worked off.

Codes never come here as messages: `submit_code` checks one inside the reply window, and only the proof is stored. One
that somebody types into the chat is taken out before the row is written.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import structlog

from bot.domain.answer import Answer
from bot.domain.audit import EventType
from bot.domain.cards import Card, Dialog
from bot.domain.messages import IN_ANSWER, EventKind, IncomingMessage, Place, ReplyWindow
from bot.domain.proof import Proof
from bot.domain.proposal import Proposal
from bot.domain.reply_limits import REPLY_LIMITS, ReplyLimits
from bot.domain.secret import Secret
from bot.domain.session import SessionLimits
from bot.domain.typed_code import without_code
from bot.errors import DoorwardError, IntegrityAlarm, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.ingress import Accepted, DialogAnswer, DialogClosed, DialogUpdate, FieldError, Late
from bot.services import refusals
from bot.services.audit_trail import Scribe
from bot.services.buttons import LINK_CODE
from bot.services.code_checking import CodeChecking
from bot.services.link_codes import LinkCodes
from bot.services.link_making import Told
from bot.services.rejections import Rejections
from bot.services.silent_sign_in import SilentSignIn
from bot.services.turns import Arrived
from bot.texts.sentences import voice

LEASE_SECONDS = 20
"""With the look-up of a write, and a posting, what a dead process had is answered within two minutes."""
HELD_AGAIN_SECONDS = 5
"""Work that takes longer than this has its lease renewed, so that a slow system gives nothing to two workers."""
HELD_AT_MOST_SECONDS = 600
"""After this it counts as stuck, and is given to whoever takes it over."""
MAX_ATTEMPTS = 5

log = structlog.get_logger("doorward.ingress")
T = TypeVar("T")
Claimed = tuple[str, IncomingMessage, int]
"""Row, message and attempt."""


class Handle(Protocol):
    """`Pipeline.handle`."""

    def __call__(
        self,
        message: IncomingMessage,
        *,
        row: str | None = None,
        arrived: Arrived | None = None,
        in_browser: bool = False,
        src_ip: str | None = None,
    ) -> Awaitable[Answer]:
        """See `bot.pipeline`."""
        ...


class AtTheDoor(Protocol):
    """`Arrival.at_the_door`."""

    def __call__(
        self,
        tx: Transaction,
        message: IncomingMessage,
        *,
        proposal: Proposal | None = None,
        proof: Proof | None = None,
    ) -> Arrived | None:
        """See `bot.services.arrival`."""
        ...


@dataclass(slots=True, kw_only=True)
class InboxIngress:
    """Implements `bot.ports.ingress.Ingress`."""

    database: Database
    clock: Clock
    limits: SessionLimits
    handle: Handle
    at_the_door: AtTheDoor
    """`Arrival.at_the_door`: one transaction where two would do."""
    look_at: Callable[[IncomingMessage], Awaitable[Card | None]] | None = None
    """`Pipeline.look`; None where no platform shows each viewer their own."""
    silent: SilentSignIn | None = None
    """None where no platform's client signs people in."""
    link_codes: LinkCodes | None = None
    """None where nobody links an account by typing a code."""
    replies: ReplyLimits = REPLY_LIMITS
    _running: set[asyncio.Task[Answer | None]] = field(default_factory=set)
    _held: dict[str, datetime] = field(default_factory=dict)
    """The rows that are worked on here, and since when."""
    _rejections: Rejections = field(init=False)
    _checking: CodeChecking = field(init=False)

    def __post_init__(self) -> None:
        self._checking = CodeChecking(clock=self.clock, limits=self.limits)
        self._rejections = Rejections(database=self.database, clock=self.clock)

    async def accept(self, message: IncomingMessage) -> Accepted:
        """Store, then work on it off the acknowledging path. Raises `StorageUnavailable`, `TimeoutError`."""
        message, began = without_code(message), time.monotonic()
        row, arrived = await self._stored(message)
        if row is None:
            return Accepted(duplicate=True)
        task = self._start(message, row, arrived)
        if message.window is not ReplyWindow.IN_RESPONSE:
            return Accepted()
        return await self._within_window(task, self.replies.in_window - (time.monotonic() - began))

    async def _stored(self, message: IncomingMessage) -> tuple[str | None, Arrived | None]:
        """The row, in time; what becomes durable later is worked on all the same."""

        async def late(storing: asyncio.Task[tuple[str | None, Arrived | None]]) -> Answer | None:
            row, arrived = await storing
            return None if row is None else await self._start(message, row, arrived)

        storing = asyncio.create_task(self.database.write(lambda tx: self._accept(tx, message)))
        return await self._in_time(storing, self.replies.durable, late)

    async def _in_time(
        self,
        work: asyncio.Task[T],
        seconds: float,
        late: Callable[[asyncio.Task[T]], Coroutine[Any, Any, Answer | None]],
    ) -> T:
        """What `work` gives. Raises `Late`, and then ends it behind: a commit cannot be taken back."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(work)
        except (TimeoutError, asyncio.CancelledError) as over:
            ended = self._in_background(self._behind(late(work)))
            if isinstance(over, TimeoutError):
                raise Late(ended) from None
            raise

    async def _behind(self, work: Coroutine[Any, Any, Answer | None]) -> Answer | None:
        try:
            return await work
        except (DoorwardError, TimeoutError) as error:
            log.info("late_and_not_done", error=type(error).__name__)
            return None

    def _in_background(self, work: Coroutine[Any, Any, Answer | None]) -> asyncio.Task[Answer | None]:
        task = asyncio.create_task(work)
        # The loop keeps only weak references to tasks: without this set the work could vanish.
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _accept(self, tx: Transaction, message: IncomingMessage) -> tuple[str | None, Arrived | None]:
        row = tx.inbox.accept(message, lease_seconds=LEASE_SECONDS)
        return row, None if row is None else self.at_the_door(tx, message)

    async def _within_window(self, task: asyncio.Task[Answer | None], seconds: float) -> Accepted:
        """The answer when it is there in time; the work goes on either way."""
        done, _ = await asyncio.wait({task}, timeout=seconds)
        answer = task.result() if done else None
        if answer is None:
            return Accepted()
        dialog = None if answer.dialog is None else DialogUpdate(dialog=answer.dialog)
        return Accepted(answer=dialog, view=answer.view, answered=True)

    def _start(self, message: IncomingMessage, row: str, arrived: Arrived | None) -> asyncio.Task[Answer | None]:
        self._held[row] = self.clock.now()
        return self._in_background(self._work(message, row, arrived))

    async def _work(self, message: IncomingMessage, row: str, arrived: Arrived | None = None) -> Answer | None:
        try:
            return await self.handle(message, row=row, arrived=arrived)
        except StorageUnavailable:
            log.warning("kept_in_inbox", correlation=message.event_id)
        except Exception as error:  # noqa: BLE001 - nothing that goes wrong here may end the worker
            # The row stays and is taken up again. An error's own text may quote what somebody typed or what a system
            # answered, so only its kind and where it happened are written down.
            at = traceback.extract_tb(error.__traceback__)[-1]
            log.error(  # noqa: TRY400
                "message_failed",
                correlation=message.event_id,
                error=type(error).__name__,
                at=f"{at.filename}:{at.lineno}",
            )
        finally:
            self._held.pop(row, None)
        return None

    async def resume(self, message: IncomingMessage, src_ip: str | None = None) -> Answer:
        """A browser leg is through: go on with what waited, durably, and give the page its answer.

        Raises `StorageUnavailable`.
        """
        again = replace(
            message,
            event_id=f"resume:{secrets.token_hex(4)}:{message.event_id}"[:200],
            window=ReplyWindow.NONE,
            trigger=None,
            received_at=self.clock.now(),
        )
        row = await self.database.write(lambda tx: tx.inbox.accept(again, lease_seconds=LEASE_SECONDS))
        assert row is not None  # its event is new
        self._held[row] = again.received_at
        try:
            return await self.handle(again, row=row, in_browser=True, src_ip=src_ip)
        finally:
            self._held.pop(row, None)

    async def take_over(self, limit: int = 20) -> int:
        """Work on rows whose holder is gone; how many. A row that failed too often is set aside with an alarm.

        One conversation's in their order, those of several at once: a slow one holds up nobody else's.
        """
        now = self.clock.now()
        claimed = await self.database.write(
            lambda tx: tx.inbox.claim(now=now, lease_seconds=LEASE_SECONDS, limit=limit)
        )
        by_place: dict[Place, list[Claimed]] = {}
        for one in claimed:
            self._held[one[0]] = now
            by_place.setdefault(one[1].place, []).append(one)
        await asyncio.gather(*(self._work_through(rows) for rows in by_place.values()))
        return len(claimed)

    async def _work_through(self, claimed: Sequence[Claimed]) -> None:
        for row, message, attempt in claimed:
            if attempt > MAX_ATTEMPTS:
                log.critical("message_given_up", correlation=message.event_id)
                await self._set_aside(row)
                continue
            opened = message.trigger if message.window is ReplyWindow.OPENS_DIALOG else None
            await self._work(replace(message, window=ReplyWindow.NONE, trigger=opened), row)

    async def hold(self) -> int:
        """Renew the leases of what takes its time here; how many."""
        now = self.clock.now()
        since, stuck = now - timedelta(seconds=HELD_AGAIN_SECONDS), now - timedelta(seconds=HELD_AT_MOST_SECONDS)
        rows = [row for row, at in self._held.items() if stuck < at <= since]
        if not rows:
            return 0
        until = now + timedelta(seconds=LEASE_SECONDS)
        return await self.database.write(lambda tx: sum(tx.inbox.hold(row, until) for row in rows))

    async def _set_aside(self, row: str) -> None:
        now = self.clock.now()
        self._held.pop(row, None)
        await self.database.write(lambda tx: tx.inbox.complete(row, now))

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way; what is not done by then stays in the inbox."""
        until = time.monotonic() + seconds
        while self._running and (left := until - time.monotonic()) > 0:  # what ends may have begun something itself
            await asyncio.wait(set(self._running), timeout=left)

    async def open_dialog(self, message: IncomingMessage) -> Dialog:
        """The dialog a press opens, for platforms that want it in their response. Raises `StorageUnavailable`."""
        accepted = await self.accept(replace(message, window=ReplyWindow.IN_RESPONSE, trigger=IN_ANSWER))
        if isinstance(accepted.answer, DialogUpdate):
            return accepted.answer.dialog
        return refusals.elsewhere(voice(message.locale))

    async def look(self, message: IncomingMessage) -> Card | None:
        """See the port. Raises `StorageUnavailable`, `TimeoutError`."""
        async with asyncio.timeout(self.replies.in_window):
            return None if self.look_at is None else await self.look_at(message)

    async def submit_code(self, message: IncomingMessage, code: Secret) -> DialogAnswer:
        """Check a code for the proposal its dialog is of; a proof is stored and the proposal goes on.

        Raises `StorageUnavailable`, `TimeoutError`.
        """

        async def late(checking: asyncio.Task[DialogAnswer]) -> Answer | None:
            await checking
            return None

        return await self._in_time(asyncio.create_task(self._submitted(message, code)), self.replies.in_window, late)

    async def _submitted(self, message: IncomingMessage, code: Secret) -> DialogAnswer:
        try:
            going_on = await self.database.write(lambda tx: self._check_and_accept(tx, message, code))
            if going_on is None:
                return await self._link(message, code)
        except IntegrityAlarm as alarm:
            return await self._alarm(message, alarm)
        if isinstance(going_on, FieldError):
            return going_on
        resumed, row, arrived = going_on
        if row is not None:
            _ = self._start(resumed, row, arrived)
        return DialogClosed()

    async def _link(self, message: IncomingMessage, code: Secret) -> DialogAnswer:
        """Where a code links an account, the dialog closes; the link is announced, and what waited goes on."""
        assert self.link_codes is not None
        linked = await self.link_codes.typed(message, code)
        if linked is None:
            return refusals.code_refused(voice(message.locale), "consent.late")
        if isinstance(linked, FieldError):
            return linked
        _ = self._in_background(self._go_on(message, linked))
        return DialogClosed()

    async def _go_on(self, message: IncomingMessage, told: Told) -> Answer | None:
        assert self.link_codes is not None
        try:
            await self.link_codes.tell(told)
            now = self.clock.now()
            waiting = await self.database.write(lambda tx: tx.pending.take(message.who, now=now))
            return None if waiting is None else await self._resume_in_chat(waiting)
        except DoorwardError as error:
            log.warning("not_resumed", code=error.code)
            return None

    async def _resume_in_chat(self, waiting: IncomingMessage) -> Answer | None:
        """What waited for a sign-in that ended in chat, decided anew. Raises `StorageUnavailable`."""
        again = f"resume:{secrets.token_hex(4)}:{waiting.event_id}"[:200]
        await self.accept(replace(waiting, event_id=again, received_at=self.clock.now()))
        return None

    def _check_and_accept(
        self, tx: Transaction, message: IncomingMessage, code: Secret
    ) -> tuple[IncomingMessage, str | None, Arrived | None] | FieldError | None:
        """One transaction: a code that is spent, and what it was spent on goes on. None for a dialog that links."""
        interaction = tx.interactions.find(message.handle, now=self.clock.now())
        if self.link_codes is not None and interaction is not None and interaction.kind == LINK_CODE:
            return None
        checked = self._checking.check(tx, message, interaction, code)
        if isinstance(checked, FieldError):
            return checked
        proposal, proof = checked
        resumed = IncomingMessage(
            event_id=f"proof:{proof.id}",
            kind=EventKind.RESUME,
            who=message.who,
            place=proposal.place,
            received_at=self.clock.now(),
            fields={"proposal": proposal.id},
            locale=message.locale,
        )
        row = tx.inbox.accept(resumed, lease_seconds=LEASE_SECONDS)
        return resumed, row, None if row is None else self.at_the_door(tx, resumed, proposal=proposal, proof=proof)

    async def sign_in_silently(self, message: IncomingMessage, token: Secret) -> bool:
        """See the port; what waited for the sign-in goes on, decided anew. Raises `StorageUnavailable`."""
        signed = None if self.silent is None else await self.silent.sign_in(message, token)
        if signed is None:
            return False
        if (waiting := signed.waiting) is not None:
            await self._resume_in_chat(waiting)
        return True

    async def _alarm(self, message: IncomingMessage, alarm: IntegrityAlarm) -> FieldError:
        """Fails closed: the code counts for nothing, and it is written down why."""
        log.critical("integrity_alarm", code=alarm.code, correlation=message.event_id)
        scribe = Scribe(time=self.clock.now(), channel=message.who.key, correlation=message.event_id)
        event = scribe.event(EventType.INTEGRITY_ALARM, decision="error", code=alarm.code)
        await self.database.write(lambda tx: tx.audit.append(event))
        return refusals.code_refused(voice(message.locale), "consent.late")

    async def rejected(self, *, platform: str, code: str) -> None:
        """Write down a refusal at the way in; limited, and never raises."""
        await self._rejections.write(platform, code)
