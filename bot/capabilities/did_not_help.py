"""“This didn't help”: one sentence that nobody understood goes to the owner, once its author has seen and sent it."""

from __future__ import annotations

import secrets

from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local, on_self
from bot.domain.answer import Draft, Posting, Result
from bot.domain.cards import Audience, Card, Quote, Status
from bot.domain.notice import Notice
from bot.ports.mail import Letter, WaitingLetter
from bot.services.throttling import FEEDBACK, hit
from bot.texts.sentences import voice


class OneSentence(Arguments):
    """What somebody typed, as it stood."""

    sentence: str


def did_not_help(local: Local, acting: Acting) -> Result:
    """Send it; with nobody to send it to, or more than a few a day, it says so instead."""
    owner, say = local.ours.owner, acting.voice.say
    if not owner.named:
        return _not_sent(say("account.did_not_help.nobody"), "feedback.nobody")
    if not hit(local.tx, f"feedback|{acting.principal.key}", FEEDBACK, acting.now):
        return _not_sent(say("account.did_not_help.enough"), "feedback.throttled")
    sentence = acting.argument("sentence")
    if owner.mail:
        local.tx.letters.put(_letter(owner.mail, acting, sentence), lease_seconds=0)
    card = Card(headline=say("account.did_not_help.done"), status=Status.ALLOWED)
    return Result(draft=Draft(card=card), postings=_posted(local, acting, sentence))


def _not_sent(headline: str, code: str) -> Result:
    return Result(draft=Draft(card=Card(headline=headline, status=Status.DENIED)), code=code)


def _letter(to: str, acting: Acting, sentence: str) -> WaitingLetter:
    say = voice(None).say
    text = f"{say('account.did_not_help.told', name=acting.principal.display_name)}\n\n  {sentence}\n"
    letter = Letter(to=to, subject=say("account.did_not_help.subject"), text=text)
    return WaitingLetter(id=secrets.token_hex(12), letter=letter, written_at=acting.now)


def _posted(local: Local, acting: Acting, sentence: str) -> tuple[Posting, ...]:
    place = local.ours.owner.place
    if place is None:
        return ()
    name, say = acting.principal.display_name, voice(None).say
    card = Card(headline=say("account.did_not_help.told", name=name), quotes=(Quote(author=name, text=sentence),))
    draft = Draft(card=card, audience=Audience.PLACE)
    return (Posting(draft=draft, to=acting.channel, place=place, notice=Notice.DID_NOT_HELP),)


DID_NOT_HELP: tuple[Capability, ...] = (
    Capability(
        name="did_not_help",
        action="SendFeedback",
        group=Group.ACCOUNT,
        resource_type="Employee",
        arguments=OneSentence,
        canonical=("sentence",),
        effect=Effect.WRITE,
        target=on_self("Employee"),
        local=did_not_help,
        command="feedback",
    ),
)
