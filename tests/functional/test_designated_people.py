"""A factor for designated people, from chat to page: with the example of `docs/factors.md` in force."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.passkeys import relying_party
from bot.domain.identity import LinkedIdentity
from bot.ports.database import Database, Transaction
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.functional.sides import Side, on_slack, on_teams
from tests.functional.test_factors_example import block
from tests.security.passkey_hand import make, signature

NET_PAY = re.compile(r"€\d,\d{3}\.\d{2}")


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    (folder / "50-factors.cedar").write_text(block("cedar"), encoding="utf-8")
    return folder


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock, policies: Path) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock, policies=policies) as everything:
        yield everything


async def in_department(database: Database, identity: LinkedIdentity, department: str) -> None:
    def moved(tx: Transaction) -> None:
        found = tx.persons.find(identity)
        assert found is not None
        tx.persons.save(replace(found, department=department))

    await database.write(moved)


async def with_app(stage: Stage, person: str, department: str) -> Browser:
    """Somebody of this department who has an authenticator app and nothing else."""
    browser = stage.browser()
    await stage.link(browser, person)
    await stage.enrol(browser, person)

    await in_department(stage.database, stage.identity(person), department)
    return browser


async def test_a_code_does_for_whoever_is_not_designated(stage: Stage) -> None:
    john = await with_app(stage, "john", "sales")
    page = await john.get(await stage.payslip_page("john"))
    assert 'name="code"' in page.text
    assert NET_PAY.search((await john.press(page, code=stage.code("john"), decision="yes")).text)


async def test_whoever_is_designated_is_led_to_a_passkey_and_opens_it_with_that_alone(stage: Stage) -> None:
    """The code they have adds the passkey; it opens nothing, on the page or before it."""
    john = await with_app(stage, "john", "finance")
    path = await stage.payslip_page("john")
    first = await john.get(path)
    assert 'name="code"' not in first.text
    assert "/passkey/begin" in first.text, "the page leads to what is missing"
    assert f'formaction="/enrol/{path.rpartition("/")[2]}"' not in first.text, "and offers no app"
    forced = await john.post(path, fields_of(first) | {"code": stage.code("john"), "decision": "yes"})
    assert not NET_PAY.search(forced.text)
    assert await stage.audit("proof.given") == []

    enrolling = f"/enrol/{path.rpartition('/')[2]}"
    asked = await john.post(f"{enrolling}/passkey/begin", fields_of(first))
    assert 'name="code"' in asked.text, "a further factor takes one that is there"
    permitted = await john.press(asked, code=stage.code("john"))
    device = SoftAuthenticator(HTTPS, HTTPS.removeprefix("https://"))
    bound = await make(john, device, enrolling, permitted)
    assert bound.headers["location"] == path
    page = await john.get(path)
    signed = await signature(john, device, f"{path}/passkey/options", page)
    assert NET_PAY.search((await john.post(path, fields_of(page) | signed | {"decision": "yes"})).text)
    codes = [(one.event.action, one.event.code) for one in await stage.audit("proof.given")]
    assert sorted(codes) == [("ViewPayslip", "passkey"), ("factor.passkey", "totp")]


@pytest.mark.parametrize("platform", [on_slack, on_teams])
async def test_on_slack_and_teams_only_whoever_is_designated_is_led_to_a_passkey(
    tmp_path: Path, clock: FixedClock, policies: Path, platform: Callable[..., AbstractAsyncContextManager[Side]]
) -> None:
    """Both have an app; the page that the card leads to is the one above, whatever the platform."""
    async with platform(tmp_path, clock, policies, relying_party(HTTPS)) as side:
        for name, department in (("john", "finance"), ("mia", "sales")):
            await side.here.sign_in(name)
            await side.here.enrol(name)
            await in_department(side.here.database, side.here.identity(name), department)
            await side.type(name, "my payslip")
        assert "This needs a passkey" in side.seen("john")
        assert "This needs a passkey" not in side.seen("mia")
        decided = [
            one.event
            for one in await side.here.audit(type_prefix="access.decided")
            if one.event.action == "ViewPayslip"
        ]
        told = {one.principal: one.decision for one in decided}
        assert told == {side.here.identity("john").key: "enrol", side.here.identity("mia").key: "step_up"}
        assert await side.here.audit(type_prefix="proof.given") == []
