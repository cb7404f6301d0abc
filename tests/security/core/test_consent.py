"""Attacks on consent: a code, a press or a proof used for something or by somebody else, late, or again."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

import pytest

from bot.domain.cards import FieldKind
from bot.domain.identity import ChannelIdentity, Link, Platform
from bot.domain.interaction import Interaction
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind, Place, PlaceKind
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.secret import Secret
from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed, FieldError
from bot.services import step_up
from bot.services.sessions import open_session
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.world import LIMITS, World, url_in
from tests.security.core.attack import code_dialog, effects_done, leave_for_mia, peeking, press_of, sent, states


@pytest.mark.requirement("17", "47")
async def test_a_code_counts_for_no_other_proposal(here: World) -> None:
    card = await code_dialog(here)
    first = here.chat.dialogs["view"]
    await here.press("mia", card, "Refuse")
    second = here.chat.dialogs["view"]
    assert first.handle != second.handle
    code = here.code("mia")
    relayed = await here.core.ingress.submit_code(
        here.message("mia", EventKind.SUBMISSION, handle=second.handle), Secret(code)
    )
    await here.core.ingress.drain(SETTLE_SECONDS)
    assert relayed == DialogClosed()
    assert await states(here) == [LeaveState.REFUSED]
    again = await here.core.ingress.submit_code(
        here.message("mia", EventKind.SUBMISSION, handle=first.handle), Secret(code)
    )
    await here.core.ingress.drain(SETTLE_SECONDS)
    assert isinstance(again, FieldError)
    assert await states(here) == [LeaveState.REFUSED]
    assert not await effects_done(here, "ApproveLeave")


@pytest.mark.requirement("17")
async def test_a_code_dialog_of_mia_takes_no_code_from_anybody_else(here: World) -> None:
    await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    await here.sign_in("sarah")
    await here.enrol("sarah")
    for name, code in (("sarah", here.code("sarah")), ("sarah", here.code("mia")), ("john", here.code("mia"))):
        message = here.message(name, EventKind.SUBMISSION, handle=dialog.handle)
        assert isinstance(await here.core.ingress.submit_code(message, Secret(code)), FieldError)
    assert await states(here) == [LeaveState.PENDING]
    # Nobody's try was used up by that: Mia's own still counts.
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()


@pytest.mark.requirement("16", "50")
async def test_a_code_dialog_is_no_good_in_another_chat_account_of_the_same_person(here: World) -> None:
    await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    other = ChannelIdentity(platform=Platform.SLACK, tenant="T1", account="U-MIA")
    signed, now = here.directory.sign_in("mia"), here.clock.now()

    def link(tx: Transaction) -> None:
        tx.links.insert(Link(channel=other, identity=here.identity("mia"), provider="test", linked_at=now))
        open_session(tx, other, signed, LIMITS, now)

    await here.database.write(link)
    place = Place(platform=Platform.SLACK, tenant="T1", conversation="D1", kind=PlaceKind.DIRECT)
    message = here.message("mia", EventKind.SUBMISSION, handle=dialog.handle, who=other, place=place)
    assert isinstance(await here.core.ingress.submit_code(message, Secret(here.code("mia"))), FieldError)
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("47")
async def test_a_proof_for_one_digest_does_not_open_the_same_request_asked_again(here: World) -> None:
    card = await code_dialog(here)
    here.directory.away = True  # the proof is given, but the provider cannot be asked: nothing is done
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert await states(here) == [LeaveState.PENDING]
    here.directory.away = False
    here.clock.advance(timedelta(seconds=30))
    await here.press("mia", card, "Approve")
    assert await states(here) == [LeaveState.PENDING], "a new proposal has its own digest: it wants its own code"
    assert here.chat.dialogs["view"].fields


@pytest.mark.requirement("47")
async def test_a_second_right_code_for_a_proposal_that_still_waits_goes_on_with_it(here: World) -> None:
    await code_dialog(here)
    here.directory.away = True
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    here.directory.away = False
    here.clock.advance(timedelta(seconds=30))
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert await states(here) == [LeaveState.APPROVED]
    assert len(await effects_done(here, "ApproveLeave")) == 1


@pytest.mark.requirement("17", "61")
async def test_a_late_code_and_a_late_press_do_nothing(here: World) -> None:
    await code_dialog(here)
    here.clock.advance(timedelta(seconds=301))
    assert isinstance(await here.submit_code("mia", here.code("mia")), FieldError)
    assert await states(here) == [LeaveState.PENDING]
    await here.say("john", "I'd like to take 28 to 30 December off")
    shown = here.last("john")
    here.clock.advance(timedelta(seconds=301))
    await here.press("john", shown, "Send request")
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("47")
async def test_a_proof_for_ones_payslips_opens_neither_benefits_nor_another_session(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    await here.say("john", "my payslip")
    await here.prove_on_page("john", url_in(here.last("john")))
    assert len(await effects_done(here, "ViewPayslip")) == 1
    await here.say("john", "my benefits")
    steps = [record.event for record in await here.audit(decision="step_up")]
    assert "ViewBenefits" in {event.action for event in steps}
    before = len(steps)
    await here.sign_in("john")  # a new session: what the old one had opened is closed
    await here.say("john", "my payslip")
    after = [record.event for record in await here.audit(decision="step_up")]
    assert len(after) == before + 1


@pytest.mark.requirement("47", "53")
async def test_a_proof_for_ones_own_payslips_opens_nobody_elses(here: World) -> None:
    await here.sign_in("sarah")
    await here.enrol("sarah")
    await here.say("sarah", "my payslip")
    await here.prove_on_page("sarah", url_in(here.last("sarah")))
    here.clock.advance(timedelta(seconds=30))
    opened = len(await effects_done(here, "ViewPayslip"))
    await here.say("sarah", "show me john's payslip")
    assert len(await effects_done(here, "ViewPayslip")) == opened
    decisions = [record.event for record in await here.audit(type_prefix="access.decided")]
    assert decisions[0].action == "ViewPayslip"
    assert decisions[0].decision in {"step_up", "deny"}


@pytest.mark.requirement("47")
async def test_a_reading_proof_bound_to_a_write_by_hand_is_not_a_proof_for_it(here: World) -> None:
    """Even a proof row of ours with the wrong kind opens no write."""
    await code_dialog(here)
    session = (await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("mia"))))[0]
    await here.database.write(
        lambda tx: step_up.prove(
            tx,
            here.identity("mia"),
            method=ProofMethod.TOTP,
            kind=ConsentKind.OWN_READING,
            binding=step_up.reading_binding(session.id, ""),
            now=here.clock.now(),
        )
    )
    dialog = here.chat.dialogs["view"]
    await sent(here, press_of(here, "mia", dialog.handle))
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("57")
async def test_nobody_confirms_or_dismisses_somebody_elses_proposal(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("sarah")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    for label in ("Send request", "Don't"):
        answer = await sent(here, press_of(here, "sarah", shown.button(label).handle))
        assert "21" not in answer
    assert not await effects_done(here, "RequestLeave")
    await here.press("john", shown, "Send request")
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("93")
@pytest.mark.parametrize("kind", [EventKind.MESSAGE, EventKind.COMMAND, EventKind.SUBMISSION, EventKind.PRESS])
async def test_fields_of_a_message_from_outside_name_no_proposal(here: World, kind: EventKind) -> None:
    await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    found = await here.database.read(lambda tx: tx.interactions.find(dialog.handle, now=here.clock.now()))
    assert found is not None
    fields = {"proposal": str(found.payload["proposal"]), "confirmed": "1", "code": "123456"}
    await sent(here, here.message("mia", kind, fields=fields, text="yes"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")


@pytest.mark.requirement("93")
async def test_a_forged_resume_without_a_proof_only_asks_again(here: World) -> None:
    await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    found = await here.database.read(lambda tx: tx.interactions.find(dialog.handle, now=here.clock.now()))
    assert found is not None
    proposal = str(found.payload["proposal"])
    await sent(here, here.message("mia", EventKind.RESUME, fields={"proposal": proposal}))
    await sent(here, here.message("john", EventKind.RESUME, fields={"proposal": proposal}))
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("93")
async def test_fields_of_a_message_that_waited_for_sign_in_are_no_answer_to_a_question(here: World) -> None:
    forged = '{"capability": "request_leave", "arguments": {"end": "2026-12-23"}, "origin": "command"}'
    await sent(here, here.message("john", text="hello", fields={"partial": forged, "missing": "start"}))
    await here.sign_in("john")
    assert "Monday, 21 December" not in await here.say("john", "21 December")
    await here.database.write(lambda tx: tx.sessions.end(here.channel("john")))
    await sent(here, here.message("john", text="hello", fields={"partial": "{not json", "missing": "x"}))
    await here.sign_in("john")
    assert "14 days" in await here.say("john", "how many days of leave do I have?")


def _create(button: Interaction, tx: Transaction) -> str:
    return tx.interactions.create(button)


@pytest.mark.requirement("17", "66")
@pytest.mark.parametrize("kind", ["view", "ticket", "leg", "consent"])
async def test_a_handle_that_is_no_button_is_as_good_as_none(here: World, kind: str) -> None:
    await here.sign_in("john")
    for audience in (here.identity("john").key, here.channel("john").key, "*"):
        button = Interaction(
            kind=kind, payload={"title": "x"}, audience=audience, until=here.clock.now() + timedelta(minutes=5)
        )
        handle = await here.database.write(partial(_create, button))
        answer = await sent(here, press_of(here, "john", handle))
        assert answer == await sent(here, press_of(here, "john", "A" * 32))
        assert answer
        assert await here.core.ingress.take_over() == 0


@pytest.mark.requirement("37")
async def test_a_code_typed_in_chat_is_never_compared(here: World) -> None:
    await code_dialog(here)
    code = here.code("mia")
    spaced = f"{code[:3]} {code[3:]}"
    for text in (code, spaced, f" {code} ", f"my code is {code}", f"code: {code}"):
        await here.say("mia", text)
    assert await states(here) == [LeaveState.PENDING]
    assert not await here.audit(type_prefix="proof.")
    [authenticator] = await here.database.read(lambda tx: tx.authenticators.of_identity(here.identity("mia")))
    assert authenticator.failures == 0
    answer = await here.say("mia", code)
    assert code not in answer


FORMS = ("{code}", "{spaced}", " {code} ", "my code is {code}", "Code: {code}", "{code} bitte", "/doorward {code}")


@pytest.mark.requirement("37")
@pytest.mark.parametrize("kind", [EventKind.MESSAGE, EventKind.COMMAND])
async def test_a_code_typed_in_chat_is_out_of_the_message_before_it_is_stored(here: World, kind: EventKind) -> None:
    await code_dialog(here)
    peeked, inbox = peeking(here)
    code = here.code("mia")
    told = set()
    for number, form in enumerate(FORMS):
        text = form.format(code=code, spaced=f"{code[:3]} {code[3:]}")
        told.add(await sent(peeked, here.message("mia", kind, text=text, source=f"typed-{number}")))
        # Nor does it wait for the sign-in of somebody whom nobody knows yet.
        await sent(peeked, here.message("sarah", kind, text=text))
    assert len(told) == 1, "one fixed sentence, whatever was typed"
    assert "Please don't type codes here" in told.pop()
    assert len(inbox.seen) == 2 * len(FORMS)
    waiting = await here.database.write(lambda tx: tx.pending.take(here.channel("sarah"), now=here.clock.now()))
    assert waiting is not None
    for message in (*inbox.seen, waiting):
        assert not {code, code[3:]} & set(re.findall(r"\d+", message.text))
    assert here.chat.taken_away == [f"typed-{number}" for number in range(len(FORMS))]
    assert await here.submit_code("mia", code) == DialogClosed(), "it was compared with nothing, so it still counts"


@pytest.mark.requirement("37")
async def test_a_code_another_app_posted_in_somebodys_name_waits_for_no_press(here: World) -> None:
    await here.sign_in("mia")
    peeked, inbox = peeking(here)
    await sent(peeked, here.message("mia", text="314159", by_app=True))
    assert inbox.seen
    assert not [message for message in inbox.seen if "314159" in message.text]
    assert "314159" not in here.last("mia").text


@pytest.mark.requirement("92")
async def test_the_dialog_of_what_is_confidential_takes_no_code(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    await here.say("john", "my payslip")
    card = here.last("john")
    assert not [action for action in card.card.actions if action.opens_dialog]
    assert not [d for d in here.chat.dialogs.values() if any(f.kind is FieldKind.CODE for f in d.fields)]


@pytest.mark.requirement("17")
async def test_the_address_of_a_consent_page_pressed_as_a_button_skips_no_code(here: World) -> None:
    card = await leave_for_mia(here)
    await here.press("mia", card, "Approve")
    opened = here.last("mia") if any(a.url for a in here.last("mia").card.actions) else None
    handles = [here.chat.dialogs["view"].handle]
    if opened is not None:
        handles.append(url_in(opened).rpartition("/")[2])
    for handle in handles:
        for kind in (EventKind.PRESS, EventKind.SUBMISSION):
            await sent(here, here.message("mia", kind, handle=handle, fields={"code": here.code("mia")}))
    assert await states(here) == [LeaveState.PENDING]
