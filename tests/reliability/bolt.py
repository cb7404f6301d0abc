"""A bare Bolt app as its documentation has it, one process of two: every run of a handler is one line in a database.

`python -m tests.reliability.bolt` takes its port, Slack's address and the database from the environment.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import Any

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.slack_server import SIGNING_SECRET
from tests.fakes.slack_workspace import BOT_TOKEN


def made(api: str, database: str) -> Starlette:
    """The app: what comes in is done, and answered."""
    app = AsyncApp(signing_secret=SIGNING_SECRET, client=AsyncWebClient(base_url=api, token=BOT_TOKEN))

    def do(event: str) -> None:
        with closing(sqlite3.connect(database, timeout=30)) as raw, raw:
            raw.execute("INSERT INTO effects VALUES (?)", (event,))

    @app.event("message")
    async def message(body: dict[str, Any], say: Any) -> None:
        await asyncio.to_thread(do, body["event_id"])
        await say("Done.")

    @app.command("/doorward")
    async def command(ack: Any, body: dict[str, Any], say: Any) -> None:
        await ack()
        await asyncio.to_thread(do, body["trigger_id"])
        await say("Done.")

    @app.action("go")
    async def press(ack: Any, body: dict[str, Any], say: Any) -> None:
        await ack()
        await asyncio.to_thread(do, body["trigger_id"])
        await say("Done.")

    @app.view("form")
    async def submitted(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        await asyncio.to_thread(do, body["trigger_id"])
        await client.chat_postMessage(channel=body["user"]["id"], text="Done.")

    handler = AsyncSlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])


class _Server(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)  # noqa: T201 - what the test waits for


def main() -> None:
    """Serve until ended."""
    app = made(os.environ["BOLT_API"], os.environ["BOLT_DATABASE"])
    port = int(os.environ["DOORWARD_PORT"])
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)
    asyncio.run(_Server(config).serve())


if __name__ == "__main__":
    main()
