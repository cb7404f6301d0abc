"""Break-glass from the chat: what is signed, the alarm, the reminders, and two others who review it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.idp.demo.people import BY_USERNAME
from bot.capabilities.catalogue import CATALOGUE
from bot.domain.break_glass import Use
from bot.domain.identity import Role
from bot.domain.messages import EventKind, ReplyWindow
from bot.ports.database import Transaction
from bot.ports.mail import Letter
from bot.services import break_glass_cards, roles
from bot.services.operations import ACTIONS
from policy.cedar import load
from policy.sources import SCHEMA
from tests.contract.stores import a_use
from tests.fakes.chat import direct
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, web_stage
from tests.fakes.world import World
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
    assert (use.resource, use.reason, use.owner) == (f"Leave::{leave}", REASON, "E1001")
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


async def test_a_reviewer_whom_the_provider_no_longer_stands_for_is_none_of_the_two(stage: Stage) -> None:
    ada, sue = await somebody(stage, "ada"), await somebody(stage, "sue", Role.AUDITOR)
    sarah = await somebody(stage, "sarah", Role.AUDITOR)
    use = a_use(stage.clock.now(), id="0a1b2c3d", reviews=())
    await stage.database.write(lambda tx: tx.break_glass.insert(use))
    assert "Your review of" in await signs(stage, "ada", ada, f"review {use.id} fine seen with HR")
    adas = [token for token, grant in stage.provider.grants.items() if grant.subject == BY_USERNAME["ada"].subject]
    for token in adas:
        del stage.provider.grants[token]
    assert "Your review of" in await signs(stage, "sue", sue, f"review {use.id} fine seen with HR"), "one alone"
    assert await waiting(stage)
    assert "is reviewed" in await signs(stage, "sarah", sarah, f"review {use.id} fine seen with HR")
    assert await waiting(stage) == []


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


async def test_the_alarm_has_buttons_and_the_reason_is_written_in_a_dialog(here: World) -> None:
    await here.sign_in("ada")
    use = a_use(here.clock.now(), id="0a1b2c3d", reminded_at=None, reviews=())
    await here.database.write(lambda tx: tx.break_glass.insert(use))
    await here.core.reminding.run()
    alarm = here.last("ada", "BREAK-GLASS")
    assert [action.label for action in alarm.card.actions] == ["It was right…", "It was wrong…"]
    await here.press("ada", alarm, "It was wrong")
    dialog = here.chat.dialogs["view"]
    assert [field.name for field in dialog.fields] == ["reason"]
    assert dialog.signed[-1].value == "It was wrong", "what is about to be said of it stands in the dialog"
    message = here.message(
        "ada", EventKind.SUBMISSION, handle=dialog.handle, fields={"reason": "sarah was there all day"},
        window=ReplyWindow.IN_RESPONSE, trigger="view",
    )  # fmt: skip
    await here.core.ingress.accept(message)
    await here.core.ingress.drain(10)
    decided = [record.event for record in await here.audit(type_prefix="access.decided")]
    assert (decided[0].action, decided[0].code) == ("ReviewBreakGlass", "deny.second_factor_unavailable")
    (kept,) = await here.database.read(lambda tx: list(tx.break_glass.unreviewed()))
    assert kept.reviews == (), "nothing is kept before the touch"


async def test_letters_and_cards_are_in_the_readers_own_language(stage: Stage) -> None:
    await stage.link(stage.browser(), "ada")

    def in_german(tx: Transaction) -> None:
        person = tx.persons.find(stage.identity("ada"))
        assert person is not None
        tx.persons.save(replace(person, locale="de", email="ada@example.org"))
        tx.break_glass.insert(a_use(stage.clock.now(), reminded_at=None))

    await stage.database.write(in_german)
    await stage.core.reminding.run()
    card = stage.cards("ada")[-1]
    assert "ist an denen vorbei" in card.headline, card.headline
    assert [action.label for action in card.actions] == ["Es war richtig…", "Es war falsch…"]
    (use,) = await waiting(stage)

    def written(tx: Transaction) -> list[Letter]:
        return break_glass_cards.letters(tx, use, break_glass_cards.readers(tx, stage.clock.now()))

    (letter,) = await stage.database.read(written)
    assert letter.subject == "Doorward ALARM: Es gab einen Notzugriff"
    assert "1 von 2 Prüfungen" in letter.text
    for english in ("went past", "Two people", "REASON", "waits"):
        assert english not in letter.text


async def test_it_stands_on_top_of_what_waits_until_it_is_reviewed(stage: Stage) -> None:
    await somebody(stage, "sarah", Role.AUDITOR)
    await stage.database.write(lambda tx: tx.break_glass.insert(a_use(stage.clock.now(), reminded_at=None)))
    await stage.say("sarah", "/doorward waiting")
    card = stage.cards("sarah")[-1]
    assert card.headline.startswith("1 use of break-glass waits for a review.")
    assert card.actions[0].label == "Review break-glass"
    await stage.say("sarah", "/doorward start")
    start = stage.cards("sarah")[-1]
    assert start.actions[0].label == "Review break-glass"
    assert start.facts[0].value.startswith("1 use waits for its review")
    (use,) = await waiting(stage)
    other = replace(use.reviews[0], identity="x", employee="E-x")
    await stage.database.write(lambda tx: tx.break_glass.save(replace(use, reviews=(*use.reviews, other))))
    await stage.say("sarah", "/doorward waiting")
    assert "break-glass" not in stage.cards("sarah")[-1].headline


@pytest.mark.parametrize("name", ["raj", "ada"])
async def test_whoever_only_reviews_types_waiting_and_sees_the_reviews(here: World, name: str) -> None:
    await here.sign_in(name)
    assert "No use of break-glass waits" in await here.say(name, "waiting")
    use = a_use(here.clock.now(), id="0a1b2c3d", reminded_at=None, reviews=())
    await here.database.write(lambda tx: tx.break_glass.insert(use))
    said = await here.say(name, "what waits for me?")
    assert use.reason in said
    assert [action.label for action in here.last(name).card.actions] == ["It was right…", "It was wrong…"]
    helped = await here.say(name, "help")
    commands = {line.partition(":")[0] for line in helped.splitlines()}
    assert "reviews" in commands
    assert not {"approve", "refuse", "waiting"} & commands
    denied = await here.audit(decision="deny")
    assert not denied, "nothing was refused"


async def test_whoever_neither_decides_nor_reviews_is_told_so(here: World) -> None:
    await here.sign_in("john")
    await here.database.write(lambda tx: tx.break_glass.insert(a_use(here.clock.now(), reminded_at=None)))
    said = await here.say("john", "waiting")
    assert "break-glass" not in said.casefold()
    assert {record.event.action for record in await here.audit(decision="deny")} == {"ListWaiting"}


@pytest.mark.parametrize("name", ["raj", "ada"])
async def test_the_home_of_whoever_reviews_begins_with_what_waits(here: World, name: str) -> None:
    await here.sign_in(name)
    await here.database.write(lambda tx: tx.break_glass.insert(a_use(here.clock.now(), reminded_at=None)))
    who = here.channel(name)
    started = await here.core.start_page.started(who, direct(who))
    assert started.card.actions[0].label == "Review break-glass"
    assert started.card.facts[0].value.startswith("1 use waits for its review")
