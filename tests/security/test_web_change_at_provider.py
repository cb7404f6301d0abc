"""A change of one's own factors by the provider's phishing-resistant step-up: what it proves, and what it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.services.provider_step_up import ProviderStepUp
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, PROVIDER, Browser, Stage, directory, fields_of, web_stage
from tests.security.test_web_strongest import asked, factors, with_both

MFA, STRONG = "urn:corp:mfa", "urn:corp:passkey"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    at_provider = ProviderStepUp(acr_values=(MFA, STRONG), phishing_resistant=frozenset({STRONG}))
    async with web_stage(tmp_path, clock, step_ups={PROVIDER: at_provider}) as made:
        yield made


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(HTTPS, HTTPS.removeprefix("https://"))


@pytest.fixture
async def john(stage: Stage, device: SoftAuthenticator) -> Browser:
    """He has an app and a passkey, and has lost the passkey's device."""
    return await with_both(stage, device)


def gives(stage: Stage, **claims: Any) -> None:
    stage.provider.manners.claims = lambda honest: directory(honest) | claims


async def begin(browser: Browser, page: httpx2.Response) -> httpx2.Response:
    assert 'formaction="/enrol/change/provider"' in page.text
    return await browser.post("/enrol/change/provider", fields_of(page))


async def given(stage: Stage) -> list[tuple[str, str]]:
    return [(one.event.action, one.event.code) for one in await stage.audit("proof.given")]


@pytest.mark.requirement("38", "47")
async def test_it_removes_the_lost_passkey_after_one_press(
    stage: Stage, john: Browser, device: SoftAuthenticator
) -> None:
    gives(stage, acr=STRONG)
    begun = await begin(john, await asked(john, f"remove:{device.id}"))
    assert "acr_values=urn%3Acorp%3Apasskey&" in begun.headers["location"] + "&", "no weaker one is asked for"
    back = await john.get(stage.at_company(begun, "john"))
    page = await john.get(back.headers["location"])
    assert device.id in await factors(stage), "coming back changes nothing by itself"
    assert 'data-testid="confirm"' in page.text
    assert 'name="code"' not in page.text
    done = await john.press(page)
    assert "It is removed" in done.text
    assert device.id not in await factors(stage)
    assert (await given(stage))[-1] == ("factor.remove", "provider")
    again = await john.press(page)
    assert again.status_code in (303, 400, 403, 410, 422), again.text
    assert len(await factors(stage)) == 1


@pytest.mark.requirement("38", "47")
@pytest.mark.parametrize("acr", [MFA, "urn:corp:password"])
async def test_a_sign_in_that_can_be_phished_changes_nothing(
    stage: Stage, john: Browser, device: SoftAuthenticator, acr: str
) -> None:
    before = await factors(stage)
    page = await asked(john, f"remove:{device.id}")
    begun = await begin(john, page)
    gives(stage, acr=acr)
    assert (await john.get(stage.at_company(begun, "john"))).status_code == 401
    assert (await stage.audit("link.refused"))[-1].event.code == "idp.acr"
    assert (await john.press(page)).status_code in (403, 422)
    assert await factors(stage) == before


@pytest.mark.requirement("47")
async def test_an_authentication_from_before_it_was_asked_for_changes_nothing(
    stage: Stage, john: Browser, device: SoftAuthenticator
) -> None:
    begun = await begin(john, await asked(john, f"remove:{device.id}"))
    gives(stage, acr=STRONG, auth_time=int(stage.clock.now().timestamp()) - 10)
    assert (await john.get(stage.at_company(begun, "john"))).status_code == 401
    assert (await stage.audit("link.refused"))[-1].event.code == "step_up.stale"


@pytest.mark.requirement("47")
async def test_somebody_elses_sign_in_changes_nothing(stage: Stage, john: Browser, device: SoftAuthenticator) -> None:
    gives(stage, acr=STRONG)
    before = await given(stage)
    begun = await begin(john, await asked(john, f"remove:{device.id}"))
    assert (await john.get(stage.at_company(begun, "mia"))).status_code == 401
    assert (await stage.audit("link.refused"))[-1].event.code == "step_up.other_person"
    assert await given(stage) == before


@pytest.mark.requirement("47", "61")
async def test_a_sign_in_for_one_change_makes_no_other(stage: Stage, john: Browser, device: SoftAuthenticator) -> None:
    gives(stage, acr=STRONG)
    begun = await begin(john, await asked(john, "recovery:"))
    page = await john.get((await john.get(stage.at_company(begun, "john"))).headers["location"])
    before = await factors(stage)
    forged = fields_of(page) | {"change": f"remove:{device.id}"}
    assert (await john.post("/enrol/change/confirm", forged)).status_code in (403, 422)
    assert await factors(stage) == before
    stage.clock.advance(minutes=6)
    late = await john.press(page)
    assert "recovery-codes" not in late.text, "it was for five minutes"


async def test_where_the_provider_has_none_that_resists_it_is_not_offered(
    tmp_path: Path, clock: FixedClock, device: SoftAuthenticator
) -> None:
    weak = ProviderStepUp(acr_values=(MFA,))
    async with web_stage(tmp_path, clock, step_ups={PROVIDER: weak}) as stage:
        john = await with_both(stage, device)
        page = await asked(john, f"remove:{device.id}")
        assert "confirm-at-provider" not in page.text
        forced = await john.post("/enrol/change/provider", fields_of(page))
        assert forced.status_code == 403
