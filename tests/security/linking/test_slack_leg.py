"""Attacks on the joining of a Slack account and a company account: whoever controls the link controls no result."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.slack_installation import OTHER_PROVIDER, PROVIDER, query_of
from tests.fakes.slack_openid import CLIENT_SECRET
from tests.fakes.web_stage import at_rest, fields_of
from tests.security.linking.kit import ATTACKER, VICTIM, Site, assert_refused, callback, parts_of

STRANGER = "U9EVE"
TEN_MINUTES = 601
two_providers = pytest.mark.parametrize("provider_names", [(PROVIDER, OTHER_PROVIDER)])


async def test_who_walks_both_legs_alone_is_linked(site: Site) -> None:
    await site.link(VICTIM)
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)
    assert [record.event.channel for record in await site.doorward.audit("link.made")] == [f"slack:T0COMPANY:{VICTIM}"]
    assert await site.refusals() == []


# Forwarding


@pytest.mark.requirement("18", "19")
async def test_an_attackers_link_walked_by_the_victim_links_nothing(site: Site) -> None:
    forwarded = await site.doorward.ask(ATTACKER)
    browser = site.doorward.browser()
    assert_refused(await site.slack_leg(browser, forwarded, VICTIM))
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.other_chat_account"]
    assert not site.providers[PROVIDER].requests or "POST /token" not in site.providers[PROVIDER].requests


@pytest.mark.requirement("18", "19")
async def test_a_victims_link_walked_by_the_attacker_links_nothing(site: Site) -> None:
    stolen = await site.doorward.ask(VICTIM)
    browser = site.doorward.browser("198.51.100.66")
    assert_refused(await site.slack_leg(browser, stolen, ATTACKER))
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.other_chat_account"]


@pytest.mark.requirement("18", "19")
async def test_a_renewal_walked_by_somebody_else_opens_no_session(site: Site, clock: FixedClock) -> None:
    await site.link(VICTIM)
    clock.advance(hours=2)
    stolen = await site.doorward.ask(VICTIM)
    thief = site.doorward.browser("198.51.100.66")
    assert_refused(await thief.get(site.at_company(await site.take(thief, stolen), ATTACKER)))
    assert len(await site.doorward.audit("session.opened")) == 1, "the honest one, before"
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)


# The same browser for everything


@pytest.mark.requirement("18")
async def test_an_attackers_way_back_in_the_victims_browser_is_refused(site: Site) -> None:
    attacker, victim = site.doorward.browser("198.51.100.66"), site.doorward.browser()
    back = await site.doorward.at_slack(await site.take(attacker, await site.doorward.ask(ATTACKER)), ATTACKER)
    await victim.get("/enrol")
    assert victim.cookie is not None
    assert_refused(await victim.get(back))
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.other_browser"]


@pytest.mark.requirement("18")
async def test_a_way_back_without_a_cookie_uses_nothing_up(site: Site) -> None:
    browser = site.doorward.browser()
    back = await site.doorward.at_slack(await site.take(browser, await site.doorward.ask(VICTIM)), VICTIM)
    assert_refused(await site.doorward.browser("198.51.100.66").get(back))
    assert await site.rejections() == ["web.other_browser"]
    there = await browser.get(back)
    done = await browser.press(await browser.get(site.at_company(there, VICTIM)), decision="link")
    assert done.status_code == 200


@pytest.mark.requirement("18")
async def test_an_attackers_company_sign_in_in_the_victims_browser_is_refused(site: Site) -> None:
    attacker, victim = site.doorward.browser("198.51.100.66"), site.doorward.browser()
    there = await site.slack_leg(attacker, await site.doorward.ask(ATTACKER), ATTACKER)
    await victim.get("/enrol")
    assert_refused(await victim.get(site.at_company(there, ATTACKER)))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18")
async def test_a_victims_company_sign_in_in_the_attackers_leg_is_refused(site: Site) -> None:
    """The attacker sends the victim to the provider with the attacker's state, and the victim signs in there."""
    attacker, victim = site.doorward.browser("198.51.100.66"), site.doorward.browser()
    there = await site.slack_leg(attacker, await site.doorward.ask(ATTACKER), ATTACKER)
    assert_refused(await victim.get(site.at_company(there, VICTIM)))
    await victim.get("/enrol")
    assert_refused(await victim.get(site.at_company(there, VICTIM)))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18")
async def test_a_naming_page_confirmed_elsewhere_links_nothing(site: Site) -> None:
    attacker, victim = site.doorward.browser("198.51.100.66"), site.doorward.browser()
    page = await site.naming_page(attacker, await site.doorward.ask(ATTACKER), ATTACKER)
    own = fields_of(await victim.get("/enrol"))
    forged = {**own, "leg": fields_of(page)["leg"], "decision": "link"}
    assert_refused(await victim.post("/signin/accounts", forged))
    foreign = await attacker.post(
        "/signin/accounts", {**fields_of(page), "decision": "link"}, sec_fetch_site="cross-site"
    )
    assert_refused(foreign)
    await site.assert_nothing_happened()


# Codes


@pytest.mark.requirement("18")
@pytest.mark.parametrize(("state_of", "code_of"), [(VICTIM, ATTACKER), (ATTACKER, VICTIM)])
async def test_a_code_of_another_leg_is_refused(site: Site, state_of: str, code_of: str) -> None:
    """The code is good, and for our app: only the nonce says that it was made for another leg."""
    one, other = site.doorward.browser(), site.doorward.browser("198.51.100.66")
    state = query_of(await site.take(one, await site.doorward.ask(state_of)))["state"]
    back = await site.doorward.at_slack(await site.take(other, await site.doorward.ask(code_of)), code_of)
    assert_refused(await one.get(callback("slack", code=parts_of(back)["code"], state=state)))
    await site.assert_nothing_happened()
    assert (await site.rejections())[-1] == "chat.nonce"


@pytest.mark.requirement("18")
async def test_the_states_of_one_browser_cannot_be_exchanged(site: Site) -> None:
    """The victim has walked half of the attacker's link, and walks an own one now."""
    browser = site.doorward.browser()
    theirs = query_of(await site.take(browser, await site.doorward.ask(ATTACKER)))["state"]
    back = await site.doorward.at_slack(await site.take(browser, await site.doorward.ask(VICTIM)), VICTIM)
    assert_refused(await browser.get(callback("slack", code=parts_of(back)["code"], state=theirs)))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18", "20")
async def test_a_code_made_for_another_address_is_refused(site: Site) -> None:
    browser = site.doorward.browser()
    asked = query_of(await site.take(browser, await site.doorward.ask(VICTIM)))
    site.doorward.slack.openid.redirect_uris.add("https://elsewhere.example/callback")
    elsewhere = {**asked, "redirect_uri": "https://elsewhere.example/callback"}
    code = parts_of(site.doorward.slack.openid.grant(VICTIM, elsewhere))["code"]
    assert_refused(await browser.get(callback("slack", code=code, state=asked["state"])))
    await site.assert_nothing_happened()
    assert (await site.rejections())[-1] == "chat.code"


@pytest.mark.requirement("18")
@pytest.mark.parametrize("code", ["", "made-up", "a" * 4000])
async def test_a_code_slack_does_not_know_is_refused(site: Site, code: str) -> None:
    browser = site.doorward.browser()
    asked = query_of(await site.take(browser, await site.doorward.ask(VICTIM)))
    assert_refused(await browser.get(callback("slack", code=code, state=asked["state"])))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18")
async def test_who_says_no_at_slack_is_not_linked(site: Site) -> None:
    browser = site.doorward.browser()
    asked = query_of(await site.take(browser, await site.doorward.ask(VICTIM)))
    assert_refused(await browser.get(callback("slack", error="access_denied", state=asked["state"])))
    await site.assert_nothing_happened()


# Mix-up


@pytest.mark.requirement("21")
@pytest.mark.parametrize("platform", ["teams", "playground", "discord"])
async def test_slacks_answer_at_another_platforms_address_is_refused(site: Site, platform: str) -> None:
    browser = site.doorward.browser()
    back = await site.doorward.at_slack(await site.take(browser, await site.doorward.ask(VICTIM)), VICTIM)
    assert_refused(await browser.get(back.replace("/slack/", f"/{platform}/")))
    await site.assert_nothing_happened()


@pytest.mark.requirement("21")
async def test_slacks_answer_is_not_the_companys(site: Site) -> None:
    browser = site.doorward.browser()
    back = parts_of(await site.doorward.at_slack(await site.take(browser, await site.doorward.ask(VICTIM)), VICTIM))
    path = f"/signin/callback/{PROVIDER}?code={back['code']}&state={back['state']}"
    assert_refused(await browser.get(path))
    await site.assert_nothing_happened()


@pytest.mark.requirement("21")
async def test_the_companys_answer_is_not_slacks(site: Site) -> None:
    browser = site.doorward.browser()
    there = await site.slack_leg(browser, await site.doorward.ask(VICTIM), VICTIM)
    answer = site.answer(there, VICTIM)
    assert_refused(await browser.get(callback("slack", code=answer["code"], state=answer["state"])))
    await site.assert_nothing_happened()


@two_providers
@pytest.mark.requirement("21")
async def test_one_providers_answer_at_anothers_address_is_refused(site: Site) -> None:
    browser = site.doorward.browser()
    back = await site.doorward.at_slack(
        await site.take(browser, await site.doorward.ask(VICTIM), provider=PROVIDER), VICTIM
    )
    answer = site.answer(await browser.get(back), VICTIM)
    assert_refused(await browser.get(f"/signin/callback/{OTHER_PROVIDER}?{urlencode(answer)}"))
    assert (await site.rejections())[-1] == "link.mixed_up"
    await site.assert_nothing_happened()
    assert [provider.requests.count("POST /token") for provider in site.providers.values()] == [0, 0]


@two_providers
@pytest.mark.requirement("21")
async def test_an_answer_that_names_another_issuer_is_refused(site: Site) -> None:
    """RFC 9207: the attacker's provider sends the honest one's code to us, under its own name."""
    browser = site.doorward.browser()
    back = await site.doorward.at_slack(
        await site.take(browser, await site.doorward.ask(VICTIM), provider=PROVIDER), VICTIM
    )
    answer = site.answer(await browser.get(back), VICTIM) | {"iss": site.providers[OTHER_PROVIDER].issuer}
    assert_refused(await browser.get(f"/signin/callback/{PROVIDER}?{urlencode(answer)}"))
    await site.assert_nothing_happened()
    assert [provider.requests.count("POST /token") for provider in site.providers.values()] == [0, 0]


# Again, and late


@pytest.mark.requirement("19")
async def test_a_ticket_is_taken_once(site: Site) -> None:
    link = await site.doorward.ask(VICTIM)
    browser, other = site.doorward.browser(), site.doorward.browser("198.51.100.66")
    page, copy = await browser.get(link), await other.get(link)
    assert (await browser.press(page)).status_code == 303
    assert_refused(await browser.press(page))
    assert_refused(await other.press(copy))
    await site.assert_nothing_happened()


@pytest.mark.requirement("19")
async def test_a_ticket_taken_by_many_at_once_is_taken_by_one(site: Site) -> None:
    link = await site.doorward.ask(VICTIM)
    browsers = [site.doorward.browser(f"198.51.100.{n}") for n in range(6)]
    pages = [await browser.get(link) for browser in browsers]
    answers = await asyncio.gather(*(browser.press(page) for browser, page in zip(browsers, pages, strict=True)))
    assert sorted(answer.status_code for answer in answers) == [303, *[403] * 5]


@pytest.mark.requirement("19")
async def test_a_late_ticket_is_refused(site: Site, clock: FixedClock) -> None:
    link = await site.doorward.ask(VICTIM)
    browser = site.doorward.browser()
    page = await browser.get(link)
    clock.advance(seconds=TEN_MINUTES)
    assert_refused(await browser.get(link))
    assert_refused(await browser.press(page))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18")
async def test_the_slack_leg_goes_once(site: Site) -> None:
    browser = site.doorward.browser()
    back = await site.doorward.at_slack(await site.take(browser, await site.doorward.ask(VICTIM)), VICTIM)
    assert (await browser.get(back)).status_code == 303
    assert_refused(await browser.get(back))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18")
async def test_a_late_slack_leg_is_refused(site: Site, clock: FixedClock) -> None:
    browser = site.doorward.browser()
    begun = await site.take(browser, await site.doorward.ask(VICTIM))
    clock.advance(seconds=TEN_MINUTES)
    assert_refused(await browser.get(await site.doorward.at_slack(begun, VICTIM)))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18")
async def test_the_company_leg_and_the_confirmation_go_once(site: Site) -> None:
    browser = site.doorward.browser()
    there = await site.slack_leg(browser, await site.doorward.ask(VICTIM), VICTIM)
    path = site.at_company(there, VICTIM)
    page = await browser.get(path)
    assert page.status_code == 200
    assert_refused(await browser.get(path))
    cookie = browser.cookie
    assert (await browser.press(page, decision="link")).status_code == 200
    assert browser.cookie != cookie, "a sign-in changes the session id"
    assert_refused(await browser.press(page, decision="link"))
    assert len(await site.doorward.audit("link.made")) == 1
    assert len(await site.doorward.audit("session.opened")) == 1


@pytest.mark.requirement("18")
async def test_a_late_confirmation_is_refused(site: Site, clock: FixedClock) -> None:
    browser = site.doorward.browser()
    page = await site.naming_page(browser, await site.doorward.ask(VICTIM), VICTIM)
    clock.advance(seconds=TEN_MINUTES)
    assert_refused(await browser.press(page, decision="link"))
    await site.assert_nothing_happened()


@pytest.mark.requirement("18")
async def test_who_says_this_is_not_me_is_not_linked_later(site: Site) -> None:
    browser = site.doorward.browser()
    page = await site.naming_page(browser, await site.doorward.ask(VICTIM), VICTIM)
    assert (await browser.press(page, decision="not_me")).status_code == 200
    assert_refused(await browser.press(page, decision="link"))
    await site.assert_nothing_happened()
    assert await site.refusals() == ["link.declined"]


# Who is a member


async def test_a_member_made_a_guest_in_the_meantime_is_not_linked(site: Site) -> None:
    link = await site.doorward.ask(VICTIM)
    site.doorward.slack.people[VICTIM]["is_restricted"] = True
    assert_refused(await site.slack_leg(site.doorward.browser(), link, VICTIM))
    await site.assert_nothing_happened()
    assert (await site.rejections())[-1] == "chat.not_a_member"


async def test_a_stranger_who_walks_a_victims_link_is_refused(site: Site) -> None:
    site.doorward.slack.join(STRANGER, team_id="T9OTHER")
    assert_refused(await site.slack_leg(site.doorward.browser(), await site.doorward.ask(VICTIM), STRANGER))
    await site.assert_nothing_happened()


# What Slack's token has to be (each condition: `test_slack_token.py`)


@pytest.mark.requirement("22")
async def test_a_token_for_another_app_is_refused(site: Site) -> None:
    site.doorward.slack.openid.manners.claims = lambda honest: honest | {"aud": "999.999"}
    assert_refused(await site.slack_leg(site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM))
    await site.assert_nothing_happened()
    assert (await site.rejections())[-1] == "chat.issuer"


@pytest.mark.requirement("22")
async def test_an_unsigned_token_is_refused(site: Site) -> None:
    site.doorward.slack.openid.manners.token = lambda token: token.rpartition(".")[0] + "."
    assert_refused(await site.slack_leg(site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM))
    await site.assert_nothing_happened()
    assert (await site.rejections())[-1] == "chat.signature"


async def test_while_slack_is_away_nobody_is_linked_and_everybody_is_told_to_try_again(site: Site) -> None:
    site.doorward.slack.fail_next("openid.connect.token", 502)
    answer = await site.slack_leg(site.doorward.browser(), await site.doorward.ask(VICTIM), VICTIM)
    assert answer.status_code == 503
    await site.assert_nothing_happened()


async def test_while_slacks_directory_is_away_nobody_is_linked(site: Site) -> None:
    browser = site.doorward.browser()
    begun = await site.take(browser, await site.doorward.ask(VICTIM))
    site.doorward.slack.fail_next("users.info", 503)
    assert (await browser.get(await site.doorward.at_slack(begun, VICTIM))).status_code == 503
    await site.assert_nothing_happened()


# A link that is there


@pytest.mark.requirement("19")
async def test_a_link_is_never_replaced(site: Site) -> None:
    """Two links were asked for before either was walked; the second would join another company account."""
    first, second = await site.doorward.ask(VICTIM), await site.doorward.ask(VICTIM)
    early, late = site.doorward.browser(), site.doorward.browser()
    late_page = await site.naming_page(late, second, VICTIM, company=ATTACKER)
    page = await site.naming_page(early, first, VICTIM)
    assert (await early.press(page, decision="link")).status_code == 200
    assert_refused(await late.press(late_page, decision="link"))
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)
    assert len(await site.doorward.audit("link.made")) == 1


@pytest.mark.requirement("19")
async def test_two_confirmations_at_once_make_one_link(site: Site) -> None:
    links = [await site.doorward.ask(VICTIM) for _ in range(3)]
    browsers = [site.doorward.browser() for _ in links]
    owners = [VICTIM, ATTACKER, ATTACKER]
    pages = [
        await site.naming_page(browser, link, VICTIM, company=owner)
        for browser, link, owner in zip(browsers, links, owners, strict=True)
    ]
    answers = await asyncio.gather(
        *(browser.press(page, decision="link") for browser, page in zip(browsers, pages, strict=True))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403]
    assert len(await site.doorward.audit("link.made")) == 1


# Machines that open links


@pytest.mark.requirement("19")
async def test_what_opens_links_by_itself_uses_nothing_up(site: Site) -> None:
    link = await site.doorward.ask(VICTIM)
    scanner = site.doorward.browser("198.51.100.9")
    for method in ("GET", "HEAD", "GET", "OPTIONS"):
        await scanner.client.request(method, link)
    await scanner.client.post(link, data={"ticket": link.partition("=")[2]})
    browser = site.doorward.browser()
    back = await site.doorward.at_slack(await site.take(browser, link), VICTIM)
    for client in (scanner.client, browser.client):
        assert (await client.head(back)).status_code == 405
    assert_refused(await scanner.get(back))
    there = await browser.get(back)
    path = site.at_company(there, VICTIM)
    assert (await browser.client.head(path)).status_code == 405
    done = await browser.press(await browser.get(path), decision="link")
    assert done.status_code == 200
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)


# What is kept and shown


@pytest.mark.requirement("71")
async def test_nothing_of_a_sign_in_is_written_down_or_kept_readable(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    link = await site.doorward.ask(VICTIM)
    browser = site.doorward.browser()
    asked = query_of(await site.take(browser, link))
    code = parts_of(site.doorward.slack.openid.grant(VICTIM, asked))["code"]
    await browser.get(callback("slack", code=code, state=asked["state"]))
    assert_refused(await browser.get(callback("slack", code=code, state=asked["state"])))
    logged = [record.getMessage() for record in caplog.records if "https://doorward.example" not in record.getMessage()]
    written = repr(await site.doorward.audit()) + "".join(logged) + "".join(capsys.readouterr())
    (token,) = site.doorward.slack.openid.tokens
    kept = at_rest(tmp_path)
    for secret in (link.partition("=")[2], code, asked["state"], asked["nonce"], token, CLIENT_SECRET):
        assert secret not in written
        assert secret.encode() not in kept


async def test_every_end_of_a_sign_in_leads_back_into_that_workspace(site: Site) -> None:
    browser = site.doorward.browser()
    page = await site.naming_page(browser, await site.doorward.ask(ATTACKER), ATTACKER)
    assert 'href="slack://open?team=' in (await browser.press(page, decision="not_me")).text
    other = await site.slack_leg(browser, await site.doorward.ask(ATTACKER), VICTIM)
    assert_refused(other)
    assert 'href="slack://open?team=' in other.text
