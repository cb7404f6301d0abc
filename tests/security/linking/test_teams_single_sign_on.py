"""Attacks on the sign-in that nobody presses: the token Teams' client brings, and what is made of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.identity import Issuer, Link, LinkedIdentity, Subject
from bot.errors import AccountRevoked
from bot.ports.database import Transaction
from bot.services.audit_trail import Scribe
from tests.fakes.clock import FixedClock
from tests.fakes.entra_server import COMPANY_APP, DESKTOP, ISSUER, LOGIN, RESOURCE, FakeEntra, subject
from tests.fakes.teams_app import identity
from tests.fakes.teams_installation import PROVIDER, TeamsInstallation, company_record, teams_installation
from tests.fakes.teams_server import FOREIGN_TENANT, GUEST, JOHN, MIA, TENANT, FakeTeams, actions_of
from tests.fakes.web_stage import HTTPS, at_rest

ATTACKER, VICTIM = JOHN, MIA


@pytest.fixture
async def site(tmp_path: Path, clock: FixedClock) -> AsyncIterator[TeamsInstallation]:
    with FakeTeams(now=clock).running() as teams, FakeEntra(now=clock).running() as entra:
        for person in (JOHN, MIA):
            teams.personal(person)
        entra.attributes = {person.oid: company_record(person) for person in (JOHN, MIA)}
        async with teams_installation(tmp_path, teams, entra, origin=HTTPS, clock=clock) as running:
            yield running


async def refused(site: TeamsInstallation, token: str, code: str, **fields: Any) -> None:
    """The client is told to show its button, nobody is linked or signed in, and it is written down why."""
    answer = await site.exchange(VICTIM, token, **fields)
    assert answer.status_code == 412
    assert await site.linked(VICTIM) is None
    assert await site.audit("link.made") == []
    assert await site.audit("session.opened") == []
    assert await site.codes("sign_in.refused") == [code]


async def test_whoever_teams_knows_is_signed_in_without_a_press(site: TeamsInstallation) -> None:
    await site.hear(VICTIM)
    (offer,) = site.posted(VICTIM)
    card = offer["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.oauth"
    assert card["content"]["tokenExchangeResource"]["uri"] == RESOURCE
    exchange = card["content"]["tokenExchangeResource"]["id"]
    answer = await site.exchange(VICTIM, site.entra.sso_token(VICTIM), id=exchange)
    assert (answer.status_code, answer.json()) == (200, {"id": exchange, "connectionName": "doorward"})
    assert await site.linked(VICTIM) == subject(VICTIM)
    assert await site.codes("link.made") == ["sso"]
    assert await site.codes("session.opened") == ["sso"]
    assert "Angemeldet als Mia" in site.said(VICTIM), "in the language of her client, as Entra names none"
    assert "Du hast noch 18 Tage" in site.said(VICTIM), "what was asked is answered, with nothing to press"
    assert "token jwt-bearer" in " ".join(site.entra.requests).replace("urn:ietf:params:oauth:grant-type:", "")


@pytest.mark.requirement("41")
async def test_after_a_time_out_it_says_who_it_is_and_proves_nothing(
    site: TeamsInstallation, clock: FixedClock
) -> None:
    site.entra.attributes[VICTIM.oid] |= {"auth_time": int(clock().timestamp()), "acr": "1", "amr": ["pwd", "mfa"]}
    await site.link(VICTIM)
    clock.advance(hours=2)
    await site.hear(VICTIM)
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 200
    session = await site.session(VICTIM)
    assert session is not None
    assert (session.auth_time, session.acr, session.amr, session.interactive) == (None, None, (), False)
    assert await site.codes("link.made") == [""]


async def test_who_is_signed_in_already_keeps_the_session_and_is_shown_the_button(site: TeamsInstallation) -> None:
    await site.link(VICTIM)
    before = await site.session(VICTIM)
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 412
    assert await site.session(VICTIM) == before


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another tenant": ({"tid": FOREIGN_TENANT, "iss": f"{LOGIN}/{FOREIGN_TENANT}/v2.0"}, "sso.tenant"),
    "another tenant's issuer": ({"iss": f"{LOGIN}/{FOREIGN_TENANT}/v2.0"}, "sso.issuer"),
    "version 1": ({"ver": "1.0", "iss": f"https://sts.windows.net/{TENANT}/"}, "sso.issuer"),
    "no version": ({"ver": None}, "sso.issuer"),
    "another audience": ({"aud": "00000003-0000-0000-c000-000000000000"}, "sso.audience"),
    "several audiences": ({"aud": [COMPANY_APP, "somebody else"]}, "sso.audience"),
    "an audience that begins like ours": ({"aud": f"{RESOURCE}.evil.example"}, "sso.audience"),
    "no audience": ({"aud": None}, "sso.audience"),
    "an application's own token": ({"idtyp": "app", "scp": None, "roles": ["access_as_user"]}, "sso.scope"),
    "an application's token with a scope": ({"idtyp": "app"}, "sso.scope"),
    "no scope": ({"scp": None}, "sso.scope"),
    "another scope": ({"scp": "access_as_user_2 User.Read"}, "sso.scope"),
    "another application's": ({"azp": "11111111-2222-4333-8444-555555555555"}, "sso.client"),
    "no application's": ({"azp": None}, "sso.client"),
    "version 1's name of the application": ({"azp": None, "appid": DESKTOP}, "sso.client"),
    "no object id": ({"oid": None}, "sso.account"),
    "another person's": ({"oid": ATTACKER.oid}, "sso.other_person"),
    "a guest's": ({"acct": 1}, "sso.guest"),
    "an account's of elsewhere": ({"idp": "https://sts.windows.net/elsewhere/"}, "sso.guest"),
    "expired": ({"exp": 1}, "sso.expired"),
    "without an end": ({"exp": None}, "sso.expired"),
    "without a beginning": ({"iat": None}, "sso.expired"),
    "not valid yet": ({"nbf": 4_000_000_000}, "sso.expired"),
}


@pytest.mark.requirement("22")
async def test_a_token_that_is_not_the_persons_for_us_signs_nobody_in(site: TeamsInstallation) -> None:
    site.entra.people[ATTACKER.oid] = ATTACKER
    for lie, (changes, _) in LIES.items():
        answer = await site.exchange(VICTIM, site.entra.sso_token(VICTIM, **changes), id=lie)
        assert answer.status_code == 412, lie
    written = dict(zip(LIES, await site.codes("sign_in.refused"), strict=True))
    assert written == {lie: code for lie, (_, code) in LIES.items()}
    assert [await site.linked(person) for person in (VICTIM, ATTACKER)] == [None, None]
    assert await site.audit("session.opened") == []
    exchanged = sum("jwt-bearer" in request for request in site.entra.requests)
    assert exchanged == 1, "a token that does not hold is shown to nobody else; another person's does hold"


@pytest.mark.requirement("22")
async def test_a_forged_token_signs_nobody_in(site: TeamsInstallation) -> None:
    honest, forged = site.entra.sso_token(VICTIM), site.entra.sso_token(VICTIM, key_id="attacker")
    head, claims, _ = honest.split(".")
    tokens = {
        "unsigned": f"{head}.{claims}.",
        "another key": forged,
        "another key under the published one's name": f"{head}.{claims}.{forged.split('.')[2]}",
        "an ID token": site.entra.id_token(VICTIM),
        "garbage": "x.y.z",
    }
    for how, token in tokens.items():
        assert (await site.exchange(VICTIM, token, id=how)).status_code == 412, how
    written = dict(zip(tokens, await site.codes("sign_in.refused"), strict=True))
    assert written.pop("another key").startswith("idp.")
    assert written == {
        "unsigned": "idp.bad_signature",
        "another key under the published one's name": "idp.bad_signature",
        "an ID token": "sso.scope",
        "garbage": "idp.bad_token",
    }
    assert await site.linked(VICTIM) is None
    assert await site.audit("session.opened") == []


async def test_a_token_of_the_attacker_in_the_victims_name_signs_nobody_in(site: TeamsInstallation) -> None:
    await refused(site, site.entra.sso_token(ATTACKER), "sso.other_person")


async def test_an_exchange_that_names_somebody_else_signs_nobody_in(site: TeamsInstallation) -> None:
    site.entra.manners.claims = lambda honest: honest | {"oid": ATTACKER.oid}
    await refused(site, site.entra.sso_token(VICTIM), "sso.other_account")


async def test_what_only_a_browser_can_mend_goes_there(site: TeamsInstallation) -> None:
    """A conditional access policy wants more: the client shows the button, and the browser leg still works."""
    for error in ("consent_required", "invalid_grant"):
        site.entra.manners.on_behalf_error = error
        assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM), id=error)).status_code == 412
    site.entra.manners.on_behalf_error = "interaction_required"
    site.entra.manners.on_behalf_claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    link = await site.ask(VICTIM)
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 412
    assert await site.codes("sign_in.refused") == ["idp.interaction_required"] * 3
    browser = site.browser()
    page = await site.naming_page(browser, link, VICTIM, VICTIM)
    assert (await browser.press(page, decision="link")).status_code == 200
    assert await site.linked(VICTIM) == subject(VICTIM)


WANTED = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


def asks_for_it(asked: str) -> bool:
    claims = json.loads(asked or "{}")
    return bool(claims.get("access_token", {}).get("acrs") == {"essential": True, "value": "c1"})


async def test_what_entra_wants_to_see_goes_with_the_browser_leg(site: TeamsInstallation) -> None:
    """Entra refuses the exchange until somebody signed in with the claims of its challenge; then it is met."""
    site.entra.manners.wants = WANTED
    link = await site.ask(VICTIM)
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 412
    assert "c1" not in link
    browser = site.browser()
    page = await site.naming_page(browser, link, VICTIM, VICTIM)
    assert [asks_for_it(asked) for asked in site.entra.asked_for] == [False, True], "Teams' own leg is not asked"
    assert (await browser.press(page, decision="link")).status_code == 200
    assert VICTIM.oid in site.entra.satisfied
    core = site.running.core.outside
    assert await core.database.read(lambda tx: tx.challenges.find(identity(VICTIM).key, now=core.clock.now())) is None


async def test_somebody_elses_leg_takes_no_challenge(site: TeamsInstallation) -> None:
    site.entra.manners.wants = WANTED
    await site.ask(ATTACKER)
    assert (await site.exchange(ATTACKER, site.entra.sso_token(ATTACKER))).status_code == 412
    await site.link(VICTIM)
    assert [asks_for_it(asked) for asked in site.entra.asked_for] == [False, False]


async def test_a_renewal_takes_what_a_refresh_was_refused_for(site: TeamsInstallation) -> None:
    """The provider ends the grant in the middle of the day: the next sign-in bears what it wants to see."""
    await site.link(VICTIM)
    site.entra.manners.wants = WANTED
    core = site.running.core
    person = await core.outside.database.read(lambda tx: tx.persons.by_username("mia@corp.example"))
    assert person is not None
    scribe = Scribe(time=core.outside.clock.now(), channel="", correlation="c")
    with pytest.raises(AccountRevoked):
        await core.pipeline.rechecking.revalidator.check(person, scribe)
    assert await site.session(VICTIM) is None
    browser = site.browser()
    there = await site.take(browser, await site.ask(VICTIM))
    assert (await browser.get(site.back(there, VICTIM))).status_code == 200
    assert asks_for_it(site.entra.asked_for[-1])
    assert VICTIM.oid in site.entra.satisfied


NONE_AT_ALL = ["[1]", "not json", '{"sub":"somebody"}', '{"id_token":{"a":"' + "x" * 1100 + '"}}']


@pytest.mark.parametrize("claims", NONE_AT_ALL, ids=["a list", "no JSON", "another member", "too long"])
async def test_a_challenge_that_is_none_is_not_carried(site: TeamsInstallation, claims: str) -> None:
    link = await site.ask(VICTIM)
    site.entra.manners.on_behalf_error, site.entra.manners.on_behalf_claims = "interaction_required", claims
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 412
    page = await site.naming_page(site.browser(), link, VICTIM, VICTIM)
    assert page.status_code == 200
    assert [*json.loads(site.entra.asked_for[-1])] == ["access_token"]
    assert [*json.loads(site.entra.asked_for[-1])["access_token"]] == ["xms_cc"], "what we are able to, and no more"


async def test_while_entra_is_away_nobody_is_signed_in(site: TeamsInstallation) -> None:
    site.entra.manners.away = True
    await refused(site, site.entra.sso_token(VICTIM), "idp.unavailable")


@pytest.mark.requirement("3")
async def test_each_exchange_is_made_once_however_many_clients_send_it(site: TeamsInstallation) -> None:
    await site.hear(VICTIM)
    token = site.entra.sso_token(VICTIM)
    answers = await asyncio.gather(*(site.exchange(VICTIM, token) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 412}
    assert await site.codes("session.opened") == ["sso"]
    assert await site.codes("link.made") == ["sso"]
    assert sum("jwt-bearer" in request for request in site.entra.requests) == 1
    assert (await site.exchange(VICTIM, token)).status_code == 200, "later, it says that it is done"


async def test_a_link_that_is_there_is_never_replaced(site: TeamsInstallation, clock: FixedClock) -> None:
    """Somebody has linked their chat account to a second company account of theirs, in a browser."""
    browser = site.browser()
    page = await site.naming_page(browser, await site.ask(VICTIM), VICTIM, ATTACKER)
    assert (await browser.press(page, decision="link")).status_code == 200
    clock.advance(hours=2)
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 412
    assert await site.linked(VICTIM) == subject(ATTACKER)
    assert await site.codes("sign_in.refused") == ["link.other_identity"]


async def test_a_further_chat_account_takes_a_factor_and_so_a_browser(site: TeamsInstallation) -> None:
    mine = LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject(subject(VICTIM)))
    elsewhere = replace(identity(VICTIM), account="44444444-4444-4444-8444-444444444444")
    database, now = site.running.core.outside.database, site.running.core.outside.clock.now()
    link = Link(channel=elsewhere, identity=mine, provider=PROVIDER, linked_at=now)
    await database.write(lambda tx: tx.links.insert(link))
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 412
    assert await site.linked(VICTIM) is None


async def test_who_is_locked_is_not_signed_in(site: TeamsInstallation) -> None:
    await site.link(VICTIM)
    who = LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject(subject(VICTIM)))

    def lock(tx: Transaction) -> None:
        person = tx.persons.find(who)
        assert person is not None
        tx.persons.save(replace(person, locked=True, lock_reason="test"))
        tx.sessions.end_all(who)

    await site.running.core.outside.database.write(lock)
    assert (await site.exchange(VICTIM, site.entra.sso_token(VICTIM))).status_code == 412
    assert await site.session(VICTIM) is None
    assert await site.codes("sign_in.refused") == ["person.locked"]


async def test_no_sign_in_is_taken_from_a_group(site: TeamsInstallation) -> None:
    room = site.teams.group(VICTIM, ATTACKER)
    value = {"id": "1", "connectionName": "doorward", "token": site.entra.sso_token(VICTIM)}
    assert (await site.send(site.teams.invoke(VICTIM, room, "signin/tokenExchange", value))).status_code == 400
    assert await site.linked(VICTIM) is None


async def test_a_guest_is_refused_before_the_token_is_looked_at(site: TeamsInstallation) -> None:
    assert (await site.exchange(GUEST, site.entra.sso_token(GUEST))).status_code == 403
    assert site.entra.requests == []


async def test_a_magic_code_is_taken_from_nowhere(site: TeamsInstallation) -> None:
    for room in (site.teams.personal(VICTIM), site.teams.group(VICTIM, ATTACKER)):
        answer = await site.send(site.teams.invoke(VICTIM, room, "signin/verifyState", {"state": "123456"}))
        assert answer.status_code == 200
    assert await site.linked(VICTIM) is None
    assert await site.audit("session.opened") == []


async def test_in_a_channel_the_offer_still_goes_to_the_person_alone(site: TeamsInstallation) -> None:
    room = site.teams.channel(VICTIM, ATTACKER)
    await site.hear(VICTIM, room=room)
    assert site.teams.posted(room) == []
    assert site.posted(VICTIM)[0]["attachments"][0]["contentType"].endswith("card.oauth")
    assert actions_of({"body": []}) == []


@pytest.mark.requirement("71")
async def test_the_token_is_kept_and_written_nowhere(
    site: TeamsInstallation, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    good, bad = site.entra.sso_token(VICTIM), site.entra.sso_token(VICTIM, aud="x")
    await site.exchange(VICTIM, bad, id="one")
    await site.exchange(VICTIM, good, id="two")
    written = repr(await site.audit()) + "".join(r.getMessage() for r in caplog.records) + "".join(capsys.readouterr())
    for token in (good, bad, *site.entra.grants):
        for piece in token.split("."):
            assert piece not in written or len(piece) < 20 or piece == good.split(".")[0]
            assert piece.encode() not in at_rest(tmp_path) or piece == good.split(".")[0]
