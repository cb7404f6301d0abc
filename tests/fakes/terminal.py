"""Somebody at a terminal: a program on a pseudo-terminal, answered as soon as it asks."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fakes.patience import SETTLE_SECONDS

ROOT = Path(__file__).parents[2]
CTRL_C = "\x03"


def run_in_terminal(
    arguments: Sequence[str], environ: Mapping[str, str], answers: Sequence[str | socket.socket]
) -> tuple[int, str]:
    """The exit status of `python …` and all that was on the screen.

    An answer is typed once a line ends in a colon; a socket among them is waited at until the program calls it, and
    then Ctrl-C is pressed.
    """
    import pty  # noqa: PLC0415 - only here, and not on every system

    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it, and so would we
        ours = {"PYTHONPATH": str(ROOT), "TERM": "dumb"}
        os.execve(sys.executable, [sys.executable, *arguments], {**os.environ, **environ, **ours})  # noqa: S606
    shown, fresh = "", ""
    for answer in answers:
        if isinstance(answer, socket.socket):
            answer.settimeout(SETTLE_SECONDS)
            with answer.accept()[0]:
                os.write(terminal, CTRL_C.encode())
                fresh += _rest(terminal)
            break
        # Where echoing is off, it is off once the blank after the colon is there.
        while not fresh.rpartition("\n")[2].endswith(": "):
            if not (piece := _read(terminal)):
                raise AssertionError(f"it asks nothing more: {shown}{fresh}")
            fresh += piece
        shown, fresh = shown + fresh, ""
        os.write(terminal, answer.encode() if answer == CTRL_C else f"{answer}\n".encode())
    shown += fresh + _rest(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return status, shown


def _rest(terminal: int) -> str:
    shown = ""
    while piece := _read(terminal):
        shown += piece
    return shown


def _read(terminal: int) -> str:
    if not select.select([terminal], [], [], SETTLE_SECONDS)[0]:
        raise AssertionError("nothing comes from the program any more")
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # Linux says so when the other end is closed
        return ""
