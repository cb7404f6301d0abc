"""Whatever is changed after consent, of whatever capability: proof, proposal and grant are of another action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from bot.capabilities.catalogue import CATALOGUE
from bot.capabilities.model import Capability
from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.grant import Grant
from bot.domain.identity import Principal, principal_of
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.proposal import Proposal, Shown
from bot.errors import IntegrityAlarm, NotAllowed
from bot.ports.database import Transaction
from bot.services import step_up
from bot.services.sessions import remember_person
from tests.fakes.chat import direct
from tests.fakes.world import World

SALT = "0" * 32


def values_of(field: FieldInfo) -> tuple[Any, Any]:
    """Two values that a field of an arguments model may have."""
    return _values(field.annotation)


def _values(kind: Any) -> tuple[Any, Any]:
    if get_origin(kind) in (Union, UnionType):
        return _values(next(one for one in get_args(kind) if one is not type(None)))
    if get_origin(kind) is Literal:
        first, second, *_ = get_args(kind)
        return first, second
    if kind is bool:
        return False, True
    if kind is date:
        return "2026-12-21", "2026-12-22"
    return tuple(kind)[:2] if hasattr(kind, "__members__") else ("one", "two")


def action_of(entry: Capability, who: Principal) -> CanonicalAction:
    arguments = {name: str(values_of(entry.arguments.model_fields[name])[0]) for name in entry.canonical}
    return CanonicalAction(
        principal=who.key,
        capability=entry.name,
        action=entry.action,
        resource=ResourceRef(type=entry.resource_type, id="R-1"),
        arguments=dict(arguments),
        salt=SALT,
    )


def changes(entry: Capability, signed: CanonicalAction) -> Iterator[tuple[str, CanonicalAction]]:
    """The action with each of its fields changed, one at a time; and with an argument more or less."""
    yield "principal", replace(signed, principal=signed.principal + "x")
    yield "capability", replace(signed, capability="another")
    yield "action", replace(signed, action="Another")
    yield "resource type", replace(signed, resource=replace(signed.resource, type="Another"))
    yield "resource id", replace(signed, resource=replace(signed.resource, id="R-2"))
    yield "salt", replace(signed, salt="1" * 32)
    yield "one more", replace(signed, arguments={**signed.arguments, "more": "x"})
    for name in entry.canonical:
        other = str(values_of(entry.arguments.model_fields[name])[1])
        yield name, replace(signed, arguments={**signed.arguments, name: other})
        yield f"{name} empty", replace(signed, arguments={**signed.arguments, name: None})
        less = {key: value for key, value in signed.arguments.items() if key != name}
        yield f"without {name}", replace(signed, arguments=less)


@pytest.mark.requirement("47", "57")
async def test_every_field_of_every_capability_changed_after_consent_makes_it_another_action(here: World) -> None:
    fields = {field for entry in CATALOGUE for field in entry.canonical}
    assert {"start", "end", "note", "role", "scope", "substitute", "status"} <= fields

    def work(tx: Transaction) -> list[str]:
        return [f"{entry.name}: {found}" for entry in CATALOGUE for found in accepted(here, tx, entry)]

    assert await here.database.write(work) == []


NAMING = frozenset({"customer", "leave", "month", "person", "ticket"})
"""Arguments that only say which resource is meant: the resource itself is signed."""
UNUSED = {(name, "note") for name in ("answer_about_leave", "ask_about_leave", "change_leave", "view_leave")} | {
    ("withdraw_leave", "note")
}
"""Understood, so that a sentence with more words in it is taken, and used for nothing."""


@pytest.mark.requirement("47", "57")
def test_no_capability_has_an_argument_that_is_neither_signed_nor_the_resource() -> None:
    """What is added to the catalogue is in the test above; what it is asked with has to be in what is signed."""
    unsigned = {(one.name, name) for one in CATALOGUE for name in set(one.arguments.model_fields) - set(one.canonical)}
    assert {(capability, name) for capability, name in unsigned if name not in NAMING} == UNUSED
    for entry in CATALOGUE:
        assert set(entry.canonical) <= set(entry.arguments.model_fields), entry.name
        same = [name for name in entry.canonical if len(set(values_of(entry.arguments.model_fields[name]))) != 2]
        assert not same, f"{entry.name}: a changed value of {same} would be the same one"


@pytest.mark.requirement("47", "57")
def test_what_is_signed_of_the_gravest_is_every_word_of_it() -> None:
    signed = {entry.name: set(entry.canonical) for entry in CATALOGUE}
    assert signed["change_bank_account"] == {"iban"}
    assert signed["name_substitute"] >= {"substitute", "start", "end"}
    assert signed["break_glass"] == {"reason"}
    assert signed["review_break_glass"] == {"use", "finding", "reason"}
    assert signed["grant_role"] == {"role", "scope"}
    assert signed["revoke_role"] == {"role"}
    assert signed["approve_leave"] == signed["refuse_leave"] == {"note"}


def accepted(here: World, tx: Transaction, entry: Capability) -> Iterator[str]:
    """What of the signed action's would be good for a changed one."""
    now, mint = here.clock.now(), here.core.outside.mint
    person = remember_person(tx, "test", here.directory.sign_in("john").claims, now)
    who = principal_of(person, (), now)
    signed = action_of(entry, who)
    step_up.prove(
        tx, who.identity, method=ProofMethod.PASSKEY, kind=ConsentKind.PER_ACTION, binding=signed.digest, now=now
    )
    grant = mint.issue(grant_id="g", principal=who, action=signed, policy_hash="p", correlation="c", now=now)
    # What was signed is good for itself: without that nothing below would say anything.
    assert tx.proofs.unspent(who.identity, signed.digest, now=now) is not None
    mint.verify(grant, now)
    for field, changed in changes(entry, signed):
        if changed.digest == signed.digest or tx.proofs.unspent(who.identity, changed.digest, now=now) is not None:
            yield f"{field}: the proof"
        if _granted(here, replace(grant, action=changed)):
            yield f"{field}: the grant"
        if _granted(here, replace(grant, action=changed, digest=changed.digest)):
            yield f"{field}: the grant with its digest"
        if _proposed(tx, here, who, signed, changed):
            yield f"{field}: the proposal"


def _granted(here: World, grant: Grant) -> bool:
    try:
        here.core.outside.mint.verify(grant, here.clock.now())
    except NotAllowed:
        return False
    return True


def _proposed(tx: Transaction, here: World, who: Principal, signed: CanonicalAction, changed: CanonicalAction) -> bool:
    """Whether a proposal that shows one action can carry another, even written by us."""
    now, channel = here.clock.now(), here.channel("john")
    proposal = Proposal(
        id=changed.digest[:32],
        identity=who.identity,
        channel=channel,
        place=direct(channel),
        action=changed,
        digest=signed.digest,
        shown=Shown(headline="x"),
        facts_version="1",
        confirmed=True,
        method=None,
        methods=(),
        consent=ConsentKind.PER_ACTION,
        reading_set="",
        confidential=False,
        source=None,
        created_at=now,
        until=now + timedelta(minutes=5),
        origin="command",
    )
    tx.proposals.insert(proposal)
    try:
        return tx.proposals.find(proposal.id) is not None
    except IntegrityAlarm:
        return False
