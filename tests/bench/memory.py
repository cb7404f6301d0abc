"""Resident memory of a process and of what it started, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")


def resident(pid: int) -> int:
    """Bytes."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """Processes that it started, and theirs; a child belongs to the thread that started it."""
    found = []
    for task in (PROC / str(pid) / "task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found
