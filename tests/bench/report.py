"""The measurement as a table, as JSON, and as docs/bench.md."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.flood import Flooded
from tests.bench.flood import line as flood_line
from tests.bench.hostile import Hostile
from tests.bench.hostile import line as hostile_line
from tests.bench.hung import Acknowledged, line
from tests.bench.measure import Measured, Measurement
from tests.bench.sessions import ALL, EXPIRED, Sessions
from tests.bench.start import Start
from tests.bench.step_up import StepUp, step_up_lines
from tests.bench.teams import TeamsCosts
from tests.bench.teams import lines as teams_lines
from tests.bench.use_bot import UseBot

DOCUMENT = Path(__file__).parents[2] / "docs" / "bench.md"
MARK = "<!-- measured -->"
GOAL = 0.35
LABELS = {
    "bare": "Bolt, one workspace, token in memory",
    "store": "Bolt, SQLite installation store, uncached",
    "cached": "Bolt, the same, cached",
    "doorward": "**Doorward, guarded message**",
    "bare-one-session": "Bolt, one workspace, one HTTP session kept",
    "file-store": "Bolt, file installation store, uncached",
    "store-one-session": "Bolt, SQLite store uncached, one HTTP session kept",
}
HEADS = (
    "",
    "at a time",
    "CPU a request, ms (quartiles)",
    "answered p50 / p99, ms",
    "replied p50 / p99, ms",
    "Doorward's CPU over this",
)
VERSIONS = ("slack-bolt", "slack-sdk", "uvicorn", "uvloop", "cedarpy", "SQLAlchemy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What is measured beside the messages."""

    start: Start
    step_up: StepUp
    slack_while_hung: Acknowledged
    hostile: Hostile
    flooded: Flooded
    teams: TeamsCosts
    sessions: Sessions
    use_bot: UseBot


def plain(measurement: Measurement, extras: Extras | None) -> Mapping[str, object]:
    """For JSON."""
    return {
        "results": [asdict(result) for result in measurement.results],
        "ratios": [
            {"of": name, "concurrency": concurrency, "ratio": ratio}
            for (name, concurrency), ratio in measurement.ratios.items()
        ],
        "goal": GOAL,
        "extras": None if extras is None else asdict(extras),
    }


def table(measurement: Measurement, extras: Extras | None) -> str:
    """For people, and for Markdown."""
    lines = [
        f"| {' | '.join(HEADS)} |",
        f"|{'---|' * len(HEADS)}",
        *[_line(result, measurement) for result in measurement.results],
    ]
    if extras is not None:
        lines += ["", *_extras(extras)]
    return "\n".join(lines)


def _line(result: Measured, measurement: Measurement) -> str:
    ratio = measurement.ratios.get((result.name, result.concurrency))
    cells = (
        LABELS[result.name],
        str(result.concurrency),
        f"{_ms(result.cpu)} ({_ms(result.cpu_low)}–{_ms(result.cpu_high)})",
        " / ".join(_ms(seconds) for seconds in result.acknowledged),
        " / ".join(_ms(seconds) for seconds in result.replied),
        "" if ratio is None else f"{ratio:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def _extras(extras: Extras) -> list[str]:
    start = extras.start
    ready = (
        f"- Demo ready after {start.seconds:.1f} s (goal: 3 s); its process holds {start.memory >> 20} MiB "
        f"(goal: 200 MB), the provider beside it {start.provider_memory >> 20} MiB."
    )
    asked = extras.use_bot
    admitted = (
        f"- Asking policy on every message whether this person may use the bot at all makes it cost {asked.ratio:.2f} "
        f"times as much as if that were asked once: {_ms(asked.asked)} ms to {_ms(asked.unasked)} ms of CPU, the chat "
        "platform's part left out."
    )
    return [
        ready,
        *step_up_lines(extras.step_up),
        admitted,
        *_sessions(extras.sessions),
        line("Slack", extras.slack_while_hung),
        hostile_line(extras.hostile),
        flood_line(extras.flooded),
        "",
        *teams_lines(extras.teams),
    ]


def _sessions(sessions: Sessions) -> list[str]:
    times = sessions.swept_p99 / sessions.idle_p99
    check = (
        f"- A session check (link, person, session, roles, read and verified) takes {_ms(sessions.check)} ms, "
        f"a sealed token {_ms(sessions.token)} ms."
    )
    sweep = (
        f"- Ending {EXPIRED:,} expired among {ALL:,} sessions takes {sessions.sweep:.1f} s (goal: 2 s), "
        f"an empty sweep {_ms(sessions.empty)} ms (goal: 5 ms). Meanwhile a guarded message has a p99 of "
        f"{_ms(sessions.swept_p99)} ms, otherwise of {_ms(sessions.idle_p99)} ms: {times:.1f} times (goal: 3)."
    )
    late = f"- Revoked on one replica, used on the other: {sessions.late} of {sessions.tried} messages late (goal: 0)."
    return [check, late, sweep]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def write(measurement: Measurement, extras: Extras | None) -> None:
    """Put the measurement into docs/bench.md, below its mark; what stands above is written by hand."""
    above = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0] if DOCUMENT.exists() else "# Bench\n\n"
    body = f"{MARK}\n\n## Measured\n\n{_circumstances(measurement)}\n\n{table(measurement, extras)}\n"
    DOCUMENT.write_text(above + body, encoding="utf-8")


def _circumstances(measurement: Measurement) -> str:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        capture_output=True,
        check=True,
        text=True,
        cwd=DOCUMENT.parent,
    ).stdout.strip()
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    requests = {result.requests for result in measurement.results}
    return (
        f"Commit {commit}, {datetime.now(UTC):%d %B %Y}. {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions}. "
        f"{' and '.join(str(number) for number in sorted(requests))} requests each, in blocks that take turns. "
        f"Load average at the end: {os.getloadavg()[0]:.1f}."
    )
