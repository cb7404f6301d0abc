"""What every verb of the shell shares: its options, and how it says that something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, NoReturn

import typer

from bot.errors import DoorwardError, IntegrityAlarm

Group = partial(typer.Typer, no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]


def fail(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong on stderr, and stop."""
    for line in message.splitlines():
        typer.echo(f"doorward: {line}", err=True)
    raise typer.Exit(code)


@contextmanager
def telling() -> Iterator[None]:
    """Turn our errors into a sentence and a status: 1 for something that is wrong, 2 for what could not be done."""
    try:
        yield
    except IntegrityAlarm as alarm:
        fail(alarm.detail or alarm.code, code=1)
    except DoorwardError as error:
        fail(error.detail or error.code)


def now() -> datetime:
    """The machine's clock, read once a verb."""
    return datetime.now(UTC)
