"""What a TOTP step-up costs: `python -m tests.bench.step_up`, and in `make bench` one of the extras.

One decision on leave as policy asks for it, beside the same one without a proof; and one's own payslip so, opened on
the page either way. All go through the whole core in turns, the chat and the web pages left out: what is posted is
counted up to its hand-over. The policies without a proof differ from those in force in nothing else. A ratio is the
median of the rounds' ratios, so that whatever else the machine does meets both sides alike.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop

from bot.domain.messages import EventKind, IncomingMessage
from bot.ports.database import Transaction
from policy.cedar import CedarEngine
from policy.sources import POLICIES, read_sources
from tests.fakes.chat import Posted
from tests.fakes.clock import FixedClock
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.world import World, url_in, world

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FIRST_MONDAY = date(2027, 2, 1)
ROUNDS = 20
WARMING = 3
"""Rounds that are not counted."""
GOAL = 1.5
DECISION = re.compile(
    r'(@id\("hr\.leave\.decide-report"\).*?)@consent\("per_action"\)\n@batch\("20"\)\n(.*?\};)', re.DOTALL
)
PAYSLIP = re.compile(
    r'(@id\("hr\.payslip\.own"\).*?)@consent\("own_reading"\)\n@set\("payslips"\)\n(.*?\};)', re.DOTALL
)
PROOF = re.compile(r" &&\n  context has proof && context\.proof\.age >= 0 && context\.proof\.age <= \d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Processor seconds of the same thing without a proof and with one, medians, and the median of the ratios."""

    plain: float
    asked: float
    """As policy has it: the message that is answered by asking for the code."""
    code: float
    """As policy has it: the code, and all that it leads to."""
    ratio: float
    """Both messages with a proof over all there is without one."""
    quartiles: tuple[float, float]
    code_ratio: float
    """The message with the code alone over all there is without one."""

    @property
    def reached(self) -> bool:
        """Whether press and code together cost at most 1.5 times the same without a proof."""
        return self.ratio <= GOAL


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """What was measured."""

    message: float
    """A plain question and its answer, processor seconds."""
    decision: Compared
    """A press; with a proof, the press that opens the dialog and the code."""
    reading: Compared
    """The question and opening the page; with a proof, the question and the code on the page."""
    rounds: int


@dataclass(kw_only=True)
class _Lane:
    """One world, and what its messages took."""

    here: World
    proven: bool
    times: dict[str, list[float]] = field(default_factory=dict)

    async def timed(self, what: str, work: Awaitable[object]) -> None:
        before = time.process_time()
        await work
        self.times.setdefault(what, []).append(time.process_time() - before)

    def counted(self, what: str, each: int = 1) -> list[float]:
        return self.times[what][WARMING * each :]


async def step_up_cost(directory: Path, rounds: int = ROUNDS) -> StepUp:
    """Ask, refuse and read in both worlds in turns."""
    async with AsyncExitStack() as stack:
        lanes = [await _lane(stack, directory, proven=proven) for proven in (False, True)]
        for number in range(rounds + WARMING):
            # Whoever goes first finds the processor's caches as the other left them: each does so every other time.
            for lane in lanes if number % 2 else reversed(lanes):
                await _round(lane, FIRST_MONDAY + timedelta(weeks=number))
    plain, proven = lanes
    opened = [asked + read for asked, read in zip(plain.counted("sheet"), plain.counted("opened"), strict=True)]
    return StepUp(
        message=statistics.median(proven.counted("message", 3)),
        decision=_compared(plain.counted("done"), proven.counted("asked"), proven.counted("done")),
        reading=_compared(opened, proven.counted("sheet"), proven.counted("opened")),
        rounds=rounds,
    )


def _compared(plain: list[float], asked: list[float], code: list[float]) -> Compared:
    ratios = [(first + second) / without for first, second, without in zip(asked, code, plain, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Compared(
        plain=statistics.median(plain),
        asked=statistics.median(asked),
        code=statistics.median(code),
        ratio=statistics.median(ratios),
        quartiles=(low, high),
        code_ratio=statistics.median([second / without for second, without in zip(code, plain, strict=True)]),
    )


async def _lane(stack: AsyncExitStack, directory: Path, *, proven: bool) -> _Lane:
    directory = await asyncio.to_thread(_made, directory / f"step-up-{proven}")
    policies = POLICIES if proven else await asyncio.to_thread(_unproven, directory)
    # What is served refuses such policies (`load`); measured beside them, they are taken as they are.
    engine = CedarEngine(read_sources(policies))
    here = await stack.enter_async_context(world(directory, FixedClock(START), engine=engine))
    for name in ("john", "mia"):
        await here.sign_in(name)
    await here.enrol("mia")
    return _Lane(here=here, proven=proven)


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _unproven(directory: Path) -> Path:
    """Those in force, without the proof before a manager's decision and before one's own payslip."""
    copied = Path(shutil.copytree(POLICIES, directory / "policies"))
    [file] = copied.glob("*hr.cedar")
    text = file.read_text(encoding="utf-8")
    for policy in (DECISION, PAYSLIP):
        text, found = policy.subn(lambda match: match[1] + PROOF.sub("", match[2]), text)
        assert found == 1, "the policy that is measured is written differently now"
    file.write_text(text, encoding="utf-8")
    return copied


async def _round(lane: _Lane, day: date) -> None:
    here = lane.here
    # After a refusal nobody is asked the like for an hour.
    here.clock.advance(timedelta(minutes=65))
    for name in ("john", "mia"):
        await here.sign_in(name)
    for _ in range(3):
        await lane.timed("message", here.say("mia", "balance"))
    await here.say("john", f"I'd like to take {day:%-d %B %Y} off")
    await here.press("john", here.last("john"), "Send request")
    wanted = here.last("mia", "Leave for John")
    if lane.proven:
        await lane.timed("asked", here.press("mia", wanted, "Refuse"))
        await lane.timed("done", here.submit_code("mia", here.code("mia")))
    else:
        await lane.timed("done", _pressed_alone(here, "mia", wanted, "Refuse"))
    assert "Refused by Mia" in here.last("mia", "Leave for John").text
    here.clock.advance(timedelta(minutes=2))
    await lane.timed("sheet", here.say("mia", "payslip"))
    page = url_in(here.last("mia"))
    read = here.prove_on_page("mia", page) if lane.proven else _confirmed_on_page(here, "mia", page)
    await lane.timed("opened", _opened(read))


async def _pressed_alone(here: World, name: str, card: Posted, label: str) -> None:
    """Where no code is asked for there is no dialog either: the answer is posted, as the code's is."""
    press = here.message(name, EventKind.PRESS, handle=card.button(label).handle, place=card.place, source=card.id)
    await here.core.ingress.accept(press)
    await here.core.ingress.drain(SETTLE_SECONDS)


async def _opened(read: Awaitable[object]) -> None:
    assert getattr(await read, "continue_path", None), "the sheet is there to be opened"


async def _confirmed_on_page(here: World, name: str, page: str) -> object:
    """What the consent page does where policy asks for no proof: the press on it, then on with what it shows."""
    handle, now = page.rpartition("/")[2], here.clock.now()

    def work(tx: Transaction) -> IncomingMessage:
        found = tx.interactions.find(handle, now=now)
        assert found is not None
        proposal = tx.proposals.find(str(found.payload["proposal"]))
        assert proposal is not None
        tx.proposals.confirm(proposal.id)
        return here.message(name, EventKind.RESUME, place=proposal.place, fields={"proposal": proposal.id})

    return await here.core.ingress.resume(await here.database.write(work))


def step_up_lines(found: StepUp) -> list[str]:
    """For people, and for Markdown: the goal is press and code together over the same without a proof."""
    decision = _line("a decision on leave", "the press", found.decision)
    reading = _line("one's own payslip on the page", "the question", found.reading)
    times = (found.decision.asked + found.decision.code) / found.message
    beside = (
        f"- A plain question and its answer takes {_ms(found.message)} ms beside them: press and code of that decision "
        f"together are {times:.1f} times as much."
    )
    began = f"- A TOTP step-up, {found.rounds} rounds in turns, CPU without the chat platform's part:"
    return [f"{began} {decision}", f"- The same for a reading: {reading}", beside]


def _line(what: str, first: str, found: Compared) -> str:
    low, high = found.quartiles
    return (
        f"{what} {_ms(found.plain)} ms without a proof; with one, {first} {_ms(found.asked)} ms and the code "
        f"{_ms(found.code)} ms ({found.code_ratio:.2f}), together {found.ratio:.2f} times (quartiles {low:.2f} to "
        f"{high:.2f}; goal: {GOAL}): {'REACHED' if found.reached else 'MISSED'}."
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def _main(rounds: Annotated[int, typer.Option(min=2, max=60, help="Rounds that count: a week each.")] = ROUNDS) -> None:
    """Measure a step-up alone."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as temporary:
        found = uvloop.run(step_up_cost(Path(temporary), rounds))
    typer.echo("\n".join(step_up_lines(found)))


if __name__ == "__main__":
    typer.run(_main)
