"""Rotates keys under way: nothing stops, nothing fails, and what was killed half way goes on where it was.

The order is what makes it safe:

(1) a new key stands by: it is written down for reading, and nobody writes with it;
(2) every process that serves says that it can read with it;
(3) it is promoted, and every process says that it writes with it;
(4) every row is re-sealed and re-signed, a few at a time, those in use passed over for the next round;
(5) the older key can be removed, once no row that holds is left on it.

Each step is read off the keys and the rows, so there is no progress to lose.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from bot.domain.audit import EventType
from bot.errors import Misconfigured, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.keys import KeyHolder, Rewritten, RotatingKeys
from bot.services.audit_trail import Scribe

REWRITTEN = ("seal", "row_mac")
"""The purposes whose key stands in the rows: these are put under the new one."""
BATCH = 100
BREATH_SECONDS = 0.03
"""Between two batches: on SQLite others write meanwhile."""
LOOK_SECONDS = 0.5
ROUNDS = 30
ATTEMPTS = 20

T = TypeVar("T")
Advance = Callable[[int, int | None], None]
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did."""

    promoted: tuple[str, ...]
    """As `purpose:id`; empty where an earlier rotation was brought to its end."""
    rewritten: int
    broken: int
    """Rows that do not hold under their own key, left as they are: the alarm names them."""
    removed: tuple[str, ...] = ()


class Rotation:
    """One run; see the module."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        keys: RotatingKeys,
        pause: Pause,
        scribe: Scribe,
        seen_within: timedelta,
        patience: timedelta,
        tell: Callable[[str], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._pause = pause
        self._scribe = scribe
        self._seen_within = seen_within
        self._patience = patience
        self._tell = tell

    async def run(
        self, purposes: Sequence[str], advance: Advance, *, older_until: datetime | None, compromised: bool = False
    ) -> Rotated:
        """Rotate these. Raises `Misconfigured` naming the processes that do not take the new key in."""
        if not any(self._keys.standby(purpose) for purpose in purposes):
            done, broken = await self._rewrite(advance)
            if done and not compromised:
                self._tell("An earlier rotation was not at its end; it is now. Run this again for new keys.")
                return Rotated(promoted=(), rewritten=done, broken=broken)
        promoted = await self._promote(purposes, older_until=older_until)
        done, broken = await self._rewrite(advance)
        await self._note("keys.rewritten", "")
        removed = await self.remove_older(purposes) if compromised else ()
        return Rotated(promoted=promoted, rewritten=done, broken=broken, removed=removed)

    async def remove(self, purpose: str, key_id: str, advance: Advance) -> Rotated:
        """Take an older key away, once nothing that holds is left on it. Raises `Misconfigured`."""
        done, broken = await self._rewrite(advance) if purpose in REWRITTEN else (0, 0)
        self._keys.remove(purpose, key_id)
        await self._note("keys.removed", f"{purpose}:{key_id}")
        return Rotated(promoted=(), rewritten=done, broken=broken, removed=(f"{purpose}:{key_id}",))

    async def remove_older(self, purposes: Sequence[str]) -> tuple[str, ...]:
        """Take every older key of these away."""
        removed = []
        for purpose in purposes:
            for key_id in self._keys.older(purpose):
                self._keys.remove(purpose, key_id)
                await self._note("keys.removed", f"{purpose}:{key_id}")
                removed.append(f"{purpose}:{key_id}")
        return tuple(removed)

    async def _promote(self, purposes: Sequence[str], *, older_until: datetime | None) -> tuple[str, ...]:
        fresh = []
        for purpose in purposes:
            waiting = self._keys.standby(purpose)
            if waiting is None:
                waiting = self._keys.add(purpose, now=self._clock.now())
                await self._note("keys.added", waiting)
            fresh.append(waiting)
        wanted = frozenset(fresh)
        await self._everybody("read", lambda holder: wanted <= holder.held.reads)
        for purpose, key in zip(purposes, fresh, strict=True):
            self._keys.promote(purpose, older_until=None if purpose in REWRITTEN else older_until)
            await self._note("keys.promoted", key)
        await self._everybody("write", lambda holder: wanted <= holder.held.writes)
        return tuple(fresh)

    async def _everybody(self, what: str, holds: Callable[[KeyHolder], bool]) -> None:
        """Wait until every process that serves does. One that has died is waited for until that is certain."""
        begun, told = self._clock.now(), ""
        while True:
            now = self._clock.now()
            holders = await self._holders(now - self._seen_within)
            missing = [holder.name for holder in holders if not holds(holder)]
            if not missing:
                return
            if now - begun > self._patience:
                raise Misconfigured(
                    f"these do not {what} with the new key yet: {', '.join(missing)}. Give them the changed keys file, "
                    "then run this again: it goes on from here"
                )
            sentence = f"Waiting for {len(missing)} of {len(holders)} to {what} with the new key: {', '.join(missing)}"
            if sentence != told:
                told = sentence
                self._tell(sentence)
            await self._pause(LOOK_SECONDS)

    async def _holders(self, since: datetime) -> Sequence[KeyHolder]:
        return await self._patiently(lambda: self._database.read(lambda tx: tx.keys.holders(since=since)))

    async def _rewrite(self, advance: Advance) -> tuple[int, int]:
        tables = await self._database.read(lambda tx: tx.keys.tables())
        done, broken = 0, 0
        for _ in range(ROUNDS):
            left = await self._left(tables)
            if sum(left.values()) <= broken:
                break
            broken = 0
            for table, count in left.items():
                if count:
                    did, bad = await self._rewrite_table(table, done, sum(left.values()), advance)
                    done, broken = done + did, broken + bad
        else:
            raise StorageUnavailable("some rows were in use in every round; run this again, it goes on from here")
        return done, broken

    async def _left(self, tables: Sequence[str]) -> dict[str, int]:
        def look(tx: Transaction) -> dict[str, int]:
            return {name: tx.keys.older(name) for name in tables}

        return await self._patiently(lambda: self._database.read(look))

    async def _rewrite_table(self, table: str, before: int, left: int, advance: Advance) -> tuple[int, int]:
        done, broken = 0, 0
        after: str | int | None = None
        while True:
            piece = await self._batch(table, after)
            done, broken, after = done + piece.done, broken + piece.broken, piece.last
            advance(before + done, before + left)
            if after is None:
                return done, broken
            await self._pause(BREATH_SECONDS)

    async def _batch(self, table: str, after: str | int | None) -> Rewritten:
        return await self._patiently(
            lambda: self._database.write(lambda tx: tx.keys.rewrite(table, after, limit=BATCH))
        )

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Messages come first: a database that is busy with them is asked again. All of it can be done twice."""
        for _ in range(ATTEMPTS):
            try:
                return await work()
            except StorageUnavailable:
                await self._pause(LOOK_SECONDS)
        return await work()

    async def _note(self, code: str, key: str) -> None:
        resource = f"Key::{key}" if key else ""
        event = self._scribe.event(EventType.KEYS_CHANGED, resource=resource, code=code, time=self._clock.now())
        await self._patiently(lambda: self._database.write(lambda tx: tx.audit.append(event)))
