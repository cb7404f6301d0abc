"""Attacks on the way in from Teams: each ends in a 4xx, runs nothing, reaches nobody and is noted."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from joserfc import jwt

from bot.domain.secret import Secret
from bot.errors import Misconfigured
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import TeamsSide, config, honest, teams_side
from tests.fakes.teams_server import (
    APP_ID,
    FakeTeams,
    rsa_key,
)

JSON = "application/json"


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[TeamsSide]:
    async with teams_side(clock) as running:
        yield running


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

    async def test_for_another_algorithm_no_key_is_looked_for(self, side: TeamsSide) -> None:
        for forged in (unsigned(side), confused(side), pointing_elsewhere(side)):
            assert (await side.deliver(honest(side), f"Bearer {forged}")).status_code == 401
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

    async def test_metadata_that_names_keys_elsewhere_is_not_followed(self, side: TeamsSide, clock: FixedClock) -> None:
        with FakeTeams(now=clock).running() as elsewhere:
            side.teams.keys_at = f"{elsewhere.url}/v1/.well-known/keys"
            assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 503
            assert elsewhere.calls == []
        assert side.ingress.untouched

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
