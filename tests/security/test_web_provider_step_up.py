"""The provider's own step-up: what it proves, and everything that must not pass for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from adapters.idp.demo.people import BY_USERNAME
from bot.domain.audit import AuditRecord
from bot.ports.database import Transaction
from bot.services.provider_step_up import ProviderStepUp
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, PROVIDER, Browser, Stage, directory, fields_of, web_stage
from tests.security.test_bank_account import done, type_it
from tests.security.test_web_passkeys import RP_ID, first_passkey, signed

NET_PAY = "€3,101.46"
MFA, STRONG = "urn:corp:mfa", "urn:corp:passkey"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    at_provider = ProviderStepUp(acr_values=(MFA, STRONG), phishing_resistant=frozenset({STRONG}))
    async with web_stage(tmp_path, clock, step_ups={PROVIDER: at_provider}) as everything:
        yield everything


@pytest.fixture
async def john(stage: Stage) -> Browser:
    """Linked and signed in, without any factor of ours."""
    browser = stage.browser()
    await stage.link(browser, "john")
    stage.clock.advance(minutes=3)
    return browser


def gives(stage: Stage, **claims: Any) -> None:
    """What the provider says of the next sign-ins; None leaves a claim out."""
    stage.provider.manners.claims = lambda honest: {
        name: value for name, value in (directory(honest) | claims).items() if value is not None
    }


async def begin(stage: Stage, browser: Browser, page: httpx2.Response) -> httpx2.Response:
    """The button that leads to the provider."""
    assert 'data-testid="confirm-at-provider"' in page.text
    path = page.text.partition('formaction="')[2].partition('"')[0]
    return await browser.post(path, fields_of(page))


async def come_back(stage: Stage, browser: Browser, begun: httpx2.Response, person: str = "john") -> httpx2.Response:
    return await browser.get(stage.at_company(begun, person))


async def proofs(stage: Stage, person: str = "john") -> list[AuditRecord]:
    key = stage.identity(person).key
    return [record for record in await stage.audit("proof.given") if record.event.principal == key]


@pytest.mark.requirement("23", "47", "92")
async def test_a_sign_in_at_the_provider_opens_what_waited_after_one_more_press(stage: Stage, john: Browser) -> None:
    gives(stage, acr=MFA)
    page = await john.get(await stage.payslip_page("john"))
    assert 'name="code"' not in page.text
    begun = await begin(stage, john, page)
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["max_age"] == ["0"]
    assert asked["acr_values"] == [f"{STRONG} {MFA}"]
    back = await come_back(stage, john, begun)
    assert back.status_code == 303
    waiting = await john.get(back.headers["location"])
    assert NET_PAY not in waiting.text, "coming back opens nothing by itself"
    assert "Open your payslip" in waiting.text
    assert 'data-testid="confirm-at-provider"' not in waiting.text
    opened = await john.press(waiting, decision="yes")
    assert NET_PAY in opened.text
    given = (await stage.audit("proof.given"))[-1].event
    assert (given.code, given.decision) == ("provider", "allow")


WRONG: dict[str, dict[str, Any]] = {
    "a context that was not asked for": {"acr": "urn:corp:password"},
    "no context": {},
    "no time of authentication": {"acr": MFA, "auth_time": None},
}


@pytest.mark.requirement("23", "47")
@pytest.mark.parametrize("name", WRONG)
async def test_what_the_provider_does_not_say_is_no_proof(stage: Stage, john: Browser, name: str) -> None:
    page = await john.get(await stage.payslip_page("john"))
    begun = await begin(stage, john, page)
    gives(stage, **WRONG[name])
    assert (await come_back(stage, john, begun)).status_code == 401
    assert await proofs(stage) == []
    again = await john.press(page, decision="yes")
    assert NET_PAY not in again.text


@pytest.mark.requirement("23", "47")
async def test_an_authentication_from_before_it_was_asked_for_is_no_proof(stage: Stage, john: Browser) -> None:
    begun = await begin(stage, john, await john.get(await stage.payslip_page("john")))
    early = int(stage.clock.now().timestamp()) - 10  # within what clocks may differ by, for a sign-in
    gives(stage, acr=MFA, auth_time=early)
    answer = await come_back(stage, john, begun)
    assert answer.status_code == 401
    assert await proofs(stage) == []
    assert (await stage.audit("link.refused"))[-1].event.code == "step_up.stale"


@pytest.mark.requirement("47")
async def test_somebody_elses_sign_in_proves_nothing_and_signs_nobody_in(stage: Stage, john: Browser) -> None:
    gives(stage, acr=MFA)
    page = await john.get(await stage.payslip_page("john"))
    begun = await begin(stage, john, page)
    assert (await come_back(stage, john, begun, "mia")).status_code == 401
    assert await proofs(stage, "mia") == []
    assert BY_USERNAME["john"].username in (await john.get(page.url.path)).text, "the browser is still John's"


@pytest.mark.requirement("19", "47")
async def test_an_answer_counts_once_and_in_its_own_browser(stage: Stage, john: Browser) -> None:
    gives(stage, acr=MFA)
    begun = await begin(stage, john, await john.get(await stage.payslip_page("john")))
    back = stage.at_company(begun, "john")
    stranger = stage.browser()
    await stage.sign_in(stranger, "mia")
    before = len(await proofs(stage))
    assert (await stranger.get(back)).status_code in (401, 403)
    assert len(await proofs(stage)) == before
    assert (await john.get(back)).status_code == 303
    assert (await john.get(back)).status_code in (400, 401, 403, 410)
    assert len(await proofs(stage)) == before + 1


@pytest.mark.requirement("47", "61")
async def test_a_proof_for_one_consent_is_none_for_another(stage: Stage) -> None:
    gives(stage, acr=MFA)
    await stage.link(stage.browser(), "john")
    mia = stage.browser()
    await stage.link(mia, "mia")
    pages = []
    for dates in ("21 to 23 December", "28 to 29 December"):
        await stage.say("john", f"take {dates} off")
        await stage.press("john", "Send request")
        await stage.press("mia", "Approve")
        pages.append(await mia.get(stage.link_on_card("mia")))
    back = await come_back(stage, mia, await begin(stage, mia, pages[0]), "mia")
    assert 'data-testid="confirm-at-provider"' in (await mia.get(pages[1].url.path)).text
    refused = await mia.press(pages[1], decision="yes")
    assert "Approved" not in refused.text
    done = await mia.press(await mia.get(back.headers["location"]), decision="yes")
    assert "Approved" in done.text


@pytest.mark.requirement("47", "61")
async def test_a_handle_that_leads_elsewhere_by_now_is_not_proven(stage: Stage, john: Browser) -> None:
    """The browser is at the provider for one digest; meanwhile the same handle leads to another request of John's."""
    gives(stage, acr=MFA)
    one = await stage.payslip_page("john")
    begun = await begin(stage, john, await john.get(one))
    await stage.say("john", "my benefits")
    other = stage.link_on_card("john")
    assert other != one

    def exchange(tx: Transaction) -> bool:
        mine, theirs = (tx.interactions.find(path.rpartition("/")[2], now=stage.clock.now()) for path in (one, other))
        assert mine is not None
        assert theirs is not None
        return tx.interactions.replace(one.rpartition("/")[2], replace(mine, payload=theirs.payload))

    assert await stage.database.write(exchange)
    assert (await come_back(stage, john, begun)).status_code == 401
    assert await proofs(stage) == []
    assert (await stage.audit("link.refused"))[-1].event.code == "step_up.gone"


async def test_a_sign_in_weaker_than_policy_takes_does_nothing_and_leaves_the_passkey(stage: Stage) -> None:
    """What it proved is used up by the press that found it too weak; then the page takes what is strong enough."""
    device = SoftAuthenticator(HTTPS, RP_ID)
    john, _ = await first_passkey(stage, "john", device)
    gives(stage, acr=MFA)
    path = await type_it(stage, john)
    back = await come_back(stage, john, await begin(stage, john, await john.get(path)))
    pressed = await john.press(await john.get(back.headers["location"]), decision="yes")
    assert await done(stage) == []
    again = pressed.headers["location"]
    assert 'data-testid="confirm-at-provider"' in (await john.get(again)).text
    await john.post(again, await signed(john, device, again))
    assert await done(stage) == ["done"]


async def test_what_was_withdrawn_meanwhile_is_not_proven(stage: Stage, john: Browser) -> None:
    gives(stage, acr=MFA)
    page = await john.get(await stage.payslip_page("john"))
    begun = await begin(stage, john, page)
    await john.press(page, decision="no")
    assert (await come_back(stage, john, begun)).status_code == 401
    assert (await stage.audit("link.refused"))[-1].event.code == "step_up.gone"


async def test_a_provider_without_step_up_is_not_offered(tmp_path: Path, clock: FixedClock) -> None:
    async with web_stage(tmp_path, clock) as stage:
        browser = stage.browser()
        await stage.link(browser, "john")
        page = await browser.get(await stage.payslip_page("john"))
        assert "confirm-at-provider" not in page.text
        path = f"{page.url.path}/provider"
        answer = await browser.post(path, fields_of(page))
        assert answer.status_code == 403


async def test_the_way_to_the_provider_begins_with_a_press_of_ours(stage: Stage, john: Browser) -> None:
    page = await john.get(await stage.payslip_page("john"))
    path = f"{page.url.path}/provider"
    assert (await john.get(path)).status_code == 405
    assert (await john.post(path, {})).status_code == 400
    assert (await john.post(path, fields_of(page), origin="https://evil.example")).status_code == 403


async def test_whatever_was_chosen_last_is_offered_first(stage: Stage, john: Browser) -> None:
    """An app set up here, then the provider, then the app again: the page follows."""
    gives(stage, acr=MFA)
    await stage.enrol(john, "john")
    page = await john.get(await stage.payslip_page("john"))
    assert "button--primary" not in _tag(page, "confirm-at-provider")
    begun = await begin(stage, john, page)
    back = await come_back(stage, john, begun)
    await john.press(await john.get(back.headers["location"]), decision="yes")
    stage.clock.advance(minutes=11)
    again = await john.get(await stage.payslip_page("john"))
    assert "button--primary" in _tag(again, "confirm-at-provider"), "the provider was the last choice"
    assert "button--primary" not in _tag(again, "confirm")
    await john.press(again, code=stage.code("john"), decision="yes")
    stage.clock.advance(minutes=11)
    third = await john.get(await stage.payslip_page("john"))
    assert "button--primary" not in _tag(third, "confirm-at-provider"), "and now the app is"


def _tag(page: httpx2.Response, test_id: str) -> str:
    """The opening tag of what has this test id."""
    before, found, after = page.text.partition(f'data-testid="{test_id}"')
    assert found, page.text
    return before.rpartition("<")[2] + after.partition(">")[0]
