"""Whatever changed between what was shown and the yes to it: nothing is done, and the person is told what it was."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.bootstrap.core import compose
from bot.domain.identity import Role, RoleGrant
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.secret import Secret
from bot.ports.ingress import FieldError
from policy.cedar import CedarEngine
from policy.sources import POLICIES, read_sources
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, effects_done, states


async def in_german(here: World) -> None:
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("mia")))
    assert person is not None
    await here.database.write(lambda tx: tx.persons.save(replace(person, locale="de")))
    here.directory.locales["mia"] = "de"


async def with_code(here: World) -> str:
    await here.submit_code("mia", here.code("mia"))
    assert not await effects_done(here, "ApproveLeave")
    return here.last("mia").text


CHANGED_RECORD = {
    "en": (
        "was changed in its own system",
        "Wednesday, 23 December 2026 → Tuesday, 22 December 2026",
        "3 days → 2 days",
    ),
    "de": (
        "wurde in seinem System geändert",
        "Mittwoch, 23. Dezember 2026 → Dienstag, 22. Dezember 2026",
        "3 Tage → 2 Tage",
    ),
}
AS_IT_WAS = {"en": "Monday, 21 December", "de": "Montag, 21. Dezember"}


@pytest.mark.requirement("57", "61")
@pytest.mark.parametrize("language", ["en", "de"])
async def test_of_a_changed_record_each_value_is_told_old_and_new(here: World, language: str) -> None:
    if language == "de":
        here.directory.locales["mia"] = "de"
    await code_dialog(here)
    await here.backend._database.write(
        lambda connection: connection.execute(
            "UPDATE leave SET end_on = '2026-12-22', halves = 4, version = version + 1 WHERE start_on LIKE '2026-12%'"
        )
    )
    told = await with_code(here)
    assert [words for words in CHANGED_RECORD[language] if words not in told] == [], told
    assert AS_IT_WAS[language] not in told, "what is as it was is not told"
    # It is void: putting the record back makes no later code count.
    await here.backend._database.write(
        lambda connection: connection.execute(
            "UPDATE leave SET end_on = '2026-12-23', halves = 6, version = version - 1 WHERE start_on LIKE '2026-12%'"
        )
    )
    here.clock.advance(timedelta(seconds=30))
    assert isinstance(await here.submit_code("mia", here.code("mia")), FieldError)
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("57", "61")
@pytest.mark.parametrize("language", ["en", "de"])
async def test_of_a_changed_role_both_are_told(here: World, language: str) -> None:
    await code_dialog(here)
    if language == "de":
        await in_german(here)
    now = here.clock.now()
    grant = RoleGrant(
        id="g1", identity=here.identity("mia"), role=Role.AUDITOR, scope="*", granted_by="x", granted_at=now
    )
    await here.database.write(lambda tx: tx.roles.insert(grant))
    told = await with_code(here)
    assert ("Your role changed" if language == "en" else "Deine Rolle hat sich geändert") in told
    words = ("Then: ", "Now: ", "auditor") if language == "en" else ("Vorher: ", "Jetzt: ", "Revision")
    assert all(word.casefold() in told.casefold() for word in words), told
    assert await states(here) == [LeaveState.PENDING]


def another_version(directory: Path) -> Path:
    copied = Path(shutil.copytree(POLICIES, directory / "policies"))
    [file] = copied.glob("*hr.cedar")
    file.write_text(file.read_text(encoding="utf-8") + "\n// another version\n", encoding="utf-8")
    return copied


@pytest.mark.requirement("57", "61")
@pytest.mark.parametrize("language", ["en", "de"])
async def test_of_changed_rules_it_is_said_that_they_are_others(here: World, tmp_path: Path, language: str) -> None:
    await code_dialog(here)
    if language == "de":
        await in_german(here)
    copied = another_version(tmp_path)
    engine = CedarEngine(read_sources(copied))
    other = replace(here, core=compose(replace(here.core.outside, engine=engine)))
    assert engine.policy_hash != here.core.outside.engine.policy_hash
    said = "Your company's rules changed" if language == "en" else "Die Regeln deiner Firma haben sich geändert"
    assert said in await with_code(other)
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("17", "57")
@pytest.mark.parametrize("language", ["en", "de"])
async def test_of_what_expired_the_time_is_told(here: World, language: str) -> None:
    await code_dialog(here)
    if language == "de":
        await in_german(here)
    dialog = here.chat.dialogs["view"]
    here.clock.advance(timedelta(seconds=300))
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("mia")))
    assert person is not None
    message = here.message("mia", EventKind.SUBMISSION, handle=dialog.handle)
    answer = await here.core.ingress.submit_code(message, Secret(here.code("mia")))
    assert isinstance(answer, FieldError)
    at = here.clock.now().astimezone(ZoneInfo(person.timezone)).strftime("%H:%M")
    assert answer.text.startswith(f"This expired at {at}." if language == "en" else f"Das ist um {at} abgelaufen.")
    assert not await here.audit(type_prefix="proof."), "no try was counted"
    here.clock.advance(timedelta(hours=1))
    late = await here.core.ingress.submit_code(message, Secret(here.code("mia")))
    assert isinstance(late, FieldError)


@pytest.mark.requirement("17", "57")
async def test_of_a_button_that_waited_too_long_the_time_is_told_to_its_own_person_alone(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("sarah")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    here.clock.advance(timedelta(seconds=300))
    await here.press("john", shown, "Send request")
    assert "It expired at " in here.last("john").text
    await here.press("sarah", shown, "Send request")
    assert "expired" not in here.last("sarah").text
    assert await states(here) == []
