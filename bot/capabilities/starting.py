"""What somebody sees before they ask: the start card, and help that shows only what this person may do."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.capabilities.catalogue import BY_NAME, CATALOGUE
from bot.capabilities.learning import around
from bot.capabilities.model import Capability, Group
from bot.capabilities.pay import own_payslip
from bot.capabilities.performing import Performing
from bot.domain.answer import Button, Draft
from bot.domain.audit import EventType
from bot.domain.cards import Card, Fact
from bot.domain.identity import ChannelIdentity, principal_of
from bot.domain.intent import Intent, Origin, Question
from bot.domain.messages import EventKind, IncomingMessage, Place
from bot.domain.rollout import Rollout
from bot.domain.session import SessionLimits, SessionState, Standing
from bot.domain.start import Started, StartState
from bot.errors import AccountRevoked, IntegrityAlarm, ProviderUnavailable, TooMany
from bot.ports.clock import Clock
from bot.ports.connectors import ConnectorError, ConnectorUnavailable
from bot.ports.database import Database, Transaction
from bot.ports.trace import NullTracer
from bot.services import refusals, start_card, step_up
from bot.services.audit_trail import Scribe
from bot.services.authorization import Authorizer, Circumstances
from bot.services.buttons import with_handles
from bot.services.deciding import DOORWARD, NOT_LET_IN, USE_BOT
from bot.services.facts_desk import FactsDesk
from bot.services.revalidation import Revalidator
from bot.services.start_card import PAYSLIP, Beginning, Glance, Offered
from bot.services.throttling import allows_start
from bot.services.turns import Turn
from bot.texts.sentences import Voice, voice
from policy.model import Deny, Permit, Reason

THINGS = (
    "find_customer",
    "search_audit",
    "list_roles",
    "list_sessions",
    "leave_balance",
    "request_leave",
    "view_payslip",
    "team_absences",
    "my_leaves",
    "view_benefits",
)
"""What is worth standing first, the rarest rights first: whoever has them is asked for them."""
LINES = 3
HELPFUL = (Group.HR, Group.CRM, Group.ACCOUNT, Group.ADMIN)


def offered(entry: Capability) -> Offered:
    """A capability as something to ask policy about. Deciding needs being asked at all: what waits is one's to see."""
    decides = entry.action in {"ApproveLeave", "RefuseLeave"}
    return Offered(
        capability=entry.name,
        action=entry.action,
        resource=entry.resource_type,
        needs="ListWaiting" if decides else "",
        breaks_glass=entry.breaks_glass,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """Implements `bot.ports.start.StartPage`, and answers `start` and `help` in a conversation."""

    database: Database
    clock: Clock
    limits: SessionLimits
    authorizer: Authorizer
    performing: Performing
    rollout: Rollout
    revalidator: Revalidator
    facts: FactsDesk

    async def start(self, turn: Turn) -> Draft:
        """The start card of whoever a turn is of; `turn.circumstances` is filled in. Raises `StorageUnavailable`."""
        return start_card.draft(await self._beginning(turn), turn.voice)

    def help(self, turn: Turn) -> Draft:
        """Every command this person may use, by area."""
        assert turn.circumstances is not None
        may = self._may(turn, CATALOGUE)
        say = turn.voice.say
        facts = tuple(
            Fact(label=say(f"help.{group}"), value=_commands(turn.voice, [name for name in may if _in(name, group)]))
            for group in HELPFUL
            if any(_in(name, group) for name in may)
        )
        card = Card(headline=say("help.headline"), body=say("help.how"), facts=facts)
        return Draft(card=card, buttons=(_button(say("start.button"), "start"),))

    def only_permitted(self, turn: Turn, question: Question) -> Question:
        """A question back that offers nobody what they may not do; what is left says no more than help does."""
        if question.partial is not None or not question.choices:
            return question
        turn.circumstances = turn.circumstances or around(turn)
        entries = [BY_NAME[intent.capability] for _, intent in question.choices if intent.capability in BY_NAME]
        kept_back = {entry.name for entry in entries} - {*self._may(turn, entries)}
        left = tuple(choice for choice in question.choices if choice[1].capability not in kept_back)
        if left == question.choices:
            return question
        if not left:
            help_alone = ("understanding.title_help", Intent(capability="help", arguments={}, origin=Origin.RULE))
            return replace(question, text_key="understanding.unknown", values={}, choices=(help_alone,))
        first = BY_NAME.get(left[0][1].capability)
        values = {**question.values, "nearest": first.command} if first and "nearest" in question.values else {}
        return replace(question, values=values or question.values, choices=left)

    async def started(
        self,
        who: ChannelIdentity,
        place: Place,
        *,
        event: str = "",
        locale: str | None = None,
        timezone: str | None = None,
    ) -> Started:
        """See the port. Raises `TooMany`, `StorageUnavailable`."""
        message = IncomingMessage(
            event_id=f"start:{secrets.token_hex(8)}",
            kind=EventKind.COMMAND,
            who=who,
            place=place,
            received_at=self.clock.now(),
            locale=locale,
            timezone=timezone,
        )
        standing = await self._standing(message, event)
        reader = voice((standing.person.locale if standing.person else "") or locale)
        if not self.rollout.admits(who, place, standing, self.clock.now()):
            return await self._shown(message, start_card.not_in_pilot(reader), StartState.NOT_IN_PILOT)
        if standing.state is not SessionState.ALIVE or standing.person is None:
            return await self._shown(message, start_card.not_signed_in(reader), StartState.NOT_SIGNED_IN)
        turn = await self._turn(message, standing)
        if (kept_out := await self._kept_out(turn)) is not None:
            return kept_out
        beginning = await self._beginning(turn)
        made = start_card.draft(beginning, turn.voice)
        shown = await self._shown(message, made, beginning.state, principal=turn.person.key)
        return replace(shown, prompts=start_card.prompts(beginning, turn.voice))

    async def opened(self, who: ChannelIdentity, *, event: str) -> None:
        """See the port. Raises `TooMany`, `StorageUnavailable`."""
        if not await self.database.write(lambda tx: allows_start(tx, who, event, self.clock.now())):
            raise TooMany("start card")

    async def _standing(self, message: IncomingMessage, event: str) -> Standing:
        """Who is there, the provider asked again where its last answer is old: the card reads what is theirs."""

        def use(tx: Transaction) -> Standing:
            return tx.sessions.use(message.who, now=self.clock.now(), limits=self.limits)

        def begin(tx: Transaction) -> Standing | None:
            return use(tx) if allows_start(tx, message.who, event, self.clock.now()) else None

        standing = await self.database.write(begin)
        if standing is None:
            raise TooMany("start card")
        person = standing.person
        if standing.state is not SessionState.ALIVE or person is None or not self.revalidator.is_due(person):
            return standing
        scribe = Scribe(
            time=self.clock.now(),
            channel=message.who.key,
            correlation=message.event_id,
            principal=person.identity.key,
        )
        try:
            await self.revalidator.check(person, scribe)
        except ProviderUnavailable:
            return standing  # what may still be read then, policy says by the age of the last answer
        except AccountRevoked:
            pass
        return await self.database.write(use)

    async def _kept_out(self, turn: Turn) -> Started | None:
        """What whoever may not use the bot at all is shown: why, and nothing that is theirs."""
        assert turn.circumstances is not None
        decision = self.authorizer.decide(turn.person, USE_BOT, DOORWARD, turn.circumstances, proof=None, now=turn.now)
        if isinstance(decision, Permit):
            return None
        reason = decision.reason if isinstance(decision, Deny) else Reason.NOT_ALLOWED
        if reason is Reason.SESSION_EXPIRED:
            return await self._shown(turn.message, start_card.not_signed_in(turn.voice), StartState.NOT_SIGNED_IN)
        draft = refusals.denied(turn.voice, reason, NOT_LET_IN).draft
        assert draft is not None
        event = turn.scribe.event(
            EventType.ACCESS_DECIDED,
            action=USE_BOT,
            decision="deny",
            rules=decision.rules,
            policy_hash=decision.policy_hash,
            code=f"deny.{reason}",
        )
        await self.database.write(lambda tx: tx.audit.append(event))
        return Started(state=StartState.NOT_IN_PILOT, card=draft.card)

    async def _turn(self, message: IncomingMessage, standing: Standing) -> Turn:
        assert standing.person is not None
        principal = principal_of(standing.person, standing.grants, self.clock.now())
        turn = Turn(
            message=message,
            row=None,
            in_browser=False,
            clock=self.clock,
            tracer=NullTracer(),
            scribe=Scribe(
                time=self.clock.now(),
                channel=message.who.key,
                correlation=message.event_id,
                principal=principal.key,
            ),
            standing=standing,
            principal=principal,
        )
        turn.circumstances = Circumstances(
            session=standing.session,
            idp_checked_at=standing.person.idp_checked_at,
            platform=message.place.platform,
            workspace=message.who.tenant,
            place=message.place.kind,
            provider=standing.person.provider,
            authenticators=await self.database.read(
                lambda tx: step_up.usable(tx, principal.identity, self.clock.now())
            ),
        )
        return turn

    async def _shown(
        self, message: IncomingMessage, draft: Draft, state: StartState, *, principal: str = ""
    ) -> Started:
        """The card with handles under its buttons, and a record that it was shown."""
        now = self.clock.now()
        scribe = Scribe(time=now, channel=message.who.key, correlation=message.event_id, principal=principal)

        def work(tx: Transaction) -> Card:
            tx.audit.append(scribe.event(EventType.ACCESS_DECIDED, action="Help", code=f"start.{state}"))
            return with_handles(tx, draft, message.who, now)

        return Started(state=state, card=await self.database.write(work))

    async def _beginning(self, turn: Turn) -> Beginning:
        assert turn.standing is not None
        assert turn.standing.session is not None
        identity = turn.person.identity
        factors = await self.database.read(lambda tx: step_up.usable(tx, identity, turn.now))
        titled = [BY_NAME[name] for name in THINGS if name in BY_NAME]
        may = self._may(turn, [*titled, BY_NAME["waiting"]])
        waiting = await self._glance(turn, "waiting") if "waiting" in may else Glance(hidden=True)
        requests = await self._glance(turn, "my_leaves") if "my_leaves" in may else Glance(hidden=True)
        away = waiting.away or requests.away
        return Beginning(
            principal=turn.person,
            session=turn.standing.session,
            may=may,
            titles={name: BY_NAME[name].title_key for name in (*THINGS, "waiting") if name in BY_NAME},
            waiting=waiting,
            requests=requests,
            no_payslip=not away and PAYSLIP in may and await self._has_no_payslip(turn),
            factors=tuple(dict.fromkeys(str(factor.method) for factor in factors)),
            now=turn.now,
            reviews=await self._reviews(turn),
        )

    async def _reviews(self, turn: Turn) -> int:
        """How many uses of break-glass wait for a review, where this person may see them."""
        if not self._may(turn, [BY_NAME["list_break_glass"]]):
            return 0
        try:
            return len(await self.database.read(lambda tx: tx.break_glass.unreviewed()))
        except IntegrityAlarm:  # the card is shown all the same, and leads to the list, which says so
            return 1

    async def _has_no_payslip(self, turn: Turn) -> bool:
        """Of their own, by its facts alone: nothing in it is read."""
        if turn.person.employee is None:
            return False
        assert turn.circumstances is not None
        ref = own_payslip(turn.person.employee)
        try:
            return await self.facts.lacks(turn.person, ref, turn.circumstances, turn.scribe.correlation, turn.now)
        except (ConnectorUnavailable, ConnectorError):
            return False

    def _may(self, turn: Turn, entries: Sequence[Capability]) -> tuple[str, ...]:
        assert turn.circumstances is not None
        offers = [offered(entry) for entry in entries]
        return start_card.allowed(self.authorizer, turn.person, turn.circumstances, offers, turn.now)

    async def _glance(self, turn: Turn, name: str) -> Glance:
        """One's own list in the HR system, under its own decision, grant and record."""
        if turn.person.employee is None:
            return Glance(hidden=True)
        result, code = await self.performing.glance(turn, BY_NAME[name])
        if result is None:
            return Glance(away=code in _AWAY, hidden=code not in _AWAY)
        lines = [f"{fact.label}: {fact.value}" for fact in result.draft.card.facts]
        return Glance(lines=tuple(lines[:LINES]), count=len(lines))


_AWAY = frozenset({"connector.unavailable", "connector.outcome_unknown", "connector.rate_limited", ConnectorError.code})


def _in(name: str, group: Group) -> bool:
    return BY_NAME[name].group is group


def _commands(reader: Voice, names: Sequence[str]) -> str:
    entries = [BY_NAME[name] for name in names if BY_NAME[name].command]
    return "\n".join(f"{entry.command}: {reader.say(entry.title_key)}" for entry in entries)


def _button(label: str, capability: str) -> Button:
    return Button(label=label, intent=Intent(capability=capability, arguments={}, origin=Origin.PRESS))
