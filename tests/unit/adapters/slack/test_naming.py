"""How accounts are named on our pages: what Slack tells, cleaned; an id where it tells nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.slack.naming import NAME_CHARACTERS, Names
from adapters.slack.platform import OneToken, SlackPlatform
from adapters.slack.web_api import WebApi
from bot.domain.secret import Secret
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import identity
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import BOT_TOKEN

WHO = identity("U1MIA")


@pytest.fixture
async def slack(clock: FixedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=clock).running() as running:
        running.join("U1MIA")
        yield running


@pytest.fixture
async def names(slack: FakeSlack) -> AsyncIterator[Names]:
    platform = SlackPlatform(OneToken(Secret(BOT_TOKEN)), WebApi(slack.api_base_url))
    yield Names(platform)
    await platform.close()


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ({"profile": {"real_name": "Mia Lang", "display_name": "boss"}}, "Mia Lang"),
        ({"real_name": "Mia Lang"}, "Mia Lang"),
        ({"profile": {"real_name": "", "display_name": "boss"}}, "boss"),
        ({"profile": "none"}, "u1mia"),
        ({"name": None}, "U1MIA"),
        ({"real_name": " Mia\u202e\n\x00 Lang\u200b "}, "Mia Lang"),
        ({"real_name": "M" * 500}, "M" * NAME_CHARACTERS),
        ({"real_name": "\u202e\u200b"}, "u1mia"),
    ],
)
async def test_the_real_name_comes_first(slack: FakeSlack, names: Names, profile: dict[str, Any], name: str) -> None:
    slack.people["U1MIA"] |= profile
    assert await names.account(WHO) == name


@pytest.mark.parametrize("status", [429, 503])
async def test_an_id_where_slack_tells_nothing(slack: FakeSlack, names: Names, status: int) -> None:
    slack.fail_next("users.info", status)
    slack.fail_next("auth.test", status)
    assert (await names.account(WHO), await names.place(WHO)) == ("U1MIA", "T0COMPANY")
    assert await names.account(identity("U9NOBODY")) == "U9NOBODY"


async def test_the_workspaces_name_is_asked_for_once(slack: FakeSlack, names: Names) -> None:
    assert [await names.place(WHO) for _ in range(3)] == ["company"] * 3
    assert len(slack.called("auth.test")) == 1


async def test_another_workspace_has_only_its_id(names: Names) -> None:
    assert await names.place(identity("U1MIA", "E1COMPANY/T2SALES")) == "T2SALES"
