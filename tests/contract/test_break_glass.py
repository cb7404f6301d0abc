"""What is kept of break-glass, and what closes it: on both engines, against whoever would rather not be reviewed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.break_glass import Finding, Use
from bot.domain.grant import Grant
from bot.domain.identity import Employee, Issuer, LinkedIdentity, Principal, Role, Subject
from bot.domain.proof import ConsentKind, Proof, ProofMethod
from bot.errors import DoorwardError, IntegrityAlarm, NotAllowed
from bot.ports.connectors import NotFound
from bot.services import break_glass
from bot.services.audit_trail import Scribe
from tests.contract.stores import OpenDatabase, a_person, a_use, an_effect, by_hand

WEEK = timedelta(days=7)


def somebody(name: str, employee: str | None) -> Principal:
    identity = LinkedIdentity(issuer=Issuer("https://login.example"), subject=Subject(name))
    return Principal(
        identity=identity,
        username=name,
        display_name=name.title(),
        roles=frozenset(),
        provider_roles=frozenset(),
        department="support",
        region="us",
        employee=None if employee is None else Employee(employee),
        locale="en",
        timezone="UTC",
        locked=False,
        grants=(),
    )


RAJ, RAJS_OTHER = somebody("raj", "E-raj"), somebody("raj2", "E-raj")
ADA, ADAS_OTHER, SUE, NOBODY = (
    somebody("ada", "E-ada"),
    somebody("a2", "E-ada"),
    somebody("sue", "E-sue"),
    somebody("n", None),
)


def scribe(now: datetime) -> Scribe:
    return Scribe(time=now, channel="test", correlation="c")


def a_touch(now: datetime, **changes: object) -> Proof:
    proof = Proof(
        id="proof-9",
        identity=RAJ.identity,
        method=ProofMethod.PASSKEY,
        phishing_resistant=True,
        kind=ConsentKind.PER_ACTION,
        binding="d",
        at=now,
        until=now + timedelta(minutes=5),
    )
    return replace(proof, **changes)  # type: ignore[arg-type]  # named by the test


def a_grant(now: datetime, reason: str = "nobody else is there") -> Grant:
    action = CanonicalAction(
        principal=RAJ.key,
        capability="break_glass",
        action="BreakGlassApproveLeave",
        resource=ResourceRef(type="Leave", id="71"),
        arguments={"reason": reason},
        salt="00",
    )
    return replace(an_effect(now).grant, action=action)


async def used(
    database: OpenDatabase, who: Principal, now: datetime, *, owner: str = "E-john", **changes: object
) -> Use:
    proof = a_touch(now, **changes)
    return await database.write(lambda tx: break_glass.use(tx, who, proof, a_grant(now), scribe(now), owner=owner))


async def known(database: OpenDatabase, who: Principal, now: datetime, **changes: object) -> None:
    """Their row, as an auditor's."""
    person = a_person(now, who.identity, employee=who.employee, roles=frozenset({Role.AUDITOR}))
    await database.write(lambda tx: tx.persons.save(replace(person, **changes)))  # type: ignore[arg-type]  # named by the test


async def reviewed(database: OpenDatabase, use: Use, who: Principal, now: datetime) -> bool:
    if await database.read(lambda tx: tx.persons.find(who.identity)) is None:
        await known(database, who, now)
    _, done = await database.write(
        lambda tx: break_glass.review(tx, use.id, who, Finding.FINE, "seen with the manager", scribe(now))
    )
    return done


async def refused(database: OpenDatabase, use: Use, who: Principal, now: datetime) -> str:
    with pytest.raises(DoorwardError) as told:
        await reviewed(database, use, who, now)
    return told.value.code


async def closed(database: OpenDatabase, who: Principal, now: datetime) -> bool:
    try:
        await database.read(lambda tx: break_glass.check(tx, who, now))
    except DoorwardError as told:
        return told.code == "break_glass.unreviewed"
    return False


async def test_it_waits_for_two_others_however_many_accounts_they_have(database: OpenDatabase, now: datetime) -> None:
    use = await used(database, RAJ, now)
    for own in (RAJ, RAJS_OTHER, NOBODY):
        assert await refused(database, use, own, now) == "break_glass.own"
    assert not await reviewed(database, use, ADA, now)
    for again in (ADA, ADAS_OTHER):
        assert await refused(database, use, again, now) == "break_glass.twice"
    assert [one.id for one in await database.read(lambda tx: tx.break_glass.unreviewed())] == [use.id]
    assert await reviewed(database, use, SUE, now)
    assert await database.read(lambda tx: tx.break_glass.unreviewed()) == []
    with pytest.raises(NotFound):
        await reviewed(database, use, somebody("mia", "E-mia"), now)


async def test_who_it_was_done_for_is_none_of_the_two(database: OpenDatabase, now: datetime) -> None:
    use = await used(database, RAJ, now, owner="E-ada")
    for who in (ADA, ADAS_OTHER):
        assert await refused(database, use, who, now) == "break_glass.for_you"
    assert not await reviewed(database, use, SUE, now)
    assert await reviewed(database, use, somebody("mia", "E-mia"), now)


@pytest.mark.parametrize(
    "since",
    [{"locked": True}, {"roles": frozenset({Role.EMPLOYEE})}, {"employee": Employee("E-other")}, {"employee": None}],
)
async def test_what_a_reviewer_said_who_was_locked_or_left_the_role_since_counts_no_longer(
    database: OpenDatabase, now: datetime, since: dict[str, object]
) -> None:
    use = await used(database, RAJ, now)
    assert not await reviewed(database, use, ADA, now)
    await database.write(
        lambda tx: tx.persons.save(replace(tx.persons.find(ADA.identity), **since))  # type: ignore[type-var, arg-type]  # saved above
    )
    assert not await reviewed(database, use, SUE, now), "one alone"
    assert [one.id for one in await database.read(lambda tx: tx.break_glass.unreviewed())] == [use.id]
    assert await reviewed(database, use, somebody("mia", "E-mia"), now)


async def test_what_a_reviewer_said_who_left_elsewhere_counts_no_longer(database: OpenDatabase, now: datetime) -> None:
    use = await used(database, RAJ, now)
    assert not await reviewed(database, use, ADA, now)
    await known(database, SUE, now)
    _, done = await database.write(
        lambda tx: break_glass.review(
            tx, use.id, SUE, Finding.FINE, "seen", scribe(now), gone=frozenset({ADA.identity.key})
        )
    )
    assert not done, "Ada's row says nothing of it yet"
    assert await reviewed(database, use, somebody("mia", "E-mia"), now)


async def test_what_a_reviewer_said_whose_row_was_deleted_counts_no_longer(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    use = await used(database, RAJ, now)
    assert not await reviewed(database, use, ADA, now)
    await known(database, SUE, now)
    await by_hand(database_url, f"DELETE FROM persons WHERE identity = '{ADA.identity.key}'")  # noqa: S608
    assert not await reviewed(database, use, SUE, now), "one alone"
    with pytest.raises(IntegrityAlarm):
        await known(database, ADA, now)  # a row that was there before comes not back by a sign-in
    assert [one.id for one in await database.read(lambda tx: tx.break_glass.unreviewed())] == [use.id]
    assert await reviewed(database, use, somebody("mia", "E-mia"), now)


async def test_the_alarm_and_the_row_stand_in_the_log(database: OpenDatabase, now: datetime) -> None:
    use = await used(database, RAJ, now)
    (record,) = await database.read(lambda tx: list(tx.audit.search(type_prefix="break_glass", limit=5)))
    assert (record.event.decision, record.event.resource, record.event.code) == ("alarm", "Leave::71", use.id)
    assert record.state[f"break_glass {use.id}"], "a deleted row contradicts the log"


async def test_without_a_reason_or_with_a_code_nothing_is_broken(database: OpenDatabase, now: datetime) -> None:
    for proof, reason in ((a_touch(now), "  "), (a_touch(now, phishing_resistant=False), "nobody else"), (None, "so")):
        with pytest.raises(NotAllowed):
            await database.write(
                lambda tx, p=proof, r=reason: break_glass.use(  # type: ignore[misc]  # a loop's own values
                    tx, RAJ, p, a_grant(now, r), scribe(now), owner="E-john"
                )
            )
    with pytest.raises(NotAllowed):
        await used(database, NOBODY, now)
    assert await database.read(lambda tx: tx.break_glass.unreviewed()) == []


async def test_three_unreviewed_uses_close_it_for_every_account_of_one_person(
    database: OpenDatabase, now: datetime
) -> None:
    uses = [await used(database, who, now) for who in (RAJ, RAJS_OTHER, RAJ)]
    assert [await closed(database, who, now) for who in (RAJ, RAJS_OTHER, SUE)] == [True, True, False]
    with pytest.raises(DoorwardError):
        await used(database, RAJS_OTHER, now)
    for who in (ADA, SUE):
        await reviewed(database, uses[0], who, now)
    assert not await closed(database, RAJ, now)


async def test_one_that_is_forgotten_closes_it_for_everybody(database: OpenDatabase, now: datetime) -> None:
    use = await used(database, RAJ, now)
    assert not await closed(database, SUE, now + WEEK)
    late = now + WEEK + timedelta(seconds=1)
    assert await closed(database, SUE, late)
    for who in (ADA, SUE):
        await reviewed(database, use, who, late)
    assert not await closed(database, SUE, late)


@pytest.mark.parametrize("change", ["reviews = '[]'", "employee = 'E-x'", "used_at = used_at + 1", "reason = 'x'"])
async def test_whoever_edits_a_row_closes_it_for_everybody(
    database: OpenDatabase, database_url: str, now: datetime, change: str
) -> None:
    await database.write(lambda tx: tx.break_glass.insert(a_use(now)))
    await by_hand(database_url, f"UPDATE break_glass SET {change}")  # noqa: S608
    with pytest.raises(IntegrityAlarm):
        await database.read(lambda tx: break_glass.check(tx, SUE, now))
    with pytest.raises(IntegrityAlarm):
        await database.write(
            lambda tx: break_glass.use(tx, SUE, a_touch(now), a_grant(now), scribe(now), owner="E-john")
        )
