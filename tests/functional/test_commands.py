"""One table of commands on every surface of Slack, Teams and the playground: the same words, the same answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from adapters.slack.app import SlackApp
from adapters.slack.endpoint import slack_routes
from adapters.teams.endpoint import PATH, teams_routes
from adapters.teams.platform import TeamsPlatform
from bot.domain.identity import Platform
from bot.domain.messages import EventKind
from bot.understanding.commands import COMMANDS
from tests.fakes import slack_app, teams_app
from tests.fakes.clock import FixedClock
from tests.fakes.slack_server import FakeSlack
from tests.fakes.teams_server import FakeTeams, Person
from tests.fakes.world import World, world

ON_SLACK = {"john": "U1JOHN", "mia": "U1MIA", "raj": "U1RAJ", "ada": "U1ADA"}
ON_TEAMS = {
    name: Person(name=name, oid=f"{number}{number}111111-1111-4111-8111-111111111111")
    for number, name in enumerate(ON_SLACK, 1)
}
NOT_YOURS = "Your role doesn't include this."
PROOF = "needs a second factor"
"""May do it, once they prove that it is them; here nobody has a passkey."""

TABLE: tuple[tuple[str, str, str], ...] = (
    ("john", "whoami", "You are John Carver."),
    ("john", "sign-in", "Hello, John"),
    ("john", "sessions", "1 session"),
    ("john", "accounts", "1 chat account speaks for you"),
    ("john", "factors", "no second factor yet"),
    ("john", "my data", "What Doorward keeps about you"),
    ("john", "notices", "When I call you"),
    ("john", "help", "What I can do for you"),
    ("john", "feedback I need a desk", "Send this one sentence"),
    ("john", "start", "Hello, John"),
    ("john", "balance", "14 days"),
    ("mia", "waiting", "Nothing waits for you"),
    ("mia", "what waits?", "Nothing waits for you"),
    ("raj", "roles list", "given in Doorward"),
    ("raj", "roles list mia", "Roles of mia"),
    ("raj", "roles grant john auditor", PROOF),
    ("raj", "roles grant https://id.example#00u1new auditor", PROOF),
    ("raj", "roles revoke john auditor", PROOF),
    ("raj", "sessions list", "open sessions"),
    ("raj", "sessions revoke john", PROOF),
    ("raj", "sessions end-company john", PROOF),
    ("raj", "links revoke mia playground:demo:mia", PROOF),
    ("raj", "sessions revoke-tenant T1", PROOF),
    ("raj", "lock john", PROOF),
    ("raj", "unlock john", PROOF),
    ("raj", "audit search decision:deny", "newest first"),
    ("raj", "audit export", PROOF),
    ("ada", "audit export", PROOF),
    ("raj", "policy explain john ViewPayslip", "ViewPayslip"),
    ("raj", "policy test", "as written down"),
    ("raj", "config show", "differ"),
    ("raj", "health", "Everything answers."),
    ("john", "audit export", NOT_YOURS),
    ("john", "policy test", NOT_YOURS),
    ("john", "config show", NOT_YOURS),
    ("john", "health", NOT_YOURS),
    ("john", "roles grant mia auditor", NOT_YOURS),
    ("ada", "config show", NOT_YOURS),
    ("raj", "polcy test", "The nearest is “policy test”"),
    ("raj", "helth", "The nearest is “health”"),
    ("john", "sign-out everywhere", "Sign out everywhere"),
    ("mia", "sign-out", "Sign out here"),
)
"""Who types what, and what they are told."""
DECIDES_ALL_CASES = ("raj", "policy test")
"""Takes a second of work on a machine of its own, and a call may take four."""

Say = Callable[[str, str], Awaitable[str]]


@dataclass(frozen=True)
class Chat:
    """Somebody at a keyboard on one of the platforms."""

    here: World
    surfaces: Mapping[str, Say]
    """Where and how they type; the newest things they see then."""


@pytest.fixture
async def chat(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Chat]:
    made = {"slack": _slack, "teams": _teams, "playground": _playground}[request.param]
    async with made(tmp_path, clock) as running:
        for name in ON_SLACK:
            await running.here.sign_in(name)
        yield running


@pytest.mark.parametrize(
    ("chat", "surface", "prefix"),
    [
        ("slack", "direct", ""),
        ("slack", "slash", ""),
        ("slack", "thread", "/"),
        ("slack", "agent", ""),
        ("slack", "mention", ""),
        ("teams", "personal", ""),
        ("teams", "personal", "/"),
        ("teams", "channel", ""),
        ("teams", "group", "/"),
        ("playground", "direct", ""),
        ("playground", "slash", ""),
    ],
    indirect=["chat"],
)
async def test_the_same_words_get_the_same_answers(chat: Chat, surface: str, prefix: str) -> None:
    wrong = []
    for name, words, expected in TABLE:
        if (name, words) == DECIDES_ALL_CASES and surface not in {"direct", "personal"}:
            continue
        if expected not in (told := await chat.surfaces[surface](name, prefix + words)):
            wrong.append(f"{name}: {prefix}{words} → {told[:300]}")
    assert not wrong, "\n".join(wrong)


def test_every_command_of_an_account_or_of_administration_stands_in_the_table() -> None:
    tried = {words for _, words, _ in TABLE}
    known = [command.words for command in COMMANDS]
    own = known[: known.index("balance")]
    left = {words for words in own if not any(line == words or line.startswith(f"{words} ") for line in tried)}
    # The rest of these has journeys of its own.
    assert left <= {
        "home",
        "accounts remove",
        "notices set",
        "roles",
        "audit",
        "config",
        "enrolment code",
        "changes",
        "changes cancel",
        "break-glass leaves approve",
        "reviews",
        "review",
    }


@pytest.mark.parametrize("chat", ["playground"], indirect=True)
async def test_help_shows_only_what_the_person_may_do(chat: Chat) -> None:
    seen = {name: await chat.surfaces["direct"](name, "help") for name in ("john", "ada", "raj")}
    for words in ("audit export", "policy test"):
        assert [name for name, told in seen.items() if words in told] == ["ada", "raj"], words
    for words in ("config show", "health", "roles grant", "lock"):
        assert [name for name, told in seen.items() if f"{words}:" in told] == ["raj"], words


@asynccontextmanager
async def _playground(folder: Path, clock: FixedClock) -> AsyncIterator[Chat]:
    async with world(folder, clock) as here:

        async def typed(name: str, text: str) -> str:
            return await here.say(name, text)

        async def slashed(name: str, text: str) -> str:
            seen = len(here.chat.seen_by(here.channel(name)))
            await here.core.ingress.accept(here.message(name, EventKind.COMMAND, text=text))
            await here.core.ingress.drain(10)
            return "\n".join(posted.text for posted in here.chat.seen_by(here.channel(name))[seen:])

        yield Chat(here=here, surfaces={"direct": typed, "slash": slashed})


@asynccontextmanager
async def _slack(folder: Path, clock: FixedClock) -> AsyncIterator[Chat]:
    async with FakeSlack(now=clock).running() as slack:
        for account in ON_SLACK.values():
            slack.join(account)
        slack.channel("C1HR", *ON_SLACK.values())
        settings = slack_app.config(slack)
        platform = slack_app.one_workspace(settings)
        accounts = {name: slack_app.identity(account) for name, account in ON_SLACK.items()}
        async with world(folder, clock, platforms={Platform.SLACK: platform}, accounts=accounts) as here:
            ingress = here.core.ingress
            app = SlackApp(settings, ingress=ingress, platform=platform, clock=clock, start=here.core.start_page)
            transport = httpx2.ASGITransport(
                app=Starlette(routes=slack_routes(settings, app=app, ingress=ingress, clock=clock))
            )
            async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as client:

                async def told(name: str, payload: dict[str, object]) -> str:
                    seen = len(slack.seen_by(ON_SLACK[name]))
                    assert (await slack.send(client, payload)).status_code == 200
                    await platform.settled()
                    await ingress.drain(10)
                    await platform.settled()
                    news = slack.seen_by(ON_SLACK[name])[seen:]
                    return "\n".join(f"{one.text} {json.dumps(one.blocks, ensure_ascii=False)}" for one in news)

                async def typed(name: str, text: str, **where: Any) -> str:
                    return await told(name, slack.typed(ON_SLACK[name], text, **where))

                async def in_thread(name: str, text: str, **more: Any) -> str:
                    before = len(slack.messages)
                    answer = await typed(name, text, thread_ts="1700000000.000001", **more)
                    assert {one.thread_ts for one in slack.messages[before:]} == {"1700000000.000001"}
                    return answer

                async def to_agent(name: str, text: str) -> str:
                    return await in_thread(name, text, assistant_thread={"action_token": "made.up"})

                async def slashed(name: str, text: str) -> str:
                    return await told(name, slack.command(ON_SLACK[name], text))

                async def mentioned(name: str, text: str) -> str:
                    before = len(slack.messages)
                    answer = await told(name, slack.mentioned(ON_SLACK[name], "C1HR", text))
                    own = (ON_SLACK[name], slack.direct(ON_SLACK[name]))
                    assert all(one.ephemeral_for == own[0] or one.channel == own[1] for one in slack.messages[before:])
                    return answer

                surfaces = {"direct": typed, "thread": in_thread, "agent": to_agent}
                yield Chat(here=here, surfaces={**surfaces, "slash": slashed, "mention": mentioned})
            await ingress.drain(10)
            await platform.close()


@asynccontextmanager
async def _teams(folder: Path, clock: FixedClock) -> AsyncIterator[Chat]:
    with FakeTeams(now=clock).running() as teams:
        for person in ON_TEAMS.values():
            teams.personal(person)
        rooms = {"channel": teams.channel(*ON_TEAMS.values()), "group": teams.group(*ON_TEAMS.values())}
        settings = teams_app.config(teams)
        platform = TeamsPlatform(settings, clock=clock)
        accounts = {name: teams_app.identity(person) for name, person in ON_TEAMS.items()}
        async with world(folder, clock, platforms={Platform.TEAMS: platform}, accounts=accounts) as here:
            ingress = here.core.ingress
            transport = httpx2.ASGITransport(
                app=Starlette(routes=teams_routes(settings, ingress=ingress, platform=platform, clock=clock))
            )
            async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as client:

                async def typed(where: str, name: str, text: str) -> str:
                    own = teams.personal(ON_TEAMS[name])
                    room, seen = rooms.get(where, own), len(teams.posted(own))
                    headers = {
                        "authorization": f"Bearer {teams.token()}",
                        "content-type": "application/json; charset=utf-8",
                    }
                    body = json.dumps(teams.typed(ON_TEAMS[name], room, text)).encode()
                    assert (await client.post(PATH, content=body, headers=headers)).status_code == 200
                    await ingress.drain(10)
                    news = teams.posted(own)[seen:]
                    return json.dumps([one.get("attachments", []) for one in news], ensure_ascii=False)

                yield Chat(here=here, surfaces={where: partial(typed, where) for where in ("personal", *rooms)})
            await ingress.drain(10)
            await platform.close()
