"""Each check on the way in from Teams meets an activity that is good but for the one thing that check looks at.

The attacks of `test_teams_ingress` and `test_teams_activity` are refused by whichever check comes first; these hold
every later one in place.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import SecurityWarning
from joserfc.jwk import RSAKey

from adapters.teams.config import origin_of
from adapters.teams.parsing import MAX_BODY_BYTES, announced, read_body
from adapters.teams.signing_keys import DOCUMENT_BYTES, KEYS_AT_MOST, read_keys
from adapters.teams.translate import MAX_HANDLE, MAX_TOKEN
from bot.errors import Malformed, Misconfigured, TooLarge
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT
from tests.fakes.skipping_loop import never_comes, run_skipping
from tests.fakes.teams_app import APPROVE, DISMISS, PHRASES, TeamsSide, card, config, honest, posted, teams_side
from tests.fakes.teams_server import JOHN, MIA, MOVED, Activity, Conversation, FakeTeams, rsa_key

HOST = "smba.trafficmanager.net"
PRESS = {"type": "Action.Execute", "verb": "press", "data": {"handle": "h"}}


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[TeamsSide]:
    async with teams_side(clock) as running:
        yield running


def with_header(side: TeamsSide, **header: Any) -> str:
    """A good token whose header says something else; its signature is over that header."""
    _, claims, _ = side.teams.token().split(".")
    said = json.dumps({"alg": "RS256", "kid": "first", "typ": "JWT"} | header).encode()
    start = f"{base64.urlsafe_b64encode(said).decode().rstrip('=')}.{claims}"
    key = rsa_key("first").private_key
    assert key is not None
    signed = key.sign(start.encode(), PKCS1v15(), SHA256())
    return f"{start}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"


@pytest.mark.requirement("8")
class TestToken:
    async def test_the_tokens_made_here_hold(self, side: TeamsSide) -> None:
        assert (await side.deliver(honest(side), f"Bearer {with_header(side)}")).status_code == 200

    @pytest.mark.parametrize("scheme", ["Basic", "Token", "Bearer\t", "", "bearer2"])
    async def test_a_good_token_is_one_of_its_scheme_only(self, side: TeamsSide, scheme: str) -> None:
        assert (await side.deliver(honest(side), f"{scheme} {side.teams.token()}")).status_code == 401
        assert side.ingress.untouched

    @pytest.mark.parametrize("key_id", ["", "k" * 129, 7, [], {}, None, True], ids=str)
    async def test_a_key_id_that_is_none_is_not_looked_for(self, side: TeamsSide, key_id: object) -> None:
        answer = await side.deliver(honest(side), f"Bearer {with_header(side, kid=key_id)}")
        assert (answer.status_code, side.ingress.rejections) == (401, ["ingress.not_proven"])
        assert side.teams.calls == []

    @pytest.mark.parametrize("issuer", ["https://api.botframework.com/", "https://api.botframework.com.evil.example"])
    async def test_an_issuer_that_begins_like_it_is_another(self, side: TeamsSide, issuer: str) -> None:
        answer = await side.deliver(honest(side), f"Bearer {side.teams.token(iss=issuer)}")
        assert (answer.status_code, side.ingress.rejections) == (401, ["ingress.not_proven"])

    async def test_true_is_no_date(self, side: TeamsSide) -> None:
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token(nbf=True)}")).status_code == 401
        assert side.ingress.untouched


@pytest.mark.requirement("11")
class TestKeys:
    async def _without(self, side: TeamsSide) -> None:
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 503
        assert side.ingress.untouched

    async def test_an_errors_document_is_none(self, side: TeamsSide) -> None:
        side.teams.keys_status = 500
        await self._without(side)

    async def test_no_address_is_followed_further(self, side: TeamsSide) -> None:
        side.teams.keys_at = f"{side.teams.url}{MOVED}"
        await self._without(side)
        assert "GET /v1/.well-known/keys" not in side.teams.calls

    async def test_a_document_too_large_is_not_read(self, side: TeamsSide) -> None:
        side.teams.keys["first"] = ["msteams", "x" * DOCUMENT_BYTES]
        await self._without(side)

    async def test_more_keys_than_anybody_has_are_none(self, side: TeamsSide) -> None:
        assert len(read_keys({"keys": [_published(str(number)) for number in range(KEYS_AT_MOST)]})) == KEYS_AT_MOST
        with pytest.raises(ValueError, match="no keys"):
            read_keys({"keys": [_published(str(number)) for number in range(KEYS_AT_MOST + 1)]})

    @pytest.mark.parametrize("changes", [{"use": "enc"}, {"alg": "RS512"}, {"alg": "PS256"}, {"kty": "oct"}], ids=str)
    def test_a_key_for_something_else_is_skipped(self, changes: dict[str, str]) -> None:
        assert read_keys({"keys": [_published("other") | changes, _published("ours")]}).keys() == {"ours"}

    def test_a_short_key_is_skipped(self) -> None:
        with pytest.warns(SecurityWarning):
            short = RSAKey.generate_key(1024)
        published = dict(short.as_dict(private=False)) | {"kid": "short"}
        with pytest.warns(SecurityWarning):
            read = read_keys({"keys": [published, _published("ours")]})
        assert read.keys() == {"ours"}

    async def test_after_a_failure_there_is_a_pause(self, side: TeamsSide, clock: FixedClock) -> None:
        side.teams.keys_status = 500
        for _ in range(5):
            await self._without(side)
        assert side.teams.calls.count("GET /v1/.well-known/keys") == 1
        side.teams.keys_status = 200
        clock.advance(seconds=5)
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200

    async def test_keys_an_hour_old_are_fetched_anew_beside_the_requests(
        self, side: TeamsSide, clock: FixedClock
    ) -> None:
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
        clock.advance(minutes=59)
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
        assert side.teams.calls.count("GET /v1/.well-known/keys") == 1
        clock.advance(minutes=1)
        assert (await side.deliver(honest(side), f"Bearer {side.teams.token()}")).status_code == 200
        async with asyncio.timeout(20):
            while side.teams.calls.count("GET /v1/.well-known/keys") < 2:  # noqa: ASYNC110 - it happens on a thread
                await asyncio.sleep(0)


def _published(key_id: str) -> dict[str, Any]:
    return dict(rsa_key("first").as_dict(private=False)) | {"kid": key_id, "endorsements": ["msteams"]}


@pytest.mark.requirement("9")
class TestAddress:
    @pytest.mark.parametrize(
        "address",
        [
            f"https://user@{HOST}/",
            f"https://{HOST}/?a=1",
            f"https://{HOST}/#a",
            f"https://{HOST}/a/../b",
            f"https://{HOST}/a\\b",
            f"https://{HOST}/ä",
            f"https://{HOST}/a b",
            f"https://{HOST}/\x7f",
            f"https://{HOST}/\t",
            f"https://{HOST}:port/",
            f"http://{HOST}/",
            "https:///a",
        ],
    )
    def test_one_oddity_is_enough(self, address: str) -> None:
        assert origin_of(f"https://{HOST}/teams/") == f"https://{HOST}"
        assert origin_of(address) is None

    def test_a_host_that_ends_like_it_is_another(self, clock: FixedClock) -> None:
        with FakeTeams(now=clock).running() as teams:
            settings = config(teams, service_hosts=frozenset({HOST}), service_url=f"https://{HOST}/teams/")
        assert settings.serves(f"https://{HOST.upper()}/emea/")
        for other in (f"evil{HOST}", f"evil.{HOST}", HOST.removeprefix("smba."), f"{HOST}:8443"):
            assert not settings.serves(f"https://{other}/teams/")

    @pytest.mark.requirement("7")
    def test_an_empty_entry_among_the_hosts_is_refused(self, clock: FixedClock) -> None:
        with FakeTeams(now=clock).running() as teams, pytest.raises(Misconfigured, match="go nowhere"):
            config(teams, service_hosts=frozenset({teams.host, ""}))


@pytest.mark.requirement("14")
class TestBytes:
    @pytest.mark.parametrize("said", ["abc", "-1", "", "1_0", "+1"])
    def test_a_length_that_is_no_number(self, said: str) -> None:
        with pytest.raises(Malformed, match="content-length"):
            announced([(b"content-length", said.encode())])

    @pytest.mark.parametrize("said", [str(MAX_BODY_BYTES + 1), "9" * 30])
    def test_a_length_over_the_limit(self, said: str) -> None:
        announced([(b"content-length", str(MAX_BODY_BYTES).encode())])
        with pytest.raises(TooLarge):
            announced([(b"content-length", said.encode())])

    def test_a_body_that_does_not_come_is_not_waited_for(self) -> None:
        with pytest.raises(Malformed, match="did not arrive"):
            run_skipping(read_body(never_comes))


@pytest.mark.requirement("13")
@pytest.mark.parametrize("role", ["bot", "skill", "Bot", "SKILL"])
async def test_whoever_is_called_a_bot_is_one(side: TeamsSide, role: str) -> None:
    said = side.teams.typed(JOHN, side.teams.personal(JOHN), "hello")
    said["from"]["role"] = role
    assert (await side.send(said)).status_code == 200
    assert side.ingress.untouched
    assert side.ingress.rejections == ["ingress.not_a_person"]


@pytest.mark.requirement("16")
async def test_what_was_found_out_of_one_name_holds_for_no_other(side: TeamsSide) -> None:
    """John was looked up a moment ago; his directory account under Mia's name in Teams is looked up anew."""
    room = side.teams.group(JOHN, MIA)
    assert (await side.send(side.teams.typed(JOHN, room, "hello"))).status_code == 200
    forged = side.teams.typed(MIA, room, "I am john")
    forged["from"]["aadObjectId"] = JOHN.oid
    assert (await side.send(forged)).status_code == 403
    assert len(side.ingress.accepted) == 1


async def sent(side: TeamsSide, room: Conversation, name: str, value: Any, **fields: Any) -> int:
    return int((await side.send(side.teams.invoke(JOHN, room, name, value, **fields))).status_code)


@pytest.mark.requirement("17")
class TestInvoke:
    @pytest.mark.parametrize("verb", ["", "Press", "approve", "refresh2", None])
    async def test_a_verb_that_is_not_ours_presses_nothing(self, side: TeamsSide, verb: str | None) -> None:
        value = {"action": PRESS | {"verb": verb}, "trigger": "manual"}
        assert await sent(side, side.teams.group(JOHN), "adaptiveCard/action", value) == 400
        assert side.ingress.untouched

    async def test_what_a_client_asks_by_itself_is_marked_so(self, side: TeamsSide) -> None:
        value: Activity = {"action": PRESS | {"verb": "refresh"}, "trigger": "automatic"}
        assert await sent(side, side.teams.group(JOHN), "adaptiveCard/action", value) == 200
        value |= {"action": PRESS | {"verb": "press"}, "trigger": "manual"}
        assert await sent(side, side.teams.group(JOHN), "adaptiveCard/action", value) == 200
        assert [message.automatic for message in side.ingress.accepted] == [True, False]

    @pytest.mark.parametrize("verb", ["refresh", "view"])
    async def test_in_a_personal_chat_nothing_asks_by_itself(self, side: TeamsSide, verb: str) -> None:
        value = {"action": PRESS | {"verb": verb}, "trigger": "automatic"}
        assert await sent(side, side.teams.personal(JOHN), "adaptiveCard/action", value) == 400
        assert side.ingress.untouched
        assert side.ingress.looks == []

    @pytest.mark.parametrize(("handle", "status"), [("", 400), ("h" * MAX_HANDLE, 200), ("h" * (MAX_HANDLE + 1), 400)])
    async def test_a_handle_has_its_length(self, side: TeamsSide, handle: str, status: int) -> None:
        value = {"action": PRESS | {"data": {"handle": handle}}, "trigger": "manual"}
        assert await sent(side, side.teams.personal(JOHN), "adaptiveCard/action", value) == status
        assert side.ingress.untouched is (status == 400)

    @pytest.mark.parametrize(("length", "status"), [(MAX_HANDLE, 200), (MAX_HANDLE + 1, 400)])
    async def test_an_id_has_its_length(self, side: TeamsSide, length: int, status: int) -> None:
        said = side.teams.typed(JOHN, side.teams.personal(JOHN), "hello", id="1" * length)
        assert (await side.send(said)).status_code == status


@pytest.mark.requirement("8")
class TestExchange:
    async def test_no_sign_in_is_taken_from_where_others_are(self, side: TeamsSide) -> None:
        side.ingress.signs_in = True
        value = {"id": "x-1", "connectionName": "c", "token": "t"}
        assert await sent(side, side.teams.personal(JOHN), "signin/tokenExchange", value) == 200
        for room in (side.teams.group(JOHN), side.teams.channel(JOHN)):
            assert await sent(side, room, "signin/tokenExchange", value) == 400
        assert len(side.ingress.exchanges) == 1

    @pytest.mark.parametrize(("length", "status"), [(0, 400), (1, 200), (MAX_TOKEN, 200), (MAX_TOKEN + 1, 400)])
    async def test_a_token_has_its_length(self, side: TeamsSide, length: int, status: int) -> None:
        side.ingress.signs_in = True
        value = {"id": "x-1", "connectionName": "c", "token": "t" * length}
        assert await sent(side, side.teams.personal(JOHN), "signin/tokenExchange", value) == status

    async def test_the_same_exchange_of_each_client_is_one(self, side: TeamsSide) -> None:
        side.ingress.signs_in = True
        value = {"id": "x-1", "connectionName": "c", "token": "t"}
        for _ in range(3):
            assert await sent(side, side.teams.personal(JOHN), "signin/tokenExchange", value) == 200
        assert len({message.event_id for message, _ in side.ingress.exchanges}) == 1


@pytest.mark.requirement("6")
class TestHanging:
    """The core hangs; the adapter's own limit ends the wait."""

    async def test_a_message(self, clock: FixedClock) -> None:
        async with teams_side(clock, replies=replace(PATIENT, answered=0.3)) as side:
            side.ingress.hangs, side.ingress.hang_seconds = True, 20
            began = time.monotonic()
            answer = await side.send(side.teams.typed(JOHN, side.teams.personal(JOHN), "hello"))
            taken = time.monotonic() - began
            side.ingress.released.set()
        assert (answer.status_code, taken < 15) == (503, True)

    async def test_a_press(self, clock: FixedClock) -> None:
        async with teams_side(clock, replies=replace(PATIENT, invoke=0.3)) as side:
            room = side.teams.personal(JOHN)
            await posted(side, room, card(DISMISS, APPROVE), JOHN)
            side.ingress.hangs, side.ingress.hang_seconds = True, 20
            began = time.monotonic()
            answer = await side.send(side.teams.pressed(JOHN, room, "Dismiss"))
            taken = time.monotonic() - began
            side.ingress.released.set()
        assert (answer.json()["value"], taken < 15) == (PHRASES.busy, True)
