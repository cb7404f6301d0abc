"""One whole story with canaries wherever a secret goes; then everything that it left behind is searched."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.bootstrap.core import compose
from bot.domain.cards import plain_text
from bot.ports.trace import TraceEntry
from bot.services.token_revocation import TokenRevocation
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Stage, at_rest, web_stage
from tests.security.core.test_redaction import everything_logged

MESSAGE = "xylophone-quicksilver-canary"
NET_PAY = re.compile(r"\d\.\d{3},\d{2}|\d,\d{3}\.\d{2}")


@dataclass
class AccessLog:
    """What a proxy before us writes down of every request and every answer: addresses."""

    app: ASGIApp
    lines: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        self.lines.append(f"{scope['path']}?{scope['query_string'].decode()} {headers.get(b'referer', b'').decode()}")

        async def noted(message: object) -> None:
            if isinstance(message, dict):
                self.lines += [value.decode() for name, value in message.get("headers", ()) if name == b"location"]
            await send(message)  # type: ignore[arg-type]  # handed on as it came

        await self.app(scope, receive, noted)


@dataclass
class Traced:
    """A tracer that keeps what it is given."""

    entries: list[str] = field(default_factory=list)

    def record(self, correlation: str, entry: TraceEntry) -> None:
        self.entries.append(f"{correlation} {entry!r}")


@dataclass
class Secrets:
    """What must be nowhere, by kind."""

    tokens: set[str] = field(default_factory=set)
    one_time: set[str] = field(default_factory=set)
    """Authorization codes and states: they travel in an address once (RFC 6749 §4.1.2), and stay nowhere."""
    seeds: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)

    def lasting(self) -> set[str]:
        return self.tokens | self.seeds | self.values | {MESSAGE}


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


def note_tokens(stage: Stage, secrets: Secrets) -> None:
    """Have the provider tell of every token it gives out."""
    issued = stage.provider.manners.token

    def token(text: str) -> str:
        secrets.tokens.add(issued(text).rpartition(".")[2])  # the signature: no part of it is anywhere else
        return issued(text)

    stage.provider.manners.token = token


async def through_the_story(stage: Stage, secrets: Secrets) -> None:
    """Sign-in, enrolment, a code, a payslip, wrong turns, a provider that is away, and the sign-out."""
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer("john")))
    there = await browser.get(stage.at_chat(begun, "john"))
    back = stage.at_company(there, "john")
    secrets.one_time |= set(re.findall(r"(?:code|state)=([\w-]{16,})", back))
    await browser.press(await browser.get(back), decision="link")
    secrets.tokens |= set(stage.provider.grants) | {browser.cookie or ""}
    assert (await browser.get(back)).status_code >= 300, "an answer is good once"
    await stage.enrol(browser, "john")
    secrets.seeds.add(stage.seeds["john"])
    secrets.tokens.add(browser.cookie or "")
    await stage.say("john", f"please {MESSAGE} the flux capacitor")
    await stage.say("mia", f"{MESSAGE} waits for a sign-in")
    await stage.say("john", f"I'd like to take 28 to 30 December off because {MESSAGE}")
    page = await browser.get(await stage.payslip_page("john"))
    wrong, right = stage.wrong_code("john"), stage.code("john")
    secrets.codes |= {wrong, right}
    refused = await browser.press(page, code=wrong, decision="yes")
    opened = await browser.press(refused, code=right, decision="yes")
    assert opened.status_code == 200
    secrets.values |= set(NET_PAY.findall(opened.text))
    assert secrets.values, "the payslip has values to look for"
    await browser.press(refused, code=right, decision="yes")  # replayed
    await browser.get(f"/view/{MESSAGE}")
    await stage.say("john", right)  # a code where none belongs
    await _errors(stage, secrets)
    await stage.say("john", "sign out everywhere")
    await stage.press("john", "Sign out everywhere")
    await revoked(stage)


async def _errors(stage: Stage, secrets: Secrets) -> None:
    """The provider refreshes, breaks, and says its own secrets aloud."""
    stage.clock.advance(minutes=16)
    await stage.say("john", "my payslip")
    secrets.tokens |= set(stage.provider.grants)
    loud = next(iter(stage.provider.grants), "none")
    stage.provider.manners.token_error = (500, {"error": "server_error", "error_description": loud})
    stage.clock.advance(minutes=16)
    await stage.say("john", "my payslip")
    stage.provider.manners.token_error = None


async def revoked(stage: Stage) -> None:
    """The tokens go to their provider, which hangs up the first time."""
    outside = stage.core.outside
    job = TokenRevocation(database=stage.database, providers=outside.providers, clock=stage.clock)
    stage.provider.manners.redirects = True
    await job.run()
    stage.provider.manners.redirects = False
    stage.clock.advance(minutes=5)
    await job.run()
    assert stage.provider.revoked
    assert await stage.database.read(lambda tx: tx.revocations.waiting()) == 0


def backup(folder: Path) -> bytes:
    """A copy by the engine's own means, taken while it is in use."""
    with closing(sqlite3.connect(folder / "doorward.db")) as raw, closing(sqlite3.connect(folder / "copy.db")) as copy:
        raw.backup(copy)
    return (folder / "copy.db").read_bytes()


def holds_code(place: str | bytes, code: str) -> bool:
    """A code by itself: six digits stand in many a longer number, and in many a hash."""
    text = place.decode("latin-1") if isinstance(place, bytes) else place
    # SQLite puts columns side by side, so that letters round it say nothing; digits, or hexadecimal on both sides, do.
    found = re.finditer(rf"(?<![0-9.])(.?){code}(?![0-9])(.?)", text, flags=re.DOTALL)
    return any(not re.fullmatch("[0-9a-f-]{2}", match[1] + match[2]) for match in found)


@pytest.mark.requirement("26", "66", "71", "37")
async def test_nothing_secret_is_left_behind_by_a_whole_story(stage: Stage, tmp_path: Path) -> None:
    secrets, traced = Secrets(), Traced()
    access = AccessLog(stage.app)
    stage.app = access  # type: ignore[assignment]  # any application does
    stage.core = compose(replace(stage.core.outside, tracer=traced))
    note_tokens(stage, secrets)
    with everything_logged() as lines:
        await through_the_story(stage, secrets)
    # The test's own browsers write down where they go, as browsers do.
    logs = "\n".join(line for line in lines if f" {stage.origin}/" not in line)
    records = repr(await stage.audit())
    traces, urls = "\n".join(traced.entries), "\n".join(access.lines)
    chat = "\n".join(plain_text(card) + repr(card) for person in ("john", "mia") for card in stage.cards(person))
    disk = at_rest(tmp_path)
    places: dict[str, str | bytes] = {
        "log": logs, "audit": records, "trace": traces, "chat": chat,
        "database and WAL": disk, "backup": backup(tmp_path),
    }  # fmt: skip
    assert len(secrets.tokens) >= 4
    assert traced.entries
    assert len(disk) > 10_000
    for secret in secrets.lasting():
        assert secret
        assert secret not in urls.replace(f"/view/{MESSAGE}", ""), "an address"
    for name, place in places.items():
        for secret in secrets.lasting() | secrets.one_time:
            found = secret.encode() in place if isinstance(place, bytes) else secret in place
            assert not found, f"{secret} is in the {name}"
        for code in secrets.codes:
            assert not holds_code(place, code), f"the code {code} is in the {name}"
    for code in secrets.codes:
        assert not holds_code(urls, code)
    assert {record.event.code for record in await stage.audit("revocation.")} == {
        "revocation.waits",
        "revocation.done",
    }


async def test_the_search_finds_what_is_there(stage: Stage, tmp_path: Path) -> None:
    """A search that finds nothing anywhere proves nothing."""
    await stage.database.write(lambda tx: tx.jobs.set_mark(MESSAGE, "123456 canary"))
    assert MESSAGE.encode() in at_rest(tmp_path)
    assert MESSAGE.encode() in backup(tmp_path)
    assert holds_code(at_rest(tmp_path), "123456")
    assert not holds_code("1234567", "123456")
