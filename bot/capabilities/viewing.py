"""Which of a shared card's buttons one viewer is shown: those that policy would let them go on with, now.

Each button is weighed as a press of it would be, with the facts of that moment and without a proof; where a second
factor or a sign-in would lead on, the button stays. Where somebody is not signed in, or nothing can be asked, they see
what everybody sees.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.cards import Action, Card
from bot.domain.identity import principal_of
from bot.domain.interaction import Interaction
from bot.domain.messages import IncomingMessage, ReplyWindow
from bot.domain.session import SessionLimits, SessionState, Standing
from bot.errors import DoorwardError
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.trace import NullTracer
from bot.services import views
from bot.services.audit_trail import Scribe
from bot.services.buttons import intent_of
from bot.services.throttling import allows_view
from bot.services.turns import Turn
from bot.services.views import Viewed
from policy.model import Decision, Deny, Reason

LEADS_ON = frozenset({Reason.SIGN_IN_AGAIN, Reason.SESSION_EXPIRED, Reason.IDENTITY_CHECK_STALE})
"""A press would be met with a sign-in or a question to the provider, and may then go on."""
log = structlog.get_logger("doorward.viewing")


class Steps(Protocol):
    """The pipeline's own."""

    async def weigh(self, turn: Turn) -> Decision:
        """Whether what the turn intends may be done, and what it asks for. Raises `DoorwardError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one viewer's card is made of."""

    viewed: Viewed
    standing: Standing
    behind: Sequence[tuple[Action, Interaction | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewing:
    """Makes each viewer's card."""

    database: Database
    clock: Clock
    limits: SessionLimits

    async def look(self, message: IncomingMessage, steps: Steps) -> Card | None:
        """The shared card as this person is to see it; None where it is none, is late, or is asked for too often.

        Raises `StorageUnavailable`.
        """
        seen = await self.database.write(lambda tx: self._see(tx, message))
        if seen is None:
            return None
        standing, card = seen.standing, replace(seen.viewed.card, refresh=message.handle)
        if standing.state is not SessionState.ALIVE or standing.person is None:
            return card
        now = self.clock.now()
        turn = Turn(
            message=message,
            row=None,
            in_browser=False,
            clock=self.clock,
            tracer=NullTracer(),
            scribe=Scribe(time=now, channel=message.who.key, correlation=message.event_id),
            standing=standing,
            principal=principal_of(standing.person, standing.grants, now),
        )
        return replace(card, actions=await self._open_to(turn, seen.behind, steps))

    async def beside(self, turn: Turn, steps: Steps) -> tuple[Action, ...]:
        """The buttons of the shared card a press was made on, without the pressed one, to stand under its answer."""
        handle, place = views.stands_on(turn.pressed), turn.message.place
        if not handle:
            return ()

        def see(tx: Transaction) -> Sequence[tuple[Action, Interaction | None]]:
            viewed = views.find(tx, handle, place, self.clock.now())
            return () if viewed is None else self._behind(tx, viewed.card)

        behind = await self.database.read(see)
        return await self._open_to(turn, [one for one in behind if one[0].handle != turn.message.handle], steps)

    def _see(self, tx: Transaction, message: IncomingMessage) -> _Seen | None:
        now = self.clock.now()
        if not allows_view(tx, message.who, now):
            return None
        viewed = views.find(tx, message.handle, message.place, now)
        if viewed is None:
            return None
        standing = tx.sessions.use(message.who, now=now, limits=self.limits, touch=False)
        return _Seen(viewed=viewed, standing=standing, behind=self._behind(tx, viewed.card))

    def _behind(self, tx: Transaction, card: Card) -> Sequence[tuple[Action, Interaction | None]]:
        now = self.clock.now()
        return [
            (action, tx.interactions.find(action.handle, now=now) if action.handle else None) for action in card.actions
        ]

    async def _open_to(
        self, turn: Turn, behind: Sequence[tuple[Action, Interaction | None]], steps: Steps
    ) -> tuple[Action, ...]:
        learnt: dict[ResourceRef, ResourceFacts] = {}
        return tuple([action for action, under in behind if await self._opens(turn, action, under, learnt, steps)])

    async def _opens(
        self,
        turn: Turn,
        action: Action,
        under: Interaction | None,
        learnt: dict[ResourceRef, ResourceFacts],
        steps: Steps,
    ) -> bool:
        if action.url:
            return True
        if under is None or under.kind != "intent":
            return under is not None
        try:
            decision = await steps.weigh(_pressed(turn, under, learnt))
        except DoorwardError as error:
            log.info("not_weighed", code=error.code)
            return True  # nobody can be asked now: the press will be answered by why
        return not isinstance(decision, Deny) or (decision.reason in LEADS_ON and not decision.error)


def _pressed(turn: Turn, under: Interaction, learnt: dict[ResourceRef, ResourceFacts]) -> Turn:
    """A turn as a press of this button would begin; nothing of it is kept."""
    return replace(
        turn,
        message=replace(turn.message, window=ReplyWindow.NONE, trigger=None),
        row=None,
        tracer=NullTracer(),
        pressed=under,
        slot=None,
        unread=None,
        intent=intent_of(under),
        proposal=None,
        action=None,
        facts=None,
        proof=None,
        effect=None,
        salt=secrets.token_hex(16),
        quiet=True,
        outbox=[],
        learnt=learnt,
    )
