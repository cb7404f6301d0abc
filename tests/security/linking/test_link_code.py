"""Attacks on the code that is typed in chat where Sign in with Slack is not set up; and that it is off by itself."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.idp.demo.people import BY_USERNAME
from bot.domain.identity import Issuer, LinkedIdentity, Subject
from bot.ports.provisioning import Provisioned, ProvisionedKind
from bot.services.provisioned_attributes import ENTERPRISE
from tests.fakes.clock import FixedClock
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, fake_openid_provider
from tests.fakes.slack_installation import PROVIDER, Registration, installation
from tests.fakes.slack_scopes import EMAIL
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import TEAM, View
from tests.fakes.web_stage import HTTPS, Browser, at_rest, directory, fields_of
from tests.security.linking.kit import ATTACKER, COMPANY, VICTIM, Site, assert_refused

WITHOUT_SIGN_IN = {"SLACK__CLIENT_ID": "", "SLACK__CLIENT_SECRET": ""}
BY_CLAIM = WITHOUT_SIGN_IN | {f"IDPS__{PROVIDER.upper()}__ATTRIBUTES__SLACK_ACCOUNT": "claim:slack_id"}
BY_SCIM = WITHOUT_SIGN_IN | {
    f"IDPS__{PROVIDER.upper()}__ATTRIBUTES__SLACK_ACCOUNT": "scim:costCenter",
    "SCIM__CORP__ISSUER": f"https://{PROVIDER}.idp.example/login",
    "SCIM__CORP__TOKEN": "t" * 43,
}
INSTALLED_BY_OAUTH = {key: value for key, value in BY_CLAIM.items() if "SLACK_ACC" in key} | {"SLACK__SIGN_IN": "false"}
FIVE_MINUTES = 300


class Directory:
    """The company's directory; whose Slack account is whose stands in it."""

    def __init__(self) -> None:
        self.accounts: dict[str, object] = {BY_USERNAME[name].subject: account for account, name in COMPANY.items()}

    def __call__(self, claims: dict[str, Any]) -> dict[str, Any]:
        return directory(claims) | {"slack_id": self.accounts.get(claims["sub"])}


@pytest.fixture
def company() -> Directory:
    return Directory()


@pytest.fixture
def chosen() -> dict[str, str]:
    """What the administrator set."""
    return BY_CLAIM


@pytest.fixture
async def site(tmp_path: Path, clock: FixedClock, company: Directory, chosen: dict[str, str]) -> AsyncIterator[Site]:
    """The bot without Sign in with Slack, and nobody linked."""
    with fake_openid_provider(clock, authority=f"https://{PROVIDER}.idp.example/login") as provider:
        provider.manners.claims = company
        here = Registration(
            authority=provider.authority,
            transport_url=provider.transport_url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
        )
        async with (
            FakeSlack(now=clock).running() as slack,
            installation(tmp_path, slack, {PROVIDER: here}, origin=HTTPS, clock=clock, **chosen) as doorward,
        ):
            slack.join(ATTACKER, real_name="John Carver")
            slack.join(VICTIM, real_name="Mia Lang")
            yield Site(doorward=doorward, providers={PROVIDER: provider})


async def signed_in(site: Site, browser: Browser, link: str, company: str) -> httpx2.Response:
    """The company's sign-in comes first; the page after it."""
    return await browser.get(site.at_company(await site.take(browser, link), company))


async def code_page(site: Site, account: str, browser: Browser | None = None) -> httpx2.Response:
    """What honest people do, up to the page with the code."""
    browser = browser or site.doorward.browser()
    page = await signed_in(site, browser, await site.doorward.ask(account), account)
    assert "chat-code" not in page.text
    shown = await browser.press(page, decision="link")
    assert shown.status_code == 200, shown.text
    return shown


def code_on(page: httpx2.Response) -> str:
    found = re.search(r'data-testid="chat-code">([0-9 ]+)<', page.text)
    assert found is not None, page.text
    return found.group(1).replace(" ", "")


def wrong_for(page: httpx2.Response) -> str:
    return f"{(int(code_on(page)) + 1) % 1_000_000:06}"


async def send(site: Site, payload: dict[str, Any]) -> Any:
    slack, doorward = site.doorward.slack, site.doorward
    transport = httpx2.ASGITransport(app=doorward.running.app)
    async with httpx2.AsyncClient(transport=transport, base_url=doorward.origin) as client:
        answer = await slack.send(client, payload)
    for _ in range(3):
        await doorward.running.core.ingress.drain(10)
    return answer


async def dialog(site: Site, account: str) -> View:
    """Press the button in the direct conversation."""
    slack = site.doorward.slack
    message = slack.seen_by(account)[-1]
    assert message.channel == slack.direct(account)
    await send(site, slack.press(account, message, "Type the code"))
    view = list(slack.views.values())[-1]
    for _ in range(100):
        if "code.code" in str(view.content):
            break
        await asyncio.sleep(0)
    return view


async def type_code(site: Site, view: View, code: str) -> dict[str, Any]:
    answer = await send(site, site.doorward.slack.submission(view, code=code))
    assert answer.status_code == 200
    return dict(answer.json()) if answer.content else {}


async def test_the_right_code_links_answers_and_signs_no_browser_in(site: Site, tmp_path: Path) -> None:
    browser = site.doorward.browser()
    page = await code_page(site, VICTIM, browser)
    assert await site.doorward.linked(VICTIM) is None
    view = await dialog(site, VICTIM)
    assert "mia" in str(view.content["blocks"])
    assert (await type_code(site, view, code_on(page)))["response_action"] == "clear"
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)
    assert any("days of" in message.text for message in site.doorward.slack.messages), "what waited goes on"
    assert 'data-testid="who"' not in (await browser.get("/enrol")).text
    assert await site.refusals() == []
    code = code_on(page).encode()
    assert code not in str(site.doorward.slack.calls).encode()
    assert code not in at_rest(tmp_path)


@pytest.mark.requirement("18", "19")
@pytest.mark.parametrize(("asked", "walks"), [(ATTACKER, VICTIM), (VICTIM, ATTACKER)])
async def test_a_forwarded_link_shows_no_code(site: Site, asked: str, walks: str) -> None:
    page = await signed_in(site, site.doorward.browser(), await site.doorward.ask(asked), walks)
    assert_refused(page)
    assert "chat-code" not in page.text
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.no_correspondence"]


@pytest.mark.parametrize(
    "told", [None, "", "U1JOHN", "u1mia", "U1MIA2", f"T0OTHER:{VICTIM}", [VICTIM], {"id": VICTIM}, True]
)
async def test_without_the_right_correspondence_no_code_is_shown(site: Site, company: Directory, told: object) -> None:
    company.accounts[site.subject(VICTIM)] = told
    assert_refused(await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM))
    await site.assert_nothing_happened()


async def test_the_account_may_be_named_with_its_workspace(site: Site, company: Directory) -> None:
    company.accounts[site.subject(VICTIM)] = f"{TEAM}:{VICTIM}"
    page = await code_page(site, VICTIM)
    await type_code(site, await dialog(site, VICTIM), code_on(page))
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)


@pytest.mark.parametrize("chosen", [BY_CLAIM | {"SLACK__TEAM_IDS": f"{TEAM},T0OTHER"}])
async def test_with_several_workspaces_an_account_alone_names_nobody(site: Site) -> None:
    assert_refused(await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM))


@pytest.mark.parametrize("chosen", [WITHOUT_SIGN_IN])
async def test_it_is_off_where_nothing_is_named(site: Site) -> None:
    assert_refused(await site.take(site.doorward.browser(), await site.doorward.ask(VICTIM)))
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.no_chat_sign_in"]


def user(site: Site, **changes: Any) -> Provisioned:
    """What a provisioning client said of the victim."""
    issuer, now = Issuer(site.providers[PROVIDER].issuer), datetime(2026, 11, 20, tzinfo=UTC)
    given: dict[str, Any] = {"id": "1", "name": "mia", "active": True, "account": VICTIM, "deleted": False} | changes
    return Provisioned(
        id=given["id"],
        client="scim:corp",
        kind=ProvisionedKind.USER,
        name=given["name"],
        external_id=None,
        identity=LinkedIdentity(issuer=issuer, subject=Subject(site.subject(VICTIM))),
        active=given["active"],
        deleted=given["deleted"],
        document=json.dumps({"userName": given["name"], ENTERPRISE: {"costCenter": given["account"]}}),
        created_at=now,
        changed_at=now,
    )


@pytest.mark.parametrize("chosen", [BY_SCIM])
@pytest.mark.parametrize(
    ("records", "shown"),
    [
        ([{}], True),
        ([], False),
        ([{"active": False}], False),
        ([{"deleted": True}], False),
        ([{"account": ATTACKER}], False),
        ([{"account": ["U1MIA"]}], False),
        ([{}, {"id": "2", "name": "mia2"}], False),
    ],
)
async def test_provisioning_names_it_by_one_active_record(
    site: Site, records: list[dict[str, Any]], *, shown: bool
) -> None:
    database = site.doorward.running.core.outside.database
    for record in records:
        kept = user(site, **record)
        await database.write(lambda tx, kept=kept: tx.provisioned.insert(kept))  # type: ignore[misc]
    page = await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM)
    assert (page.status_code == 200) is shown
    assert await site.refusals() == ([] if shown else ["link.no_correspondence"])


@pytest.mark.parametrize("chosen", [BY_SCIM])
async def test_a_correspondence_that_ends_meanwhile_ends_the_code(site: Site) -> None:
    database = site.doorward.running.core.outside.database
    await database.write(lambda tx: tx.provisioned.insert(user(site)))
    page = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    assert await database.write(lambda tx: tx.provisioned.replace(user(site, account=ATTACKER)))
    assert (await type_code(site, view, code_on(page)))["response_action"] == "errors"
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.no_correspondence"]


async def test_with_sign_in_with_slack_no_code_is_ever_shown(tmp_path: Path, clock: FixedClock) -> None:
    named = {name: value for name, value in BY_CLAIM.items() if "SLACK_ACCOUNT" in name}
    with fake_openid_provider(clock, authority=f"https://{PROVIDER}.idp.example/login") as provider:
        provider.manners.claims = Directory()
        here = Registration(
            authority=provider.authority,
            transport_url=provider.transport_url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
        )
        async with (
            FakeSlack(now=clock).running() as slack,
            installation(tmp_path, slack, {PROVIDER: here}, origin=HTTPS, clock=clock, **named) as doorward,
        ):
            slack.join(VICTIM, real_name="Mia Lang")
            site = Site(doorward=doorward, providers={PROVIDER: provider})
            begun = await site.take(doorward.browser(), await doorward.ask(VICTIM))
            assert "/openid/connect/authorize" in begun.headers["location"]


async def test_a_code_typed_by_another_account_counts_for_nothing(site: Site) -> None:
    """Each has a dialog of their own; the attacker types the victim's code, and the victim the attacker's."""
    theirs, own = await code_page(site, VICTIM), await code_page(site, ATTACKER)
    view = await dialog(site, ATTACKER)
    assert (await type_code(site, view, code_on(theirs)))["response_action"] == "errors"
    assert (await type_code(site, await dialog(site, VICTIM), code_on(own)))["response_action"] == "errors"
    await site.assert_nothing_happened()


async def test_anothers_dialog_takes_no_code(site: Site) -> None:
    page = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    stolen = site.doorward.slack.submission(view, code=code_on(page)) | {"user": {"id": ATTACKER, "team_id": TEAM}}
    assert (await send(site, stolen)).json()["response_action"] == "errors"
    await site.assert_nothing_happened()


async def test_five_wrong_codes_end_it_and_the_right_one_is_too_late(site: Site) -> None:
    page = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    for _ in range(5):
        assert (await type_code(site, view, wrong_for(page)))["response_action"] == "errors"
    assert (await type_code(site, view, code_on(page)))["response_action"] == "errors"
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.wrong_code"] * 5


async def test_the_fifth_try_may_still_be_right(site: Site) -> None:
    page = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    for _ in range(4):
        await type_code(site, view, wrong_for(page))
    await type_code(site, view, code_on(page))
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)


async def test_a_late_code_is_refused(site: Site, clock: FixedClock) -> None:
    page = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    await type_code(site, view, wrong_for(page))
    clock.advance(seconds=FIVE_MINUTES)
    assert (await type_code(site, view, code_on(page)))["response_action"] == "errors"
    await site.assert_nothing_happened()


async def test_a_code_counts_once(site: Site) -> None:
    page = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    payload = site.doorward.slack.submission(view, code=code_on(page))
    await send(site, payload)
    assert (await send(site, payload)).json()["response_action"] == "errors"
    assert (await send(site, site.doorward.slack.submission(view, code=code_on(page)))).json()[
        "response_action"
    ] == "errors"
    assert len(await site.doorward.audit("link.made")) == 1


async def test_the_code_is_shown_once_and_to_the_browser_that_took_the_ticket(site: Site) -> None:
    browser, other = site.doorward.browser(), site.doorward.browser("198.51.100.66")
    page = await signed_in(site, browser, await site.doorward.ask(VICTIM), VICTIM)
    own = fields_of(await other.get("/enrol"))
    assert_refused(await other.post("/signin/accounts", {**own, "leg": fields_of(page)["leg"], "decision": "link"}))
    assert (await browser.press(page, decision="link")).status_code == 200
    again = await browser.press(page, decision="link")
    assert again.status_code >= 400
    assert "chat-code" not in again.text


async def test_not_me_on_the_page_of_the_code_ends_it(site: Site) -> None:
    browser = site.doorward.browser()
    page = await code_page(site, VICTIM, browser)
    view = await dialog(site, VICTIM)
    await browser.press(page, decision="not_me")
    assert (await type_code(site, view, code_on(page)))["response_action"] == "errors"
    await site.assert_nothing_happened()


async def test_an_account_linked_meanwhile_is_not_linked_again(site: Site) -> None:
    first = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    second = await code_page(site, VICTIM)
    other = await dialog(site, VICTIM)
    await type_code(site, view, code_on(first))
    assert (await type_code(site, other, code_on(second)))["response_action"] == "errors"
    assert len(await site.doorward.audit("link.made")) == 1
    assert len(await site.refusals()) == 1


async def test_a_further_account_still_takes_a_factor(site: Site, company: Directory) -> None:
    page = await code_page(site, VICTIM)
    await type_code(site, await dialog(site, VICTIM), code_on(page))
    company.accounts[site.subject(VICTIM)] = ATTACKER
    refused = await signed_in(site, site.doorward.browser(), await site.doorward.ask(ATTACKER), VICTIM)
    assert_refused(refused)
    assert await site.doorward.linked(ATTACKER) is None
    assert (await site.refusals())[-1] == "link.factor_missing"


# Two people of whom the same account is said


async def test_two_who_are_told_one_account_are_both_refused_with_an_alarm(site: Site, company: Directory) -> None:
    """The second may have written it themselves, or the first: nobody can tell, so it is neither's."""
    company.accounts[site.subject(ATTACKER)] = VICTIM
    first = await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), ATTACKER)
    assert first.status_code == 200, "nobody else has been heard of yet"
    for account in (VICTIM, ATTACKER, VICTIM):
        page = await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), account)
        assert_refused(page)
        assert "chat-code" not in page.text
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.shared_correspondence"] * 3
    alarms = await site.doorward.audit("link.alarm")
    assert {alarm.event.decision for alarm in alarms} == {"alarm"}
    assert len({alarm.event.resource for alarm in alarms}) == 2


async def test_a_second_one_heard_of_after_the_code_was_shown_ends_it(site: Site, company: Directory) -> None:
    company.accounts[site.subject(ATTACKER)] = VICTIM
    page = await code_page(site, VICTIM)
    view = await dialog(site, VICTIM)
    assert_refused(await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), ATTACKER))
    assert (await type_code(site, view, code_on(page)))["response_action"] == "errors"
    await site.assert_nothing_happened()


async def test_once_the_directory_is_right_again_the_one_is_linked(site: Site, company: Directory) -> None:
    company.accounts[site.subject(ATTACKER)] = VICTIM
    await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), ATTACKER)
    assert_refused(await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM))
    company.accounts[site.subject(ATTACKER)] = ATTACKER
    await signed_in(site, site.doorward.browser(), await site.doorward.ask(ATTACKER), ATTACKER)
    page = await code_page(site, VICTIM)
    await type_code(site, await dialog(site, VICTIM), code_on(page))
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)


@pytest.mark.parametrize("chosen", [BY_SCIM])
@pytest.mark.parametrize(("active", "shown"), [(True, False), (False, True)])
async def test_a_record_of_somebody_who_never_signed_in_counts_too(site: Site, *, active: bool, shown: bool) -> None:
    database = site.doorward.running.core.outside.database
    await database.write(lambda tx: tx.provisioned.insert(user(site)))
    stranger = replace(user(site, id="2", name="other", active=active), identity=None)
    await database.write(lambda tx: tx.provisioned.insert(stranger))
    page = await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM)
    assert (page.status_code == 200) is shown
    assert await site.refusals() == ([] if shown else ["link.shared_correspondence"])


# The address as an additional condition


@pytest.mark.parametrize("chosen", [BY_CLAIM | {"SLACK__DIRECTORY_EMAILS": "true"}])
@pytest.mark.parametrize(
    ("profile", "shown"),
    [
        ({"profile": {"email": "MIA@"}}, True),
        ({"profile": {"email": "other@"}}, False),
        ({"profile": {}}, False),
        ({}, False),
        ({"profile": {"email": ["MIA@"]}}, False),
    ],
)
async def test_the_address_has_to_be_the_providers_where_it_is_asked_for(
    site: Site, profile: dict[str, Any], *, shown: bool
) -> None:
    site.doorward.slack.scopes.add(EMAIL)
    address = profile.get("profile", {}).get("email")
    domain = BY_USERNAME["mia"].email.partition("@")[2]
    if isinstance(address, str):
        profile = {"profile": {"email": address + domain}}
    site.doorward.slack.scopes.add(EMAIL)
    site.doorward.slack.join(VICTIM, real_name="Mia Lang", **profile)
    page = await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM)
    assert (page.status_code == 200) is shown
    assert await site.refusals() == ([] if shown else ["link.no_correspondence"])


@pytest.mark.parametrize("chosen", [BY_CLAIM | {"SLACK__DIRECTORY_EMAILS": "true"}])
async def test_the_right_address_alone_links_nobody(site: Site, company: Directory) -> None:
    site.doorward.slack.scopes.add(EMAIL)
    company.accounts.clear()
    email = BY_USERNAME["mia"].email
    site.doorward.slack.join(VICTIM, real_name="Mia Lang", profile={"email": email})
    page = await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM)
    assert_refused(page)
    assert await site.refusals() == ["link.no_correspondence"]


@pytest.mark.parametrize("chosen", [BY_CLAIM | {"SLACK__DIRECTORY_EMAILS": "true"}])
async def test_an_app_that_may_not_read_addresses_links_nobody_by_them(site: Site) -> None:
    site.doorward.slack.join(VICTIM, real_name="Mia Lang", profile={"email": BY_USERNAME["mia"].email})
    assert_refused(await signed_in(site, site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM))
    assert await site.refusals() == ["link.no_correspondence"]


@pytest.mark.parametrize("chosen", [INSTALLED_BY_OAUTH])
async def test_an_app_that_installs_by_oauth_may_still_link_by_code(site: Site) -> None:
    """The client id is there for installing; Sign in with Slack is left out by its own setting."""
    page = await code_page(site, VICTIM)
    await type_code(site, await dialog(site, VICTIM), code_on(page))
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)
