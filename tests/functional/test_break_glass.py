"""Break-glass from the chat: what is signed, the alarm, the reminders, and two others who review it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.capabilities.catalogue import CATALOGUE
from bot.domain.break_glass import Use
from bot.domain.identity import Role
from bot.services import roles
from bot.services.operations import ACTIONS
from policy.cedar import load
from policy.sources import SCHEMA
from tests.contract.stores import a_use
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, web_stage
from tests.security.test_web_passkeys import RP_ID, first_passkey, signed

REASON = "mia and sarah are both in hospital"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


async def leave_of_john(stage: Stage) -> str:
    """John has asked for leave that waits; its number."""
    await stage.link(stage.browser(), "john")
    await stage.say("john", "I'd like to take 21 to 23 December off")
    await stage.press("john", "Send request")
    (record,) = [r for r in await stage.audit("effect.finished") if r.event.action == "RequestLeave"]
    asked = await stage.database.read(lambda tx: list(tx.approvals.open(limit=5)))
    assert record.event.code == "done"
    return asked[0].about.removeprefix("Leave::")


async def somebody(stage: Stage, name: str, role: Role | None = None) -> tuple[Browser, SoftAuthenticator]:
    """Somebody with a passkey, and a role besides their own."""
    device = SoftAuthenticator(HTTPS, RP_ID)
    browser, _ = await first_passkey(stage, name, device)
    if role is not None:
        now = stage.clock.now()
        await stage.database.write(lambda tx: roles.give(tx, stage.identity(name), role, "*", by="test", now=now))
    return browser, device


async def signs(stage: Stage, name: str, who: tuple[Browser, SoftAuthenticator], text: str) -> str:
    """The command, its page, and what the page says after the touch."""
    await stage.say(name, f"/doorward {text}")
    page = stage.link_on_card(name)
    return (await who[0].post(page, await signed(*who, page))).text


async def waiting(stage: Stage) -> list[Use]:
    return list(await stage.database.read(lambda tx: tx.break_glass.unreviewed()))


@pytest.mark.requirement("57")
async def test_it_is_signed_as_such_alarms_and_is_reviewed_by_two_others(stage: Stage) -> None:
    leave = await leave_of_john(stage)
    raj, ada = await somebody(stage, "raj"), await somebody(stage, "ada")
    sue = await somebody(stage, "sue", Role.AUDITOR)
    await stage.say("raj", f"/doorward break-glass leaves approve {leave} {REASON}")
    assert stage.cards("raj")[-1].headline == "BREAK-GLASS: approve the leave of John Carver"
    assert await waiting(stage) == [], "nothing is done before the touch"
    page = stage.link_on_card("raj")
    assert REASON in (await raj[0].get(page)).text
    assert "BREAK-GLASS: approved for John Carver" in (await raj[0].post(page, await signed(*raj, page))).text
    (use,) = await waiting(stage)
    assert (use.resource, use.reason) == (f"Leave::{leave}", REASON)
    await stage.core.reminding.run()
    for name in ("raj", "ada", "sue"):
        assert stage.cards(name)[-1].headline == "BREAK-GLASS: Raj Patel went past whoever decides", name
    seen = len(stage.cards("ada"))
    await stage.core.reminding.run()
    assert len(stage.cards("ada")) == seen, "once a day"
    await stage.say("ada", "/doorward start")
    assert "1 use waits for its review" in str(stage.cards("ada")[-1].facts)
    assert "Nobody reviews their own" in await signs(stage, "raj", raj, f"review {use.id} fine it was me")
    assert "Your review of" in await signs(stage, "ada", ada, f"review {use.id} fine seen with HR")
    assert "reviewed this already" in await signs(stage, "ada", ada, f"review {use.id} fine seen with HR")
    assert await waiting(stage)
    assert "is reviewed" in await signs(stage, "sue", sue, f"review {use.id} wrong HR could be reached")
    assert await waiting(stage) == []
    alarms = [(r.event.type.value, r.event.decision) for r in await stage.audit("break_glass.")]
    assert sorted(alarms) == [
        ("break_glass.reviewed", ""),
        ("break_glass.reviewed", "alarm"),
        ("break_glass.used", "alarm"),
    ]


async def test_it_is_said_again_every_day_until_two_have_reviewed_it(stage: Stage) -> None:
    await stage.link(stage.browser(), "ada")
    await stage.database.write(lambda tx: tx.break_glass.insert(a_use(stage.clock.now(), reminded_at=None)))
    told = []
    for hours in (0, 23, 1, 24):
        stage.clock.advance(timedelta(hours=hours))
        told.append(await stage.core.reminding.run())
    assert told == [1, 0, 1, 1]
    assert sum("BREAK-GLASS" in card.headline for card in stage.cards("ada")) == 3
    (use,) = await waiting(stage)
    other = replace(use.reviews[0], identity="x", employee="E-x")
    await stage.database.write(lambda tx: tx.break_glass.save(replace(use, reviews=(*use.reviews, other))))
    stage.clock.advance(timedelta(days=2))
    assert await stage.core.reminding.run() == 0


async def test_without_a_reason_a_passkey_or_the_role_nothing_is_broken(stage: Stage) -> None:
    leave = await leave_of_john(stage)
    raj, mia = stage.browser(), stage.browser()
    await stage.link(raj, "raj")
    await stage.enrol(raj, "raj")
    await stage.link(mia, "mia")
    await stage.say("raj", f"/doorward break-glass leaves approve {leave}")
    assert not await stage.audit("proposal")
    await stage.say("raj", f"/doorward break-glass leaves approve {leave} {REASON}")
    assert [record.event.decision for record in await stage.audit("access.decided")][-1] == "enrol", (
        "a code is not enough"
    )
    await stage.say("mia", f"/doorward break-glass leaves approve {leave} {REASON}")
    assert stage.cards("mia")[-1].headline == "Your role doesn't include this."
    await stage.say("john", f"/doorward break-glass leaves approve {leave} {REASON}")
    assert await waiting(stage) == []


def test_it_reaches_a_decision_on_leave_and_nothing_else() -> None:
    """No role, policy, factor, audit or key: neither in policy's group, nor by what its grants open in any system."""
    schema = SCHEMA.read_text(encoding="utf-8")
    group = [
        line for line in schema.splitlines() if '"BreakGlass"' in line and line.startswith("action") and " in " in line
    ]
    assert group == ['action "BreakGlassApproveLeave" in ["Decision", "BreakGlass"] appliesTo {']
    assert set(load().actions["BreakGlassApproveLeave"]) == {"Leave"}
    (entry,) = [entry for entry in CATALOGUE if entry.breaks_glass]
    assert (entry.action, entry.local) == ("BreakGlassApproveLeave", None)
    assert {operation for operation, actions in ACTIONS.items() if entry.action in actions} == {
        "decide_leave",
        "reconcile",
    }
