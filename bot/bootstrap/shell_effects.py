"""The whole story of one effect: asked for, shown, consented to, decided, granted, done; each part from its own row."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.bootstrap.installation import keyring, looked_up
from bot.domain.audit import AuditRecord, EventType
from bot.domain.effect import Effect
from bot.domain.proof import ConsentKind, Proof
from bot.domain.proposal import Proposal
from bot.errors import NotAllowed
from bot.ports.database import Transaction
from bot.services.authorization import GrantMint
from bot.settings.tree import Settings
from storage.crypto import Keyring, Purpose

Fields = dict[str, object]
BEFORE = timedelta(minutes=15)
"""How long before an effect its consent may have begun: a proposal waits five minutes, a reading stays open for ten."""
READ = 500
OF_A_CONSENT = frozenset({EventType.PROOF_GIVEN, EventType.PROOF_REFUSED, EventType.ACCESS_DECIDED})


def effect(settings: Settings, now: datetime, effect_id: str) -> Fields | None:
    """What was to be done outside, on whose word, and what became of it; None where there is no such effect.

    Arguments are left out but where they stand in what the person was shown. Raises `IntegrityAlarm`, also for a
    proposal or a proof that was not written by this installation.
    """
    keys = keyring(settings, now)
    return looked_up(settings, keys, lambda tx: story(tx, keys, effect_id))


def agrees(told: Fields) -> bool:
    """Whether every part of a story is of the same action."""
    digests = told["digests"]
    return isinstance(digests, dict) and bool(digests["agree"])


def story(tx: Transaction, keys: Keyring, effect_id: str) -> Fields | None:
    """Each part of it, from its own row. Raises `IntegrityAlarm`."""
    found = tx.effects.find(effect_id)
    if found is None:
        return None
    proposal = None if found.proposal_id is None else tx.proposals.find(found.proposal_id)
    records = _records(tx, found)
    decided = next((one for one in records if one.event.type is EventType.EFFECT_INTENDED), None)
    return {
        "id": found.id,
        "state": found.state.value,
        "resource": str(found.grant.action.resource),
        "digest": found.grant.digest,
        "request": _request(tx, found, proposal),
        "shown": _shown(proposal),
        "consents": _consents(tx, found, proposal, records),
        "decision": _decision(decided, found),
        "grant": _grant(found, keys),
        "answer": {
            "state": found.state.value,
            "code": found.outcome_code,
            "attempts": found.attempts,
            "intended_at": found.intended_at,
            "finished_at": found.finished_at,
        },
        "digests": _digests(tx, found, proposal, records),
        "records": [_record(one) for one in records],
    }


def _digests(tx: Transaction, found: Effect, proposal: Proposal | None, records: list[AuditRecord]) -> Fields:
    """Whether consent, proof, grant and log are of the very action that was done: each digest that is not, by name."""
    done = found.grant.action.digest
    carried = {"grant": [found.grant.digest]}
    if proposal is not None:
        carried["shown"] = [proposal.digest]
    proofs = tx.proofs.about(found.grant.identity, done)
    if proposal is not None and proposal.consent is ConsentKind.PER_ACTION:
        carried["proof"] = [proof.binding for proof in proofs]
    for one in records:
        if one.event.digest and _of_it(one, found):
            carried.setdefault(f"record {one.seq}", []).append(one.event.digest)
    other = {name: digest for name, digests in carried.items() for digest in digests if digest != done}
    # A record from before the log carried digests has none; that there is one at all is still looked at.
    logged = {one.event.type for one in records if _of_it(one, found) and one.event.digest in {done, ""}}
    missing = sorted(kind.value for kind in _to_be_logged(found) - logged)
    return {"action": done, "agree": not other and not missing, "other": other, "not_in_log": missing}


def _of_it(one: AuditRecord, found: Effect) -> bool:
    """A record of this very effect: others of the same correlation are of what was shown, or of another line."""
    grant, of = found.grant, one.event
    same = (of.correlation, of.action, of.resource) == (
        grant.correlation,
        grant.action.action,
        str(grant.action.resource),
    )
    return same and of.type in {EventType.EFFECT_INTENDED, EventType.EFFECT_FINISHED}


def _to_be_logged(found: Effect) -> set[EventType]:
    finished = set() if found.finished_at is None else {EventType.EFFECT_FINISHED}
    return {EventType.EFFECT_INTENDED} | finished


def _request(tx: Transaction, found: Effect, proposal: Proposal | None) -> Fields:
    person, action = tx.persons.find(found.grant.identity), found.grant.action
    return {
        "principal": found.grant.identity.key,
        "username": person.username if person else "",
        "channel": found.channel.key,
        "place": found.place.kind.value,
        "message": found.source or "",
        "capability": action.capability,
        "action": action.action,
        "understood_by": proposal.origin if proposal else "",
        "at": proposal.created_at if proposal else found.intended_at,
    }


def _shown(proposal: Proposal | None) -> Fields | None:
    """What the person saw and signed; None where the act asked for no consent."""
    if proposal is None:
        return None
    return {
        "proposal": proposal.id,
        "state": proposal.state.value,
        "headline": proposal.shown.headline,
        "facts": [f"{fact.label}: {fact.value}" for fact in proposal.shown.facts],
        "quotes": [f"{quote.author}: {quote.text}" for quote in proposal.shown.quotes],
        "confidential": proposal.confidential,
        "until": proposal.until,
    }


def _consents(tx: Transaction, found: Effect, proposal: Proposal | None, records: list[AuditRecord]) -> list[Fields]:
    """Who said yes, with what, when. A reading's proof is bound to its session: the log says when it was given."""
    given = [_proof(proof) for proof in tx.proofs.about(found.grant.identity, found.grant.digest)]
    if not given and proposal is not None and proposal.consent is ConsentKind.OWN_READING:
        given = [
            {"kind": ConsentKind.OWN_READING.value, "opens": proposal.reading_set, "method": one.event.code}
            | {"by": one.event.principal, "at": one.event.time, "record": one.seq}
            for one in records
            if one.event.type is EventType.PROOF_GIVEN
        ]
    if proposal is not None and proposal.confirmed:
        given.append({"kind": "press", "by": proposal.identity.key, "digest": proposal.digest})
    return given


def _proof(proof: Proof) -> Fields:
    return {
        "kind": proof.kind.value,
        "method": proof.method.value,
        "phishing_resistant": proof.phishing_resistant,
        "by": proof.identity.key,
        "at": proof.at,
        "digest": proof.binding,
        "address": proof.src_ip or "",
    }


def _decision(decided: AuditRecord | None, found: Effect) -> Fields:
    return {
        "policy_hash": found.grant.policy_hash,
        "rules": list(decided.event.rules) if decided else [],
        "decision": decided.event.decision if decided else "",
        "record": decided.seq if decided else None,
    }


def _grant(found: Effect, keys: Keyring) -> Fields:
    """With whether it is ours: by any key that grants were ever made with."""
    grant = found.grant
    return {
        "id": grant.id,
        "digest": grant.digest,
        "issued_at": grant.issued_at,
        "until": grant.until,
        "correlation": grant.correlation,
        "ours": _is_ours(found, keys),
    }


def _is_ours(found: Effect, keys: Keyring) -> bool:
    try:
        GrantMint(keys.newest(Purpose.GRANT).secret).verify(found.grant, found.grant.issued_at)
    except NotAllowed:
        return False
    return True


def _records(tx: Transaction, found: Effect) -> list[AuditRecord]:
    """What the log has of it, oldest first: its own correlation, and this person's consent to the same thing before."""
    grant = found.grant
    ours = tx.audit.search(correlation=grant.correlation, limit=READ)
    before = tx.audit.search(
        principal=grant.identity.key,
        resource=str(grant.action.resource),
        since=found.intended_at - BEFORE,
        until=found.intended_at + timedelta(seconds=1),
        limit=READ,
    )
    named = (one for one in before if one.event.type in OF_A_CONSENT and one.event.action == grant.action.action)
    return [one for _, one in sorted({one.seq: one for one in (*ours, *named)}.items())]


def _record(one: AuditRecord) -> Fields:
    return {
        "seq": one.seq,
        "time": one.event.time,
        "type": one.event.type.value,
        "decision": one.event.decision,
        "code": one.event.code,
        "rules": list(one.event.rules),
        "digest": one.event.digest,
    }
