"""Attacks on the audit log as a file: twice, late, by somebody else, by a GET, kept by a cache."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from bot.bootstrap.shell_audit import as_file
from bot.capabilities.performing import VIEW_SECONDS
from bot.capabilities.upkeep import AUDIT_FILE
from bot.domain.answer import Sheet
from bot.domain.interaction import Interaction
from bot.ports.database import Database
from storage.audit_verification import verify
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, fields_of, web_stage


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    database: list[Database] = []
    files: dict[str, Callable[[], AsyncIterator[bytes]]] = {AUDIT_FILE: lambda: as_file(database[0])}
    async with web_stage(tmp_path, clock, extra={"files": files}) as everything:
        database.append(everything.database)
        yield everything


@pytest.fixture
async def ada(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.link(browser, "ada")
    return browser


async def _opened(stage: Stage, browser: Browser) -> httpx2.Response:
    """The page of the sheet that `audit export` makes, as it is after the proof."""
    sheet = Sheet(title="The audit log", rows=(("Records", "7"),), file=AUDIT_FILE)
    until = stage.clock.now() + timedelta(seconds=VIEW_SECONDS)
    kept = Interaction(kind="view", payload=asdict(sheet), audience=stage.identity("ada").key, until=until)
    handle = await stage.database.write(lambda tx: tx.interactions.create(kept))
    return await browser.press(await browser.get(f"/view/{handle}"))


def _file_of(page: httpx2.Response) -> str:
    found = re.search(r'action="(/view/[^"]+/file)"', page.text)
    assert found is not None, page.text
    return found.group(1)


async def test_the_file_is_downloaded_once_and_can_be_verified(stage: Stage, ada: Browser) -> None:
    page = await _opened(stage, ada)
    got = await ada.post(_file_of(page), fields_of(page))
    assert got.status_code == 200
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["content-disposition"] == 'attachment; filename="doorward-audit.jsonl"'
    records = await stage.audit()
    lines = [json.loads(line) for line in got.text.splitlines()]
    assert [line["hash"] for line in lines] == [record.hash for record in records]
    assert verify(records) is None
    assert records[-1].event.code == "view.downloaded"

    again = await ada.post(_file_of(page), fields_of(page))
    assert again.status_code == 403
    assert "principal" not in again.text


async def test_a_get_gives_nothing_and_consumes_nothing(stage: Stage, ada: Browser) -> None:
    page = await _opened(stage, ada)
    assert (await ada.get(_file_of(page))).status_code == 405
    assert (await ada.post(_file_of(page), fields_of(page))).status_code == 200


async def test_somebody_else_with_the_address_gets_nothing(stage: Stage, ada: Browser) -> None:
    page = await _opened(stage, ada)
    john = stage.browser()
    await stage.link(john, "john")
    own = await john.get("/enrol")
    stolen = await john.post(_file_of(page), fields_of(own))
    assert stolen.status_code == 403
    assert "hash" not in stolen.text
    stranger = await stage.browser().post(_file_of(page), fields_of(page))
    assert stranger.status_code == 403
    assert (await ada.post(_file_of(page), fields_of(page))).status_code == 200, "a refused try consumes nothing"


async def test_a_form_of_another_site_gets_nothing(stage: Stage, ada: Browser) -> None:
    page = await _opened(stage, ada)
    forged = await ada.post(_file_of(page), {}, sec_fetch_site="cross-site", origin="https://evil.example")
    assert forged.status_code in {400, 403}


async def test_after_five_minutes_it_is_gone(stage: Stage, ada: Browser) -> None:
    page = await _opened(stage, ada)
    stage.clock.advance(seconds=VIEW_SECONDS + 1)
    assert (await ada.post(_file_of(page), fields_of(page))).status_code == 403


async def test_the_handle_of_a_sheet_is_none_of_a_file(stage: Stage, ada: Browser) -> None:
    sheet = Sheet(title="The audit log", rows=(), file=AUDIT_FILE)
    until = stage.clock.now() + timedelta(seconds=VIEW_SECONDS)
    kept = Interaction(kind="view", payload=asdict(sheet), audience=stage.identity("ada").key, until=until)
    handle = await stage.database.write(lambda tx: tx.interactions.create(kept))
    page = await ada.get(f"/view/{handle}")
    assert (await ada.post(f"/view/{handle}/file", fields_of(page))).status_code == 403
