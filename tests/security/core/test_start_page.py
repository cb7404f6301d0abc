"""Attacks on the start card: what it shows is read, so whoever may read nothing is shown nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.start import StartState
from tests.fakes.chat import direct
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.functional.test_who_may_use import SENTENCE, company_policies


async def _asked_for_leave(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    await here.press("john", here.last("john"), "Send request")


@pytest.mark.requirement("45")
async def test_the_home_page_of_whoever_policy_keeps_out_reads_and_offers_nothing(
    tmp_path: Path, clock: FixedClock
) -> None:
    when = 'principal.department == "sales" && context.session.workspace == "demo"'
    async with world(tmp_path, clock, policies=company_policies(tmp_path, when)) as here:
        await here.sign_in("john")
        who = here.channel("john")
        shown = await here.core.start_page.started(who, direct(who))
        assert SENTENCE in shown.card.headline
        assert (shown.card.actions, shown.card.facts, shown.prompts) == ((), (), ())
        assert not await here.audit(type_prefix="effect")
        [record] = await here.audit(principal=here.identity("john").key, type_prefix="access")
        assert (record.event.action, record.event.decision) == ("UseBot", "deny")


@pytest.mark.requirement("30")
@pytest.mark.parametrize("way", ["home", "words"])
async def test_an_account_disabled_a_minute_ago_is_shown_nothing_of_its_own(here: World, way: str) -> None:
    await _asked_for_leave(here)
    here.directory.disabled.add("john")
    here.clock.advance(timedelta(seconds=61))
    who = here.channel("john")
    if way == "home":
        shown = await here.core.start_page.started(who, direct(who))
        assert shown.state is StartState.NOT_SIGNED_IN
        assert not any("Dec" in fact.value for fact in shown.card.facts)
    else:
        assert "Dec" not in await here.say("john", "start")
    assert not await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("john")))


@pytest.mark.requirement("30")
async def test_while_the_provider_is_away_the_home_page_still_opens(here: World) -> None:
    await _asked_for_leave(here)
    here.directory.away = True
    here.clock.advance(timedelta(seconds=61))
    who = here.channel("john")
    shown = await here.core.start_page.started(who, direct(who))
    assert shown.state is StartState.READY
