"""What the directory tells us is believed only when it is proven, once, and about its own people."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from adapters.idp.logout_token import LOGOUT_EVENT
from adapters.idp.oidc import OidcProvider
from bot.bootstrap.directories import logout_verifier
from bot.domain.identity import Person
from bot.ports.database import Transaction
from bot.services.sessions import remember_person
from bot.services.signals import DISABLES_A_MINUTE
from tests.fakes.clock import FixedClock
from tests.fakes.directory import ISSUER
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, FakeOpenIdProvider, fake_openid_provider
from tests.fakes.signals import (
    CAEP,
    OTHER_SCIM_TOKEN,
    RISC,
    SCIM_TOKEN,
    SSF_TOKEN,
    FakeTransmitter,
    fake_transmitter,
    machine,
    of,
    ways_in,
)
from tests.fakes.world import World, world

REVOKED = f"{CAEP}session-revoked"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as made:
        yield made


@pytest.fixture(scope="module")
def transmitter() -> Iterator[FakeTransmitter]:
    with fake_transmitter() as running:
        yield running


@pytest.fixture
def provider(clock: FixedClock) -> Iterator[FakeOpenIdProvider]:
    with fake_openid_provider(clock, authority=ISSUER) as running:
        yield running


async def push(
    world: World, transmitter: FakeTransmitter, token: str, *, bearer: str = SSF_TOKEN, media: str = "secevent+jwt"
) -> httpx2.Response:
    async with machine(ways_in(world, jwks_url=transmitter.jwks_url), bearer) as client:
        return await client.post("/ssf/events", content=token, headers={"Content-Type": f"application/{media}"})


async def sessions(world: World, name: str) -> int:
    return len(await world.database.read(lambda tx: tx.sessions.of_identity(world.identity(name))))


async def person(world: World, name: str) -> Person:
    found = await world.database.read(lambda tx: tx.persons.find(world.identity(name)))
    assert found is not None
    return found


async def lock(world: World, name: str, reason: str) -> None:
    def work(tx: Transaction) -> None:
        known = tx.persons.find(world.identity(name))
        assert known is not None
        tx.persons.save(replace(known, locked=True, lock_reason=reason))

    await world.database.write(work)


# Security event tokens


@pytest.mark.requirement("31")
async def test_an_honest_event_is_taken_and_ends_everything(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    answer = await push(here, transmitter, transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john"))))
    assert (answer.status_code, answer.content) == (202, b"")
    assert await sessions(here, "john") == 0
    assert await here.database.read(lambda tx: tx.tokens.load(here.identity("john"))) is None
    (record,) = await here.audit(type_prefix="signal.received")
    assert (record.event.principal, record.event.action, record.event.code, record.event.channel) == (
        here.identity("john").key,
        "session-revoked",
        "signal.end",
        "ssf:corp",
    )


def _forgeries(transmitter: FakeTransmitter, now: datetime) -> dict[str, tuple[str, str]]:
    """A token, and the word of RFC 8935 that it is refused with."""
    honest = transmitter.claims(now, REVOKED, of("john"))
    seconds = int(now.timestamp())
    sign, stranger = transmitter.sign, RSAKey.generate_key(2048, {"kid": "first"})
    header, body, signature = sign(honest).split(".")
    changed = _unsigned({}, honest | {"x": 1}).split(".")[1]
    return {
        "typed as an ID token": (sign(honest, header={"typ": "JWT"}), "invalid_request"),
        "typed as a logout token": (sign(honest, header={"typ": "logout+jwt"}), "invalid_request"),
        "not typed": (sign(honest, header={"typ": None}), "invalid_request"),
        "typed as a list": (_unsigned({"typ": ["secevent+jwt"], "alg": "RS256"}, honest), "invalid_request"),
        "signed by a stranger": (sign(honest, key=stranger), "invalid_key"),
        "with an unknown key id": (sign(honest, header={"kid": "other"}, key=stranger), "invalid_key"),
        "not signed": (_unsigned({"typ": "secevent+jwt", "alg": "none"}, honest), "invalid_key"),
        "signed with a secret": (
            jwt.encode({"typ": "secevent+jwt", "alg": "HS256"}, honest, OctKey.generate_key(256), ["HS256"]),
            "invalid_key",
        ),
        "changed after signing": (f"{header}.{changed}.{signature}", "invalid_key"),
        "without its signature": (f"{header}.{body}.", "invalid_key"),
        "of another issuer": (sign(honest | {"iss": ISSUER}), "invalid_issuer"),
        "of no issuer": (sign({k: v for k, v in honest.items() if k != "iss"}), "invalid_issuer"),
        "for somebody else": (sign(honest | {"aud": "https://elsewhere.example"}), "invalid_audience"),
        "for nobody": (sign({k: v for k, v in honest.items() if k != "aud"}), "invalid_audience"),
        "from the future": (sign(honest | {"iat": seconds + 120}), "invalid_request"),
        "eight days old": (sign(honest | {"iat": seconds - 8 * 86_400}), "invalid_request"),
        "of no time": (sign({k: v for k, v in honest.items() if k != "iat"}), "invalid_request"),
        "of an absurd time": (sign(honest | {"iat": 1e300}), "invalid_request"),
        "over": (sign(honest | {"exp": seconds - 120}), "invalid_request"),
        "without an id": (sign({k: v for k, v in honest.items() if k != "jti"}), "invalid_request"),
        "with an endless id": (sign(honest | {"jti": "x" * 300}), "invalid_request"),
        "without events": (sign({k: v for k, v in honest.items() if k != "events"}), "invalid_request"),
        "with no event": (sign(honest | {"events": {}}), "invalid_request"),
        "with events that are none": (sign(honest | {"events": {REVOKED: "now"}}), "invalid_request"),
        "no token at all": ("x", "invalid_request"),
        "nothing": ("", "invalid_request"),
        "of other letters": ("ü.ü.ü", "invalid_request"),
    }


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    from base64 import urlsafe_b64encode  # noqa: PLC0415 - only here

    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    return ".".join([*parts, ""])


@pytest.mark.requirement("31")
async def test_a_forged_event_is_refused_in_the_standards_words(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    for name, (token, err) in _forgeries(transmitter, here.clock.now()).items():
        answer = await push(here, transmitter, token)
        assert (answer.status_code, answer.json()["err"]) == (400, err), name
        assert answer.headers["content-type"] == "application/json", name
    assert await sessions(here, "john") == 1
    assert not await here.audit(type_prefix="signal.")
    assert await here.audit(type_prefix="ingress.rejected")


async def test_an_elliptic_key_is_as_good_and_a_new_key_is_fetched(here: World, transmitter: FakeTransmitter) -> None:
    transmitter.keys["curve"] = ECKey.generate_key("P-256", {"kid": "curve"})
    await here.sign_in("john")
    claims = transmitter.claims(here.clock.now(), REVOKED, of("john"))
    token = transmitter.sign(claims, header={"alg": "ES256", "kid": "curve"})
    assert (await push(here, transmitter, token)).status_code == 202
    assert await sessions(here, "john") == 0


async def test_keys_that_cannot_be_had_mean_that_it_has_to_be_sent_again(
    here: World, transmitter: FakeTransmitter
) -> None:
    await here.sign_in("john")
    token = transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john")))
    transmitter.away = True
    assert (await push(here, transmitter, token)).status_code == 503
    transmitter.away = False
    assert await sessions(here, "john") == 1
    assert (await push(here, transmitter, token)).status_code == 202
    assert await sessions(here, "john") == 0


@pytest.mark.parametrize("bearer", ["", "wrong", SCIM_TOKEN])
async def test_only_the_transmitters_own_credential_opens_its_way_in(
    here: World, transmitter: FakeTransmitter, bearer: str
) -> None:
    await here.sign_in("john")
    token = transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john")))
    asked = transmitter.asked
    answer = await push(here, transmitter, token, bearer=bearer)
    assert (answer.status_code, answer.json()["err"]) == (401, "authentication_failed")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert transmitter.asked == asked
    assert await sessions(here, "john") == 1


async def test_a_body_of_another_kind_or_size_is_refused(here: World, transmitter: FakeTransmitter) -> None:
    token = transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john")))
    assert (await push(here, transmitter, token, media="json")).status_code == 400
    assert (await push(here, transmitter, "x" * 70_000)).status_code == 413


@pytest.mark.requirement("31")
async def test_an_id_counts_once_and_is_acknowledged_again(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    token = transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john")))
    assert (await push(here, transmitter, token)).status_code == 202
    await here.sign_in("john")
    assert (await push(here, transmitter, token)).status_code == 202
    assert await sessions(here, "john") == 1
    assert len(await here.audit(type_prefix="signal.received")) == 1


@pytest.mark.parametrize(
    "subject",
    [
        of("john", issuer="https://other.example"),
        {"format": "email", "email": "john@corp.example"},
        {"format": "opaque", "id": "john"},
        {"format": "account", "uri": "acct:john@corp.example"},
        {"format": "iss_sub", "iss": ISSUER, "sub": ["john"]},
        {"format": "iss_sub", "iss": ISSUER},
        {"format": "aliases", "identifiers": [{"format": "email", "email": "john@corp.example"}]},
        "john",
        None,
    ],
)
async def test_nobody_is_found_by_anything_but_issuer_and_subject(
    here: World, transmitter: FakeTransmitter, subject: object
) -> None:
    await here.sign_in("john")
    token = transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, subject))
    assert (await push(here, transmitter, token)).status_code == 202
    assert await sessions(here, "john") == 1
    (record,) = await here.audit(type_prefix="signal.received")
    assert (record.event.principal, record.event.code) == ("", "signal.nobody")


@pytest.mark.parametrize(
    "changes",
    [
        {"events": {REVOKED: {"subject": {"format": "complex", "user": of("john")}}}},
        {"events": {REVOKED: {}}, "sub_id": of("john")},
        {"events": {REVOKED: {"subject": {"subject_type": "iss-sub", "iss": ISSUER, "sub": "john"}}}},
        {"events": {REVOKED: {}}, "sub_id": {"format": "aliases", "identifiers": [{"format": "email"}, of("john")]}},
    ],
)
async def test_a_subject_is_found_in_every_form_that_has_issuer_and_subject(
    here: World, transmitter: FakeTransmitter, changes: dict[str, Any]
) -> None:
    await here.sign_in("john")
    token = transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, None, **changes))
    assert (await push(here, transmitter, token)).status_code == 202
    assert await sessions(here, "john") == 0


async def test_an_event_of_somebody_unknown_does_not_keep_them_from_coming_later(
    here: World, transmitter: FakeTransmitter
) -> None:
    await push(here, transmitter, transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john"))))
    await here.sign_in("john")
    assert "14 days" in await here.say("john", "balance")


# What signals may do


@pytest.mark.requirement("31")
async def test_enabled_never_lifts_an_administrators_lock(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    await lock(here, "john", "left")
    for event in ("account-disabled", "account-enabled"):
        token = transmitter.sign(transmitter.claims(here.clock.now(), f"{RISC}{event}", of("john")))
        assert (await push(here, transmitter, token)).status_code == 202
    now = await person(here, "john")
    assert (now.locked, now.lock_reason) == (True, "left")


async def test_what_one_source_locked_no_other_unlocks(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "john", "externalId": "john"}
        assert (await client.post("/scim/v2/Users", json=user | {"active": False})).status_code == 201
    assert (await person(here, "john")).locked
    token = transmitter.sign(transmitter.claims(here.clock.now(), f"{RISC}account-enabled", of("john")))
    assert (await push(here, transmitter, token)).status_code == 202
    assert (await person(here, "john")).locked


async def test_its_own_lock_is_lifted_and_nothing_else_comes_back(here: World, transmitter: FakeTransmitter) -> None:
    await here.sign_in("john")
    for event in ("account-disabled", "account-enabled"):
        token = transmitter.sign(transmitter.claims(here.clock.now(), f"{RISC}{event}", of("john")))
        await push(here, transmitter, token)
    assert not (await person(here, "john")).locked
    assert await sessions(here, "john") == 0
    assert [record.event.type.value for record in await here.audit(type_prefix="person.")] == [
        "person.unlocked",
        "person.locked",
    ]


async def test_many_disabled_at_once_alarm_somebody_and_delete_nothing(
    here: World, transmitter: FakeTransmitter
) -> None:
    names = [f"person-{number}" for number in range(DISABLES_A_MINUTE + 3)]
    await here.sign_in("john")
    signed, now = here.directory.sign_in("john"), here.clock.now()

    def work(tx: Transaction) -> None:
        for name in names:
            remember_person(tx, "test", replace(signed.claims, subject=name, username=name), now)

    await here.database.write(work)
    links = len(await here.database.read(lambda tx: tx.links.everyone(99)))
    for name in [*names, "john"]:
        token = transmitter.sign(transmitter.claims(now, f"{RISC}account-purged", of(name)))
        assert (await push(here, transmitter, token)).status_code == 202
    (alarm,) = await here.audit(type_prefix="signal.alarm")
    assert alarm.event.code == "signal.mass_disable"
    assert await sessions(here, "john") == 0
    assert len(await here.database.read(lambda tx: tx.links.everyone(99))) == links
    assert all([(await person(here, name)).locked for name in names])


@pytest.mark.requirement("31", "91")
async def test_forged_rows_do_not_keep_a_session_alive(
    here: World, transmitter: FakeTransmitter, tmp_path: Path
) -> None:
    """A database administrator alters the person, and adds a link and a proposal, hoping that the ending breaks."""
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    with closing(sqlite3.connect(tmp_path / "world.db")) as raw, raw:
        raw.execute("UPDATE persons SET roles = '[\"administrator\"]'")
        raw.execute("UPDATE proposals SET digest = 'x'")
        raw.execute("INSERT INTO links SELECT 'slack:T1:U1', identity, provider, 0, 0, mac_key, mac FROM links")
    token = transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john")))
    assert (await push(here, transmitter, token)).status_code == 202
    assert await sessions(here, "john") == 0
    assert await here.audit(type_prefix="integrity.alarm")


# Logout tokens


@asynccontextmanager
async def logging_out(world: World, provider: FakeOpenIdProvider) -> AsyncIterator[httpx2.AsyncClient]:
    oidc = OidcProvider(
        name="corp",
        kind="oidc",
        authority=provider.authority,
        transport_url=provider.transport_url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )
    try:
        async with machine(ways_in(world, verify=logout_verifier({"corp": oidc}))) as client:
            yield client
    finally:
        await oidc.close()


def logout_claims(now: datetime, **changes: Any) -> dict[str, Any]:
    seconds = int(now.timestamp())
    known = {
        "iss": ISSUER,
        "sub": "john",
        "aud": CLIENT_ID,
        "iat": seconds,
        "exp": seconds + 120,
        "jti": "logout-1",
        "events": {LOGOUT_EVENT: {}},
    }
    return {name: value for name, value in (known | changes).items() if value is not None}


def logout_token(provider: FakeOpenIdProvider, claims: dict[str, Any], **header: Any) -> str:
    headers = {"typ": "logout+jwt", "alg": "RS256", "kid": "first"} | header
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(headers, claims, provider.keys["first"], ["RS256"])


@pytest.mark.requirement("31")
async def test_a_logout_token_ends_everything_once(here: World, provider: FakeOpenIdProvider) -> None:
    await here.sign_in("john")
    token = logout_token(provider, logout_claims(here.clock.now()))
    async with logging_out(here, provider) as client:
        answer = await client.post("/oidc/backchannel-logout", data={"logout_token": token})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert await sessions(here, "john") == 0
        await here.sign_in("john")
        again = await client.post("/oidc/backchannel-logout", data={"logout_token": token})
        assert (again.status_code, again.headers["cache-control"]) == (400, "no-store")
    assert await sessions(here, "john") == 1


async def test_a_logout_token_may_name_the_providers_session_alone(here: World, provider: FakeOpenIdProvider) -> None:
    await here.sign_in("john")
    claims = replace(here.directory.claims("john"), session="their-session")
    await here.database.write(lambda tx: remember_person(tx, "test", claims, here.clock.now()))
    async with logging_out(here, provider) as client:
        unknown = logout_token(provider, logout_claims(here.clock.now(), sub=None, sid="another", jti="logout-0"))
        assert (await client.post("/oidc/backchannel-logout", data={"logout_token": unknown})).status_code == 200
        assert await sessions(here, "john") == 1
        token = logout_token(provider, logout_claims(here.clock.now(), sub=None, sid="their-session"))
        assert (await client.post("/oidc/backchannel-logout", data={"logout_token": token})).status_code == 200
    assert await sessions(here, "john") == 0


@pytest.mark.requirement("31")
@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({}, {"typ": "JWT"}),
        ({}, {"typ": None}),
        ({}, {"typ": "secevent+jwt"}),
        ({"nonce": "n"}, {}),
        ({"events": None}, {}),
        ({"events": {}}, {}),
        ({"events": {LOGOUT_EVENT: None}}, {}),
        ({"sub": None}, {}),
        ({"sub": 7}, {}),
        ({"iss": "https://other.example"}, {}),
        ({"aud": "another client"}, {}),
        ({"jti": None}, {}),
        ({"exp": None}, {}),
        ({"exp": 1}, {}),
        ({"iat": None}, {}),
        ({"iat": 4_000_000_000}, {}),
        ({"iat": 1}, {}),
    ],
)
async def test_a_bad_logout_token_is_refused(
    here: World, provider: FakeOpenIdProvider, changes: dict[str, Any], header: dict[str, Any]
) -> None:
    await here.sign_in("john")
    now = here.clock.now()
    claims = {name: value for name, value in (logout_claims(now) | changes).items() if value is not None}
    async with logging_out(here, provider) as client:
        token = logout_token(provider, claims, **header)
        answer = await client.post("/oidc/backchannel-logout", data={"logout_token": token})
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert token not in answer.text
    assert await sessions(here, "john") == 1


async def test_what_is_no_logout_request_is_refused(here: World, provider: FakeOpenIdProvider) -> None:
    now = here.clock.now()
    token = logout_token(provider, logout_claims(now))
    stranger = jwt.encode(
        {"typ": "logout+jwt", "alg": "RS256", "kid": "first"},
        logout_claims(now),
        RSAKey.generate_key(2048, {"kid": "first"}),
        ["RS256"],
    )
    async with logging_out(here, provider) as client:
        for body, headers in (
            (f"logout_token={token}&logout_token={token}", FORM),
            ("logout_token=", FORM),
            ("", FORM),
            (f"logout_token={stranger}", FORM),
            (f"logout_token={token}", {"Content-Type": "text/plain"}),
            (json.dumps({"logout_token": token}), {"Content-Type": "application/json"}),
        ):
            answer = await client.post("/oidc/backchannel-logout", content=body, headers=headers)
            assert answer.status_code == 400, body[:40]
        assert (await client.get("/oidc/backchannel-logout")).status_code == 405


async def test_a_provider_that_is_away_means_that_it_has_to_be_sent_again(
    here: World, provider: FakeOpenIdProvider
) -> None:
    await here.sign_in("john")
    token = logout_token(provider, logout_claims(here.clock.now()))
    provider.manners.garbage = True
    async with logging_out(here, provider) as client:
        assert (await client.post("/oidc/backchannel-logout", data={"logout_token": token})).status_code == 503
        provider.manners.garbage = False
        assert (await client.post("/oidc/backchannel-logout", data={"logout_token": token})).status_code == 200
    assert await sessions(here, "john") == 0


# SCIM


@pytest.mark.parametrize("bearer", ["", "wrong", SSF_TOKEN])
async def test_scim_answers_nobody_without_a_credential(here: World, bearer: str) -> None:
    async with machine(ways_in(here), bearer) as client:
        for path in ("Users", "Groups", "Schemas", "ServiceProviderConfig", "nothing"):
            answer = await client.get(f"/scim/v2/{path}")
            assert (answer.status_code, answer.json()["status"]) == (401, "401"), path


async def test_one_companys_client_sees_and_touches_nothing_of_anothers(here: World) -> None:
    await here.sign_in("john")
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "john", "externalId": "john"}
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        made = (await client.post("/scim/v2/Users", json=user)).json()
    async with machine(ways_in(here), OTHER_SCIM_TOKEN) as client:
        place = f"/scim/v2/Users/{made['id']}"
        assert (await client.get(place)).status_code == 404
        assert (await client.delete(place)).status_code == 404
        assert (await client.get("/scim/v2/Users")).json()["totalResults"] == 0
        # The same subject under another issuer is another person.
        assert (await client.post("/scim/v2/Users", json=user | {"active": False})).status_code == 201
    assert await sessions(here, "john") == 1
    assert not (await person(here, "john")).locked


async def test_scim_gives_no_role_and_no_attribute(here: World) -> None:
    await here.sign_in("john")
    before = await person(here, "john")
    user = {
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "userName": "john",
        "externalId": "john",
        "roles": [{"value": "administrator"}],
        "entitlements": [{"value": "hr_manager"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "Everywhere",
            "employeeNumber": "E-mia",
            "manager": {"value": "john"},
        },
    }
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        made = (await client.post("/scim/v2/Users", json=user)).json()
        group = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "administrator",
            "members": [{"value": made["id"]}],
        }
        assert (await client.post("/scim/v2/Groups", json=group)).status_code == 201
    after = await person(here, "john")
    assert (after.roles, after.department, after.employee, after.manager) == (
        before.roles,
        before.department,
        before.employee,
        before.manager,
    )
    assert not await here.database.read(lambda tx: tx.roles.of_identity(here.identity("john")))


async def test_a_password_is_not_kept(here: World) -> None:
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "john", "password": "hunter2hunter2"}
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        made = await client.post("/scim/v2/Users", json=user)
    assert made.status_code == 201
    (kept,) = await here.database.read(_users)
    assert "hunter2" not in kept
    assert "hunter2" not in made.text


def _users(tx: Transaction) -> list[str]:
    from bot.ports.provisioning import ProvisionedKind  # noqa: PLC0415 - only here

    return [one.document for one in tx.provisioned.listed("scim:corp", ProvisionedKind.USER)]


@pytest.mark.requirement("31")
async def test_somebody_deleted_before_ever_coming_is_locked_from_the_start(here: World) -> None:
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "john", "externalId": "john"}
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        made = (await client.post("/scim/v2/Users", json=user)).json()
        assert (await client.delete(f"/scim/v2/Users/{made['id']}")).status_code == 204
    await here.sign_in("john")
    assert (await person(here, "john")).locked
    assert "14 days" not in await here.say("john", "balance")


async def test_what_is_no_scim_is_refused_in_its_own_form(here: World) -> None:
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        scim = {"Content-Type": "application/scim+json"}
        for body, headers, status in (
            ("{", scim, 400),
            ("[" * 100_000, scim, 400),
            ("[]", scim, 400),
            ("{}", {"Content-Type": "text/plain"}, 400),
            ("x" * 600_000, scim, 413),
        ):
            answer = await client.post("/scim/v2/Users", content=body, headers=headers)
            assert (answer.status_code, answer.json()["schemas"]) == (
                status,
                ["urn:ietf:params:scim:api:messages:2.0:Error"],
            ), body[:20]
        for query in ("filter=userName", "filter=nothing eq 1", "startIndex=x", "filter=" + "(" * 2000):
            assert (await client.get(f"/scim/v2/Users?{query}")).status_code == 400, query[:30]


async def test_days_of_remembered_ids_are_swept(here: World, transmitter: FakeTransmitter) -> None:
    await push(here, transmitter, transmitter.sign(transmitter.claims(here.clock.now(), REVOKED, of("john"))))
    assert await here.database.write(lambda tx: tx.signals.sweep(here.clock.now())) == 0
    here.clock.advance(timedelta(days=15))
    assert await here.database.write(lambda tx: tx.signals.sweep(here.clock.now())) == 1
