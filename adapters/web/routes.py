"""The routes of our pages, and what stands around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from adapters.web.binding import Binding
from adapters.web.claiming import Claiming
from adapters.web.consenting import Consenting
from adapters.web.enrolling import Enrolling
from adapters.web.headers import SecurityHeaders, security_headers
from adapters.web.health import Ready, alive
from adapters.web.own_factors import OwnFactors
from adapters.web.own_page import OwnPage
from adapters.web.pages import Asks, Pages
from adapters.web.proving_provider import ProvingProvider
from adapters.web.recovering import RECOVER, Recovering
from adapters.web.signing_in import ACCOUNTS, CONTINUE, OWN_RECORDS, SIGN_OUT, START, SigningIn
from adapters.web.site import Web
from adapters.web.templating import STATIC
from adapters.web.viewing import Viewing
from adapters.web.visitors import OWN_PAGE
from adapters.web.vouching import Vouching
from adapters.web.writing import Writing

STATIC_SECONDS = 300
SETUP = "/setup/{handle}"
UNASKED = frozenset(
    {
        *(START, ACCOUNTS, f"{ACCOUNTS}/options", CONTINUE),  # who it is comes first: policy is asked about somebody
        SIGN_OUT,  # whoever is kept out can leave
        *(SETUP, f"{SETUP}/options"),  # the first administrator, or a lost last one: nobody could let them in
    }
)
"""The pages that do not ask policy whether somebody may use Doorward; so do the ways back from a sign-in."""
Handler = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything an application takes in: `Starlette(routes=…, middleware=…, exception_handlers=…)`."""

    routes: list[BaseRoute]
    middleware: list[Middleware]
    handlers: Mapping[type[Exception], Handler]
    cookies: tuple[str, ...]
    """The names of our cookies."""


def web_site(web: Web) -> Site:
    """Our pages, with the headers and error pages that hold for the whole server. Raises `Misconfigured`."""
    pages = Pages(web)
    https = web.public_url.startswith("https:")
    headers = security_headers(https=https, sign_in_origins=web.sign_in_origins)
    return Site(
        routes=_routes(web, pages),
        middleware=[Middleware(SecurityHeaders, headers=headers)],
        handlers={HTTPException: _error_page(pages)},
        cookies=(pages.cookie.name,),
    )


def web_routes(web: Web) -> list[BaseRoute]:
    """The routes alone."""
    return _routes(web, Pages(web))


def _routes(web: Web, pages: Pages) -> list[BaseRoute]:
    signing_in = SigningIn(pages)
    viewing = Viewing(pages, signing_in)
    consenting = Consenting(pages, signing_in, viewing)
    vouching = Vouching(pages, signing_in)
    enrolling = Enrolling(pages, signing_in, consenting, vouching)
    binding = Binding(pages, signing_in, consenting)
    at_provider = ProvingProvider(pages, consenting)
    own_factors = OwnFactors(pages, signing_in, enrolling, binding, vouching)
    recovering = Recovering(pages, signing_in)
    own_page = OwnPage(pages, signing_in)
    writing = Writing(pages, signing_in)
    claiming = Claiming(pages, signing_in)
    ready = Ready(web.checks)
    shown = {
        START: signing_in.offer,
        "/consent/{handle}": consenting.show,
        "/view/{handle}": viewing.show,
        "/write/{handle}": writing.show,
        OWN_PAGE: own_factors.show,
        RECOVER: recovering.show,
        SIGN_OUT: signing_in.ask_sign_out,
        OWN_RECORDS: own_page.show,
        SETUP: claiming.show,
    }
    coming_back = {
        "/signin/callback/{provider}": signing_in.company_back,
        "/signin/{platform}/callback": signing_in.chat_back,
    }
    own = {
        "/passkey": binding.bind,
        "/passkey/begin": own_factors.begin_passkey,
        "/passkey/options": binding.options,
        "/change": own_factors.change,
        "/change/confirm": own_factors.confirm,
        "/change/options": own_factors.options,
        "/confirm": enrolling.confirm,
        "/vouch": vouching.take,
        "": enrolling.begin,
    }
    taken = {
        START: signing_in.start,
        ACCOUNTS: signing_in.decide,
        f"{ACCOUNTS}/options": signing_in.options,
        CONTINUE: signing_in.go_on,
        SIGN_OUT: signing_in.sign_out,
        f"{OWN_RECORDS}/end": own_page.end,
        SETUP: claiming.decide,
        f"{SETUP}/options": claiming.options,
        "/consent/{handle}": consenting.decide,
        "/consent/{handle}/dismiss": consenting.dismiss,
        "/consent/{handle}/provider": at_provider.begin,
        "/consent/{handle}/passkey/options": consenting.passkey_options,
        RECOVER: recovering.take,
        **{f"{base}{path}": order for base in (OWN_PAGE, f"{OWN_PAGE}/{{handle}}") for path, order in own.items()},
        "/view/{handle}": viewing.open,
        "/write/{handle}": writing.take,
        "/view/{handle}/close": viewing.close,
        "/view/{handle}/file": viewing.download,
    }
    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready.answer, methods=["GET"]),
        *[Route(path, pages.shows(page, _asks(path)), methods=["GET"]) for path, page in shown.items()],
        *[Route(path, pages.comes_back(page), methods=["GET"]) for path, page in coming_back.items()],
        *[Route(path, pages.takes(order, _asks(path)), methods=["POST"]) for path, order in taken.items()],
        Mount("/static", _Static(directory=STATIC)),
    ]


def _asks(path: str) -> Asks:
    if path in UNASKED:
        return Asks.NEVER
    first = path == OWN_PAGE or path.startswith(f"{OWN_PAGE}/")
    return Asks.WITH_ADMINISTRATOR if first else Asks.ALWAYS


class _Static(StaticFiles):
    """Static files: the one thing browsers may keep."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = f"public, max-age={STATIC_SECONDS}"
        return response


def _error_page(pages: Pages) -> Handler:
    async def handler(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.SERVICE_UNAVAILABLE
        response = pages.error(request, status, str(int(status)))
        if isinstance(error, HTTPException):
            response.headers.update(error.headers or {})
        return response

    return handler
