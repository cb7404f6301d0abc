"""A database administrator makes no authority: what is made or edited is an alarm, and deleting gives no right."""

# ruff: noqa: S608 - an administrator types whatever they like

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.identity import Role, RoleGrant
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.secret import Secret
from bot.errors import DoorwardError, IntegrityAlarm
from bot.ports.database import Transaction
from bot.ports.ingress import FieldError
from bot.services.sessions import remember_person
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, web_stage
from tests.fakes.world import World
from tests.security.core.attack import alarms, code_dialog, effects_done, leave_for_mia, press_of, sent, states
from tests.security.core.conftest import Sql

MIA, JOHN = "https://id.example#mia", "https://id.example#john"
MANY = 4_000_000_000_000_000
"""A time far away, in microseconds."""


async def _is_denied_with_an_alarm(world: World, name: str, text: str = "balance") -> None:
    before, finished = await alarms(world), len(await world.audit(type_prefix="effect.finished"))
    answer = await world.say(name, text)
    assert "14 days" not in answer
    assert answer, "they are told that something is wrong"
    assert await alarms(world) == before + 1
    assert len(await world.audit(type_prefix="effect.finished")) == finished


@pytest.mark.requirement("91")
@pytest.mark.parametrize(
    "edit",
    [
        f"UPDATE links SET identity = '{MIA}' WHERE channel LIKE '%john'",
        "UPDATE links SET linked_at = linked_at - 1 WHERE channel LIKE '%john'",
        f"UPDATE persons SET roles = '[\"hr_manager\"]' WHERE identity = '{JOHN}'",
        f"UPDATE persons SET employee = 'E-1' WHERE identity = '{JOHN}'",
        f"UPDATE persons SET idp_checked_at = idp_checked_at + 1 WHERE identity = '{JOHN}'",
        f"UPDATE persons SET locked = 1 WHERE identity = '{JOHN}'",
        f"UPDATE persons SET username = 'raj' WHERE identity = '{JOHN}'",
        f"UPDATE persons SET mac = zeroblob(32) WHERE identity = '{JOHN}'",
        f"UPDATE persons SET mac_key = 'none' WHERE identity = '{JOHN}'",
        f"UPDATE persons SET version = version + 1 WHERE identity = '{JOHN}'",
        f"UPDATE sessions SET absolute_until = {MANY}",
        "UPDATE sessions SET last_used_at = last_used_at + 1",
        "UPDATE sessions SET acr = 'phr'",
        "UPDATE sessions SET auth_time = auth_time + 1",
        f"DELETE FROM persons WHERE identity = '{JOHN}'",
    ],
)  # fmt: skip
async def test_an_edited_link_person_or_session_is_denied(here: World, sql: Sql, edit: str) -> None:
    await here.sign_in("john")
    assert "14 days" in await here.say("john", "balance")
    sql(edit)
    await _is_denied_with_an_alarm(here, "john")


@pytest.mark.requirement("91", "26")
async def test_mias_row_in_johns_place_is_not_john(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    columns = "roles, department, region, manager, employee, mac_key, mac"
    hers = f"SELECT {columns} FROM persons WHERE identity = ?"
    sql(f"UPDATE persons SET ({columns}) = ({hers}) WHERE identity = ?", MIA, JOHN)
    await _is_denied_with_an_alarm(here, "john", "waiting")


@pytest.mark.requirement("91")
async def test_a_session_made_by_hand_from_mias_is_no_session_of_john(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await here.database.write(lambda tx: tx.sessions.end(here.channel("john")))
    sql(
        "INSERT INTO sessions SELECT (SELECT channel FROM links WHERE channel LIKE '%john'), id, ?, opened_at,"
        " last_used_at, absolute_until, auth_time, acr, amr, version, mac_key, mac, silent FROM sessions",
        JOHN,
    )
    await _is_denied_with_an_alarm(here, "john")


@pytest.mark.requirement("91")
async def test_a_lock_undone_by_hand_stays_a_lock(here: World, sql: Sql) -> None:
    await here.sign_in("john")

    def lock(tx: Transaction) -> None:
        person = tx.persons.find(here.identity("john"))
        assert person is not None
        tx.persons.save(replace(person, locked=True, lock_reason="left"))

    await here.database.write(lock)
    sql("UPDATE persons SET locked = 0, lock_reason = ''")
    await _is_denied_with_an_alarm(here, "john")


@pytest.mark.requirement("91")
@pytest.mark.parametrize("how", ["insert", "edit"])
async def test_a_role_made_by_hand_is_no_role(here: World, sql: Sql, how: str) -> None:
    await here.sign_in("john")
    await here.sign_in("sue")
    grant = RoleGrant(
        id="g1", identity=here.identity("sue"), role=Role.AUDITOR, scope="Sales", granted_by="raj",
        granted_at=here.clock.now(), until=here.clock.now() + timedelta(minutes=1),
    )  # fmt: skip
    await here.database.write(lambda tx: tx.roles.insert(grant))
    if how == "insert":
        sql(
            "INSERT INTO role_grants SELECT 'g2', ?, 'administrator', '*', granted_by, granted_at, NULL, version,"
            " mac_key, mac FROM role_grants",
            JOHN,
        )
        await _is_denied_with_an_alarm(here, "john")
        return
    sql("UPDATE role_grants SET until = NULL, scope = '*', role = 'administrator'")
    await _is_denied_with_an_alarm(here, "sue")


@pytest.mark.requirement("91", "34")
@pytest.mark.parametrize(
    "edit",
    [
        "last_step = 0",
        "failures = 0",
        "disabled = 0, version = version + 1",
        "confirmed_at = confirmed_at + 1",
        f"identity = '{JOHN}'",
        "seed = zeroblob(90)",
    ],
)
async def test_an_edited_authenticator_takes_no_code(here: World, sql: Sql, edit: str) -> None:
    await code_dialog(here)
    if "failures" in edit:
        await here.submit_code("mia", "000000")
    sql(f"UPDATE authenticators SET {edit} WHERE identity = ?", MIA)
    answer = await here.submit_code("mia", here.code("mia"))
    assert isinstance(answer, FieldError)
    assert await states(here) == [LeaveState.PENDING]
    if "identity" not in edit:
        assert await alarms(here) == 1


@pytest.mark.requirement("91")
async def test_johns_authenticator_under_mias_name_is_not_hers(here: World, sql: Sql) -> None:
    await leave_for_mia(here)
    await here.enrol("john")
    sql("DELETE FROM authenticators WHERE identity = ?", MIA)
    sql("UPDATE authenticators SET identity = ?", MIA)
    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    assert not here.chat.dialogs["view"].fields
    assert await alarms(here) == 1
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("91", "61")
@pytest.mark.parametrize(
    "edit", ["confirmed = 1", f"until = {MANY}", "state = 'waiting'", "digest = 'x'", f"identity = '{JOHN}'"]
)
async def test_an_edited_proposal_leads_to_nothing(here: World, sql: Sql, edit: str) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    handle = shown.button("Send request").handle
    if "state" in edit:
        await here.press("john", shown, "Don't")
    before = await states(here)
    sql(f"UPDATE proposals SET {edit}")
    await sent(here, press_of(here, "john", handle))
    if "identity" in edit:  # the same value: the row is as it was
        assert await states(here) == [LeaveState.PENDING]
        return
    assert await states(here) == before
    assert await alarms(here) == 1


@pytest.mark.requirement("91", "47")
@pytest.mark.parametrize("edit", ["state = 'unspent'", f"until = {MANY}", "kind = 'own_reading'", "method = 'passkey'"])
async def test_an_edited_proof_opens_nothing(here: World, sql: Sql, edit: str) -> None:
    await code_dialog(here)
    here.directory.away = True  # the proof is given and not spent
    await here.submit_code("mia", here.code("mia"))
    here.directory.away = False
    if "state" in edit:
        await here.database.write(lambda tx: tx.proofs.void_all(here.identity("mia")))
    sql(f"UPDATE proofs SET {edit}")
    handle = here.chat.dialogs["view"].handle
    await here.core.ingress.accept(here.message("mia", EventKind.PRESS, handle=handle))
    await here.core.ingress.drain(5)
    assert await states(here) == [LeaveState.PENDING]
    assert await alarms(here) == 1


@pytest.mark.requirement("91")
async def test_a_proof_of_mine_is_not_moved_to_another_request(here: World, sql: Sql) -> None:
    card = await code_dialog(here)
    here.directory.away = True
    await here.submit_code("mia", here.code("mia"))
    here.directory.away = False
    await here.press("mia", card, "Refuse")
    handle = here.chat.dialogs["view"].handle
    found = await here.database.read(lambda tx: tx.interactions.find(handle, now=here.clock.now()))
    assert found is not None
    [(digest,)] = sql("SELECT digest FROM proposals WHERE id = ?", found.payload["proposal"])
    sql("UPDATE proofs SET binding = ?", digest)
    await here.core.ingress.accept(here.message("mia", EventKind.PRESS, handle=handle))
    await here.core.ingress.drain(5)
    assert await states(here) == [LeaveState.PENDING]
    assert await alarms(here) == 1


@pytest.mark.requirement("91")
async def test_a_handle_widened_by_hand_is_no_handle(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    await here.sign_in("sarah")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    sql("UPDATE interactions SET audience = '*'")
    await here.press("sarah", shown, "Send request")
    assert await states(here) == []
    assert await alarms(here) == 1


@pytest.mark.requirement("91", "80")
async def test_an_edited_grant_is_not_taken_up_and_holds_up_no_other(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    for days in ("21 to 23 December", "28 to 30 December"):
        await here.say("john", f"I'd like to take {days} off")
        here.backend.faults.drop_reply_after_write()
        await here.press("john", here.last("john"), "Send request")
    sql("UPDATE grants SET identity = ? WHERE id = (SELECT grant_id FROM effects WHERE state = 'unknown' LIMIT 1)", MIA)
    here.clock.advance(timedelta(seconds=40))
    assert await here.core.reconciling.run() == 1
    assert await states(here) == [LeaveState.PENDING] * 2


# Deleting gives no right


@pytest.mark.requirement("91")
async def test_a_locked_persons_row_that_is_deleted_is_not_made_again_by_signing_in(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    sql("DELETE FROM persons WHERE identity = ?", JOHN)
    claims = here.directory.claims("john")
    with pytest.raises(IntegrityAlarm):
        await here.database.write(lambda tx: remember_person(tx, "test", claims, here.clock.now()))


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


async def _john(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.link(browser, "john")
    await stage.enrol(browser, "john")
    return browser


def _delete(folder: Path, *tables: str) -> None:
    with closing(sqlite3.connect(folder / "doorward.db", timeout=5)) as raw, raw:
        for table in tables:
            raw.execute(f"DELETE FROM {table}")


@pytest.mark.requirement("91", "31")
async def test_deleting_a_locked_person_and_their_link_does_not_let_them_in_again(stage: Stage, tmp_path: Path) -> None:
    await _john(stage)

    def lock(tx: Transaction) -> None:
        person = tx.persons.find(stage.identity("john"))
        assert person is not None
        tx.persons.save(replace(person, locked=True, lock_reason="left"))

    await stage.database.write(lock)
    _delete(tmp_path, "persons", "links", "sessions", "browser_sessions")
    browser = stage.browser()
    asked = await stage.link(browser, "john")
    assert asked.status_code == 422, "their link is missed: a factor of theirs is asked for first"
    response = await browser.press(asked, decision="link", code=stage.code("john"))
    assert response.status_code == 403
    assert not await stage.database.read(lambda tx: tx.sessions.of_identity(stage.identity("john")))
    assert await stage.audit("integrity.alarm")


@pytest.mark.requirement("91", "38")
@pytest.mark.parametrize("disabled", [False, True])
async def test_a_deleted_authenticator_gives_no_right_to_bind_another(
    stage: Stage, tmp_path: Path, disabled: bool
) -> None:
    browser = await _john(stage)
    if disabled:
        [authenticator] = await stage.database.read(lambda tx: tx.authenticators.of_identity(stage.identity("john")))
        for _ in range(100):
            await stage.database.write(lambda tx: tx.authenticators.count_attempt(authenticator.id))
    _delete(tmp_path, "authenticators")
    page = await browser.press(await browser.get("/enrol"))
    assert page.status_code == 403, page.text
    assert "data-value" not in page.text
    assert not await stage.database.read(lambda tx: tx.authenticators.of_identity(stage.identity("john")))
    assert await stage.audit("integrity.alarm")


@pytest.mark.requirement("91")
@pytest.mark.parametrize(
    "table", ["links", "sessions", "role_grants", "proposals", "proofs", "interactions", "throttle"]
)
async def test_deleting_rows_never_gives_a_right(here: World, sql: Sql, table: str) -> None:
    await code_dialog(here)
    here.directory.away = True
    await here.submit_code("mia", here.code("mia"))
    here.directory.away = False
    sql(f"DELETE FROM {table}")
    handle = here.chat.dialogs["view"].handle
    if table not in {"role_grants", "throttle"}:
        await here.core.ingress.accept(here.message("mia", EventKind.PRESS, handle=handle))
        await here.core.ingress.drain(5)
    code = here.code("mia")  # spent already
    try:
        answer = await here.core.ingress.submit_code(
            here.message("mia", EventKind.SUBMISSION, handle=handle), Secret(code)
        )
        assert isinstance(answer, FieldError)
    except DoorwardError:
        pass
    await here.core.ingress.drain(5)
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")


@pytest.mark.requirement("34", "91")
async def test_deleting_the_limiters_counts_leaves_the_authenticators_own(here: World, sql: Sql) -> None:
    await code_dialog(here)
    for _ in range(4):
        await here.submit_code("mia", "000000")
        sql("DELETE FROM throttle")
    [authenticator] = await here.database.read(lambda tx: tx.authenticators.of_identity(here.identity("mia")))
    assert authenticator.failures == 4
