"""The dialog in which somebody ticks what they want to do with one consent."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.answer import Tick, Ticks
from bot.domain.cards import MAX_OPTIONS, Dialog, DialogField, FieldKind, chosen
from bot.domain.intent import Intent, Origin
from bot.domain.interaction import Interaction
from bot.ports.database import Transaction
from bot.services.buttons import TICKED
from bot.services.turns import Turn
from bot.texts.sentences import Voice

TICK_SECONDS = 900
FIELD = "ticked"
REASON = "reason"
SHORTEST_REASON = 3
ANY = "any"
"""A list of several kinds, or of one that has no words of its own."""


def tick_dialog(tx: Transaction, turn: Turn, ticks: Ticks, *, error: str = "", reason_error: str = "") -> Dialog:
    """The list as boxes; what each stands for stays here, the platform gets positions."""
    say, items = turn.voice.say, ticks.items[:MAX_OPTIONS]
    if not items:
        return Dialog(handle="", title=say("batch.none.headline"), submit="", body=say("batch.none.next"))
    words = spoken(turn.voice, ticks.kind)
    handle = tx.interactions.create(
        Interaction(
            kind=TICKED,
            payload={
                "kind": ticks.kind,
                "items": [[each.capability, each.argument, each.item, each.label] for each in items],
                "reason": ticks.reason,
            },
            audience=turn.message.who.key,
            until=turn.now + timedelta(seconds=TICK_SECONDS),
        )
    )
    more = len(ticks.items) - len(items)
    field = DialogField(
        name=FIELD,
        label=say("batch.label", count=len(items)),
        kind=FieldKind.CHOICES,
        hint=say("batch.more", count=more) if more else say("batch.hint"),
        error=error,
        options=tuple(each.label for each in items),
    )
    why = DialogField(name=REASON, label=say("batch.reason"), hint=say("batch.reason_hint"), error=reason_error)
    return Dialog(
        handle=handle,
        title=say(f"batch.title.{words}"),
        submit=say(f"batch.submit.{words}"),
        fields=(field, why) if ticks.reason else (field,),
        body=say(f"batch.body.{words}"),
    )


def ticks_of(interaction: Interaction) -> Ticks:
    """The list a ticked dialog was of."""
    items = interaction.payload["items"]
    assert isinstance(items, list)
    return Ticks(
        kind=str(interaction.payload["kind"]),
        items=tuple(
            Tick(capability=str(capability), argument=str(argument), item=str(item), label=str(label))
            for capability, argument, item, label in items
        ),
        reason=str(interaction.payload["reason"]),
    )


def spoken(reader: Voice, kind: str) -> str:
    """The key under which a list of this kind is spoken of; `ANY` where it has no words of its own."""
    return kind if kind and reader.has(f"batch.title.{kind}") else ANY


def ticked(ticks: Ticks, value: str, reason: str = "") -> tuple[tuple[Intent, str], ...]:
    """What was ticked, in the list's order: an intent and its label each. Raises `ValueError`."""
    said = {ticks.reason: reason} if ticks.reason else {}
    picked = [ticks.items[position] for position in chosen(value, len(ticks.items))]
    return tuple(
        (Intent(capability=one.capability, arguments={one.argument: one.item, **said}, origin=Origin.PRESS), one.label)
        for one in picked
    )
