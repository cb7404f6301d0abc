"""Posts what waits in the outbox, remembers where it is, and edits it later."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import structlog

from bot.domain.answer import Draft, Posting
from bot.domain.cards import Audience, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import IncomingMessage, Place, PlaceKind
from bot.domain.notice import TABLE, NoticeClass
from bot.domain.outbound import OutboxItem, PostedMessage
from bot.domain.reference import ConversationReference
from bot.domain.typed_code import TAKEN_OUT
from bot.errors import DoorwardError, IntegrityAlarm, PlatformRefused, PlatformUnavailable
from bot.ports.chat import ChatPlatform
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.services import views
from bot.services.buttons import with_handles

LEASE_SECONDS = 20
HELD_AGAIN_SECONDS = 5
"""A posting that waits for longer than this for a slow platform has its lease renewed."""
MAX_ATTEMPTS = 8
PERSON_ADDRESS = "@"
"""A conversation that starts so is the direct one with the person it is for."""
log = structlog.get_logger("doorward.delivery")


Sift = Callable[[Transaction, Sequence[Posting], datetime], list[Posting]]


class Delivery:
    """Between the outbox and the chat platforms."""

    def __init__(
        self,
        *,
        database: Database,
        platforms: Mapping[Platform, ChatPlatform],
        clock: Clock,
        sift: Sift = lambda _tx, postings, _now: list(postings),
    ) -> None:
        """`sift` says what of several postings goes out now, and keeps the rest (`bot.services.notices`)."""
        self._database = database
        self._platforms = platforms
        self._clock = clock
        self._sift = sift
        self._editing: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """One edit of a message at a time, so that a slow one does not land on what was sent after it."""
        self._held: dict[str, datetime] = {}
        """What is posted here, and since when."""

    def put_all(self, tx: Transaction, postings: Sequence[Posting], correlation: str) -> list[OutboxItem]:
        """Queue what may go out now of these, as `put` does each; a notice may have to wait for its time."""
        return [self.put(tx, posting, correlation) for posting in self._sift(tx, postings, self._clock.now())]

    def put(self, tx: Transaction, posting: Posting, correlation: str) -> OutboxItem:
        """Queue a posting in the transaction of what it tells; held for this process, which calls `send` next."""
        now = self._clock.now()
        card = views.rendered(tx, posting, now)
        item = OutboxItem(
            id=secrets.token_hex(12),
            place=posting.place,
            to=posting.to,
            reply=Reply(audience=posting.draft.audience, card=card),
            created_at=now,
            about=posting.draft.about,
            edits=posting.edits,
            version=posting.version,
            line=None if posting.line is None else Reply(audience=Audience.PLACE, card=posting.line),
            anew=posting.anew,
            correlation=correlation,
        )
        tx.outbox.put(item, lease_seconds=LEASE_SECONDS)
        return item

    async def send(self, items: Sequence[OutboxItem]) -> None:
        """Post in order. What fails for now stays queued; nothing is raised."""
        self._hold(items)
        try:
            for item in items:
                await self._send_one(item)
        finally:
            for item in items:
                self._held.pop(item.id, None)

    def _hold(self, items: Sequence[OutboxItem]) -> None:
        now = self._clock.now()
        self._held |= {item.id: now for item in items}

    async def hold(self) -> int:
        """Renew the leases of what takes its time here, so that nobody else posts it too; how many."""
        now = self._clock.now()
        rows = [row for row, at in self._held.items() if at <= now - timedelta(seconds=HELD_AGAIN_SECONDS)]
        until = now + timedelta(seconds=LEASE_SECONDS)

        def work(tx: Transaction) -> int:
            for row in rows:
                tx.outbox.retry(row, at=until)
            return len(rows)

        return await self._database.write(work) if rows else 0

    async def take_over(self, limit: int = 50) -> int:
        """Post what another process left behind, or what is due again; how many.

        One conversation's in their order, those of several at once: a slow platform holds up no other.
        """
        now = self._clock.now()
        items = await self._database.write(
            lambda tx: tx.outbox.claim(now=now, lease_seconds=LEASE_SECONDS, limit=limit)
        )
        by_place: dict[Place, list[OutboxItem]] = {}
        for item in items:
            by_place.setdefault(item.place, []).append(item)
        until = now + timedelta(seconds=LEASE_SECONDS / 2)
        await asyncio.gather(*(self._send_until(until, some) for some in by_place.values()))
        return len(items)

    async def _send_until(self, until: datetime, items: Sequence[OutboxItem]) -> None:
        """What is not begun by then stays: its lease may be over before it is posted, and another replica's by then."""
        for item in items:
            if self._clock.now() >= until:
                return
            self._hold([item])
            await self._send_one(item)

    async def show_dialog(self, platform: Platform, view: str, dialog: Dialog) -> None:
        """Put `dialog` in the place of the open one. Best effort: a dialog that was closed is gone."""
        try:
            await self._platforms[platform].update_dialog(view, dialog)
        except DoorwardError as error:
            log.info("dialog_not_shown", code=error.code)

    def link_to(self, tx: Transaction, place: Place, message: str) -> str:
        """The address that opens a posted message; empty where the platform has none, or is not ours to ask."""
        platform = self._platforms.get(place.platform)
        return "" if platform is None else platform.link_to(place, message, reached=_reached(tx, place))

    async def take_code_away(self, message: IncomingMessage) -> None:
        """Remove a code that somebody typed, where the platform lets us. Best effort."""
        if message.text != TAKEN_OUT or message.source is None:
            return
        try:
            await self._platforms[message.place.platform].take_away(message.place, message.source)
        except DoorwardError as error:
            log.info("not_taken_away", code=error.code)

    async def _send_one(self, item: OutboxItem) -> None:
        try:
            await self._try(item)
        finally:
            self._held.pop(item.id, None)

    async def _try(self, item: OutboxItem) -> None:
        try:
            item = await self._addressed(item)
            message = await self._post(item)
        except PlatformUnavailable as error:
            if error.outcome_unknown and item.edits is None:
                # It may stand there already, and the platform knows no deduplication: once at the most.
                log.warning("delivery_unknown", platform=item.place.platform.value)
                await self._database.write(lambda tx: tx.outbox.done(item.id))
                return
            await self._again(item, error.retry_after_seconds)
            return
        except PlatformRefused as error:
            log.warning("not_delivered", code=error.code, platform=item.place.platform.value)
            message = None
        except (TimeoutError, DoorwardError, OSError) as error:
            log.warning("delivery_failed", error=type(error).__name__)
            await self._again(item, 2.0)
            return
        await self._database.write(lambda tx: self._delivered(tx, item, message))

    async def _addressed(self, item: OutboxItem) -> OutboxItem:
        """A direct conversation that is known only by its person gets the platform's own address."""
        if not item.place.conversation.startswith(PERSON_ADDRESS):
            return item
        return replace(item, place=await self._platforms[item.place.platform].direct_place(item.to))

    async def _post(self, item: OutboxItem) -> str | None:
        platform = self._platforms[item.place.platform]
        if item.edits is None:
            return await platform.post(item.place, item.to, item.reply, dedupe_key=item.id, repeated=item.attempts > 1)
        try:
            await self._edit(platform, item, item.edits)
        except PlatformRefused:
            if not item.anew:
                raise
            return await self._once(platform, item, item.place, item.reply)
        if item.line is not None:
            await self._once(platform, item, platform.thread_of(item.place, item.edits), item.line)
        return item.edits

    async def _once(self, platform: ChatPlatform, item: OutboxItem, place: Place, reply: Reply) -> str | None:
        """What follows from an edit is posted once at the most: the edit may be made again, this may not."""
        key = f"{item.id}-after"
        try:
            return await platform.post(place, item.to, reply, dedupe_key=key, repeated=item.attempts > 1)
        except PlatformUnavailable as error:
            if not error.outcome_unknown:
                raise
            log.warning("delivery_unknown", platform=place.platform.value)
        except PlatformRefused as error:
            log.warning("not_delivered", code=error.code, platform=place.platform.value)
        return None

    async def _edit(self, platform: ChatPlatform, item: OutboxItem, message: str) -> None:
        """Replace a message, unless something newer was rendered of it: what waited is not to undo a decision."""
        place = item.place
        async with self._editing.setdefault((place.key, message), asyncio.Lock()):
            newest = await self._database.read(lambda tx: tx.posted.newest(place, message)) if item.version else 0
            if item.version >= newest:
                await platform.update(place, message, item.reply)

    def _delivered(self, tx: Transaction, item: OutboxItem, message: str | None) -> None:
        tx.outbox.done(item.id)
        if message is not None and item.about:
            tx.posted.record(
                PostedMessage(
                    about=item.about,
                    place=item.place,
                    to=item.to,
                    message=message,
                    version=0,
                    posted_at=self._clock.now(),
                )
            )

    async def _again(self, item: OutboxItem, seconds: float) -> None:
        if item.attempts >= MAX_ATTEMPTS:
            log.error("given_up", platform=item.place.platform.value)
            await self._database.write(lambda tx: tx.outbox.done(item.id))
            return
        at = self._clock.now() + timedelta(seconds=seconds * 2**item.attempts)
        await self._database.write(lambda tx: tx.outbox.retry(item.id, at=at))


def _reached(tx: Transaction, place: Place) -> ConversationReference | None:
    """What is stored of a shared conversation, whatever thread is meant; what does not open is nothing."""
    try:
        return tx.references.find(replace(place, thread=None).key)
    except IntegrityAlarm as alarm:
        log.critical("integrity_alarm", code=alarm.code)
        return None


def put_at_once(tx: Transaction, posting: Posting, now: datetime) -> None:
    """Queue a security notice where there is no `Delivery` at hand; a job posts it at once.

    Raises `ValueError` for any other notice: that may have to wait for its time (`Delivery.put_all`).
    """
    if posting.notice is None or TABLE[posting.notice].kind is not NoticeClass.SECURITY:
        raise ValueError(f"{posting.notice} is no security notice")
    item = OutboxItem(
        id=secrets.token_hex(12),
        place=posting.place,
        to=posting.to,
        reply=Reply(audience=posting.draft.audience, card=with_handles(tx, posting.draft, posting.to, now)),
        created_at=now,
    )
    tx.outbox.put(item, lease_seconds=0)


def direct_place(channel: ChannelIdentity) -> Place:
    """The direct conversation with a chat account; the platform's adapter turns it into its own address."""
    return Place(
        platform=channel.platform,
        tenant=channel.tenant,
        conversation=PERSON_ADDRESS + channel.account,
        kind=PlaceKind.DIRECT,
    )


def edit_of(tx: Transaction, posted: PostedMessage, draft: Draft) -> Posting | None:
    """The draft as an edit of a posted copy; None where somebody else edited it meanwhile (compare-and-swap)."""
    if not tx.posted.swap(replace(posted, version=posted.version + 1), version=posted.version):
        return None
    return Posting(draft=draft, to=posted.to, place=posted.place, edits=posted.message, version=posted.version + 1)
