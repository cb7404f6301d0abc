"""Authentic tokens with activities that are not for us, or of no form: each ends in a 4xx, runs nothing, is noted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import TeamsSide, honest, teams_side
from tests.fakes.teams_server import BOT, FOREIGN_TENANT, GUEST, JOHN, MIA, Activity, Person

JSON = "application/json"


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[TeamsSide]:
    async with teams_side(clock) as running:
        yield running


def changed(side: TeamsSide, **changes: Any) -> Activity:
    return side.teams.typed(JOHN, side.teams.personal(JOHN), "hello") | changes


FOREIGN: Activity = {
    "channelData": {"tenant": {"id": FOREIGN_TENANT}},
    "conversation": {"id": "a:1", "conversationType": "personal", "tenantId": FOREIGN_TENANT},
}


class TestActivity:
    @pytest.mark.requirement("9")
    async def test_another_address_on_the_list_is_not_the_tokens(self, side: TeamsSide) -> None:
        await self._refused(side, changed(side, serviceUrl=f"{side.teams.url}/other/"), "ingress.service_url")
        side.ingress.rejections.clear()
        claims = {"serviceurl": side.teams.service_url.rstrip("/")}
        await self._refused(side, changed(side), "ingress.service_url", **claims)

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
            FOREIGN,
            FOREIGN | {"conversation": {"id": "a:1", "conversationType": "personal"}},
            {"channelData": {"tenant": {"id": FOREIGN_TENANT}}},
            {"channelData": {"tenant": {}}},
            {"channelData": {"tenant": {}}, "conversation": {"id": "a:1", "conversationType": "personal"}},
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

    @pytest.mark.requirement("16")
    async def test_teams_own_name_of_a_person_has_to_fit_too(self, side: TeamsSide) -> None:
        forged = changed(side, **{"from": {"id": JOHN.oid, "name": "John", "aadObjectId": JOHN.oid}})
        assert (await side.send(forged)).status_code == 403
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
