"""Canaille as a WSGI application: configuration, the demo's accounts and client, and the pages' small changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

import canaille
import jinja2
from canaille.app import models
from canaille.backends import Backend
from flask import Flask, Response, request

from adapters.idp.demo.configuration import ChildConfiguration, provider_settings
from adapters.idp.demo.cookies import PersonCookies
from adapters.idp.demo.people import BY_USERNAME, PASSWORD, PEOPLE, DemoPerson, subject_of
from adapters.idp.demo.reauthentication import AUTHORIZE_PATH, ForcedAuthentication
from adapters.idp.demo.wrapping import Directory, wrap

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TEMPLATES = Path(__file__).parent / "templates"


class DemoApplication:
    """The provider and what may be changed in it while it runs; one request or change at a time."""

    def __init__(self, configuration: ChildConfiguration) -> None:
        self._directory: Directory = dict(BY_USERNAME)
        wrap(self._directory, configuration.issuer, subject_of)
        self._flask: Flask = canaille.create_app(provider_settings(configuration))
        self._lock = Lock()
        _adapt_pages(self._flask)
        with self._flask.app_context():
            _seed(configuration)
        self._wsgi = PersonCookies(ForcedAuthentication(self._flask))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; the memory backend is not made for threads."""
        with self._lock:
            body = self._wsgi(environ, start_response)
            try:
                return [b"".join(body)]
            finally:
                getattr(body, "close", lambda: None)()

    def disable(self, username: str) -> None:
        """Lock an account as an administrator of the provider would; raises KeyError for an unknown one."""
        self._set_lock(username, dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))

    def enable(self, username: str) -> None:
        """Unlock an account; raises KeyError for an unknown one."""
        self._set_lock(username, None)

    def change(self, username: str, **fields: Any) -> None:
        """Change what the directory says of a person (roles, department, region); raises KeyError, TypeError."""
        with self._lock:
            self._directory[username] = replace(self._directory[username], **fields)

    def _set_lock(self, username: str, since: dt.datetime | None) -> None:
        with self._lock, self._flask.app_context():
            user = Backend.instance.get(models.User, user_name=self._directory[username].username)
            user.lock_date = since
            Backend.instance.save(user)


def _seed(configuration: ChildConfiguration) -> None:
    for person in PEOPLE:
        _add_person(person)
    for name in sorted({group for person in PEOPLE for group in person.groups}):
        members = [_user(person) for person in PEOPLE if name in person.groups]
        Backend.instance.save(models.Group(display_name=name, members=members))
    _add_client(configuration)


def _add_person(person: DemoPerson) -> None:
    user = models.User(
        id=person.subject,
        user_name=person.username,
        password=PASSWORD,
        formatted_name=person.name,
        given_name=person.given_name,
        family_name=person.family_name,
        display_name=person.name,
        emails=[person.email],
        department=person.department,
        employee_number=person.employee_number,
    )
    Backend.instance.save(user)


def _user(person: DemoPerson) -> Any:
    return Backend.instance.get(models.User, user_name=person.username)


def _add_client(configuration: ChildConfiguration) -> None:
    client = models.Client(
        client_id=configuration.client_id,
        client_secret=configuration.client_secret,
        client_name="Doorward",
        client_uri=f"http://{configuration.host}",  # a trusted domain: no consent page between people and the answer
        client_id_issued_at=dt.datetime.now(dt.UTC),
        redirect_uris=list(configuration.redirect_uris),
        post_logout_redirect_uris=list(configuration.redirect_uris),
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_post",
        id_token_signed_response_alg="RS256",
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)


def _adapt_pages(application: Flask) -> None:
    originals: Any = application.jinja_loader
    application.jinja_loader = jinja2.ChoiceLoader(
        [jinja2.FileSystemLoader(TEMPLATES), jinja2.PrefixLoader({"canaille": originals}), originals]
    )
    application.context_processor(lambda: {"demo_people": PEOPLE, "demo_password": PASSWORD})
    application.after_request(_go_to_the_person)


def _go_to_the_person(response: Response) -> Response:
    """Skip the page that asks for a name when the request or the playground says whose it is."""
    if request.path == AUTHORIZE_PATH and response.location in ("/login", f"{request.host_url}login"):
        hint = parse_qs(request.query_string.decode()).get("login_hint", [""])[0]
        username = hint if hint in BY_USERNAME else request.environ["doorward.demo_person"]
        if username in BY_USERNAME:
            response.location = f"/login/{quote(username)}"
    return response
