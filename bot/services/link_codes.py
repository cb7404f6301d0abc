"""The chat leg where the platform's own sign-in is not possible: a code shown in the browser, typed in chat.

It takes the place of condition 3 of `bot.services.linking` only where an administrator named what says whose chat
account it is (`bot.services.correspondence`): a code alone would link whoever can be talked into typing it. It counts
when all of this holds:

(1) the company says that the ticket's chat account is of whoever signed in, before a code is shown and when typed;
(2) it is typed by the ticket's chat account, in the dialog behind a button that only this account was given;
(3) it is the one shown to the browser that took the ticket and confirmed both accounts;
(4) it is five minutes old at the most, the fifth try or an earlier one, and was never used.

Everything after that is the end of the ordinary leg.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.domain.answer import Answer, Button, Draft, Posting
from bot.domain.audit import EventType
from bot.domain.cards import ActionStyle, Card, Dialog, DialogField, Fact, FieldKind, Status
from bot.domain.identity import ChannelIdentity
from bot.domain.intent import Intent, Origin
from bot.domain.interaction import Interaction
from bot.domain.messages import IncomingMessage
from bot.domain.outbound import OutboxItem
from bot.domain.secret import Secret
from bot.errors import AlreadyLinked, HandleSpent, NotAllowed, SignInRefused
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import SignIn
from bot.ports.ingress import FieldError
from bot.services import refusals, throttling
from bot.services.buttons import LINK_CODE
from bot.services.correspondence import Correspondence
from bot.services.delivery import Delivery, direct_place
from bot.services.legs import LEG, LEG_SECONDS, TYPING, Leg, Named
from bot.services.link_making import LinkMaking, Told, scribe_of
from bot.services.sessions import identity_of
from bot.services.throttling import CODES_A_DAY
from bot.services.turns import Ending, Turn
from bot.texts.sentences import Voice, voice

CODE_SECONDS = 300
TRIES = 5
SHARED = "link.shared_correspondence"
DIGITS = 6
log = structlog.get_logger("doorward.link_codes")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Right:
    """A code that counts."""

    state: str
    leg: Leg
    sign_in: SignIn


class LinkCodes:
    """Shows codes, and takes them; nothing of it where no correspondence is named."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        delivery: Delivery,
        making: LinkMaking,
        correspondence: Correspondence,
    ) -> None:
        self._database = database
        self._clock = clock
        self._delivery = delivery
        self._making = making
        self._correspondence = correspondence

    def offered(self, channel: ChannelIdentity, provider: str) -> bool:
        """Whether a chat account may be linked to this provider's people so."""
        return self._correspondence.named(channel, provider)

    async def misfit(self, leg: Leg, sign_in: SignIn) -> SignInRefused | None:
        """(1): why the account is not theirs by the company's word; None where it is. Raises `IntegrityAlarm`."""
        assert leg.channel is not None
        channel = leg.channel
        told = self._correspondence
        if not await told.email_fits(sign_in.claims, channel):
            return SignInRefused(code="link.no_correspondence")
        await self._database.write(lambda tx: told.note(tx, leg.provider, sign_in.claims))
        if not await self._database.read(lambda tx: told.holds(tx, leg.provider, sign_in.claims, channel)):
            return SignInRefused(code="link.no_correspondence")
        others = await self._database.read(lambda tx: told.others(tx, sign_in.claims, channel))
        if others:
            await self._database.write(lambda tx: self._alarm(tx, leg, sign_in, others))
        return SignInRefused(code="link.shared_correspondence") if others else None

    def _alarm(self, tx: Transaction, leg: Leg, sign_in: SignIn, others: tuple[str, ...]) -> None:
        scribe, own = scribe_of(leg, None, self._clock.now()), identity_of(sign_in.claims).key
        log.critical(SHARED, account=scribe.channel, people=len(others) + 1)
        for about in (f"Person::{one}" for one in (own, *others)):
            tx.audit.append(scribe.event(EventType.LINK_ALARM, resource=about, decision="alarm", code=SHARED))

    async def show(self, state: str, leg: Leg, version: int) -> Named:
        """A code for the page, and the button in chat behind which it is typed. Raises `HandleSpent`."""
        assert leg.channel is not None
        assert leg.sign_in is not None
        now, code = self._clock.now(), f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        typing = replace(
            leg, stage=TYPING, code_hash=_hash(state, code), code_until=now + timedelta(seconds=CODE_SECONDS)
        )
        posting = _asking(leg.channel, leg.sign_in, state)

        def work(tx: Transaction) -> list[OutboxItem]:
            if not tx.interactions.replace(state, _kept(typing, version, now)):
                raise HandleSpent(code="leg.spent")
            return self._delivery.put_all(tx, [posting], "")

        await self._delivery.send(await self._database.write(work))
        return Named(leg=state, channel=leg.channel, provider=leg.provider, sign_in=leg.sign_in, chat_code=code)

    async def typed(self, message: IncomingMessage, code: Secret) -> Told | FieldError | None:
        """Check a code out of the dialog; None where the dialog is another. What is told goes out with `tell`."""
        checked = await self._database.write(lambda tx: self._check(tx, message, code))
        if not isinstance(checked, _Right):
            return checked
        # (1) once more: the company may have said otherwise since the code was shown.
        if misfit := await self.misfit(checked.leg, checked.sign_in):
            return await self._database.write(lambda tx: self._give_up(tx, checked.state, checked.leg, misfit.code))
        try:
            _, told = await self._making.commit(checked.state, checked.leg, checked.sign_in)
        except (HandleSpent, SignInRefused, AlreadyLinked, NotAllowed):
            return _error(voice(checked.sign_in.claims.locale), "linked.code.late")
        return told

    async def tell(self, told: Told) -> None:
        """Announce the link."""
        await self._making.tell(told)

    def _check(self, tx: Transaction, message: IncomingMessage, code: Secret) -> _Right | FieldError | None:
        """One transaction; a refusal is a value, so that the try that was counted stays counted."""
        now = self._clock.now()
        found = tx.interactions.find(message.handle, now=now)
        if found is None or found.kind != LINK_CODE:
            return None
        late = _error(voice(message.locale), "linked.code.late")
        if not tx.inbox.note(message) or found.audience != message.who.key:
            return late
        state = _state_in(found)
        leg = self._count(tx, state, message.who, now)
        return late if leg is None or leg.sign_in is None else self._weigh(tx, state, leg, leg.sign_in, code)

    def _count(self, tx: Transaction, state: str, who: ChannelIdentity, now: datetime) -> Leg | None:
        """The leg that waits for this account's code, with one try more; None where there is none, or none is left."""
        held = tx.interactions.find(state, now=now)
        if held is None or held.kind != "leg":
            return None
        leg = LEG.validate_python(held.payload)
        if leg.stage != TYPING or leg.channel != who or leg.code_until is None:
            return None
        if now >= leg.code_until or leg.code_tries >= TRIES:
            return None
        counted = replace(leg, code_tries=leg.code_tries + 1)
        return counted if tx.interactions.replace(state, _kept(counted, held.version, now)) else None

    def _weigh(self, tx: Transaction, state: str, leg: Leg, sign_in: SignIn, code: Secret) -> _Right | FieldError:
        assert leg.channel is not None
        now = self._clock.now()
        if not throttling.hit(tx, f"link-code-day|{leg.channel.key}", CODES_A_DAY, now):
            return self._give_up(tx, state, leg, "link.code_throttled")
        if not hmac.compare_digest(leg.code_hash, _hash(state, code.reveal().replace(" ", ""))):
            if leg.code_tries >= TRIES:
                return self._give_up(tx, state, leg, "link.wrong_code")
            _refused(tx, leg, "link.wrong_code", now)
            return _error(voice(sign_in.claims.locale), "linked.code.wrong", left=TRIES - leg.code_tries)
        return _Right(state=state, leg=leg, sign_in=sign_in)

    def _give_up(self, tx: Transaction, state: str, leg: Leg, code: str) -> FieldError:
        assert leg.sign_in is not None
        now = self._clock.now()
        tx.interactions.take(state, now=now)
        _refused(tx, leg, code, now)
        return _error(voice(leg.sign_in.claims.locale), "linked.code.late")


def typing(turn: Turn) -> Ending | None:
    """The ending of a press on "Type the code": its dialog; None for anything else. Nobody is linked yet."""
    pressed, who = turn.pressed, turn.message.who
    if pressed is None or pressed.kind != LINK_CODE or pressed.audience != who.key or turn.message.automatic:
        return None
    dialog = _dialog(turn.voice, turn.message.handle, _company_in(pressed))
    answer = Answer(dialog=dialog, code="link.code_asked")
    event = turn.scribe.event(EventType.SIGN_IN_OFFERED, decision="sign_in", code="link.code_asked", time=turn.now)
    return Ending(event=event, answer=lambda _: answer)


def comes_to_type(tx: Transaction, message: IncomingMessage, now: datetime) -> bool:
    """Whether somebody presses the button of a code they were shown: during a rollout they are not known yet."""
    found = tx.interactions.find(message.handle, now=now) if message.handle else None
    return found is not None and found.kind == LINK_CODE and found.audience == message.who.key


def _asking(channel: ChannelIdentity, sign_in: SignIn, state: str) -> Posting:
    """The card in the direct conversation. It never has the code."""
    reader = voice(sign_in.claims.locale)
    card = Card(
        headline=reader.say("linked.code.headline"),
        body=reader.say("linked.code.body"),
        facts=(Fact(label=reader.say("linked.code.company"), value=sign_in.claims.username),),
        status=Status.NEEDS_PROOF,
    )
    intent = Intent(
        capability=LINK_CODE, arguments={"leg": state, "company": sign_in.claims.username}, origin=Origin.PRESS
    )
    button = Button(
        label=reader.say("linked.code.button"),
        intent=intent,
        kind=LINK_CODE,
        style=ActionStyle.PRIMARY,
        opens_dialog=True,
    )
    draft = Draft(card=card, buttons=(button,), about=refusals.session_card(channel))
    return Posting(draft=draft, to=channel, place=direct_place(channel))


def _dialog(reader: Voice, handle: str, company: str) -> Dialog:
    """The button's own handle is the dialog's: both are this account's alone, and a code ends both."""
    code = DialogField(
        name="code",
        label=reader.say("linked.code.label"),
        kind=FieldKind.CODE,
        hint=reader.say("linked.code.hint"),
    )
    return Dialog(
        handle=handle,
        title=reader.say("linked.code.title"),
        submit=reader.say("linked.code.submit"),
        fields=(code,),
        signed=(Fact(label=reader.say("linked.code.company"), value=company),),
        body=reader.say("linked.code.warning"),
    )


def _hash(state: str, code: str) -> str:
    """Keyed with the leg's handle, which is stored nowhere in the clear: six digits alone could be guessed back."""
    return hmac.new(state.encode(), code.encode(), hashlib.sha256).hexdigest()


def _kept(leg: Leg, version: int, now: datetime) -> Interaction:
    payload: dict[str, object] = LEG.dump_python(leg, mode="json")
    until = now + timedelta(seconds=LEG_SECONDS)
    return Interaction(kind="leg", payload=payload, audience="browser", until=until, version=version)


def _arguments(pressed: Interaction) -> dict[str, object]:
    found = pressed.payload.get("arguments")
    return found if isinstance(found, dict) else {}


def _state_in(pressed: Interaction) -> str:
    return str(_arguments(pressed).get("leg", ""))


def _company_in(pressed: Interaction) -> str:
    return str(_arguments(pressed).get("company", ""))


def _refused(tx: Transaction, leg: Leg, code: str, now: datetime) -> None:
    tx.audit.append(scribe_of(leg, None, now).event(EventType.LINK_REFUSED, decision="deny", code=code))


def _error(reader: Voice, key: str, **values: object) -> FieldError:
    return FieldError(field="code", text=reader.say(key, **values))
