"""A first factor: on a sign-in that shows several, or with two administrators' halves; and it waits till it counts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.domain.assurance import DELAY, FactorRules
from bot.domain.identity import Role, RoleGrant
from bot.domain.messages import EventKind, IncomingMessage
from bot.domain.passkey import Passkey
from bot.domain.proof import ProofMethod
from bot.domain.session import BrowserSession
from bot.ports.database import Transaction
from bot.services import enrolment_codes, step_up
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, directory, web_stage

PRODUCTION = FactorRules()


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock, extra={"factor_rules": PRODUCTION}) as made:
        yield made


def signs_in_with(stage: Stage, **said: Any) -> None:
    """What the company's provider says of the next sign-ins, beside who it is."""
    stage.provider.manners.claims = lambda claims: directory(claims) | said


async def signed_in(stage: Stage, person: str, **said: Any) -> Browser:
    signs_in_with(stage, **said)
    browser = stage.browser()
    await stage.link(browser, person)
    return browser


async def enrol(stage: Stage, browser: Browser, person: str) -> httpx2.Response:
    shown = await browser.press(await browser.get("/enrol"))
    stage.keep_seed(person, shown)
    return await browser.press(shown, code=stage.code(person), decision="yes")


async def halves(stage: Stage, person: str, *givers: str) -> list[str]:
    """What these people were shown for this person."""

    def work(tx: Transaction) -> list[str]:
        who, now = stage.identity(person), stage.clock.now()
        return [enrolment_codes.give(tx, who, by=stage.identity(giver), now=now) for giver in givers]

    return await stage.database.write(work)


async def make_administrator(stage: Stage, person: str) -> None:
    grant = RoleGrant(
        id=f"g-{person}",
        identity=stage.identity(person),
        role=Role.ADMINISTRATOR,
        scope="*",
        granted_by="test",
        granted_at=stage.clock.now(),
    )
    await stage.database.write(lambda tx: tx.roles.insert(grant))


@pytest.mark.parametrize(
    ("said", "enough"),
    [
        ({}, False),
        ({"amr": ["pwd"]}, False),
        ({"amr": ["pwd", "kba"]}, False),
        ({"amr": ["otp", "sms"]}, False),
        ({"acr": "1"}, False),
        ({"amr": ["pwd", "mfa"]}, True),
        ({"amr": ["pwd", "otp"]}, True),
        ({"amr": ["hwk", "fpt"]}, True),
        ({"amr": ["fido"]}, True),
        ({"acr": "phrh"}, True),
    ],
)
async def test_a_sign_in_that_shows_one_factor_binds_no_first_one(
    stage: Stage, said: dict[str, Any], enough: bool
) -> None:
    browser = await signed_in(stage, "john", **said)
    page = await browser.press(await browser.get("/enrol"))
    assert ('data-testid="enrol"' in page.text) is enough
    assert ('data-testid="vouch"' in page.text) is not enough
    assert "otpauth" not in page.text or enough


async def test_what_the_page_would_not_begin_cannot_be_posted_either(stage: Stage) -> None:
    browser = await signed_in(stage, "john", amr=["pwd"])
    page = await browser.press(await browser.get("/enrol"))
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    fields = {"csrf_token": token[1], "decision": "yes", "code": "000000"}
    assert (await browser.post("/enrol/confirm", fields)).status_code == 403
    assert (await browser.post("/enrol/passkey/options", fields)).status_code == 403
    assert (await browser.post("/enrol/passkey", {**fields, "credential": "{}", "ceremony": "x"})).status_code == 403
    assert "vouch" in (await browser.post("/enrol/passkey/begin", fields)).text
    assert await stage.audit("authenticator.bound") == []


async def test_a_companys_own_word_for_several_factors_counts(tmp_path: Path, clock: FixedClock) -> None:
    rules = FactorRules(multi_factor_acr=frozenset({"urn:corp:strong"}))
    async with web_stage(tmp_path, clock, extra={"factor_rules": rules}) as stage:
        browser = await signed_in(stage, "john", acr="urn:corp:strong")
        assert "otpauth" in (await browser.press(await browser.get("/enrol"))).text


class TestEnrolmentCode:
    async def test_two_administrators_let_somebody_set_one_up_and_only_one(self, stage: Stage) -> None:
        for name in ("raj", "mia"):
            await signed_in(stage, name)
        await make_administrator(stage, "mia")
        browser = await signed_in(stage, "john", amr=["pwd"])
        page = await browser.press(await browser.get("/enrol"))
        one, other = await halves(stage, "john", "raj", "mia")
        done = await browser.press(page, first_half=one.lower(), second_half=f" {other} ")
        assert (done.status_code, done.headers["location"]) == (303, "/enrol")
        bound = await enrol(stage, browser, "john")
        assert bound.status_code == 200, bound.text
        assert [record.event.code for record in await stage.audit("authenticator.bound")] == ["totp"]
        assert len(await stage.audit("enrolment_code.used")) == 1
        session = await stage.database.read(lambda tx: tx.browsers.find(browser.cookie or "", stage.clock.now()))
        assert session is not None
        assert not session.vouched

    async def test_each_half_is_shown_on_a_page_and_never_in_the_chat(self, stage: Stage) -> None:
        await signed_in(stage, "john")
        await signed_in(stage, "mia")
        await make_administrator(stage, "mia")
        raj = await signed_in(stage, "raj")
        await give_passkey(stage, "raj")
        await stage.say("raj", "/doorward enrolment code john")
        proposal = await prove(stage, "raj", stage.link_on_card("raj"))
        answer = await stage.core.ingress.resume(proposal)
        assert answer.continue_path is not None
        shown = await raj.press(await raj.get(answer.continue_path))
        assert re.search(r"(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}", shown.text)
        said = "".join(str(card) for card in stage.cards("raj"))
        assert "another administrator's half" in said
        assert not re.search(r"(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}", said)

    async def test_nobody_else_gives_one(self, stage: Stage) -> None:
        await signed_in(stage, "john")
        await signed_in(stage, "mia")
        await give_passkey(stage, "mia")
        await stage.say("mia", "/doorward enrolment code john")
        assert not [action for action in stage.cards("mia")[-1].actions if action.url]

    @pytest.mark.parametrize("givers", [("raj", "raj"), ("raj", "mia"), ("raj", "john"), ("raj",)])
    async def test_nothing_less_than_two_administrators_does(self, stage: Stage, givers: tuple[str, ...]) -> None:
        for name in ("raj", "mia"):
            await signed_in(stage, name)
        browser = await signed_in(stage, "john", amr=["pwd"])
        page = await browser.press(await browser.get("/enrol"))
        made = await halves(stage, "john", *givers)
        wrong = await browser.press(page, first_half=made[0], second_half=made[-1])
        assert wrong.status_code == 422
        assert "vouch" in (await browser.press(await browser.get("/enrol"))).text

    async def test_whose_code_is_guessed_is_told_when_the_path_closes(self, stage: Stage) -> None:
        browser = await signed_in(stage, "john", amr=["pwd"])
        page = await browser.press(await browser.get("/enrol"))
        for status in (422, 422, 422, 422, 422, 429):
            guessed = await browser.press(page, first_half="A" * 16, second_half="B" * 16)
            assert guessed.status_code == status
        await stage.core.delivery.take_over()
        told = [card.headline for card in stage.cards("john")]
        assert told.count("Wrong enrolment codes were tried for you, too many in a row") == 1

    async def test_an_administrator_who_was_locked_since_no_longer_counts(self, stage: Stage) -> None:
        for name in ("raj", "mia"):
            await signed_in(stage, name)
        await make_administrator(stage, "mia")
        browser = await signed_in(stage, "john", amr=["pwd"])
        page = await browser.press(await browser.get("/enrol"))
        one, other = await halves(stage, "john", "raj", "mia")

        def lock(tx: Transaction) -> None:
            person = tx.persons.find(stage.identity("mia"))
            assert person is not None
            tx.persons.save(replace(person, locked=True))

        await stage.database.write(lock)
        assert (await browser.press(page, first_half=one, second_half=other)).status_code == 422

    async def test_tries_are_limited_and_somebody_elses_halves_are_none(self, stage: Stage) -> None:
        for name in ("raj", "mia"):
            await signed_in(stage, name)
        await make_administrator(stage, "mia")
        browser = await signed_in(stage, "john", amr=["pwd"])
        page = await browser.press(await browser.get("/enrol"))
        one, other = await halves(stage, "sue", "raj", "mia")
        told = [(await browser.press(page, first_half=one, second_half=other)).status_code for _ in range(6)]
        assert told == [422] * 5 + [429]
        codes = [record.event.code for record in await stage.audit("proof.refused")]
        assert codes == ["enrolment.wrong"] * 5 + ["enrolment.throttled"]


class TestDelay:
    async def test_a_new_factor_opens_nothing_for_a_day_and_says_from_when(self, stage: Stage) -> None:
        browser = await signed_in(stage, "john", amr=["pwd", "mfa"])
        assert (await enrol(stage, browser, "john")).status_code == 200
        stage.clock.advance(seconds=30)
        await stage.say("john", "my payslip")
        card = stage.cards("john")[-1]
        assert card.headline.startswith("Your new factor counts from")
        assert not [action for action in card.actions if action.url]
        assert "counts from" in (await browser.get("/enrol")).text

        stage.clock.advance(seconds=int(DELAY.total_seconds()))
        again = await signed_in_again(stage, "john")
        page = await again.get(await stage.payslip_page("john"))
        opened = await again.press(page, code=stage.code("john"), decision="yes")
        assert "Payslip of John Carver" in opened.text

    async def test_its_first_code_does_not_sign_what_waits(self, stage: Stage) -> None:
        browser = await signed_in(stage, "john", amr=["pwd", "mfa"])
        path = await stage.payslip_page("john")
        shown = await browser.press(await browser.get(path))
        stage.keep_seed("john", shown)
        answer = await browser.press(shown, code=stage.code("john"), decision="yes")
        assert "Payslip of" not in answer.text
        assert "counts from" in answer.text
        assert await stage.audit("proof.given") == []
        assert "counts from" in (await browser.get(path)).text

    async def test_a_sign_in_that_resists_phishing_binds_one_that_counts_at_once(self, stage: Stage) -> None:
        browser = await signed_in(stage, "john", amr=["fido"])
        shown = await browser.press(await browser.get(await stage.payslip_page("john")))
        stage.keep_seed("john", shown)
        opened = await browser.press(shown, code=stage.code("john"), decision="yes")
        assert "Payslip of John Carver" in opened.text

    async def test_a_new_factor_cannot_throw_out_the_one_that_counts(self, stage: Stage, clock: FixedClock) -> None:
        rules = FactorRules()
        session = BrowserSession(id="b", identity=None, opened_at=clock.now(), until=clock.now() + timedelta(hours=1))
        assert rules.counts_from(session, clock.now()) == clock.now() + DELAY
        browser = await signed_in(stage, "john", amr=["pwd", "mfa"])
        assert (await enrol(stage, browser, "john")).status_code == 200
        # Alone, it may make a change: all there is stands on the same sign-in.
        stage.clock.advance(seconds=30)
        page = await browser.get("/enrol")
        asked = await browser.press(page, change="recovery:")
        made = await browser.press(asked, code=stage.code("john"))
        assert "recovery-codes" in made.text


async def give_passkey(stage: Stage, person: str) -> None:
    """A passkey that counts, bound some time ago."""
    passkey = Passkey(
        id=f"key-{person}",
        identity=stage.identity(person),
        name="key",
        public_key=b"",
        sign_count=0,
        transports=(),
        created_at=stage.clock.now(),
    )
    assert await stage.database.write(lambda tx: tx.passkeys.insert(passkey))


async def prove(stage: Stage, person: str, path: str) -> IncomingMessage:
    """What the consent page at `path` does with a passkey's answer that was right."""
    now = stage.clock.now()

    def work(tx: Transaction) -> IncomingMessage:
        found = tx.interactions.find(path.rpartition("/")[2], now=now)
        assert found is not None
        proposal = tx.proposals.find(str(found.payload["proposal"]))
        assert proposal is not None
        step_up.prove(
            tx,
            proposal.identity,
            method=ProofMethod.PASSKEY,
            kind=proposal.consent,
            binding=proposal.digest,
            now=now,
        )
        return IncomingMessage(
            event_id=f"page-{person}",
            kind=EventKind.RESUME,
            who=proposal.channel,
            place=proposal.place,
            received_at=now,
            fields={"proposal": proposal.id},
        )

    return await stage.database.write(work)


async def signed_in_again(stage: Stage, person: str) -> Browser:
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer(person)))
    await browser.get(stage.at_company(begun, person))
    return browser
