"""A list that waits, ticked line by line and signed with one code."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.domain.cards import Dialog
from bot.domain.messages import EventKind, ReplyWindow
from bot.ports.ingress import DialogAnswer, DialogClosed, DialogUpdate
from tests.fakes.world import World

REPORTS = ("mia", "sue", "raj", "ada")
DAYS = ("7 December", "9 December", "11 December", "15 December")


async def fifteen_wait(here: World) -> None:
    """Sarah has fifteen requests of her reports before her."""
    await here.sign_in("sarah")
    await here.enrol("sarah")
    for name in REPORTS:
        await here.sign_in(name)
    for number, (day, name) in enumerate((day, name) for day in DAYS for name in REPORTS):
        if number < 15:
            await here.say(name, f"I'd like to take {day} off")
            await here.press(name, here.last(name), "Send request")


async def ticking(here: World, name: str = "sarah") -> Dialog:
    """The dialog with the list."""
    await here.say(name, "what waits for me?")
    await here.press(name, here.last(name, "15 "), "Decide several…")
    return here.chat.dialogs["view"]


async def tick(here: World, positions: str, name: str = "sarah") -> DialogAnswer | None:
    """Submit it; what the platform shows next."""
    handle = here.chat.dialogs["view"].handle
    message = here.message(
        name, EventKind.SUBMISSION, handle=handle, fields={"ticked": positions}, window=ReplyWindow.IN_RESPONSE,
        trigger="view",
    )  # fmt: skip
    answer = (await here.core.ingress.accept(message)).answer
    await here.core.ingress.drain(10)
    if isinstance(answer, DialogUpdate):
        here.chat.dialogs["view"] = answer.dialog
    return answer


async def decided(here: World) -> Counter[str]:
    finished = await here.audit(type_prefix="effect.finished")
    return Counter(record.event.code for record in finished if record.event.action == "ApproveLeave")


@pytest.mark.requirement("61")
async def test_twelve_of_fifteen_are_approved_with_one_code(here: World) -> None:
    await fifteen_wait(here)
    shown = await ticking(here)
    [field] = shown.fields
    assert len(field.options) == 15
    await tick(here, ",".join(str(position) for position in range(12)))
    signing = here.chat.dialogs["view"]
    assert signing.title == "Approve 12 requests?"
    assert len(signing.signed) == 12
    assert all("December" in fact.value and "1 day" in fact.value for fact in signing.signed)
    assert await here.submit_code("sarah", here.code("sarah")) == DialogClosed()
    told = here.last("sarah", "12 of 12 approved.")
    assert [fact.value.rpartition(" · ")[2] for fact in told.card.facts] == ["approved"] * 12
    assert await decided(here) == {"done": 12}
    assert len(await here.audit(type_prefix="batch.consented")) == 1
    assert len(await here.audit(type_prefix="proof.given")) == 1
    waiting = await here.say("sarah", "what waits for me?")
    assert waiting.startswith("3 ")
    mine = [await here.say(name, "my leaves") for name in REPORTS]
    assert sum(text.count("approved") for text in mine) >= 12


async def test_nothing_ticked_asks_again_and_so_does_too_much(here: World) -> None:
    await fifteen_wait(here)
    await ticking(here)
    answer = await tick(here, "")
    assert isinstance(answer, DialogUpdate)
    assert "Nothing was ticked" in answer.dialog.fields[0].error
    assert not await decided(here)


@pytest.mark.requirement("61")
@pytest.mark.parametrize("given", ["15", "-1", "1,x", "0,0,99", "١", "1" * 400, "0," * 60])
async def test_positions_that_are_not_on_the_list_are_refused(here: World, given: str) -> None:
    await fifteen_wait(here)
    await ticking(here)
    await tick(here, given)
    assert not await here.audit(type_prefix="batch.")
    assert not here.chat.dialogs["view"].signed
