"""Runs the web server: one process serves everything."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from bot.bootstrap.refusals import refuse_real_parts
from bot.bootstrap.waiting import WaitingForKeys
from bot.errors import KeysUnavailable, Misconfigured
from bot.settings.tree import Settings

DRAIN_SECONDS = 5


def run_demo(settings: Settings, *, port: int | None) -> None:
    """Run the demonstration until it is interrupted. Raises `Misconfigured`."""
    wanted = settings.port if port is None else port
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run_demo(settings, wanted))


async def _run_demo(settings: Settings, port: int) -> None:
    from bot.bootstrap.demo import address, demo  # noqa: PLC0415 - serving never imports the playground

    refuse_real_parts(settings)
    with listen("127.0.0.1", port) as listener:
        taken = listener.getsockname()[1]
        ready = f"Doorward is ready at {address(taken)}"
        async with demo(settings, port=taken) as running:
            await serve(running.app, listener, ready, before_exit=running.hub.close)


def run_serve(settings: Settings) -> None:
    """Serve until it is interrupted. Raises `Misconfigured`."""
    import uvloop  # noqa: PLC0415 - the demo does without

    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run_serve(settings))


async def _run_serve(settings: Settings) -> None:
    from bot.bootstrap.production import running  # noqa: PLC0415 - the demo needs none of it

    @asynccontextmanager
    async def started() -> AsyncIterator[ASGIApp]:
        async with running(settings) as doorward:
            yield doorward.app

    ready = f"Doorward is ready at {settings.public_url}"
    async with AsyncExitStack() as stack:
        try:
            app = await stack.enter_async_context(started())
        except KeysUnavailable as away:
            waiting = WaitingForKeys(started)
            sys.stderr.write(f"doorward: {away.detail}; nothing is served until it does, and /readyz says so\n")
        else:
            with listen(settings.host, settings.port) as listener:
                await serve(app, listener, ready)
            return
    with listen(settings.host, settings.port) as listener:
        await _serve_when_there_are_keys(waiting, listener, ready)


async def _serve_when_there_are_keys(waiting: WaitingForKeys, listener: socket.socket, ready: str) -> None:
    """Serve the refusals, then Doorward. Raises what keeps it from starting for good, which ends the refusals too."""
    serving = asyncio.create_task(serve(waiting, listener, "Doorward waits for its keys"))
    starting = asyncio.create_task(waiting.run(lambda: print(ready, flush=True)))  # noqa: T201 - as below
    try:
        await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.stop()
        if starting.done():
            serving.cancel()
        await asyncio.gather(serving, starting, return_exceptions=True)
    starting.result()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `Misconfigured` where the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"port {port} on {host} is taken ({error.strerror}): end what listens there, or choose another with --port"
        ) from None
    listener.listen(2048)
    return listener


class _Server(uvicorn.Server):
    """Says when it is ready, and ends what would keep connections open before it waits for them."""

    def __init__(self, config: uvicorn.Config, ready: str, before_exit: object) -> None:
        super().__init__(config)
        self._ready = ready
        self._before_exit = before_exit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so on stdout."""
        await super().startup(sockets)
        print(self._ready, flush=True)  # noqa: T201 - the one line the outside waits for
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end serving, and nothing more: uvicorn would raise them again, and what stands round the
        server would not get to close.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self.handle_exit, name, None)
        try:
            yield
        finally:
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(name)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams first: they never end by themselves."""
        if callable(self._before_exit):
            self._before_exit()
        await super().shutdown(sockets)


async def serve(app: ASGIApp, listener: socket.socket, ready: str, *, before_exit: object = None) -> None:
    """Serve until SIGINT or SIGTERM, then drain."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=DRAIN_SECONDS, server_header=False
    )
    await _Server(config, ready, before_exit).serve(sockets=[listener])
