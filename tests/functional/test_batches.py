"""A list that waits, ticked line by line and signed with one code."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.cards import Dialog
from bot.domain.messages import EventKind, ReplyWindow
from bot.domain.proposal import Proposal
from bot.ports.database import Transaction
from bot.ports.ingress import DialogAnswer, DialogClosed, DialogUpdate, FieldError
from bot.services.bindings import bound_to
from tests.fakes.world import World

REPORTS = ("mia", "sue", "raj", "ada")
DAYS = ("7 December", "9 December", "11 December", "15 December")


async def wait(here: World, count: int = 3) -> None:
    """Sarah has so many requests of her reports before her; Sue's of 7 December waits from the start."""
    await here.sign_in("sarah")
    await here.enrol("sarah")
    asked = [(day, name) for day in DAYS for name in REPORTS if (day, name) != (DAYS[0], "sue")]
    for day, name in asked[: count - 1]:
        await here.sign_in(name)
        await here.say(name, f"I'd like to take {day} off")
        await here.press(name, here.last(name), "Send request")


async def ticking(here: World, name: str = "sarah") -> Dialog:
    """The dialog with the list."""
    await here.say(name, "waiting")
    await here.press(name, here.last(name, "requests wait"), "Approve several…")
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


async def lines(here: World) -> list[Proposal]:
    """The lines of the list that waits for its code."""
    handle = here.chat.dialogs["view"].handle

    def read(tx: Transaction) -> list[Proposal]:
        found = tx.interactions.find(handle, now=here.clock.now())
        assert found is not None
        whole = tx.proposals.find(str(found.payload["proposal"]))
        assert whole is not None
        return [line for line in map(tx.proposals.find, whole.members) if line is not None]

    return await here.database.read(read)


async def decided(here: World) -> Counter[str]:
    finished = await here.audit(type_prefix="effect.finished")
    return Counter(record.event.code for record in finished if record.event.action == "ApproveLeave")


@pytest.mark.requirement("61")
async def test_twelve_of_fifteen_are_approved_with_one_code(here: World) -> None:
    await wait(here, 15)
    shown = await ticking(here)
    [field] = shown.fields
    assert len(field.options) == 15
    await tick(here, ",".join(str(position) for position in range(12)))
    signing = here.chat.dialogs["view"]
    assert signing.title == "Approve 12 requests?"
    assert len(signing.signed) == 12
    assert all("Dec" in fact.value and "day" in fact.value for fact in signing.signed)
    assert await here.submit_code("sarah", here.code("sarah")) == DialogClosed()
    told = here.last("sarah", "12 of 12 approved.")
    assert [fact.value.rpartition(" · ")[2] for fact in told.card.facts] == ["approved"] * 12
    assert await decided(here) == {"done": 12}
    assert len(await here.audit(type_prefix="batch.consented")) == 1
    assert len(await here.audit(type_prefix="proof.given")) == 1
    waiting = await here.say("sarah", "waiting")
    assert waiting.startswith("3 requests")
    mine = [await here.say(name, "my leaves") for name in REPORTS]
    assert sum(text.count("approved") for text in mine) >= 12


async def test_nothing_ticked_asks_again(here: World) -> None:
    await wait(here)
    await ticking(here)
    answer = await tick(here, "")
    assert isinstance(answer, DialogUpdate)
    assert "Nothing was ticked" in answer.dialog.fields[0].error
    assert not await decided(here)


@pytest.mark.requirement("61")
async def test_positions_that_are_not_on_the_list_are_refused(here: World) -> None:
    await wait(here)
    await ticking(here)
    for given in ("15", "-1", "1,x", "0,0,99", "١", "1" * 400, "0," * 60):
        assert not isinstance(await tick(here, given), DialogUpdate), given
    assert not await here.audit(type_prefix="batch.")
    assert {record.event.code for record in (await here.audit(decision="deny"))[:7]} == {"deny.handle_spent"}


@pytest.mark.requirement("57", "61")
async def test_what_was_decided_meanwhile_is_told_and_the_others_are_done(here: World) -> None:
    await wait(here)
    await ticking(here)
    await tick(here, "0,1,2")
    sign = here.chat.dialogs["view"]
    code = here.code("sarah")
    name = sign.signed[1].label.split(" ")[0].lower()
    second = (await lines(here))[1].action.resource.id
    await here.command(name, f"leaves withdraw {second}")
    await here.press(name, here.last(name), "Withdraw it")
    here.chat.dialogs["view"] = sign
    assert await here.submit_code("sarah", code) == DialogClosed()
    told = here.last("sarah", "2 of 3 approved.")
    assert [fact.value.endswith("approved") for fact in told.card.facts] == [True, False, True]
    assert await decided(here) == {"done": 2}
    assert told.card.body.startswith("What was not done still waits.")


@pytest.mark.requirement("32", "61")
async def test_the_same_code_and_the_same_list_count_once(here: World) -> None:
    await wait(here)
    await ticking(here)
    await tick(here, "0,1,2")
    sign, code = here.chat.dialogs["view"], here.code("sarah")
    assert await here.submit_code("sarah", code) == DialogClosed()
    here.chat.dialogs["view"] = sign
    assert isinstance(await here.submit_code("sarah", code), FieldError)
    here.clock.advance(timedelta(seconds=30))
    assert isinstance(await here.submit_code("sarah", here.code("sarah")), FieldError)
    assert await decided(here) == {"done": 3}


@pytest.mark.requirement("17", "61")
async def test_somebody_elses_list_is_not_mine(here: World) -> None:
    await wait(here)
    await here.sign_in("mia")
    await ticking(here)
    await tick(here, "0,1,2", name="mia")
    assert not here.chat.dialogs["view"].signed
    assert not await here.audit(type_prefix="batch.")


@pytest.mark.requirement("91", "61")
async def test_a_line_that_is_put_in_place_of_another_after_the_consent_is_an_alarm(here: World) -> None:
    await wait(here)
    await ticking(here)
    await tick(here, "0,1")
    shown = here.chat.dialogs["view"].handle

    def exchange(tx: Transaction) -> None:
        found = tx.interactions.find(shown, now=here.clock.now())
        assert found is not None
        whole = tx.proposals.find(str(found.payload["proposal"]))
        assert whole is not None
        first, second = whole.members
        other = replace(whole, id="other", members=(second, first))
        tx.proposals.insert(other)
        handle = tx.interactions.create(replace(found, payload=bound_to(other)))
        here.chat.dialogs["view"] = replace(here.chat.dialogs["view"], handle=handle)

    await here.database.write(exchange)
    await here.submit_code("sarah", here.code("sarah"))
    assert not await decided(here)
    assert await here.audit(type_prefix="integrity.alarm")


async def refusing(here: World, positions: str, reason: str) -> DialogAnswer | None:
    handle = here.chat.dialogs["view"].handle
    message = here.message(
        "sarah", EventKind.SUBMISSION, handle=handle, fields={"ticked": positions, "reason": reason},
        window=ReplyWindow.IN_RESPONSE, trigger="view",
    )  # fmt: skip
    answer = (await here.core.ingress.accept(message)).answer
    await here.core.ingress.drain(10)
    if isinstance(answer, DialogUpdate):
        here.chat.dialogs["view"] = answer.dialog
    return answer


@pytest.mark.requirement("61")
async def test_several_are_refused_with_one_reason_and_one_code(here: World) -> None:
    await wait(here, 4)
    await here.say("sarah", "waiting")
    await here.press("sarah", here.last("sarah", "requests wait"), "Refuse several…")
    shown = here.chat.dialogs["view"]
    assert [field.name for field in shown.fields] == ["ticked", "reason"]
    assert "refuse" in shown.body
    for nothing in ("", "  ", "no"):
        answer = await refusing(here, "0,1", nothing)
        assert isinstance(answer, DialogUpdate)
        assert answer.dialog.fields[1].error, "a reason is asked for again"
    await refusing(here, "0,1,3", "the fair is that week")
    signing = here.chat.dialogs["view"]
    assert signing.title == "Refuse 3 requests?"
    assert signing.signed[0].value == "the fair is that week", "the reason is signed with the list"
    assert all(line.action.arguments["note"] == "the fair is that week" for line in await lines(here))
    assert await here.submit_code("sarah", here.code("sarah")) == DialogClosed()
    told = here.last("sarah", "3 of 3 refused.")
    assert [fact.value.rpartition(" · ")[2] for fact in told.card.facts] == ["refused"] * 3
    finished = await here.audit(type_prefix="effect.finished")
    assert Counter(record.event.action for record in finished)["RefuseLeave"] == 3
    assert (await here.say("sarah", "waiting")).startswith("1 request waits")
    heard = [posted.text for posted in here.chat.posts if "refused by Sarah" in posted.text]
    assert heard
    assert any("the fair is that week" in text for text in heard)


async def test_a_reason_that_is_changed_after_the_consent_signs_nothing(here: World) -> None:
    await wait(here, 3)
    await here.say("sarah", "waiting")
    await here.press("sarah", here.last("sarah", "requests wait"), "Refuse several…")
    ticked = here.chat.dialogs["view"]
    await refusing(here, "0,1", "the fair is that week")
    first = {line.digest for line in await lines(here)}
    here.chat.dialogs["view"] = ticked
    await refusing(here, "0,1", "another reason altogether")
    assert first.isdisjoint({line.digest for line in await lines(here)})
