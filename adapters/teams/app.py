"""botbuilder behind the guard: it dispatches an activity that passed, and each handler hands over to the core.

Every type of botbuilder stays in this module. Nothing is sent through it: what goes out leaves by the outbox
(`platform`), and the answer to an invoke is the answer to the request.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from botbuilder.core import ActivityHandler, BotAdapter, InvokeResponse, TurnContext
from botbuilder.schema import Activity, ActivityTypes, ChannelAccount, ConversationAccount
from starlette.responses import JSONResponse, Response

from adapters.teams import translate
from adapters.teams.config import Phrases, TeamsConfig
from adapters.teams.guard import Admitted
from adapters.teams.parsing import Payload, part, text_of
from adapters.teams.people import People, claimed, is_a_bot
from adapters.teams.platform import TeamsPlatform
from adapters.teams.render import CONTENT_TYPE, dialog_task, message_task, view_content
from bot.domain.cards import Card, Dialog
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import IncomingMessage, PlaceKind
from bot.errors import HandleSpent, Malformed, PlatformRefused, Refusal, Unavailable
from bot.ports.clock import Clock
from bot.ports.ingress import Accepted, DialogAnswer, DialogClosed, DialogUpdate, FieldError, Ingress

MAX_DIALOGS = 2000

_ADMITTED = "doorward.admitted"
_TASK_FETCH, _TASK_SUBMIT, _PRESS = "task/fetch", "task/submit", "adaptiveCard/action"
_TOKEN_EXCHANGE = "signin/tokenExchange"  # noqa: S105 - the name of an invoke
_ACKNOWLEDGED = frozenset({"signin/failure", "signin/verifyState"})

_log = logging.getLogger("doorward.teams")

Reader = Callable[[Admitted, ChannelIdentity, datetime], IncomingMessage]


class _Turns(BotAdapter):
    """Takes the answer to an invoke from a turn; there is no other way out through botbuilder."""

    async def send_activities(self, context: TurnContext, activities: list[Activity]) -> list[Any]:
        for activity in activities:
            if activity.type != ActivityTypes.invoke_response:
                raise NotImplementedError("replies go through the outbox")
            context.turn_state[TurnContext._INVOKE_RESPONSE_KEY] = activity.value  # noqa: SLF001 - its one agreed place
        return []

    async def update_activity(self, context: TurnContext, activity: Activity) -> None:
        raise NotImplementedError("edits go through the outbox")

    async def delete_activity(self, context: TurnContext, reference: Any) -> None:
        raise NotImplementedError("nothing is deleted")


class TeamsApp(ActivityHandler):
    """Hands every admitted activity to the core and says what Teams is answered."""

    def __init__(self, config: TeamsConfig, *, ingress: Ingress, platform: TeamsPlatform, clock: Clock) -> None:
        super().__init__()
        self._phrases: Phrases = config.phrases
        self._replies = config.replies
        self._ingress = ingress
        self._platform = platform
        self._clock = clock
        self._people = People(platform, clock)
        self._turns = _Turns()
        self._dialogs: OrderedDict[tuple[str, str], Dialog] = OrderedDict()

    async def handle(self, admitted: Admitted) -> Response:
        """Answer an admitted activity; what nobody handles is acknowledged. Raises `Refusal`, `Unavailable`."""
        context = TurnContext(self._turns, _dispatched(admitted.activity))
        context.turn_state[_ADMITTED] = admitted
        # Not by what says that the app comes or goes: what is forgotten then would be noted anew.
        said = text_of(admitted.activity, "type") in {"message", "invoke"}
        if said and (group := translate.group_of(admitted)):
            self._platform.in_team(translate.place_of(admitted), group)
        await self._turns.run_pipeline(context, self.on_turn)
        answer = context.turn_state.get(TurnContext._INVOKE_RESPONSE_KEY)  # noqa: SLF001 - its one agreed place
        if answer is None:
            return Response(status_code=200)
        return JSONResponse(answer.body if answer.body is not None else {}, answer.status)

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        """A typed message; attachments alone say nothing to us."""
        admitted = _admitted(turn_context)
        if is_a_bot(admitted.activity):
            await self._ingress.rejected(platform=Platform.TEAMS, code="ingress.not_a_person")
        elif text_of(admitted.activity, "text").strip():
            async with asyncio.timeout(self._replies.answered):
                await self._take(admitted, translate.from_message)

    async def on_members_added_activity(self, members_added: list[Any], turn_context: TurnContext) -> None:
        """The app came to a personal chat: whoever added it is welcomed. A shared one is noted and not spoken to."""
        admitted = _admitted(turn_context)
        bot = turn_context.activity.recipient.id
        if not bot or bot not in [getattr(member, "id", None) for member in members_added]:
            return
        async with asyncio.timeout(self._replies.answered):
            who = await self._people.identify(admitted)
            message = translate.from_installation(admitted, who, self._clock.now())
            if message.place.kind is PlaceKind.DIRECT:
                await self._accept(message)
            else:
                await self._platform.joined(message.place)

    async def on_members_removed_activity(self, members_removed: list[Any], turn_context: TurnContext) -> None:
        """The app was taken out of a team or chat."""
        bot = turn_context.activity.recipient.id
        if bot and bot in [getattr(member, "id", None) for member in members_removed]:
            await self._left(_admitted(turn_context))

    async def on_installation_update_remove(self, turn_context: TurnContext) -> None:
        """The app was uninstalled; it is no member any more, so nobody can be looked up."""
        await self._left(_admitted(turn_context))

    async def _left(self, admitted: Admitted) -> None:
        async with asyncio.timeout(self._replies.answered):
            await self._platform.left(translate.place_of(admitted), claimed(admitted))

    async def on_invoke_activity(self, turn_context: TurnContext) -> InvokeResponse:
        """What Teams waits for. The stock handler breaks on card answers, so it is not called."""
        admitted, name = _admitted(turn_context), turn_context.activity.name
        if name == _PRESS:
            return _ok(await (self._view(admitted) if translate.is_view(admitted) else self._press(admitted)))
        if name == _TASK_FETCH:
            return _ok(await self._fetch(admitted))
        if name == _TASK_SUBMIT:
            return _ok(await self._submit(admitted))
        if name in _ACKNOWLEDGED:
            return _ok({})
        if name == _TOKEN_EXCHANGE:
            return await self._exchange(admitted)
        raise Malformed("invoke")

    async def _exchange(self, admitted: Admitted) -> InvokeResponse:
        """200 takes the sign-in card away; 412 is by contract "I can not", upon which the client shows its button."""
        signed_in, value = False, part(admitted.activity, "value")
        try:
            async with asyncio.timeout(self._replies.invoke):
                who = await self._people.identify(admitted)
                message = translate.from_exchange(admitted, who, self._clock.now())
                signed_in = await self._ingress.sign_in_silently(message, translate.token_in(admitted))
        except (Unavailable, TimeoutError) as away:
            _log.info("teams_exchange_failed error=%s", getattr(away, "code", type(away).__name__))
        named = {"id": text_of(value, "id"), "connectionName": text_of(value, "connectionName")}
        return InvokeResponse(status=200, body=named) if signed_in else InvokeResponse(status=412, body=named)

    async def _view(self, admitted: Admitted) -> Payload:
        """The shared card as this person is to see it; where there is no answer, what everybody sees stays."""

        async def seen() -> Payload:
            who = await self._people.identify(admitted)
            message = translate.from_view(admitted, who, self._clock.now())
            card = await self._ingress.look(message)
            return _card_message(self._phrases.gone) if card is None else _own_card(card, message.handle, admitted)

        return await self._answered(
            seen(), busy=lambda: _card_message(self._phrases.busy), gone=lambda: _card_message(self._phrases.gone)
        )

    async def _press(self, admitted: Admitted) -> Payload:
        async def taken() -> Payload:
            who = await self._people.identify(admitted)
            message = translate.from_press(admitted, who, self._clock.now())
            accepted = await self._accept(message)
            if accepted.view is not None:
                return _own_card(accepted.view, message.handle, admitted)
            waits = self._phrases.answered if accepted.answered else self._phrases.working
            return _card_message(self._phrases.gone if message.automatic else waits)

        return await self._answered(
            taken(), busy=lambda: _card_message(self._phrases.busy), gone=lambda: _card_message(self._phrases.gone)
        )

    async def _fetch(self, admitted: Admitted) -> Payload:
        async def opened() -> Payload:
            who = await self._people.identify(admitted)
            message = translate.from_fetch(admitted, who, self._clock.now())
            return self._shown(await self._ingress.open_dialog(message), who)

        return await self._answered(
            opened(), busy=lambda: message_task(self._phrases.busy), gone=lambda: message_task(self._phrases.gone)
        )

    async def _submit(self, admitted: Admitted) -> Payload:
        """A code is checked while Teams waits and reaches no store; anything else goes the way of all messages."""
        who = None

        async def submitted() -> Payload:
            nonlocal who
            who = await self._people.identify(admitted)
            message = translate.from_submission(admitted, who, self._clock.now())
            code = translate.code_in(admitted)
            if code is None:
                accepted = await self._accept(message)
                done = accepted.answered and accepted.answer is None
                return self._answer(DialogClosed() if done else accepted.answer, message)
            return self._answer(await self._ingress.submit_code(message, code), message)

        def busy() -> Payload:
            if who is None:
                return message_task(self._phrases.busy)
            message = translate.from_submission(admitted, who, self._clock.now())
            return self._answer(FieldError(field="", text=self._phrases.busy), message)

        return await self._answered(submitted(), busy=busy, gone=lambda: message_task(self._phrases.gone))

    async def _answered(
        self, work: Coroutine[Any, Any, Payload], *, busy: Callable[[], Payload], gone: Callable[[], Payload]
    ) -> Payload:
        """One answer whatever happens; what is refused at the way in is left to the endpoint."""
        try:
            async with asyncio.timeout(self._replies.invoke):
                return await work
        except (HandleSpent, PlatformRefused):
            return gone()
        except Refusal:
            raise
        except (Unavailable, TimeoutError):
            return busy()
        except Exception as exc:  # noqa: BLE001 - its text may quote the activity, so only its kind is logged
            _log.error("teams_invoke_failed error=%s", type(exc).__name__)
            return busy()

    async def _take(self, admitted: Admitted, read: Reader) -> Accepted:
        who = await self._people.identify(admitted)
        return await self._accept(read(admitted, who, self._clock.now()))

    async def _accept(self, message: IncomingMessage) -> Accepted:
        """Not broken off half-way: it may still become durable, and its own limit ends it."""
        return await asyncio.shield(self._platform.aside(self._ingress.accept(message)))

    def _answer(self, answer: DialogAnswer | None, message: IncomingMessage) -> Payload:
        match answer:
            case DialogUpdate(dialog=dialog):
                return self._shown(dialog, message.who)
            case FieldError(field=field, text=text):
                shown = self._dialogs.get((message.who.key, message.handle))
                # Teams wants the whole dialog again. Where this process does not have it, it closes with the sentence:
                # nobody is asked for a code without seeing what for.
                again = translate.with_error(shown, field, text) if shown and shown.fields else None
                return dialog_task(again) if again else message_task(text)
            case DialogClosed():
                return {}
            case _:
                return message_task(self._phrases.working)

    def _shown(self, dialog: Dialog, who: ChannelIdentity) -> Payload:
        task = dialog_task(dialog)
        self._dialogs[who.key, dialog.handle] = dialog
        self._dialogs.move_to_end((who.key, dialog.handle))
        if len(self._dialogs) > MAX_DIALOGS:
            self._dialogs.popitem(last=False)
        return task


def _admitted(context: TurnContext) -> Admitted:
    admitted = context.turn_state[_ADMITTED]
    if not isinstance(admitted, Admitted):
        raise Malformed("not admitted")
    return admitted


def _dispatched(activity: Payload) -> Activity:
    """What botbuilder dispatches on, and no more: its own reader is a twentieth of a turn. Raises `Malformed`."""
    kind, conversation = text_of(activity, "type"), text_of(part(activity, "conversation"), "id")
    if not kind or not conversation or not part(activity, "recipient"):
        raise Malformed("not an activity")
    return Activity(
        type=kind,
        id=text_of(activity, "id"),
        name=text_of(activity, "name") or None,
        action=text_of(activity, "action") or None,
        channel_id=text_of(activity, "channelId"),
        service_url=text_of(activity, "serviceUrl"),
        conversation=ConversationAccount(id=conversation),
        recipient=ChannelAccount(id=text_of(part(activity, "recipient"), "id")),
        members_added=_accounts(activity, "membersAdded"),
        members_removed=_accounts(activity, "membersRemoved"),
    )


def _accounts(activity: Payload, name: str) -> list[ChannelAccount] | None:
    listed = activity.get(name)
    if listed is None:
        return None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Malformed(name)
    return [ChannelAccount(id=text_of(one, "id")) for one in listed]


def _ok(body: Payload) -> InvokeResponse:
    return InvokeResponse(status=200, body=body)


def _own_card(card: Card, handle: str, admitted: Admitted) -> Payload:
    account = text_of(part(admitted.activity, "from"), "id")
    return {"statusCode": 200, "type": CONTENT_TYPE, "value": view_content(card, handle, account)}


def _card_message(text: str) -> Payload:
    return {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": text}
