"""Attacks on where a salary goes: by code, relayed, for another person, replayed, changed under way, over the chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx2
import pytest

from adapters.connectors.demo.seed_bank import MADE_UP
from bot.domain.assurance import FactorRules
from bot.domain.cards import Card
from bot.domain.messages import EventKind, IncomingMessage
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.proposal import Proposal
from bot.ports.database import Transaction
from bot.services import step_up
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, at_rest, fields_of, web_stage
from tests.security.test_web_passkeys import RP_ID, first_passkey, signed

NEW = "GB82 WEST 1234 5698 7654 32"
PLAIN = NEW.replace(" ", "")
OTHER = "IE29AIBK93115212345678"
Hand = tuple[Browser, SoftAuthenticator]


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


async def hand(stage: Stage, name: str) -> Hand:
    device = SoftAuthenticator(HTTPS, RP_ID)
    return (await first_passkey(stage, name, device))[0], device


async def type_it(stage: Stage, browser: Browser, name: str = "john", number: str = NEW) -> str:
    """From the chat over the page with the field to the consent page; its path."""
    await stage.say(name, "change my bank account")
    path = stage.link_on_card(name)
    assert path.startswith("/write/")
    page = await browser.get(path)
    assert 'name="written"' in page.text
    sent = await browser.press(page, written=number)
    assert sent.status_code == 303, sent.text
    return str(sent.headers["location"])


async def done(stage: Stage) -> list[str]:
    """How the changes there were have ended."""
    found = await stage.audit("effect.finished")
    return [record.event.code for record in found if record.event.action == "ChangeBankAccount"]


async def waiting(stage: Stage, path: str) -> Proposal:
    """The proposal behind a consent page."""
    handle, now = path.rpartition("/")[2], stage.clock.now()

    def work(tx: Transaction) -> Proposal:
        found = tx.interactions.find(handle, now=now)
        assert found is not None
        proposal = tx.proposals.find(str(found.payload["proposal"]))
        assert proposal is not None
        return proposal

    return await stage.database.read(work)


def told(cards: list[Card]) -> str:
    return "\n".join(str(card) for card in cards)


@pytest.mark.requirement("38")
async def test_old_and_new_stand_on_our_page_and_one_touch_changes_it(stage: Stage, tmp_path: Path) -> None:
    john = await hand(stage, "john")
    path = await type_it(stage, john[0])
    page = await john[0].get(path)
    assert NEW in page.text
    assert "FR•• … 2606" in page.text or "NL•• … 4300" in page.text
    assert all(number not in page.text for number in MADE_UP), "the old one is masked"
    answer = await john[0].post(path, await signed(*john, path))
    assert "Your salary goes to GB•• … 5432" in answer.text
    assert await done(stage) == ["done"]
    assert PLAIN not in told(stage.cards("john")).replace(" ", "")
    assert "Your salary goes to GB•• … 5432 from the next pay run on." in {
        card.headline for card in stage.cards("john")
    }
    assert PLAIN.encode() not in at_rest(tmp_path)
    assert NEW.encode() not in at_rest(tmp_path)


async def test_the_pay_office_and_the_mailbox_hear_of_it_without_a_number(stage: Stage) -> None:
    john = await hand(stage, "john")
    path = await type_it(stage, john[0])
    await john[0].post(path, await signed(*john, path))
    office = [card for card in stage.cards("sarah") if "E1001" in card.headline]
    assert "John Carver (E1001) changed the account" in told(office)
    now = stage.clock.now()
    letters = await stage.database.write(lambda tx: tx.letters.claim(now=now, lease_seconds=1, limit=50))
    (letter,) = [one.letter for one in letters if "salary" in one.letter.subject]
    assert letter.to == "john@doorward.example"
    assert "5432" not in told(office) + letter.text + letter.subject


@pytest.mark.parametrize("linked", [True, False])
async def test_without_a_channel_each_of_hr_is_told_or_the_person_that_nobody_is(
    tmp_path: Path, clock: FixedClock, linked: bool
) -> None:
    async with web_stage(tmp_path, clock, hr_channel=False) as stage:
        john = await hand(stage, "john")
        if linked:
            await hand(stage, "sarah")
        path = await type_it(stage, john[0])
        answer = await john[0].post(path, await signed(*john, path))
        office = [card for card in stage.cards("sarah") if "John Carver (E1001) changed the account" in card.headline]
        unreached = [one.event.code for one in await stage.audit("approval.unreachable")]
        assert (len(office), unreached) == ((1, []) if linked else (0, ["office.nobody"]))
        said = answer.text + told(stage.cards("john"))
        assert ("Nobody of HR could be told in chat" in said) is not linked
        assert PLAIN not in told(office).replace(" ", "")


async def test_a_code_is_not_enough_whether_typed_or_relayed(stage: Stage) -> None:
    """A code that John typed on somebody's false page, for whatever they said it was, signs nothing here."""
    john = stage.browser()
    await stage.link(john, "john")
    await stage.enrol(john, "john")
    path = await type_it(stage, john)
    page = await john.get(path)
    assert "passkey" in page.text
    assert 'name="code"' not in page.text, "an app alone gives nothing that counts"
    forced = await john.post(path, fields_of(page) | {"code": stage.code("john"), "decision": "yes"})
    assert forced.status_code in {303, 403}
    assert await done(stage) == []
    assert not await stage.audit("proof.given")


async def test_a_proof_by_code_for_this_very_digest_is_none(stage: Stage) -> None:
    """Even where a proof by code is bound to the digest, as a bug or a forger with the keys would write it."""
    john = await hand(stage, "john")
    path = await type_it(stage, john[0])
    proposal = await waiting(stage, path)
    now = stage.clock.now()
    await stage.database.write(
        lambda tx: step_up.prove(
            tx,
            proposal.identity,
            method=ProofMethod.TOTP,
            kind=ConsentKind.PER_ACTION,
            binding=proposal.digest,
            now=now,
        )
    )
    await stage.core.ingress.resume(
        IncomingMessage(
            event_id="forced",
            kind=EventKind.RESUME,
            who=proposal.channel,
            place=proposal.place,
            received_at=now,
            fields={"proposal": proposal.id},
        )
    )
    assert await done(stage) == []


async def test_a_touch_for_one_number_signs_no_other_and_counts_once(stage: Stage) -> None:
    john = await hand(stage, "john")
    first = await type_it(stage, john[0])
    second = await type_it(stage, john[0], number=OTHER)
    for_first = await signed(*john, first)
    crossed = await john[0].post(second, for_first)
    assert crossed.status_code == 422
    assert await done(stage) == []
    again = await signed(*john, first)
    await john[0].post(first, again)
    assert await done(stage) == ["done"]
    assert (await john[0].post(first, again)).status_code == 403
    assert await done(stage) == ["done"]


async def test_one_touch_sent_many_times_at_once_changes_it_once(stage: Stage) -> None:
    john = await hand(stage, "john")
    path = await type_it(stage, john[0])
    touched = await signed(*john, path)
    await asyncio.gather(*(john[0].post(path, touched) for _ in range(8)), return_exceptions=True)
    assert await done(stage) == ["done"]


async def test_a_number_typed_twice_at_once_is_two_questions_and_one_touch_answers_one(stage: Stage) -> None:
    """A second number slipped in beside the first, from the same page, is not what the touch was for."""
    john = await hand(stage, "john")
    await stage.say("john", "bank change")
    page = await john[0].get(stage.link_on_card("john"))
    sent = await asyncio.gather(*(john[0].press(page, written=number) for number in (NEW, OTHER)))
    paths = [str(answer.headers["location"]) for answer in sent]
    first, second = [await waiting(stage, path) for path in paths]
    assert first.digest != second.digest
    await john[0].post(paths[1], await signed(*john, paths[0]))
    assert await done(stage) == []
    await john[0].post(paths[0], await signed(*john, paths[0]))
    assert await done(stage) == ["done"]
    await john[0].post(paths[1], await signed(*john, paths[1]))
    assert await done(stage) == ["done"], "what it would replace is no longer what was shown"


async def test_a_chat_account_that_became_somebody_elses_types_no_number_of_theirs(stage: Stage) -> None:
    """The page was asked for from John's chat account; until it is sent that account is Mia's."""
    john = await hand(stage, "john")
    await stage.say("john", "bank change")
    page = await john[0].get(stage.link_on_card("john"))

    def moved(tx: Transaction) -> None:
        link = tx.links.find(stage.channel("john"))
        assert link is not None
        tx.links.remove(link.channel)
        tx.links.insert(replace(link, identity=stage.identity("mia")))

    await stage.link(stage.browser(), "mia")
    await stage.database.write(moved)
    answer = await john[0].press(page, written=NEW)
    assert "/consent/" not in answer.headers.get("location", "")
    assert await done(stage) == []


async def test_what_was_shown_as_old_must_still_be_the_old_one(stage: Stage) -> None:
    john = await hand(stage, "john")
    stale = await type_it(stage, john[0])
    touched = await signed(*john, stale)
    path = await type_it(stage, john[0], number=OTHER)
    await john[0].post(path, await signed(*john, path))
    answer = await john[0].post(stale, touched)
    assert "GB•• … 5432" not in answer.text
    assert "done" not in (await done(stage))[1:]


async def test_nobody_else_opens_or_uses_the_page(stage: Stage) -> None:
    john, mia = await hand(stage, "john"), await hand(stage, "mia")
    await stage.say("john", "bank change")
    path = stage.link_on_card("john")
    stranger = await stage.browser().get(path)
    assert "written" not in stranger.text
    page = await mia[0].get(path)
    assert 'name="written"' not in page.text
    mine = await mia[0].get("/enrol")
    taken = await mia[0].post(path, fields_of(mine) | {"written": NEW})
    assert taken.status_code in {403, 410}
    consent = await type_it(stage, john[0])
    assert NEW not in (await mia[0].get(consent)).text
    assert await done(stage) == []


async def test_a_number_sent_over_the_chat_is_not_taken(stage: Stage) -> None:
    """Whoever holds the chat session has the page's address, and cannot fill it in from there."""
    john = await hand(stage, "john")
    await stage.say("john", "bank change")
    handle = stage.link_on_card("john").rpartition("/")[2]
    await stage.core.ingress.accept(
        IncomingMessage(
            event_id="over-the-chat",
            kind=EventKind.SUBMISSION,
            who=stage.channel("john"),
            place=stage.platform.place("dm-john"),
            received_at=stage.clock.now(),
            handle=handle,
            fields={"iban": PLAIN},
        )
    )
    await stage.core.ingress.drain(5)
    assert [record.event.code for record in await stage.audit("access.decided")][-1] == "handle.spent"
    assert 'name="written"' in (await john[0].get(f"/write/{handle}")).text, "and the page still works"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("GB82 WEST 1234 5698 7654 33", "check digits"),
        ("GB82 WEST 1234", "check digits"),
        ("ZZ33 WEST 1234 5698 7654 32", "No country"),
        ("x" * 65, "does not look like"),
        ("my old one", "does not look like"),
    ],
)
async def test_what_is_wrong_with_a_number_is_said(stage: Stage, typed: str, said: str) -> None:
    john = await hand(stage, "john")
    await stage.say("john", "bank change")
    page = await john[0].press(await john[0].get(stage.link_on_card("john")), written=typed)
    assert page.status_code == 422
    assert said in page.text


async def test_a_forged_form_and_a_get_change_nothing(stage: Stage) -> None:
    john = await hand(stage, "john")
    await stage.say("john", "bank change")
    path = stage.link_on_card("john")
    page = await john[0].get(path)
    forged = await john[0].post(path, {"written": NEW})
    foreign = await john[0].post(path, fields_of(page) | {"written": NEW}, origin="https://evil.example")
    late = await _late(stage, john[0], path, page)
    assert (forged.status_code, foreign.status_code, late.status_code) == (403, 403, 403)
    assert not [record for record in await stage.audit("access.decided") if record.event.action == "ChangeBankAccount"]


async def _late(stage: Stage, browser: Browser, path: str, page: httpx2.Response) -> httpx2.Response:
    stage.clock.advance(seconds=901)
    return await browser.post(path, fields_of(page) | {"written": NEW})


async def test_a_new_passkey_changes_no_account_for_a_day(tmp_path: Path, clock: FixedClock) -> None:
    a_day = FactorRules(delay=timedelta(hours=24), first_on_password=True)
    async with web_stage(tmp_path, clock, extra={"factor_rules": a_day}) as stage:
        john = await hand(stage, "john")
        await stage.say("john", "bank change")
        page = await john[0].get(stage.link_on_card("john"))
        answer = await john[0].press(page, written=NEW)
        assert "Your new factor counts from" in unescape(answer.text)
        assert [record.event.action for record in await stage.audit("access.decided")][-1] == "ChangeBankAccount"
        assert await done(stage) == []


async def test_a_lost_reply_is_looked_up_and_told_once(stage: Stage) -> None:
    john = await hand(stage, "john")
    path = await type_it(stage, john[0])
    stage.backend.faults.drop_reply_after_write()
    await john[0].post(path, await signed(*john, path))
    assert await done(stage) == ["connector.outcome_unknown"]
    stage.clock.advance(seconds=60)
    assert await stage.core.reconciling.run() == 1
    assert await stage.core.reconciling.run() == 0
    office = [card for card in stage.cards("sarah") if "E1001" in card.headline]
    assert len(office) == 1
    assert (await done(stage))[-1] == "reconciled.done"
