"""Batch consent: a list ticked line by line, signed with one proof, each line decided, granted and done singly.

The list is a proposal like any other. Its canonical action names the digests of its lines in the order shown, so that
its own digest changes with every one of them. Each line is a proposal too, with its own action, facts version and time.
Once the list's proof is there, that proof is spent and each line gets one bound to its own digest, in one transaction;
from then on a line goes the same way as an action that was asked for alone.

Policy says what may be put into a list, and how many (annotation `@batch`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from bot.capabilities.batch_lists import Left, Outcome, in_list, named, nothing_done, told, whole_of, words_for
from bot.capabilities.model import LONGEST_TEXT, Capability, Group
from bot.capabilities.performing import Performing
from bot.capabilities.ticking import FIELD, REASON, SHORTEST_REASON, spoken, tick_dialog, ticked, ticks_of
from bot.domain.answer import Answer, Draft, Ticks
from bot.domain.audit import EventType
from bot.domain.cards import Card, Status
from bot.domain.effect import EffectState
from bot.domain.intent import Intent
from bot.domain.messages import ReplyWindow
from bot.domain.proof import ConsentKind
from bot.domain.proposal import Proposal, ProposalState
from bot.errors import IntegrityAlarm, NotAllowed, Stale
from bot.ports.database import Database, Transaction
from bot.services import consent, refusals
from bot.services.buttons import TICKED
from bot.services.rechecking import Rechecking
from bot.services.turns import Ending, Turn, Wanted, end, event
from policy.model import Decision, Deny, Reason

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 4
"""Lines under way at the same time: a slow system must not make the last one late, nor be flooded."""
KEPT = "approval.kept"
"""An approval that does not suffice by itself."""


class Steps(Protocol):
    """What the pipeline does with one action; here with one line of a list."""

    async def weigh(self, turn: Turn) -> Decision:
        """Steps 4 to 6: facts, canonical action, decision. Raises `DoorwardError`."""
        ...

    async def line(self, turn: Turn) -> Answer:
        """Steps 5 to 9 for a line that was consented to, and what became of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that may be signed."""

    proposal: Proposal
    wanted: Wanted


def concerns(turn: Turn) -> bool:
    """Whether this is a ticked list, or one that waits for its consent."""
    if turn.pressed is not None and turn.pressed.kind == TICKED:
        return True
    return turn.proposal is not None and bool(turn.proposal.members)


class Batching:
    """Makes lists that are signed as one, and does them line by line."""

    def __init__(
        self,
        *,
        database: Database,
        catalogue: Mapping[str, Capability],
        performing: Performing,
        rechecking: Rechecking,
        public_url: str,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._performing = performing
        self._rechecking = rechecking
        self._public_url = public_url

    async def take(self, turn: Turn, steps: Steps) -> Ending:
        """Ask for consent to what was ticked, or do what was consented to. Raises `Stale`, `DoorwardError`."""
        if turn.proposal is not None:
            return await self._do(turn, turn.proposal, steps)
        return await self._propose(turn, steps)

    # Before the consent

    async def _propose(self, turn: Turn, steps: Steps) -> Ending:
        assert turn.pressed is not None
        ticks = ticks_of(turn.pressed)
        try:
            reason = turn.message.fields.get(REASON, "").strip()
            items = ticked(ticks, turn.message.fields.get(FIELD, ""), reason)
        except ValueError:
            return end(turn, EventType.ACCESS_DECIDED, "deny", refusals.denied(turn.voice, "handle_spent", ""))
        if not items:
            return self._again(turn, ticks, turn.voice.say("batch.tick_one"))
        if ticks.reason and not SHORTEST_REASON <= len(reason) <= LONGEST_TEXT:
            return self._again(turn, ticks, turn.voice.say("batch.reason_wanted"), about_reason=True)
        found = await _each(items, lambda item: self._weigh(turn, steps, *item))
        stale = any(isinstance(line, Left) and line.stale for line in found) and not turn.revalidated
        if stale and (ending := await self._rechecking.ask(turn)):
            return ending
        lines = [line for line in found if isinstance(line, Line)]
        left = [line for line in found if isinstance(line, Left)]
        if not lines:
            return nothing_done(turn, left)
        limit = min(line.wanted.obligations.batch for line in lines)
        if len(lines) > limit:
            return self._again(turn, ticks, turn.voice.say("batch.too_many", count=limit))
        wanted = _for_all([line.wanted for line in lines])
        if wanted is None:
            return self._again(turn, ticks, turn.voice.say("batch.singly"))
        return self._ask(turn, lines, left, wanted)

    async def _weigh(self, turn: Turn, steps: Steps, intent: Intent, label: str) -> Line | Left:
        """One ticked line: whether it may be done at all, and what it asks for."""
        line, capability = _line(turn, intent=intent), self._catalogue[intent.capability]
        if capability.group is Group.ADMIN or capability.breaks_glass:  # whatever a policy says of them
            return Left(label=label, why=turn.voice.say("batch.singly"))
        decision = await steps.weigh(line)
        if isinstance(decision, Deny):
            stale = decision.reason is Reason.IDENTITY_CHECK_STALE
            return Left(label=label, why=_why(line, decision.reason, intent.capability), stale=stale)
        wanted = consent.wanted(decision, line)
        if wanted is None or not wanted.obligations.batch or wanted.obligations.confidential:
            return Left(label=label, why=turn.voice.say("batch.singly"))
        try:
            shown = await self._performing.shown(line, capability)
        except NotAllowed:
            return Left(label=label, why=_why(line, Reason.NOT_ALLOWED, intent.capability))
        return Line(proposal=consent.propose(line, shown, wanted), wanted=wanted)

    def _again(self, turn: Turn, ticks: Ticks, error: str, *, about_reason: bool = False) -> Ending:
        """The same list once more, with what was wrong."""

        def answer(tx: Transaction) -> Answer:
            card = Card(headline=error, status=Status.DENIED)
            wrong = {"reason_error" if about_reason else "error": error}
            return Answer(draft=Draft(card=card), dialog=tick_dialog(tx, turn, ticks, **wrong), code="batch.not_ticked")

        return Ending(event=event(turn, EventType.ACCESS_DECIDED, "", code="batch.not_ticked"), answer=answer)

    def _ask(self, turn: Turn, lines: Sequence[Line], left: Sequence[Left], wanted: Wanted) -> Ending:
        """One consent for all that may be done."""
        whole = whole_of(turn, [line.proposal for line in lines], left, wanted)
        turn.action, turn.rules = whole.action, ()

        def answer(tx: Transaction) -> Answer:
            for line in lines:
                tx.proposals.insert(line.proposal)
            tx.proposals.insert(whole)
            return self._request(tx, turn, whole, wanted)

        return Ending(event=event(turn, EventType.ACCESS_DECIDED, wanted.decision), answer=answer)

    def _request(self, tx: Transaction, turn: Turn, whole: Proposal, wanted: Wanted) -> Answer:
        if wanted.press_only:
            return consent.confirmation(whole, turn.voice)
        return consent.code_request(tx, whole, turn.voice, wanted, self._public_url)

    # After it

    async def _do(self, turn: Turn, whole: Proposal, steps: Steps) -> Ending:
        members = await self._database.write(lambda tx: _open(tx, turn, whole))
        if members is None:
            return await self._still_waiting(turn, whole, steps)
        if not turn.revalidated and (ending := await self._rechecking.ask(turn)):
            return ending
        words = words_for(turn, members)
        outcomes = await _each(members, lambda member: self._one(turn, member, steps, words))
        done = sum(outcome.done for outcome in outcomes)
        turn.action = whole.action
        answer = told(turn, words, outcomes, done)

        def finish(tx: Transaction) -> Answer:
            tx.proposals.finish(whole.id, ProposalState.SPENT)
            return answer

        return Ending(event=event(turn, EventType.ACCESS_DECIDED, "allow", code="batch.done"), answer=finish)

    async def _still_waiting(self, turn: Turn, whole: Proposal, steps: Steps) -> Ending:
        """No proof yet: ask again for what policy takes for the first line, which it takes for all."""
        first = await self._database.read(lambda tx: tx.proposals.find(whole.members[0]))
        line = _line(turn, proposal=first)
        decision = await steps.weigh(line)
        wanted = None if isinstance(decision, Deny) else consent.wanted(decision, line)
        turn.action = whole.action
        if wanted is None:
            return end(turn, EventType.ACCESS_DECIDED, "deny", refusals.denied(turn.voice, "changed_meanwhile", ""))
        asked = event(turn, EventType.ACCESS_DECIDED, wanted.decision)
        return Ending(event=asked, answer=lambda tx: self._request(tx, turn, whole, wanted))

    async def _one(self, turn: Turn, member: Proposal, steps: Steps, words: str) -> Outcome:
        """What became of one line, whoever did it: a second press, another replica, this one before it was killed."""
        why = ""
        if member.state is ProposalState.WAITING:
            answer = await steps.line(_line(turn, proposal=member))
            why = turn.voice.say("batch.late") if answer.code.startswith("consent.") else _headline(answer)
        effect = await self._database.read(lambda tx: tx.effects.of_proposal(member.id))
        done = effect is not None and effect.state is EffectState.DONE
        if effect is not None and done:
            kind = spoken(turn.voice, member.action.capability)
            why = turn.voice.say("batch.kept" if effect.outcome_code == KEPT else f"batch.done.{kind}")
        elif not why or (effect is not None and effect.state is not EffectState.REFUSED):
            why = turn.voice.say("batch.before")
        return Outcome(line=in_list(member, words), done=done, told=why)


def _open(tx: Transaction, turn: Turn, whole: Proposal) -> list[Proposal] | None:
    """The lines, each with a proof of its own made from the list's; None while nothing was consented to.

    Raises `IntegrityAlarm` where the lines are not those whose digests were signed.
    """
    found = [tx.proposals.find(member) for member in whole.members]
    members = [replace(member, confirmed=whole.confirmed or member.confirmed) for member in found if member]
    if named(members) != whole.action.arguments["members"]:
        raise IntegrityAlarm("a list's lines are not those that were signed")
    now, identity = turn.now, whole.identity
    proof = tx.proofs.unspent(identity, whole.digest, now=now)
    if proof is None:
        begun = any(
            member.state is not ProposalState.WAITING or tx.proofs.unspent(identity, member.digest, now=now)
            for member in members
        )
        return members if begun or whole.confirmed else None
    if not tx.proofs.spend(proof.id, now=now):
        raise Stale("proof", code="proof.spent")
    for member in members:
        tx.proofs.insert(replace(proof, id=secrets.token_hex(16), binding=member.digest, kind=ConsentKind.PER_ACTION))
    turn.action = whole.action
    tx.audit.append(event(turn, EventType.BATCH_CONSENTED, "allow", code=proof.method))
    return members


def _line(turn: Turn, *, intent: Intent | None = None, proposal: Proposal | None = None) -> Turn:
    """A turn for one line: what it comes to is told with the whole list."""
    return replace(
        turn,
        message=replace(turn.message, window=ReplyWindow.NONE, trigger=None),
        row=None,
        pressed=None,
        slot=None,
        unread=None,
        offered=None,
        factors=None,
        intent=intent,
        proposal=proposal,
        action=None,
        facts=None,
        proof=None,
        effect=None,
        salt=secrets.token_hex(16),
        quiet=True,
        outbox=[],
    )


def _for_all(wanted: Sequence[Wanted]) -> Wanted | None:
    """The strictest of them, with the methods they all take; None where no method does for every line."""
    strictest = next((item for item in wanted if item.enrol), None) or next(
        (item for item in wanted if not item.press_only), wanted[0]
    )
    asked = [item for item in wanted if not item.press_only]
    methods = tuple(m for m in strictest.methods if all(m in item.methods for item in asked))
    if asked and not methods:
        return None
    method = strictest.method if strictest.method in methods else next(iter(methods), None)
    return replace(strictest, methods=methods, method=method)


def _why(turn: Turn, reason: Reason, capability: str) -> str:
    return _headline(refusals.denied(turn.voice, reason, capability))


def _headline(answer: Answer) -> str:
    assert answer.draft is not None
    return answer.draft.card.headline


async def _each(items: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """The results in order, a few under way at a time."""
    turnstile = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with turnstile:
            return await work(item)

    ended = await asyncio.gather(*[one(item) for item in items], return_exceptions=True)
    for outcome in ended:  # none is left running behind the back of whoever is told
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in ended if not isinstance(outcome, BaseException)]
