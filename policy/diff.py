"""What two sets of policies answer differently, over requests whose values come from the policies' own literals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from policy.cases import NOON, Outcome, outcome
from policy.cedar import CedarEngine
from policy.engine import EVERY_PROOF
from policy.model import (
    EVERY_DEPARTMENT,
    DecisionRequest,
    Place,
    PrincipalEntity,
    ProofContext,
    ResourceEntity,
    SessionContext,
)

_ME = "me"
_SESSION = SessionContext(age_seconds=60, idp_checked_age_seconds=60, platform="slack", place=Place.DIRECT)
_SEEN = ResourceEntity(type="", id="2", owner="E2", manager="E9", department="mine", region="mine", state="pending")
_RELATIONS = (
    replace(_SEEN, id=_ME, owner="E1"),
    replace(_SEEN, manager="E1", department="other", region="other"),
    _SEEN,
    replace(_SEEN, department="other", region="other"),
    replace(_SEEN, owner=None),
    ResourceEntity(type="", id="404"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One request on which the two sets do not agree."""

    request: DecisionRequest
    before: Outcome
    after: Outcome


def differences(before: CedarEngine, after: CedarEngine) -> Iterator[Difference]:
    """Every request of the space that the two answer differently, reasons and obligations included.

    Only actions that a changed policy concerns are searched. A space made from literals finds a moved boundary, a
    changed role, action, annotation or condition; it is a search, not a proof that there is no other difference.
    """
    for request in space((before, after), before.unlike(after)):
        first, second = outcome(before.evaluate(request)), outcome(after.evaluate(request))
        if first != second:
            yield Difference(request=request, before=first, after=second)


def space(engines: Sequence[CedarEngine], actions: Iterable[str]) -> Iterator[DecisionRequest]:
    """The requests to compare on: each action by each role in each relation, and around every literal."""
    for action in sorted(actions):
        kinds = {kind for engine in engines for kind in engine.actions.get(action, ())}
        for role in sorted({rule.role or "employee" for engine in engines for rule in engine.rules_for(action)}):
            for kind in sorted(kinds):
                yield from _around(_request(action, role, kind), engines)


def _request(action: str, role: str, kind: str) -> DecisionRequest:
    me = PrincipalEntity(
        key=_ME,
        roles=frozenset({"employee", role}),
        department="mine",
        region="mine",
        employee="E1",
        locked=False,
        scopes={role: frozenset({"mine"})},
    )
    resource = replace(_SEEN, type=kind)
    return DecisionRequest(principal=me, action=action, resource=resource, session=_SESSION, now=NOON)


def _around(request: DecisionRequest, engines: Sequence[CedarEngine]) -> Iterator[DecisionRequest]:
    for relation in _RELATIONS:
        there = replace(request, resource=replace(relation, type=request.resource.type))
        for proof in (None, *_proofs(engines)):
            proven = replace(there, proof=proof)
            yield proven
            yield from _other_principals(proven)
            yield from _other_states(proven, engines)
        yield from _other_ages(there, engines)


def _proofs(engines: Sequence[CedarEngine]) -> Iterator[ProofContext]:
    yield from EVERY_PROOF
    for address in sorted({address for engine in engines for address in engine.addresses}):
        yield replace(EVERY_PROOF[0], src_ip=address)


def _other_principals(request: DecisionRequest) -> Iterator[DecisionRequest]:
    me = request.principal
    everywhere = {role: frozenset({EVERY_DEPARTMENT}) for role in me.scopes}
    for other in (
        replace(me, locked=True),
        replace(me, has_passkey=True),
        replace(me, employee=None),
        replace(me, roles=frozenset()),
        replace(me, scopes={}),
        replace(me, scopes=everywhere),
    ):
        yield replace(request, principal=other)


def _other_states(request: DecisionRequest, engines: Sequence[CedarEngine]) -> Iterator[DecisionRequest]:
    if request.resource.state is None:
        return
    for state in sorted({text for engine in engines for text in engine.strings} - {"", EVERY_DEPARTMENT}):
        yield replace(request, resource=replace(request.resource, state=state))
    yield replace(request, resource=replace(request.resource, state="neither"))


def _other_ages(request: DecisionRequest, engines: Sequence[CedarEngine]) -> Iterator[DecisionRequest]:
    literals = {number for engine in engines for number in engine.numbers}
    for age in sorted({near for number in literals for near in (number - 1, number, number + 1)}):
        yield replace(request, session=replace(request.session, age_seconds=age))
        yield replace(request, session=replace(request.session, idp_checked_age_seconds=age))
        yield replace(request, resource=replace(request.resource, amount=age))
        yield replace(request, proof=replace(EVERY_PROOF[0], age_seconds=age))
