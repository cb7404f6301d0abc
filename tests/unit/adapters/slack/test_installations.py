"""Whose token speaks where, remembered for a minute and renewed by one replica at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.slack.installations import Installations
from adapters.slack.oauth import SlackOAuth
from adapters.slack.web_api import WebApi
from bot.domain.installation import Installation
from bot.domain.secret import Secret
from bot.errors import PlatformRefused, PlatformUnavailable
from storage.crypto import Keyring
from storage.database import open_database
from storage.sqlite import SqliteDatabase
from tests.fakes.clock import FixedClock
from tests.fakes.database import empty_database
from tests.fakes.slack_openid import CLIENT_ID, CLIENT_SECRET
from tests.fakes.slack_server import FakeSlack

BACK = "https://doorward.example.com/slack/oauth_redirect"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    (tmp_path / "slack.db").write_bytes(empty_database())
    opened = open_database(f"sqlite:///{tmp_path / 'slack.db'}", keys=Keyring.generate())
    assert isinstance(opened, SqliteDatabase)
    yield opened
    await opened.close()


@pytest.fixture
async def slack(clock: FixedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=clock).running() as running:
        running.oauth.rotating = True
        yield running


@pytest.fixture
async def oauth(slack: FakeSlack, clock: FixedClock) -> AsyncIterator[SlackOAuth]:
    api = WebApi(slack.api_base_url)
    yield SlackOAuth(api, clock, client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET))
    await api.close()


def replica(database: SqliteDatabase, clock: FixedClock, oauth: SlackOAuth, otherwise: str = "") -> Installations:
    spare = Secret(otherwise) if otherwise else None
    return Installations(database, clock, renew=oauth.renew, otherwise=spare)


async def installed(slack: FakeSlack, oauth: SlackOAuth, at: Installations, now: datetime, **grant: str) -> str:
    """Install; the token."""
    granted = await oauth.exchange(slack.oauth.agree(grant.pop("team", "T1"), BACK, **grant), BACK)  # type: ignore[arg-type]
    await at.save(granted.installation(now))
    return granted.token.reveal()


@pytest.mark.requirement("25")
async def test_fifty_calls_at_the_end_of_a_token_on_two_replicas_make_one_refresh(
    database: SqliteDatabase, clock: FixedClock, slack: FakeSlack, oauth: SlackOAuth
) -> None:
    one, two = replica(database, clock, oauth), replica(database, clock, oauth)
    old = await installed(slack, oauth, one, clock.now())
    for hours in (11.5, 12):
        before = slack.oauth.refreshed
        clock.advance(timedelta(hours=hours))
        tokens = await asyncio.gather(*[each.of("T1") for each in (one, two) for _ in range(25)])
        assert slack.oauth.refreshed - before == 1
        assert slack.oauth.reused == 0
        usable = {token.reveal() for token in tokens}
        assert all(slack.oauth.team_of(token) == "T1" for token in usable)
        assert old not in usable or hours == 11.5


async def test_a_token_is_looked_up_once_a_minute(
    database: SqliteDatabase, clock: FixedClock, slack: FakeSlack, oauth: SlackOAuth
) -> None:
    one, two = replica(database, clock, oauth), replica(database, clock, oauth)
    await installed(slack, oauth, one, clock.now())
    first = await two.of("T1")
    await database.write(lambda tx: tx.installations.remove("T1"))
    assert (await two.of("T1")).reveal() == first.reveal(), "remembered"
    clock.advance(timedelta(seconds=60))
    with pytest.raises(PlatformRefused, match="not_installed"):
        await two.of("T1")


async def test_what_slack_refuses_is_looked_up_again(
    database: SqliteDatabase, clock: FixedClock, slack: FakeSlack, oauth: SlackOAuth
) -> None:
    one, two = replica(database, clock, oauth), replica(database, clock, oauth)
    await installed(slack, oauth, one, clock.now())
    first = await two.of("T1")
    second = await installed(slack, oauth, one, clock.now())
    assert (await two.of("T1")).reveal() == first.reveal()
    two.refused("T1")
    assert (await two.of("T1")).reveal() == second


async def test_while_slack_is_away_the_token_is_used_to_its_end(
    database: SqliteDatabase, clock: FixedClock, slack: FakeSlack, oauth: SlackOAuth
) -> None:
    one = replica(database, clock, oauth)
    old = await installed(slack, oauth, one, clock.now())
    clock.advance(timedelta(hours=11, minutes=30))
    slack.fail_next("oauth.v2.access", 503)
    assert (await one.of("T1")).reveal() == old
    clock.advance(timedelta(minutes=31))
    slack.fail_next("oauth.v2.access", 503)
    with pytest.raises(PlatformUnavailable):
        await one.of("T1")
    clock.advance(timedelta(seconds=31))
    assert (await one.of("T1")).reveal() != old


async def test_a_workspace_installed_by_hand_has_the_token_of_the_settings(
    database: SqliteDatabase, clock: FixedClock, slack: FakeSlack, oauth: SlackOAuth
) -> None:
    one = replica(database, clock, oauth, otherwise="xoxb-by-hand")
    own = await installed(slack, oauth, one, clock.now())
    assert (await one.of("T1")).reveal() == own
    assert (await one.of("T2")).reveal() == "xoxb-by-hand"


@pytest.mark.parametrize(
    ("asked", "found"),
    [("E1/T1", "E1/T1"), ("E1/T9", "E1"), ("E1", "E1"), ("E2/T9", "E2/T2"), ("E3/T1", ""), ("T1", ""), ("", "")],
)
async def test_the_nearest_installation_speaks(
    database: SqliteDatabase, clock: FixedClock, oauth: SlackOAuth, asked: str, found: str
) -> None:
    one = replica(database, clock, oauth)
    for tenant in ("E1/T1", "E1", "E2/T2"):
        made = Installation(
            tenant=tenant,
            app="A1",
            bot="U1",
            token=Secret(tenant),
            renewal=None,
            token_until=None,
            installed_by="U2",
            installed_at=clock.now(),
        )
        await one.save(made)
    if found:
        assert (await one.of(asked)).reveal() == found
    else:
        with pytest.raises(PlatformRefused, match="not_installed"):
            await one.of(asked)
