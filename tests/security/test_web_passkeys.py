"""Attacks on passkeys and recovery codes: replayed, moved, copied, unverified, from elsewhere, guessed, hijacked."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from adapters.web.visitors import FRESH
from bot.domain.passkey import Passkey
from bot.services.passkeys import CEREMONY_SECONDS
from bot.services.throttling import CODES
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import PRESENT, SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, at_rest, fields_of, web_stage

NET_PAY = "€3,101.46"
RP_ID = HTTPS.removeprefix("https://")
CODE = re.compile(r"<li><code>([A-Z2-7-]{19})</code></li>")


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(HTTPS, RP_ID)


async def options(browser: Browser, path: str, page: httpx2.Response) -> dict[str, Any]:
    answer = await browser.post(path, fields_of(page), accept="application/json")
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.text))


async def bind(
    browser: Browser, device: SoftAuthenticator, page: httpx2.Response, name: str = "laptop"
) -> httpx2.Response:
    """Make a passkey on the page that offers it."""
    asked = await options(browser, "/enrol/passkey/options", page)
    return await browser.press(page, credential=device.create(asked["options"]), ceremony=asked["ceremony"], name=name)


async def first_passkey(stage: Stage, person: str, device: SoftAuthenticator) -> tuple[Browser, httpx2.Response]:
    browser = stage.browser()
    await stage.link(browser, person)
    start = await browser.get("/enrol")
    page = await browser.post("/enrol/passkey/begin", fields_of(start))
    return browser, await bind(browser, device, page)


async def signed(browser: Browser, device: SoftAuthenticator, path: str) -> dict[str, str]:
    """The fields of a form that the device signed for this page."""
    page = await browser.get(path)
    asked = await options(browser, f"{path}/passkey/options", page)
    answer = {"credential": device.get(asked["options"]), "ceremony": asked["ceremony"], "decision": "yes"}
    return fields_of(page) | answer


async def passkeys(stage: Stage, person: str) -> list[Passkey]:
    return await stage.database.read(lambda tx: list(tx.passkeys.of_identity(stage.identity(person))))


async def refusals(stage: Stage) -> list[str]:
    return [record.event.code for record in await stage.audit("proof.refused")]


# The way it should go


async def test_a_passkey_is_bound_and_opens_ones_own_payslip(stage: Stage, device: SoftAuthenticator) -> None:
    john, bound = await first_passkey(stage, "john", device)
    assert bound.status_code == 200
    assert "The passkey is set up" in bound.text
    assert [(item.name, item.transports) for item in await passkeys(stage, "john")] == [("laptop", ("internal",))]
    path = await stage.payslip_page("john")
    page = await john.get(path)
    assert 'name="code"' not in page.text, "there is no app to give one"
    opened = await john.post(path, await signed(john, device, path))
    assert NET_PAY in opened.text
    assert [record.event.code for record in await stage.audit("proof.given")] == ["passkey"]


async def test_a_passkey_and_an_app_are_both_offered(stage: Stage, device: SoftAuthenticator) -> None:
    john = stage.browser()
    await stage.link(john, "john")
    await stage.enrol(john, "john")
    await add_passkey(stage, john, device)
    renewed = await john.press(await john.get(await stage.offer("john")))  # the change has ended the chat session
    await john.get(stage.at_company(renewed, "john"))
    path = await stage.payslip_page("john")
    page = await john.get(path)
    assert 'name="code"' in page.text
    assert "/passkey/options" in page.text
    assert NET_PAY in (await john.post(path, await signed(john, device, path))).text


async def add_passkey(stage: Stage, browser: Browser, device: SoftAuthenticator) -> httpx2.Response:
    """A further passkey, confirmed by the app."""
    own = await browser.get("/enrol")
    asked = await browser.press(own, change="passkey:")
    page = await browser.press(asked, code=stage.code("john"))
    stage.clock.advance(seconds=30)
    return await bind(browser, device, page)


# What must not count


@pytest.mark.requirement("32", "47")
async def test_an_assertion_counts_once(stage: Stage, device: SoftAuthenticator, clock: FixedClock) -> None:
    john, _ = await first_passkey(stage, "john", device)
    path = await stage.payslip_page("john")
    sent = await signed(john, device, path)
    assert NET_PAY in (await john.post(path, sent)).text
    clock.advance(minutes=11)
    again = await stage.payslip_page("john")
    refused = await john.post(again, {**fields_of(await john.get(again)), **sent})
    assert refused.status_code == 422
    assert NET_PAY not in refused.text
    assert await refusals(stage) == ["passkey.spent"]


@pytest.mark.requirement("47")
async def test_a_challenge_for_another_request_does_not_sign_this_one(stage: Stage, device: SoftAuthenticator) -> None:
    john, _ = await first_passkey(stage, "john", device)
    other, this = await stage.payslip_page("john"), await stage.payslip_page("john")
    for_the_other = await signed(john, device, other)
    refused = await john.post(this, for_the_other)
    assert refused.status_code == 422
    assert NET_PAY not in refused.text
    assert await refusals(stage) == ["passkey.wrong"]


@pytest.mark.requirement("47")
async def test_another_persons_passkey_signs_nothing_of_mine(stage: Stage, device: SoftAuthenticator) -> None:
    john, _ = await first_passkey(stage, "john", device)
    others = SoftAuthenticator(HTTPS, RP_ID)
    await first_passkey(stage, "mia", others)
    path = await stage.payslip_page("john")
    asked = await options(john, f"{path}/passkey/options", await john.get(path))
    assert [one["id"] for one in asked["options"]["allowCredentials"]] == [device.id]
    fields = fields_of(await john.get(path)) | {"decision": "yes", "ceremony": asked["ceremony"]}
    refused = await john.post(path, {**fields, "credential": others.get(asked["options"])})
    assert refused.status_code == 422
    assert await refusals(stage) == ["passkey.unknown"]
    claimed = replace(others, credential=device.credential)
    asked = await options(john, f"{path}/passkey/options", await john.get(path))
    fields |= {"ceremony": asked["ceremony"], "credential": claimed.get(asked["options"])}
    assert (await john.post(path, fields)).status_code == 422
    assert (await refusals(stage))[-1] == "passkey.wrong"


@pytest.mark.requirement("47")
async def test_another_persons_challenge_is_neither_taken_nor_used_up(stage: Stage, device: SoftAuthenticator) -> None:
    john, _ = await first_passkey(stage, "john", device)
    johns = await signed(john, device, path := await stage.payslip_page("john"))
    mia, _ = await first_passkey(stage, "mia", own := SoftAuthenticator(HTTPS, RP_ID))
    mine = await signed(mia, own, page := await stage.payslip_page("mia"))
    assert (await mia.post(page, {**mine, "ceremony": johns["ceremony"]})).status_code == 422
    assert await refusals(stage) == ["passkey.spent"]
    assert NET_PAY in (await john.post(path, johns)).text


@pytest.mark.parametrize(("before", "after"), [(9, 5), (9, 9), (9, 0)])
async def test_a_counter_that_goes_back_tells_of_a_copy(
    stage: Stage, device: SoftAuthenticator, before: int, after: int
) -> None:
    device.count = before
    john, _ = await first_passkey(stage, "john", device)
    device.count, device.counts = after, False
    path = await stage.payslip_page("john")
    refused = await john.post(path, await signed(john, device, path))
    assert refused.status_code == 422
    assert await refusals(stage) == ["passkey.copied"]


async def test_an_authenticator_that_never_counts_is_no_copy(stage: Stage, device: SoftAuthenticator) -> None:
    device.count, device.counts = 0, False
    john, _ = await first_passkey(stage, "john", device)
    path = await stage.payslip_page("john")
    assert NET_PAY in (await john.post(path, await signed(john, device, path))).text


@pytest.mark.parametrize(
    "lie",
    [
        {"flags": PRESENT},
        {"flags": 0},
        {"origin": "https://doorward.example.evil.test"},
        {"origin": "http://doorward.example"},
        {"rp_id": "evil.test"},
    ],
)
async def test_what_is_unverified_or_from_elsewhere_does_not_count(
    stage: Stage, device: SoftAuthenticator, lie: dict[str, Any]
) -> None:
    john, _ = await first_passkey(stage, "john", device)
    path = await stage.payslip_page("john")
    refused = await john.post(path, await signed(john, replace(device, **lie), path))
    assert refused.status_code == 422
    assert NET_PAY not in refused.text
    _, bound = await first_passkey(stage, "mia", replace(device, credential=b"another", **lie))
    assert bound.status_code == 422
    assert await passkeys(stage, "mia") == []
    assert await refusals(stage) == ["passkey.wrong", "passkey.wrong"]


@pytest.mark.parametrize("garbage", ["x", "{}", "[]", "null", '{"id": 1}', "[" * 5000, '{"id": "DEVICE"}'])
async def test_garbage_is_refused_like_anything_wrong(stage: Stage, device: SoftAuthenticator, garbage: str) -> None:
    john, _ = await first_passkey(stage, "john", device)
    path = await stage.payslip_page("john")
    sent = await signed(john, device, path)
    refused = await john.post(path, {**sent, "credential": garbage.replace("DEVICE", device.id)})
    assert refused.status_code == 422


async def test_a_challenge_ends_after_five_minutes(stage: Stage, device: SoftAuthenticator, clock: FixedClock) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    page = await browser.post("/enrol/passkey/begin", fields_of(await browser.get("/enrol")))
    asked = await options(browser, "/enrol/passkey/options", page)
    clock.advance(seconds=CEREMONY_SECONDS)
    late = await browser.press(page, credential=device.create(asked["options"]), ceremony=asked["ceremony"], name="x")
    assert late.status_code == 422
    assert await passkeys(stage, "john") == []


async def test_a_credential_is_bound_to_one_person(stage: Stage, device: SoftAuthenticator) -> None:
    await first_passkey(stage, "john", device)
    _, refused = await first_passkey(stage, "mia", device)
    assert refused.status_code == 422
    assert await refusals(stage) == ["passkey.taken"]


async def test_a_challenge_needs_the_pages_token(stage: Stage, device: SoftAuthenticator) -> None:
    john, _ = await first_passkey(stage, "john", device)
    path = await stage.payslip_page("john")
    page = await john.get(path)
    assert (await john.post(f"{path}/passkey/options", {"csrf_token": "x"})).status_code == 403
    foreign = await john.post(f"{path}/passkey/options", fields_of(page), sec_fetch_site="cross-site")
    assert foreign.status_code == 403


# Who may change factors


@pytest.mark.requirement("38")
async def test_a_further_factor_takes_one_that_is_there(stage: Stage, device: SoftAuthenticator) -> None:
    john, _ = await first_passkey(stage, "john", device)
    token = fields_of(await john.get("/enrol"))
    hijacker = SoftAuthenticator(HTTPS, RP_ID)
    assert (await john.post("/enrol/passkey/options", token)).status_code == 403
    fields = {**token, "credential": hijacker.create({"challenge": "AAAA"}), "ceremony": "x", "name": "x"}
    assert (await john.post("/enrol/passkey", fields)).status_code == 403
    assert (await john.post("/enrol", token)).headers["location"] == "/enrol"
    consent = await stage.payslip_page("john")
    assert (await john.post(consent.replace("consent", "enrol"), token)).headers["location"] == consent
    for change in ("passkey:", "app:", "recovery:", f"remove:{device.id}"):
        refused = await john.post("/enrol/change/confirm", {**token, "change": change, "code": "000000"})
        assert refused.status_code == 403
    assert [item.id for item in await passkeys(stage, "john")] == [device.id]


@pytest.mark.requirement("38")
async def test_a_stale_sign_in_changes_nothing(stage: Stage, device: SoftAuthenticator, clock: FixedClock) -> None:
    john, _ = await first_passkey(stage, "john", device)
    own = await john.get("/enrol")
    clock.advance(seconds=FRESH.total_seconds() + 1)
    for path in ("/enrol/change", "/enrol/change/confirm", "/enrol/recover"):
        answer = await john.post(path, {**fields_of(own), "change": f"remove:{device.id}"})
        assert "max_age=0" in answer.headers["location"]


@pytest.mark.requirement("38")
async def test_a_removed_passkey_ends_the_other_sessions_and_its_owner_is_told(
    stage: Stage, device: SoftAuthenticator
) -> None:
    john, _ = await first_passkey(stage, "john", device)
    elsewhere = stage.browser()
    await stage.sign_in(elsewhere, "john")
    asked = await john.press(await john.get("/enrol"), change=f"remove:{device.id}")
    assert "Remove “laptop”?" in asked.text
    ceremony = await options(john, "/enrol/change/options", asked)
    fields = {"credential": device.get(ceremony["options"]), "ceremony": ceremony["ceremony"]}
    moved = {**fields_of(asked), **fields, "change": "recovery:"}
    assert (await john.post("/enrol/change/confirm", moved)).status_code == 422, "signed for another change"
    ceremony = await options(john, "/enrol/change/options", asked)
    fields = {"credential": device.get(ceremony["options"]), "ceremony": ceremony["ceremony"]}
    done = await john.press(asked, **fields)
    assert "It is removed" in done.text
    assert await passkeys(stage, "john") == []
    assert "Sign in to open this page" in (await elsewhere.get("/enrol")).text
    assert "Set up codes" in (await john.get("/enrol")).text, "this browser goes on"
    assert "removed" in [record.event.type.rpartition(".")[2] for record in await stage.audit("authenticator")]
    await stage.core.delivery.take_over()
    assert [card.headline for card in stage.cards("john")][-1] == "A factor of yours was removed: Passkey"


@pytest.mark.requirement("91")
async def test_a_passkey_deleted_by_hand_gives_no_right_to_bind_another(
    stage: Stage, device: SoftAuthenticator
) -> None:
    john, _ = await first_passkey(stage, "john", device)
    page = await john.get("/enrol")
    await stage.database.write(lambda tx: tx.passkeys.remove(device.id))
    fresh = await john.post("/enrol", fields_of(page))
    assert fresh.status_code == 403
    assert (await john.post("/enrol/passkey/options", fields_of(page))).status_code == 403
    assert [record.event.code for record in await stage.audit("integrity")] == ["integrity.alarm"] * 2


# Recovery codes


async def recovery_codes(stage: Stage, person: str, device: SoftAuthenticator) -> tuple[Browser, list[str]]:
    browser, bound = await first_passkey(stage, person, device)
    codes = CODE.findall(bound.text)
    assert len(set(codes)) == 10
    return browser, codes


@pytest.mark.requirement("39")
async def test_a_recovery_code_lets_its_owner_start_over_once(
    stage: Stage, device: SoftAuthenticator, clock: FixedClock
) -> None:
    john, codes = await recovery_codes(stage, "john", device)
    page = await john.get("/enrol/recover")
    done = await john.press(page, recovery_code=codes[3].lower())
    assert done.headers["location"] == "/enrol"
    assert await passkeys(stage, "john") == []
    assert (await stage.audit("proof.given")) == [], "it proves nothing"
    again = await john.post("/enrol/recover", {**fields_of(page), "recovery_code": codes[3]})
    assert again.status_code == 422
    _, codes_after = await stage_again(stage, john, device)
    assert not set(codes) & set(codes_after)
    await stage.core.delivery.take_over()
    assert "A recovery code of yours was used" in " ".join(card.headline for card in stage.cards("john"))


async def stage_again(stage: Stage, browser: Browser, device: SoftAuthenticator) -> tuple[Browser, list[str]]:
    page = await browser.post("/enrol/passkey/begin", fields_of(await browser.get("/enrol")))
    bound = await bind(browser, SoftAuthenticator(HTTPS, RP_ID), page)
    return browser, CODE.findall(bound.text)


@pytest.mark.requirement("39")
async def test_guessing_recovery_codes_ends_after_five(
    stage: Stage, device: SoftAuthenticator, clock: FixedClock
) -> None:
    john, codes = await recovery_codes(stage, "john", device)
    page = await john.get("/enrol/recover")
    for _ in range(CODES.count):
        assert (await john.press(page, recovery_code="AAAA-AAAA-AAAA-AAAA")).status_code == 422
    assert (await john.press(page, recovery_code=codes[0])).status_code == 429
    assert [item.id for item in await passkeys(stage, "john")] == [device.id]
    await stage.core.delivery.take_over()
    told = [card.headline for card in stage.cards("john")]
    assert told.count("Wrong recovery codes were tried for you, too many in a row") == 1


@pytest.mark.requirement("39")
async def test_somebody_elses_recovery_code_does_nothing(stage: Stage, device: SoftAuthenticator) -> None:
    _, codes = await recovery_codes(stage, "john", device)
    mia, _ = await first_passkey(stage, "mia", own := SoftAuthenticator(HTTPS, RP_ID))
    refused = await mia.press(await mia.get("/enrol/recover"), recovery_code=codes[0])
    assert refused.status_code == 422
    assert [item.id for item in await passkeys(stage, "mia")] == [own.id]


@pytest.mark.requirement("39")
async def test_a_recovery_code_approves_nothing_and_is_nowhere_written(
    stage: Stage, device: SoftAuthenticator, tmp_path: Path
) -> None:
    with capture_logs() as logged:
        john, codes = await recovery_codes(stage, "john", device)
        path = await stage.payslip_page("john")
        fields = {**fields_of(await john.get(path)), "decision": "yes", "code": codes[0]}
        refused = await john.post(path, fields)
        await john.press(await john.get("/enrol/recover"), recovery_code=codes[0])
    assert refused.status_code == 403
    assert NET_PAY not in refused.text
    for code in codes:
        assert code not in str(logged)
        assert code.replace("-", "").encode() not in at_rest(tmp_path)
        assert code not in str(await stage.audit())
