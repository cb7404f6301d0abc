"""Attacks on the way in from Teams: each ends in a 4xx, runs nothing, reaches nobody and is noted."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from joserfc import jwt

from bot.domain.secret import Secret
from bot.errors import Misconfigured
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import TeamsSide, config, teams_side
from tests.fakes.teams_server import (
    APP_ID,
    BOT,
    FOREIGN_TENANT,
    GUEST,
    JOHN,
    MIA,
    Activity,
    FakeTeams,
    Person,
    rsa_key,
)

JSON = "application/json"


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[TeamsSide]:
    async with teams_side(clock) as running:
        yield running


def honest(side: TeamsSide) -> bytes:
    return json.dumps(side.teams.typed(JOHN, side.teams.personal(JOHN), "hello")).encode()


def signed(side: TeamsSide, header: dict[str, Any], key_id: str = "first", **claims: Any) -> str:
    plain = {"alg": "RS256", "kid": "first", "typ": "JWT"}
    return jwt.encode(plain | header, side.teams.claims(**claims), rsa_key(key_id))


def unsigned(side: TeamsSide) -> str:
    return f"{_start(side, 'none')}."


def confused(side: TeamsSide) -> str:
    start = _start(side, "HS256")
    return f"{start}.{_encoded(hmac.digest(rsa_key('first').as_pem(private=False), start.encode(), 'sha256'))}"


def _start(side: TeamsSide, algorithm: str) -> str:
    parts = ({"alg": algorithm, "kid": "first", "typ": "JWT"}, side.teams.claims())
    return ".".join(_encoded(json.dumps(part).encode()) for part in parts)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def with_own_key(side: TeamsSide) -> str:
    public = rsa_key("attacker").as_dict(private=False)
    return signed(side, {"jwk": public, "kid": "first"}, "attacker")


def pointing_elsewhere(side: TeamsSide) -> str:
    return signed(side, {"jku": f"{side.teams.url}/v1/.well-known/keys"})


def with_a_bit_flipped(side: TeamsSide) -> str:
    head, claims, signature = side.teams.token().split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[40] ^= 1
    return f"{head}.{claims}.{_encoded(bytes(raw))}"


def with_other_claims(side: TeamsSide) -> str:
    head, _, signature = side.teams.token().split(".")
    _, claims, _ = side.teams.token(aud="somebody else").split(".")
    return f"{head}.{claims}.{signature}"


TOKENS: dict[str, Callable[[TeamsSide], str]] = {
    "algorithm none": unsigned,
    "the public key as a shared secret": confused,
    "RS512": lambda side: jwt.encode(
        {"alg": "RS512", "kid": "first"}, side.teams.claims(), rsa_key("first"), ["RS512"]
    ),
    "another audience": lambda side: side.teams.token(aud="11111111-aaaa-4aaa-8aaa-111111111111"),
    "our audience among others": lambda side: side.teams.token(aud=[APP_ID, "other"]),
    "no audience": lambda side: side.teams.token(aud=None),
    "another issuer": lambda side: side.teams.token(iss="https://sts.windows.net/common/"),
    "no issuer": lambda side: side.teams.token(iss=None),
    "expired": lambda side: side.teams.token(exp=int(side.teams.now().timestamp()) - 300),
    "no expiry": lambda side: side.teams.token(exp=None),
    "an expiry in words": lambda side: side.teams.token(exp="tomorrow"),
    "an expiry that is true": lambda side: side.teams.token(exp=True),
    "an expiry beyond all time": lambda side: side.teams.token(exp=10**400),
    "not yet valid": lambda side: side.teams.token(nbf=int(side.teams.now().timestamp()) + 301),
    "no service address": lambda side: side.teams.token(serviceurl=None),
    "a service address that is a list": lambda side: side.teams.token(serviceurl=[side.teams.service_url]),
    "an unknown key": lambda side: signed(side, {"kid": "attacker"}, "attacker"),
    "a known key's name on another key": lambda side: signed(side, {}, "attacker"),
    "no key id": lambda side: jwt.encode({"alg": "RS256"}, side.teams.claims(), rsa_key("first")),
    "a key id that is a path": lambda side: signed(side, {"kid": "../../etc/passwd"}),
    "a key of its own": with_own_key,
    "an address of keys": pointing_elsewhere,
    "a certificate's address": lambda side: signed(side, {"x5u": f"{side.teams.url}/cert"}),
    "another type": lambda side: signed(side, {"typ": "secevent+jwt"}),
    "a bit flipped": with_a_bit_flipped,
    "other claims": with_other_claims,
    "truncated": lambda side: side.teams.token()[:-20],
    "two parts": lambda side: side.teams.token().rpartition(".")[0],
    "garbage": lambda side: "garbage",
    "garbage in three parts": lambda side: "a.b.c",
    "dots": lambda side: "..",
    "too long": lambda side: signed(side, {}, extra="x" * 9000),
}


@pytest.mark.requirement("8")
class TestToken:
    @pytest.mark.parametrize("forged", TOKENS.values(), ids=TOKENS.keys())
    async def test_a_token_that_does_not_hold_is_refused(
        self, side: TeamsSide, forged: Callable[[TeamsSide], str]
    ) -> None:
        answer = await side.deliver(honest(side), f"Bearer {forged(side)}")
        assert answer.status_code == 401
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.not_proven"]
        assert not [call for call in side.teams.calls if "/teams/" in call]

    @pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer \xe4\xf6"])
    async def test_without_a_token_nothing_is_read(self, side: TeamsSide, header: str | None) -> None:
        headers = {} if header is None else {b"authorization": header.encode("latin-1")}
        answer = await side.client.post("/api/messages", content=honest(side), headers=headers)
        assert answer.status_code == 401
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.not_proven"]
        assert side.teams.calls == []

    async def test_two_tokens_are_none(self, side: TeamsSide) -> None:
        token = f"Bearer {side.teams.token()}"
        headers = [("authorization", token), ("authorization", token), ("content-type", JSON)]
        answer = await side.client.post("/api/messages", content=honest(side), headers=headers)
        assert answer.status_code == 401
        assert side.ingress.untouched

    async def test_five_minutes_of_skew_are_allowed_and_no_more(self, side: TeamsSide) -> None:
        seconds = int(side.teams.now().timestamp())
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token(exp=seconds - 299)}")).status_code == 200
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token(nbf=seconds + 299)}")).status_code == 200
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token(exp=seconds - 300)}")).status_code == 401
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token(nbf=seconds + 301)}")).status_code == 401

    async def test_only_post_is_answered(self, side: TeamsSide) -> None:
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            assert (await side.client.request(method, "/api/messages")).status_code == 405
        assert side.ingress.untouched


def changed(side: TeamsSide, **changes: Any) -> Activity:
    return side.teams.typed(JOHN, side.teams.personal(JOHN), "hello") | changes


class TestActivity:
    @pytest.mark.requirement("9")
    @pytest.mark.parametrize(
        "address",
        [
            "https://evil.example/teams/",
            "https://smba.trafficmanager.net@evil.example/",
            "http://169.254.169.254/latest/",
            "",
            None,
        ],
    )
    async def test_another_service_address_than_the_tokens_is_refused(
        self, side: TeamsSide, address: str | None
    ) -> None:
        await self._refused(side, changed(side, serviceUrl=address), "ingress.service_url")

    @pytest.mark.requirement("9")
    @pytest.mark.parametrize(
        "address",
        [
            "https://evil.example/teams/",
            "http://smba.trafficmanager.net/teams/",
            "https://smba.trafficmanager.net.evil.example/",
            "https://user@smba.trafficmanager.net/",
            "https://smba.trafficmanager.net:8443/",
            "https://smba.trafficmanager.net/?to=https://evil.example",
            "https://smba.trafficmanager.net\\@evil.example/",
            "http://127.0.0.1:1/teams/",
            "file:///etc/passwd",
            "smba.trafficmanager.net",
        ],
    )
    async def test_an_address_off_the_list_is_refused_even_when_signed(self, clock: FixedClock, address: str) -> None:
        hosts = frozenset({"smba.trafficmanager.net"})
        async with teams_side(clock, service_hosts=hosts, service_url="https://smba.trafficmanager.net/teams/") as side:
            await self._refused(side, changed(side, serviceUrl=address), "ingress.service_url", serviceurl=address)

    @pytest.mark.requirement("10")
    @pytest.mark.parametrize("channel", [None, "", "webchat", "emulator", "directline", "MSTEAMS", "msteams "])
    async def test_only_the_teams_channel_is_heard(self, side: TeamsSide, channel: str | None) -> None:
        await self._refused(side, changed(side, channelId=channel), "ingress.channel")

    @pytest.mark.requirement("10")
    @pytest.mark.parametrize("endorsements", [[], ["webchat"], ["msteams2"], "msteams", None])
    async def test_a_key_that_is_not_endorsed_for_teams_proves_nothing(
        self, side: TeamsSide, endorsements: Any
    ) -> None:
        side.teams.keys["first"] = endorsements
        await self._refused(side, changed(side), "ingress.channel")

    @pytest.mark.requirement("12")
    @pytest.mark.parametrize(
        "changes",
        [
            {"channelData": {"tenant": {"id": FOREIGN_TENANT}}},
            {"channelData": {"tenant": {}}},
            {"channelData": {}},
            {"channelData": None},
            {"conversation": {"id": "a:1", "conversationType": "personal", "tenantId": FOREIGN_TENANT}},
        ],
    )
    async def test_another_tenant_is_refused(self, side: TeamsSide, changes: Activity) -> None:
        await self._refused(side, changed(side, **changes), "ingress.foreign")

    @pytest.mark.requirement("12")
    @pytest.mark.parametrize(
        "person",
        [
            GUEST,
            Person(name="ann", oid=JOHN.oid, role="anonymous"),
            Person(name="ext", oid=JOHN.oid, upn="ext_other.example#EXT#@corp.example"),
            Person(name="far", oid=JOHN.oid, tenant=FOREIGN_TENANT),
            Person(name="odd", oid=JOHN.oid, role=""),
        ],
        ids=lambda person: person.name,
    )
    async def test_guests_and_strangers_are_refused(self, side: TeamsSide, person: Person) -> None:
        for room in (side.teams.channel(JOHN, person), side.teams.personal(person)):
            answer = await side.send(side.teams.typed(person, room, "hello"))
            assert answer.status_code == 403
            value = {"action": {"type": "Action.Execute", "verb": "press", "data": {"handle": "h"}}}
            answer = await side.send(side.teams.invoke(person, room, "adaptiveCard/action", value))
            assert answer.status_code == 403
        assert side.ingress.untouched
        assert set(side.ingress.rejections) == {"ingress.not_a_member"}

    @pytest.mark.requirement("12", "16")
    @pytest.mark.parametrize("oid", [None, "", "john", "11111111-1111-4111-8111-11111111111"])
    async def test_without_a_directory_account_nobody_is_heard(self, side: TeamsSide, oid: str | None) -> None:
        sender = {"id": JOHN.account, "name": "John", "aadObjectId": oid}
        await self._refused(side, changed(side, **{"from": sender}), "ingress.no_account")

    @pytest.mark.requirement("16")
    async def test_another_persons_directory_account_is_not_believed(self, side: TeamsSide) -> None:
        room = side.teams.group(JOHN, MIA)
        forged = side.teams.typed(JOHN, room, "I am mia")
        forged["from"]["aadObjectId"] = MIA.oid
        answer = await side.send(forged)
        assert answer.status_code == 403
        assert side.ingress.untouched

    @pytest.mark.requirement("13")
    async def test_bots_and_what_was_edited_start_nothing(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        own = side.teams.typed(JOHN, room, "hello")
        own["from"] = {"id": BOT, "name": "Doorward"}
        on_behalf = side.teams.typed(JOHN, room, "hello") | {
            "channelData": {"tenant": {"id": JOHN.tenant}, "onBehalfOf": [{"mri": JOHN.account}]}
        }
        for activity in (own, on_behalf):
            assert (await side.send(activity)).status_code == 200
        assert side.ingress.rejections == ["ingress.not_a_person"] * 2
        for kind in ("messageUpdate", "messageDelete", "messageReaction", "typing", "event", "installationUpdate", "x"):
            assert (await side.send(side.teams.typed(JOHN, room, "hello") | {"type": kind})).status_code == 200
        assert side.ingress.untouched

    @pytest.mark.requirement("17")
    async def test_a_refresh_by_the_client_is_not_a_press(self, side: TeamsSide) -> None:
        action = {"type": "Action.Execute", "verb": "press", "data": {"handle": "h"}}
        value = {"action": action, "trigger": "automatic"}
        answer = await side.send(side.teams.invoke(JOHN, side.teams.personal(JOHN), "adaptiveCard/action", value))
        assert answer.status_code == 400
        assert side.ingress.untouched

    async def _refused(self, side: TeamsSide, activity: Activity, code: str, **claims: Any) -> None:
        answer = await side.send(activity, **claims)
        assert answer.status_code == 403
        assert side.ingress.untouched
        assert side.ingress.rejections == [code]
        assert not [call for call in side.teams.calls if "/teams/" in call]


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "not an object": b"[]",
    "a number": b"1",
    "no UTF-8": b'{"type": "\xff\xfe"}',
    "not a number": b'{"type": NaN}',
    "half a character": b'{"type": "\\ud800"}',
    "deep": b'{"a":' * 100 + b"1" + b"}" * 100,
    "very deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.requirement("14")
class TestBody:
    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
    async def test_what_is_not_of_the_form_is_refused(self, side: TeamsSide, body: bytes) -> None:
        answer = await side.deliver(body, f"Bearer {side.teams.token()}")
        assert answer.status_code == 400
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.malformed"]

    @pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
    async def test_another_content_type_is_refused(self, side: TeamsSide, kind: str | None) -> None:
        answer = await side.deliver(honest(side), f"Bearer {side.teams.token()}", kind)
        assert answer.status_code == 400
        assert side.ingress.untouched

    async def test_ten_megabytes_are_refused_announced_or_not(self, side: TeamsSide) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 1_000_000

        headers = {"authorization": f"Bearer {side.teams.token()}", "content-type": JSON}
        for content in (b"x" * 10_000_000, pieces()):
            answer = await side.client.post("/api/messages", content=content, headers=headers)
            assert answer.status_code == 413
        lying = headers | {"content-length": "99999999999999999999"}
        assert (await side.client.post("/api/messages", content=b"{}", headers=lying)).status_code == 413
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.too_large"] * 3

    @pytest.mark.parametrize("kind", ["message", "invoke", "conversationUpdate"])
    async def test_an_authentic_activity_of_any_shape_is_never_a_fault(self, side: TeamsSide, kind: str) -> None:
        room = side.teams.personal(JOHN)
        action = {"type": "Action.Execute", "verb": "press", "data": {"handle": "h"}}
        activity = {
            "message": side.teams.typed(JOHN, side.teams.group(JOHN), "hello"),
            "invoke": side.teams.invoke(JOHN, room, "adaptiveCard/action", {"action": action, "trigger": "manual"}),
            "conversationUpdate": side.teams.installed(JOHN, room),
        }[kind]
        authorization = f"Bearer {side.teams.token()}"
        statuses = set()
        for broken in mutants(activity):
            answer = await side.deliver(json.dumps(broken).encode(), authorization)
            statuses.add(answer.status_code)
        assert statuses == {200, 400, 403}


def mutants(activity: Activity) -> Iterator[Activity]:
    """The activity with every value in it replaced by values of other kinds, one at a time."""
    for path in paths(activity):
        for value in (None, 7, "", [], {}, [7], [None], {"a": 7}, True):
            mutant = deepcopy(activity)
            at: Any = mutant
            for name in path[:-1]:
                at = at[name]
            at[path[-1]] = value
            yield mutant


def paths(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in entries:
        yield (*above, name)
        yield from paths(child, (*above, name))


@pytest.mark.requirement("11")
class TestKeys:
    async def test_a_rotated_key_is_taken_within_five_minutes(self, side: TeamsSide, clock: FixedClock) -> None:
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
        for key_id in ("second", "third"):
            clock.advance(minutes=4)
            side.teams.rotate(key_id)
            assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
            assert (await side.deliver(honest(side), f"Bearer {signed(side, {})}")).status_code == 401

    async def test_forged_key_ids_do_not_make_us_fetch_without_end(self, side: TeamsSide, clock: FixedClock) -> None:
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
        clock.advance(minutes=1)
        side.teams.calls.clear()
        for number in range(20):
            forged = signed(side, {"kid": f"unknown-{number}"}, "attacker")
            assert (await side.deliver(honest(side), f"Bearer {forged}")).status_code == 401
        assert side.teams.calls.count("GET /v1/.well-known/keys") == 1

    async def test_hanging_keys_delay_nobody_whose_key_is_known(self, clock: FixedClock) -> None:
        async with teams_side(clock, key_fetch_seconds=0.5) as side:
            assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
            clock.advance(minutes=61)  # the keys are to be fetched anew besides
            side.teams.keys_hang = True
            forged = [
                asyncio.create_task(
                    side.deliver(honest(side), f"Bearer {signed(side, {'kid': 'unknown'}, 'attacker')}")
                )
                for _ in range(5)
            ]
            await asyncio.sleep(0)
            for _ in range(10):
                assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
            assert not any(task.done() for task in forged)
            assert {(await task).status_code for task in forged} == {401}
            assert len(side.ingress.accepted) == 11

    async def test_while_there_are_no_keys_teams_is_asked_to_come_again(self, clock: FixedClock) -> None:
        async with teams_side(clock, key_fetch_seconds=0.1) as side:
            side.teams.keys_hang = True
            assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 503
            assert side.ingress.untouched
            side.teams.keys_hang = False
            clock.advance(seconds=6)
            assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200

    async def test_keys_a_day_old_prove_nothing(self, clock: FixedClock) -> None:
        async with teams_side(clock, key_fetch_seconds=0.1) as side:
            assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
            side.teams.keys_hang = True
            clock.advance(hours=24)
            assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 503


@pytest.mark.requirement("7")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("app_id", ""),
        ("app_id", "  "),
        ("app_password", Secret("")),
        ("tenants", frozenset()),
        ("tenants", frozenset({""})),
        ("service_hosts", frozenset()),
        ("openid_metadata_url", "http://login.example/keys"),
        ("token_url", "ftp://login.example/token"),
        ("service_url", "https://evil.example/"),
        ("loopback", False),
    ],
)
async def test_a_guard_without_a_measure_is_not_made(clock: FixedClock, setting: str, value: Any) -> None:
    with FakeTeams(now=clock).running() as teams, pytest.raises(Misconfigured, match=r"DOORWARD_TEAMS__"):
        config(teams, **{setting: value})
