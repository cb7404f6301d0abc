"""A working day of a company on Slack, every delivery repeated, while processes are killed; and what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from random import Random
from typing import Any

from bot.domain.audit import AuditRecord, EventType
from tests.fakes.slack_workspace import Message, View
from tests.reliability.company import Member, Pair
from tests.reliability.courier import Courier
from tests.reliability.replicas import DidNotStart, Replica
from tests.reliability.workspace import WatchedSlack, is_refusal

PATIENCE = 150.0
"""More than the two minutes in which what a killed process had is answered: a busy machine is a little late."""
IN_TIME = 120.0
"""What whoever is told to press again is promised."""
DIALOG_SECONDS = 10.0
TRIES = 12
STEP_SECONDS = 30
DAYS = (("21 December", "22 December"), ("28 December", "29 December"))
"""What is asked for and approved, and what is thought of and dropped, in each round; none is on a weekend."""
QUESTIONS = ("how many days of leave do I have?", "my leaves", "who am I")
COMMANDS = ("whoami", "help", "balance")
ASKED = "Leave asked for"


class Told(Enum):
    """How an act ended, as whoever did it sees it."""

    DONE = "done"
    NOT_DONE = "it was not done, ask again"
    NOTHING = "nothing, for as long as anybody waits"


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What was asked for, to be compared with what was done."""

    slack: WatchedSlack
    courier: Courier
    patience: float = PATIENCE
    budget: float = 3600.0
    """Seconds after which nobody begins another day."""
    expected: Counter[str] = field(default_factory=Counter)
    """Messages that have to stand in each asker's direct conversation."""
    waiting: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What has to stand in a decider's conversation, by how it begins."""
    sent: list[tuple[Member, str, Message]] = field(default_factory=list)
    """Who pressed for which day on which card."""
    typed: dict[str, str] = field(default_factory=dict)
    """The last code of each account: on a quick machine their next approval is in the same thirty seconds."""
    decided: set[tuple[str, str, str]] = field(default_factory=set)
    """Who decides, whose request, and the day of every code that was typed."""
    given_up: list[str] = field(default_factory=list)
    """What was acknowledged and not answered within the patience."""
    left_off: set[str] = field(default_factory=set)
    pressed_again: int = 0
    asked_again: Counter[str] = field(default_factory=Counter)
    """How often somebody was told beside a card that it was not done, and did it again."""
    told_on_card: int = 0
    slowest: float = 0.0
    late: int = 0
    """Answers that came after more than the two minutes."""

    async def run(self, pairs: Sequence[Pair], *, rounds: int, at_once: int) -> None:
        """Everybody's day; in each round somebody asks, somebody decides, and much is only looked at."""
        gate, loop = asyncio.Semaphore(at_once), asyncio.get_running_loop()
        until = loop.time() + self.budget

        async def one(pair: Pair, day: int) -> None:
            async with gate:
                if loop.time() < until and pair.asker.name not in self.left_off:
                    await self._day(pair, day)

        for day in range(rounds):
            async with asyncio.TaskGroup() as group:
                for pair in pairs:
                    group.create_task(one(pair, day))
        await self.courier.settled()

    async def _day(self, pair: Pair, day: int) -> None:
        first, second = DAYS[day % len(DAYS)]
        steps: list[Callable[[], Awaitable[bool]]] = [
            lambda: self._type(pair.asker, QUESTIONS[0]),
            lambda: self._command(pair.asker, COMMANDS[0]),
            lambda: self._request(pair, first),
            lambda: self._approve(pair, first),
            lambda: self._type(pair.asker, QUESTIONS[1]),
            lambda: self._command(pair.asker, COMMANDS[1]),
            lambda: self._drop(pair.asker, second),
            lambda: self._type(pair.asker, QUESTIONS[2]),
            lambda: self._command(pair.asker, COMMANDS[2]),
        ]
        for at, step in enumerate(steps):
            if not await step():
                self.given_up.append(f"{pair.asker.name} day {day} step {at}")
                self.left_off.add(pair.asker.name)
                return

    async def _type(self, who: Member, text: str) -> bool:
        return await self._spoken(who, "message", lambda: self.slack.typed(who.account, text))

    async def _command(self, who: Member, text: str) -> bool:
        return await self._spoken(who, "command", lambda: self.slack.command(who.account, text))

    async def _spoken(self, who: Member, kind: str, payload: Callable[[], dict[str, object]]) -> bool:
        self.expected[who.account] += 1
        for _ in range(TRIES):
            await self.courier.deliver(kind, payload())
            told = await self._told(who, lambda: self._count(who) >= self.expected[who.account])
            if told is not Told.NOT_DONE:
                return told is Told.DONE
        return False

    async def _told(self, who: Member, holds: Callable[[], bool], card: Message | None = None) -> Told:
        """What they are told in the end; whoever is told that it was not done, and may ask again, does."""
        since, known = self.slack.now(), self.asked_again[who.account]

        def refused() -> bool:
            on_card = card is not None and is_refusal(card)
            return on_card or self.slack.told_not(who.account) > known

        await self.slack.until(lambda: holds() or refused(), self.patience)
        waited = (self.slack.now() - since).total_seconds()
        if holds():
            self.slowest, self.late = max(self.slowest, waited), self.late + (waited > IN_TIME)
            return Told.DONE
        if not refused():
            return Told.NOTHING
        if self.slack.told_not(who.account) > known:
            self.asked_again[who.account] += 1
        else:
            self.told_on_card += 1
        return Told.NOT_DONE

    async def _request(self, pair: Pair, day: str) -> bool:
        self.waiting[pair.boss.account, f"Leave for {pair.asker.name.upper()}:"] += 1
        for _ in range(TRIES):
            card = await self._proposal(pair.asker, day)
            if card is None:
                return False
            self.sent.append((pair.asker, day, card))
            told = await self._press(pair.asker, card, "Send request", self._arrived(pair, card))
            if told is not Told.NOT_DONE:
                return told is Told.DONE
        return False

    def _arrived(self, pair: Pair, card: Message) -> Callable[[], bool]:
        return lambda: card.text.startswith(ASKED) and self._card(pair) is not None

    async def _press(self, who: Member, card: Message, label: str, holds: Callable[[], bool]) -> Told:
        """Press, and do as the bot says where it was busy: again only where nothing has happened after two minutes."""
        for _ in range(TRIES):
            before = self.slack.told_busy(who.account)
            taken = await self.courier.deliver_press(self.slack.press(who.account, card, label))
            told = await self._told(who, holds, card)
            if told is not Told.NOTHING or self.slack.told_busy(who.account) < before + taken:
                return told
            if await self.slack.until(holds, PATIENCE - self.patience):
                return Told.DONE
            self.pressed_again += 1
        return Told.NOTHING

    def _card(self, pair: Pair) -> Message | None:
        """The card that asks who decides."""
        seen = reversed(self.slack.seen_by(pair.boss.account))
        return next((one for one in seen if "Approve…" in labels(one)), None)

    async def _drop(self, who: Member, day: str) -> bool:
        for _ in range(TRIES):
            card = await self._proposal(who, day)
            if card is None:
                return False
            told = await self._press(who, card, "Don't", lambda card=card: not labels(card))  # type: ignore[misc]  # a loop's own value
            if told is not Told.NOT_DONE:
                return told is Told.DONE
        return False

    async def _proposal(self, who: Member, day: str) -> Message | None:
        if not await self._type(who, f"I'd like to take {day} off"):
            return None
        return next((one for one in reversed(self.slack.seen_by(who.account)) if "Send request" in labels(one)), None)

    async def _approve(self, pair: Pair, day: str) -> bool:
        asker, boss, began = pair.asker, pair.boss, False
        for _ in range(TRIES):
            dialog = await self._opened(pair)
            if dialog is None:
                return False
            if not began:
                began = True
                self.expected[asker.account] += 1
                self.waiting[boss.account, f"Approved: {asker.name.upper()},"] += 1
                self.decided.add((boss.account, asker.name, day))
            code = self.typed[boss.account] = await _next_code(boss, self.typed.get(boss.account, ""))
            await self.courier.deliver("submission", self.slack.submission(dialog, code=code))
            dialog.open = False
            told = await self._told(boss, lambda: self._all_there(pair))
            if told is not Told.NOT_DONE:
                return told is Told.DONE
        return False

    def _all_there(self, pair: Pair) -> bool:
        waited = {key: count for key, count in self.waiting.items() if key[0] == pair.boss.account}
        there = all(self._beginning(*key) >= count for key, count in waited.items())
        return there and self._count(pair.asker) >= self.expected[pair.asker.account]

    async def _opened(self, pair: Pair) -> View | None:
        """The dialog for the code; pressed for again where it went with its process, or could not be had just then."""
        for _ in range(TRIES):
            card = self._card(pair)
            dialog = None if card is None else await self._dialog(pair.boss, card)
            if dialog is not None:
                return dialog
            self.pressed_again += 1
        return None

    async def _dialog(self, who: Member, card: Message) -> View | None:
        """The dialog that a press opens; none where the process that took it was killed before it was there."""
        known = {view.id for view in self.slack.dialogs(who.account)}
        await self.courier.deliver("press", self.slack.press(who.account, card, "Approve…"))

        def opened() -> list[View]:
            return [one for one in self.slack.dialogs(who.account) if one.id not in known and takes_code(one)]

        await self.slack.until(lambda: bool(opened()), DIALOG_SECONDS)
        return next(iter(opened()), None)

    def _count(self, who: Member) -> int:
        return len(self.slack.seen_by(who.account))

    def _beginning(self, account: str, text: str) -> int:
        return sum(message.text.startswith(text) for message in self.slack.all_by(account))

    @property
    def asked(self) -> set[tuple[str, str]]:
        """Employee and day of every request whose card says in the end that it is asked for."""
        return {(who.employee, day) for who, day, card in self.sent if card.text.startswith(ASKED)}

    @property
    def approved(self) -> set[tuple[str, str]]:
        """Employee and day of every request whose decider is told in the end that they approved it."""
        return {
            (f"E{name.upper()}", day)
            for account, name, day in self.decided
            if self._beginning(account, f"Approved: {name.upper()}, {_shown(day)}")
        }

    def replies(self) -> tuple[list[str], list[str]]:
        """The conversations with more, and with fewer messages than were to be."""
        found = [(a, len(self.slack.seen_by(a)), n) for a, n in self.expected.items()]
        found += [(f"{a}, {text}", self._beginning(a, text), n) for (a, text), n in self.waiting.items()]
        more = [f"{name}: {count} for {wanted}" for name, count, wanted in found if count > wanted]
        fewer = [f"{name}: {count} for {wanted}" for name, count, wanted in found if count < wanted]
        for account in {*self.expected, *(account for account, _ in self.waiting)}:
            told, heard = self.slack.told_not(account), self.asked_again[account]
            if told > heard:
                more.append(f"{account}: told {told} times that it was not done, for {heard}")
        return more, fewer


def _shown(day: str) -> str:
    """A day of this year as the cards show it."""
    at = datetime.strptime(f"{day} {datetime.now(UTC).year}", "%d %B %Y")  # noqa: DTZ007 - a day has no zone
    return f"{at:%a} {at.day} {at:%b}"


async def _next_code(who: Member, last: str) -> str:
    """What their authenticator shows; where that was used, what it shows next."""
    if who.code() == last:
        await asyncio.sleep(STEP_SECONDS - datetime.now(UTC).timestamp() % STEP_SECONDS + 1)
    return who.code()


def labels(message: Message) -> list[str]:
    """What stands on its buttons."""
    return [button["text"]["text"] for button in message.buttons()]


def takes_code(view: View) -> bool:
    """Whether a code is asked for in it."""
    return any(block["type"] == "input" for block in view.content["blocks"])


async def killing(
    targets: Sequence[Replica], random: Random, *, every: tuple[float, float], most: int, over: asyncio.Event
) -> None:
    """Kill one of them now and then, and start it again, until it is over; never two at a time."""
    for _ in range(most):
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), random.uniform(*every))
        if over.is_set():
            return
        target = random.choice(list(targets))
        await target.kill()
        await _up_again(target)


async def _up_again(target: Replica) -> None:
    """Start it, a second time where the first took too long: the campaign is of kills, not of a slow machine."""
    try:
        await target.start()
    except DidNotStart:
        target.slow_starts += 1
        await target.start()


async def kill_one(targets: Sequence[Replica], after: float) -> None:
    """Kill one, for good."""
    await asyncio.sleep(after)
    await targets[0].kill()


@asynccontextmanager
async def meanwhile(killer: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Kill while something goes on; whoever is just being started again is waited for, however slow the machine."""
    over = asyncio.Event()
    task = asyncio.create_task(killer(over))
    try:
        yield
    finally:
        over.set()
        await task


def doubled_effects(records: Sequence[AuditRecord]) -> list[str]:
    """What was done more than once for one event."""
    done = Counter(
        f"{record.event.correlation} {record.event.action}"
        for record in records
        if record.event.type == EventType.EFFECT_FINISHED and record.event.code == "done"
    )
    return [name for name, count in done.items() if count > 1]


def unaudited(records: Sequence[AuditRecord]) -> list[str]:
    """Effects with an intent and no outcome, or the other way round."""
    by_type: dict[str, Counter[str]] = {EventType.EFFECT_INTENDED: Counter(), EventType.EFFECT_FINISHED: Counter()}
    for record in records:
        if record.event.type in by_type:
            by_type[record.event.type][f"{record.event.correlation} {record.event.action}"] += 1
    intended, finished = by_type[EventType.EFFECT_INTENDED], by_type[EventType.EFFECT_FINISHED]
    return [name for name in {*intended, *finished} if intended[name] != finished[name]]
