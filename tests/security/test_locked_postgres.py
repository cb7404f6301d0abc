"""Somebody holds every table of a PostgreSQL: each platform is answered in time, nothing is lost or doubled.

Other than with SQLite, what waited for a table may become durable once it is free, after its sender was told that we
are busy (`test_late_commits`): it is then done, and the repeated delivery or the second press is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from bot.domain.reply_limits import REPLY_LIMITS
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import WAYS, Way
from tests.fakes.slack_server import FakeSlack
from tests.fakes.teams_server import JOHN, FakeTeams
from tests.functional import test_slack_end_to_end as on_slack
from tests.functional import test_teams_end_to_end as on_teams
from tests.security.held import finished, later, timed

pytestmark = [pytest.mark.requirement("6"), pytest.mark.postgres]

ASKED, BUSY = on_slack.ASKED, "Busy, press again."
LEAVE = "I'd like to take 21 to 23 December off"


@asynccontextmanager
async def held(url: str) -> AsyncIterator[None]:
    """An administrator's migration, or a `VACUUM FULL`, has every table to itself."""
    administrator = await asyncpg.connect(url)
    try:
        async with administrator.transaction():
            names = await administrator.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            tables = ", ".join(f'"{row["tablename"]}"' for row in names)
            await administrator.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await administrator.close()


@pytest.mark.parametrize("way", WAYS)
async def test_slack(way: Way, postgres_url: str, tmp_path: Path, clock: FixedClock) -> None:
    async with FakeSlack(now=clock).running() as slack:
        for account in on_slack.PEOPLE.values():
            slack.join(account)
        slack.channel("C1HR", *on_slack.PEOPLE.values())
        async with on_slack.doorward(slack, tmp_path, clock, url=postgres_url, way=way, replies=REPLY_LIMITS) as door:
            await door.here.sign_in("john")
            await door.type("john", LEAVE)
            said, card = slack.typed("U1JOHN", ASKED), door.last("john")
            again = [slack.press("U1JOHN", card, "Send request") for _ in range(2)]
            async with held(postgres_url):
                assert (await timed(slack.send(door.client, said))).status_code == 503
                press = slack.press("U1JOHN", card, "Send request")
                assert (await timed(slack.send(door.client, press))).status_code == 200
                command = await timed(slack.send(door.client, slack.command("U1JOHN", "whoami")))
                assert (command.status_code, command.json()["text"]) == (200, BUSY)
            await door.settled()
            [told] = [call for call in slack.called("chat.postMessage") if BUSY in call["text"]]
            assert told["channel"] == slack.direct("U1JOHN")
            await later(door.here)
            await door.settled()
            left = [message.text for message in door.seen("john") if BUSY in message.text]
            assert left == ([] if "RequestLeave" in await finished(door.here) else [BUSY]), "no longer than it is true"
            assert max(Counter(await finished(door.here)).values(), default=0) <= 1
            for pressed in again:
                assert (await door.send(said)).status_code == 200
                assert (await door.send(pressed)).status_code == 200
            await later(door.here)
            done = await finished(door.here)
            assert (done.count("ViewLeaveBalance"), done.count("RequestLeave")) == (1, 1)


async def test_teams(postgres_url: str, tmp_path: Path, clock: FixedClock) -> None:
    with FakeTeams(now=clock).running() as teams:
        room = teams.personal(JOHN)
        async with on_teams.doorward(teams, tmp_path, clock, url=postgres_url, replies=REPLY_LIMITS) as door:
            await door.here.sign_in("john")
            await door.type(JOHN, LEAVE)
            said, press = teams.typed(JOHN, room, ASKED), teams.pressed(JOHN, room, "Send request")
            async with held(postgres_url):
                assert (await timed(door.deliver(said))).status_code == 503
                answer = await timed(door.deliver(press))
                assert (answer.status_code, answer.json()["value"]) == (200, BUSY)
            await later(door.here)
            assert max(Counter(await finished(door.here)).values(), default=0) <= 1
            for number in range(2):
                assert (await door.send(said)).status_code == 200
                assert (await door.send(press | {"id": f"f:again-{number}"})).status_code == 200
            await later(door.here)
            done = await finished(door.here)
            assert (done.count("ViewLeaveBalance"), done.count("RequestLeave")) == (1, 1)
