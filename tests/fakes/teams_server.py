"""A stateful Teams on loopback: signing keys, tokens, conversations with their limits, and the half that sends."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.fakes.read_out import unread_in_dialog, unread_on_teams

APP_ID = "3f1c2f0a-8a5e-4c8f-9f7b-1c2d3e4f5a6b"
APP_PASSWORD = "made up for the tests"
BOT = f"28:{APP_ID}"
TENANT = "8e1b6f52-0a31-4a53-9d3c-6a6f0b1c2d3e"
GROUP = "5f0c2f5e-6b1d-4f0a-9a52-3d8f6f0f7a11"
FOREIGN_TENANT = "99999999-0a31-4a53-9d3c-6a6f0b1c2d3e"
ISSUER = "https://api.botframework.com"
MESSAGE_BYTES = 28 * 1024
VIEWERS_AT_MOST = 60
PAGE_AT_LEAST, PAGE_AT_MOST = 50, 500
TOKEN_SECONDS = 3600
MOVED = "/v1/.well-known/moved"
"""Sends whoever asks on to the keys."""

Activity = dict[str, Any]
Answer = tuple[int, dict[str, Any], dict[str, str]]


@cache
def rsa_key(key_id: str) -> RSAKey:
    """A key a process makes once, since making one takes long."""
    return RSAKey.generate_key(2048, {"kid": key_id})


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody on Teams."""

    name: str
    oid: str
    tenant: str = TENANT
    role: str = "user"
    upn: str = ""

    @property
    def account(self) -> str:
        """Teams' own name of the person for this bot."""
        return f"29:{self.name}-of-this-bot"

    @property
    def profile(self) -> dict[str, Any]:
        """What the roster says."""
        return {
            "id": self.account,
            "aadObjectId": self.oid,
            "name": self.name.title(),
            "userPrincipalName": self.upn or f"{self.name}@corp.example",
            "tenantId": self.tenant,
            "userRole": self.role,
        }


JOHN = Person(name="john", oid="11111111-1111-4111-8111-111111111111")
SARAH = Person(name="sarah", oid="44444444-4444-4444-8444-444444444444")
MIA = Person(name="mia", oid="22222222-2222-4222-8222-222222222222")
RAJ = Person(name="raj", oid="55555555-5555-4555-8555-555555555555")
GUEST = Person(
    name="gus", oid="33333333-3333-4333-8333-333333333333", role="guest", upn="gus_other.example#EXT#@corp.example"
)


@dataclass
class Conversation:
    """A chat or channel the bot is in."""

    id: str
    kind: str
    members: list[Person]
    activities: dict[str, Activity] = field(default_factory=dict)


@dataclass
class FakeTeams:
    """Runs on its own thread; `now` is its clock."""

    now: Callable[[], datetime]
    keys: dict[str, list[str]] = field(default_factory=lambda: {"first": ["msteams", "webchat"]})
    """The published keys by id, each with its endorsements."""
    signs_with: str = "first"
    conversations: dict[str, Conversation] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    secret: str = APP_PASSWORD
    calls: list[str] = field(default_factory=list)
    failures: list[Answer] = field(default_factory=list)
    """What the next connector calls are answered with instead."""
    sent: dict[str, list[str]] = field(default_factory=dict)
    """Every body by the conversation it was sent to: updates overwrite what stood there before."""
    by_directory_id: bool = True
    """Whether a personal conversation can be asked for by the directory's name of a person, too."""
    lists_people: bool = True
    """Whether it says who all is in a conversation."""
    keys_hang: bool = False
    keys_at: str = ""
    """Where the metadata says the keys are, when not here."""
    keys_status: int = 200
    unread: list[str] = field(default_factory=list)
    """What was shown and is not read out to whoever does not see it."""
    _released: Event = field(default_factory=Event)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1_700_000_000_000))

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self.service_url = f"{self.url}/teams/"
        self.openid_metadata_url = f"{self.url}/v1/.well-known/openidconfiguration"
        self.token_url = f"{self.url}/botframework.com/oauth2/v2.0/token"

    @contextmanager
    def running(self) -> Iterator[FakeTeams]:
        """Serve; at the end let go of whoever hangs, and stop."""
        thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
            assert self.unread == []
        finally:
            self._released.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    # What a test arranges and looks at

    def personal(self, person: Person) -> Conversation:
        """The personal chat of somebody with the bot: the same one every time."""
        return self._conversation(f"a:personal-{person.name}", "personal", [person])

    def group(self, *people: Person) -> Conversation:
        """A group chat."""
        return self._conversation("19:group@thread.v2", "groupChat", list(people))

    def channel(self, *people: Person) -> Conversation:
        """A channel of a team."""
        return self._conversation("19:hr@thread.tacv2", "channel", list(people))

    def _conversation(self, name: str, kind: str, people: list[Person]) -> Conversation:
        return self.conversations.setdefault(name, Conversation(id=name, kind=kind, members=people))

    def posted(self, conversation: Conversation) -> list[Activity]:
        """What the bot has written there."""
        return list(conversation.activities.values())

    def rotate(self, key_id: str, *endorsements: str) -> None:
        """Sign with a new key, and publish no other."""
        self.keys = {key_id: list(endorsements or ("msteams",))}
        self.signs_with = key_id

    def revoke_tokens(self) -> None:
        """Take back every token given out."""
        self.tokens.clear()

    # The half that sends to a bot

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What Teams' tokens say; a change to None leaves a claim out."""
        seconds = int(self.now().timestamp())
        plain = {"iss": ISSUER, "aud": APP_ID, "nbf": seconds, "exp": seconds + 3600, "serviceurl": self.service_url}
        return {name: value for name, value in (plain | changes).items() if value is not None}

    def token(self, **changes: Any) -> str:
        """A token as Teams signs it."""
        header = {"alg": "RS256", "kid": self.signs_with, "x5t": self.signs_with, "typ": "JWT"}
        return jwt.encode(header, self.claims(**changes), rsa_key(self.signs_with))

    def activity(self, person: Person, conversation: Conversation, **fields: Any) -> Activity:
        """What every activity carries."""
        number = next(self._numbers)
        return {
            "id": str(number),
            "channelId": "msteams",
            "serviceUrl": self.service_url,
            "timestamp": self.now().isoformat(),
            "locale": "de-DE",
            "localTimezone": "Europe/Berlin",
            "from": {"id": person.account, "name": person.name.title(), "aadObjectId": person.oid},
            "recipient": {"id": BOT, "name": "Doorward"},
            "conversation": {
                "id": conversation.id,
                "conversationType": conversation.kind,
                "tenantId": TENANT,
                "isGroup": conversation.kind != "personal",
            },
            "channelData": {"tenant": {"id": TENANT}} | _team(conversation),
            "entities": [{"type": "clientInfo", "locale": "de-DE", "platform": "Web"}],
        } | fields

    def typed(self, person: Person, conversation: Conversation, text: str, **fields: Any) -> Activity:
        """A message; in a channel it mentions the bot and stands in a thread of its own."""
        activity = self.activity(person, conversation, type="message", text=text, textFormat="plain") | fields
        if conversation.kind != "personal":
            mention = {"type": "mention", "mentioned": {"id": BOT, "name": "Doorward"}, "text": "<at>Doorward</at>"}
            activity["entities"] = [*activity["entities"], mention]
            activity["text"] = f"<at>Doorward</at>&nbsp;{text}".replace("&nbsp;", "\u00a0")
        if conversation.kind == "channel":
            activity["conversation"]["id"] = f"{conversation.id};messageid={activity['id']}"
        return activity

    def installed(self, person: Person, conversation: Conversation) -> Activity:
        """Somebody adds the app."""
        added = [{"id": BOT, "name": "Doorward"}]
        return self.activity(person, conversation, type="conversationUpdate", membersAdded=added)

    def uninstalled(self, person: Person, conversation: Conversation) -> Activity:
        """Somebody takes the app away: the bot is in that conversation no more."""
        activity = self.activity(person, conversation, type="installationUpdate", action="remove")
        del self.conversations[conversation.id]
        return activity

    def looks(self, person: Person, conversation: Conversation) -> Activity | None:
        """What a person's client sends by itself for the last card there; None where the card does not name them."""
        message = list(conversation.activities.values())[-1]
        refresh = message["attachments"][0]["content"].get("refresh", {})
        if person.account not in refresh.get("userIds", []):
            return None
        return self.asks_anew(person, conversation, message["id"], refresh["action"])

    def asks_anew(self, person: Person, conversation: Conversation, message: str, action: Activity) -> Activity:
        """What a client sends for a card it shows."""
        sent = {name: action[name] for name in ("type", "verb", "data")}
        value = {"action": sent, "trigger": "automatic"}
        return self.invoke(person, conversation, "adaptiveCard/action", value, replyToId=message)

    def pressed(
        self, person: Person, conversation: Conversation, label: str, *, content: Activity | None = None
    ) -> Activity:
        """A press on the last card there, or on `content`, which only this person is shown of it."""
        message = list(conversation.activities.values())[-1]
        content = content or message["attachments"][0]["content"]
        action = next(action for action in actions_of(content) if action["title"] == label)
        value: Activity
        if action["type"] == "Action.Execute":
            executed = {"type": "Action.Execute", "verb": action["verb"], "data": action["data"]}
            name, value = "adaptiveCard/action", {"action": executed, "trigger": "manual"}
        else:
            assert action["data"]["msteams"]["type"] == "task/fetch"
            name, value = "task/fetch", {"data": action["data"], "context": {"theme": "default"}}
        return self.invoke(person, conversation, name, value, replyToId=message["id"])

    def submitted(self, person: Person, conversation: Conversation, card: Activity, **inputs: str) -> Activity:
        """A submitted dialog. Refuses inputs the dialog does not have."""
        known = {element["id"] for element in card["body"] if element["type"].startswith("Input.")}
        assert inputs.keys() <= {name.partition(".")[2] for name in known}, known
        by_name = {name.partition(".")[2]: name for name in known}
        action = next(action for action in card["actions"] if action["type"] == "Action.Submit")
        left = {
            element["id"]: element["value"]
            for element in card["body"]
            if element["type"] == "Input.Date" and "value" in element
        }
        data = action["data"] | left | {by_name[name]: value for name, value in inputs.items()}
        return self.invoke(person, conversation, "task/submit", {"data": data, "context": {"theme": "default"}})

    def invoke(self, person: Person, conversation: Conversation, name: str, value: Any, **fields: Any) -> Activity:
        """What Teams waits for."""
        invoke = self.activity(person, conversation, type="invoke", name=name, value=value) | fields
        return invoke | {"id": f"f:{invoke['id']}"}

    def answered(self, answer: Any) -> None:
        """Look at what an invoke was answered with: a card in place, or a dialog."""
        body = answer.json() if answer.content else None
        if not isinstance(body, dict):
            return
        if body.get("type") == "application/vnd.microsoft.card.adaptive":
            self.unread += unread_on_teams({"summary": "in place", "attachments": [{"content": body["value"]}]})
        task = body.get("task", {}).get("value")
        if isinstance(task, dict):
            self.unread += unread_in_dialog(task["card"]["content"])

    # The server

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Status, body and headers for one request."""
        path = urlsplit(target).path
        self.calls.append(f"{method} {path}")
        if path == "/v1/.well-known/openidconfiguration":
            return 200, {"issuer": ISSUER, "jwks_uri": self.keys_at or f"{self.url}/v1/.well-known/keys"}, {}
        if path == "/v1/.well-known/keys":
            if self.keys_hang:
                self._released.wait(20)
            return self.keys_status, {"keys": [self._published(*key) for key in self.keys.items()]}, {}
        if path == MOVED:
            return 302, {}, {"location": f"{self.url}/v1/.well-known/keys"}
        if urlsplit(self.token_url).path == path and method == "POST":
            return self._token(parse_qs(body.decode()))
        if not path.startswith("/teams/v3/conversations"):
            return _refused(404, "NotFound")
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _refused(401, "Unauthorized")
        if self.failures:
            return self.failures.pop(0)
        parts = [unquote(part) for part in path.removeprefix("/teams/v3/conversations").split("/") if part]
        return self._connector(method, parts, body, parse_qs(urlsplit(target).query))

    def _published(self, key_id: str, endorsements: list[str]) -> dict[str, Any]:
        return dict(rsa_key(key_id).as_dict(private=False)) | {"kid": key_id, "endorsements": endorsements}

    def _token(self, form: dict[str, list[str]]) -> Answer:
        given = {name: values[0] for name, values in form.items()}
        if (given.get("client_id"), given.get("client_secret")) != (APP_ID, self.secret):
            return 401, {"error": "invalid_client"}, {}
        if given.get("grant_type") != "client_credentials" or "api.botframework.com" not in given.get("scope", ""):
            return 400, {"error": "invalid_request"}, {}
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        return 200, {"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": token}, {}

    def _connector(self, method: str, parts: list[str], body: bytes, query: dict[str, list[str]]) -> Answer:
        if len(body) > MESSAGE_BYTES:
            return _refused(413, "MessageSizeTooBig")
        given = json.loads(body) if body else {}
        if not parts:
            return self._created(given)
        conversation = self.conversations.get(parts[0].partition(";")[0])
        if conversation is None:
            return _refused(404, "ConversationNotFound")
        self.sent.setdefault(conversation.id, []).append(body.decode())
        match method, parts[1:]:
            case "POST", ["activities"]:
                return self._posted(conversation, parts[0], given)
            case "GET", ["pagedmembers"] if self.lists_people:
                return self._page(conversation, query)
            case "PUT", ["activities", name] if name in conversation.activities:
                if not all(_is_card(attached["content"]) for attached in given.get("attachments", [])):
                    return _refused(400, "BadArgument")
                self.unread += unread_on_teams(given)
                conversation.activities[name] = conversation.activities[name] | given
                return 200, {"id": name}, {}
            case "GET", ["members", name]:
                known = [person for person in conversation.members if name in {person.account, person.oid}]
                return (200, known[0].profile, {}) if known else _refused(404, "MemberNotFoundInConversation")
        return _refused(404, "NotFound")

    def _page(self, conversation: Conversation, query: dict[str, list[str]]) -> Answer:
        """The first people of a conversation; more have to be asked for with the token."""
        size = int(query.get("pageSize", [str(PAGE_AT_LEAST)])[0])
        if not PAGE_AT_LEAST <= size <= PAGE_AT_MOST:
            return _refused(400, "BadArgument")
        more = {"continuationToken": "next"} if len(conversation.members) > size else {}
        return 200, {"members": [person.profile for person in conversation.members[:size]], **more}, {}

    def _created(self, given: Activity) -> Answer:
        known = {person.account: person for room in self.conversations.values() for person in room.members}
        if self.by_directory_id:
            known |= {person.oid: person for person in known.values()}
        members = given.get("members") or [{}]
        person = known.get(members[0].get("id", ""))
        if given.get("isGroup") is not False or len(members) != 1 or given.get("tenantId") != TENANT:
            return _refused(400, "BadSyntax")
        if person is None:
            return _refused(403, "BotNotInConversationRoster")
        return 201, {"id": self.personal(person).id}, {}

    def _posted(self, conversation: Conversation, address: str, given: Activity) -> Answer:
        if not given.get("attachments") and not given.get("text"):
            return _refused(400, "BadSyntax")
        if given.get("attachments") and given["attachments"][0]["contentType"].endswith("card.oauth"):
            if not _is_sign_in(given["attachments"]) or conversation.kind != "personal":
                return _refused(400, "BadArgument")
            name = str(next(self._numbers))
            conversation.activities[name] = given | {"id": name, "address": address}
            return 201, {"id": name}, {}
        for content in (attached["content"] for attached in given.get("attachments", [])):
            if not _is_card(content):
                return _refused(400, "BadArgument")
        self.unread += unread_on_teams(given)
        name = str(next(self._numbers))
        conversation.activities[name] = given | {"id": name, "address": address}
        return 201, {"id": name}, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer, extra = fake.answer(self.command, self.path, headers, body)
                raw = json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    for name, value in (
                        {"content-type": "application/json", "content-length": str(len(raw))} | extra
                    ).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(raw)
                except (BrokenPipeError, ConnectionResetError):
                    return  # whoever hung has gone away

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names the server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parameter's own name
                return

        return Handler


def _team(conversation: Conversation) -> Activity:
    """What Teams says of the team a channel is in."""
    return {"team": {"id": conversation.id, "aadGroupId": GROUP}} if conversation.kind == "channel" else {}


def _is_card(content: Activity) -> bool:
    """A card that Teams shows, and shows to no more people in their own way than it does."""
    if content["type"] != "AdaptiveCard" or not re.fullmatch(r"1\.[0-5]", content["version"]):
        return False
    if any(len(row.get("actions", [])) > 6 for row in content["body"]):
        return False
    refresh = content.get("refresh")
    if refresh is None:
        return True
    viewers = refresh.get("userIds", [])
    named = len(set(viewers)) == len(viewers) and all(name.startswith("29:") for name in viewers)
    return refresh["action"]["type"] == "Action.Execute" and named and len(viewers) <= VIEWERS_AT_MOST


def _is_sign_in(attachments: list[Activity]) -> bool:
    """One card, what a client needs to get a token by itself, and one button of the kind that leads to a page."""
    content = attachments[0]["content"]
    resource, buttons = content.get("tokenExchangeResource", {}), content.get("buttons", [])
    complete = bool(content.get("connectionName") and resource.get("id") and resource.get("uri"))
    kinds = [(button.get("type"), str(button.get("value")).startswith("https://")) for button in buttons]
    return len(attachments) == 1 and complete and kinds == [("signin", True)]


def actions_of(content: Activity) -> list[Activity]:
    """Every button of a card."""
    rows = [element["actions"] for element in content["body"] if element["type"] == "ActionSet"]
    return [action for row in [*rows, content.get("actions", [])] for action in row]


def _refused(status: int, code: str) -> Answer:
    return status, {"error": {"code": code, "message": code}}, {}
