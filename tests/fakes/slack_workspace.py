"""A Slack workspace with one app installed: people, channels, messages, dialogs, and the Web API over them."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.read_out import unread_on_slack
from tests.fakes.slack_limits import Json, Refused, check_blocks, checked_home, checked_view
from tests.fakes.slack_oauth import SlackOAuthSide
from tests.fakes.slack_openid import SlackOpenId
from tests.fakes.slack_scopes import EMAIL, SCOPE_OF_METHOD
from tests.fakes.slack_socket import SlackSocket

_SNAKE = re.compile(r"([A-Z])")

APP_TOKEN = "xapp-made-up-for-tests"
TEAM, APP, BOT_USER, BOT_ID = "T0COMPANY", "A0DOORWARD", "U0DOORWARD", "B0DOORWARD"
MANIFEST = json.loads((Path(__file__).parents[2] / "manifest.json").read_text(encoding="utf-8"))
BOT_TOKEN = "xoxb-made-up-for-tests"
TRIGGER_SECONDS = 3
RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 1800


@dataclass
class Message:
    """A message on Slack."""

    channel: str
    ts: str
    text: str
    blocks: list[Json]
    thread_ts: str | None = None
    ephemeral_for: str | None = None
    edits: int = 0
    metadata: Json | None = None

    def buttons(self) -> list[Json]:
        """The buttons, in order."""
        return [e for block in self.blocks if block["type"] == "actions" for e in block["elements"]]


@dataclass
class View:
    """An open dialog."""

    id: str
    user: str
    content: Json
    hash: str = "0"
    open: bool = True


@dataclass
class Trigger:
    """What a dialog is opened with, once."""

    user: str
    at: datetime
    used: bool = False


@dataclass
class ResponseUrl:
    """An address to answer a press or command at, five times."""

    channel: str
    user: str
    at: datetime
    uses: int = 0


@dataclass
class Workspace:
    """What there is on Slack."""

    now: Callable[[], datetime]
    base_url: str = ""
    people: dict[str, Json] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    messages: list[Message] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    _failures: dict[str, list[Response]] = field(default_factory=lambda: defaultdict(list))
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    homes: dict[str, Json] = field(default_factory=dict)
    """What stands on the app's home page, by person."""
    prompts: dict[str, Json] = field(default_factory=dict)
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)
    """What threads show below their last message, until the app posts there."""
    """What is suggested, by conversation."""
    agent: bool = True
    """Whether the app has `agent_view`; else the older `assistant_view`, whose calls name a thread."""
    spoken_with: list[str] = field(default_factory=list)
    """The tokens of the calls, in order."""
    unread: list[str] = field(default_factory=list)
    """What was shown and is not read out to whoever does not see it."""
    by_hand: bool = True
    """Whether `BOT_TOKEN` is good: the app was installed without us."""
    openid: SlackOpenId = field(init=False)
    oauth: SlackOAuthSide = field(init=False)
    socket: SlackSocket = field(init=False)
    scopes: set[str] = field(default_factory=lambda: set(MANIFEST["oauth_config"]["scopes"]["bot"]))
    """What the app was granted when it was installed; calls that take more are refused."""
    app_scopes: set[str] = field(default_factory=lambda: {"connections:write"})
    """Of the app-level token."""

    def __post_init__(self) -> None:
        self.openid = SlackOpenId(now=self.now, people=self.people)
        self.oauth = SlackOAuthSide(now=self.now)
        self.socket = SlackSocket(lambda: self.base_url)

    # -- the workspace

    def join(self, account: str, **profile: Any) -> str:
        """A person of this workspace; `profile` overrides what `users.info` says."""
        person = {"id": account, "team_id": TEAM, "name": account.lower(), "is_email_confirmed": True}
        marks = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")
        self.people[account] = person | dict.fromkeys(marks, False) | profile
        self.members[self.direct(account)] = {account, BOT_USER}
        return account

    def channel(self, name: str, *accounts: str, bot: bool = True) -> str:
        """A channel with these people in it."""
        self.members[name] = set(accounts) | ({BOT_USER} if bot else set())
        return name

    def direct(self, account: str) -> str:
        """The direct conversation of a person with the app."""
        return f"D{account[1:]}"

    def seen_by(self, account: str) -> list[Message]:
        """Every message this person can see."""
        return [
            m
            for m in self.messages
            if account in self.members[m.channel] and (m.ephemeral_for is None or m.ephemeral_for == account)
        ]

    def fail_next(self, method: str, status: int, body: Json | None = None, **headers: str) -> None:
        """Let the next call of a method fail."""
        answer = JSONResponse(body or {"ok": False, "error": "ratelimited"}, status, headers={**headers})
        self._failures[method].append(answer)

    def called(self, method: str) -> list[Json]:
        """What a method was called with."""
        return [arguments for name, arguments in self.calls if name == method]

    # -- the Web API

    def application(self) -> Starlette:
        """The HTTP side."""
        return Starlette(
            routes=[
                Route("/api/{method}", self._api, methods=["POST"]),
                Route("/respond/{name}", self._respond, methods=["POST"]),
                *self.openid.routes(),
                *self.socket.routes(),
            ]
        )

    async def _api(self, request: Request) -> Response:
        method = request.path_params["method"]
        arguments = await _arguments(request)
        self.calls.append((method, arguments))
        if self._failures[method]:
            return self._failures[method].pop(0)
        handler = getattr(self, "_" + _SNAKE.sub(r"_\1", method.replace(".", "_")).lower(), None)
        try:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            self.spoken_with.append(token)
            if method not in _UNAUTHENTICATED and not self.accepts(method, token):
                raise Refused(self._refusal(method, token))
            if handler is None:
                raise Refused("unknown_method")
            if method not in _UNAUTHENTICATED and SCOPE_OF_METHOD[method] not in {None, *self.scopes}:
                raise Refused("missing_scope")
            return JSONResponse({"ok": True} | handler(arguments), headers={"x-oauth-scopes": ",".join(self.scopes)})
        except Refused as refusal:
            return JSONResponse({"ok": False, "error": str(refusal)})

    async def _respond(self, request: Request) -> Response:
        entry = self.response_urls.get(request.path_params["name"])
        late = entry is None or self.now() - entry.at > timedelta(seconds=RESPONSE_URL_SECONDS)
        if entry is None or late or entry.uses >= RESPONSE_URL_USES:
            return Response("used_url", 404)
        entry.uses += 1
        body = await request.json()
        check_blocks(body.get("blocks", []), 50)
        private = None if body.get("response_type") == "in_channel" else entry.user
        self._store(entry.channel, body, ephemeral_for=private)
        return Response("ok")

    def accepts(self, method: str, token: str) -> bool:
        """Whether a token is good for a method."""
        if method == "apps.connections.open":
            return token == APP_TOKEN
        return (self.by_hand and token == BOT_TOKEN) or self.oauth.team_of(token) is not None

    def _refusal(self, method: str, token: str) -> str:
        if not token:
            return "not_authed"
        if token.startswith("xapp-") is not (method == "apps.connections.open"):
            return "not_allowed_token_type"
        return "token_expired" if token in self.oauth.tokens else "invalid_auth"

    def _apps_connections_open(self, arguments: Json) -> Json:
        if "connections:write" not in self.app_scopes:
            raise Refused("missing_scope")
        return {"url": self.socket.ticket()}

    def _views_publish(self, arguments: Json) -> Json:
        if arguments.get("user_id") not in self.people:
            raise Refused("user_not_found")
        self.homes[arguments["user_id"]] = checked_home(arguments.get("view"))
        return {"view": {"id": f"V{next(self.numbers):06}"}}

    def _assistant_threads_set_suggested_prompts(self, arguments: Json) -> Json:
        channel, prompts = self._reachable(str(arguments.get("channel_id"))), arguments.get("prompts")
        if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
            raise Refused("invalid_arguments")
        if not all(prompt.get("title") and prompt.get("message") for prompt in prompts):
            raise Refused("invalid_arguments")
        if self.agent != ("thread_ts" in arguments):  # an agent's call that names a thread fails silently
            self.prompts[channel] = arguments
        return {}

    def _assistant_threads_set_status(self, arguments: Json) -> Json:
        self._reachable(str(arguments.get("channel_id")))
        if not arguments.get("thread_ts") or "status" not in arguments:
            raise Refused("invalid_arguments")
        self.statuses[arguments["channel_id"], arguments["thread_ts"]] = arguments["status"]
        return {}

    def _auth_test(self, arguments: Json) -> Json:
        return {"team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID, "team": "company"}

    def _users_info(self, arguments: Json) -> Json:
        if arguments.get("user") not in self.people:
            raise Refused("user_not_found")
        person = self.people[arguments["user"]]
        if EMAIL not in self.scopes and isinstance(person.get("profile"), dict):
            told = {name: value for name, value in person["profile"].items() if name != "email"}
            person = person | {"profile": told}
        return {"user": person}

    def _conversations_open(self, arguments: Json) -> Json:
        if arguments.get("users") not in self.people:
            raise Refused("user_not_found")
        return {"channel": {"id": self.direct(arguments["users"])}}

    def _conversations_history(self, arguments: Json) -> Json:
        return {"messages": self._history(arguments, lambda message: True)}

    def _conversations_replies(self, arguments: Json) -> Json:
        thread = arguments.get("ts")
        return {"messages": self._history(arguments, lambda message: thread in (message.thread_ts, message.ts))}

    def _history(self, arguments: Json, belongs: Callable[[Message], bool]) -> list[Json]:
        """Newest first; of a direct conversation only, as the scopes are."""
        channel = self._reachable(str(arguments.get("channel")))
        if not channel.startswith("D"):
            raise Refused("missing_scope")
        here = [m for m in self.messages if m.channel == channel and m.ephemeral_for is None and belongs(m)]
        shown = [{"ts": m.ts, "text": m.text} | ({"metadata": m.metadata} if m.metadata else {}) for m in here]
        if str(arguments.get("include_all_metadata")).lower() not in {"1", "true"}:
            shown = [{key: one[key] for key in ("ts", "text")} for one in shown]
        return shown[::-1][: int(arguments.get("limit", 100))]

    def _chat_post_message(self, arguments: Json) -> Json:
        channel = str(arguments.get("channel"))
        if channel in self.people:
            channel = self.direct(channel)
        message = self._store(self._reachable(channel), arguments)
        return {"channel": channel, "ts": message.ts, "message": {"text": message.text}}

    def _chat_post_ephemeral(self, arguments: Json) -> Json:
        channel = self._reachable(str(arguments.get("channel")))
        if arguments.get("user") not in self.members[channel]:
            raise Refused("user_not_in_channel")
        return {"message_ts": self._store(channel, arguments, ephemeral_for=arguments["user"]).ts}

    def _chat_delete(self, arguments: Json) -> Json:
        found = [m for m in self.messages if m.channel == arguments.get("channel") and m.ts == arguments.get("ts")]
        if not found or found[0].ephemeral_for:
            raise Refused("message_not_found")
        self.messages.remove(found[0])
        return {"channel": found[0].channel, "ts": found[0].ts}

    def _chat_update(self, arguments: Json) -> Json:
        found = [m for m in self.messages if m.channel == arguments.get("channel") and m.ts == arguments.get("ts")]
        if not found or found[0].ephemeral_for:
            raise Refused("message_not_found")
        check_blocks(arguments.get("blocks", []), 50)
        self.unread += unread_on_slack(arguments)
        found[0].text, found[0].blocks = arguments.get("text", ""), arguments.get("blocks", [])
        found[0].edits += 1
        return {"channel": found[0].channel, "ts": found[0].ts}

    def _views_open(self, arguments: Json) -> Json:
        trigger = self.triggers.get(str(arguments.get("trigger_id")))
        if trigger is None:
            raise Refused("invalid_trigger_id")
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if self.now() - trigger.at > timedelta(seconds=TRIGGER_SECONDS):
            raise Refused("expired_trigger_id")
        content = checked_view(arguments.get("view"))
        name = content.get("external_id")
        if name and any(view.content.get("external_id") == name for view in self.views.values()):
            raise Refused("duplicate_external_id")
        trigger.used = True
        view = View(id=f"V{next(self.numbers):06}", user=trigger.user, content=content)
        self.views[view.id] = view
        return {"view": {"id": view.id, "hash": view.hash}}

    def _views_update(self, arguments: Json) -> Json:
        name, view_id = arguments.get("external_id"), arguments.get("view_id")
        found = [
            view
            for view in self.views.values()
            if view.open and (view.id == view_id or (name and view.content.get("external_id") == name))
        ]
        if not found:
            raise Refused("not_found")
        content = checked_view(arguments.get("view"))
        found[0].content, found[0].hash = content, str(next(self.numbers))
        return {"view": {"id": found[0].id, "hash": found[0].hash}}

    def _oauth_v2_access(self, arguments: Json) -> Json:
        return self.oauth.access(arguments)

    def _auth_revoke(self, arguments: Json) -> Json:
        self.oauth.revoke(self.spoken_with[-1])
        return {"revoked": True}

    def _openid_connect_token(self, arguments: Json) -> Json:
        return self.openid.redeem(arguments)

    def _reachable(self, channel: str) -> str:
        if channel not in self.members:
            raise Refused("channel_not_found")
        if BOT_USER not in self.members[channel]:
            raise Refused("not_in_channel")
        return channel

    def _store(self, channel: str, content: Json, ephemeral_for: str | None = None) -> Message:
        if not content.get("text") and not content.get("blocks"):
            raise Refused("no_text")
        if len(content.get("text", "")) > 40_000:
            raise Refused("msg_too_long")
        check_blocks(content.get("blocks", []), 50)
        self.statuses.pop((channel, content.get("thread_ts") or ""), None)
        message = Message(
            channel=channel,
            ts=f"{int(self.now().timestamp())}.{next(self.numbers):06}",
            text=content.get("text", ""),
            blocks=content.get("blocks", []),
            thread_ts=content.get("thread_ts"),
            ephemeral_for=ephemeral_for,
            metadata=_checked_metadata(content.get("metadata")),
        )
        self.messages.append(message)
        return message


_UNAUTHENTICATED = {"oauth.v2.access", "openid.connect.token"}


def _checked_metadata(metadata: Any) -> Json | None:
    if metadata is None:
        return None
    if not metadata.get("event_type") or not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    return dict(metadata)


async def _arguments(request: Request) -> Json:
    if request.headers.get("content-type", "").startswith("application/json"):
        return dict(await request.json())
    return dict(request.query_params) | dict(await request.form())
