"""`python -m tests.bench`: what a guarded message costs beside Bolt's own ways; a table on stdout, talk on stderr."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.bench.candidates import CANDIDATES
from tests.bench.flood import flood
from tests.bench.hostile import in_own_process
from tests.bench.hung import slack_while_hung
from tests.bench.measure import Measurement, Plan, measure
from tests.bench.report import Extras, plain, table, write
from tests.bench.sessions import session_costs
from tests.bench.start import demo_start
from tests.bench.step_up import step_up_cost
from tests.bench.teams import teams_costs
from tests.bench.use_bot import use_bot_cost

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
CONCURRENCIES = (1, 16)


@app.command()
def bench(
    rounds: Annotated[int, typer.Option(help="Blocks of each candidate at each concurrency.")] = 12,
    block: Annotated[int, typer.Option(help="Requests a block.")] = 200,
    only: Annotated[list[str] | None, typer.Option(help="Only these candidates; may be repeated.")] = None,
    extras: Annotated[bool, typer.Option(help="Measure the demo's start, a step-up, sessions and Teams too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
    write_to_docs: Annotated[bool, typer.Option("--write", help="Write docs/bench.md.")] = False,
) -> None:
    """Measure."""
    # Data alone goes to stdout; what the core has to say is not what is measured here.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    plan = Plan(names=tuple(only or CANDIDATES), concurrencies=CONCURRENCIES, rounds=rounds, block=block)
    total = len(plan.names) * (1 + rounds * len(CONCURRENCIES)) + (8 if extras else 0)
    columns = (TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=total, completed=-1)

        def progress(what: str) -> None:
            bar.update(task, description=what, advance=1)

        measurement, found = _run(plan, progress, extras=extras)
        bar.update(task, completed=total)
    if write_to_docs:
        write(measurement, found)
    typer.echo(json.dumps(plain(measurement, found)) if as_json else table(measurement, found))


def _run(plan: Plan, progress: Callable[[str], None], *, extras: bool) -> tuple[Measurement, Extras | None]:
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as temporary:
        directory = Path(temporary)
        measurement = uvloop.run(measure(plan, directory, progress))
        if not extras:
            return measurement, None
        progress("a step-up")
        step_up = uvloop.run(step_up_cost(directory))
        progress("whether somebody may use the bot")
        use_bot = uvloop.run(use_bot_cost(directory))
        progress("sessions, a million of them")
        sessions = uvloop.run(session_costs(directory))
        progress("Slack with the HR system hung")
        hung = uvloop.run(slack_while_hung(directory))
        progress("oversized and crooked requests")
        hostile = in_own_process()
        progress("one person's flood")
        flooded = uvloop.run(flood(directory))
        progress("turns on Teams")
        teams = uvloop.run(teams_costs(directory))
        progress("the demo's start")
        return measurement, Extras(
            start=demo_start(),
            step_up=step_up,
            sessions=sessions,
            slack_while_hung=hung,
            hostile=hostile,
            flooded=flooded,
            teams=teams,
            use_bot=use_bot,
        )


if __name__ == "__main__":
    app()
