"""A stateful Slack on loopback: a workspace behind its Web API, and the side that signs and sends to the app."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlencode

import uvicorn
from uvicorn.server import ServerState

from tests.fakes.slack_limits import Json, checked_view
from tests.fakes.slack_workspace import APP, BOT_USER, TEAM, Message, ResponseUrl, Trigger, View, Workspace

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


class Sender(Protocol):
    """An HTTP client bound to the app."""

    async def post(self, path: str, *, content: bytes, headers: dict[str, str]) -> Any: ...


class FakeSlack(Workspace):
    """The workspace, and what Slack sends for it."""

    def event(self, event: Json, **envelope: Any) -> Json:
        """An Events API envelope."""
        return {
            "token": "unused",
            "team_id": TEAM,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{next(self.numbers):08}",
            "event_time": int(self.now().timestamp()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM,
                    "user_id": BOT_USER,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
        } | envelope

    def typed(self, account: str, text: str, **changes: Any) -> Json:
        """Somebody types in their direct conversation."""
        stamp = f"{int(self.now().timestamp())}.{next(self.numbers):06}"
        return self.event(
            {
                "type": "message",
                "channel_type": "im",
                "channel": self.direct(account),
                "user": account,
                "team": TEAM,
                "text": text,
                "ts": stamp,
                "client_msg_id": f"m-{stamp}",
            }
            | changes
        )

    def mentioned(self, account: str, channel: str, text: str, **changes: Any) -> Json:
        """Somebody mentions the app in a channel."""
        stamp = f"{int(self.now().timestamp())}.{next(self.numbers):06}"
        body = {"type": "app_mention", "channel": channel, "user": account, "team": TEAM, "ts": stamp}
        return self.event(body | {"text": f"<@{BOT_USER}> {text}"} | changes)

    def command(self, account: str, text: str, channel: str | None = None, **changes: str) -> Json:
        """Somebody types a slash command; the fields of its form."""
        channel = channel or self.direct(account)
        return {
            "token": "unused",
            "team_id": TEAM,
            "team_domain": "company",
            "channel_id": channel,
            "channel_name": "directmessage" if channel.startswith("D") else "general",
            "user_id": account,
            "user_name": account.lower(),
            "command": "/doorward",
            "text": text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self.response_url(channel, account),
            "trigger_id": self.trigger(account),
        } | changes

    def press(self, account: str, message: Message, label: str, **changes: Any) -> Json:
        """Somebody presses a button of a message they see."""
        if message not in self.seen_by(account):
            raise AssertionError("that person does not see this message")
        button = next(b for b in message.buttons() if b["text"]["text"] == label)
        action: Json = {"type": "button", "block_id": "b1", "action_ts": "1.1"}
        action |= {key: button[key] for key in ("action_id", "value", "text") if key in button}
        container: Json = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
        container |= {"is_ephemeral": message.ephemeral_for is not None}
        container |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
        return {
            "type": "block_actions",
            "user": {"id": account, "team_id": TEAM, "username": account.lower()},
            "api_app_id": APP,
            "container": container,
            "trigger_id": self.trigger(account),
            "team": {"id": TEAM, "domain": "company"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": message.channel, "name": "x"},
            "response_url": self.response_url(message.channel, account),
            "actions": [action],
        } | changes

    def submission(self, view: View, **values: str) -> Json:
        """Somebody submits a dialog, by the names of its fields."""
        inputs = {b["block_id"].partition(".")[2]: b for b in view.content["blocks"] if b["type"] == "input"}
        state = {
            block["block_id"]: {block["element"]["action_id"]: _entered(block["element"], name, values)}
            for name, block in inputs.items()
        }
        content: Json = {"id": view.id, "team_id": TEAM, "app_id": APP, "hash": view.hash, "type": "modal"}
        content |= {key: view.content.get(key) for key in ("callback_id", "private_metadata", "blocks", "external_id")}
        return {
            "type": "view_submission",
            "team": {"id": TEAM, "domain": "company"},
            "user": {"id": view.user, "team_id": TEAM},
            "api_app_id": APP,
            "token": "unused",
            "trigger_id": self.trigger(view.user),
            "view": content | {"state": {"values": state}},
            "response_urls": [],
            "is_enterprise_install": False,
            "enterprise": None,
        }

    def trigger(self, account: str) -> str:
        """A fresh trigger id."""
        name = f"{next(self.numbers)}.{next(self.numbers)}.trigger"
        self.triggers[name] = Trigger(account, self.now())
        return name

    def response_url(self, channel: str, account: str) -> str:
        """A fresh response address."""
        name = f"r{next(self.numbers)}"
        self.response_urls[name] = ResponseUrl(channel, account, self.now())
        return f"{self.base_url}/respond/{name}"

    def signed(self, body: bytes, content_type: str, *, at: datetime | None = None) -> dict[str, str]:
        """The headers that prove the bytes."""
        timestamp = str(int((at or self.now()).timestamp()))
        return {
            "content-type": content_type,
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": signature(body, timestamp),
        }

    def request(self, payload: Json) -> tuple[bytes, str]:
        """A payload as Slack sends it: events as JSON, commands as a form, interactions as JSON in a form."""
        if "command" in payload:
            return urlencode(payload).encode(), "application/x-www-form-urlencoded"
        if payload["type"] in {"event_callback", "url_verification"}:
            return json.dumps(payload).encode(), "application/json"
        return urlencode({"payload": json.dumps(payload)}).encode(), "application/x-www-form-urlencoded"

    async def send(self, client: Sender, payload: Json, **headers: str) -> Any:
        """Send once; a submitted dialog closes, stays or changes as answered."""
        body, content_type = self.request(payload)
        answer = await client.post("/slack/events", content=body, headers=self.signed(body, content_type) | headers)
        if payload.get("type") == "view_submission" and answer.status_code == 200:
            self._apply(self.views[payload["view"]["id"]], answer.content)
        return answer

    async def deliver(self, client: Sender, payload: Json, tries: int = 4) -> list[Any]:
        """Send an event until it is acknowledged, as often as Slack does."""
        answers: list[Any] = []
        for number in range(tries):
            retry = {"x-slack-retry-num": str(number), "x-slack-retry-reason": "http_error"} if number else {}
            answers.append(await self.send(client, payload, **retry))
            if 200 <= answers[-1].status_code < 300:
                break
        return answers

    def _apply(self, view: View, answer: bytes) -> None:
        body = json.loads(answer) if answer else {}
        match body.get("response_action"):
            case "errors":
                blocks = {b.get("block_id") for b in view.content["blocks"] if b["type"] == "input"}
                if not body["errors"] or not set(body["errors"]) <= blocks:
                    raise AssertionError("Slack: errors name no input block of the view")
            case "update":
                view.content = checked_view(body["view"])
            case _:
                view.open = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeSlack]:
        """Serve on loopback for a while: uvicorn's protocol without its server, whose ticks cost 0.2 s a test."""
        config = uvicorn.Config(self.application(), log_level="error", lifespan="off", ws="websockets-sansio")
        config.load()
        state = ServerState()
        http: Any = config.http_protocol_class
        protocol = partial(http, config=config, server_state=state, app_state={})
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
            assert self.unread == []
        finally:
            server.close()
            await self.socket.close()
            for connection in list(state.connections):
                connection.shutdown()
            await server.wait_closed()

    @property
    def api_base_url(self) -> str:
        """What the SDK is given."""
        return f"{self.base_url}/api/"


def signature(body: bytes, timestamp: str, secret: str = SIGNING_SECRET) -> str:
    """Slack's v0 signature."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def _entered(element: Json, name: str, values: Mapping[str, str]) -> Json:
    """What Slack sends of an input: ticked boxes by the value of their option, `values` naming them with commas."""
    if element["type"] == "datepicker":
        return {"type": "datepicker", "selected_date": values.get(name, element.get("initial_date"))}
    if element["type"] != "checkboxes":
        return {"type": element["type"], "value": values.get(name)}
    ticked = values.get(name.partition("~")[0], "").split(",")
    return {"type": "checkboxes", "selected_options": [o for o in element["options"] if o["value"] in ticked]}
