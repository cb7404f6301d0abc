"""Microsoft's own Agents Playground in front of the real adapter and core: what its client sends and shows.

It signs nothing, so a gate between the two adds what the Bot Framework would: a token of the fake Teams. It knows no
dialogs, no single sign-on and no view of a card for one person alone. Run by `make agents`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from playwright.async_api import Locator, Page, expect
from starlette.applications import Starlette

from adapters.teams.endpoint import PATH, teams_routes
from adapters.teams.platform import TeamsPlatform
from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from tests import prerequisites
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT
from tests.fakes.teams_app import config, identity
from tests.fakes.teams_server import BOT, JOHN, MIA, SARAH, TENANT, FakeTeams, Person
from tests.fakes.world import World, world
from tests.node_provider import node

pytestmark = [pytest.mark.agents, pytest.mark.browser]

PARTS = Path(__file__).resolve().parents[2] / "node" / "agents"
CLI = PARTS / "node_modules/@microsoft/m365agentsplayground/cli.js"
READY_SECONDS = 40.0
REPORTS_TO = re.compile(r"169\.254\.169\.254|[a-z0-9-]+\.in\.applicationinsights\.azure\.com")
"""Whom it tries to call, telemetry switched off or not; none of it gets out."""
OTHERS = [
    MIA,
    SARAH,
    *(
        Person(name=name, oid=f"{number}5555555-5555-4555-8555-555555555555")
        for number, name in enumerate(("a", "b", "c"))
    ),
]
"""It takes exactly five people besides the one at the keyboard, and ends without a word otherwise."""


def _profile(person: Person) -> dict[str, str]:
    return {
        "id": person.account,
        "name": person.name.title(),
        "userPrincipleName": f"{person.name}@corp.example",
        "aadObjectId": person.oid,
        "givenName": person.name.title(),
        "surname": "Carver",
        "email": f"{person.name}@corp.example",
    }


SETTINGS = {
    "version": "0.1.1",
    "tenantId": TENANT,
    "bot": {"id": BOT, "name": "Doorward"},
    "currentUser": _profile(JOHN),
    "users": [_profile(person) for person in OTHERS],
    "personalChat": {"id": "personal-john"},
    "groupChat": {"id": "group", "name": "A group"},
    "team": {
        "id": "team",
        "name": "A team",
        "aadGroupId": "00000000-0000-0000-0000-000000000031",
        "channels": [{"id": "hr", "name": "HR"}],
    },
}


@dataclass
class Gate:
    """Takes what the playground sends, signs it as Teams would, and hands it to the endpoint in this process."""

    teams: FakeTeams
    client: httpx2.AsyncClient
    service: str
    loop: asyncio.AbstractEventLoop
    answers: list[tuple[str, int]]

    async def hand_on(self, body: bytes) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {self.teams.token(serviceurl=self.service)}"}
        answer = await self.client.post(PATH, content=body, headers=headers | {"content-type": "application/json"})
        self.answers.append((str(json.loads(body).get("type")), answer.status_code))
        return answer.status_code, answer.content

    @contextmanager
    def running(self) -> Iterator[str]:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, content = asyncio.run_coroutine_threadsafe(gate.hand_on(body), gate.loop).result(30)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parameter's own name
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{PATH}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@contextmanager
def playground(folder: Path, endpoint: str, service: str, port: int) -> Iterator[None]:
    """Microsoft's, held to this machine; what it wanted of others stands in `refused`."""
    program = node()
    if program is None or not CLI.exists():
        prerequisites.missing_part("Microsoft's Agents Playground", ".ci/setup full agents")
    (folder / ".m365agentsplayground.yml").write_text(json.dumps(SETTINGS), encoding="utf-8")  # JSON is YAML, too
    command = [str(program), str(CLI), "start", "-e", endpoint, "-c", "msteams", "-p", str(port)]
    command += ["--service-url", service, "--disable-telemetry", "true"]
    environ = {"PATH": os.environ.get("PATH", ""), "BROWSER": "none", "HOME": str(folder)}
    environ |= {"NODE_OPTIONS": f"--require {PARTS / 'loopback.cjs'}", "REFUSED_LOG": str(folder / "refused")}
    with (folder / "playground.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(process, port)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it answers: it listens once before, only to see whether it may."""
    until = time.monotonic() + READY_SECONDS
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=2) as trying:
        while time.monotonic() < until and process.poll() is None:
            with suppress(httpx2.HTTPError):
                trying.get("/").raise_for_status()
                return
            time.sleep(0.1)
    pytest.fail(f"the playground does not answer; it ended with {process.poll()}")


@dataclass
class Client:
    """Its client, as somebody at the keyboard uses it."""

    page: Page
    here: World
    gate: Gate
    folder: Path

    async def type(self, text: str) -> None:
        box = self.page.locator("textarea, [contenteditable=true]").first
        await box.click()
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")

    async def shows(self, text: str) -> Locator:
        found = self.page.get_by_text(re.compile(re.escape(text))).last
        await expect(found).to_be_visible()
        return found

    async def pictured(self, name: str) -> None:
        """A picture to look at, where somebody asks for one."""
        if folder := os.environ.get("DOORWARD_PICTURES"):
            await self.page.screenshot(path=f"{folder}/{name}.png")


@pytest.fixture
async def client(page: Page, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = f"http://127.0.0.1:{port}/_connector"
    with FakeTeams(now=clock).running() as teams:
        hosts = frozenset({f"127.0.0.1:{port}"})
        settings = config(teams, service_hosts=hosts, service_url=service, replies=PATIENT)
        platform = TeamsPlatform(settings, clock=clock)
        accounts = {person.name: identity(person) for person in (JOHN, MIA, SARAH)}
        hr = Place(platform=Platform.TEAMS, tenant=TENANT, conversation="hr", kind=PlaceKind.CHANNEL)
        async with world(tmp_path, clock, platforms={Platform.TEAMS: platform}, accounts=accounts, hr=hr) as here:
            ingress = here.core.ingress
            routes = teams_routes(settings, ingress=ingress, platform=platform, clock=clock)
            transport = httpx2.ASGITransport(app=Starlette(routes=routes))
            async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as inner:
                gate = Gate(teams, inner, service, asyncio.get_running_loop(), [])
                with gate.running() as endpoint:
                    started = playground(tmp_path, endpoint, service, port)
                    await asyncio.to_thread(started.__enter__)
                    try:
                        await page.set_viewport_size({"width": 1280, "height": 900})
                        await page.goto(f"http://127.0.0.1:{port}/")
                        await expect(page.get_by_text("Personal Chat").first).to_be_visible()
                        yield Client(page=page, here=here, gate=gate, folder=tmp_path)
                    finally:
                        await asyncio.to_thread(started.__exit__, None, None, None)
                        await ingress.drain(10)
                        await platform.close()


async def test_asking_and_pressing_in_microsofts_own_client(client: Client) -> None:
    await client.shows("Welcome to Doorward")  # it begins with an installation
    await client.here.sign_in("john")
    await client.type("how many days of leave do I have?")
    await client.shows("14 days")
    await client.type("I'd like to take 21 to 23 December off")
    await client.page.get_by_role("button", name="Send request").last.click()
    await client.shows("Leave asked for: Mon 21 Dec")
    await client.pictured("agents-playground")
    await client.page.get_by_role("treeitem", name="A team - HR").click()
    await client.shows("Leave for John")
    for label in ("Approve", "Refuse", "Details"):
        await expect(client.page.get_by_role("button", name=label).last).to_be_visible()
    await client.pictured("agents-playground-channel")
    done = [item.event.action for item in await client.here.audit(type_prefix="effect.finished")]
    assert "RequestLeave" in done
    assert {status for _, status in client.gate.answers} == {200}
    refused = client.folder / "refused"
    called = refused.read_text().split() if refused.exists() else []
    assert [host for host in called if not REPORTS_TO.fullmatch(host)] == []
