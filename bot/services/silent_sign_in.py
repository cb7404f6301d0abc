"""Signs somebody in without a press, on what the chat platform's client and the company's provider say together.

A session is opened, and where there is no link one is made, only when all of this holds:

(1) it is the first time this exchange is handled, on any replica, and within the person's budget;
(2) the provider's adapter proved the token, and exchanged it for a verified identity of the same account;
(3) tenant and account are those of the authentic activity that brought it, so nobody hands in another's token;
(4) the person is not locked;
(5) an existing link is of that identity: none is ever replaced;
(6) without a link, the person has no other chat account: a further one takes a factor, and so a browser;
(7) since the client got the token, no signal of the directory ended this person's sessions, nor did the provider ever
    end its session behind this one.

Nobody pressed anything and nobody authenticated anew, so the session is no interactive one: `auth_time` stays empty,
policy lets it read one's own low-risk data and nothing else, it appoints no administrator and counts as no proof.
Whatever fails ends in "use the browser", and is written down.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bot.domain.answer import Posting
from bot.domain.audit import EventType
from bot.domain.identity import Link, LinkedIdentity
from bot.domain.messages import IncomingMessage
from bot.domain.outbound import OutboxItem
from bot.domain.rollout import Rollout
from bot.domain.secret import Secret
from bot.domain.session import SessionLimits, SessionState
from bot.errors import AlreadyLinked, DoorwardError, IntegrityAlarm, NotAllowed, SignInRefused, TooMany
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import SignIn
from bot.ports.silent_sign_in import SilentProvider, Vouched
from bot.services import announcing, challenges, further_accounts, refusals
from bot.services.audit_trail import Scribe
from bot.services.delivery import Delivery, edit_of
from bot.services.letters import Letterbox
from bot.services.link_making import Told
from bot.services.sessions import identity_of, open_session, remember_person
from bot.services.signals import ended_since, good_as_of, session_over
from bot.services.throttling import allows_message
from bot.texts.sentences import voice

DEDUPE_LEASE_SECONDS = 60

log = structlog.get_logger("doorward.silent_sign_in")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInSilently:
    """It is through; what waited for it goes on."""

    waiting: IncomingMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentSignIn:
    """One for the platform whose client signs people in."""

    database: Database
    clock: Clock
    limits: SessionLimits
    provider: SilentProvider
    delivery: Delivery
    letters: Letterbox
    rollout: Rollout

    async def sign_in(self, message: IncomingMessage, token: Secret) -> SignedInSilently | None:
        """None where the browser has to be used. Raises `StorageUnavailable`."""
        scribe = Scribe(time=self.clock.now(), channel=message.who.key, correlation=message.event_id)
        try:
            # Condition 1 of the list above.
            known = await self.database.write(lambda tx: self._first(tx, message))
            if known is not None:
                return known.signed_in
            # Condition 2 of the list above.
            begun_at = self.clock.now()
            vouched = await self.provider.vouch(token=token, now=begun_at)
            # Condition 3 of the list above.
            _check_account(message, vouched)
            return await self._done(message, vouched, scribe, begun_at)
        except (SignInRefused, NotAllowed, AlreadyLinked, TooMany) as refusal:
            await self._refused(scribe, refusal.code)
            if isinstance(refusal, SignInRefused):
                await self._challenged(message, refusal.challenge)
        except IntegrityAlarm as alarm:
            log.critical("integrity_alarm", code=alarm.code, correlation=scribe.correlation)
            event = scribe.event(EventType.INTEGRITY_ALARM, decision="error", code=alarm.code)
            await self.database.write(lambda tx: tx.audit.append(event))
        except DoorwardError as error:
            log.warning("not_signed_in", code=error.code)
            await self._refused(scribe, error.code)
        return None

    def _first(self, tx: Transaction, message: IncomingMessage) -> _Known | None:
        """None for an exchange that is new and wanted. Raises `TooMany`."""
        now = self.clock.now()
        row = tx.inbox.accept(message, lease_seconds=DEDUPE_LEASE_SECONDS)
        standing = tx.sessions.use(message.who, now=now, limits=self.limits)
        alive = standing.state is SessionState.ALIVE
        if row is None:  # another of the person's clients was first: say what came of it
            return _Known(signed_in=SignedInSilently() if alive else None)
        tx.inbox.complete(row, now)
        if not allows_message(tx, message, now):
            raise TooMany
        # Somebody who is signed in was offered to do so again: for that, they have to do it themselves.
        return _Known(signed_in=None) if alive else None

    async def _done(
        self, message: IncomingMessage, vouched: Vouched, scribe: Scribe, begun_at: datetime
    ) -> SignedInSilently:
        told = Told()
        sign_in = _unattended(vouched.sign_in)

        def work(tx: Transaction) -> SignedInSilently:
            told.shown.clear()
            told.written.clear()
            # Condition 7 of the list above.
            over = session_over(tx, sign_in.claims, self.clock.now())
            if over or ended_since(tx, identity_of(sign_in.claims), min(begun_at, vouched.issued_at)):
                raise SignInRefused("the directory ended what this would open again", code="link.ended_meanwhile")
            made = self._join(tx, message, vouched.provider, sign_in, scribe, begun_at)
            told.shown.extend(self._show(tx, message, sign_in, made))
            if made is not None:
                told.written.extend(self.letters.put(tx, announcing.letter(made, sign_in.claims)))
            return SignedInSilently(waiting=tx.pending.take(message.who, now=self.clock.now()))

        done = await self.database.write(work)
        await self.delivery.send(told.shown)
        await self.letters.post(told.written)
        return done

    def _join(
        self,
        tx: Transaction,
        message: IncomingMessage,
        provider: str,
        sign_in: SignIn,
        scribe: Scribe,
        begun_at: datetime,
    ) -> Link | None:
        """The link that was made, if one was. Raises `SignInRefused`, `NotAllowed`."""
        now, channel, identity = self.clock.now(), message.who, identity_of(sign_in.claims)
        # What the directory said during the exchange is newer than what the exchange says.
        said_at = good_as_of(tx, identity, begun_at)
        piloted = self.rollout.provider_groups
        person = remember_person(tx, provider, sign_in.claims, now, said_at=said_at, piloted=piloted)
        mine = replace(scribe, principal=identity.key)
        # Condition 4 of the list above.
        if person.locked:
            raise SignInRefused(code="person.locked")
        # Condition 5 of the list above.
        link, made = tx.links.find(channel), None
        if link is not None and link.identity != identity:
            raise SignInRefused(code="link.other_identity")
        if link is None:
            made = self._linked(tx, message, identity, provider, mine)
        open_session(tx, channel, sign_in, self.limits, now)
        tx.tokens.save(identity, sign_in.token_cache, expected_version=None, now=now)
        tx.audit.append(mine.event(EventType.SESSION_OPENED, code="sso"))
        return made

    def _linked(
        self, tx: Transaction, message: IncomingMessage, identity: LinkedIdentity, provider: str, scribe: Scribe
    ) -> Link:
        # Condition 6 of the list above.
        if further_accounts.is_further(tx, identity, message.who):
            raise NotAllowed("a further chat account", code="link.factor_missing")
        made = Link(channel=message.who, identity=identity, provider=provider, linked_at=self.clock.now())
        tx.links.insert(made)
        tx.audit.append(scribe.event(EventType.LINK_MADE, code="sso"))
        return made

    def _show(self, tx: Transaction, message: IncomingMessage, sign_in: SignIn, made: Link | None) -> list[OutboxItem]:
        """The sign-in card says who is signed in, and whoever was linked before hears of a new account."""
        reader = voice(sign_in.claims.locale or message.locale)
        draft = refusals.signed_in(reader, sign_in.claims.display_name)
        copies = tx.posted.about(refusals.session_card(message.who))[-1:]
        edits = [edit_of(tx, posted, draft) for posted in copies]
        told: list[Posting] = [edit for edit in edits if edit is not None]
        told += announcing.cards(tx, made, sign_in.claims) if made is not None else []
        return self.delivery.put_all(tx, told, "")

    async def _challenged(self, message: IncomingMessage, claims: str) -> None:
        """What the provider wants to see goes with the browser leg of this chat account."""
        if claims:
            name, now = self.provider.name, self.clock.now()
            await self.database.write(lambda tx: challenges.keep(tx, message.who, name, claims, now))

    async def _refused(self, scribe: Scribe, code: str) -> None:
        event = replace(scribe, correlation=secrets.token_hex(8)).event(
            EventType.SIGN_IN_REFUSED, decision="deny", code=code
        )
        await self.database.write(lambda tx: tx.audit.append(event))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is answered without asking the provider."""

    signed_in: SignedInSilently | None


def _check_account(message: IncomingMessage, vouched: Vouched) -> None:
    who = f"{vouched.tenant}:{vouched.account}"
    if not hmac.compare_digest(who.encode(), f"{message.who.tenant}:{message.who.account}".lower().encode()):
        raise SignInRefused("the token is of another account", code="sso.other_person")


def _unattended(sign_in: SignIn) -> SignIn:
    """Nobody authenticated for this: a time and methods that the provider remembers are not this session's."""
    return replace(sign_in, claims=replace(sign_in.claims, auth_time=None, acr=None, amr=()))
