"""A phone's in-app and system browsers share no cookies: nobody is stranded, and no forwarded address gains by it."""

from __future__ import annotations

import re
from html import unescape

import httpx2
import pytest

from tests.fakes.web_stage import HTTPS
from tests.security.linking.kit import ATTACKER, VICTIM, Site, assert_refused

ADDRESS = re.compile(r'data-value="([^"]+)" data-testid="address"')


def on_from(page: httpx2.Response) -> str:
    """The link that the page gives to go on with."""
    found = ADDRESS.search(page.text)
    assert found is not None, page.text
    address = unescape(found.group(1))
    assert address.startswith(HTTPS)
    return address.removeprefix(HTTPS)


@pytest.mark.parametrize("after", ["chat", "company"])
async def test_a_jar_dropped_between_the_legs_strands_nobody(site: Site, after: str) -> None:
    in_app, system = site.doorward.browser(), site.doorward.browser()
    link = await site.doorward.ask(ATTACKER)
    back = await site.doorward.at_slack(await site.take(in_app, link), ATTACKER)
    if after == "company":
        back = site.at_company(await in_app.get(back), ATTACKER)
    lost = await system.get(back)
    assert_refused(lost)
    assert 'data-testid="elsewhere"' in lost.text
    page = await site.naming_page(system, on_from(lost), ATTACKER)
    done = await system.press(page, decision="link")
    assert done.status_code == 200
    assert await site.doorward.linked(ATTACKER) == site.subject(ATTACKER)


async def test_an_old_cookie_in_the_system_browser_strands_nobody(site: Site) -> None:
    in_app, system = site.doorward.browser(), site.doorward.browser()
    await system.get(await site.doorward.ask(ATTACKER))  # it has a cookie of its own from here on
    back = await site.doorward.at_slack(await site.take(in_app, await site.doorward.ask(ATTACKER)), ATTACKER)
    lost = await system.get(back)
    assert_refused(lost)
    page = await site.naming_page(system, on_from(lost), ATTACKER)
    assert (await system.press(page, decision="link")).status_code == 200


async def test_the_attackers_way_back_gives_the_victim_no_wrong_pair(site: Site) -> None:
    attacker, victim = site.doorward.browser(), site.doorward.browser()
    back = await site.doorward.at_slack(await site.take(attacker, await site.doorward.ask(ATTACKER)), ATTACKER)
    lost = await victim.get(back)
    # The victim goes on, as whoever they are at Slack: that is not the account that asked.
    refused = await site.slack_leg(victim, on_from(lost), VICTIM)
    assert_refused(refused)
    await site.assert_nothing_happened()


async def test_the_victims_way_back_gives_the_attacker_no_wrong_pair(site: Site) -> None:
    victim, attacker = site.doorward.browser(), site.doorward.browser()
    back = await site.doorward.at_slack(await site.take(victim, await site.doorward.ask(VICTIM)), VICTIM)
    lost = await attacker.get(back)
    refused = await site.slack_leg(attacker, on_from(lost), ATTACKER)
    assert_refused(refused)
    await site.assert_nothing_happened()


async def test_a_made_up_way_back_gives_no_link(site: Site) -> None:
    browser = site.doorward.browser()
    refused = await browser.get("/signin/slack/callback?code=x&state=" + "a" * 32)
    assert_refused(refused)
    assert 'data-testid="elsewhere"' not in refused.text
    assert "ticket=" not in refused.text
