"""SCIM 2.0 as a directory's provisioning service uses it, and what it does to the people it is about."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from bot.domain.identity import Person
from tests.fakes.signals import SCIM_TOKEN, BridgedTransport, machine, ways_in
from tests.fakes.world import PUBLIC_URL, World

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
WRONG = (Status.DEVIATION, Status.ERROR, Status.CRITICAL)


async def test_the_public_compliance_tester_finds_nothing(here: World) -> None:
    loop = asyncio.get_running_loop()

    def run() -> list[Any]:
        with httpx2.Client(
            transport=BridgedTransport(ways_in(here), loop),
            base_url=f"{PUBLIC_URL}/scim/v2",
            headers={"Authorization": f"Bearer {SCIM_TOKEN}"},
        ) as client:
            return check_server(SyncSCIMClient(client))

    results = await asyncio.to_thread(run)
    bad = [f"{one.title} {one.resource_type}: {one.reason}" for one in results if one.status in WRONG]
    assert bad == []
    assert len([one for one in results if one.status is Status.SUCCESS]) > 100


def user(name: str, **values: Any) -> dict[str, Any]:
    """A creation request."""
    return {"schemas": [USER], "userName": name, "externalId": name, **values}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """A PATCH request."""
    return {"schemas": [PATCH], "Operations": list(operations)}


async def provisioned(client: httpx2.AsyncClient, name: str) -> str:
    """Where a new user is."""
    answer = await client.post("/scim/v2/Users", json=user(name))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.json()["meta"]["location"]
    return "/scim/v2/Users/" + str(answer.json()["id"])


@pytest.mark.requirement("31")
@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "active", "value": False},
        {"op": "replace", "value": {"active": False}},  # Okta
        {"op": "Replace", "path": "active", "value": "False"},  # Entra ID
    ],
)
async def test_somebody_set_inactive_is_out_at_the_next_message(here: World, operation: dict[str, Any]) -> None:
    await here.sign_in("john")
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        where = await provisioned(client, "john")
        assert "14 days" in await here.say("john", "balance")
        answer = await client.patch(where, json=patch(operation))
        assert (answer.status_code, answer.json()["active"]) == (200, False)
        assert "14 days" not in await here.say("john", "balance")
        await here.sign_in("john")
        assert "14 days" not in await here.say("john", "balance")
        enabled = await client.patch(where, json=patch({"op": "replace", "path": "active", "value": True}))
        assert enabled.json()["active"] is True
    await here.sign_in("john")
    assert "14 days" in await here.say("john", "balance")


async def test_leaving_active_out_enables_nobody(here: World) -> None:
    await here.sign_in("john")
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        where = await provisioned(client, "john")
        await client.put(where, json=user("john", active=False))
        assert (await client.put(where, json=user("john"))).json()["active"] is False
        await client.patch(where, json=patch({"op": "remove", "path": "active"}))
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("john")))
    assert person is not None
    assert person.locked


async def test_a_directory_finds_again_whom_it_made(here: World) -> None:
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        for name in ("john", "mia", "raj"):
            await provisioned(client, name)
            here.clock.advance(timedelta(seconds=1))
        for query, names in (
            ('userName eq "JOHN"', ["john"]),
            ('externalId eq "mia"', ["mia"]),
            ('externalId eq "MIA"', []),
            ('userName sw "r"', ["raj"]),
            ('userName eq "john" or externalId eq "mia"', ["john", "mia"]),
            ('userName eq "nobody"', []),
        ):
            found = (await client.get("/scim/v2/Users", params={"filter": query})).json()
            assert [one["userName"] for one in found.get("Resources", [])] == names, query
        page = (await client.get("/scim/v2/Users", params={"startIndex": 2, "count": 1})).json()
        assert (page["totalResults"], page["startIndex"], [one["userName"] for one in page["Resources"]]) == (
            3,
            2,
            ["mia"],
        )
        assert (await client.post("/scim/v2/Users", json=user("John"))).status_code == 409
        where = await provisioned(client, "sue")
        assert (await client.put(where, json=user("RAJ"))).status_code == 409


async def test_a_manager_by_id_alone_is_taken_as_entra_sends_it(here: World) -> None:
    path = f"{ENTERPRISE}:manager"
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        where = await provisioned(client, "john")
        answer = await client.patch(where, json=patch({"op": "Add", "path": path, "value": "m-1"}))
        assert answer.json()[ENTERPRISE]["manager"] == {"value": "m-1"}


async def test_joining_a_group_has_the_provider_asked_and_gives_nothing(here: World) -> None:
    await here.sign_in("john")
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        where = await provisioned(client, "john")
        await here.say("john", "balance")
        await here.command("john", "whoami")
        asked = here.directory.asked
        group = {"schemas": [GROUP], "displayName": "administrators"}
        made = (await client.post("/scim/v2/Groups", json=group)).json()
        member = [{"value": where.rpartition("/")[2]}]
        joined = await client.patch(
            f"/scim/v2/Groups/{made['id']}", json=patch({"op": "add", "path": "members", "value": member})
        )
        assert joined.status_code == 200
    assert "14 days" in await here.say("john", "balance")
    assert here.directory.asked == asked + 1
    assert not await here.database.read(lambda tx: tx.roles.of_identity(here.identity("john")))


async def test_attributes_come_from_here_only_where_the_mapping_says_so(here: World) -> None:
    enterprise = {"department": "Finance", "employeeNumber": "E77", "manager": {"value": ""}}
    async with machine(ways_in(here), SCIM_TOKEN) as client:
        boss = (await provisioned(client, "mia")).rpartition("/")[2]
        enterprise["manager"] = {"value": boss}
        made = user("john", addresses=[{"type": "work", "region": "apac", "primary": True}], **{ENTERPRISE: enterprise})
        made["schemas"] = [USER, ENTERPRISE]
        answer = await client.post("/scim/v2/Users", json=made)
        assert answer.status_code == 201, answer.text
        path = f"/scim/v2/Users/{answer.json()['id']}"
        signed = here.directory.sign_in("john")
        await here.sign_in("john", signed)
        assert (await person(here)).department == "sales"
        every = frozenset({"department", "region", "manager", "employee_number"})
        mapped = replace(signed, claims=replace(signed.claims, from_directory=every))
        await here.sign_in("john", mapped)
        known = await person(here)
        assert (known.department, known.region, known.manager, known.employee) == ("Finance", "apac", "mia", "E77")
        assert known.roles == {"employee"}, "roles never come from here"
        await client.patch(path, json=patch({"op": "replace", "path": "active", "value": False}))
        await here.sign_in("john", mapped)
        known = await person(here)
        assert (known.department, known.region, known.manager, known.employee) == ("", "", None, None)


async def person(here: World) -> Person:
    known = await here.database.read(lambda tx: tx.persons.find(here.identity("john")))
    assert known is not None
    return known
