"""Attacks on the making of a passkey as a proof: for another request, replayed, unverified, forged, foreign, weak."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.domain.assurance import FactorRules
from bot.ports.database import Transaction
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import PRESENT, SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, directory, fields_of, web_stage
from tests.security.test_bank_account import done as salary_changes
from tests.security.test_bank_account import type_it
from tests.security.test_web_passkeys import NET_PAY, RP_ID, options, passkeys, refusals

WAITS = "Making it also confirms"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(HTTPS, RP_ID)


async def linked(stage: Stage, person: str) -> Browser:
    browser = stage.browser()
    await stage.link(browser, person)
    return browser


async def begun(browser: Browser, path: str) -> httpx2.Response:
    """The page on which a first passkey is made for what waits at `path`."""
    before = await browser.get(path)
    page = await browser.post(f"{enrolling(path)}/begin", fields_of(before))
    assert 'data-testid="passkey"' in page.text, page.text
    return page


def enrolling(path: str) -> str:
    return f"/enrol/{path.rpartition('/')[2]}/passkey"


async def made(browser: Browser, device: SoftAuthenticator, path: str, page: httpx2.Response) -> dict[str, str]:
    """The fields of the form once the device has answered the challenge for `path`."""
    asked = await options(browser, f"{enrolling(path)}/options", page)
    return answered(device, asked, page)


def answered(device: SoftAuthenticator, asked: dict[str, Any], page: httpx2.Response) -> dict[str, str]:
    answer = {"credential": device.create(asked["options"]), "ceremony": asked["ceremony"], "name": "laptop"}
    return fields_of(page) | answer


async def given(stage: Stage) -> list[tuple[str, str]]:
    return [(record.event.action, record.event.code) for record in await stage.audit("proof.given")]


async def approvals_for_mia(stage: Stage) -> tuple[Browser, str, str]:
    """Two requests of John's, the pages on which Mia approves them, and her browser; she has no factor."""
    await linked(stage, "john")
    mia, paths = await linked(stage, "mia"), []
    for dates in ("21 to 23 December", "28 to 29 December"):
        await stage.say("john", f"take {dates} off")
        await stage.press("john", "Send request")
        await stage.press("mia", "Approve")
        paths.append(stage.link_on_card("mia"))
    return mia, paths[0], paths[1]


@pytest.mark.requirement("47", "61")
async def test_one_touch_makes_a_passkey_and_opens_what_waits(stage: Stage, device: SoftAuthenticator) -> None:
    john = await linked(stage, "john")
    path = await stage.payslip_page("john")
    page = await begun(john, path)
    assert WAITS in page.text
    opened = await john.post(enrolling(path), await made(john, device, path, page))
    assert NET_PAY in opened.text
    assert [key.name for key in await passkeys(stage, "john")] == ["laptop"]
    assert await given(stage) == [("ViewPayslip", "passkey.made")]


@pytest.mark.requirement("47", "61")
async def test_a_passkey_made_for_one_request_signs_no_other(stage: Stage, device: SoftAuthenticator) -> None:
    mia, one, other = await approvals_for_mia(stage)
    for_one = await made(mia, device, one, await begun(mia, one))
    page = await begun(mia, other)
    moved = fields_of(page) | {name: for_one[name] for name in ("credential", "ceremony", "name")}
    assert (await mia.post(enrolling(other), moved)).status_code == 422
    assert (await passkeys(stage, "mia"), await given(stage)) == ([], [])
    done = await mia.post(enrolling(other), await made(mia, device, other, page))
    assert "Approved" in done.text
    (record,) = await stage.audit("proof.given")
    (proof,) = await stage.database.read(lambda tx: tx.proofs.about(stage.identity("mia"), record.event.digest))
    assert not proof.phishing_resistant, "its key has signed nothing"
    assert "This request was ended" in (await mia.get(one)).text, "a first factor ends what else waited"


@pytest.mark.requirement("47", "61")
async def test_a_passkey_made_for_nothing_signs_nothing(stage: Stage, device: SoftAuthenticator) -> None:
    """A challenge from one's own page is none for a request, nor the other way round."""
    john = await linked(stage, "john")
    path = await stage.payslip_page("john")
    own = await john.post("/enrol/passkey/begin", fields_of(await john.get("/enrol")))
    assert WAITS not in own.text
    asked = await options(john, "/enrol/passkey/options", own)
    page = await begun(john, path)
    assert (await john.post(enrolling(path), answered(device, asked, page))).status_code == 422
    for_it = await made(john, device, path, page)
    assert (await john.post("/enrol/passkey", for_it)).status_code == 422
    assert (await passkeys(stage, "john"), await given(stage)) == ([], [])
    assert await refusals(stage) == ["passkey.wrong"] * 2


@pytest.mark.requirement("32", "47")
async def test_a_registration_sent_again_proves_nothing_more(stage: Stage, device: SoftAuthenticator) -> None:
    mia, one, other = await approvals_for_mia(stage)
    sent = await made(mia, device, one, await begun(mia, one))
    assert "Approved" in (await mia.post(enrolling(one), sent)).text
    for path in (one, other):
        again = await mia.post(enrolling(path), {**sent, **fields_of(await mia.get(other))})
        assert again.status_code in (403, 410, 422), again.text
    assert len(await given(stage)) == 1
    assert len(await passkeys(stage, "mia")) == 1


@pytest.mark.requirement("47")
@pytest.mark.parametrize("lie", ["unverified", "other challenge", "other origin", "assertion"])
async def test_what_is_not_a_verified_registration_for_it_proves_nothing(
    stage: Stage, device: SoftAuthenticator, lie: str
) -> None:
    john = await linked(stage, "john")
    path = await stage.payslip_page("john")
    page = await begun(john, path)
    asked = await options(john, f"{enrolling(path)}/options", page)
    if lie == "unverified":
        device.flags = PRESENT
    elif lie == "other challenge":
        asked["options"]["challenge"] = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    elif lie == "other origin":
        device.origin = "https://doorward.example.evil"
    fields = answered(device, asked, page)
    if lie == "assertion":
        fields["credential"] = device.get(asked["options"])
    refused = await john.post(enrolling(path), fields)
    assert refused.status_code == 422
    assert NET_PAY not in refused.text
    assert WAITS in refused.text, "it is offered again"
    assert (await passkeys(stage, "john"), await given(stage)) == ([], [])
    assert await refusals(stage) == ["passkey.wrong"]


@pytest.mark.requirement("47")
async def test_another_browser_makes_nothing_for_it(stage: Stage, device: SoftAuthenticator) -> None:
    """Neither a colleague's nor one that nobody signed in with; John's challenge stays his."""
    john, mia = await linked(stage, "john"), await linked(stage, "mia")
    path = await stage.payslip_page("john")
    sent = await made(john, device, path, await begun(john, path))
    own = fields_of(await mia.get("/enrol"))
    for browser in (mia, stage.browser()):
        answer = await browser.post(enrolling(path), {**sent, **own})
        assert NET_PAY not in answer.text
        assert answer.status_code in (303, 400, 403, 410)
    assert (await passkeys(stage, "mia"), await given(stage)) == ([], [])
    assert NET_PAY in (await john.post(enrolling(path), sent)).text


@pytest.mark.requirement("47")
async def test_what_expired_or_was_refused_meanwhile_is_not_signed_by_making(
    stage: Stage, device: SoftAuthenticator
) -> None:
    mia, one, other = await approvals_for_mia(stage)
    page = await begun(mia, one)
    refused = await made(mia, device, one, page)
    await mia.post(one, fields_of(page) | {"decision": "no"})
    late = await made(mia, device, other, await begun(mia, other))
    assert "You said no to this" in (await mia.post(enrolling(one), refused)).text
    stage.clock.advance(timedelta(minutes=5, seconds=1))
    gone = await mia.post(enrolling(other), late)
    assert "This expired at" in gone.text
    assert (await passkeys(stage, "mia"), await given(stage)) == ([], [])


@pytest.mark.requirement("38", "47")
async def test_what_takes_a_signature_takes_one_more_touch(stage: Stage, device: SoftAuthenticator) -> None:
    """Where a salary goes: whoever made the page's script lie has made a passkey, and changed nothing."""
    john = await linked(stage, "john")
    path = await type_it(stage, john)
    page = await begun(john, path)
    assert WAITS not in page.text
    bound = await john.post(enrolling(path), await made(john, device, path, page))
    assert bound.headers["location"] == path
    assert (await given(stage), await salary_changes(stage)) == ([], [])
    page = await john.get(path)
    asked = await options(john, f"{path}/passkey/options", page)
    signed = {"credential": device.get(asked["options"]), "ceremony": asked["ceremony"], "decision": "yes"}
    await john.press(page, **signed)
    assert await salary_changes(stage) == ["done"]
    assert await given(stage) == [("ChangeBankAccount", "passkey")]


@pytest.mark.requirement("38", "47")
@pytest.mark.parametrize(("said", "at_once"), [({"amr": ["pwd", "otp"]}, False), ({"acr": "phrh"}, True)])
async def test_a_passkey_that_waits_out_its_delay_proves_nothing(
    tmp_path: Path, clock: FixedClock, device: SoftAuthenticator, said: dict[str, Any], at_once: bool
) -> None:
    async with web_stage(tmp_path, clock, extra={"factor_rules": FactorRules()}) as stage:
        stage.provider.manners.claims = lambda claims: directory(claims) | said
        john = await linked(stage, "john")
        path = await stage.payslip_page("john")
        page = await begun(john, path)
        assert (WAITS in page.text) is at_once
        answer = await john.post(enrolling(path), await made(john, device, path, page))
        assert len(await passkeys(stage, "john")) == 1
        assert (NET_PAY in answer.text) is at_once
        assert bool(await given(stage)) is at_once


@pytest.mark.requirement("38")
async def test_a_first_passkey_lets_its_making_remove_no_account(stage: Stage, device: SoftAuthenticator) -> None:
    """Once there is a passkey, an account goes by its signature alone: the page promises nothing else."""
    john = await linked(stage, "john")
    await stage.say("john", f"/doorward accounts remove {stage.channel('john').key}")
    path = stage.link_on_card("john")
    page = await begun(john, path)
    assert WAITS not in page.text
    bound = await john.post(enrolling(path), await made(john, device, path, page))
    assert bound.headers["location"] == path
    assert await given(stage) == []

    def still(tx: Transaction) -> bool:
        return tx.links.find(stage.channel("john")) is not None

    assert await stage.database.read(still)
    page = await john.get(path)
    assert 'name="code"' not in page.text
    asked = await options(john, f"{path}/passkey/options", page)
    signed = {"credential": device.get(asked["options"]), "ceremony": asked["ceremony"], "decision": "yes"}
    await john.press(page, **signed)
    assert not await stage.database.read(still), "one more touch removes it"
    assert await given(stage) == [("RemoveLink", "passkey")]
