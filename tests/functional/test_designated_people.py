"""A factor for designated people, from chat to page: with the example of `docs/factors.md` in force."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.ports.database import Transaction
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.functional.test_factors_example import block
from tests.security.passkey_hand import make, signature

NET_PAY = re.compile(r"€\d,\d{3}\.\d{2}")


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    (policies / "50-factors.cedar").write_text(block("cedar"), encoding="utf-8")
    async with web_stage(tmp_path, clock, policies=policies) as everything:
        yield everything


async def with_app(stage: Stage, person: str, department: str) -> Browser:
    """Somebody of this department who has an authenticator app and nothing else."""
    browser = stage.browser()
    await stage.link(browser, person)
    await stage.enrol(browser, person)

    def moved(tx: Transaction) -> None:
        found = tx.persons.find(stage.identity(person))
        assert found is not None
        tx.persons.save(replace(found, department=department))

    await stage.database.write(moved)
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
