"""Tells a person of every new chat account: in those linked before, where one press undoes it, and in their mailbox."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.domain.answer import Button, Draft, Posting
from bot.domain.cards import ActionStyle, Card, Fact, Status
from bot.domain.identity import ChannelIdentity, Link
from bot.domain.intent import Intent, Origin
from bot.domain.notice import Notice
from bot.errors import MailUnavailable
from bot.ports.database import Transaction
from bot.ports.identity_provider import VerifiedClaims
from bot.ports.mail import Letter, Mail
from bot.services import refusals
from bot.services.buttons import DISOWN
from bot.services.delivery import direct_place, edit_of
from bot.texts.formats import moment
from bot.texts.sentences import Voice, voice

log = structlog.get_logger("doorward.announcing")


def cards(tx: Transaction, link: Link, claims: VerifiedClaims) -> list[Posting]:
    """A card for each chat account that was linked before, never for the new one."""
    earlier = [one for one in tx.links.of_identity(link.identity) if one.channel != link.channel]
    draft = _draft(link, claims)
    return [
        Posting(draft=draft, to=one.channel, place=direct_place(one.channel), notice=Notice.ACCOUNT_LINKED)
        for one in earlier
    ]


def signed_in(tx: Transaction, channel: ChannelIdentity, claims: VerifiedClaims) -> list[Posting]:
    """The sign-in card says from now on who is signed in; where the offer was none, a card of its own says so."""
    about = refusals.session_card(channel)
    draft = refusals.signed_in(voice(claims.locale), claims.display_name)
    copies = tx.posted.about(about)[-1:]
    if not copies:
        return [Posting(draft=replace(draft, about=about), to=channel, place=direct_place(channel))]
    edits = [edit_of(tx, posted, draft) for posted in copies]
    return [edit for edit in edits if edit is not None]


def _draft(link: Link, claims: VerifiedClaims) -> Draft:
    reader = voice(claims.locale)
    card = Card(
        headline=reader.say("linked.announced.headline"),
        body=reader.say("linked.announced.body"),
        facts=_facts(reader, link, claims.timezone),
        status=Status.NEEDS_PROOF,
    )
    intent = Intent(capability="disown", arguments=named(link), origin=Origin.PRESS)
    button = Button(label=reader.say("linked.announced.not_me"), intent=intent, kind=DISOWN, style=ActionStyle.DANGER)
    return Draft(card=card, buttons=(button,))


def named(link: Link) -> dict[str, str | int | bool | None]:
    """What names exactly this link: a chat account that is linked anew later is another one."""
    return {"channel": link.channel.key, "linked_at": link.linked_at.isoformat()}


def _facts(reader: Voice, link: Link, timezone: str) -> tuple[Fact, ...]:
    platform = reader.say(f"platforms.{link.channel.platform}")
    return (
        Fact(label=reader.say("linked.account"), value=link.channel.account),
        Fact(label=reader.say("linked.where"), value=f"{platform} · {link.channel.tenant}"),
        Fact(label=reader.say("linked.when"), value=moment(link.linked_at, timezone, reader.language)),
    )


def letter(link: Link, claims: VerifiedClaims) -> Letter | None:
    """The letter about a new link; None where the provider names no mailbox."""
    if not claims.email:
        return None
    reader = voice(claims.locale)
    facts = "\n".join(f"{fact.label}: {fact.value}" for fact in _facts(reader, link, claims.timezone))
    text = f"{reader.say('linked.letter.body')}\n\n{facts}\n\n{reader.say('linked.letter.next')}\n"
    return Letter(to=claims.email, subject=reader.say("linked.letter.subject"), text=text)


async def post(mail: Mail, written: Letter | None) -> None:
    """Hand the letter over, once; the link stands either way, and the chat accounts linked before are told too."""
    if written is None:
        return
    try:
        await mail.send(written)
    except MailUnavailable as error:
        log.warning("letter_not_sent", code=error.code, detail=error.detail)
