"""The answers that are not the thing itself: sign in first, not allowed, not understood. Each says what next."""

from __future__ import annotations

from bot.domain.answer import Answer, Button, Draft
from bot.domain.cards import Action, ActionStyle, Card, Dialog, Quote, Status
from bot.domain.identity import ChannelIdentity
from bot.domain.intent import Intent, Origin, Question
from bot.domain.session import SessionState
from bot.errors import AccountRevoked
from bot.ports.ingress import FieldError
from bot.services.buttons import SAID
from bot.texts.sentences import Voice

MAX_QUOTED = 300
MAX_SAID = 2000


def session_card(channel: ChannelIdentity) -> str:
    """Under what the sign-in card is found: it becomes "signed in", and "ended" when the session does."""
    return f"Session::{channel.key}"


def signed_in(voice: Voice, name: str) -> Draft:
    """What the sign-in card becomes."""
    card = Card(headline=voice.say("session.signed_in", name=name), status=Status.ALLOWED)
    return Draft(card=card)


def session_ended(voice: Voice, reason: str, at: str) -> Draft:
    """What it becomes when the session ends."""
    card = Card(headline=voice.say(f"session.ended.{reason}", time=at), body=voice.say("session.ended.next"))
    return Draft(card=card)


def sign_in_first(
    voice: Voice, path: str, public_url: str, state: SessionState, channel: ChannelIdentity, *, welcome: bool = False
) -> Answer:
    """An offer only this person sees; a `welcome` to who begins here, and has asked for nothing yet."""
    key = "sign_in.first" if state is SessionState.NOT_LINKED else "sign_in.again"
    key = "sign_in.afresh" if state is SessionState.SILENT else key
    link = Action(label=voice.say("sign_in.button"), url=public_url + path, style=ActionStyle.PRIMARY, signs_in=True)
    welcomed = welcome and state is SessionState.NOT_LINKED
    card = Card(
        headline=voice.say("start.welcome" if welcomed else f"{key}.headline"),
        body=voice.say("start.not_signed_in" if welcomed else f"{key}.body"),
        actions=(link,),
        status=Status.NEEDS_PROOF,
    )
    draft = Draft(card=card, about=session_card(channel))
    return Answer(draft=draft, continue_path=path, code=f"sign_in.{state}")


def denied(voice: Voice, reason: str, capability: str, *, code: str = "") -> Answer:
    """Why not, and what next; the same words for what may not be seen and what does not exist.

    `code` is the reason that is written down, where the sentence is a more helpful one.
    """
    specific = f"deny.{capability}.{reason}"
    key = specific if voice.has(f"{specific}.headline") else f"deny.{reason}"
    card = Card(headline=voice.say(f"{key}.headline"), body=voice.say(f"{key}.next"), status=Status.DENIED)
    return Answer(draft=Draft(card=card), code=f"deny.{code or reason}")


def expired(voice: Voice, at: str) -> Answer:
    """A request of one's own that waited until `at`."""
    card = Card(
        headline=voice.say("changed.expired.headline", at=at),
        body=voice.say("changed.expired.next"),
        status=Status.DENIED,
    )
    return Answer(draft=Draft(card=card), code="deny.expired")


def too_new(voice: Voice, at: str) -> Answer:
    """A factor that does not count yet."""
    card = Card(
        headline=voice.say("consent.too_new.headline", at=at),
        body=voice.say("consent.too_new.body"),
        status=Status.DENIED,
    )
    return Answer(draft=Draft(card=card), code="factor.too_new")


def failed(voice: Voice, code: str, reference: str) -> Answer:
    """Something did not work: what that means for the request, and what happens next."""
    key = code if voice.has(f"failed.{code}.headline") else "internal"
    card = Card(
        headline=voice.say(f"failed.{key}.headline"),
        body=voice.say(f"failed.{key}.next"),
        status=Status.DENIED if code == AccountRevoked.code else Status.BROKEN,
        quiet=voice.say("common.reference", reference=reference),
    )
    return Answer(draft=Draft(card=card), code=code)


def elsewhere(voice: Voice) -> Dialog:
    """What a dialog says whose answer stands in the chat."""
    title, body = voice.say("dialog.elsewhere.title"), voice.say("dialog.elsewhere.body")
    return Dialog(handle="", title=title, submit="", body=body)


def ask_back(voice: Voice, question: Question) -> Answer:
    """A helpful question, with the likely meanings as buttons."""
    buttons = [Button(label=voice.say(key), intent=intent) for key, intent in question.choices]
    if question.sentence:
        sending = Intent(capability="did_not_help", arguments={"sentence": question.sentence}, origin=Origin.PRESS)
        buttons.append(Button(label=voice.say("account.did_not_help.button"), intent=sending))
    card = Card(
        headline=voice.say(f"{question.text_key}.headline", **question.values),
        body=voice.say(f"{question.text_key}.body", **question.values),
        status=Status.PLAIN,
    )
    return Answer(draft=Draft(card=card, buttons=tuple(buttons)), code=question.text_key)


def by_app(voice: Voice, text: str) -> Answer:
    """Something posted under the person's account by an app; it is theirs once they press."""
    card = Card(
        headline=voice.say("by_app.headline"),
        body=voice.say("by_app.body"),
        quotes=(Quote(author=voice.say("by_app.author"), text=text[:MAX_QUOTED]),),
    )
    mine = Button(label=voice.say("by_app.mine"), kind=SAID, said=text[:MAX_SAID])
    return Answer(draft=Draft(card=card, buttons=(mine,)), code="ingress.not_a_person")


def code_refused(voice: Voice, key: str, **values: str) -> FieldError:
    """Why a code typed into a dialog did not count, at its field."""
    return FieldError(field="code", text=voice.say(key, **values))


def as_dialog(answer: Answer, handle: str) -> Dialog:
    """The same answer in the dialog that is open."""
    card = answer.draft.card if answer.draft else Card(headline="")
    links = tuple(action for action in card.actions if action.url)
    return Dialog(
        handle=handle,
        title=card.headline,
        submit="",
        body=card.body,
        signed=card.facts,
        quotes=card.quotes,
        links=links,
    )


def dismissed(voice: Voice) -> Answer:
    """The person pressed "Don't"."""
    card = Card(headline=voice.say("consent.dismissed.headline"), body=voice.say("consent.dismissed.body"))
    return Answer(draft=Draft(card=card), code="dismissed")
