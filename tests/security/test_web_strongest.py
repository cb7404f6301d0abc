"""Whoever has a passkey changes no factor and no account of theirs with a code, which a false page could relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from bot.domain.assurance import DELAY, FactorRules
from bot.domain.identity import Role, RoleGrant
from bot.ports.database import Transaction
from bot.services import enrolment_codes, recovery
from bot.services.audit_trail import Scribe
from storage.audit_agreement import Agreement
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.security.passkey_hand import bind, make, signature

AFTER_A_DAY = FactorRules(delay=DELAY, first_on_password=True)
CHANGES = ("passkey:", "recovery:", "remove:{app}", "remove:{key}")


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as made:
        yield made


@pytest.fixture
async def patient(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    """Where a new factor waits a day, as in production."""
    async with web_stage(tmp_path, clock, extra={"factor_rules": AFTER_A_DAY}) as made:
        yield made


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(HTTPS, HTTPS.removeprefix("https://"))


async def with_app(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.link(browser, "john")
    await stage.enrol(browser, "john")
    return browser


async def with_both(stage: Stage, device: SoftAuthenticator) -> Browser:
    """John with an app, and a passkey that the app's code let him add."""
    browser = await with_app(stage)
    page = await asked(browser, "passkey:")
    page = await browser.press(page, code=stage.code("john"))
    assert (await make(browser, device, "/enrol", page)).status_code == 200
    stage.clock.advance(seconds=30)
    return browser


async def asked(browser: Browser, change: str) -> httpx2.Response:
    return await browser.post("/enrol/change", {**fields_of(await browser.get("/enrol")), "change": change})


async def factors(stage: Stage) -> set[str]:
    """The ids of John's factors."""

    def work(tx: Transaction) -> set[str]:
        who = stage.identity("john")
        apps, keys = tx.authenticators.of_identity(who), tx.passkeys.of_identity(who)
        return {app.id for app in apps} | {key.id for key in keys}

    return await stage.database.read(work)


async def named(stage: Stage, change: str, device: SoftAuthenticator) -> str:
    app = next(iter(await factors(stage) - {device.id}))
    return change.format(app=app, key=device.id)


async def refusals(stage: Stage) -> list[str]:
    return [record.event.code for record in await stage.audit("proof.refused")]


@pytest.mark.requirement("38")
@pytest.mark.parametrize("change", CHANGES)
async def test_a_relayed_code_changes_nothing_of_whoever_has_a_passkey(
    stage: Stage, device: SoftAuthenticator, change: str
) -> None:
    """The thief has the browser, the company sign-in and a right code of John's; the page says what would do."""
    john = await with_both(stage, device)
    change, before = await named(stage, change, device), await factors(stage)
    page = await asked(john, change)
    assert 'name="code"' not in page.text
    assert "/enrol/change/options" in page.text
    assert "a code changes nothing here" in page.text
    refused = await john.press(page, code=stage.code("john"))
    assert refused.status_code == 403
    assert "A code is not enough for this" in refused.text
    assert await refusals(stage) == ["totp.not_enough"]
    assert await factors(stage) == before
    assert await stage.audit("recovery_codes.made") == (await stage.audit("recovery_codes.made"))[:1]
    done = await john.press(page, **await signature(john, device, "/enrol/change/options", page))
    assert done.status_code == 200


@pytest.mark.requirement("38")
async def test_the_refused_code_was_compared_with_nothing(stage: Stage, device: SoftAuthenticator) -> None:
    """Right and wrong look the same, and a right one is not used up by it."""
    john = await with_both(stage, device)
    page = await asked(john, "recovery:")
    right, wrong = stage.code("john"), stage.wrong_code("john")
    told = [(await john.press(page, code=code)).status_code for code in (wrong, right)]
    assert (told, await refusals(stage)) == ([403, 403], ["totp.not_enough"] * 2)
    assert await signed_in(stage, john)
    opened = await john.press(await john.get(await stage.payslip_page("john")), code=right, decision="yes")
    assert "Payslip of John Carver" in opened.text


async def signed_in(stage: Stage, browser: Browser) -> bool:
    """The chat session that the change ended, opened again."""
    renewed = await browser.press(await browser.get(await stage.offer("john")))
    return (await browser.get(stage.at_company(renewed, "john"))).status_code == 200


@pytest.mark.requirement("38")
async def test_a_passkeys_signature_for_one_change_makes_no_other(stage: Stage, device: SoftAuthenticator) -> None:
    john = await with_both(stage, device)
    page = await asked(john, "recovery:")
    signed = await signature(john, device, "/enrol/change/options", page)
    moved = {**fields_of(page), **signed, "change": f"remove:{device.id}"}
    assert (await john.post("/enrol/change/confirm", moved)).status_code == 422
    assert device.id in await factors(stage)


@pytest.mark.requirement("38")
async def test_where_there_is_no_passkey_a_code_does_and_the_decision_is_written_down(stage: Stage) -> None:
    john = await with_app(stage)
    page = await asked(john, "recovery:")
    assert "a code changes nothing here" not in page.text
    assert (await john.press(page, code=stage.code("john"))).status_code == 200
    (decided,) = [one.event for one in await stage.audit("access") if one.event.action == "ChangeOwnFactors"]
    assert (decided.decision, decided.rules) == ("allow", ("account.factors",))
    assert decided.policy_hash
    proven = next(one.event for one in await stage.audit("proof.given") if one.event.action == "factor.recovery")
    assert (proven.correlation, bool(proven.digest)) == (decided.correlation, True)


@pytest.mark.requirement("57", "73")
async def test_the_records_of_changed_factors_agree_with_each_other(stage: Stage, device: SoftAuthenticator) -> None:
    """`audit verify` names no honest record: not after a refused proof either, nor when the same is changed again."""
    john = await with_both(stage, device)
    for change in ("recovery:", "recovery:", await named(stage, "remove:{app}", device)):
        page = await asked(john, change)
        await john.press(page, code=stage.code("john"))
        done = await john.press(page, **await signature(john, device, "/enrol/change/options", page))
        assert done.status_code == 200
    assert len(await stage.audit("proof.refused")) == 3
    assert Agreement().follow(await stage.audit()) is None


@pytest.mark.requirement("38")
async def test_a_fresh_passkey_locks_nobody_out_and_asks_for_itself_once_it_counts(
    patient: Stage, device: SoftAuthenticator
) -> None:
    """A passkey that somebody slipped in with a relayed code is thrown out with a code, till the delay is over."""
    john = await with_app(patient)
    patient.clock.advance(DELAY)
    john = await fresh(patient)
    page = await john.press(await asked(john, "passkey:"), code=patient.code("john"))
    assert (await make(john, device, "/enrol", page)).status_code == 200
    patient.clock.advance(seconds=30)
    page = await asked(john, f"remove:{device.id}")
    assert 'name="code"' in page.text
    assert "/enrol/change/options" not in page.text, "what does not count yet signs no change where something counts"
    patient.clock.advance(DELAY + timedelta(seconds=30))
    john = await fresh(patient)
    page = await asked(john, f"remove:{device.id}")
    assert 'name="code"' not in page.text
    assert (await john.press(page, code=patient.code("john"))).status_code == 403
    john = await fresh(patient)
    page = await asked(john, f"remove:{device.id}")
    done = await john.press(page, **await signature(john, device, "/enrol/change/options", page))
    assert "It is removed" in done.text


async def fresh(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.sign_in(browser, "john")
    return browser


# Accounts


@pytest.mark.requirement("38")
async def test_a_relayed_code_links_no_further_account(stage: Stage, device: SoftAuthenticator) -> None:
    await with_both(stage, device)
    thief = stage.browser("203.0.113.99")
    page = await stage.to_naming_page(thief, "mia", company="john")
    assert 'name="code"' not in page.text
    refused = await thief.press(page, decision="link", code=stage.code("john"))
    assert refused.status_code == 403
    assert "A code is not enough for this" in refused.text
    assert await stage.database.read(lambda tx: tx.links.find(stage.channel("mia"))) is None
    signed = await signature(thief, device, "/signin/accounts/options", refused)
    assert (await thief.press(refused, decision="yes", **signed)).status_code == 200
    assert await stage.database.read(lambda tx: tx.links.find(stage.channel("mia"))) is not None


@pytest.mark.requirement("38")
async def test_a_relayed_code_removes_no_account(stage: Stage, device: SoftAuthenticator) -> None:
    john = await with_both(stage, device)
    assert await signed_in(stage, john)
    await stage.say("john", f"/doorward accounts remove {stage.channel('john').key}")
    path = stage.link_on_card("john")
    page = await john.get(path)
    assert 'name="code"' not in page.text
    refused = await john.press(page, code=stage.code("john"), decision="yes")
    assert refused.status_code == 403
    assert await stage.database.read(lambda tx: tx.links.find(stage.channel("john"))) is not None
    signed = await signature(john, device, f"{path}/passkey/options", page)
    await john.press(page, decision="yes", **signed)
    assert await stage.database.read(lambda tx: tx.links.find(stage.channel("john"))) is None


# Whoever has lost the passkey


@pytest.mark.requirement("38", "39")
async def test_two_administrators_let_somebody_start_over_who_has_lost_the_passkey(
    stage: Stage, device: SoftAuthenticator
) -> None:
    john, halves = await with_both(stage, device), await both_halves(stage)
    page = await john.get("/enrol/recover")
    elsewhere = stage.browser("198.51.100.4")
    await stage.sign_in(elsewhere, "john")
    done = await john.press(page, first_half=halves[0], second_half=halves[1])
    assert (done.status_code, done.headers["location"]) == (303, "/enrol")
    assert await factors(stage) == set()
    assert "Sign in to open this page" in (await elsewhere.get("/enrol")).text
    assert await stage.audit("proof.given") == (await stage.audit("proof.given"))[:1], "it signs nothing"
    again = await john.press(page, first_half=halves[0], second_half=halves[1])
    assert again.status_code == 422
    await stage.core.delivery.take_over()
    assert "Two administrators let you start over" in stage.cards("john")[-1].headline
    await bind(john, SoftAuthenticator(HTTPS, HTTPS.removeprefix("https://")))
    assert len(await factors(stage)) == 1


@pytest.mark.requirement("38", "39")
@pytest.mark.parametrize("givers", [("raj", "raj"), ("raj", "john"), ("raj", "mia")])
async def test_less_than_two_administrators_takes_nothing_away(
    stage: Stage, device: SoftAuthenticator, givers: tuple[str, str]
) -> None:
    john, halves = await with_both(stage, device), await both_halves(stage, *givers, administrators=("raj",))
    before = await factors(stage)
    page = await john.get("/enrol/recover")
    refused = await john.press(page, first_half=halves[0], second_half=halves[1])
    assert refused.status_code == 422
    assert 'data-testid="halves-error"' in refused.text
    assert await factors(stage) == before
    for status in (422, 422, 422, 422, 429):
        assert (await john.press(page, first_half="A" * 16, second_half="B" * 16)).status_code == status


@pytest.mark.requirement("38", "39")
async def test_halves_for_somebody_else_or_on_a_stale_sign_in_take_nothing_away(
    stage: Stage, device: SoftAuthenticator
) -> None:
    john, halves = await with_both(stage, device), await both_halves(stage, for_whom="mia")
    before = await factors(stage)
    page = await john.get("/enrol/recover")
    assert (await john.press(page, first_half=halves[0], second_half=halves[1])).status_code == 422
    own = await both_halves(stage)
    stage.clock.advance(minutes=16)
    late = await john.press(page, first_half=own[0], second_half=own[1])
    assert "max_age=0" in late.headers["location"]
    assert await factors(stage) == before


@pytest.mark.requirement("38", "39")
@pytest.mark.parametrize("by", ["halves", "recovery"])
async def test_whoever_is_locked_starts_nothing_over(stage: Stage, device: SoftAuthenticator, by: str) -> None:
    """With all that would do, on a page that was open before: a thief's new factor does not outlast the lock."""
    john, halves = await with_both(stage, device), await both_halves(stage)
    signed = await signature(john, device, "/enrol/change/options", page := await asked(john, "recovery:"))
    assert (await john.press(page, **signed)).status_code == 200
    codes = await stage.database.write(
        lambda tx: recovery.renew(
            tx, stage.identity("john"), Scribe(time=stage.clock.now(), channel="", correlation="")
        )
    )
    given = {"first_half": halves[0], "second_half": halves[1]} if by == "halves" else {"recovery_code": codes[0]}
    page, before = await john.get("/enrol/recover"), await factors(stage)

    def lock(tx: Transaction, locked: bool) -> None:
        person = tx.persons.find(stage.identity("john"))
        assert person is not None
        tx.persons.save(replace(person, locked=locked))

    await stage.database.write(lambda tx: lock(tx, True))
    assert (await john.press(page, **given)).status_code == 403
    assert await factors(stage) == before
    await stage.database.write(lambda tx: lock(tx, False))
    assert (await john.press(await john.get("/enrol/recover"), **given)).status_code == 303, "and nothing was used up"
    assert await factors(stage) == set()


async def is_known(stage: Stage, name: str) -> bool:
    return await stage.database.read(lambda tx: tx.persons.find(stage.identity(name))) is not None


async def both_halves(
    stage: Stage,
    one: str = "raj",
    other: str = "mia",
    *,
    administrators: tuple[str, ...] = ("raj", "mia"),
    for_whom: str = "john",
) -> list[str]:
    for name in {one, other, for_whom} - {"john"}:
        if not await is_known(stage, name):
            await stage.link(stage.browser("198.51.100.9"), name)

    def work(tx: Transaction) -> list[str]:
        now = stage.clock.now()
        for name in administrators:
            grant = RoleGrant(
                id=f"g-{name}-{for_whom}",
                identity=stage.identity(name),
                role=Role.ADMINISTRATOR,
                scope="*",
                granted_by="test",
                granted_at=now,
            )
            if not tx.roles.of_identity(stage.identity(name)):
                tx.roles.insert(grant)
        who = stage.identity(for_whom)
        return [enrolment_codes.give(tx, who, by=stage.identity(giver), now=now) for giver in (one, other)]

    return await stage.database.write(work)
