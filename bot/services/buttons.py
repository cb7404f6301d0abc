"""Turns buttons into opaque handles: the platform gets a random string, its meaning lies sealed in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.answer import Button, Draft
from bot.domain.cards import Action, Audience, Card
from bot.domain.identity import ChannelIdentity
from bot.domain.intent import Intent, Origin
from bot.domain.interaction import Interaction
from bot.ports.database import Transaction

PERSONAL_SECONDS = 3600
SHARED_SECONDS = 30 * 86_400
"""A shared card's button names only what it is about; each press is decided anew, so it may live long."""
DISOWN = "disown"
"""The kind of the button "This wasn't me", which `bot.services.unlinking` answers itself."""
LINK_CODE = "link_code"
"""The kind of the button behind which a linking code is typed, which `bot.services.link_codes` answers itself."""
DISOWN_SECONDS = 30 * 86_400
SAID = "said"
"""The kind of the button that makes a sentence the person's own, which somebody else may have posted."""
TICKED = "ticked"
"""The kind of a dialog in which a list is ticked (`bot.capabilities.batching`)."""
WRITTEN = "written"
"""The kind of a dialog in which a text is written (`bot.capabilities.writing`)."""
TYPED_ON_PAGE = "typed_on_page"
"""The kind of a handle under which something is typed on our page, and never in the chat."""
VIEWED = "viewed"
"""The kind of what lies under a shared card's own handle (`bot.services.views`): no button, and nothing is pressed."""
PRESSED = frozenset({"intent", "confirm", "dismiss", "code", TICKED, WRITTEN, TYPED_ON_PAGE, SAID})
"""The kinds of handles that are buttons or dialogs; those of our pages, tickets and sign-ins are none."""


def with_handles(tx: Transaction, draft: Draft, to: ChannelIdentity, now: datetime, *, viewed: str = "") -> Card:
    """The card with a handle under every button; links come after what is done in the chat itself.

    `viewed` is the handle of the shared card that the buttons stand on, where that has one.
    """
    shared = draft.audience is Audience.PLACE
    stands_on = {VIEWED: viewed} if viewed else {}
    actions = tuple(_action(tx, button, to, now, stands_on, shared=shared) for button in draft.buttons)
    return replace(draft.card, actions=actions + draft.card.actions)


def _action(
    tx: Transaction, button: Button, to: ChannelIdentity, now: datetime, stands_on: dict[str, str], *, shared: bool
) -> Action:
    if button.url:
        return Action(label=button.label, url=button.url, style=button.style)
    payload: dict[str, object] = {"kind": button.kind, **stands_on}
    if button.intent is not None:
        payload |= {"capability": button.intent.capability, "arguments": dict(button.intent.arguments)}
    if button.proposal is not None:
        payload |= {"proposal": button.proposal, "digest": button.digest}
    if button.said:
        payload |= {"text": button.said}
    seconds = (
        SHARED_SECONDS if shared or button.lasts else DISOWN_SECONDS if button.kind == DISOWN else PERSONAL_SECONDS
    )
    handle = tx.interactions.create(
        Interaction(
            kind=button.kind,
            payload=payload,
            audience="*" if shared else to.key,
            until=now + timedelta(seconds=seconds),
        )
    )
    return Action(label=button.label, handle=handle, style=button.style, opens_dialog=button.opens_dialog)


def intent_of(interaction: Interaction) -> Intent:
    """The intent a pressed button stands for."""
    arguments = interaction.payload.get("arguments")
    if not isinstance(arguments, dict):
        arguments = {}
    return Intent(
        capability=str(interaction.payload["capability"]),
        arguments={str(key): value for key, value in arguments.items()},
        origin=Origin.PRESS,
    )
