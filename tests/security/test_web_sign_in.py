"""Attacks on the sign-in pages: forwarded links, foreign browsers, forged forms, scanners, open redirects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.domain.identity import Role
from bot.ports.database import Transaction
from bot.services.throttling import PAGES
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import PROVIDER, Browser, Stage, at_rest, fields_of, web_stage


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


async def linked(stage: Stage, person: str) -> str | None:
    """The company account a chat account is linked to."""
    link = await stage.database.read(lambda tx: tx.links.find(stage.channel(person)))
    return None if link is None else str(link.identity.subject)


async def test_both_legs_and_both_names_make_a_link(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_naming_page(browser, "john")
    assert "Are both of these you?" in page.text
    assert "John Carver, Corp" in page.text
    assert await linked(stage, "john") is None, "nothing is linked before the page was confirmed"
    done = await browser.press(page, decision="link")
    assert done.status_code == 200
    assert "John Carver" in done.text
    assert await linked(stage, "john") == stage.identity("john").subject
    assert [record.event.type for record in await stage.audit("link")] == ["link.made"]


async def test_what_was_asked_before_the_sign_in_is_answered_after_it(stage: Stage) -> None:
    await stage.say("john", "how many days do I have?")
    browser = stage.browser()
    begun = await browser.press(await browser.get(stage.link_on_card("john")))
    there = await browser.get(stage.at_chat(begun, "john"))
    done = await browser.press(await browser.get(stage.at_company(there, "john")), decision="link")
    assert "days of" in done.text
    assert any("days of" in card.headline for card in stage.cards("john"))


@pytest.mark.requirement("46")
async def test_the_cookie_is_a_host_cookie(stage: Stage) -> None:
    browser = stage.browser()
    first = await browser.get(await stage.offer("john"))
    signed_in = await stage.link(browser, "john")
    for response in (first, signed_in):
        name, *attributes = response.headers["set-cookie"].split("; ")
        assert name.startswith("__Host-dw_session=")
        assert {attribute.lower() for attribute in attributes} == {"httponly", "secure", "path=/", "samesite=lax"}


async def test_on_this_computer_in_development_the_cookie_does_without_https(tmp_path: Path, clock: FixedClock) -> None:
    async with web_stage(tmp_path, clock, origin="http://127.0.0.1:8080", development=True) as stage:
        browser = stage.browser("127.0.0.1")
        signed_in = await stage.link(browser, "john")
        name, *attributes = signed_in.headers["set-cookie"].split("; ")
        assert name.startswith("dw_session=")
        assert {attribute.lower() for attribute in attributes} == {"httponly", "path=/", "samesite=lax"}
        assert "strict-transport-security" not in signed_in.headers


# Forged forms

FORGED = {
    "another site's page": {"sec_fetch_site": "cross-site", "origin": "https://evil.example"},
    "a sister site": {"sec_fetch_site": "same-site", "origin": "https://blog.doorward.example"},
    "a foreign origin that claims ours by metadata": {
        "sec_fetch_site": "same-origin",
        "origin": "https://evil.example",
    },
    "an old browser on another site": {"sec_fetch_site": "", "origin": "https://evil.example"},
    "our host over plain http": {"sec_fetch_site": "", "origin": "http://doorward.example"},
    "an origin that says nothing": {"sec_fetch_site": "", "origin": "null"},
    "no word of where it comes from": {"sec_fetch_site": "", "origin": ""},
    "a link typed by hand": {"sec_fetch_site": "none", "origin": ""},
}


@pytest.mark.requirement("46")
@pytest.mark.parametrize("sender", FORGED.values(), ids=FORGED)
async def test_a_form_from_elsewhere_is_refused(stage: Stage, sender: dict[str, str]) -> None:
    browser = stage.browser()
    fields = fields_of(await browser.get(await stage.offer("john")))
    refused = await browser.post("/signin/start", fields, **sender)
    assert refused.status_code == 403
    assert stage.rejections == ["csrf.origin"]
    assert (await browser.post("/signin/start", fields)).status_code == 303, "and the ticket is still good"


@pytest.mark.parametrize(
    "sender",
    [{}, {"sec_fetch_site": ""}, {"origin": "null"}, {"origin": ""}],
    ids=["both headers", "without metadata", "a page without referrer", "without an origin"],
)
async def test_our_own_form_counts_in_every_browser(stage: Stage, sender: dict[str, str]) -> None:
    browser = stage.browser()
    fields = fields_of(await browser.get(await stage.offer("john")))
    assert (await browser.post("/signin/start", fields, **sender)).status_code == 303


@pytest.mark.requirement("46")
@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"], ids=["none", "empty", "made up", "not ASCII"])
async def test_a_form_without_our_token_is_refused(stage: Stage, token: str | None) -> None:
    browser = stage.browser()
    fields = fields_of(await browser.get(await stage.offer("john")))
    forged = {name: value for name, value in fields.items() if name != "csrf_token"}
    if token is not None:
        forged["csrf_token"] = token
    assert (await browser.post("/signin/start", forged)).status_code == 403
    assert stage.rejections == ["csrf.token"]
    assert (await browser.post("/signin/start", fields)).status_code == 303


@pytest.mark.requirement("46")
async def test_a_token_of_another_browser_is_refused(stage: Stage) -> None:
    ticket = await stage.offer("john")
    attacker, victim = stage.browser(), stage.browser()
    theirs = fields_of(await attacker.get(ticket))
    await victim.get(ticket)
    assert (await victim.post("/signin/start", theirs)).status_code == 403
    assert (await stage.browser().post("/signin/start", theirs)).status_code == 403, "nor without any cookie"
    assert stage.rejections == ["csrf.token", "csrf.token"]


# Tickets


@pytest.mark.requirement("19", "94")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_uses_no_ticket_up(stage: Stage, method: str) -> None:
    ticket = await stage.offer("john")
    scanner = stage.browser("198.51.100.1")
    for _ in range(3):
        assert (await scanner.client.request(method, ticket)).status_code == 200
    browser = stage.browser()
    assert (await browser.press(await browser.get(ticket))).status_code == 303


@pytest.mark.requirement("19")
async def test_a_ticket_is_taken_once(stage: Stage) -> None:
    ticket = await stage.offer("john")
    browser, second = stage.browser(), stage.browser()
    page, seconds = await browser.get(ticket), await second.get(ticket)
    assert (await browser.press(page)).status_code == 303
    again = await second.press(seconds)
    assert again.status_code == 403
    assert "no longer good" in again.text
    assert (await browser.get(ticket)).status_code == 403


@pytest.mark.requirement("19")
async def test_a_ticket_is_good_for_ten_minutes(stage: Stage, clock: FixedClock) -> None:
    browser = stage.browser()
    late, page = await stage.offer("john"), await browser.get(await stage.offer("john"))
    clock.advance(seconds=600)
    assert (await browser.get(late)).status_code == 403
    assert (await browser.press(page)).status_code == 403


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=nonsense", f"?ticket={'x' * 4000}", "?ticket=a&ticket=b"])
async def test_what_is_no_ticket_says_what_to_do_next(stage: Stage, query: str) -> None:
    page = await stage.browser().get(f"/signin/start{query}")
    assert page.status_code in {400, 403}
    assert "Go back to the chat" in page.text


@pytest.mark.requirement("17")
async def test_a_handle_of_another_kind_is_no_ticket(stage: Stage) -> None:
    await stage.link(stage.browser(), "john")
    consent = (await stage.payslip_page("john")).removeprefix("/consent/")
    assert (await stage.browser().get(f"/signin/start?ticket={consent}")).status_code == 403


# Foreign browsers and forwarded links (invariant 2)


@pytest.mark.requirement("19")
async def test_an_attackers_link_never_links_the_victims_company_account(stage: Stage) -> None:
    """The attacker (john) forwards the own link; the victim (mia) presses everything there is to press."""
    victim = stage.browser()
    begun = await victim.press(await victim.get(await stage.offer("john")))
    refused = await victim.get(stage.at_chat(begun, "mia"))
    assert refused.status_code == 401
    assert "different chat account" in refused.text
    assert await linked(stage, "john") is None
    assert await linked(stage, "mia") is None
    assert [record.event.code for record in await stage.audit("link.refused")] == ["link.other_chat_account"]


@pytest.mark.requirement("18", "19")
async def test_an_attacker_cannot_finish_what_the_victim_began(stage: Stage) -> None:
    """The victim's way back, chat leg and company leg, in the attacker's browser."""
    victim, attacker = stage.browser(), stage.browser()
    await attacker.get(await stage.offer("mia"))  # has a cookie of its own
    begun = await victim.press(await victim.get(await stage.offer("john")))
    chat_back = stage.at_chat(begun, "john")
    assert (await attacker.get(chat_back)).status_code == 401
    there = await victim.get(chat_back)
    company_back = stage.at_company(there, "john")
    assert (await attacker.get(company_back)).status_code == 401
    named = await victim.get(company_back)
    leg = {"leg": fields_of(named)["leg"], "decision": "link"}
    token = fields_of(await attacker.get(await stage.offer("mia")))["csrf_token"]
    assert (await attacker.post("/signin/accounts", {**leg, "csrf_token": token})).status_code == 401
    assert await linked(stage, "john") is None
    assert (await victim.press(named, decision="link")).status_code == 200, "and the victim still can"
    refusals = [record.event.code for record in await stage.audit("link.refused")]
    assert refusals == ["link.other_browser"] * 3


@pytest.mark.requirement("18", "94")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_on_the_way_back_uses_nothing_up(stage: Stage, method: str) -> None:
    browser, scanner = stage.browser(), stage.browser("198.51.100.1")
    begun = await browser.press(await browser.get(await stage.offer("john")))
    chat_back = stage.at_chat(begun, "john")
    assert (await scanner.client.request(method, chat_back)).status_code in {401, 405}
    there = await browser.get(chat_back)
    company_back = stage.at_company(there, "john")
    seen = await scanner.client.request(method, company_back)
    assert seen.status_code in {401, 405}
    if method == "GET":
        assert "Open in your browser" in seen.text
    assert (await browser.get(company_back)).status_code == 200


async def test_a_head_request_with_the_cookie_does_not_run_the_way_back(stage: Stage) -> None:
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer("john")))
    chat_back = stage.at_chat(begun, "john")
    assert (await browser.client.head(chat_back)).status_code == 405
    assert (await browser.get(chat_back)).status_code == 303


@pytest.mark.requirement("18")
@pytest.mark.parametrize(
    "query", ["", "state=x", "code=x", "error=access_denied", "code=x&state=y", "code=a&code=b&state=s"]
)
@pytest.mark.parametrize("leg", ["/signin/playground/callback", f"/signin/callback/{PROVIDER}"])
async def test_a_made_up_way_back_is_refused(stage: Stage, leg: str, query: str) -> None:
    browser = stage.browser()
    await browser.get(await stage.offer("john"))
    refused = await browser.get(f"{leg}?{query}")
    assert refused.status_code in {400, 401, 403}
    assert await stage.audit("link.made") == []


@pytest.mark.requirement("18", "21")
async def test_the_way_back_is_walked_once_and_at_its_own_stage(stage: Stage) -> None:
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer("john")))
    chat_back = stage.at_chat(begun, "john")
    early = parse_qs(urlsplit(chat_back).query)["state"][0]
    assert (await browser.get(f"/signin/callback/{PROVIDER}?code=x&state={early}")).status_code == 403
    there = await browser.get(chat_back)
    assert (await browser.get(chat_back)).status_code == 403, "the chat leg is done"
    company_back = stage.at_company(there, "john")
    assert (await browser.get(company_back.replace(PROVIDER, "other", 1))).status_code == 401
    named = await browser.get(company_back)
    assert (await browser.get(company_back)).status_code == 403
    assert (await browser.press(named, decision="link")).status_code == 200
    assert (await browser.press(named, decision="link")).status_code == 403


async def test_not_me_links_nothing_and_is_written_down(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_naming_page(browser, "john", company="mia")
    said = await browser.press(page, decision="not_me")
    assert "Nothing was linked" in said.text
    assert await linked(stage, "john") is None
    assert (await browser.press(page, decision="link")).status_code == 403, "and it cannot be taken back"
    assert [record.event.code for record in await stage.audit("link.refused")] == ["link.declined"]


async def test_neither_button_is_no_answer(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_naming_page(browser, "john")
    assert (await browser.press(page)).status_code == 400
    assert (await browser.press(page, decision="yes")).status_code == 400
    assert (await browser.press(page, decision="link")).status_code == 200


async def test_a_link_is_never_replaced(stage: Stage) -> None:
    """Two links of one chat account are walked side by side to the last page; the first confirmation wins."""
    one, two = stage.browser(), stage.browser()
    first = await stage.to_naming_page(one, "john")
    second = await stage.to_naming_page(two, "john", company="mia")
    await one.press(first, decision="link")
    refused = await two.press(second, decision="link")
    assert refused.status_code == 403
    assert "never replaced" in refused.text
    assert await linked(stage, "john") == stage.identity("john").subject


async def test_a_renewal_with_another_company_account_changes_nothing(stage: Stage) -> None:
    await stage.link(stage.browser(), "john")
    other = stage.browser()
    begun = await other.press(await other.get(await stage.offer("john")))
    refused = await other.get(stage.at_company(begun, "mia"))
    assert refused.status_code == 401
    assert "linked to a different company account" in refused.text
    assert await linked(stage, "john") == stage.identity("john").subject


async def test_a_renewal_needs_no_naming_page(stage: Stage, clock: FixedClock) -> None:
    await stage.link(stage.browser(), "john")
    clock.advance(hours=2)
    await stage.say("john", "how many days do I have?")
    browser = stage.browser()
    begun = await browser.press(await browser.get(stage.link_on_card("john")))
    done = await browser.get(stage.at_company(begun, "john"))
    assert done.status_code == 200
    assert "days of" in done.text


async def test_a_locked_person_signs_in_nowhere(stage: Stage) -> None:
    await stage.link(stage.browser(), "john")
    await lock(stage, "john")
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer("john")))
    assert (await browser.get(stage.at_company(begun, "john"))).status_code == 401
    own = stage.browser()
    refused = await stage.sign_in(own, "john")
    assert refused.status_code == 401


async def lock(stage: Stage, person: str) -> None:
    """A lock alone, without what else an administrator's command ends."""

    def work(tx: Transaction) -> None:
        known = tx.persons.find(stage.identity(person))
        assert known is not None
        tx.persons.save(replace(known, locked=True, lock_reason="test"))

    await stage.database.write(work)


# Session ids


@pytest.mark.requirement("43", "46")
async def test_signing_in_changes_the_browsers_id(stage: Stage) -> None:
    browser = stage.browser()
    await browser.get(await stage.offer("john"))
    before = browser.cookie
    await stage.link(browser, "john")
    after = browser.cookie
    assert after != before
    planted = await holding(stage, before)
    assert "Sign in to open this page" in (await planted.get("/enrol")).text, "the id from before is nobody's"


@pytest.mark.requirement("43", "46")
async def test_a_planted_id_is_never_a_session(stage: Stage) -> None:
    planted = "A" * 32
    browser = await holding(stage, planted)
    await stage.link(browser, "john")
    assert browser.cookie != planted
    assert "Sign in to open this page" in (await (await holding(stage, planted)).get("/enrol")).text


async def test_signing_in_again_ends_the_session_before(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    before = browser.cookie
    begun = await browser.press(await browser.get(await stage.offer("john")))
    await browser.get(stage.at_company(begun, "john"))
    assert "Sign in to open this page" in (await (await holding(stage, before)).get("/enrol")).text


@pytest.mark.requirement("46")
async def test_signing_out_ends_the_session_and_takes_the_cookie(stage: Stage) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    before = browser.cookie
    done = await browser.press(await browser.get("/signout"))
    assert "signed out of this browser" in done.text
    ended = await stage.database.read(lambda tx: list(tx.audit.search(type_prefix="session.ended", limit=9)))
    assert [(one.event.principal, one.event.code) for one in ended] == [(stage.identity("john").key, "session.browser")]
    assert "max-age=0" in done.headers["set-cookie"].lower()
    assert browser.cookie is None
    assert "Sign in to open this page" in (await (await holding(stage, before)).get("/enrol")).text


async def test_a_browser_session_ends_by_itself(stage: Stage, clock: FixedClock) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    clock.advance(minutes=30)
    assert "Sign in to open this page" in (await browser.get("/enrol")).text


@pytest.mark.requirement("44")
async def test_the_database_does_not_hold_a_browsers_id(stage: Stage, tmp_path: Path) -> None:
    browser = stage.browser()
    await stage.link(browser, "john")
    assert browser.cookie is not None
    assert browser.cookie.encode() not in at_rest(tmp_path)


async def holding(stage: Stage, cookie: str | None) -> Browser:
    """A browser with a cookie it was given."""
    browser = stage.browser()
    assert cookie is not None
    browser.client.cookies.set("__Host-dw_session", cookie, domain="doorward.example", path="/")
    return browser


# Open redirects

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "/consent/../../evil",
    "/consent/short",
    "/consent/" + "a" * 32 + "\r\nlocation: https://evil.example",
    "/consent/" + "a" * 32 + "?next=//evil.example",
    "/enrol@evil.example",
    "/enrol\n",
    "javascript:alert(1)",
    "",
]


@pytest.mark.requirement("20")
@pytest.mark.parametrize("following", ELSEWHERE)
async def test_a_sign_in_leads_to_our_own_pages_only(stage: Stage, following: str) -> None:
    browser = stage.browser()
    fields = {**fields_of(await browser.get("/enrol")), "next": following}
    refused = await browser.post("/signin/continue", fields)
    assert refused.status_code == 400
    assert "location" not in refused.headers


@pytest.mark.requirement("20")
async def test_a_query_cannot_say_where_to_go(stage: Stage) -> None:
    browser = stage.browser()
    page = await browser.get(f"{await stage.offer('john')}&next=//evil.example&redirect_uri=//evil.example")
    begun = await browser.press(page, redirect_uri="https://evil.example", next="https://evil.example")
    back = parse_qs(urlsplit(begun.headers["location"]).query)["redirect_uri"]
    assert back == [f"{stage.origin}/signin/playground/callback"]


@pytest.mark.parametrize("path", ["/signin/start", "/signin/continue"])
async def test_an_unknown_provider_is_refused(stage: Stage, path: str) -> None:
    browser = stage.browser()
    page = await browser.get(await stage.offer("john") if path.endswith("start") else "/enrol")
    assert (await browser.press(page, provider="evil")).status_code in {400, 401}


async def test_a_role_the_directory_takes_away_is_gone_after_the_next_sign_in(stage: Stage) -> None:
    await stage.link(stage.browser(), "mia")
    honest = stage.provider.manners.claims
    stage.provider.manners.claims = lambda claims: {**honest(claims), "roles": ["employee"]}
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer("mia")))
    await browser.get(stage.at_company(begun, "mia"))
    person = await stage.database.read(lambda tx: tx.persons.find(stage.identity("mia")))
    assert person is not None
    assert person.roles == {Role.EMPLOYEE}


# Budgets and bodies


@pytest.mark.requirement("35", "68")
async def test_an_address_has_a_budget_and_only_its_own(stage: Stage) -> None:
    flood = stage.browser("198.51.100.66")
    answers = [(await flood.client.get("/enrol")).status_code for _ in range(PAGES.count + 2)]
    assert answers == [200] * PAGES.count + [429] * 2
    assert (await flood.client.get("/enrol", headers={"x-forwarded-for": "192.0.2.1"})).status_code == 429
    assert (await stage.browser("198.51.100.67").get("/enrol")).status_code == 200
    assert (await flood.client.get("/healthz")).status_code == 200


async def test_who_is_signed_in_keeps_an_own_budget_at_a_flooded_address(stage: Stage) -> None:
    browser, flood = stage.browser("198.51.100.66"), stage.browser("198.51.100.66")
    await stage.link(browser, "john")
    for _ in range(PAGES.count):
        await flood.client.get("/enrol")
    assert (await flood.client.get("/enrol")).status_code == 429
    assert (await browser.get("/enrol")).status_code == 200


@pytest.mark.requirement("14")
async def test_a_form_has_limits(stage: Stage) -> None:
    browser = stage.browser()
    fields = fields_of(await browser.get(await stage.offer("john")))
    assert (await browser.post("/signin/start", {**fields, "more": "x" * 70_000})).status_code == 413
    assert (await browser.post("/signin/start", {**fields, **{f"f{n}": "" for n in range(40)}})).status_code == 400
    json = await browser.client.post(
        "/signin/start", json=fields, headers={"origin": stage.origin, "sec-fetch-site": "same-origin"}
    )
    assert json.status_code == 400
    assert (await browser.post("/signin/start", fields)).status_code == 303


async def test_a_page_to_type_on_opens_after_the_sign_in_it_asks_for(stage: Stage) -> None:
    linked, fresh = stage.browser(), stage.browser()
    await stage.link(linked, "john")
    await stage.say("john", "change my bank account")
    path = stage.link_on_card("john")
    assert path.startswith("/write/")
    asked = await fresh.get(path)
    sent = await fresh.press(asked)
    assert sent.status_code == 303, sent.text
    back = await stage.sign_in(fresh, "john", path)
    assert back.headers["location"] == path
    assert 'name="written"' in (await fresh.get(path)).text
