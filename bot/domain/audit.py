"""Audit events: what happened, in the words an auditor searches by (the outside contract of DESIGN §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """What kind of thing happened; alphabetical, `subject.verb`; a retired one stays as a comment."""

    ACCESS_DECIDED = "access.decided"
    ADMINISTRATOR_OFFERED = "administrator.offered"
    ADMINISTRATOR_RECOVERED = "administrator.recovered"
    APPROVAL_CLOSED = "approval.closed"
    APPROVAL_GIVEN = "approval.given"
    APPROVAL_PRESSED = "approval.pressed"
    APPROVAL_UNREACHABLE = "approval.unreachable"
    AUTHENTICATOR_BOUND = "authenticator.bound"
    AUTHENTICATOR_FAILED = "authenticator.failed"
    AUTHENTICATOR_REMOVED = "authenticator.removed"
    BATCH_CONSENTED = "batch.consented"
    BREAK_GLASS_REVIEWED = "break_glass.reviewed"
    BREAK_GLASS_USED = "break_glass.used"
    CHANGE_CANCELLED = "change.cancelled"
    CHANGE_DONE = "change.done"
    CHANGE_PROPOSED = "change.proposed"
    ENROLMENT_CODE_USED = "enrolment_code.used"
    EFFECT_FINISHED = "effect.finished"
    EFFECT_INTENDED = "effect.intended"
    INGRESS_REJECTED = "ingress.rejected"
    INSTALLATION_MADE = "installation.made"
    INSTALLATION_REFUSED = "installation.refused"
    INSTALLATION_REMOVED = "installation.removed"
    INTEGRITY_ALARM = "integrity.alarm"
    KEYS_CHANGED = "keys.changed"
    LINK_MADE = "link.made"
    LINK_ALARM = "link.alarm"
    LINK_REFUSED = "link.refused"
    LINK_REMOVED = "link.removed"
    MESSAGE_NOT_UNDERSTOOD = "message.not_understood"
    MESSAGE_THROTTLED = "message.throttled"
    PERSON_LOCKED = "person.locked"
    PERSON_UNLOCKED = "person.unlocked"
    PROOF_GIVEN = "proof.given"
    PROOF_REFUSED = "proof.refused"
    RECOVERY_CODES_MADE = "recovery_codes.made"
    RECOVERY_CODE_USED = "recovery_codes.used"
    REVOCATION_TRIED = "revocation.tried"
    ROLE_GRANTED = "role.granted"
    ROLE_REVOKED = "role.revoked"
    CLOCK_SET_BACK = "clock.set_back"
    SESSION_ENDED = "session.ended"
    SESSION_OPENED = "session.opened"
    SIGNAL_ALARM = "signal.alarm"
    SIGNAL_RECEIVED = "signal.received"
    SIGN_IN_OFFERED = "sign_in.offered"
    SIGN_IN_REFUSED = "sign_in.refused"
    STATE_CHANGED = "state.changed"
    SYSTEM_STARTED = "system.started"
    VIEW_OPENED = "view.opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One record. `seq` and hashes are added by the log."""

    time: datetime
    type: EventType
    principal: str = ""
    """A `LinkedIdentity.key`, or empty where nobody is proven."""
    channel: str = ""
    """A `ChannelIdentity.key`, or the way in (`web`, `scheduler`, `shell`)."""
    action: str = ""
    resource: str = ""
    decision: str = ""
    """`allow`, `deny`, `step_up`, `enrol`, `sign_in`, `error` or empty."""
    rules: tuple[str, ...] = ()
    policy_hash: str = ""
    correlation: str = ""
    code: str = ""
    """A stable code of `bot.errors` or of a reason; never free text."""
    digest: str = ""
    """Of the canonical action this is about: of what was proposed, proven, granted and done. Salted, so it tells nobody
    anything of the arguments; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """An event with its place in the log."""

    seq: int
    event: AuditEvent
    previous: str
    """Hexadecimal hash of the record before."""
    hash: str
    state: Mapping[str, str] = field(default_factory=dict)
    """Rows that carry authority and were changed with it, each with a fingerprint; empty for one that is gone."""
