"""Where several have to approve: counts what there is, keeps one more, or lets the last one take effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.capabilities.model import Capability
from bot.domain.answer import ApprovalRequest, Draft, Progress, Result
from bot.domain.approval import Approval, AskedRequest, Manner
from bot.domain.audit import EventType
from bot.domain.cards import Card, Fact, Status
from bot.domain.effect import EffectState
from bot.domain.grant import Grant
from bot.errors import DoorwardError, NotAllowed, Stale
from bot.ports.database import Database, Transaction
from bot.services.approval_cards import progress_line
from bot.services.asking import Routes
from bot.services.standing_in import stands_in
from bot.services.tallying import Tally, Tallying, Voter, same
from bot.services.turns import Turn
from bot.texts.formats import days, zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Approving:
    """Between a decision that permits one person and the act that may need several."""

    database: Database
    tallying: Tallying
    routes: Routes

    async def count(self, turn: Turn, capability: Capability) -> Tally:
        """What there is, whoever acts now counted in. Raises `NotAllowed` where no number of approvals would do."""
        tally = await self.database.read(lambda tx: self._tally(tx, turn, capability))
        if tally.settles:
            return tally
        if not tally.missing:
            raise NotAllowed("no further approvals would settle this", code="deny.not_allowed")
        if tally.twice:
            raise DoorwardError("approved before", code="approvals.twice")
        return tally

    def settle(self, tx: Transaction, turn: Turn, capability: Capability, expected: Tally, grant: Grant) -> None:
        """Part of T1: every counted approval is counted anew, and nobody else goes on with them.

        Raises `Stale` when they are others than before, `DoorwardError` when somebody was quicker.
        """
        asked = self._hold(tx, turn)
        self._again(tx, turn, capability, expected)
        if asked is not None:
            assert turn.facts is not None
            tx.approvals.ask(replace(asked, taken_by=grant.id, facts_version=turn.facts.version))
        self._write_down(tx, turn, expected, "approval.settles")

    def keep(
        self, tx: Transaction, turn: Turn, capability: Capability, expected: Tally, request: ApprovalRequest
    ) -> None:
        """Part of T1: one more approval, which does not suffice. Raises as `settle`."""
        assert turn.facts is not None
        if self._hold(tx, turn) is None:
            tx.approvals.close(str(turn.facts.ref), "void")  # given to a request whose row is gone
            tx.approvals.ask(self.not_asked_here(turn, request))
        self._again(tx, turn, capability, expected)
        tx.approvals.give(_approval(turn))
        self._write_down(tx, turn, expected, "approval.kept")

    def in_place_of(self, tx: Transaction, turn: Turn) -> None:
        """Part of T1: a substitute is still one. Raises `Stale`."""
        assert turn.circumstances is not None
        behalf, me = turn.circumstances.on_behalf_of, turn.person.employee
        if behalf is None or behalf.manner is not Manner.SUBSTITUTE:
            return
        today = turn.now.astimezone(zone(turn.person.timezone)).date()
        standing = tx.substitutions.of_approver(behalf.employee, since=today)
        assert turn.facts is not None
        owner = turn.facts.owner
        if not any(item.substitute == me and item.covers(today) and stands_in(tx, item, owner) for item in standing):
            raise Stale("substitution")

    def kept(self, turn: Turn, tally: Tally, request: ApprovalRequest) -> Result:
        """What whoever approved is told, and what every copy shows."""
        say = turn.voice.say
        given = (*(each.name for each in tally.counted), turn.person.display_name)
        progress = Progress(about=request.about, given=given, needed=tally.needed, missing=tally.missing)
        card = Card(
            headline=say(
                "hr.decided.approved",
                name=request.subject_name,
                range=days(request.start, request.end, turn.voice.language),
            ),
            body=say("approvals.kept"),
            facts=(Fact(label=say("approvals.so_far"), value=progress_line(progress, turn.voice)),),
            status=Status.WAITING,
        )
        return Result(draft=Draft(card=card), code="approval.kept", progress=progress)

    def _tally(self, tx: Transaction, turn: Turn, capability: Capability) -> Tally:
        assert turn.facts is not None
        return self.tallying.tally(tx, _voter(turn), turn.facts, (capability.action, capability.settles), turn.now)

    def _hold(self, tx: Transaction, turn: Turn) -> AskedRequest | None:
        """The request, which from here on waits for this transaction; not one that another approval took on."""
        assert turn.facts is not None
        asked = tx.approvals.hold(str(turn.facts.ref))
        if asked is not None and asked.taken_by and asked.facts_version == turn.facts.version:
            effect = tx.effects.find(asked.taken_by)
            if effect is None or effect.state is not EffectState.REFUSED:
                raise DoorwardError("taken on already", code="connector.conflict.already_decided")
        return asked

    def _again(self, tx: Transaction, turn: Turn, capability: Capability, expected: Tally) -> None:
        self.in_place_of(tx, turn)
        if not same(self._tally(tx, turn, capability), expected):
            raise Stale("approvals")

    def not_asked_here(self, turn: Turn, request: ApprovalRequest) -> AskedRequest:
        """The row of a request that was not made through us."""
        assert turn.facts is not None
        return AskedRequest(
            about=request.about,
            request=request,
            identity=turn.person.identity,
            asked_by=turn.message.who,
            facts_version=turn.facts.version,
            stage=0,
            asked_at=turn.now,
            until=turn.now + timedelta(days=self.routes.expire_days),
        )

    def _write_down(self, tx: Transaction, turn: Turn, tally: Tally, code: str) -> None:
        assert turn.action is not None
        assert turn.circumstances is not None
        behalf = turn.circumstances.on_behalf_of
        tx.audit.append(
            turn.scribe.event(
                EventType.APPROVAL_GIVEN,
                action=turn.cedar_action,
                resource=str(turn.action.resource),
                decision="allow",
                rules=turn.rules,
                policy_hash=turn.policy_hash,
                code=code if behalf is None else f"{code}.{behalf.manner}.{behalf.employee}",
                digest=turn.action.digest,
                time=turn.now,
            )
        )


def _voter(turn: Turn) -> Voter:
    assert turn.circumstances is not None
    return Voter(
        principal=turn.person,
        circumstances=turn.circumstances,
        approval=_approval(turn),
        approves=turn.approves,
    )


def _approval(turn: Turn) -> Approval:
    """The consent of whoever acts now; the proof's id names it, so that it is kept once.

    Raises `NotAllowed` without an employee reference or a proof: nobody could be told from anybody else.
    """
    assert turn.facts is not None
    assert turn.action is not None
    assert turn.circumstances is not None
    if turn.person.employee is None or turn.proof is None:
        raise NotAllowed("an approval is somebody's, and proven", code="deny.not_allowed")
    return Approval(
        id=turn.proof.id,
        about=str(turn.facts.ref),
        facts_version=turn.facts.version,
        identity=turn.person.identity,
        employee=turn.person.employee,
        name=turn.person.display_name,
        on_behalf_of=turn.circumstances.on_behalf_of,
        digest=turn.action.digest,
        method=turn.proof.method,
        phishing_resistant=turn.proof.phishing_resistant,
        at=turn.now,
    )
