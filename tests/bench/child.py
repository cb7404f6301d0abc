"""One candidate in a process of its own, on uvicorn: `python -m tests.bench.child NAME API DIRECTORY`.

Prints its port. `GET /bench` gives the processor time of the whole process so far (all threads, user and system) and
its resident memory; `GET /bench/profile` starts a profile, and a second one writes it to the directory.
"""

from __future__ import annotations

import asyncio
import cProfile
import os
import sys
import time
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.bootstrap.serving import listen
from tests.bench.candidates import CANDIDATES, Surroundings, hung
from tests.bench.hung import SLACK_HUNG
from tests.bench.memory import resident


def _measured(app: Starlette, directory: Path) -> Starlette:
    profiles = list[cProfile.Profile]()

    async def spent(request: Request) -> JSONResponse:
        return JSONResponse({"cpu": time.process_time(), "memory": resident(os.getpid())})

    async def profile(request: Request) -> JSONResponse:
        if profiles:
            profiles[0].disable()
            profiles.pop().dump_stats(directory / "profile.stats")
        else:
            profiles.append(cProfile.Profile())
            profiles[0].enable()
        return JSONResponse({})

    app.router.routes += [Route("/bench", spent), Route("/bench/profile", profile)]
    return app


async def _run(name: str, given: Surroundings) -> None:
    listener = listen("127.0.0.1", 0)
    if name in CANDIDATES:
        made = CANDIDATES[name]
    elif name == SLACK_HUNG:
        made = hung
    else:
        from tests.bench.teams_bots import TEAMS  # noqa: PLC0415 - Slack's candidates need not hold botbuilder

        made = TEAMS[name]
    async with made(given) as app:
        measured = _measured(app, given.directory)
        config = uvicorn.Config(
            measured,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=600,  # a candidate waits for its turn
        )
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - what the parent waits for
        await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    """Serve until ended."""
    name, api, directory = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(name, Surroundings(api, Path(directory))))


if __name__ == "__main__":
    main()
