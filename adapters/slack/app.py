"""Bolt behind the guard: one listener a kind of payload, each translating and handing over to the core."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient
from starlette.responses import Response

from adapters.slack import translate
from adapters.slack.config import Phrases, SlackConfig
from adapters.slack.leaving import LEFT_ON, Leaving
from adapters.slack.parsing import Payload
from adapters.slack.people import EXTERNAL, NOT_A_MEMBER, People, actor_of
from adapters.slack.platform import SlackPlatform
from adapters.slack.render import dialog_view
from adapters.slack.surfaces import SHOWN_ON, Surfaces
from adapters.slack.translate import Skip
from adapters.slack.web_api import sdk_log
from adapters.slack.wording import escaped
from adapters.slack.workspaces import text_of, workspace_of
from bot.domain.cards import Audience, Card, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import EventKind, IncomingMessage, PlaceKind
from bot.errors import Malformed, NotAllowed, PlatformRefused, Unavailable
from bot.ports.clock import Clock
from bot.ports.ingress import Accepted, DialogAnswer, DialogUpdate, FieldError, Ingress, Late
from bot.ports.start import StartPage

TOLD_AGAIN = timedelta(hours=1)
MAX_TOLD = 5_000

_ANY = re.compile("")
_HEADERS: dict[str, str | Sequence[str]] = {"content-type": ["application/json;charset=utf-8"]}
_LISTENED = frozenset({"event_callback", "block_actions", "view_submission", "shortcut"})

_log = logging.getLogger("doorward.slack")
_bolt_log = logging.getLogger("doorward.slack.bolt")
_bolt_log.setLevel(logging.CRITICAL + 1)
"""What Bolt logs may quote the payload; whatever it has to say ends in a status that we log."""

Reader = Callable[[Payload, ChannelIdentity, datetime], IncomingMessage]
Answer = Callable[[], BoltResponse]


class _Admitted(AsyncAuthorize):
    """The guard has admitted the workspace; Bolt gets no token, since it calls nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Bolt leaves it without types

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        **_: Any,
    ) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, user_id=user_id)


class SlackApp:
    """Hands every authentic payload to the core and says what Slack is answered."""

    def __init__(
        self,
        config: SlackConfig,
        *,
        ingress: Ingress,
        platform: SlackPlatform,
        clock: Clock,
        leaving: Leaving | None = None,
        start: StartPage | None = None,
    ) -> None:
        self._phrases: Phrases = config.phrases
        self._replies = config.replies
        self._ingress = ingress
        self._platform = platform
        self._clock = clock
        self._people = People(platform, config.workspaces, clock)
        self._surfaces = Surfaces(platform, self._people, config.phrases, start)
        self._leaving = leaving
        self._told_off: OrderedDict[str, datetime] = OrderedDict()
        self._bolt = self._build()

    def _build(self) -> AsyncApp:
        """Bolt without what the guard has done already (signature, `ssl_check`, own messages) and without a token.

        `process_before_response` makes the answer wait for the listener instead of polling for it.
        """
        bolt = AsyncApp(
            name="doorward",
            logger=_bolt_log,
            client=AsyncWebClient(logger=sdk_log, retry_handlers=[]),
            authorize=_Admitted(),
            process_before_response=True,
            request_verification_enabled=False,
            ssl_check_enabled=False,
            url_verification_enabled=False,
            ignoring_self_events_enabled=False,
            ignoring_self_assistant_message_events_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        bolt.event(_ANY)(self._on_event)
        bolt.command(_ANY)(self._on_command)
        bolt.block_action(_ANY)(self._on_press)
        bolt.view_submission(_ANY)(self._on_submission)
        bolt.global_shortcut(_ANY)(self._on_shortcut)
        return bolt

    async def handle(self, payload: Payload) -> Response:
        """Answer an authentic payload of ours; what nobody listens to is acknowledged. Raises `Refusal`."""
        if "command" not in payload and payload.get("type") not in _LISTENED:
            return Response(status_code=200)
        try:
            # Parsed and verified already, as over Socket Mode, so that Bolt does neither again.
            request = AsyncBoltRequest(body=payload, headers={}, mode="socket_mode")
        except Exception as exc:
            raise Malformed("a shape Bolt does not know") from exc
        answer = await self._bolt.async_dispatch(request)
        if answer.status == 404:  # authentic, and of no kind that we listen to
            return Response(status_code=200)
        if answer.status == 500:  # Bolt's own word: no listener of ours raises or says so
            _log.error("slack_bolt_failed")
            raise Malformed("a shape Bolt does not know")
        return Response(answer.body, answer.status, headers=answer.first_headers_without_set_cookie())

    async def _on_event(self, body: Payload) -> BoltResponse:
        async def taken() -> BoltResponse:
            kind = body["event"]["type"]
            if kind in SHOWN_ON:
                self._platform.aside(self._surfaces.show(body))
            elif kind in LEFT_ON:
                await self._left(body)
            else:
                await self._said(body)
            return _done()

        # Slack delivers an event again: at once, in a minute, in five.
        return await self._answered(
            taken(), busy=lambda: BoltResponse(status=503), refused=lambda why: self._not_for_them(body, why)
        )

    async def _left(self, body: Payload) -> None:
        if self._leaving is not None:
            async with asyncio.timeout(self._replies.answered):
                await self._leaving.take(body)

    async def _said(self, body: Payload) -> None:
        skip = translate.origin(body)
        if skip is None:
            await self._take(body, translate.from_event)
        elif skip.code:
            await self._reject(skip.code)

    async def _accepted(self, message: IncomingMessage) -> Accepted:
        """Durable; in a thread of the assistant's it shows that somebody is at it, until the answer stands there.

        Not for what is delivered again: that may be answered already, and nothing would end it.
        """
        place, said = message.place, message.kind is EventKind.MESSAGE and not message.by_app
        if not (said and place.kind is PlaceKind.DIRECT and place.thread):
            return await self._ingress.accept(message)
        shown = self._platform.about_to_say_working(place)
        try:
            accepted = await self._ingress.accept(message)
        except BaseException:
            shown.set()
            raise
        if accepted.duplicate:
            shown.set()
        else:
            self._platform.aside(self._platform.say_working(place, self._phrases.working, shown))
        return accepted

    def _not_for_them(self, body: Payload, why: NotAllowed) -> BoltResponse:
        """Acknowledge, and tell a person once an hour that nothing was done; a bot would only answer."""
        now, account = self._clock.now(), actor_of(body).account
        told = self._told_off.get(account)
        if why.detail in {NOT_A_MEMBER, EXTERNAL} and (told is None or now - told >= TOLD_AGAIN):
            self._told_off[account] = now
            if len(self._told_off) > MAX_TOLD:
                self._told_off.popitem(last=False)
            who = ChannelIdentity(platform=Platform.SLACK, tenant=workspace_of(body).tenant, account=account)
            message = translate.from_event(body, who, now)
            reply = Reply(audience=Audience.PERSON, card=Card(headline=self._phrases.not_for_you))
            self._platform.aside(self._platform.post(message.place, who, reply, dedupe_key=message.event_id))
        return _done()

    async def _on_command(self, body: Payload) -> BoltResponse:
        async def taken() -> BoltResponse:
            await self._take(body, translate.from_command)
            return _done()

        return await self._answered(
            taken(),
            busy=lambda: _only_for_the_person(self._phrases.busy),
            refused=lambda _: _only_for_the_person(self._phrases.not_for_you),
        )

    async def _on_shortcut(self, body: Payload) -> BoltResponse:
        async def taken() -> BoltResponse:
            await self._take(body, translate.from_shortcut)
            return _done()

        return await self._answered(
            taken(),
            busy=lambda: self._told(body, self._phrases.busy),
            refused=lambda _: self._told(body, self._phrases.not_for_you),
        )

    async def _on_press(self, body: Payload) -> BoltResponse:
        if isinstance(translate.pressed(body), Skip):
            return _done()

        late: asyncio.Task[Any] | None = None

        async def taken() -> BoltResponse:
            nonlocal late
            try:
                await self._take(body, self._opening_press)
            except Late as why:
                late = why.ended
                raise
            return _done()

        return await self._answered(
            taken(),
            busy=lambda: self._told(body, self._phrases.busy, late),
            refused=lambda _: self._told(body, self._phrases.not_for_you),
        )

    def _opening_press(self, body: Payload, who: ChannelIdentity, now: datetime) -> IncomingMessage:
        """The press; its dialog starts to open at once, beside the inbox, since the trigger lives three seconds."""
        message = translate.from_press(body, who, now)
        if message.trigger is not None:
            opening = self._platform.open_dialog(text_of(body, "trigger_id"), self._loading(), name=message.trigger)
            self._platform.aside(opening)
        return message

    async def _on_submission(self, body: Payload) -> BoltResponse:
        async def taken() -> BoltResponse:
            return _dialog_response(await self._submit(body), body)

        return await self._answered(
            taken(),
            busy=lambda: _dialog_response(FieldError(field="", text=self._phrases.busy), body),
            refused=lambda _: _dialog_response(FieldError(field="", text=self._phrases.not_for_you), body),
        )

    async def _submit(self, body: Payload) -> DialogAnswer | None:
        """A code is checked while Slack waits and reaches no store; anything else goes the way of all messages."""
        code = translate.code_in(body)
        if code is None:
            return await self._worked_on(body)
        async with asyncio.timeout(self._replies.code):
            who = await self._people.identify(body)
            message = translate.from_submission(body, who, self._clock.now())
            return await self._ingress.submit_code(message, code)

    async def _worked_on(self, body: Payload) -> DialogAnswer | None:
        """The core ends its wait in time; what is durable is not called busy, or a press would do it twice."""
        async with asyncio.timeout(self._replies.answered):
            who = await self._people.identify(body)
        message = translate.from_submission(body, who, self._clock.now())
        return (await asyncio.shield(self._platform.held(self._ingress.accept(message)))).answer

    async def _take(self, body: Payload, read: Reader) -> Accepted:
        """Find out who it is and make the message durable, within the time Slack is answered in.

        The storing itself is not broken off half-way: it may still become durable, and its own limit ends it.
        """
        async with asyncio.timeout(self._replies.answered):
            who = await self._people.identify(body)
            message = replace(read(body, who, self._clock.now()), timezone=self._people.zone_of(who))
            return await asyncio.shield(self._platform.held(self._accepted(message)))

    async def _answered(
        self,
        taken: Coroutine[Any, Any, BoltResponse],
        *,
        busy: Answer,
        refused: Callable[[NotAllowed], BoltResponse],
    ) -> BoltResponse:
        """One answer to Slack whatever happens; nothing is raised into Bolt, which would log it and answer 500."""
        try:
            return await taken
        except Malformed as refusal:
            await self._reject(refusal.code)
            return BoltResponse(status=refusal.status)
        except NotAllowed as refusal:
            await self._reject(refusal.code)
            return refused(refusal)
        except (Unavailable, TimeoutError):
            return busy()
        except Exception as exc:  # noqa: BLE001 - its text may quote the payload, so only its kind is logged
            _log.error("slack_listener_failed error=%s", type(exc).__name__)
            return busy()

    async def _reject(self, code: str) -> None:
        await self._ingress.rejected(platform=Platform.SLACK, code=code)

    def _loading(self, text: str = "") -> Dialog:
        phrases = self._phrases
        return Dialog(handle="", title=phrases.loading_title, submit="", body=text or phrases.loading, loading=True)

    def _told(self, body: Payload, text: str, late: asyncio.Task[Any] | None = None) -> BoltResponse:
        """Acknowledge a press and say so to the person alone: in the dialog it opened, else where they pressed.

        What is said goes away once the answer of `late` is there.
        """
        self._platform.aside(self._tell(body, text, late))
        return _done()

    async def _tell(self, body: Payload, text: str, late: asyncio.Task[Any] | None) -> None:
        account = actor_of(body).account
        who = ChannelIdentity(platform=Platform.SLACK, tenant=workspace_of(body).tenant, account=account)
        if body["type"] != "block_actions":
            message = translate.from_shortcut(body, who, self._clock.now())
        else:
            message = translate.from_press(body, who, self._clock.now())
        if message.trigger is not None:
            with contextlib.suppress(PlatformRefused):  # there was none to say it in
                await self._platform.update_dialog(message.trigger, self._loading(text))
                return
        reply = Reply(audience=Audience.PERSON, card=Card(headline=text))
        posted = await self._platform.post(message.place, who, reply, dedupe_key=message.event_id)

        def answered(ended: asyncio.Task[Any]) -> None:
            done = not ended.cancelled() and ended.exception() is None and ended.result() is not None
            if done and posted is not None:
                self._platform.aside(self._platform.take_back(message.place, posted))

        if late is not None:
            late.add_done_callback(answered)  # not waited for: nothing that hangs may hold up the end of the process


def _done() -> BoltResponse:
    return BoltResponse(status=200)


def _only_for_the_person(text: str) -> BoltResponse:
    return BoltResponse(status=200, body={"response_type": "ephemeral", "text": escaped(text)}, headers=_HEADERS)


def _dialog_response(answer: DialogAnswer | None, body: Payload) -> BoltResponse:
    """`response_action`, by which Slack keeps, replaces or closes the dialog; an empty answer closes it too."""
    action: dict[str, Any]
    match answer:
        case None:
            return _done()
        case FieldError(field=field, text=text):
            blocks = translate.input_blocks(body)
            block = blocks.get(field) or next(iter(blocks.values()), None)
            action = {"response_action": "errors", "errors": {block: text}} if block else {"response_action": "clear"}
        case DialogUpdate(dialog=dialog):
            action = {"response_action": "update", "view": dialog_view(dialog)}
        case _:
            action = {"response_action": "clear"}
    return BoltResponse(status=200, body=action, headers=_HEADERS)
