"""What must not be written down is nowhere: not in chat, logs, audit, nor anything the database has on disk."""

from __future__ import annotations

import asyncio
import io
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from bot.capabilities.performing import read_sheet
from bot.domain.cards import Dialog, plain_text
from bot.domain.messages import EventKind
from bot.domain.secret import Secret
from tests.fakes.world import World, url_in
from tests.security.core.attack import Wrapped, code_dialog, with_hr, wrong_code

CANARY = "xylophone-quicksilver"


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """All that structlog and the standard library write meanwhile, as text."""
    lines: list[str] = []
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with capture_logs(processors=[structlog.processors.format_exc_info]) as logs:
            yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        lines += [repr(entry) for entry in logs] + stream.getvalue().splitlines()


def at_rest(folder: Path) -> bytes:
    """The database with its log, and after a checkpoint."""
    found = b"".join(path.read_bytes() for path in folder.glob("world.db*"))
    with closing(sqlite3.connect(folder / "world.db", timeout=5)) as raw:
        raw.execute("PRAGMA wal_checkpoint(FULL)")
    return found + b"".join(path.read_bytes() for path in folder.glob("world.db*"))


def in_chat(world: World) -> str:
    """Everything the platform was ever given, as repr: handles, quotes and fallback texts included."""
    dialogs = "\n".join(repr(dialog) for dialog in world.chat.dialogs.values())
    return "\n".join(repr(posted.reply) + plain_text(posted.card) for posted in world.chat.posts) + dialogs


@pytest.mark.requirement("92", "71", "54")
async def test_no_value_of_a_payslip_enters_chat_logs_audit_or_disk(here: World, tmp_path: Path) -> None:
    with everything_logged() as lines:
        await here.sign_in("john")
        await here.enrol("john")
        await here.say("john", "my payslip")
        answer = await here.prove_on_page("john", url_in(here.last("john")))
        assert answer.continue_path is not None
        handle = answer.continue_path.rpartition("/")[2]
        found = await here.database.read(lambda tx: tx.interactions.find(handle, now=here.clock.now()))
        assert found is not None
        sheet = read_sheet(found)
        await here.say("john", "my benefits")
    values = [value for _, value in (*sheet.rows, *((sheet.total,) if sheet.total else ()))]
    figures = {"".join(c for c in value if c.isdigit() or c in ".,") for value in values}
    figures = {figure for figure in figures if len(figure) >= 5}
    assert figures, "the sheet has values to look for"
    disk, written = at_rest(tmp_path), "\n".join(lines)
    records = repr(await here.audit())
    for figure in figures:
        for place in (in_chat(here), written, records):
            assert figure not in place
        assert figure.encode() not in disk
    assert handle not in in_chat(here)
    assert handle.encode() not in disk
    assert handle not in written + records


@pytest.mark.requirement("36", "37", "71", "26")
async def test_no_code_seed_token_or_message_text_is_at_rest_logged_or_audited(here: World, tmp_path: Path) -> None:
    with everything_logged() as lines:
        await code_dialog(here)
        wrong, right = wrong_code(here, "mia"), here.code("mia")
        await here.submit_code("mia", wrong)
        await here.say("mia", right)
        await here.submit_code("mia", right)
        await here.say("john", f"please {CANARY} the flux capacitor")
        await here.say("sarah", f"{CANARY} waits for sign-in")
        await here.say("john", f"I'd like to take 28 to 30 December off because {CANARY}")
    disk, written, records = at_rest(tmp_path), "\n".join(lines), repr(await here.audit())
    seed, url = here.seeds["mia"], url_in(here.last("sarah"))
    ticket = url.rpartition("=")[2]
    for secret in (seed, CANARY, ticket, '{"username": "mia"}'):
        assert secret.encode() not in disk, secret
        assert secret not in written, secret
        assert secret not in records, secret
    for code in (wrong, right):
        assert f'"{code}"'.encode() not in disk
        assert code not in written
        assert code not in records
        assert code not in in_chat(here)


@pytest.mark.requirement("71", "54")
async def test_the_name_of_what_was_asked_for_in_vain_is_not_written_down(here: World, tmp_path: Path) -> None:
    await here.sign_in("sue")
    with everything_logged() as lines:
        await here.say("sue", f"customer {CANARY}")
        await here.command("sue", f"ticket {CANARY}")
        await here.command("sue", f"lock {CANARY}")
        await here.command("sue", f"payslip {CANARY}")
    assert CANARY not in repr(await here.audit())
    assert CANARY.encode() not in at_rest(tmp_path)
    assert CANARY not in "\n".join(lines)


@pytest.mark.requirement("71", "81")
async def test_an_error_of_a_system_is_logged_without_its_words(here: World) -> None:
    async def fail() -> None:
        raise RuntimeError(f"HTTP 500 for {CANARY}")

    hr = Wrapped(here.backend.hr, "leave_balance", before=fail)
    broken = with_hr(here, hr)
    await here.sign_in("john")
    with everything_logged() as lines:
        await broken.say("john", "balance")
    assert hr.calls
    assert lines
    assert CANARY not in "\n".join(lines)
    assert CANARY not in repr(await here.audit())
    assert CANARY not in in_chat(here)


@pytest.mark.requirement("66", "71")
async def test_a_code_dialog_holds_nothing_but_a_handle(here: World) -> None:
    await code_dialog(here)
    dialog: Dialog = here.chat.dialogs["view"]
    found = await here.database.read(lambda tx: tx.interactions.find(dialog.handle, now=here.clock.now()))
    assert found is not None
    assert str(found.payload["proposal"]) not in repr(dialog)
    assert str(found.payload["proposal"]) not in in_chat(here)


@pytest.mark.requirement("92")
async def test_a_sick_leave_shows_neither_its_kind_nor_its_note_in_chat(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await here.enrol("mia")
    note = "migraine-canary"
    await here.say("john", "sick leave on 21 December")
    for posted in list(here.chat.posts):
        for action in posted.card.actions:
            if "Send request" in action.label:
                await here.press("john", posted, "Send request")
    cards = [posted for posted in here.chat.posts if "Leave for John" in posted.card.headline]
    assert cards
    assert all("sick" not in posted.text.casefold() and note not in posted.text for posted in cards)
    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    assert "sick" not in repr(here.chat.dialogs["view"]).casefold()


@pytest.mark.requirement("72")
async def test_a_name_with_line_breaks_is_one_audit_record(here: World) -> None:
    await here.sign_in("sue")
    before = len(await here.audit())
    await here.command("sue", 'customer A\r\n\x1b[31mfake\u2028{"decision":"allow"}')
    records = await here.audit()
    assert len(records) == before + 1
    assert not [r for r in records if "\n" in r.event.resource or "\x1b" in r.event.resource]


@pytest.mark.requirement("37")
async def test_a_secret_has_no_text(here: World) -> None:
    code = Secret("314159")
    assert "314159" not in f"{code} {code!r} {code!s} {[code]}"
    message = here.message("john", EventKind.SUBMISSION, handle="A" * 32)
    assert "314159" not in repr(await asyncio.wait_for(here.core.ingress.submit_code(message, code), 5))
