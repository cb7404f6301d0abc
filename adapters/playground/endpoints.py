"""What the playground's page asks for: speaking, pressing, submitting, the two switches, the phone, the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from adapters.playground.clock import DemoClock
from adapters.playground.conversation import DOORWARD
from adapters.playground.guard import read_json, text_of
from adapters.playground.people import NOBODY, PERSON_COOKIE, person_from_cookies
from adapters.playground.phone import DemoPhone
from adapters.playground.platform import OpenDialog, PlaygroundPlatform
from adapters.playground.sign_in import PlaygroundSignIn
from adapters.playground.stream import Hub
from adapters.playground.tracer import PlaygroundTracer
from bot.domain.cards import Dialog, FieldKind
from bot.domain.messages import EventKind, IncomingMessage, Place, PlaceKind, ReplyWindow
from bot.domain.secret import Secret
from bot.domain.typed_code import TAKEN_OUT, without_code
from bot.errors import Malformed, ProviderUnavailable, StorageUnavailable
from bot.ports.ingress import DialogAnswer, DialogUpdate, FieldError, Ingress
from bot.texts.sentences import accepted

COMMAND = "/doorward"
MENTION = f"@{DOORWARD}"
HOUR = timedelta(hours=1)
LOADING = Dialog(handle="", title="Doorward", submit="", loading=True)
"""Opened at once, as on Slack, whose trigger lives three seconds; the pipeline puts the answer in its place."""
LIMIT = 500
"""Characters of a demo message, and of a dialog's field."""


class ProviderControl(Protocol):
    """What the demonstration can do to its identity provider. Blocking; called in a thread."""

    def disable(self, username: str) -> None:
        """Disable an account."""
        ...

    def enable(self, username: str) -> None:
        """Enable it again."""
        ...

    def advance(self, seconds: float) -> None:
        """Let time pass there too."""
        ...


class Playground:
    """The endpoints. Each is wrapped by the guard in `adapters.playground.routes`."""

    def __init__(
        self,
        *,
        platform: PlaygroundPlatform,
        hub: Hub,
        ingress: Ingress,
        clock: DemoClock,
        tracer: PlaygroundTracer,
        phone: DemoPhone,
        sign_in: PlaygroundSignIn,
        provider: ProviderControl,
        after_hour: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._platform = platform
        self._hub = hub
        self._ingress = ingress
        self._clock = clock
        self._tracer = tracer
        self._phone = phone
        self._sign_in = sign_in
        self._provider = provider
        self._after_hour = after_hour
        self._names = frozenset(person.name for person in platform.people)
        self._disabled: set[str] = set()

    async def choose(self, request: Request) -> Response:
        """Speak as somebody from now on."""
        person = self._person(await read_json(request))
        response = JSONResponse({})
        response.set_cookie(PERSON_COOKIE, person, path="/", samesite="lax")
        return response

    async def say(self, request: Request) -> Response:
        """Type a message or a slash command."""
        body = await read_json(request)
        person, text = self._person(body), text_of(body, "text", limit=LIMIT)
        thread = text_of(body, "thread") if body.get("thread") else None
        place = self._platform.place(text_of(body, "conversation"), thread)
        word, _, rest = text.partition(" ")
        if word == COMMAND:
            post = self._platform.say(person, place, text, only=place.kind is not PlaceKind.DIRECT)
            message = self._message(request, person, place, EventKind.COMMAND, text=rest.strip(), source=post.id)
            await self._hand_over(message, f"{COMMAND} {without_code(message).text}".strip())
            return JSONResponse({})
        post = self._platform.say(person, place, text)
        if place.kind is not PlaceKind.DIRECT:
            if MENTION not in text.casefold():
                return JSONResponse({})  # as on Slack: in a channel only what names Doorward reaches it
            place = replace(place, thread=place.thread or post.id)
            text = _without_mention(text)
        message = self._message(request, person, place, EventKind.MESSAGE, text=text, source=post.id)
        await self._hand_over(message, post.text if without_code(message) is message else TAKEN_OUT)
        return JSONResponse({})

    async def press(self, request: Request) -> Response:
        """Press a button of a card."""
        body = await read_json(request)
        person, position = self._person(body), body.get("action")
        if not isinstance(position, int) or isinstance(position, bool):
            raise Malformed("action: the button's place on the card is needed")
        post, action = self._platform.pressed(person, text_of(body, "message"), position)
        place = self._platform.place(post.conversation, post.thread)
        message = self._message(request, person, place, EventKind.PRESS, handle=action.handle, source=post.id)
        if not action.opens_dialog:
            await self._hand_over(message, action.label)
            return JSONResponse({})
        view = await self._platform.open_dialog(self._platform.trigger(person, place, post.id), LOADING)
        try:
            await self._hand_over(replace(message, window=ReplyWindow.OPENS_DIALOG, trigger=view), action.label)
        except (StorageUnavailable, TimeoutError):
            self._platform.close_dialog(view)
            raise
        return JSONResponse({})

    async def submit(self, request: Request) -> Response:
        """Submit a dialog; codes are handed over apart."""
        body = await read_json(request)
        person, view = self._person(body), text_of(body, "view")
        opened = self._platform.dialog(person, view)
        fields, code = _values(opened, body.get("fields"))
        message = self._message(
            request,
            person,
            opened.place,
            EventKind.SUBMISSION,
            window=ReplyWindow.IN_RESPONSE,
            handle=opened.dialog.handle,
            fields=fields,
            source=opened.source,
        )
        self._tracer.follow(message.event_id, person, opened.dialog.submit)
        if code is not None:
            return await self._answer(view, await self._ingress.submit_code(message, code))
        return await self._answer(view, (await self._ingress.accept(message)).answer)

    async def cancel(self, request: Request) -> Response:
        """Close a dialog without submitting it."""
        body = await read_json(request)
        view = text_of(body, "view")
        self._platform.dialog(self._person(body), view)
        self._platform.close_dialog(view)
        return JSONResponse({})

    async def look(self, request: Request) -> Response:
        """A conversation is on the screen: nothing in it is unread."""
        body = await read_json(request)
        self._platform.seen(self._person(body), text_of(body, "conversation"))
        return JSONResponse({})

    async def let_an_hour_pass(self, request: Request) -> Response:
        """Move the clock of bot and provider an hour ahead."""
        await read_json(request)
        await _in_thread(self._provider.advance, HOUR.total_seconds())
        self._clock.advance(HOUR)
        self._platform.announce("An hour passed.")
        if self._after_hour:
            await self._after_hour()
        return JSONResponse({})

    async def switch_account(self, request: Request) -> Response:
        """Disable or enable an account at the provider."""
        body = await read_json(request)
        person, enabled = self._person(body), body.get("enabled")
        if not isinstance(enabled, bool):
            raise Malformed("enabled: true or false is needed")
        await _in_thread(self._provider.enable if enabled else self._provider.disable, person)
        (self._disabled.discard if enabled else self._disabled.add)(person)
        for name in self._names:
            self._hub.publish(name, "disabled", {"people": sorted(self._disabled)})
        return JSONResponse({})

    async def phone_screen(self, request: Request) -> Response:
        """What the demo phone of this browser's person shows; for our own pages too."""
        person = self._browsing(request)
        screen = self._phone.screen(person)
        return JSONResponse({"person": person, "screen": asdict(screen) if screen else None})

    async def phone_scan(self, request: Request) -> Response:
        """Hold this person's demo phone before the QR code on the page."""
        body = await read_json(request)
        person = self._browsing(request)
        self._phone.scan(person, text_of(body, "uri"))
        self._hub.publish(person, "phone", {})
        return await self.phone_screen(request)

    async def stream(self, request: Request) -> Response:
        """The live stream of one person's page."""
        person = self._known(request.query_params.get("person", ""))
        events = self._hub.events(person, lambda: self._state(person))
        return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def authorize(self, request: Request) -> Response:
        """The chat leg of a sign-in: sends the browser back with a code for the person it speaks as."""
        query = request.query_params
        who = self._platform.identity(self._browsing(request))
        address = self._sign_in.grant(
            who,
            state=query.get("state", ""),
            nonce=query.get("nonce", ""),
            redirect_uri=query.get("redirect_uri", ""),
        )
        return RedirectResponse(address, status_code=303, headers={"referrer-policy": "no-referrer"})

    def _state(self, person: str) -> dict[str, object]:
        return {
            "person": person,
            "conversations": [found.as_json() for found in self._platform.conversations(person)],
            "posts": [post.as_json() for post in self._platform.posts(person)],
            "dialogs": self._platform.open_dialogs(person),
            "unread": self._platform.unread(),
            "trace": self._tracer.last(person),
            "disabled": sorted(self._disabled),
            "untouched": self._platform.untouched,
        }

    def _known(self, name: object) -> str:
        if not isinstance(name, str) or name not in self._names:
            raise Malformed("person: no such person")
        return name

    def _person(self, body: dict[str, object]) -> str:
        return self._known(body.get("person"))

    def _browsing(self, request: Request) -> str:
        person = person_from_cookies(request.headers.get("cookie", ""), self._names)
        if person == NOBODY:
            raise Malformed("choose somebody to speak as in the playground first")
        return person

    def _message(
        self,
        request: Request,
        person: str,
        place: Place,
        kind: EventKind,
        *,
        window: ReplyWindow = ReplyWindow.NONE,
        text: str = "",
        handle: str = "",
        fields: dict[str, str] | None = None,
        source: str | None = None,
    ) -> IncomingMessage:
        interactive = kind in {EventKind.PRESS, EventKind.COMMAND}
        return IncomingMessage(
            event_id=f"play-{token_urlsafe(12)}",
            kind=kind,
            who=self._platform.identity(person),
            place=place,
            received_at=self._clock.now(),
            window=window,
            text=text,
            handle=handle,
            fields=fields or {},
            trigger=self._platform.trigger(person, place, source) if interactive else None,
            source=source,
            locale=accepted(request.headers.get("accept-language", "")).language,
            timezone=next((one.timezone for one in self._platform.people if one.name == person), "") or None,
        )

    async def _hand_over(self, message: IncomingMessage, words: str) -> None:
        self._tracer.follow(message.event_id, message.who.account, words)
        await self._ingress.accept(message)

    async def _answer(self, view: str, answer: DialogAnswer | None) -> Response:
        if isinstance(answer, FieldError):
            return JSONResponse({"field": answer.field, "text": answer.text})
        if isinstance(answer, DialogUpdate):
            await self._platform.update_dialog(view, answer.dialog)
        else:
            self._platform.close_dialog(view)
        return JSONResponse({})


async def _in_thread(order: Callable[[Any], None], value: object) -> None:
    try:
        await asyncio.to_thread(order, value)
    except ProviderUnavailable as away:
        raise TimeoutError("the demo provider does not answer") from away


def _without_mention(text: str) -> str:
    start = text.casefold().index(MENTION)
    return " ".join((text[:start] + text[start + len(MENTION) :]).split())


def _values(opened: OpenDialog, given: object) -> tuple[dict[str, str], Secret | None]:
    """The submitted values of the dialog's own fields, the code apart. Raises `Malformed`."""
    if not isinstance(given, dict) or opened.dialog.loading:
        raise Malformed("fields: the dialog's values are needed")
    fields: dict[str, str] = {}
    code: Secret | None = None
    for field in opened.dialog.fields:
        value = given.get(field.name, "")
        if not isinstance(value, str) or len(value) > LIMIT:
            raise Malformed(f"fields: texts of at most {LIMIT} characters are needed")
        if field.kind is FieldKind.CODE:
            code = Secret(value)
        else:
            fields[field.name] = value.strip()
    return fields, code
