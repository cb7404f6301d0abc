"""What the campaigns measured, put between marks into `docs/reliability.md` when they ran at full counts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
FULL = os.environ.get("DOORWARD_TEST_PROFILE") == "chaos"
"""Whether this is `make chaos`."""


def show(lines: Sequence[tuple[str, object]]) -> None:
    """The same for whoever runs it, with `-s`."""
    print(*(f"{what}: {value}" for what, value in lines), sep="\n")  # noqa: T201 - what is asked for


def write(name: str, lines: Sequence[tuple[str, object]]) -> None:
    """Replace what stands between the marks of this campaign, where it ran at full counts."""
    if not FULL:
        return
    text, start, end = PAGE.read_text(encoding="utf-8"), f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = text.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{PAGE.name} has no marks for {name}")
    table = "\n".join(("| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in lines)))
    PAGE.write_text(f"{before}{start}\n\n{_where()}\n\n{table}\n\n{end}{after}", encoding="utf-8")


def keep(folder: Path, name: str, found: object) -> None:
    """What a campaign found, for whoever looks into one that is red."""
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")


def _where() -> str:
    now = datetime.now(UTC)
    return (
        f"Commit {_git('rev-parse', '--short', 'HEAD')}, {now.day} {now:%B %Y}, {now:%H:%M} UTC. {platform.system()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, Python {platform.python_version()}, "
        f"slack-bolt {version('slack-bolt')}, SQLAlchemy {version('SQLAlchemy')}."
    )


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - the developer's own
    return done.stdout.strip() or "unknown"
