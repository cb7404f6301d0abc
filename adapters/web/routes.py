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
from adapters.web.pages import OWN_RECORDS, Asks, Order, Page, Pages
from adapters.web.proving_provider import ProvingProvider
from adapters.web.recovering import RECOVER, Recovering
from adapters.web.signing_in import ACCOUNTS, CONTINUE, SIGN_OUT, START, SigningIn
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


class _Desks:
    """Who answers on the pages, each made once."""

    def __init__(self, web: Web, pages: Pages) -> None:
        self.ready = Ready(web.checks)
        self.signing_in = SigningIn(pages)
        self.viewing = Viewing(pages, self.signing_in)
        self.consenting = Consenting(pages, self.signing_in, self.viewing)
        self.vouching = Vouching(pages, self.signing_in)
        self.enrolling = Enrolling(pages, self.signing_in, self.consenting, self.vouching)
        self.binding = Binding(pages, self.signing_in, self.consenting)
        self.at_provider = ProvingProvider(pages, self.consenting)
        self.own_factors = OwnFactors(pages, self.signing_in, self.enrolling, self.binding, self.vouching)
        self.recovering = Recovering(pages, self.signing_in)
        self.own_page = OwnPage(pages, self.signing_in)
        self.writing = Writing(pages, self.signing_in)
        self.claiming = Claiming(pages, self.signing_in)


def _routes(web: Web, pages: Pages) -> list[BaseRoute]:
    desks = _Desks(web, pages)
    coming_back = {
        "/signin/callback/{provider}": desks.signing_in.company_back,
        "/signin/{platform}/callback": desks.signing_in.chat_back,
    }
    taken = {**_sign_in_orders(desks), **_action_orders(desks), **_factor_orders(desks)}
    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", desks.ready.answer, methods=["GET"]),
        *[Route(path, pages.shows(page, _asks(path)), methods=["GET"]) for path, page in _shown(desks).items()],
        *[Route(path, pages.comes_back(page), methods=["GET"]) for path, page in coming_back.items()],
        *[Route(path, pages.takes(order, _asks(path)), methods=["POST"]) for path, order in taken.items()],
        Mount("/static", _Static(directory=STATIC)),
    ]


def _shown(desks: _Desks) -> dict[str, Page]:
    """What a GET shows; it changes nothing."""
    return {
        START: desks.signing_in.offer,
        "/consent/{handle}": desks.consenting.show,
        "/view/{handle}": desks.viewing.show,
        "/write/{handle}": desks.writing.show,
        OWN_PAGE: desks.own_factors.show,
        f"{OWN_PAGE}/change": desks.own_factors.back_from_provider,
        f"{OWN_PAGE}/{{handle}}/change": desks.own_factors.back_from_provider,
        RECOVER: desks.recovering.show,
        SIGN_OUT: desks.signing_in.ask_sign_out,
        OWN_RECORDS: desks.own_page.show,
        SETUP: desks.claiming.show,
    }


def _sign_in_orders(desks: _Desks) -> dict[str, Order]:
    """Signing in and out, one's own sessions, and the first administrator's link."""
    return {
        START: desks.signing_in.start,
        ACCOUNTS: desks.signing_in.decide,
        f"{ACCOUNTS}/options": desks.signing_in.options,
        CONTINUE: desks.signing_in.go_on,
        SIGN_OUT: desks.signing_in.sign_out,
        f"{OWN_RECORDS}/end": desks.own_page.end,
        SETUP: desks.claiming.decide,
        f"{SETUP}/options": desks.claiming.options,
    }


def _action_orders(desks: _Desks) -> dict[str, Order]:
    """An action that waits, and the values it opens."""
    return {
        "/consent/{handle}": desks.consenting.decide,
        "/consent/{handle}/dismiss": desks.consenting.dismiss,
        "/consent/{handle}/provider": desks.at_provider.begin,
        "/consent/{handle}/passkey/options": desks.consenting.passkey_options,
        "/view/{handle}": desks.viewing.open,
        "/write/{handle}": desks.writing.take,
        "/view/{handle}/close": desks.viewing.close,
        "/view/{handle}/file": desks.viewing.download,
    }


def _factor_orders(desks: _Desks) -> dict[str, Order]:
    """One's own factors, on their own page and where an action waits for one; recovery codes, on their own alone."""
    own: dict[str, Order] = {
        "/passkey": desks.binding.bind,
        "/passkey/begin": desks.own_factors.begin_passkey,
        "/passkey/options": desks.binding.options,
        "/change": desks.own_factors.change,
        "/change/provider": desks.own_factors.to_provider,
        "/change/confirm": desks.own_factors.confirm,
        "/change/options": desks.own_factors.options,
        "/confirm": desks.enrolling.confirm,
        "/vouch": desks.vouching.take,
        "": desks.enrolling.begin,
    }
    bases = (OWN_PAGE, f"{OWN_PAGE}/{{handle}}")
    # Before the pages with a handle, or `recover` would be taken for one.
    return {RECOVER: desks.recovering.take} | {f"{base}{path}": order for base in bases for path, order in own.items()}


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
        # Whoever guesses addresses costs no look into the database: the link is everybody's own page.
        back_url = OWN_RECORDS if status == HTTPStatus.NOT_FOUND else ""
        response = pages.error(request, status, str(int(status)), back_url=back_url)
        if isinstance(error, HTTPException):
            response.headers.update(error.headers or {})
        return response

    return handler
