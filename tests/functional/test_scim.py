"""SCIM 2.0 as a directory's provisioning service uses it, and what it does to the people it is about."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from tests.fakes.signals import SCIM_TOKEN, BridgedTransport, ways_in
from tests.fakes.world import PUBLIC_URL, World


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
    bad = [f"{one.title} {one.resource_type}: {one.reason}" for one in results if one.status in (Status.ERROR, Status.CRITICAL)]
    assert bad == []
    assert len([one for one in results if one.status is Status.SUCCESS]) > 100
