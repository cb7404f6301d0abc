"""Ending somebody's sessions in the whole company: ours at once, the provider's until it has been told."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bot.domain.identity import Person
from bot.ports.database import Transaction
from bot.services import company_sessions
from bot.services.sessions import end_everything
from bot.services.token_revocation import GIVEN_UP_AFTER, TokenRevocation
from tests.fakes.world import World
from tests.security.core.conftest import Sql


def job(world: World, providers: dict[str, object] | None = None) -> TokenRevocation:
    return TokenRevocation(
        database=world.database,
        providers={"test": world.directory} if providers is None else {},
        clock=world.clock,
        delivery=world.core.delivery,
    )


async def ask(world: World, name: str, *, by: str = "raj") -> bool:
    """What the capability does in its transaction (tests/functional/test_company_sessions.py has the whole way)."""

    def work(tx: Transaction) -> bool:
        person: Person | None = tx.persons.find(world.identity(name))
        assert person is not None
        asked = company_sessions.ask(tx, person, by=world.channel(by))
        end_everything(tx, person.identity)
        return asked

    return await world.database.write(work)


async def codes(world: World) -> list[str]:
    found = [record.event.code for record in reversed(await world.audit(type_prefix="revocation."))]
    return [code for code in found if code.startswith("company_sessions.")]


@pytest.fixture
async def signed_in(here: World) -> World:
    for name in ("john", "raj"):
        await here.sign_in(name)
    return here


@pytest.mark.requirement("49")
async def test_the_provider_ends_them_all_and_whoever_asked_is_told(signed_in: World) -> None:
    assert await ask(signed_in, "john")
    assert signed_in.directory.ended_everywhere == []
    await job(signed_in).run()
    assert signed_in.directory.ended_everywhere == ["john"]
    assert await codes(signed_in) == ["company_sessions.done"]
    assert "test ended all sessions of john" in signed_in.last("raj").text
    assert await signed_in.database.read(lambda tx: tx.revocations.waiting()) == 0
    assert "14 days" not in await signed_in.say("john", "balance")
    await job(signed_in).run()
    assert signed_in.directory.ended_everywhere == ["john"], "once"


async def test_a_provider_that_cannot_is_said_to_be_one(signed_in: World) -> None:
    signed_in.directory.ends_everywhere = False
    await ask(signed_in, "john")
    await job(signed_in).run()
    assert await codes(signed_in) == ["company_sessions.not_offered"]
    assert "Only the sessions of john with Doorward ended" in signed_in.last("raj").text


async def test_a_provider_that_is_away_is_told_later_and_the_first_delay_is_no_secret(signed_in: World) -> None:
    signed_in.directory.away = True
    await ask(signed_in, "john")
    for _ in range(3):
        await job(signed_in).run()
        signed_in.clock.advance(timedelta(minutes=2))
    assert "does not let me end the sessions of john" in signed_in.last("raj").text
    said = [posted for posted in signed_in.chat.seen_by(signed_in.channel("raj")) if "does not let me" in posted.text]
    assert len(said) == 1
    signed_in.directory.away = False
    await job(signed_in).run()
    assert signed_in.directory.ended_everywhere == ["john"]
    assert await codes(signed_in) == ["company_sessions.waits", "company_sessions.done"]


async def test_after_seven_days_somebody_else_has_to_do_it(signed_in: World) -> None:
    signed_in.directory.away = True
    await ask(signed_in, "john")
    await job(signed_in).run()
    signed_in.clock.advance(GIVEN_UP_AFTER)
    await job(signed_in).run()
    assert await codes(signed_in) == ["company_sessions.waits", "company_sessions.given_up"]
    assert "were not ended" in signed_in.last("raj").text


async def test_an_account_that_is_gone_and_a_provider_that_is_no_more(signed_in: World) -> None:
    signed_in.directory.disabled.add("john")
    await ask(signed_in, "john")
    await job(signed_in).run()
    assert "has no account of john any more" in signed_in.last("raj").text
    await signed_in.sign_in("sue")
    await ask(signed_in, "sue")
    await job(signed_in, {}).run()
    assert "no longer set up here" in signed_in.last("raj").text
    assert await codes(signed_in) == ["company_sessions.gone", "company_sessions.no_provider"]


async def test_without_a_token_nothing_is_promised(signed_in: World) -> None:
    await signed_in.sign_out("john")
    assert not await ask(signed_in, "john")


@pytest.mark.requirement("26")
@pytest.mark.parametrize("forged", ["'playground:demo:john'", "'playground:demo:raj'", "NULL"])
async def test_no_edit_makes_a_revocation_end_more_than_it_should_or_less(
    signed_in: World, sql: Sql, forged: str
) -> None:
    if forged == "NULL":
        await ask(signed_in, "john")
        sql("DELETE FROM revocations WHERE asked_by IS NULL")
    else:
        await signed_in.sign_out("john")
    sql(f"UPDATE revocations SET asked_by = {forged}")  # noqa: S608 - what a database administrator may type
    await job(signed_in).run()
    assert signed_in.directory.ended_everywhere == []
    assert signed_in.directory.revoked == []


async def test_nothing_of_it_is_kept_in_the_clear(signed_in: World, sql: Sql) -> None:
    await ask(signed_in, "john")
    (stored,) = sql("SELECT cache FROM revocations WHERE asked_by IS NOT NULL")
    assert json.dumps({"username": "john"}).encode() not in stored[0]
