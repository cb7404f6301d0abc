"""A log whose records of one consent are of two actions is named at the first that differs, though its chain fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.audit import AuditEvent, AuditRecord, EventType
from bot.ports.connectors import OutcomeUnknown
from storage.audit_agreement import Agreement
from storage.audit_log import GENESIS, chained
from storage.audit_verification import Fault, FaultKind, verify

START = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
A, B = "a" * 64, "b" * 64
SHOWN, PROVEN, GIVEN, BEGUN, DONE = range(5)


def event(kind: EventType, *, correlation: str, code: str = "", digest: str = A) -> AuditEvent:
    return AuditEvent(
        time=START,
        type=kind,
        principal="https://issuer#mia",
        action="ApproveLeave",
        resource="Leave::L-1",
        decision="allow",
        correlation=correlation,
        code=code,
        digest=digest,
    )


CONSENT = (
    event(EventType.ACCESS_DECIDED, correlation="press"),
    event(EventType.PROOF_GIVEN, correlation="code", code="totp"),
    event(EventType.APPROVAL_GIVEN, correlation="proof:1"),
    event(EventType.EFFECT_INTENDED, correlation="proof:1", code="origin.press"),
    event(EventType.EFFECT_FINISHED, correlation="proof:1", code="done"),
)


def fault(events: Sequence[AuditEvent]) -> int | None:
    """The number of the first record that disagrees, in a log whose chain is made anew and fits."""
    log: list[AuditRecord] = []
    for seq, item in enumerate(events, start=1):
        previous, at = log[-1].hash if log else GENESIS, START + timedelta(seconds=seq)
        placed = replace(item, time=at)
        log.append(AuditRecord(seq=seq, event=placed, previous=previous, hash=chained(previous, placed)))
    assert verify(log) is None
    whole = Agreement().follow(log)
    # Read piece by piece it says the same.
    agreement = Agreement()
    pieces = [found for record in log if (found := agreement.follow([record])) is not None]
    assert pieces[:1] == ([whole] if whole else [])
    assert whole is None or whole == Fault(seq=whole.seq, kind=FaultKind.DISAGREES)
    return whole.seq if whole else None


def with_(position: int, **changes: object) -> list[AuditEvent]:
    changed = list(CONSENT)
    changed[position] = replace(changed[position], **changes)  # type: ignore[arg-type]
    return changed


@pytest.mark.requirement("57", "73")
def test_one_consent_and_two_of_the_same_thing_agree() -> None:
    again = [replace(item, digest=B, correlation=f"{item.correlation} again") for item in CONSENT]
    assert fault(CONSENT) is None
    assert fault([*CONSENT, *again]) is None
    assert fault([CONSENT[SHOWN], *again[:1], *CONSENT[PROVEN:], *again[1:]]) is None


@pytest.mark.requirement("57", "73")
@pytest.mark.parametrize("changes", [{"principal": "x#raj"}, {"resource": "Leave::L-2"}, {"action": "RefuseLeave"}])
@pytest.mark.parametrize("position", [PROVEN, GIVEN, BEGUN, DONE])
def test_a_digest_is_of_one_person_one_action_and_one_resource(position: int, changes: dict[str, str]) -> None:
    assert fault(with_(position, **changes)) == position + 1


@pytest.mark.requirement("57", "73")
def test_what_was_done_is_what_was_shown() -> None:
    done = [replace(item, digest=B) for item in CONSENT[GIVEN:]]
    assert fault([CONSENT[SHOWN], CONSENT[PROVEN], *done]) == BEGUN + 1


@pytest.mark.requirement("57", "73")
def test_what_ended_is_what_began_there_and_once() -> None:
    assert fault(with_(DONE, digest=B)) == DONE + 1
    assert fault(with_(DONE, correlation="proof:2")) == DONE + 1
    assert fault([*CONSENT, CONSENT[DONE]]) == DONE + 2
    open_, looked_up = replace(CONSENT[DONE], code=OutcomeUnknown.code), replace(CONSENT[DONE], code="reconciled.done")
    assert fault([*CONSENT[:DONE], open_, looked_up]) is None
    assert fault([*CONSENT[:DONE], open_, looked_up, looked_up]) == DONE + 3
    assert fault([CONSENT[SHOWN], CONSENT[DONE]]) == 2


@pytest.mark.requirement("57", "73")
def test_lines_of_a_list_were_shown_under_the_lists_digest() -> None:
    """Opened alone before, and then done in a list: what the list was shown as is its own."""
    whole = replace(CONSENT[SHOWN], digest="c" * 64, resource="Batch::1", action="")
    proven = replace(CONSENT[PROVEN], digest="c" * 64, resource="Batch::1")
    listed = replace(whole, type=EventType.BATCH_CONSENTED, correlation="proof:1")
    line = [replace(item, digest=B) for item in CONSENT[GIVEN:]]
    assert fault([CONSENT[SHOWN], whole, proven, listed, *line]) is None
    assert fault([CONSENT[SHOWN], whole, proven, *line]) is not None, "not without its consent"
    assert fault([CONSENT[SHOWN], whole, replace(proven, resource="Batch::2"), listed, *line]) == 3


def test_whoever_may_not_use_the_bot_any_more_was_shown_nothing() -> None:
    locked = replace(CONSENT[SHOWN], action="UseBot", decision="deny", correlation="proof:1")
    assert fault([*CONSENT[:GIVEN], locked]) is None
    assert fault([*CONSENT[:GIVEN], replace(locked, decision="step_up")]) == GIVEN + 1


def test_records_from_before_there_were_digests_are_compared_with_nothing() -> None:
    assert fault([replace(item, digest="") for item in CONSENT]) is None
    assert fault(with_(BEGUN, digest="")) is None, "begun before, and ended after"
    assert fault(CONSENT[BEGUN:]) is None, "shown before"
    read = [replace(item, code="", digest=B) for item in CONSENT[BEGUN:]]
    assert fault([CONSENT[SHOWN], *read]) is None, "nothing was proposed: there was nothing to consent to"
