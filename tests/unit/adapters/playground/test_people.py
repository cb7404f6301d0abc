"""One browser session of ours for each demo person in the same browser."""

from __future__ import annotations

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.playground.people import NOBODY, PersonCookies, person_from_cookies

NAMES = frozenset({"john", "mia"})


async def _echo(request: Request) -> Response:
    response = JSONResponse({"cookies": request.headers.get("cookie", "")})
    response.set_cookie("dw_session", "new", httponly=True)
    response.set_cookie("theme", "dark")
    return response


async def _ask(cookie: str) -> tuple[str, list[str]]:
    app = PersonCookies(Starlette(routes=[Route("/", _echo)]), cookies=["dw_session"], people=NAMES)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/", headers={"cookie": cookie})
    return answer.json()["cookies"], [value.partition(";")[0] for value in answer.headers.get_list("set-cookie")]


async def test_a_person_gets_their_own_session_and_no_other() -> None:
    seen, given = await _ask("demo_person=john; dw_session_john=j; dw_session_mia=m; dw_session=bare; other=1")
    assert seen == "demo_person=john; dw_session=j; other=1"
    assert given == ["dw_session_john=new", "theme=dark"]


async def test_a_browser_that_names_nobody_has_a_session_of_its_own() -> None:
    seen, given = await _ask("demo_person=eve; dw_session_john=j; dw_session_guest=g")
    assert seen == "demo_person=eve; dw_session=g"
    assert given[0] == "dw_session_guest=new"


def test_only_known_names_count() -> None:
    assert person_from_cookies("a=b; demo_person=mia", NAMES) == "mia"
    assert person_from_cookies("demo_person=../mia", NAMES) == NOBODY
    assert person_from_cookies("", NAMES) == NOBODY
