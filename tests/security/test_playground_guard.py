"""The playground answers its own page on this computer only, and never with a 500."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette

from tests.functional.browser.stage import TOKEN, Stage, stage_at

ORIGIN = "http://localhost:8080"
OWN = {"origin": ORIGIN, "x-doorward-demo": TOKEN}
ORDERS = ("person", "message", "press", "dialog/submit", "dialog/cancel", "look", "hour", "account", "phone")


@pytest.fixture
def stage() -> Stage:
    return stage_at(ORIGIN)


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=Starlette(routes=stage.routes()))
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN}, 401),
        ({"origin": ORIGIN, "x-doorward-demo": "of an earlier start"}, 401),
        ({"x-doorward-demo": TOKEN}, 403),
        ({**OWN, "origin": "null"}, 403),
        ({**OWN, "origin": "http://localhost:9999"}, 403),
        ({**OWN, "origin": "http://127.0.0.1:8080"}, 403),
        ({**OWN, "host": "evil.example"}, 403),
    ],
)
async def test_an_order_from_elsewhere_does_nothing(
    client: httpx2.AsyncClient, stage: Stage, order: str, headers: dict[str, str], status: int
) -> None:
    answer = await client.post(f"/play/{order}", headers=headers, json={"person": "mia", "conversation": "dm-mia"})
    assert answer.status_code == status
    assert stage.ingress.untouched
    assert stage.provider.orders == []
    assert len(stage.ingress.rejections) == 1


async def test_a_name_that_points_here_gets_no_page(client: httpx2.AsyncClient) -> None:
    for path in ("/", "/play/stream?person=mia", "/play/phone", "/play/oauth/authorize"):
        answer = await client.get(path, headers={"host": "rebound.example", "x-doorward-demo": TOKEN})
        assert (path, answer.status_code) == (path, 403)


async def test_the_number_of_this_computer_leads_to_its_name_and_to_nothing_else(client: httpx2.AsyncClient) -> None:
    by_number = {"host": "127.0.0.1:8080", "x-doorward-demo": TOKEN}
    answer = await client.get("/", headers=by_number)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{ORIGIN}/")
    for path in ("/play/stream?person=mia", "/play/phone", "/play/oauth/authorize"):
        assert (await client.get(path, headers=by_number)).status_code == 403


async def test_another_computer_gets_no_page(stage: Stage) -> None:
    transport = httpx2.ASGITransport(app=Starlette(routes=stage.routes()), client=("192.0.2.7", 1))
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as elsewhere:
        assert (await elsewhere.get("/")).status_code == 403


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b"\xff", b'{"person":"eve"}', b"[" * 16_000, b'{"person":7}']
)
async def test_malformed_orders_are_refused_as_such(client: httpx2.AsyncClient, order: str, body: bytes) -> None:
    answer = await client.post(f"/play/{order}", headers=OWN, content=body)
    expected = {200} if order == "hour" and body in {b"{}", b'{"person":"eve"}', b'{"person":7}'} else {400}
    assert answer.status_code in expected


async def test_an_oversized_order_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/play/message", headers=OWN, content=b" " * 20_000)
    assert answer.status_code == 413


async def test_a_person_cannot_press_what_they_do_not_see(client: httpx2.AsyncClient, stage: Stage) -> None:
    body = {"person": "mia", "message": "m1", "action": 0}
    stage.platform.say("john", stage.platform.place("dm-john"), "hello")
    assert (await client.post("/play/press", headers=OWN, json=body)).status_code == 400
    assert stage.ingress.untouched


async def test_when_nothing_can_be_stored_the_page_is_told_to_try_again(
    client: httpx2.AsyncClient, stage: Stage
) -> None:
    stage.ingress.failure = TimeoutError()
    body = {"person": "mia", "conversation": "dm-mia", "text": "hello"}
    assert (await client.post("/play/message", headers=OWN, json=body)).status_code == 503


async def test_the_chat_leg_sends_nobody_elsewhere(client: httpx2.AsyncClient, stage: Stage) -> None:
    client.cookies.set("demo_person", "mia")
    query = {"state": "s", "nonce": "n", "redirect_uri": "https://evil.example/"}
    assert (await client.get("/play/oauth/authorize", params=query)).status_code == 400
    address = stage.sign_in.authorize_url(state="s", nonce="n", redirect_uri=f"{ORIGIN}/signin/playground/callback")
    answer = await client.get(address)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{ORIGIN}/signin/playground/callback?code=")


async def test_the_page_runs_under_a_strict_content_policy(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert " onclick" not in answer.text
