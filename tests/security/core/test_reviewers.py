"""Who reviewed a use of break-glass and has left since, by the provider's word or by HR's, is none of the two."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.break_glass import Finding, Review, Use
from bot.services.audit_trail import Scribe
from bot.services.reviewers import Reviewers
from tests.contract.stores import a_use
from tests.fakes.world import World


async def reviewed_by_sue(here: World) -> Use:
    await here.sign_in("sue")
    now = here.clock.now()
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("sue")))
    assert person is not None
    assert person.employee is not None
    said = Review(
        identity=person.identity.key, employee=person.employee, finding=Finding.FINE, reason="seen with HR", at=now
    )
    use = a_use(now, id="0a1b2c3d", reviews=(said,))
    await here.database.write(lambda tx: tx.break_glass.insert(use))
    return use


async def gone(here: World, use: Use) -> list[str]:
    reviewers = Reviewers(database=here.database, revalidator=here.core.pipeline.rechecking.revalidator)
    scribe = Scribe(time=here.clock.now(), channel="test", correlation="c")
    return sorted(await reviewers.gone(use.id, here.identity("raj").key, scribe))


async def test_whoever_is_there_still_counts_and_another_use_is_not_asked_about(here: World) -> None:
    use = await reviewed_by_sue(here)
    before = here.directory.asked
    assert await gone(here, a_use(here.clock.now(), id="ffffffff")) == []
    assert here.directory.asked == before
    assert await gone(here, use) == []
    assert here.directory.asked == before + 1


@pytest.mark.parametrize("signed_out", [False, True])
async def test_whoever_left_in_hr_is_gone_and_locked(here: World, signed_out: bool) -> None:
    use = await reviewed_by_sue(here)
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("sue")))
    assert person is not None
    await here.backend.end_employment(str(person.employee), here.clock.now().date() - timedelta(days=1))
    if signed_out:
        await here.database.write(lambda tx: tx.tokens.destroy(here.identity("sue")))
    assert await gone(here, use) == [here.identity("sue").key]
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("sue")))
    assert person is not None
    assert (person.locked, person.lock_reason) == (True, "signal:hr")


async def test_whoever_the_provider_no_longer_stands_for_is_gone(here: World) -> None:
    use = await reviewed_by_sue(here)
    here.directory.disabled.add("sue")
    assert await gone(here, use) == [here.identity("sue").key]
    assert await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("sue"))) == []
    (ended,) = await here.audit(type_prefix="session.ended")
    assert ended.event.principal == here.identity("sue").key, "it is written down as theirs"


async def test_a_provider_that_is_away_says_nothing(here: World) -> None:
    use = await reviewed_by_sue(here)
    here.directory.away = True
    assert await gone(here, use) == []
