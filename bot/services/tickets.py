"""Sign-in tickets: who asked in chat, for ten minutes and one use; no right at all without both legs in one browser."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any

from bot.domain.identity import ChannelIdentity
from bot.domain.interaction import Interaction
from bot.domain.messages import Place
from bot.ports.database import Transaction
from bot.services.legs import LEG, TICKET, TICKET_SECONDS, Ticket, browser_hash


def offer(tx: Transaction, channel: ChannelIdentity, place: Place, *, now: datetime, afresh: bool = False) -> str:
    """A ticket for this chat account; the path of the page that takes it. With `afresh` the provider asks who it is."""
    ticket: dict[str, Any] = TICKET.dump_python(Ticket(channel=channel, place=place, afresh=afresh), mode="json")
    handle = tx.interactions.create(
        Interaction(kind="ticket", payload=ticket, audience=channel.key, until=now + timedelta(seconds=TICKET_SECONDS))
    )
    return f"/signin/start?ticket={handle}"


def elsewhere(tx: Transaction, state: str, now: datetime) -> str:
    """Where a sign-in that came back in another browser begins again; empty where nothing is known of it."""
    found = tx.interactions.find(state, now=now)
    if found is None or found.kind != "leg":
        return ""
    leg = LEG.validate_python(found.payload)
    if leg.channel is None or leg.place is None:
        return leg.next_path
    return offer(tx, leg.channel, leg.place, now=now, afresh=leg.afresh)


def chat_of(tx: Transaction, state: str, browser_id: str, now: datetime) -> ChannelIdentity | None:
    """The chat account that a sign-in is for; told to the browser that walks it alone."""
    found = tx.interactions.find(state, now=now)
    if found is None or found.kind != "leg":
        return None
    leg = LEG.validate_python(found.payload)
    return leg.channel if hmac.compare_digest(leg.browser, browser_hash(browser_id)) else None
