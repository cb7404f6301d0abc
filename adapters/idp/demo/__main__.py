"""The demo provider's process: serves Canaille on a socket it is given, and obeys its parent on standard input.

Protocol: the first line in is the configuration; the first line out is `{"ready": true}`; afterwards each line in is
`{"command": …, …}` and each gets one line out, `{"ok": true}` or `{"ok": false, "error": …}`. End of input ends the
process, so it cannot outlive whoever started it.
"""

from __future__ import annotations

import json
import sys
from threading import Thread
from typing import Any, TextIO

from werkzeug.serving import WSGIRequestHandler, make_server

from adapters.idp.demo.application import DemoApplication
from adapters.idp.demo.clock import DemoClock
from adapters.idp.demo.configuration import ChildConfiguration


class _Quiet(WSGIRequestHandler):
    """No access log: authorization requests carry state and nonce."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing is written."""


def obey(application: DemoApplication, clock: DemoClock, order: dict[str, Any]) -> None:
    """Carry out one command; raises KeyError, TypeError or ValueError for one that makes no sense."""
    match order:
        case {"command": "disable", "username": str(username)}:
            application.disable(username)
        case {"command": "enable", "username": str(username)}:
            application.enable(username)
        case {"command": "change", "username": str(username), "fields": dict(fields)}:
            application.change(username, **fields)
        case {"command": "advance", "seconds": int() | float() as seconds}:
            clock.advance(seconds)
        case _:
            raise ValueError("unknown command")


def answer(application: DemoApplication, clock: DemoClock, line: str) -> dict[str, Any]:
    """What one line gets in return; never raises for a bad one."""
    try:
        obey(application, clock, json.loads(line))
    except (KeyError, TypeError, ValueError) as refused:
        return {"ok": False, "error": f"{type(refused).__name__}: {refused}"}
    return {"ok": True}


def main(orders: TextIO, answers: TextIO) -> None:
    """Serve until the parent closes our standard input."""
    configuration = ChildConfiguration.from_line(orders.readline())
    clock = DemoClock()
    if configuration.ahead_seconds:
        clock.advance(configuration.ahead_seconds)
    application = DemoApplication(configuration)
    server = make_server(
        configuration.host,
        configuration.port,
        application,
        threaded=True,
        request_handler=_Quiet,
        fd=configuration.listening_fd,
    )
    Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in orders:
        print(json.dumps(answer(application, clock, line)), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
