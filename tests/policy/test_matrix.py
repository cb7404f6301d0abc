"""Every role, action and relation to the resource against a table written by hand: a new action needs its rows."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest

from bot.capabilities.catalogue import CATALOGUE
from policy.cases import NOON, outcome
from policy.cedar import CedarEngine
from policy.engine import decide
from policy.model import (
    BreakGlassContext,
    DecisionRequest,
    Method,
    Place,
    PrincipalEntity,
    ProofContext,
    ResourceEntity,
    SessionContext,
)
from tests.policy.conftest import HERE

ROLES = ("employee", "line_manager", "hr_manager", "support_rep", "administrator", "auditor")
ME = "https://login.example#me"
PAST = frozenset(entry.action for entry in CATALOGUE if entry.breaks_glass)
GLASS = BreakGlassContext(reason=40)
SESSION = SessionContext(age_seconds=60, idp_checked_age_seconds=60, platform="slack", place=Place.DIRECT)
TOTP = ProofContext(method=Method.TOTP)
PASSKEY = ProofContext(method=Method.PASSKEY, phishing_resistant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: `yes`, `code` (after any second factor), `passkey` (after one that resists phishing), or why not."""

    action: str
    relation: str
    role: str
    expected: str


# The person themself, a report elsewhere, a colleague in the same department and region, a stranger, nothing at all.
SEEN = ResourceEntity(type="", id="2", owner="E2", manager="E9", department="sales", region="eu")
RELATIONS = {
    "own": replace(SEEN, id=ME, owner="E1"),
    "report": replace(SEEN, manager="E1", department="legal", region="us"),
    "near": SEEN,
    "far": replace(SEEN, department="support", region="us"),
    "unknown": ResourceEntity(type="", id="404"),
}


def _resource(kind: str, relation: str) -> ResourceEntity:
    state = "pending" if kind == "Leave" and relation != "unknown" else None
    return replace(RELATIONS[relation], type=kind, state=state)


def _principal(role: str) -> PrincipalEntity:
    return PrincipalEntity(
        key=ME,
        roles=frozenset({"employee", role}),
        department="sales",
        region="eu",
        employee="E1",
        locked=False,
        scopes={role: frozenset({"sales"})},
    )


def _cells() -> Iterator[Cell]:
    with (HERE / "matrix.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            relations = list(RELATIONS) if row["relation"] == "any" else row["relation"].split("|")
            for relation, role in product(relations, ROLES):
                yield Cell(action=row["action"], relation=relation, role=role, expected=row[role])


CELLS = tuple(_cells())


@pytest.mark.requirement("52")
def test_the_table_has_every_action_relation_and_role_once(engine: CedarEngine) -> None:
    written = [(cell.action, cell.relation, cell.role) for cell in CELLS]
    assert sorted(written) == sorted(product(engine.actions, RELATIONS, ROLES))


@pytest.mark.parametrize("action", sorted({cell.action for cell in CELLS}))
def test_each_cell_is_decided_as_written(engine: CedarEngine, action: str) -> None:
    wrong = []
    for cell in (cell for cell in CELLS if cell.action == action):
        for kind in engine.actions[action]:
            request = DecisionRequest(
                principal=_principal(cell.role),
                action=action,
                resource=_resource(kind, cell.relation),
                session=SESSION,
                break_glass=GLASS if action in PAST else None,
                now=NOON,
            )
            told = outcome(decide(engine, request, producible=[TOTP, PASSKEY]))
            needs = "code" if Method.TOTP in (told.methods or ()) else "passkey"
            got = {"permit": "yes", "step_up": needs}.get(told.decision, told.reason)
            if got != cell.expected:
                wrong.append(f"{cell.role} {cell.relation} {kind}: expected {cell.expected}, got {got}")
    assert wrong == []
