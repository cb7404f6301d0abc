"""Whatever changes a person's factors ends their other sessions, chat and browser, a request waiting or not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.security.passkey_hand import bind, make, signature

CODE = re.compile(r"<li><code>([A-Z2-7-]{19})</code></li>")
NET_PAY = "€3,101.46"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
def device() -> SoftAuthenticator:
    return another()


def another() -> SoftAuthenticator:
    return SoftAuthenticator(HTTPS, HTTPS.removeprefix("https://"))


class Person:
    """John with a passkey, two chat accounts, and a browser besides the one he changes his factors in."""

    def __init__(self, stage: Stage, device: SoftAuthenticator) -> None:
        self.stage = stage
        self.device = device
        self.here, self.elsewhere = stage.browser(), stage.browser("198.51.100.4")

    async def settle(self) -> None:
        await self.stage.link(self.here, "john")
        await bind(self.here, self.device)
        page = await self.stage.to_naming_page(self.elsewhere, "mia", company="john")
        signed = await signature(self.elsewhere, self.device, "/signin/accounts/options", page)
        await self.elsewhere.press(page, decision="yes", **signed)
        assert await self.in_chat() == {"john", "mia"}
        assert not await self.is_out(self.elsewhere)

    async def in_chat(self) -> set[str]:
        """The chat accounts with an open session."""
        identity = self.stage.identity("john")
        found = await self.stage.database.read(lambda tx: tx.sessions.of_identity(identity))
        known = {self.stage.channel(name): name for name in ("john", "mia")}
        return {known[one.channel] for one in found}

    async def is_out(self, browser: Browser) -> bool:
        return "Sign in to open this page" in (await browser.get("/enrol")).text

    async def proven(self, change: str, path: str = "/enrol") -> httpx2.Response:
        """A change, signed by the passkey; `path` is that of a request that waits, where one does."""
        token = fields_of(await self.here.get(path.replace("enrol/", "consent/")))
        asked = await self.here.post(f"{path}/change", {**token, "change": change})
        signed = await signature(self.here, self.device, f"{path}/change/options", asked)
        return await self.here.press(asked, **signed)

    async def add_app(self, path: str = "/enrol") -> httpx2.Response:
        page = await self.proven("app:", path)
        self.stage.keep_seed("john", page)
        return await self.here.press(page, code=self.stage.code("john"), decision="yes")

    async def waiting(self) -> str:
        return (await self.stage.payslip_page("john")).replace("/consent/", "/enrol/")


@pytest.fixture
async def john(stage: Stage, device: SoftAuthenticator) -> Person:
    person = Person(stage, device)
    await person.settle()
    return person


async def all_others_ended(john: Person) -> None:
    assert await john.in_chat() == set()
    assert await john.is_out(john.elsewhere)
    assert not await john.is_out(john.here), "this browser goes on"
    ended = await john.stage.audit("session.ended")
    assert [record.event.code for record in ended][-1] == "factor.changed"


async def binds_first(john: Person, method: str) -> None:
    if method == "app":
        await john.stage.enrol(john.here, "john")
    else:
        await bind(john.here, john.device)


@pytest.mark.requirement("38")
@pytest.mark.parametrize("method", ["app", "passkey"])
async def test_binding_the_first_one_ends_other_browsers_and_not_the_present_sign_in(
    stage: Stage, device: SoftAuthenticator, method: str
) -> None:
    john = Person(stage, device)
    await stage.sign_in(john.elsewhere, "john")
    stage.clock.advance(minutes=2)
    await stage.link(john.here, "john")
    await binds_first(john, method)
    assert await john.in_chat() == {"john"}, "opened by this very sign-in"
    assert await john.is_out(john.elsewhere)
    assert not await john.is_out(john.here)


@pytest.mark.requirement("38")
@pytest.mark.parametrize("method", ["app", "passkey"])
async def test_binding_the_first_one_ends_a_chat_session_of_another_sign_in(
    stage: Stage, device: SoftAuthenticator, method: str
) -> None:
    """Whoever had signed in to the chat as John, before he set up a factor of his own, is out."""
    john = Person(stage, device)
    await stage.link(john.elsewhere, "john")
    stage.clock.advance(minutes=2)
    await stage.sign_in(john.here, "john")
    await binds_first(john, method)
    await all_others_ended(john)


@pytest.mark.requirement("38")
async def test_adding_a_passkey(john: Person) -> None:
    done = await make(john.here, another(), "/enrol", await john.proven("passkey:"))
    assert done.status_code == 200, done.text
    await all_others_ended(john)


@pytest.mark.requirement("38")
async def test_adding_an_app_after_a_proof(john: Person) -> None:
    assert (await john.add_app()).status_code == 200
    await all_others_ended(john)


@pytest.mark.requirement("38")
async def test_removing_a_passkey(john: Person) -> None:
    await john.proven(f"remove:{john.device.id}")
    await all_others_ended(john)


@pytest.mark.requirement("38")
async def test_removing_an_app(john: Person) -> None:
    await john.add_app()
    await john.stage.sign_in(john.elsewhere, "john")
    assert not await john.is_out(john.elsewhere)
    (app,) = await john.stage.database.read(lambda tx: tx.authenticators.of_identity(john.stage.identity("john")))
    await john.proven(f"remove:{app.id}")
    assert await john.stage.database.read(lambda tx: tx.authenticators.of_identity(john.stage.identity("john"))) == []
    await all_others_ended(john)


@pytest.mark.requirement("38")
async def test_new_recovery_codes_and_using_one(john: Person) -> None:
    codes = CODE.findall((await john.proven("recovery:")).text)
    await all_others_ended(john)
    await john.stage.sign_in(john.elsewhere, "john")
    assert not await john.is_out(john.elsewhere)
    await john.here.press(await john.here.get("/enrol/recover"), recovery_code=codes[0])
    await all_others_ended(john)


async def only_what_waits_goes_on(john: Person) -> None:
    assert await john.in_chat() == {"john"}, "the session the request was made in, and no other"
    assert await john.is_out(john.elsewhere)
    assert not await john.is_out(john.here)


@pytest.mark.requirement("38")
async def test_adding_a_passkey_while_a_request_waits(john: Person) -> None:
    path, before = await john.waiting(), (await john.waiting()).replace("enrol", "consent")
    new = another()
    done = await make(john.here, new, path, await john.proven("passkey:", path))
    consent = path.replace("enrol", "consent")
    assert done.headers["location"] == consent
    await only_what_waits_goes_on(john)
    page = await john.here.get(consent)
    signed = await signature(john.here, new, f"{consent}/passkey/options", page)
    assert NET_PAY in (await john.here.post(consent, fields_of(page) | signed | {"decision": "yes"})).text
    assert (await john.here.get(before)).status_code == 403, "another request does not go on"


@pytest.mark.requirement("38")
async def test_adding_an_app_while_a_request_waits(john: Person) -> None:
    done = await john.add_app(await john.waiting())
    assert NET_PAY in done.text, "its first code signed what waits"
    await only_what_waits_goes_on(john)
