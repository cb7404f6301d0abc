"""Ends every session of a person in the whole company: asked for by an administrator, done by the provider.

What is asked for is written down in the transaction that ends Doorward's own sessions, and the provider is told
afterwards, again and again until it has done it; whoever asked hears how it went.
"""

from __future__ import annotations

from bot.domain.answer import Draft, Posting
from bot.domain.cards import Card, Status
from bot.domain.identity import ChannelIdentity, Person
from bot.errors import AccountRevoked
from bot.ports.database import Transaction
from bot.ports.identity_provider import IdentityProvider
from bot.ports.keys import Revocation
from bot.services.delivery import direct_place
from bot.texts.sentences import voice

DONE, NOT_OFFERED, GONE = "company_sessions.done", "company_sessions.not_offered", "company_sessions.gone"
WAITS = "company_sessions.waits"
STATUS = {DONE: Status.ALLOWED, GONE: Status.ALLOWED, WAITS: Status.WAITING}


def ask(tx: Transaction, person: Person, *, by: ChannelIdentity) -> bool:
    """Keep what names the account to its provider, to be told; False where there is nothing to name it with.

    Before the person's tokens are taken out of use, in the same transaction. Raises `IntegrityAlarm`.
    """
    kept = tx.tokens.load(person.identity)
    if kept is not None:
        tx.revocations.put(person.identity, person.provider, kept[0], asked_by=by)
    return kept is not None


async def end(provider: IdentityProvider, token_cache: bytes) -> str:
    """Have the provider end them; the code of how it went. Raises `ProviderUnavailable`."""
    try:
        ended = await provider.end_company_sessions(token_cache=token_cache)
    except AccountRevoked:
        return GONE
    return DONE if ended else NOT_OFFERED


def told(tx: Transaction, revocation: Revocation, code: str) -> Posting | None:
    """What whoever asked is told; None where that chat account is nobody's any more."""
    by = revocation.asked_by
    link = None if by is None else tx.links.find(by)
    asker = None if link is None else tx.persons.find(link.identity)
    if by is None or asker is None:
        return None
    person = tx.persons.find(revocation.identity)
    name = person.username if person else str(revocation.identity.subject)
    key, reader = code.partition(".")[2], voice(asker.locale)
    card = Card(
        headline=reader.say(f"company_sessions.{key}.headline", name=name, provider=revocation.provider),
        body=reader.say(f"company_sessions.{key}.body", provider=revocation.provider),
        status=STATUS.get(code, Status.BROKEN),
    )
    return Posting(draft=Draft(card=card), to=by, place=direct_place(by))
