"""The demo provider's parts that need no process: cookies, forced authentication, people, wrapped targets."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import parse_qs

import pytest
from canaille.oidc import provider

from adapters.connectors.demo.people import PEOPLE as EMPLOYEES
from adapters.idp.demo.__main__ import answer
from adapters.idp.demo.configuration import ChildConfiguration, provider_settings
from adapters.idp.demo.cookies import inward, outward, person_of, read_cookies
from adapters.idp.demo.people import BY_USERNAME, PEOPLE, subject_of
from adapters.idp.demo.reauthentication import forced
from adapters.idp.demo.wrapping import CANAILLE_VERSION, WrappedTargetMissing, assert_targets
from adapters.idp.demo_provider import HOST, DemoProvider
from bot.domain.identity import Role


@pytest.mark.parametrize(
    ("header", "person"),
    [
        ("demo_person=john", "john"),
        ("a=b; demo_person=mia", "mia"),
        ("", "guest"),
        ("demo_person=", "guest"),
        ("demo_person=../x", "guest"),
        ("demo_person=JOHN", "guest"),
        ("demo_person=" + "a" * 40, "guest"),
        ("demo_person=a%0d%0a", "guest"),
    ],
)
def test_the_person_is_read_from_the_playgrounds_cookie(header: str, person: str) -> None:
    assert person_of(read_cookies(header)) == person


def test_the_provider_sees_one_persons_session_only() -> None:
    cookies = read_cookies("idp_session_john=J; idp_session_mia=M; provider_session=forged; other=1")
    assert inward(cookies, "john") == "provider_session=J"
    assert inward(cookies, "mia") == "provider_session=M"
    assert inward(cookies, "sue") == ""


def test_the_session_goes_out_under_the_persons_name_with_its_attributes() -> None:
    assert outward("provider_session=S; HttpOnly; Path=/", "john") == "idp_session_john=S; HttpOnly; Path=/"
    assert outward("canaille_login_history=H", "mia") == "idp_history_mia=H"
    assert outward("lang=de", "mia") == "lang=de"


@pytest.mark.parametrize("query", ["max_age=0&state=s", "state=s&max_age=5", "max_age=0&prompt=none&state=s"])
def test_an_age_nobody_can_meet_becomes_a_login(query: str) -> None:
    assert parse_qs(forced(query)) == {"state": ["s"], "prompt": ["login"]}


@pytest.mark.parametrize("query", ["max_age=6&state=s", "state=s", "max_age=x", "max_age=-1", "", "max_age="])
def test_any_other_request_stays_as_it_is(query: str) -> None:
    assert forced(query) == query


def test_people_have_known_roles_and_managers_and_stable_opaque_subjects() -> None:
    assert {role for person in PEOPLE for role in person.roles} == {role.value for role in Role}
    assert all(person.manager is None or person.manager in BY_USERNAME for person in PEOPLE)
    assert all(person.manager != person.username for person in PEOPLE)
    assert len({person.subject for person in PEOPLE} | {person.employee_number for person in PEOPLE}) == 2 * len(PEOPLE)
    assert subject_of("john") == "acd4fcf9-c58a-5125-bd60-d283dac8d3ed", "links in a kept demo database name it"


def test_the_directory_and_the_demo_backend_know_the_same_people() -> None:
    """Adapters do not import each other, so both have a list; the company has one."""
    numbers = {person.username: person.employee_number for person in PEOPLE}
    ours = {
        (person.username, person.employee_number, person.name, person.department, person.region): (
            numbers[person.manager] if person.manager else None
        )
        for person in PEOPLE
    }
    theirs = {(seed.username, seed.id, seed.name, seed.department, seed.region): seed.manager for seed in EMPLOYEES}
    assert ours == theirs


def test_the_wrapped_release_is_the_pinned_one() -> None:
    assert CANAILLE_VERSION in json.dumps(["0.3.6"])
    assert_targets()


def test_a_target_that_went_away_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(provider, "generate_user_claims")
    with pytest.raises(WrappedTargetMissing, match="generate_user_claims"):
        assert_targets()


class Steered:
    """Takes the orders a running provider would."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def disable(self, username: str) -> None:
        self.seen.append(("disable", BY_USERNAME[username].username))

    def advance(self, seconds: float) -> None:
        self.seen.append(("advance", seconds))


def test_orders_are_obeyed_and_nonsense_is_answered() -> None:
    steered: Any = Steered()
    assert answer(steered, steered, '{"command": "disable", "username": "john"}') == {"ok": True}
    assert answer(steered, steered, '{"command": "advance", "seconds": 60}') == {"ok": True}
    for line in ("", "x", "[]", "{}", '{"command": "disable"}', '{"command": "disable", "username": "nobody"}'):
        assert answer(steered, steered, line)["ok"] is False
    assert steered.seen == [("disable", "john"), ("advance", 60)]


def test_the_configuration_travels_as_one_line_and_leaves_nothing_to_guess() -> None:
    configuration = ChildConfiguration(
        listening_fd=3,
        host="127.0.0.1",
        port=4711,
        issuer="https://idp.doorward.invalid/demo",
        client_id="doorward",
        client_secret="s",
        secret_key="k",
        redirect_uris=("http://127.0.0.1:9/cb",),
        ahead_seconds=0.0,
    )
    line = configuration.to_line()
    assert "\n" not in line
    assert ChildConfiguration.from_line(line) == configuration
    settings = provider_settings(configuration)["CANAILLE"]
    assert (settings["DATABASE"], settings["SMTP"], settings["SMPP"], settings["SENTRY_DSN"]) == (
        "memory",
        None,
        None,
        None,
    )


def test_a_taken_port_is_reported_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            DemoProvider.start(port=taken.getsockname()[1])
