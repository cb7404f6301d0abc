"""Makes the link, or renews the session, in the transaction that ends a leg; and tells who has to hear of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.audit import EventType
from bot.domain.identity import Link, LinkedIdentity
from bot.domain.outbound import OutboxItem
from bot.domain.rollout import Rollout
from bot.domain.session import SessionLimits
from bot.errors import AlreadyLinked, HandleSpent, NotAllowed, SignInRefused
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import SignIn
from bot.ports.mail import WaitingLetter
from bot.services import announcing, challenges, further_accounts
from bot.services.audit_trail import Scribe
from bot.services.delivery import Delivery
from bot.services.first_administrator import Administrators, appoint
from bot.services.legs import TYPING, Leg, SignedIn
from bot.services.letters import Letterbox
from bot.services.sessions import identity_of, open_browser, open_session, remember_person
from bot.services.signals import NEVER_CHECKED, ended_since, good_as_of, session_over


@dataclass(slots=True, kw_only=True)
class Told:
    """What is durable already, and goes out next."""

    shown: list[OutboxItem] = field(default_factory=list)
    written: list[WaitingLetter] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMaking:
    """The end of every leg; the conditions are those of `bot.services.linking`."""

    database: Database
    clock: Clock
    limits: SessionLimits
    delivery: Delivery
    letters: Letterbox
    administrators: Administrators
    rollout: Rollout
    prove: Callable[..., None]
    """`provider_step_up.take`, with its settings."""

    async def commit(self, state: str, leg: Leg, sign_in: SignIn, src_ip: str | None = None) -> tuple[SignedIn, Told]:
        """One transaction; `tell` goes next. Raises `HandleSpent`, `SignInRefused`, `AlreadyLinked`, `NotAllowed`."""
        told = Told()

        def work(tx: Transaction) -> SignedIn:
            told.shown.clear()
            told.written.clear()
            signed_in = self._finish(tx, state, leg, sign_in, src_ip)
            if leg.channel is not None:
                told.shown.extend(self.delivery.put_all(tx, announcing.signed_in(tx, leg.channel, sign_in.claims), ""))
            for link in self._made(tx, signed_in):
                told.shown.extend(self.delivery.put_all(tx, announcing.cards(tx, link, sign_in.claims), ""))
                told.written.extend(self.letters.put(tx, announcing.letter(link, sign_in.claims)))
            return signed_in

        try:
            return await self.database.write(work), told
        except (SignInRefused, AlreadyLinked, NotAllowed) as error:
            # The transaction is undone, and the refusal written down all the same.
            await self.refused(leg, error.code)
            raise

    async def tell(self, told: Told) -> None:
        """Post and mail what `commit` queued; what fails for now stays queued."""
        await self.delivery.send(told.shown)
        await self.letters.post(told.written)

    async def refused(self, leg: Leg, code: str) -> None:
        """Write a refusal down."""
        event = scribe_of(leg, None, self.clock.now()).event(EventType.LINK_REFUSED, decision="deny", code=code)
        await self.database.write(lambda tx: tx.audit.append(event))

    def _made(self, tx: Transaction, signed_in: SignedIn) -> list[Link]:
        """The link this sign-in made; none where it was a renewal."""
        link = tx.links.find(signed_in.channel) if signed_in.linked and signed_in.channel else None
        return [] if link is None else [link]

    def _finish(self, tx: Transaction, state: str, leg: Leg, sign_in: SignIn, src_ip: str | None) -> SignedIn:
        now = self.clock.now()
        if tx.interactions.take(state, now=now) is None:
            raise HandleSpent(code="leg.spent")
        identity = identity_of(sign_in.claims)
        # Condition 8 of the list above.
        over = session_over(tx, sign_in.claims, now)
        if leg.begun_at is None or over or ended_since(tx, identity, leg.begun_at):
            raise SignInRefused("the directory ended what this began", code="link.ended_meanwhile")
        said_at = good_as_of(tx, identity, leg.signed_in_at)  # the naming page may have waited for minutes
        person = remember_person(
            tx, leg.provider, sign_in.claims, now, said_at=said_at, piloted=self.rollout.provider_groups
        )
        scribe = scribe_of(leg, identity, now)
        if leg.channel is not None:
            self._link(tx, leg, identity, scribe, locked=person.locked)
            open_session(tx, leg.channel, sign_in, self.limits, now, begun_at=leg.begun_at)
        elif person.locked:
            raise SignInRefused(code="person.locked")
        if leg.step_up is not None:
            self.prove(tx, leg.step_up, sign_in.claims, identity, begun_at=leg.begun_at, scribe=scribe, src_ip=src_ip)
        if person.idp_checked_at == said_at != NEVER_CHECKED:
            appoint(tx, self.administrators, person, sign_in.claims.groups, scribe)
        if leg.claims:
            challenges.met(tx, leg.channel, identity)
        tx.tokens.save(identity, sign_in.token_cache, expected_version=None, now=now)
        # A code is typed in chat: nothing there may sign a browser in.
        browser = None if leg.stage == TYPING else open_browser(tx, sign_in.claims, now)
        tx.audit.append(scribe.event(EventType.SESSION_OPENED, code="browser" if leg.channel is None else "chat"))
        return SignedIn(
            browser=browser,
            identity=identity,
            display_name=sign_in.claims.display_name,
            channel=leg.channel,
            next_path=leg.next_path,
            linked=leg.channel is not None and not leg.renewal,
        )

    def _link(self, tx: Transaction, leg: Leg, identity: LinkedIdentity, scribe: Scribe, *, locked: bool) -> None:
        assert leg.channel is not None
        # Condition 6 of the list above.
        if locked:
            raise SignInRefused(code="person.locked")
        link = tx.links.find(leg.channel)
        if leg.renewal:
            if link is None or link.identity != identity:
                raise SignInRefused(code="link.other_identity")
            return
        if link is not None:
            raise AlreadyLinked
        # Condition 7: asked again, since another account may have been linked meanwhile.
        if not leg.proven and further_accounts.is_further(tx, identity, leg.channel):
            raise NotAllowed("linked meanwhile", code="link.factor_missing")
        tx.links.insert(Link(channel=leg.channel, identity=identity, provider=leg.provider, linked_at=self.clock.now()))
        tx.audit.append(scribe.event(EventType.LINK_MADE))


def scribe_of(leg: Leg, identity: LinkedIdentity | None, now: datetime) -> Scribe:
    """Who writes about a leg."""
    return Scribe(
        time=now,
        channel=leg.channel.key if leg.channel else "web",
        correlation=secrets.token_hex(8),
        principal=identity.key if identity else "",
    )
