"""An e-mail address or user name that somebody new has got gives them nothing of whoever had it before."""

from __future__ import annotations

from typing import Any

from tests.fakes.clock import FixedClock
from tests.fakes.slack_installation import PROVIDER
from tests.fakes.web_stage import directory
from tests.security.linking.kit import ATTACKER, VICTIM, Site, assert_refused


def recycled(site: Site) -> None:
    """From now on the attacker's own company account bears the victim's name and address."""
    victim = directory({"sub": site.subject(VICTIM)})

    def claims(given: dict[str, Any]) -> dict[str, Any]:
        said = directory(given)
        if said["sub"] == site.subject(ATTACKER):
            return said | {name: victim[name] for name in ("preferred_username", "email", "name")}
        return said

    site.providers[PROVIDER].manners.claims = claims


async def test_it_links_the_subject_and_nobody_elses_account(site: Site) -> None:
    await site.link(VICTIM)
    recycled(site)
    await site.link(ATTACKER)
    assert await site.doorward.linked(ATTACKER) == site.subject(ATTACKER)
    assert await site.doorward.linked(VICTIM) == site.subject(VICTIM)


async def test_it_renews_nobody_elses_session(site: Site, clock: FixedClock) -> None:
    await site.link(VICTIM)
    recycled(site)
    browser = site.doorward.browser()
    clock.advance(hours=2)
    there = await site.take(browser, await site.doorward.ask(VICTIM))
    assert_refused(await browser.get(site.at_company(there, ATTACKER)))
