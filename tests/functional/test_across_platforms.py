"""The requester on Teams, the approver on Slack: one request, each asked and answered where they are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from adapters.slack.app import SlackApp
from adapters.slack.endpoint import slack_routes
from adapters.teams.endpoint import teams_routes
from adapters.teams.platform import TeamsPlatform
from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from bot.ports.chat import ChatPlatform
from tests.fakes import slack_app, teams_app
from tests.fakes.clock import FixedClock
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import TEAM
from tests.fakes.teams_server import JOHN, Activity, FakeTeams
from tests.fakes.world import World, world
from tests.functional.test_slack_end_to_end import Doorward as SlackSide
from tests.functional.test_slack_end_to_end import labels
from tests.functional.test_teams_end_to_end import Doorward as TeamsSide
from tests.functional.test_teams_end_to_end import said

HR = Place(platform=Platform.SLACK, tenant=TEAM, conversation="C1HR", kind=PlaceKind.CHANNEL)
ON_SLACK = {"mia": "U1MIA", "sarah": "U1SARAH"}


@dataclass
class Both:
    """One Doorward on both platforms."""

    here: World
    slack: SlackSide
    teams: TeamsSide

    def told(self) -> Activity:
        """The newest thing John sees on Teams."""
        return self.teams.posted(JOHN)[-1]


@asynccontextmanager
async def both_platforms(slack: FakeSlack, teams: FakeTeams, folder: Path, clock: FixedClock) -> AsyncIterator[Both]:
    on_slack, on_teams = slack_app.config(slack), teams_app.config(teams)
    slack_platform = slack_app.one_workspace(on_slack)
    teams_platform = TeamsPlatform(on_teams, clock=clock)
    accounts = {name: slack_app.identity(account) for name, account in ON_SLACK.items()}
    accounts["john"] = teams_app.identity(JOHN)
    platforms: dict[Platform, ChatPlatform] = {Platform.SLACK: slack_platform, Platform.TEAMS: teams_platform}
    async with world(folder, clock, platforms=platforms, accounts=accounts, hr=HR) as here:
        ingress = here.core.ingress
        app = SlackApp(on_slack, ingress=ingress, platform=slack_platform, clock=clock, start=here.core.start_page)
        routes = [
            *slack_routes(on_slack, app=app, ingress=ingress, clock=clock),
            *teams_routes(on_teams, ingress=ingress, platform=teams_platform, clock=clock),
        ]
        transport = httpx2.ASGITransport(app=Starlette(routes=routes))
        try:
            async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as client:
                yield Both(
                    here=here,
                    slack=SlackSide(slack=slack, here=here, platform=slack_platform, client=client),
                    teams=TeamsSide(teams=teams, here=here, client=client),
                )
        finally:
            await ingress.drain(SETTLE_SECONDS)
            await slack_platform.close()
            await teams_platform.close()


@pytest.fixture
async def slack(clock: FixedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=clock).running() as running:
        for account in ON_SLACK.values():
            running.join(account)
        running.channel("C1HR", *ON_SLACK.values())
        yield running


@pytest.fixture
def teams(clock: FixedClock) -> Iterator[FakeTeams]:
    with FakeTeams(now=clock).running() as running:
        running.personal(JOHN)
        yield running


@pytest.fixture
async def both(slack: FakeSlack, teams: FakeTeams, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Both]:
    async with both_platforms(slack, teams, tmp_path, clock) as running:
        yield running


async def _approve(both: Both, name: str) -> None:
    open_before = set(both.slack.slack.views)
    await both.slack.press(name, "Approve")
    (opened,) = set(both.slack.slack.views) - open_before
    view = both.slack.slack.views[opened]
    answer = await both.slack.send(both.slack.slack.submission(view, code=both.here.code(name)))
    assert (answer.status_code, view.open) == (200, False)


@pytest.mark.requirement("57")
async def test_asked_on_teams_and_approved_on_slack_by_the_manager_and_hr(both: Both) -> None:
    for name in ("john", "mia", "sarah"):
        await both.here.sign_in(name)
    for name in ("mia", "sarah"):
        await both.here.enrol(name)
    await both.teams.type(JOHN, "leave 2026-11-30 2026-12-28 unpaid")
    await both.teams.press(JOHN, "Send request")

    direct = both.slack.last("mia", "Leave for John")
    shared = next(message for message in both.slack.slack.messages if message.channel == "C1HR")
    assert "Unpaid" not in shared.text
    await _approve(both, "mia")
    assert "1 of 2" in shared.text
    assert any("Approve" in label for label in labels(shared))
    assert "1 of 2" in json.dumps([said(activity) for activity in both.teams.posted(JOHN)])

    await _approve(both, "sarah")
    assert "approved by Sarah" in said(both.told())
    for copy in (direct, shared):
        assert "Approved by Sarah" in copy.text
        assert copy.buttons() == []
