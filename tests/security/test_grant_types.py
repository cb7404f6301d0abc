"""Code flow and nothing else: no setting asks for an implicit or password grant, and none goes over the wire."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from bot.bootstrap.refusals import problems
from bot.cli import app
from bot.errors import Misconfigured
from bot.settings.tree import load
from tests.fakes.clock import FixedClock
from tests.fakes.entra_server import FakeEntra
from tests.fakes.teams_installation import TeamsInstallation, teams_installation
from tests.fakes.teams_server import MIA, FakeTeams
from tests.fakes.web_stage import HTTPS
from tests.security.test_start_up import READY

ASKED_FOR = {
    "GRANT_TYPE": "password",
    "GRANT_TYPES": "implicit,password",
    "RESPONSE_TYPE": "id_token token",
    "RESPONSE_TYPES": "token",
    "RESPONSE_MODE": "fragment",
    "FLOW": "implicit",
    "USERNAME": "john",
    "PASSWORD": "made-up",
}


@pytest.mark.requirement("24")
@pytest.mark.parametrize("name", sorted(ASKED_FOR))
def test_a_setting_that_asks_for_another_grant_is_refused_by_name(name: str) -> None:
    with pytest.raises(Misconfigured, match=f"DOORWARD_IDPS__COMPANY__{name}"):
        load(READY | {f"DOORWARD_IDPS__COMPANY__{name}": ASKED_FOR[name]})


@pytest.mark.requirement("24")
@pytest.mark.parametrize("name", sorted(ASKED_FOR))
def test_so_is_one_in_the_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(f'[idps.company]\n{name.lower()} = "{ASKED_FOR[name]}"\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match=name):
        load(READY | {"DOORWARD_CONFIG": str(file)})


@pytest.mark.requirement("24")
@pytest.mark.parametrize("verb", ["serve", "check"])
def test_nothing_starts_with_one(verb: str) -> None:
    told = CliRunner().invoke(app, [verb], env=READY | {"DOORWARD_IDPS__COMPANY__GRANT_TYPE": "password"})
    assert told.exit_code == 2
    assert "DOORWARD_IDPS__COMPANY__GRANT_TYPE" in told.stderr


@pytest.mark.requirement("24")
@pytest.mark.parametrize(
    "smuggled", ["?response_type=token", "#response_type=token", "?grant_type=password", "@evil.test"]
)
def test_an_authority_smuggles_none_in(smuggled: str) -> None:
    authority = "https://login.company.test/tenant"
    settings = load(
        READY | {"DOORWARD_IDPS__COMPANY__KIND": "oidc", "DOORWARD_IDPS__COMPANY__AUTHORITY": f"{authority}{smuggled}"}
    )
    assert any("AUTHORITY" in problem for problem in problems(settings))


@pytest.mark.requirement("24")
async def test_on_the_wire_there_are_codes_and_refreshes_alone(tmp_path: Path, clock: FixedClock) -> None:
    """A link, a renewal without a press, and a step of revalidation: what the provider was asked for."""
    with FakeTeams(now=clock).running() as teams, FakeEntra(now=clock).running() as entra:
        async with teams_installation(tmp_path, teams, entra, origin=HTTPS, clock=clock) as site:
            await walk(site)
            clock.advance(hours=2)
            await site.hear(MIA)
            await site.exchange(MIA, site.entra.sso_token(MIA))
            await site.hear(MIA)
    grants = {request.split()[-1] for request in entra.requests if request.startswith("POST token")}
    known = {"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    assert "authorization_code" in grants
    assert grants <= known, grants


async def walk(site: TeamsInstallation) -> None:
    browser = site.browser()
    there = await site.take(browser, await site.ask(MIA))
    query = parse_qs(urlsplit(there.headers["location"]).query)
    assert (query["response_type"], query["response_mode"]) == (["code"], ["query"])
    company = await browser.get(site.back(there, MIA))
    query = parse_qs(urlsplit(company.headers["location"]).query)
    assert (query["response_type"], query["response_mode"]) == (["code"], ["query"])
    page = await browser.get(site.back(company, MIA))
    assert (await browser.press(page, decision="link")).status_code == 200
