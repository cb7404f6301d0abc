"""The same thing many times at once, over two replicas: it counts once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

import pytest

from bot.domain.identity import LinkedIdentity
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.secret import Secret
from bot.domain.totp import MAX_CONSECUTIVE_FAILURES, code_at
from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed, FieldError
from bot.services import step_up
from bot.services.step_up import CodePath, CodeRefusal
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, effects_done, press_of, states, unmatched, wrong_code

Both = tuple[World, World]


async def _drain(both: Both) -> None:
    for one in both:
        await one.core.ingress.drain(SETTLE_SECONDS)


@pytest.mark.requirement("3", "17", "79")
async def test_twenty_presses_of_one_confirmation_are_one_request(replicas: Both) -> None:
    one, two = replicas
    await one.sign_in("john")
    await one.say("john", "I'd like to take 21 to 23 December off")
    handle = one.last("john").button("Send request").handle
    messages = [(replicas[turn % 2], press_of(one, "john", handle)) for turn in range(20)]
    await asyncio.gather(*(world.core.ingress.accept(message) for world, message in messages), return_exceptions=True)
    await _drain(replicas)
    one.clock.advance(timedelta(seconds=61))  # what was too slow to be acknowledged, and is durable, is taken over
    await asyncio.gather(one.core.ingress.take_over(), two.core.ingress.take_over())
    assert await states(one) == [LeaveState.PENDING]
    assert len(await effects_done(two, "RequestLeave")) == 1
    assert not await unmatched(one)
    asked = [posted for posted in one.chat.posts if "Leave for John" in posted.card.headline]
    assert len(asked) == 1, "HR's channel is asked once; Mia is not linked"


@pytest.mark.requirement("3", "4")
async def test_one_event_delivered_many_times_to_both_replicas_is_handled_once(replicas: Both) -> None:
    one, _ = replicas
    await one.sign_in("john")
    message = one.message("john", text="how many days of leave do I have?")
    taken = await asyncio.gather(*(replicas[turn % 2].core.ingress.accept(message) for turn in range(20)))
    await _drain(replicas)
    assert [accepted.duplicate for accepted in taken].count(False) == 1
    assert len(await effects_done(one, "ViewLeaveBalance")) == 1
    assert len([posted for posted in one.chat.posts if "14 days" in posted.text]) == 1


async def _same_code(replicas: Both, times: int) -> None:
    one, _ = replicas
    await code_dialog(one)
    handle, code = one.chat.dialogs["view"].handle, one.code("mia")
    answers = await asyncio.gather(
        *(
            replicas[turn % 2].core.ingress.submit_code(
                one.message("mia", EventKind.SUBMISSION, handle=handle), Secret(code)
            )
            for turn in range(times)
        ),
        return_exceptions=True,
    )
    await _drain(replicas)
    assert answers.count(DialogClosed()) == 1
    assert len(await one.audit(type_prefix="proof.given")) == 1
    assert await states(one) == [LeaveState.APPROVED]
    assert len(await effects_done(one, "ApproveLeave")) == 1


@pytest.mark.requirement("32")
async def test_one_code_a_hundred_times_in_parallel_over_two_replicas_counts_once(replicas: Both) -> None:
    await _same_code(replicas, 100)


@pytest.mark.requirement("32", "37")
async def test_one_code_in_chat_and_on_the_page_counts_once(replicas: Both) -> None:
    one, two = replicas
    await one.sign_in("mia")
    await one.enrol("mia")
    code, now = one.code("mia"), one.clock.now()

    def checked(path: CodePath, tx: Transaction) -> object:
        return step_up.check_code(tx, one.identity("mia"), code, path=path, now=now)

    results = await asyncio.gather(
        *(
            world.database.write(partial(checked, path))
            for world in (one, two)
            for path in (CodePath.CHAT, CodePath.PAGE)
        )
    )
    assert len([result for result in results if not isinstance(result, CodeRefusal)]) == 1


@pytest.mark.requirement("34")
async def test_chat_takes_five_wrong_codes_and_then_not_even_the_right_one(replicas: Both) -> None:
    one, two = replicas
    await code_dialog(one)
    handle, wrong = one.chat.dialogs["view"].handle, wrong_code(one, "mia")
    for turn in range(5):
        await replicas[turn % 2].core.ingress.submit_code(
            one.message("mia", EventKind.SUBMISSION, handle=handle), Secret(wrong)
        )
    answer = await two.core.ingress.submit_code(
        one.message("mia", EventKind.SUBMISSION, handle=handle), Secret(one.code("mia"))
    )
    await _drain(replicas)
    assert isinstance(answer, FieldError)
    assert await states(one) == [LeaveState.PENDING]
    codes = [record.event.code for record in await one.audit(type_prefix="proof.refused")]
    assert codes == ["totp.throttled"] + ["totp.wrong"] * 5
    # The page has tries of its own: whoever has the chat account's tokens does not close it.
    now = one.clock.now()
    page = await one.database.write(
        lambda tx: step_up.check_code(tx, one.identity("mia"), one.code("mia"), path=CodePath.PAGE, now=now)
    )
    assert not isinstance(page, CodeRefusal)


@pytest.mark.requirement("35")
async def test_an_attackers_tries_use_up_nobody_elses(here: World) -> None:
    await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    await here.sign_in("sue")
    await here.enrol("sue")
    wrong = wrong_code(here, "mia")
    for _ in range(30):
        message = here.message("sue", EventKind.SUBMISSION, handle=dialog.handle)
        assert isinstance(await here.core.ingress.submit_code(message, Secret(wrong)), FieldError)
    [authenticator] = await here.database.read(lambda tx: tx.authenticators.of_identity(here.identity("mia")))
    assert authenticator.failures == 0
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert await states(here) == [LeaveState.APPROVED]


@pytest.mark.requirement("35", "15")
async def test_a_flood_of_messages_closes_only_its_senders_budget(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("sue")
    for _ in range(61):
        await here.core.ingress.accept(here.message("sue", text="balance"))
    await here.core.ingress.drain(SETTLE_SECONDS)
    assert "14 days" in await here.say("john", "balance")
    assert len(await here.audit(type_prefix="message.throttled")) == 1


def _try(who: LinkedIdentity, code: str, now: datetime, tx: Transaction) -> object:
    return step_up.check_code(tx, who, code, path=CodePath.PAGE, now=now)


@pytest.mark.requirement("34")
async def test_a_hundred_wrong_codes_disable_the_authenticator_for_good(replicas: Both) -> None:
    one, two = replicas
    await one.sign_in("mia")
    await one.enrol("mia")
    who = one.identity("mia")
    results: list[object] = []
    for turn in range(MAX_CONSECUTIVE_FAILURES + 20):
        now = one.clock.advance(timedelta(minutes=75))  # slow enough for the limit of a day on one path

        results.append(await replicas[turn % 2].database.write(partial(_try, who, wrong_code(one, "mia"), now)))
    assert results.count(CodeRefusal.WRONG) == MAX_CONSECUTIVE_FAILURES - 1
    right = await two.database.write(
        lambda tx: step_up.check_code(tx, who, one.code("mia"), path=CodePath.PAGE, now=one.clock.now())
    )
    assert right is CodeRefusal.DISABLED
    again = await one.database.write(lambda tx: step_up.begin_enrolment(tx, who, one.clock.now()))
    assert again is None, "nobody gets a new one without a person's reset"


@pytest.mark.requirement("33")
@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_only_a_code_of_the_window_counts(here: World, steps: int, good: bool) -> None:
    await here.sign_in("mia")
    await here.enrol("mia")
    here.clock.advance(timedelta(minutes=5))
    then = here.clock.now()
    code = code_at(here.seeds["mia"], then + timedelta(seconds=30 * steps))
    result = await here.database.write(
        lambda tx: step_up.check_code(tx, here.identity("mia"), code, path=CodePath.PAGE, now=then)
    )
    assert (not isinstance(result, CodeRefusal)) is good
