"""Whether the records of one consent are of one action: what was shown, what was proven, what was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.domain.audit import AuditEvent, AuditRecord, EventType
from bot.ports.connectors import OutcomeUnknown
from storage.audit_verification import Fault, FaultKind

OF_AN_ACTION = frozenset(
    {
        EventType.ACCESS_DECIDED,
        EventType.APPROVAL_GIVEN,
        EventType.BATCH_CONSENTED,
        EventType.EFFECT_FINISHED,
        EventType.EFFECT_INTENDED,
        EventType.PROOF_GIVEN,
        EventType.PROOF_REFUSED,
    }
)
"""Whose digest is that of the action they name."""

FROM_A_PROPOSAL = "origin."
"""How the code of an effect begins that was shown and consented to before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What a digest was first said to be of."""

    principal: str
    action: str
    resource: str

    def contradicts(self, event: AuditEvent) -> bool:
        """Whether the event says something else; a list's own record leaves the action open."""
        other = bool(self.action and event.action) and self.action != event.action
        return other or self.principal != event.principal or self.resource != event.resource


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The last time that somebody was shown an action on a resource."""

    seq: int
    digests: frozenset[str]
    """All that were shown of it so far."""


@dataclass(slots=True)
class Agreement:
    """Follows a log, and compares the records of one consent with each other.

    1. a digest is over who, what and on which resource: each record that carries it names the same;
    2. an effect ends once, with the digest it began with in the same correlation;
    3. what was consented to is what was shown: an effect that comes from a proposal has a digest that was shown to
       that person for that action and resource, where one was.

    The chain alone does not say so: whoever writes it anew from one record on makes it fit again. A record without a
    digest (from before there were any) is compared with nothing. The lines of a list that was consented to are held
    to (1) and (2): the list's digest is over theirs, and `doorward effects show` compares those.
    """

    _named: dict[str, _Named] = field(default_factory=dict)
    _begun: set[tuple[str, str]] = field(default_factory=set)
    _shown: dict[_Named, _Shown] = field(default_factory=dict)
    _listed: dict[str, int] = field(default_factory=dict)

    def follow(self, records: Iterable[AuditRecord]) -> Fault | None:
        """The first record, in order, that is of another action than those it belongs to; None where there is none."""
        for record in records:
            event = record.event
            if event.type not in OF_AN_ACTION or _refused_before(event):
                continue
            if event.type is EventType.EFFECT_INTENDED and not event.digest:
                # What began before there were digests may end with one.
                self._begun.add((event.correlation, ""))
            elif event.digest and not self._agrees(record.seq, event):
                return Fault(seq=record.seq, kind=FaultKind.DISAGREES)
        return None

    def _agrees(self, seq: int, event: AuditEvent) -> bool:
        said = _Named(principal=event.principal, action=event.action, resource=event.resource)
        # (1): one digest, one action
        first = self._named.setdefault(event.digest, said)
        if first.contradicts(event):
            return False
        if not first.action:
            self._named[event.digest] = said
        match event.type:
            case EventType.ACCESS_DECIDED:
                before = self._shown.get(said)
                digests = frozenset((event.digest,)) | (before.digests if before else frozenset())
                self._shown[said] = _Shown(seq=seq, digests=digests)
            case EventType.BATCH_CONSENTED:
                self._listed[event.principal] = seq
            case EventType.EFFECT_INTENDED:
                self._begun.add((event.correlation, event.digest))
                return self._was_shown(said, event)
            case EventType.EFFECT_FINISHED:
                # (2): begun, and not ended before; what a system left open ends when it is looked up
                begun = (event.correlation, event.digest)
                known = begun in self._begun or (event.correlation, "") in self._begun
                if event.code != OutcomeUnknown.code:
                    self._begun.discard(begun)
                return known
        return True

    def _was_shown(self, said: _Named, event: AuditEvent) -> bool:
        shown = self._shown.get(said)
        if shown is None or not event.code.startswith(FROM_A_PROPOSAL):
            return True
        # (3): as shown, or a line of a list since
        return event.digest in shown.digests or self._listed.get(event.principal, 0) > shown.seq


def _refused_before(event: AuditEvent) -> bool:
    """Nothing was shown: the refusal may be of another action (of using the bot at all) than what waited."""
    return event.type is EventType.ACCESS_DECIDED and event.decision == "deny"
