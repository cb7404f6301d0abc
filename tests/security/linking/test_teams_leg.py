"""Attacks on the joining of a Teams account and a company account in the browser: Entra says whose browser it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.entra_server import LOGIN, FakeEntra, subject
from tests.fakes.teams_installation import TeamsInstallation, teams_installation
from tests.fakes.teams_server import FOREIGN_TENANT, GUEST, JOHN, MIA, FakeTeams, rsa_key
from tests.fakes.web_stage import HTTPS
from tests.security.linking.kit import assert_refused

ATTACKER, VICTIM = JOHN, MIA


@pytest.fixture
async def site(tmp_path: Path, clock: FixedClock) -> AsyncIterator[TeamsInstallation]:
    with FakeTeams(now=clock).running() as teams, FakeEntra(now=clock).running() as entra:
        for person in (JOHN, MIA):
            teams.personal(person)
        async with teams_installation(tmp_path, teams, entra, origin=HTTPS, clock=clock) as running:
            yield running


async def assert_nothing_happened(site: TeamsInstallation) -> None:
    assert [await site.linked(person) for person in (ATTACKER, VICTIM)] == [None, None]
    assert await site.audit("link.made") == []
    assert await site.audit("session.opened") == []


async def test_who_walks_both_legs_alone_is_linked_and_answered(site: TeamsInstallation) -> None:
    await site.link(VICTIM)
    assert await site.linked(VICTIM) == subject(VICTIM)
    assert await site.codes("link.refused") == []


@pytest.mark.requirement("18", "19")
async def test_an_attackers_link_walked_by_the_victim_links_nothing(site: TeamsInstallation) -> None:
    forwarded = await site.ask(ATTACKER)
    assert_refused(await site.chat_leg(site.browser(), forwarded, VICTIM))
    await assert_nothing_happened(site)
    assert await site.codes("link.refused") == ["link.other_chat_account"]


@pytest.mark.requirement("18", "19")
async def test_a_victims_link_walked_by_the_attacker_links_nothing(site: TeamsInstallation) -> None:
    stolen = await site.ask(VICTIM)
    assert_refused(await site.chat_leg(site.browser("198.51.100.66"), stolen, ATTACKER))
    await assert_nothing_happened(site)
    assert await site.codes("link.refused") == ["link.other_chat_account"]


@pytest.mark.requirement("18")
async def test_the_way_back_in_another_browser_is_refused(site: TeamsInstallation) -> None:
    attacker, victim = site.browser("198.51.100.66"), site.browser()
    back = site.back(await site.take(attacker, await site.ask(ATTACKER)), ATTACKER)
    await victim.get("/enrol")
    assert_refused(await victim.get(back))
    await assert_nothing_happened(site)
    assert await site.codes("link.refused") == ["link.other_browser"]


@pytest.mark.requirement("18")
async def test_a_code_of_another_leg_is_refused(site: TeamsInstallation) -> None:
    """PKCE: the verifier is this leg's own, so a code that was asked for with another challenge is not taken."""
    one, other = site.browser(), site.browser("198.51.100.66")
    mine = site.back(await site.take(one, await site.ask(VICTIM)), VICTIM)
    theirs = site.back(await site.take(other, await site.ask(VICTIM)), VICTIM)
    swapped = mine.partition("code=")[0] + theirs[theirs.index("code=") :].partition("&")[0]
    swapped += "&state=" + mine.partition("state=")[2]
    assert_refused(await one.get(swapped))
    await assert_nothing_happened(site)
    assert (await site.codes("ingress.rejected"))[-1] == "chat.code"


@pytest.mark.requirement("18")
async def test_a_way_back_taken_twice_is_refused(site: TeamsInstallation) -> None:
    browser = site.browser()
    back = site.back(await site.take(browser, await site.ask(VICTIM)), VICTIM)
    assert (await browser.get(back)).status_code == 303
    assert_refused(await browser.get(back))


async def test_a_company_account_of_somebody_else_is_named_and_not_linked_silently(site: TeamsInstallation) -> None:
    """Both accounts stand on the page; nothing is linked before it is confirmed."""
    browser = site.browser()
    page = await site.naming_page(browser, await site.ask(VICTIM), VICTIM, ATTACKER)
    assert "john@corp.example" in page.text
    assert (await browser.press(page, decision="not_me")).status_code == 200
    await assert_nothing_happened(site)


def _signed_by_another(_: str) -> str:
    from joserfc import jwt  # noqa: PLC0415 - only here

    return jwt.encode({"alg": "RS256", "kid": "entra"}, {"iss": "x"}, rsa_key("attacker"))


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another tenant": ({"tid": FOREIGN_TENANT, "iss": f"{LOGIN}/{FOREIGN_TENANT}/v2.0"}, "chat.tenant"),
    "a tenant that is not the issuer's": ({"tid": FOREIGN_TENANT}, "chat.issuer"),
    "version 1's issuer": ({"iss": "https://sts.windows.net/8e1b6f52-0a31-4a53-9d3c-6a6f0b1c2d3e/"}, "chat.issuer"),
    "another audience": ({"aud": "somebody else"}, "chat.issuer"),
    "another nonce": ({"nonce": "of another leg"}, "chat.nonce"),
    "expired": ({"exp": 1}, "chat.expired"),
    "no object id": ({"oid": None}, "chat.claims"),
    "an object id that is none": ({"oid": "me"}, "chat.claims"),
    "a guest by their issuer": ({"idp": "https://sts.windows.net/elsewhere/"}, "chat.not_a_member"),
    "a guest by the optional claim": ({"acct": 1}, "chat.not_a_member"),
    "a guest by name": ({"preferred_username": "mia_other.example#EXT#@corp.example"}, "chat.not_a_member"),
}


@pytest.mark.requirement("22")
async def test_a_token_that_does_not_hold_links_nothing(site: TeamsInstallation) -> None:
    for lie, (changes, code) in LIES.items():

        def told(honest: dict[str, Any], changes: dict[str, Any] = changes) -> dict[str, Any]:
            return {name: value for name, value in (honest | changes).items() if value is not None}

        site.entra.manners.claims = told
        assert_refused(await site.chat_leg(site.browser(), await site.ask(VICTIM), VICTIM))
        assert (await site.codes("ingress.rejected"))[-1] == code, lie
    await assert_nothing_happened(site)


FORGED: dict[str, Callable[[str], str]] = {
    "unsigned": lambda token: token.rpartition(".")[0] + ".",
    "of another key": _signed_by_another,
    "not a token": lambda _: "x",
}


@pytest.mark.requirement("22")
async def test_a_forged_token_links_nothing(site: TeamsInstallation) -> None:
    for how, forge in FORGED.items():
        site.entra.manners.token = forge
        assert_refused(await site.chat_leg(site.browser(), await site.ask(VICTIM), VICTIM))
        assert (await site.codes("ingress.rejected"))[-1] == "chat.signature", how
    await assert_nothing_happened(site)


async def test_a_guest_is_not_even_offered_a_link(site: TeamsInstallation) -> None:
    room = site.teams.personal(GUEST)
    answer = await site.send(site.teams.typed(GUEST, room, "hello"))
    assert answer.status_code == 403
    assert site.posted(GUEST) == []


async def test_while_entra_is_away_nobody_is_linked_and_everybody_is_told_to_try_again(
    site: TeamsInstallation,
) -> None:
    browser = site.browser()
    back = site.back(await site.take(browser, await site.ask(VICTIM)), VICTIM)
    site.entra.manners.away = True
    assert (await browser.get(back)).status_code == 503
    await assert_nothing_happened(site)


async def test_a_namesake_of_another_tenant_is_another_account(site: TeamsInstallation) -> None:
    """The same object id, asserted by a tenant that is not on the list."""
    twin = replace(VICTIM, tenant=FOREIGN_TENANT)
    assert_refused(await site.chat_leg(site.browser(), await site.ask(VICTIM), twin))
    await assert_nothing_happened(site)
