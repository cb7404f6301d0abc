"""Takes a link away: by its own person with a proof, or at once where an account linked before says it was not them."""

from __future__ import annotations

from bot.domain.answer import Answer, Draft
from bot.domain.audit import EventType
from bot.domain.cards import Card, Status
from bot.domain.identity import ChannelIdentity, Link
from bot.domain.interaction import Interaction
from bot.ports.database import Transaction
from bot.services.announcing import named
from bot.services.audit_trail import Scribe
from bot.services.buttons import DISOWN
from bot.services.token_revocation import retire
from bot.services.turns import Ending, Turn
from bot.texts.sentences import voice


def unlink(tx: Transaction, link: Link, scribe: Scribe, *, code: str) -> None:
    """Remove a link and what speaks through it: its session, every browser, what waits, and unspent proofs."""
    identity = link.identity
    tx.links.remove(link.channel)
    tx.sessions.end(link.channel)
    # A browser's session knows no chat account: the one that made this link cannot be told from the others.
    tx.browsers.end_all(identity)
    tx.proposals.void_all(identity)
    tx.proofs.void_all(identity)
    tx.pending.take(link.channel, now=scribe.time)
    if not tx.sessions.of_identity(identity):
        retire(tx, identity)
    tx.audit.append(scribe.event(EventType.LINK_REMOVED, resource=link.channel.key, code=code, principal=identity.key))


def is_disowning(pressed: Interaction | None, who: ChannelIdentity) -> bool:
    """Whether a handle is the button "This wasn't me" of this chat account."""
    return pressed is not None and pressed.kind == DISOWN and pressed.audience == who.key


def disowning(turn: Turn) -> Ending | None:
    """The ending of a press on "This wasn't me"; None for anything else.

    It only takes rights away, so the chat account alone is enough: whoever has to sign in first is too late.
    """
    pressed, who = turn.pressed, turn.message.who
    if pressed is None or not is_disowning(pressed, who):
        return None

    def answer(tx: Transaction) -> Answer:
        return _disown(tx, turn, pressed, who)

    event = turn.scribe.event(EventType.ACCESS_DECIDED, decision="allow", code="link.disowned", time=turn.now)
    return Ending(event=event, answer=answer)


def _disown(tx: Transaction, turn: Turn, pressed: Interaction, who: ChannelIdentity) -> Answer:
    own, wanted = tx.links.find(who), pressed.payload.get("arguments")
    found = [] if own is None else [link for link in tx.links.of_identity(own.identity) if named(link) == wanted]
    # A link can undo only those made after it, or the newest account could push out the first.
    later = [link for link in found if own is not None and link.linked_at > own.linked_at]
    for link in later:
        unlink(tx, link, turn.scribe, code="link.disowned")
    person = None if own is None else tx.persons.find(own.identity)
    say = voice((person.locale if person else "") or turn.message.locale).say
    key = "linked.disowned" if later else "linked.disowned_already"
    card = Card(headline=say(f"{key}.headline"), body=say(f"{key}.body"), status=Status.ALLOWED)
    return Answer(draft=Draft(card=card), code="link.disowned")
