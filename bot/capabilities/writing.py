"""The dialog in which somebody writes a text that an action needs."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.answer import Form
from bot.domain.cards import Card, Dialog, DialogField
from bot.domain.interaction import Interaction
from bot.ports.database import Transaction
from bot.services.buttons import WRITTEN
from bot.services.turns import Turn

WRITE_SECONDS = 900


def write_dialog(tx: Transaction, turn: Turn, form: Form, about: Card) -> Dialog:
    """One field for the text, under what it is about; what is done with the text stays here, under the handle."""
    say = turn.voice.say
    handle = tx.interactions.create(
        Interaction(
            kind=WRITTEN,
            payload={
                "capability": form.capability,
                "argument": form.argument,
                "arguments": dict(form.arguments),
            },
            audience=turn.message.who.key,
            until=turn.now + timedelta(seconds=WRITE_SECONDS),
        )
    )
    field = DialogField(
        name=form.argument, label=say(f"talk.field.{form.capability}"), hint=say(f"talk.hint.{form.capability}")
    )
    return Dialog(
        handle=handle,
        title=say(f"talk.title.{form.capability}"),
        submit=say("talk.send"),
        fields=(field,),
        signed=about.facts,
        body=about.headline,
    )
