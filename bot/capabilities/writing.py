"""Where somebody writes what an action still needs, a text or days: a dialog in the chat, or a page of ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter

from bot.domain.answer import Form
from bot.domain.cards import Card, Dialog, DialogField
from bot.domain.identity import ChannelIdentity
from bot.domain.interaction import Interaction
from bot.domain.messages import Place
from bot.ports.database import Transaction
from bot.services.buttons import TYPED_ON_PAGE, WRITTEN
from bot.services.turns import Turn

WRITE_SECONDS = 900
_WHO: TypeAdapter[ChannelIdentity] = TypeAdapter(ChannelIdentity)
_PLACE: TypeAdapter[Place] = TypeAdapter(Place)


def page_path(tx: Transaction, turn: Turn, form: Form) -> str:
    """Our page on which the text is typed: opened by its own person only, until the time is up."""
    payload = {
        "capability": form.capability,
        "blanks": [blank.argument for blank in form.blanks],
        "arguments": dict(form.arguments),
        "who": _WHO.dump_python(turn.message.who, mode="json"),
        "place": _PLACE.dump_python(turn.message.place, mode="json"),
    }
    until = turn.now + timedelta(seconds=WRITE_SECONDS)
    kept = Interaction(kind=TYPED_ON_PAGE, payload=payload, audience=turn.person.key, until=until)
    return f"/write/{tx.interactions.create(kept)}"


def asked_in(interaction: Interaction) -> tuple[ChannelIdentity, Place]:
    """The chat account, and the conversation, in which somebody asked to type something on our page."""
    return _WHO.validate_python(interaction.payload["who"]), _PLACE.validate_python(interaction.payload["place"])


def blanks_of(interaction: Interaction) -> tuple[str, ...]:
    """Which arguments what is written becomes."""
    blanks = interaction.payload["blanks"]
    assert isinstance(blanks, list)
    return tuple(str(name) for name in blanks)


def write_dialog(tx: Transaction, turn: Turn, form: Form, about: Card) -> Dialog:
    """A field for each blank, under what it is about; what is done with them stays here, under the handle."""
    say = turn.voice.say
    handle = tx.interactions.create(
        Interaction(
            kind=WRITTEN,
            payload={
                "capability": form.capability,
                "blanks": [blank.argument for blank in form.blanks],
                "arguments": dict(form.arguments),
                "place": _PLACE.dump_python(turn.message.place, mode="json"),
            },
            audience=turn.message.who.key,
            until=turn.now + timedelta(seconds=WRITE_SECONDS),
        )
    )
    fields = tuple(
        DialogField(
            name=blank.argument,
            kind=blank.kind,
            label=say(f"talk.field.{form.capability}.{blank.argument}"),
            value=blank.value,
        )
        for blank in form.blanks
    )
    hinted = replace(fields[-1], hint=say(f"talk.hint.{form.capability}"))
    return Dialog(
        handle=handle,
        title=say(f"talk.title.{form.capability}"),
        submit=say("talk.send"),
        fields=(*fields[:-1], hinted),
        signed=about.facts,
        body=about.headline,
    )
