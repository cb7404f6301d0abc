"""Installing into further workspaces: what proves it, what refuses it, whose token speaks where, and how it ends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from starlette.applications import Starlette

from adapters.slack.install import Installing
from adapters.slack.installations import Installations
from adapters.slack.oauth import SlackOAuth
from adapters.slack.web_api import WebApi
from bot.bootstrap.production import Running
from bot.domain.audit import AuditRecord
from bot.domain.secret import Secret
from bot.ports.database import Database
from storage.crypto import Keyring
from storage.database import open_database
from tests.fakes.clock import FixedClock
from tests.fakes.database import empty_database
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.slack_installation import installation
from tests.fakes.slack_openid import CLIENT_ID, CLIENT_SECRET
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import APP, BOT_TOKEN, TEAM

ORIGIN = "https://doorward.example.com"
BACK = f"{ORIGIN}/slack/oauth_redirect"
OTHER, GRID = "T0OTHER", "E0GRID"


@dataclass
class Desk:
    """An app that is installed nowhere yet, and somebody with a browser."""

    app: Starlette
    database: Database
    slack: FakeSlack
    clock: FixedClock

    def browser(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app)
        return httpx2.AsyncClient(transport=transport, base_url=ORIGIN)

    async def begin(self, browser: httpx2.AsyncClient) -> str:
        """Press "Add to Slack"; the state Slack is given."""
        answer = await browser.get("/slack/install")
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]

    async def come_back(self, browser: httpx2.AsyncClient, state: str, **grant: Any) -> httpx2.Response:
        code = self.slack.oauth.agree(grant.pop("team", OTHER), BACK, **grant)
        return await browser.get("/slack/oauth_redirect", params={"state": state, "code": code})

    async def install(self, **grant: Any) -> httpx2.Response:
        async with self.browser() as browser:
            return await self.come_back(browser, await self.begin(browser), **grant)

    async def codes(self, kind: str) -> list[str]:
        return [record.event.code for record in await self.audit(f"installation.{kind}")]

    async def audit(self, prefix: str = "") -> list[AuditRecord]:
        found = await self.database.read(lambda tx: list(tx.audit.records()))
        return [record for record in found if record.event.type.startswith(prefix)]

    async def installed(self, tenant: str) -> bool:
        return await self.database.read(lambda tx: tx.installations.find(tenant)) is not None

    async def settled(self) -> None:
        """Wait for what follows from a delivery: nothing, where there is no core."""

    async def deliver(self, event: dict[str, Any], **envelope: Any) -> httpx2.Response:
        """A signed request, and everything that follows from it."""
        body, content_type = self.slack.request(self.slack.event(event, **envelope))
        async with self.browser() as client:
            answer = await client.post("/slack/events", content=body, headers=self.slack.signed(body, content_type))
        await self.settled()
        return answer

    async def ask(self, team: str = OTHER, enterprise: str | None = None) -> httpx2.Response:
        """Somebody of that workspace types to the bot."""
        event = {"type": "message", "channel_type": "im", "channel": "D1JOHN", "user": "U1JOHN", "ts": "1.1"}
        where = {"team_id": team, "enterprise_id": enterprise, "user_id": "U0DOORWARD"}
        envelope = {"team_id": team, "enterprise_id": enterprise, "authorizations": [where]}
        return await self.deliver(event | {"text": "whoami", "team": team}, **envelope)


class WholeDesk(Desk):
    """All of Doorward behind it."""

    running: Running

    async def settled(self) -> None:
        await self.running.core.ingress.drain(SETTLE_SECONDS)


@pytest.fixture
async def desk(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Desk]:
    """The two pages and their store."""
    async with FakeSlack(now=clock).running() as slack:
        address = f"sqlite:///{tmp_path / 'install.db'}"
        (tmp_path / "install.db").write_bytes(empty_database())
        database, api = open_database(address, keys=Keyring.generate()), WebApi(slack.api_base_url)
        oauth = SlackOAuth(api, clock, client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), origin=slack.base_url)
        installing = Installing(
            database=database,
            clock=clock,
            oauth=oauth,
            installations=Installations(database, clock, renew=oauth.renew),
            workspaces=frozenset({TEAM, OTHER, GRID}),
            app_id=APP,
            public_url=ORIGIN,
        )
        yield Desk(Starlette(routes=installing.routes()), database, slack, clock)
        await api.close()
        await database.close()


@pytest.fixture
async def whole(tmp_path: Path, clock: FixedClock) -> AsyncIterator[WholeDesk]:
    async with FakeSlack(now=clock).running() as slack:
        slack.by_hand = False
        slack.join("U1JOHN", team_id=OTHER)
        more = {"SLACK__BOT_TOKEN": "", "SLACK__TEAM_IDS": f"{TEAM},{OTHER},{GRID}"}
        async with installation(tmp_path, slack, {}, origin=ORIGIN, clock=clock, **more) as made:
            here = WholeDesk(made.running.app, made.running.core.outside.database, slack, clock)
            here.running = made.running
            yield here


class TestInstalling:
    async def test_a_listed_workspace_is_installed_and_spoken_to_with_its_own_token(self, whole: WholeDesk) -> None:
        answer = await whole.install()
        assert answer.status_code == 302
        assert parse_qs(urlsplit(answer.headers["location"]).query) == {"app": ["A0DOORWARD"], "team": [OTHER]}
        (record,) = await whole.audit("installation.made")
        assert (record.event.resource, record.event.channel) == (OTHER, f"slack:{OTHER}:U0INSTALLER")
        assert (await whole.ask()).status_code == 200
        (token,) = whole.slack.oauth.tokens
        assert set(whole.slack.spoken_with[1:]) == {token}
        assert "whoami" not in str(whole.slack.messages)
        assert whole.slack.messages

    async def test_the_browser_is_sent_to_slack_with_what_the_manifest_asks(self, desk: Desk) -> None:
        async with desk.browser() as browser:
            answer = await browser.get("/slack/install")
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["redirect_uri"] == [BACK]
        assert "chat:write" in query["scope"][0]
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-slack-install=")
        assert all(mark in cookie for mark in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
        assert answer.headers["cache-control"] == "no-store"

    async def test_a_whole_organisation_serves_each_of_its_workspaces(self, whole: WholeDesk) -> None:
        assert (await whole.install(team="", enterprise=GRID, whole=True)).status_code == 302
        assert await whole.installed(GRID)
        whole.slack.join("U1JOHN", team_id="T9ANY", enterprise_user={"enterprise_id": GRID})
        assert (await whole.ask("T9ANY", GRID)).status_code == 200
        assert whole.slack.messages

    async def test_where_it_is_not_installed_nothing_is_answered(self, whole: WholeDesk) -> None:
        assert (await whole.ask()).status_code == 200
        assert whole.slack.calls == []
        assert [r.event.code for r in await whole.audit("ingress.rejected")] == ["ingress.not_a_member"]

    async def test_installing_again_replaces_the_token(self, whole: WholeDesk) -> None:
        await whole.install()
        await whole.install()
        first, second = whole.slack.oauth.tokens
        await whole.ask()
        assert whole.slack.spoken_with[-1] == second != first


@pytest.mark.requirement("18")
class TestForged:
    async def refused(self, desk: Desk, answer: httpx2.Response, code: str) -> None:
        assert answer.status_code == 403
        assert await desk.codes("refused") == [code]
        assert await desk.codes("made") == []

    async def test_another_browser_is_refused_and_consumes_nothing(self, desk: Desk) -> None:
        async with desk.browser() as victim, desk.browser() as attacker:
            state = await desk.begin(victim)
            await self.refused(desk, await desk.come_back(attacker, state), "slack.install.state")
            assert (await desk.come_back(victim, state)).status_code == 302

    async def test_an_attackers_code_in_the_victims_browser_is_refused(self, desk: Desk) -> None:
        async with desk.browser() as victim, desk.browser() as attacker:
            await desk.begin(victim)
            theirs = await desk.begin(attacker)
            await self.refused(desk, await desk.come_back(victim, theirs), "slack.install.state")

    async def test_a_state_counts_once(self, desk: Desk) -> None:
        async with desk.browser() as browser:
            state = await desk.begin(browser)
            cookies = dict(browser.cookies)
            assert (await desk.come_back(browser, state)).status_code == 302
            browser.cookies.update(cookies)
            assert (await desk.come_back(browser, state)).status_code == 403

    async def test_a_state_counts_for_ten_minutes(self, desk: Desk) -> None:
        async with desk.browser() as browser:
            state = await desk.begin(browser)
            desk.clock.advance(timedelta(seconds=601))
            await self.refused(desk, await desk.come_back(browser, state), "slack.install.state")

    @pytest.mark.parametrize("state", ["", "guess", "é"])
    async def test_a_guessed_state(self, desk: Desk, state: str) -> None:
        async with desk.browser() as browser:
            await desk.begin(browser)
            await self.refused(desk, await desk.come_back(browser, state), "slack.install.state")

    @pytest.mark.parametrize("query", ["state=a&state=b&code=c", "state=" + "s" * 600, "code=" + "c" * 600])
    async def test_malformed_queries(self, desk: Desk, query: str) -> None:
        async with desk.browser() as browser:
            assert (await browser.get(f"/slack/oauth_redirect?{query}")).status_code == 400

    async def test_a_guessed_code(self, desk: Desk) -> None:
        async with desk.browser() as browser:
            state = await desk.begin(browser)
            answer = await browser.get("/slack/oauth_redirect", params={"state": state, "code": "guess"})
            await self.refused(desk, answer, "slack.install.code")

    async def test_cancelling_at_slack_installs_nothing(self, desk: Desk) -> None:
        async with desk.browser() as browser:
            state = await desk.begin(browser)
            answer = await browser.get("/slack/oauth_redirect", params={"state": state, "error": "access_denied"})
        assert answer.status_code == 400
        assert await desk.codes("made") == []

    @pytest.mark.requirement("5")
    @pytest.mark.parametrize(
        "grant",
        [
            {"team": "TFOREIGN"},
            {"team": "TFOREIGN", "enterprise": "EFOREIGN"},
            {"team": OTHER, "enterprise": "EFOREIGN"},
            {"team": "", "enterprise": "EFOREIGN", "whole": True},
            {"team": OTHER, "app": "AOTHER"},
        ],
    )
    async def test_who_is_not_listed_is_refused_and_the_token_given_back(
        self, desk: Desk, grant: dict[str, Any]
    ) -> None:
        await self.refused(desk, await desk.install(**grant), "slack.install.foreign")
        assert desk.slack.oauth.tokens == {}

    async def test_slack_away_is_no_500(self, desk: Desk) -> None:
        desk.slack.fail_next("oauth.v2.access", 500)
        assert (await desk.install()).status_code == 503

    async def test_the_start_cannot_fill_the_database(self, desk: Desk) -> None:
        async with desk.browser() as browser:
            answers = [(await browser.get("/slack/install")).status_code for _ in range(61)]
        assert answers == [302] * 60 + [429]

    async def test_neither_code_nor_token_is_told_anywhere(self, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("DEBUG", logger="doorward"):
            await desk.install()
        (token,) = desk.slack.oauth.tokens
        records = str([record.event for record in await desk.audit()])
        assert token not in caplog.text + records
        assert "code-1" not in caplog.text + records


class TestLeaving:
    @pytest.mark.parametrize(
        "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0DOORWARD"]}}]
    )
    async def test_it_ends_with_the_event_whatever_is_remembered(self, whole: WholeDesk, event: dict[str, Any]) -> None:
        await whole.install()
        await whole.ask()
        assert (await whole.deliver(event, team_id=OTHER, authorizations=[])).status_code == 200
        assert not await whole.installed(OTHER)
        assert await whole.codes("removed") == [f"slack.{event['type']}"]
        whole.slack.calls.clear()
        await whole.ask()
        assert whole.slack.calls == []

    async def test_a_persons_own_token_ends_nothing(self, whole: WholeDesk) -> None:
        await whole.install()
        event = {"type": "tokens_revoked", "tokens": {"oauth": ["U1JOHN"]}}
        await whole.deliver(event, team_id=OTHER, authorizations=[])
        assert await whole.installed(OTHER)

    async def test_another_workspaces_event_ends_nothing_here(self, whole: WholeDesk) -> None:
        await whole.install()
        assert (
            await whole.deliver({"type": "app_uninstalled"}, team_id="TFOREIGN", authorizations=[])
        ).status_code == 403
        await whole.deliver({"type": "app_uninstalled"}, team_id=TEAM, authorizations=[])
        assert await whole.installed(OTHER)
        assert BOT_TOKEN not in whole.slack.spoken_with


def put_in_place(database: Path, *, whole_row: bool) -> None:
    """What is kept for our own workspace, now under the other one's name."""
    with closing(sqlite3.connect(database)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(installations)")]
        columns = [name for name in names if name != "tenant"] if whole_row else ["tokens"]
        (kept,) = connection.execute(f"SELECT {', '.join(columns)} FROM installations WHERE tenant = ?", (TEAM,))  # noqa: S608
        put = ", ".join(f"{name} = ?" for name in columns)
        changed = connection.execute(f"UPDATE installations SET {put} WHERE tenant = ?", (*kept, OTHER))  # noqa: S608
        assert changed.rowcount == 1


@pytest.mark.requirement("26")
@pytest.mark.parametrize("tampered", ["not at all", "its tokens", "all of it"])
async def test_another_workspaces_token_put_in_place_speaks_for_nobody(
    whole: WholeDesk, tmp_path: Path, tampered: str
) -> None:
    await whole.install(team=TEAM)
    await whole.install()
    if tampered != "not at all":
        await asyncio.to_thread(put_in_place, tmp_path / "doorward.db", whole_row=tampered == "all of it")
    whole.slack.spoken_with.clear()
    whole.clock.advance(timedelta(hours=1))
    await whole.ask()
    ours, theirs = whole.slack.oauth.tokens
    assert ours not in whole.slack.spoken_with
    assert (theirs in whole.slack.spoken_with, bool(whole.slack.messages)) == (tampered == "not at all",) * 2
