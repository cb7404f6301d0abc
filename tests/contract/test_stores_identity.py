"""Links, persons, roles, sessions of chats and browsers, and token caches."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.audit import EventType
from bot.domain.identity import Issuer, LinkedIdentity, Platform, Role
from bot.domain.session import BrowserSession, SessionLimits, SessionState, Standing, Whose
from bot.errors import AlreadyLinked, IntegrityAlarm, Stale
from bot.ports.database import Transaction
from tests.contract.stores import (
    JOHN,
    JOHNS_CHAT,
    LIMITS,
    MIA,
    MIAS_CHAT,
    OpenDatabase,
    a_link,
    a_person,
    a_role,
    a_session,
    an_event,
    by_hand,
    each,
    sign_in,
)

SECOND = timedelta(seconds=1)


async def use(database: OpenDatabase, at: datetime, limits: SessionLimits = LIMITS) -> Standing:
    return await database.write(lambda tx: tx.sessions.use(JOHNS_CHAT, now=at, limits=limits))


async def test_a_link_is_made_once_and_never_replaced(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.links.insert(a_link(now)))
    with pytest.raises(AlreadyLinked):
        await database.write(lambda tx: tx.links.insert(a_link(now, identity=MIA)))
    await database.write(lambda tx: tx.links.insert(a_link(now + SECOND, channel=MIAS_CHAT)))
    assert await database.read(lambda tx: tx.links.find(JOHNS_CHAT)) == a_link(now)
    links = await database.read(lambda tx: tx.links.of_identity(JOHN))
    assert links == [a_link(now), a_link(now + SECOND, channel=MIAS_CHAT)]


async def test_a_removed_link_is_gone(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.links.insert(a_link(now)))
    assert await database.write(lambda tx: tx.links.remove(JOHNS_CHAT))
    assert not await database.write(lambda tx: tx.links.remove(JOHNS_CHAT))
    assert await database.read(lambda tx: tx.links.find(JOHNS_CHAT)) is None


async def test_keys_that_could_be_confused_are_refused(database: OpenDatabase, now: datetime) -> None:
    with pytest.raises(ValueError, match="colon"):
        await database.write(lambda tx: tx.links.insert(a_link(now, replace(JOHNS_CHAT, tenant="T:1"))))
    with pytest.raises(ValueError, match="fragment"):
        await database.write(
            lambda tx: tx.links.insert(a_link(now, identity=replace(JOHN, issuer=Issuer("https://x/#y"))))
        )


async def test_a_person_comes_back_as_saved(database: OpenDatabase, now: datetime) -> None:
    full = a_person(now, email="j@example.org", locked=True, lock_reason="left", locale="de", timezone="Europe/Berlin")
    full = replace(full, groups=frozenset({"crew", "administrator"}))
    stored = await database.write(lambda tx: tx.persons.save(full))
    assert stored == replace(full, version=1)
    assert await database.read(lambda tx: tx.persons.find(JOHN)) == stored
    bare = await database.write(lambda tx: tx.persons.save(a_person(now, MIA, manager=None, employee=None)))
    assert await database.write(lambda tx: tx.persons.find(MIA)) == bare


async def test_saving_a_person_compares_versions(database: OpenDatabase, now: datetime) -> None:
    first = await database.write(lambda tx: tx.persons.save(a_person(now)))
    second = await database.write(lambda tx: tx.persons.save(replace(first, department="support")))
    assert (second.version, second.department) == (2, "support")
    with pytest.raises(Stale):
        await database.write(lambda tx: tx.persons.save(replace(first, locked=False)))
    with pytest.raises(Stale):
        await database.write(lambda tx: tx.persons.save(a_person(now, MIA, version=3)))


async def test_a_lock_survives_an_insert_race(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now, locked=True, lock_reason="lost phone")))
    again = await database.write(lambda tx: tx.persons.save(a_person(now, display_name="New")))
    assert (again.locked, again.lock_reason, again.display_name, again.version) == (True, "lost phone", "New", 2)


async def test_people_are_found_by_number_name_and_role(database: OpenDatabase, now: datetime) -> None:
    john = await database.write(lambda tx: tx.persons.save(a_person(now)))
    mia = await database.write(
        lambda tx: tx.persons.save(a_person(now, MIA, roles=frozenset({Role.EMPLOYEE, Role.LINE_MANAGER})))
    )
    await database.write(lambda tx: tx.roles.insert(a_role(now)))

    assert await database.read(lambda tx: tx.persons.by_employee("E-john")) == john
    assert await database.read(lambda tx: tx.persons.by_username("mia")) == mia
    assert await database.read(lambda tx: tx.persons.by_username("nobody")) is None
    assert await database.read(lambda tx: tx.persons.with_role("line_manager")) == [mia]
    assert await database.read(lambda tx: tx.persons.with_role("hr_manager")) == [john]
    assert await database.read(lambda tx: tx.persons.with_role("employee")) == [john, mia]
    assert await database.read(lambda tx: tx.persons.with_role("manager")) == []


async def test_two_people_of_one_name_are_nobody(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now)))
    await database.write(lambda tx: tx.persons.save(a_person(now, MIA, username="john", employee="E-john")))
    assert await database.read(lambda tx: tx.persons.by_username("john")) is None
    assert await database.read(lambda tx: tx.persons.by_employee("E-john")) is None


async def test_a_user_name_is_found_in_capitals_or_not(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now, username="John.Doe@Corp.example")))
    await database.write(lambda tx: tx.persons.save(a_person(now, MIA, username="JÖRG")))

    async def found(typed: str) -> list[LinkedIdentity]:
        return [one.identity for one in await database.read(lambda tx: tx.persons.called(typed))]

    for typed in ("john.doe@corp.EXAMPLE", "John.Doe@Corp.example"):
        assert await found(typed) == [JOHN]
    for typed in ("jörg", "JÖRG", "Jörg"):
        assert await found(typed) == [MIA]
    await database.write(lambda tx: tx.persons.save(a_person(now, MIA, username="john.doe@corp.example")))
    assert await found("JOHN.DOE@corp.example") == [JOHN, MIA]
    assert await database.read(lambda tx: tx.persons.by_username("john.doe@corp.example")) is None
    assert await found("%") == []


async def test_roles_are_given_and_taken(database: OpenDatabase, now: datetime) -> None:
    temporary, lasting = a_role(now), a_role(now + SECOND, id="role-2", role=Role.AUDITOR, scope="*", until=None)
    await database.write(lambda tx: tx.roles.insert(temporary))
    await database.write(lambda tx: tx.roles.insert(lasting))
    assert await database.read(lambda tx: tx.roles.of_identity(JOHN)) == [temporary, lasting]
    assert await database.read(lambda tx: tx.roles.of_identity(MIA)) == []
    assert await database.write(lambda tx: tx.roles.remove("role-1"))
    assert not await database.write(lambda tx: tx.roles.remove("role-1"))
    assert await database.read(lambda tx: tx.roles.everyone()) == [lasting]
    with pytest.raises(Stale):
        await database.write(lambda tx: tx.roles.insert(lasting))


async def test_a_standing_has_everything_about_who_sent_a_message(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: tx.roles.insert(a_role(now)))
    standing = await use(database, now + SECOND)
    assert standing.state is SessionState.ALIVE
    assert standing.person == a_person(now, version=1)
    assert standing.grants == (a_role(now),)
    assert standing.session is not None
    assert standing.session == replace(a_session(now), id=standing.session.id)
    assert standing.link_version > 0
    reading = await database.read(lambda tx: tx.sessions.use(JOHNS_CHAT, now=now + SECOND, limits=LIMITS))
    assert reading == standing


async def test_a_standing_says_what_is_missing(database: OpenDatabase, now: datetime) -> None:
    assert await use(database, now) == Standing(state=SessionState.NOT_LINKED)
    await database.write(lambda tx: sign_in(tx, now))
    assert await database.write(lambda tx: tx.sessions.end(JOHNS_CHAT))
    standing = await use(database, now)
    assert (standing.state, standing.session, standing.grants) == (SessionState.NO_SESSION, None, ())
    assert standing.person is not None
    await database.write(lambda tx: tx.links.remove(JOHNS_CHAT))
    assert (await use(database, now)).state is SessionState.NOT_LINKED


@pytest.mark.requirement("41")
async def test_the_idle_limit_holds_at_use_without_a_sweep(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    late = await use(database, now + LIMITS.idle + SECOND)
    assert (late.state, late.session, late.grants) == (SessionState.IDLE, None, ())
    at_the_limit = await use(database, now + LIMITS.idle)
    assert at_the_limit.state is SessionState.IDLE
    assert (await use(database, now + LIMITS.idle - SECOND)).state is SessionState.ALIVE


@pytest.mark.requirement("42", "43")
async def test_activity_moves_the_idle_limit_and_never_the_absolute_one(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    at = now
    while at < now + LIMITS.absolute - timedelta(minutes=50):
        at += timedelta(minutes=50)
        assert (await use(database, at)).state is SessionState.ALIVE
    assert (await use(database, now + LIMITS.absolute - SECOND)).state is SessionState.ALIVE
    assert (await use(database, now + LIMITS.absolute)).state is SessionState.EXPIRED
    assert (await use(database, now + LIMITS.absolute + SECOND)).state is SessionState.EXPIRED


async def test_use_is_written_down_once_a_minute(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    versions = []
    for seconds in (0, 59, 60, 61, 119, 120):
        standing = await use(database, now + timedelta(seconds=seconds))
        assert standing.session is not None
        versions.append((standing.session.last_used_at - now).seconds)
    assert versions == [0, 0, 60, 60, 60, 120]
    assert await by_hand(database_url, "SELECT version FROM sessions") == [(3,)]


async def test_looking_is_not_using(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    for _ in range(2):
        await database.read(lambda tx: tx.sessions.use(JOHNS_CHAT, now=now + timedelta(minutes=59), limits=LIMITS))
    assert (await use(database, now + LIMITS.idle)).state is SessionState.IDLE


@pytest.mark.requirement("43")
async def test_a_new_session_takes_the_place_of_the_old_one(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    before = await use(database, now)
    later = now + timedelta(hours=2)
    await database.write(lambda tx: tx.sessions.open(a_session(later, id="another-secret-id")))
    after = await use(database, later)
    assert before.session is not None
    assert after.session is not None
    assert after.session.id != before.session.id
    assert after.session.absolute_until == later + LIMITS.absolute
    assert len(await database.read(lambda tx: tx.sessions.of_identity(JOHN))) == 1


@pytest.mark.requirement("44")
async def test_session_ids_are_stored_hashed(database: OpenDatabase, database_url: str, now: datetime) -> None:
    browser = BrowserSession(id="secret-browser-id", identity=JOHN, opened_at=now, until=now + LIMITS.idle)
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: tx.browsers.open(browser))
    dump = await by_hand(database_url, "SELECT * FROM sessions") + await by_hand(
        database_url, "SELECT * FROM browser_sessions"
    )
    assert "secret" not in str(dump)
    (stored,) = await by_hand(database_url, "SELECT id FROM browser_sessions")
    assert await database.read(lambda tx: tx.browsers.find(stored[0], now)) is None
    assert await database.read(lambda tx: tx.browsers.find("secret-browser-id", now)) == browser


@pytest.mark.requirement("45")
async def test_a_revocation_is_seen_by_every_replica_at_once(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: tx.roles.insert(a_role(now)))
    assert (await use(replica, now)).grants == (a_role(now),)
    await database.write(lambda tx: tx.roles.remove("role-1"))
    assert (await use(replica, now)).grants == ()
    person = await database.read(lambda tx: tx.persons.find(JOHN))
    assert person is not None
    await database.write(lambda tx: tx.persons.save(replace(person, locked=True)))
    standing = await use(replica, now)
    assert standing.person is not None
    assert standing.person.locked
    await database.write(lambda tx: tx.sessions.end_all(JOHN))
    assert (await use(replica, now)).state is SessionState.NO_SESSION


async def test_many_messages_at_once_are_one_touch(
    database: OpenDatabase, replica: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    later = now + timedelta(seconds=61)
    standings = await asyncio.gather(*(use((database, replica)[n % 2], later) for n in range(30)))
    assert {standing.state for standing in standings} == {SessionState.ALIVE}
    assert {standing.session and standing.session.last_used_at for standing in standings} == {later}
    assert await by_hand(database_url, "SELECT version FROM sessions") == [(2,)]


@pytest.mark.requirement("45")
async def test_nothing_is_done_after_a_revocation_that_was_decided_before_it(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    """Whoever decides on a standing holds it until the end: in the log, no effect follows the lock."""
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: tx.roles.insert(a_role(now)))

    def act(tx: Transaction) -> None:
        standing = tx.sessions.use(JOHNS_CHAT, now=now, limits=LIMITS)
        if standing.person is not None and not standing.person.locked and standing.grants:
            tx.audit.append(an_event(now, type=EventType.EFFECT_INTENDED))

    def lock(tx: Transaction) -> None:
        person = tx.persons.find(JOHN)
        assert person is not None
        tx.persons.save(replace(person, locked=True))
        tx.audit.append(an_event(now, type=EventType.PERSON_LOCKED))

    def revoke(tx: Transaction) -> None:
        tx.roles.remove("role-1")
        tx.audit.append(an_event(now, type=EventType.ROLE_REVOKED))

    work = [*[act] * 12, lock, *[act] * 12]
    await asyncio.gather(*((database, replica)[n % 2].write(job) for n, job in enumerate(work)))
    types = await database.read(lambda tx: [record.event.type for record in tx.audit.records()])
    assert EventType.PERSON_LOCKED in types
    assert types[-1] is EventType.PERSON_LOCKED

    person = await database.read(lambda tx: tx.persons.find(JOHN))
    assert person is not None
    await database.write(lambda tx: tx.persons.save(replace(person, locked=False)))
    work[12] = revoke
    await asyncio.gather(*((database, replica)[n % 2].write(job) for n, job in enumerate(work)))
    types = await database.read(lambda tx: [record.event.type for record in tx.audit.records()])
    assert types[-1] is EventType.ROLE_REVOKED


async def test_a_session_of_somebody_else_does_not_count(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: tx.sessions.open(a_session(now, identity=MIA)))
    assert (await use(database, now)).state is SessionState.NO_SESSION


async def test_a_session_goes_on_under_a_new_id_from_where_it_was_read_and_from_nowhere_else(
    database: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    (before,) = await database.read(lambda tx: tx.sessions.of_identity(JOHN))
    renewed = await database.write(lambda tx: tx.sessions.renew(before, "another-random-id"))
    assert renewed.id not in {before.id, "another-random-id"}
    assert replace(renewed, id=before.id) == before
    standing = await use(database, now)
    assert standing.session == renewed
    with pytest.raises(Stale):
        await database.write(lambda tx: tx.sessions.renew(before, "a-third"))
    await database.write(lambda tx: tx.sessions.end(JOHNS_CHAT))
    with pytest.raises(Stale):
        await database.write(lambda tx: tx.sessions.renew(renewed, "a-fourth"))


@pytest.mark.requirement("91")
async def test_deleting_a_linked_persons_row_is_an_alarm(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await by_hand(database_url, "DELETE FROM persons")
    with pytest.raises(IntegrityAlarm):
        await use(database, now)


async def test_the_sweep_ends_late_sessions_and_no_others(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: sign_in(tx, now + timedelta(minutes=30), MIAS_CHAT, MIA))
    nothing = await database.write(lambda tx: tx.sessions.sweep(now=now + LIMITS.idle - SECOND, limits=LIMITS, limit=9))
    assert list(nothing) == []
    swept = await database.write(lambda tx: tx.sessions.sweep(now=now + LIMITS.idle, limits=LIMITS, limit=9))
    assert [session.identity for session in swept] == [JOHN]
    everyone = await database.read(lambda tx: tx.sessions.everyone(9))
    assert [session.identity for session in everyone] == [MIA]


async def test_the_sweep_ends_those_in_a_role_or_on_a_platform_alone(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: sign_in(tx, now, MIAS_CHAT, MIA))
    await database.write(lambda tx: tx.roles.insert(a_role(now)))

    async def swept(whose: Whose, limits: SessionLimits, after: timedelta) -> list[str]:
        found = await database.write(lambda tx: tx.sessions.sweep(now=now + after, limits=limits, limit=9, whose=whose))
        return [session.identity.subject for session in found]

    short = SessionLimits(idle=timedelta(minutes=5), absolute=timedelta(hours=1))
    others = set(Platform) - {JOHNS_CHAT.platform, MIAS_CHAT.platform}
    assert await swept(Role.AUDITOR, short, timedelta(minutes=5)) == []
    for platform in others:
        assert await swept(platform, short, timedelta(minutes=5)) == []
    assert await swept(Role.HR_MANAGER, short, timedelta(minutes=5) - SECOND) == []
    assert await swept(Role.HR_MANAGER, short, timedelta(minutes=5)) == [JOHN.subject]
    active = SessionLimits(idle=timedelta(days=1), absolute=timedelta(minutes=5))
    assert await swept(MIAS_CHAT.platform, active, timedelta(minutes=5)) == [MIA.subject]


async def test_the_sweep_goes_in_steps(database: OpenDatabase, now: datetime) -> None:
    channels = [replace(JOHNS_CHAT, account=f"U{number}") for number in range(5)]
    await each(database, lambda tx, channel: tx.sessions.open(a_session(now, channel)), channels)
    late = now + LIMITS.absolute
    sizes = [
        len(await database.write(lambda tx: tx.sessions.sweep(now=late, limits=LIMITS, limit=2))) for _ in range(4)
    ]
    assert sizes == [2, 2, 1, 0]


async def test_all_sessions_of_a_person_end(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.sessions.open(a_session(now)))
    await database.write(lambda tx: tx.sessions.open(a_session(now + SECOND, MIAS_CHAT)))
    await database.write(lambda tx: tx.sessions.open(a_session(now, replace(MIAS_CHAT, account="x"), MIA)))
    channels = [session.channel for session in await database.read(lambda tx: tx.sessions.of_identity(JOHN))]
    assert channels == [MIAS_CHAT, JOHNS_CHAT]
    assert await database.write(lambda tx: tx.sessions.end_all(JOHN)) == 2
    assert not await database.write(lambda tx: tx.sessions.end(JOHNS_CHAT))
    assert len(await database.read(lambda tx: tx.sessions.everyone(1))) == 1


async def test_browser_sessions_live_until_their_end(database: OpenDatabase, now: datetime) -> None:
    anonymous = BrowserSession(id="b1", identity=None, opened_at=now, until=now + timedelta(minutes=10))
    proven = BrowserSession(
        id="b2", identity=JOHN, opened_at=now, until=now + timedelta(hours=1), auth_time=now, amr=("otp",)
    )
    await each(database, lambda tx, session: tx.browsers.open(session), [anonymous, proven])
    assert await database.read(lambda tx: tx.browsers.find("b1", now)) == anonymous
    assert await database.read(lambda tx: tx.browsers.find("b2", now + timedelta(minutes=59))) == proven
    assert await database.read(lambda tx: tx.browsers.find("b1", anonymous.until)) is None
    assert await database.read(lambda tx: tx.browsers.find("b3", now)) is None
    await database.write(lambda tx: tx.browsers.end("b1"))
    assert await database.read(lambda tx: tx.browsers.find("b1", now)) is None
    assert await database.write(lambda tx: tx.browsers.end_all(JOHN)) == 1
    assert await database.read(lambda tx: tx.browsers.find("b2", now)) is None


@pytest.mark.requirement("26")
async def test_token_caches_are_swapped_and_destroyed(database: OpenDatabase, database_url: str, now: datetime) -> None:
    assert await database.read(lambda tx: tx.tokens.load(JOHN)) is None
    assert await database.write(lambda tx: tx.tokens.save(JOHN, b"tokens-1", expected_version=None, now=now))
    assert await database.read(lambda tx: tx.tokens.load(JOHN)) == (b"tokens-1", 1)
    assert await database.write(lambda tx: tx.tokens.save(JOHN, b"tokens-2", expected_version=1, now=now))
    assert not await database.write(lambda tx: tx.tokens.save(JOHN, b"tokens-3", expected_version=1, now=now))
    assert await database.read(lambda tx: tx.tokens.load(JOHN)) == (b"tokens-2", 2)
    assert await database.write(lambda tx: tx.tokens.save(JOHN, b"tokens-4", expected_version=None, now=now))
    assert await database.read(lambda tx: tx.tokens.load(JOHN)) == (b"tokens-4", 3)
    (row,) = await by_hand(database_url, "SELECT * FROM token_caches")
    assert b"tokens" not in row[1]
    await database.write(lambda tx: tx.tokens.destroy(JOHN))
    assert await database.read(lambda tx: tx.tokens.load(JOHN)) is None
    assert not await database.write(lambda tx: tx.tokens.save(JOHN, b"tokens-5", expected_version=3, now=now))
