"""Routes of approvals: what a company writes, what comes of it, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

import pytest

from bot.bootstrap.routing import route_problems, routes
from bot.domain.answer import ApprovalRequest
from bot.domain.approval import AddressKind
from bot.domain.identity import Platform
from bot.errors import Misconfigured
from bot.settings.tree import Settings, load

SLACK = {
    "DOORWARD_SLACK__TEAM_IDS": "T1",
    "DOORWARD_SLACK__HR_CHANNEL": "C9",
}


def settings(*given: Mapping[str, object], **environ: str) -> Settings:
    return load({**SLACK, "DOORWARD_APPROVALS__ROUTES": json.dumps(given), **environ})


def request(**changes: object) -> ApprovalRequest:
    known: dict[str, object] = {
        "about": "Leave::L-1",
        "subject_name": "John",
        "owner": "E1",
        "start": date(2026, 12, 21),
        "end": date(2026, 12, 23),
        "kind": "",
        "note": "",
        "approver": "E2",
        "by_hr": False,
        "leave_type": "paid",
        "days": 3,
        "department": "sales",
        "region": "eu",
    }
    return ApprovalRequest(**{**known, **changes})  # type: ignore[arg-type]  # the test names the fields


def test_the_first_route_that_fits_is_taken() -> None:
    made = routes(
        settings(
            {"department": ["sales"], "longer_than": 10, "stages": ["manager", "hr"]},
            {"type": "unpaid, sick", "region": "eu", "stages": [["slack:C1", "person:Mia"]]},
            {"stages": ["manager"]},
        ),
        {},
    )
    kinds = [
        [[address.kind for address in stage] for stage in made.stages(asked)]
        for asked in (request(days=11), request(days=10), request(leave_type="sick"), request(region="us"))
    ]
    manager, hr = [AddressKind.MANAGER], [AddressKind.HR]
    assert kinds == [[manager, hr], [manager], [[AddressKind.PLACE, AddressKind.PERSON]], [manager]]
    place, person = made.rules[1].stages[0]
    assert place.place is not None
    assert (place.place.platform, place.place.tenant, place.place.conversation) == (Platform.SLACK, "T1", "C1")
    assert person.person == "mia"


def test_without_routes_the_manager_is_asked_and_then_hr() -> None:
    made = routes(load({}), {})
    assert [[address.kind for address in stage] for stage in made.stages(request())] == [
        [AddressKind.MANAGER],
        [AddressKind.HR],
    ]


def test_routes_that_are_right_have_no_problem() -> None:
    assert list(route_problems(settings({"longer_than": 10, "stages": ["manager", "hr"]}, {"stages": ["hr"]}))) == []
    assert list(route_problems(load({}))) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([{"stages": ["boss"]}], "'boss' is none of manager, hr"),
        ([{"stages": ["managr"]}], "did you mean manager?"),
        ([{"stages": ["slak:C1"]}], "did you mean slack?"),
        ([{"capability": "request_leaves", "stages": ["hr"]}], "did you mean request_leave?"),
        ([{"stages": ["slack:"]}], "'slack:' names nobody"),
        ([{"stages": ["teams:19:x@thread.tacv2"]}], "on teams, which is not connected"),
        ([{"stages": ["discord:1"]}], "'discord:1' is none of"),
        ([{"capability": "view_payslip", "stages": ["hr"]}], "view_payslip is put to nobody else"),
        ([{"capability": "fly", "stages": ["hr"]}], "fly is no capability"),
        ([{"stages": ["hr"]}, {"department": "sales", "stages": ["manager"]}], "route 2 can never match: route 1"),
        (
            [{"longer_than": 5, "stages": ["hr"]}, {"longer_than": 10, "stages": ["manager"]}],
            "route 2 can never match: route 1",
        ),
        (
            [{"type": "paid,sick", "stages": ["hr"]}, {"type": "sick", "stages": ["manager"]}],
            "route 2 can never match: route 1",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_route(given: list[Mapping[str, object]], told: str) -> None:
    (problem,) = route_problems(settings(*given))
    assert problem.startswith("DOORWARD_APPROVALS__ROUTES: route ")
    assert told in problem


def test_a_route_that_is_narrower_in_something_can_match() -> None:
    given = settings(
        {"department": "sales", "longer_than": 10, "stages": ["hr"]}, {"department": "sales", "stages": ["hr"]}
    )
    assert list(route_problems(given)) == []


def test_without_a_channel_of_hrs_there_is_no_fallback() -> None:
    (problem,) = route_problems(settings({"stages": ["manager"]}, DOORWARD_SLACK__HR_CHANNEL=""))
    assert "has no fallback: set DOORWARD_SLACK__HR_CHANNEL" in problem


@pytest.mark.parametrize("written", ["nonsense", '[{"stages": []}]', '[{"stages": [[]]}]', '[{"to": "hr"}]'])
def test_what_is_no_route_is_refused_by_name(written: str) -> None:
    with pytest.raises(Misconfigured, match="DOORWARD_APPROVALS__ROUTES"):
        load({**SLACK, "DOORWARD_APPROVALS__ROUTES": written})
