"""What the shell prints: data on stdout as a table or as JSON, talk and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

Fields = Mapping[str, object]
Advance = Callable[[int, int | None], None]
"""Told how much is done, and of how much where that is known."""

_PIPE_COLUMNS = 100_000
"""Wide enough that nothing is wrapped or cut where no person reads along."""


def show(rows: Sequence[Fields], columns: Sequence[str], *, as_json: bool) -> None:
    """Rows as a table of these columns, or all they hold as one JSON array."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        talk("nothing found")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(row.get(column))) for column in columns))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")


def show_one(fields: Fields, *, as_json: bool) -> None:
    """One thing, a line a field, or as one JSON object."""
    if as_json:
        show_json(fields)
        return
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        sys.stdout.write(f"{name:{width}}  {harmless(value)}\n")


def show_parts(fields: Fields, *, as_json: bool) -> None:
    """One thing of several parts: what stands by itself, then each part under its name, indented."""
    if as_json:
        show_json(fields)
        return
    plain = {name: value for name, value in fields.items() if not isinstance(value, dict | list)}
    show_one(plain, as_json=False)
    for name, value in fields.items():
        if name not in plain:
            sys.stdout.write(f"\n{name}\n")
            _show_part(value)


def _show_part(value: object) -> None:
    parts = value if isinstance(value, list) else [value]
    for part in parts:
        if not isinstance(part, dict):
            sys.stdout.write(f"  {harmless(part)}\n")
        elif len(parts) > 1:
            told = " · ".join(f"{name} {harmless(one)}" for name, one in part.items() if one not in ("", None, []))
            sys.stdout.write(f"  {told}\n")
        else:
            width = max(len(name) for name in part)
            for name, one in part.items():
                sys.stdout.write(f"  {name:{width}}  {harmless(one)}\n")
    if not parts:
        sys.stdout.write("  none\n")


def show_json(value: object) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def talk(sentence: str) -> None:
    """Say something that is no data."""
    sys.stderr.write(f"{sentence}\n")


def harmless(value: object) -> str:
    """A value as text that cannot steer the terminal it is read on."""
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(harmless(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    said = "" if value is None else str(_plain(value) if isinstance(value, datetime) else value)
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in said)


def _plain(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


@contextmanager
def progress(title: str, unit: str) -> Iterator[Advance]:
    """A bar on stderr while something long runs; nothing where nobody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
