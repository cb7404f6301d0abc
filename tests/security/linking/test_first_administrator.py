"""The first administrator: named in the settings, or by a link claimed once, in time, and while there is none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.change import DELAY, Change
from bot.domain.identity import Role
from bot.errors import HandleSpent, NotAllowed
from bot.ports.database import Database, Transaction
from bot.services import changes, first_administrator, roles
from bot.services.audit_trail import Scribe
from bot.services.first_administrator import RECOVERY, SETUP, Administrators, appoint, retire
from bot.services.sessions import remember_person
from storage.crypto import Keyring
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.fakes.world import World, world
from tests.security.passkey_hand import signature
from tests.security.test_web_passkeys import RP_ID, first_passkey


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture(params=["sqlite", "postgres"])
async def replicas(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock
) -> AsyncIterator[tuple[World, World]]:
    """Two processes on one database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    keys = Keyring.generate()
    async with (
        world(tmp_path, clock, url=url, keys=keys) as one,
        world(tmp_path, clock, url=url, keys=keys) as other,
    ):
        yield one, other


def shell(clock: FixedClock) -> Scribe:
    return Scribe(time=clock.now(), channel="shell", correlation=secrets.token_hex(8))


async def printed(database: Database, clock: FixedClock, kind: str = SETUP) -> str:
    return await database.write(lambda tx: first_administrator.offer(tx, kind, shell(clock)))


async def administrators(database: Database, clock: FixedClock) -> list[str]:
    found = await database.read(lambda tx: first_administrator.present(tx, clock.now()))
    return sorted(person.username for person in found)


async def claim(here: World, name: str, handle: str) -> bool:
    """What the page does once the code was right."""

    def work(tx: Transaction) -> str:
        first_administrator.take_turn(tx, here.clock.now())
        kind = first_administrator.claim(tx, handle, here.identity(name), shell(here.clock))
        if kind == RECOVERY:
            changes.propose_recovery(tx, here.identity(name), shell(here.clock))
        return kind

    try:
        await here.database.write(work)
    except HandleSpent:
        return False
    return True


async def signed_in(stage: Stage, person: str, *, enrolled: bool = True) -> Browser:
    browser = stage.browser()
    await stage.sign_in(browser, person)
    if enrolled:
        await stage.enrol(browser, person)
    return browser


# By a link


async def test_a_company_sign_in_and_a_code_make_the_first_administrator(stage: Stage) -> None:
    path = f"/setup/{await printed(stage.database, stage.clock)}"
    browser = stage.browser()
    begun = await browser.press(await browser.get(path))
    back = await browser.get(stage.at_company(begun, "john"))
    assert back.headers["location"] == path
    codes = await browser.get(path)
    assert 'data-testid="setup-codes"' in codes.text
    assert (await browser.press(codes)).headers["location"] == "/enrol"
    await stage.enrol(browser, "john")
    page = await browser.get(path)
    wrong = await browser.press(page, code=stage.wrong_code("john"))
    assert wrong.status_code == 422
    assert await administrators(stage.database, stage.clock) == []
    done = await browser.press(page, code=stage.code("john"))
    assert "You are administrator" in done.text
    assert await administrators(stage.database, stage.clock) == ["john"]
    granted = [record.event for record in await stage.audit("role.granted")]
    assert [(event.resource, event.code) for event in granted] == [(f"Person::{stage.identity('john').key}", "setup")]


async def test_looking_at_the_link_claims_nothing(stage: Stage) -> None:
    path = f"/setup/{await printed(stage.database, stage.clock)}"
    browser = await signed_in(stage, "john")
    for _ in range(3):
        assert 'name="code"' in (await browser.get(path)).text
    assert await administrators(stage.database, stage.clock) == []


async def test_a_late_link_gives_nothing(stage: Stage) -> None:
    path = f"/setup/{await printed(stage.database, stage.clock)}"
    stage.clock.advance(minutes=2)
    browser = await signed_in(stage, "john")
    page = await browser.get(path)
    stage.clock.advance(minutes=12, seconds=31)
    late = await browser.press(page, code=stage.code("john"))
    assert "no longer good" in late.text
    assert (await browser.get(path)).status_code == 403
    assert await administrators(stage.database, stage.clock) == []


async def test_a_link_is_claimed_once_and_another_printed_before_gives_nothing(stage: Stage) -> None:
    first, second = [f"/setup/{await printed(stage.database, stage.clock)}" for _ in range(2)]
    john, mia = await signed_in(stage, "john"), await signed_in(stage, "mia")
    pages = [await mia.get(path) for path in (first, second)]
    await john.press(await john.get(first), code=stage.code("john"))
    for page in pages:
        assert (await mia.press(page, code=stage.code("mia"))).status_code == 403
    assert await administrators(stage.database, stage.clock) == ["john"]


async def test_an_old_sign_in_is_not_enough(stage: Stage) -> None:
    browser = await signed_in(stage, "john")
    stage.clock.advance(minutes=16)
    page = await browser.get(f"/setup/{await printed(stage.database, stage.clock)}")
    sent_on = await browser.press(page, code=stage.code("john"))
    assert sent_on.status_code == 303
    assert "/authorize" in sent_on.headers["location"]
    assert await administrators(stage.database, stage.clock) == []


async def test_a_forged_form_claims_nothing(stage: Stage) -> None:
    path = f"/setup/{await printed(stage.database, stage.clock)}"
    browser = await signed_in(stage, "john")
    forged = await browser.post(path, {"code": stage.code("john"), "decision": "yes"})
    assert forged.status_code == 403
    assert await administrators(stage.database, stage.clock) == []


@pytest.mark.parametrize("links", [1, 2])
async def test_claims_in_parallel_on_two_replicas_make_one(replicas: tuple[World, World], links: int) -> None:
    one, other = replicas
    for here, name in ((one, "john"), (other, "mia")):
        await here.sign_in(name)
    handles = [await printed(one.database, one.clock) for _ in range(links)]
    won = await asyncio.gather(claim(one, "john", handles[0]), claim(other, "mia", handles[-1]))
    assert sorted(won) == [False, True]
    assert len(await administrators(one.database, one.clock)) == 1


async def test_no_link_is_printed_while_there_is_an_administrator(replicas: tuple[World, World]) -> None:
    one, _ = replicas
    await one.sign_in("raj")
    with pytest.raises(NotAllowed, match="raj"):
        await printed(one.database, one.clock)


# When the last one is lost


async def test_a_lost_last_administrator_is_replaced_with_an_alarm(replicas: tuple[World, World]) -> None:
    one, other = replicas
    await one.sign_in("raj")
    await one.sign_in("john")
    handle, spare = [await printed(one.database, one.clock, RECOVERY) for _ in range(2)]
    assert await claim(other, "john", handle)
    assert not await claim(one, "john", handle)
    assert not await claim(one, "raj", spare), "one place is claimed once"
    with pytest.raises(NotAllowed, match="doorward changes cancel"):
        await printed(one.database, one.clock, RECOVERY)
    assert await administrators(one.database, one.clock) == ["raj"]
    await one.core.carrying_out.run()
    told = one.last("raj")
    assert "Make john administrator in place of a lost one" in told.text
    assert "Cancel" in str(told.card.actions)
    one.clock.advance(DELAY - timedelta(seconds=1))
    await one.core.carrying_out.run()
    assert await administrators(one.database, one.clock) == ["raj"]
    one.clock.advance(timedelta(seconds=1))
    await asyncio.gather(one.core.carrying_out.run(), other.core.carrying_out.run())
    assert await administrators(one.database, one.clock) == ["john", "raj"]
    alarms = await one.audit(type_prefix="administrator")
    assert {record.event.type.value for record in alarms} == {"administrator.offered", "administrator.recovered"}
    assert len([record for record in alarms if record.event.decision == "alarm"]) == 1
    proposed = await one.audit(type_prefix="change.proposed")
    assert [record.event.decision for record in proposed] == ["alarm"]
    with pytest.raises(NotAllowed, match="more than one"):
        await printed(one.database, one.clock, RECOVERY)


async def recovery(one: World, name: str = "john") -> Change:
    """Claimed by somebody while raj is the only administrator."""
    await one.sign_in("raj")
    await one.sign_in(name)
    assert await claim(one, name, await printed(one.database, one.clock, RECOVERY))
    [waits] = await one.database.read(lambda tx: tx.changes.open(one.clock.now()))
    return waits


async def test_a_recovery_that_was_cancelled_never_happens(replicas: tuple[World, World]) -> None:
    one, other = replicas
    waits = await recovery(one)
    assert await one.database.write(lambda tx: changes.cancel(tx, waits.id, shell(one.clock))) is not None
    one.clock.advance(DELAY * 1.5)
    await other.core.carrying_out.run()
    assert await administrators(one.database, one.clock) == ["raj"]
    assert await printed(one.database, one.clock, RECOVERY), "and the host can begin again"


async def test_the_administrator_who_is_not_lost_cancels_it_in_chat(replicas: tuple[World, World]) -> None:
    one, _ = replicas
    await recovery(one)
    await one.core.carrying_out.run()
    await one.press("raj", one.last("raj"), one.last("raj").card.actions[0].label)
    await one.press("raj", one.last("raj", "Cancel a change"), "Cancel it")
    one.clock.advance(DELAY * 1.5)
    await one.core.carrying_out.run()
    assert await administrators(one.database, one.clock) == ["raj"]


@pytest.mark.parametrize("why", ["locked", "others came"])
async def test_a_recovery_is_looked_at_again_when_its_day_has_passed(replicas: tuple[World, World], why: str) -> None:
    one, _ = replicas
    await recovery(one)

    def happens(tx: Transaction) -> None:
        if why == "locked":
            person = tx.persons.find(one.identity("john"))
            assert person is not None
            tx.persons.save(replace(person, locked=True, lock_reason="stolen"))
            return
        for name in ("mia", "sue"):
            remember_person(tx, "test", one.directory.claims(name), one.clock.now())
            roles.give(tx, one.identity(name), Role.ADMINISTRATOR, "*", by="test", now=one.clock.now())

    await one.database.write(happens)
    one.clock.advance(DELAY * 1.5)
    await one.core.carrying_out.run()
    assert "john" not in await administrators(one.database, one.clock)
    assert await one.database.read(lambda tx: tx.changes.open(one.clock.now())) == []


async def test_a_recovery_claimed_late_gives_nothing(replicas: tuple[World, World]) -> None:
    one, _ = replicas
    await one.sign_in("raj")
    await one.sign_in("john")
    handle = await printed(one.database, one.clock, RECOVERY)
    one.clock.advance(timedelta(seconds=901))
    assert not await claim(one, "john", handle)
    assert await one.database.read(lambda tx: tx.changes.open(one.clock.now())) == []


async def test_recoveries_in_parallel_on_two_replicas_leave_one_that_waits(replicas: tuple[World, World]) -> None:
    one, other = replicas
    for here, name in ((one, "raj"), (one, "john"), (other, "mia")):
        await here.sign_in(name)
    handles = [await printed(one.database, one.clock, RECOVERY) for _ in range(2)]
    won = await asyncio.gather(claim(one, "john", handles[0]), claim(other, "mia", handles[1]))
    assert sorted(won) == [False, True]
    assert len(await one.database.read(lambda tx: tx.changes.open(one.clock.now()))) == 1


async def test_a_recovery_takes_a_passkey_and_a_day(stage: Stage) -> None:
    """An app alone leads to a passkey; the page says when it will be, and how it can be stopped."""
    device = SoftAuthenticator(HTTPS, RP_ID)
    await stage.link(stage.browser(), "raj")
    path = f"/setup/{await printed(stage.database, stage.clock, RECOVERY)}"
    apps = await signed_in(stage, "mia")
    first = await apps.get(path)
    assert "you have none" in first.text
    assert 'name="code"' not in first.text
    forged = await apps.post(path, {**fields_of(first), "code": stage.code("mia"), "decision": "yes"})
    assert forged.headers["location"] == "/enrol"
    john, _ = await first_passkey(stage, "john", device)
    page = await john.get(path)
    assert "takes a passkey and a day" in page.text
    done = await john.press(page, **await signature(john, device, f"{path}/options", page))
    assert done.status_code == 200
    assert "It waits for a day" in done.text
    assert await administrators(stage.database, stage.clock) == ["raj"]
    stage.clock.advance(DELAY)
    await stage.core.carrying_out.run()
    assert await administrators(stage.database, stage.clock) == ["john", "raj"]


async def test_recovery_is_no_setup(replicas: tuple[World, World]) -> None:
    one, _ = replicas
    with pytest.raises(NotAllowed, match="doorward setup"):
        await printed(one.database, one.clock, RECOVERY)


# By the settings


async def seen(here: World, name: str, named: Administrators, groups: frozenset[str] = frozenset()) -> list[str]:
    """Somebody signs in under these settings; who is administrator then."""
    claims, now = here.directory.claims(name), here.clock.now()

    def work(tx: Transaction) -> None:
        appoint(tx, named, remember_person(tx, "test", claims, now), groups, shell(here.clock))

    await here.database.write(work)
    return await administrators(here.database, here.clock)


async def test_whoever_is_named_is_administrator_and_only_while_named(replicas: tuple[World, World]) -> None:
    here, _ = replicas
    named = Administrators(people=frozenset({here.identity("john").key}))
    assert await seen(here, "mia", named) == []
    assert await seen(here, "john", named) == ["john"]
    assert await seen(here, "john", named) == ["john"]
    assert await seen(here, "john", Administrators()) == []
    codes = [(item.event.type.value, item.event.code) for item in await here.audit(type_prefix="role.")]
    assert codes == [("role.revoked", "bootstrap"), ("role.granted", "bootstrap")]


async def test_a_named_group_counts_while_the_provider_says_so(replicas: tuple[World, World]) -> None:
    here, _ = replicas
    named = Administrators(group="it-admins", provider="test")
    assert await seen(here, "john", named, frozenset({"it-admins", "sales"})) == ["john"]
    assert await seen(here, "john", named, frozenset({"sales"})) == []


@pytest.mark.requirement("22")
async def test_a_group_of_the_same_name_at_another_provider_makes_nobody_an_administrator(
    replicas: tuple[World, World],
) -> None:
    here, _ = replicas
    named = Administrators(group="it-admins", provider="company")
    assert await seen(here, "john", named, frozenset({"it-admins"})) == []


async def test_a_start_takes_the_role_from_whom_the_settings_no_longer_name(replicas: tuple[World, World]) -> None:
    here, _ = replicas
    named = Administrators(people=frozenset({here.identity("john").key}), group="it-admins", provider="test")
    await seen(here, "john", named)
    await seen(here, "mia", named, frozenset({"it-admins"}))
    left = Administrators(group="it-admins", provider="test")
    assert await here.database.write(lambda tx: retire(tx, left, shell(here.clock))) == 1
    assert await administrators(here.database, here.clock) == ["mia"]
    assert await here.database.write(lambda tx: retire(tx, Administrators(), shell(here.clock))) == 1
    assert await administrators(here.database, here.clock) == []


async def test_a_role_given_by_a_colleague_stays(replicas: tuple[World, World]) -> None:
    here, _ = replicas
    await here.sign_in("john")
    handle = await printed(here.database, here.clock)
    assert await claim(here, "john", handle)
    assert await here.database.write(lambda tx: retire(tx, Administrators(), shell(here.clock))) == 0
    standing = await here.database.write(
        lambda tx: tx.sessions.use(here.channel("john"), now=here.clock.now(), limits=here.core.outside.limits)
    )
    assert [grant.role for grant in standing.grants] == [Role.ADMINISTRATOR]
    here.clock.advance(timedelta(minutes=1))
    assert "role" in (await here.command("john", "roles list")).casefold()
