"""What changed between what somebody was shown and their yes to it: nothing is done, and they are told what it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.capabilities.model import Capability
from bot.capabilities.performing import Performing
from bot.domain.answer import Answer, Draft
from bot.domain.audit import EventType
from bot.domain.cards import Card, Fact, Status
from bot.domain.proposal import ProposalState, Shown
from bot.errors import DoorwardError, FactsChanged
from bot.ports.database import Transaction
from bot.services import refusals
from bot.services.turns import Ending, Turn, event
from bot.texts.sentences import Voice
from policy.model import EVERY_DEPARTMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceShown:
    """Ends what was consented to on other grounds than hold now."""

    performing: Performing
    policy_hash: Callable[[], str]

    async def facts(self, turn: Turn, capability: Capability) -> Ending:
        """The record itself: each value that was shown and is another now, where this person may still read it."""
        assert turn.proposal is not None
        told = refusals.failed(turn.voice, FactsChanged.code, turn.scribe.correlation)
        assert told.draft is not None
        found = differences(turn.proposal.shown, await self._now(turn, capability))
        draft = replace(told.draft, card=replace(told.draft.card, facts=found))
        return _void(turn, replace(told, draft=draft))

    def standing(self, turn: Turn) -> Ending | None:
        """Their own roles, or the company's rules."""
        proposal, voice = turn.proposal, turn.voice
        if proposal is None:
            return None
        if proposal.roles is not None and proposal.roles != turn.person.standing:
            was, now = _in_words(voice, proposal.roles), _in_words(voice, turn.person.standing)
            return _void(turn, _answer(voice, "role", was=was, now=now))
        if proposal.policy_hash and proposal.policy_hash != self.policy_hash():
            return _void(turn, _answer(voice, "rules"))
        return None

    async def _now(self, turn: Turn, capability: Capability) -> Shown:
        """As it would be shown now, under a decision of its own; nothing where that is not to be, or not in chat."""
        assert turn.proposal is not None
        if turn.proposal.confidential or capability.preview is None:
            return Shown(headline="")
        try:
            return await self.performing.shown(turn, capability)
        except DoorwardError:
            return Shown(headline="")


def differences(before: Shown, now: Shown) -> tuple[Fact, ...]:
    """Each fact whose value is another one."""
    was = {fact.label: fact.value for fact in before.facts}
    return tuple(
        Fact(label=fact.label, value=f"{was[fact.label]} → {fact.value}")
        for fact in now.facts
        if fact.label in was and was[fact.label] != fact.value
    )


def _in_words(voice: Voice, roles: Sequence[str]) -> str:
    return ", ".join(_role(voice, *role.split("|", 1)) for role in roles) or voice.say("changed.role.none")


def _role(voice: Voice, role: str, scope: str) -> str:
    name = voice.say(f"roles.{role}")
    return name if scope in ("", EVERY_DEPARTMENT) else f"{name} ({scope})"


def _answer(voice: Voice, what: str, **values: str) -> Answer:
    card = Card(
        headline=voice.say(f"changed.{what}.headline"),
        body=voice.say(f"changed.{what}.next", **values),
        status=Status.DENIED,
    )
    return Answer(draft=Draft(card=card), code=f"changed.{what}")


def _void(turn: Turn, answer: Answer) -> Ending:
    """No later yes counts for it."""
    assert turn.proposal is not None
    proposal = turn.proposal.id

    def write(tx: Transaction) -> Answer:
        tx.proposals.finish(proposal, ProposalState.VOID)
        return answer

    return Ending(event=event(turn, EventType.ACCESS_DECIDED, "deny", code=answer.code), answer=write)
