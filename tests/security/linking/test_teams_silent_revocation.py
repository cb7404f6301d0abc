"""What the company ended is not opened again by the sign-in that nobody presses."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.identity import Issuer, LinkedIdentity, Role, Subject
from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.services.signals import NEVER_CHECKED, Signals
from tests.fakes.clock import FixedClock
from tests.fakes.entra_server import ISSUER, FakeEntra, subject
from tests.fakes.graph import GRAPH, GRAPH_CLIENT, GRAPH_SECRET, Account, FakeGraph
from tests.fakes.teams_installation import TeamsInstallation, company_record, teams_installation
from tests.fakes.teams_server import MIA, FakeTeams
from tests.fakes.web_stage import HTTPS

STAFF = "11111111-0000-0000-0000-000000000001"


@pytest.fixture
async def graph(clock: FixedClock) -> AsyncIterator[FakeGraph]:
    running = FakeGraph(clock)
    running.accounts[MIA.oid] = Account(id=MIA.oid, groups={STAFF})
    yield running
    running.close()


@pytest.fixture
async def site(tmp_path: Path, clock: FixedClock) -> AsyncIterator[TeamsInstallation]:
    with FakeTeams(now=clock).running() as teams, FakeEntra(now=clock).running() as entra:
        teams.personal(MIA)
        entra.attributes = {MIA.oid: company_record(MIA)}
        async with teams_installation(tmp_path, teams, entra, origin=HTTPS, clock=clock) as running:
            yield running


@pytest.fixture
async def asked(tmp_path: Path, clock: FixedClock, graph: FakeGraph) -> AsyncIterator[TeamsInstallation]:
    """An installation that asks Graph about people."""
    settings = {
        "IDPS__ENTRA__ROLE_CLAIMS": json.dumps({"groups": {STAFF: "employee"}}),
        "IDPS__ENTRA__GRAPH__CLIENT_ID": GRAPH_CLIENT,
        "IDPS__ENTRA__GRAPH__CLIENT_SECRET": GRAPH_SECRET,
        "IDPS__ENTRA__GRAPH__BASE_URL": GRAPH,
        "IDPS__ENTRA__GRAPH__TRANSPORT_URL": graph.transport_url,
        "IDPS__ENTRA__ATTRIBUTES__DEPARTMENT": "graph:department",
    }
    with FakeTeams(now=clock).running() as teams, FakeEntra(now=clock, graph=graph).running() as entra:
        teams.personal(MIA)
        entra.attributes = {MIA.oid: {"groups": [STAFF]}}
        async with teams_installation(tmp_path, teams, entra, origin=HTTPS, clock=clock, **settings) as running:
            yield running


async def told(site: TeamsInstallation, kind: SignalKind) -> None:
    """The directory says this of Mia."""
    who = LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject(subject(MIA)))
    outside = site.running.core.outside
    signals = Signals(database=outside.database, clock=outside.clock)
    source = SignalSource(channel="ssf:corp", issuer=who.issuer)
    assert await signals.receive(Signal(source=source, id=kind, happenings=(Happening(kind=kind, subject=who),)))


@pytest.mark.requirement("31")
async def test_a_signal_during_the_exchange_comes_first(site: TeamsInstallation) -> None:
    loop = asyncio.get_running_loop()

    def meanwhile(claims: dict[str, Any]) -> dict[str, Any]:
        asyncio.run_coroutine_threadsafe(told(site, SignalKind.SESSION_REVOKED), loop).result(5)
        return claims

    site.entra.manners.claims = meanwhile
    assert (await site.exchange(MIA, site.entra.sso_token(MIA))).status_code == 412
    assert await site.session(MIA) is None
    assert await site.codes("sign_in.refused") == ["link.ended_meanwhile"]


@pytest.mark.requirement("31")
async def test_a_token_from_before_the_signal_signs_nobody_in_and_one_from_after_does(
    site: TeamsInstallation, clock: FixedClock
) -> None:
    kept = site.entra.sso_token(MIA)
    clock.advance(seconds=120)
    await told(site, SignalKind.SESSION_REVOKED)
    clock.advance(seconds=120)
    assert (await site.exchange(MIA, kept, id="one")).status_code == 412
    assert await site.codes("sign_in.refused") == ["link.ended_meanwhile"]
    assert (await site.exchange(MIA, site.entra.sso_token(MIA), id="two")).status_code == 200


@pytest.mark.requirement("30", "45")
async def test_graph_has_the_last_word_on_who_is_signed_in_silently(asked: TeamsInstallation, graph: FakeGraph) -> None:
    graph.accounts[MIA.oid].properties = {"department": "Support"}
    assert (await asked.exchange(MIA, asked.entra.sso_token(MIA), id="one")).status_code == 200
    who = LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject(subject(MIA)))
    person = await asked.running.core.outside.database.read(lambda tx: tx.persons.find(who))
    assert person is not None
    assert (set(person.roles), person.department) == ({Role.EMPLOYEE}, "Support")


@pytest.mark.requirement("30", "45")
@pytest.mark.parametrize("how", ["disabled", "deleted", "revoked"])
async def test_whom_graph_does_not_stand_for_is_not_signed_in_silently(
    asked: TeamsInstallation, graph: FakeGraph, clock: FixedClock, how: str
) -> None:
    token = asked.entra.sso_token(MIA)
    clock.advance(seconds=120)
    if how == "deleted":
        del graph.accounts[MIA.oid]
    else:
        graph.accounts[MIA.oid].enabled = how != "disabled"
        graph.accounts[MIA.oid].valid_from = clock() if how == "revoked" else None
    clock.advance(seconds=120)
    assert (await asked.exchange(MIA, token)).status_code == 412
    assert await asked.linked(MIA) is None
    assert await asked.session(MIA) is None


@pytest.mark.requirement("31")
async def test_a_session_the_provider_ended_before_anybody_knew_of_it_signs_nobody_in_silently(
    site: TeamsInstallation,
) -> None:
    outside = site.running.core.outside
    site.entra.manners.claims = lambda claims: claims | {"sid": "over"}
    assert await Signals(database=outside.database, clock=outside.clock).whose_over(ISSUER, "over") is None
    assert (await site.exchange(MIA, site.entra.sso_token(MIA))).status_code == 412
    assert await site.session(MIA) is None
    assert await site.linked(MIA) is None
    assert await site.codes("sign_in.refused") == ["link.ended_meanwhile"]


@pytest.mark.requirement("31", "45")
async def test_what_the_directory_changes_during_the_exchange_is_asked_for_again(site: TeamsInstallation) -> None:
    """The exchange answers with what was so before: it must not pass for an answer of now."""
    loop = asyncio.get_running_loop()
    assert (await site.exchange(MIA, site.entra.sso_token(MIA), id="one")).status_code == 200
    outside = site.running.core.outside
    who = LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject(subject(MIA)))
    await outside.database.write(lambda tx: tx.sessions.end_all(who))

    def meanwhile(claims: dict[str, Any]) -> dict[str, Any]:
        asyncio.run_coroutine_threadsafe(told(site, SignalKind.PROVISIONED_CHANGE), loop).result(5)
        return claims

    site.entra.manners.claims = meanwhile
    assert (await site.exchange(MIA, site.entra.sso_token(MIA), id="two")).status_code == 200
    person = await outside.database.read(lambda tx: tx.persons.find(who))
    assert person is not None
    assert person.idp_checked_at == NEVER_CHECKED


@pytest.mark.requirement("19")
async def test_a_link_made_silently_while_the_mail_server_is_away_is_told_when_it_is_back(
    tmp_path: Path, clock: FixedClock
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        mail = {"MAIL__HOST": "127.0.0.1", "MAIL__PORT": str(held.getsockname()[1]), "MAIL__SENDER": "dw@corp.example"}
        with FakeTeams(now=clock).running() as teams, FakeEntra(now=clock).running() as entra:
            teams.personal(MIA)
            entra.attributes = {MIA.oid: company_record(MIA) | {"email": "mia@corp.example"}}
            async with teams_installation(tmp_path, teams, entra, origin=HTTPS, clock=clock, **mail) as site:
                assert (await site.exchange(MIA, entra.sso_token(MIA))).status_code == 200
                database = site.running.core.outside.database
                clock.advance(seconds=120)
                due = await database.write(lambda tx: tx.letters.claim(now=clock(), lease_seconds=60, limit=5))
    assert [one.letter.to for one in due] == ["mia@corp.example"]
