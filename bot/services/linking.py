"""Joins a chat account to a company identity, in one browser session that walks both legs.

A link is made only when all of this holds (invariant 2: a forwarded link never links the wrong pair):

(1) the ticket was offered to this chat account, is ten minutes old at the most, and is taken once, by a POST;
(2) every later step comes from the browser session that took it (its cookie's hash stands in the leg);
(3) the chat platform's own sign-in, in that browser, is of the ticket's chat account; where there is none, and only
    where the settings name an authoritative source of whose it is, see `bot.services.link_codes`;
(4) the company sign-in, in that browser, passed every check of the provider's adapter;
(5) the person confirmed the page that names both accounts, by a POST;
(6) the chat account is not linked, and the person is not locked;
(7) where the person has another chat account already, a factor of theirs signed this very link with that POST;
(8) since the browser was sent to the provider, nobody ended everything of this person (`signals.ended_since`), nor
    the provider its session behind this sign-in (`signals.session_over`).

Renewing a session needs (1), (2), (4), (8) and that the identity is the linked one: no chat leg, no naming page.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from bot.domain.identity import ChannelIdentity, LinkedIdentity, Person, Platform
from bot.domain.interaction import Interaction
from bot.domain.proof import ProofMethod
from bot.errors import HandleSpent, NotAllowed, SignInRefused
from bot.ports.chat_sign_in import ChatSignIn
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import IdentityProvider, SignIn
from bot.ports.webauthn import WebAuthn
from bot.services import challenges, further_accounts, tickets
from bot.services.further_accounts import Given
from bot.services.legs import LEG, LEG_SECONDS, TICKET, TYPING, Leg, Named, SignedIn, Ticket, browser_hash
from bot.services.link_codes import LinkCodes
from bot.services.link_making import LinkMaking, scribe_of
from bot.services.own_changes import OwnChanges
from bot.services.provider_step_up import Waiting
from bot.services.sessions import identity_of

Able = frozenset[ProofMethod]


class Linking:
    """The sign-in legs, as the web pages drive them."""

    def __init__(
        self,
        *,
        database: Database,
        providers: Mapping[str, IdentityProvider],
        chats: Mapping[Platform, ChatSignIn],
        clock: Clock,
        public_url: str,
        making: LinkMaking,
        codes: LinkCodes,
        own_changes: OwnChanges,
        webauthn: WebAuthn | None = None,
    ) -> None:
        self._database = database
        self._providers = providers
        self._chats = chats
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self._making = making
        self._codes = codes
        self._own_changes = own_changes
        self._webauthn = webauthn

    async def look(self, ticket: str) -> Ticket:
        """What a ticket is for, without taking it. Raises `HandleSpent`."""
        now = self._clock.now()
        found = await self._database.read(lambda tx: tx.interactions.find(ticket, now=now))
        if found is None or found.kind != "ticket":
            raise HandleSpent(code="ticket.spent")
        return TICKET.validate_python(found.payload)

    async def is_linked(self, channel: ChannelIdentity) -> bool:
        """Whether a sign-in of this chat account renews a session."""
        return await self._database.read(lambda tx: tx.links.find(channel)) is not None

    async def begin(self, ticket: str, browser_id: str, provider: str | None = None) -> str:
        """Take the ticket; where the browser goes. Raises `HandleSpent`, `SignInRefused`, `ProviderUnavailable`."""
        name = provider or next(iter(self._providers))
        if name not in self._providers:
            raise SignInRefused(code="idp.unknown")
        leg, state = await self._database.write(lambda tx: self._take(tx, ticket, browser_id, name))
        if leg.stage == "chat" and leg.channel is not None and not self._has_chat_sign_in(leg.channel):
            raise await self._refusal(leg, SignInRefused(code="link.no_chat_sign_in"))
        if leg.stage == "company":
            return await self._company(state, leg, max_age=0 if leg.afresh else None)
        assert leg.channel is not None
        return self._chats[leg.channel.platform].authorize_url(
            state=state, nonce=leg.nonce, redirect_uri=self._chat_redirect(leg.channel.platform)
        )

    def _take(self, tx: Transaction, ticket: str, browser_id: str, provider: str) -> tuple[Leg, str]:
        # Condition 1 of the list above.
        found = tx.interactions.take(ticket, now=self._clock.now())
        if found is None or found.kind != "ticket":
            raise HandleSpent(code="ticket.spent")
        offered = TICKET.validate_python(found.payload)
        link = tx.links.find(offered.channel)
        renewal = link is not None
        by_chat = renewal or self._has_chat_sign_in(offered.channel)
        by_code = not by_chat and self._codes.offered(offered.channel, provider)
        person = None if link is None else tx.persons.find(link.identity)
        leg = Leg(
            stage="company" if renewal or by_code else "chat",
            browser=browser_hash(browser_id),
            provider=link.provider if link is not None and link.provider in self._providers else provider,
            channel=offered.channel,
            place=offered.place,
            renewal=renewal,
            by_code=by_code,
            afresh=offered.afresh,
            login_hint=None if person is None else person.username,
            account=None if link is None else link.identity,
            nonce=secrets.token_urlsafe(24),
        )
        return leg, self._keep(tx, leg)

    def _has_chat_sign_in(self, channel: ChannelIdentity) -> bool:
        return channel.platform in self._chats

    def _keep(self, tx: Transaction, leg: Leg) -> str:
        return tx.interactions.create(self._leg(leg))

    def _leg(self, leg: Leg, version: int = 0) -> Interaction:
        payload: dict[str, object] = LEG.dump_python(leg, mode="json")
        until = self._clock.now() + timedelta(seconds=LEG_SECONDS)
        return Interaction(kind="leg", payload=payload, audience="browser", until=until, version=version)

    async def begin_in_browser(
        self, browser_id: str, next_path: str, *, provider: str | None = None, max_age: int | None = None
    ) -> str:
        """A company sign-in alone, for our own pages; where the browser goes next."""
        name = provider or next(iter(self._providers))
        leg = Leg(stage="company", browser=browser_hash(browser_id), provider=name, next_path=next_path)
        state = await self._database.write(lambda tx: self._keep(tx, leg))
        return await self._company(state, leg, max_age=max_age)

    async def begin_elsewhere(self, state: str) -> str:
        """Where a sign-in that came back in another browser begins again; empty where nothing is known of it.

        What was begun stays where it is: whoever has its address has no more than with a forwarded ticket.
        """
        now = self._clock.now()
        return await self._database.write(lambda tx: tickets.elsewhere(tx, state, now))

    async def begin_step_up(self, browser_id: str, person: Person, waiting: Waiting) -> str:
        """A sign-in past the provider's own session, that is to prove what waits; where the browser goes next."""
        leg = Leg(
            stage="company",
            browser=browser_hash(browser_id),
            provider=person.provider,
            login_hint=person.username,
            account=person.identity,
            next_path=waiting.page,
            step_up=waiting,
        )
        state = await self._database.write(lambda tx: self._keep(tx, leg))
        return await self._company(state, leg, max_age=0)

    async def chat_back(self, platform: Platform, state: str, code: str, browser_id: str) -> str:
        """The chat leg is back; where the browser goes next. Raises `SignInRefused`, `HandleSpent`."""
        leg, _ = await self._find(state, browser_id, stage="chat")
        if leg.channel is None or leg.channel.platform is not platform:
            raise await self._refusal(leg, SignInRefused(code="link.mixed_up"))
        try:
            who = await self._chats[platform].redeem(
                code=code, nonce=leg.nonce, redirect_uri=self._chat_redirect(platform)
            )
        except SignInRefused as error:
            await self._refused(leg, error.code)
            raise
        # Condition 3 of the list above.
        if not hmac.compare_digest(who.key, leg.channel.key):
            raise await self._refusal(leg, SignInRefused(code="link.other_chat_account"))
        return await self._company(state, replace(leg, stage="company"))

    async def _company(self, state: str, leg: Leg, *, max_age: int | None = None) -> str:
        begun_at = self._clock.now()
        claims = await self._database.read(
            lambda tx: challenges.waiting(tx, leg.channel, leg.account, leg.provider, begun_at)
        )
        attempt = await self._providers[leg.provider].begin_sign_in(
            redirect_uri=self._company_redirect(leg.provider),
            state=state,
            login_hint=leg.login_hint,
            max_age=max_age,
            acr_values=() if leg.step_up is None else leg.step_up.acr_values,
            claims=claims,
        )
        moved = replace(leg, stage="company", flow=attempt.flow, claims=claims, begun_at=begun_at)
        await self._database.write(lambda tx: self._move(tx, state, moved))
        return attempt.authorize_url

    def _move(self, tx: Transaction, state: str, leg: Leg) -> None:
        found = tx.interactions.find(state, now=self._clock.now())
        if found is None or not tx.interactions.replace(state, self._leg(leg, found.version)):
            raise HandleSpent(code="leg.spent")

    async def _find(self, state: str, browser_id: str, *, stage: str | tuple[str, ...]) -> tuple[Leg, int]:
        now = self._clock.now()
        found = await self._database.read(lambda tx: tx.interactions.find(state, now=now))
        if found is None or found.kind != "leg":
            raise HandleSpent(code="leg.spent")
        leg = LEG.validate_python(found.payload)
        # Condition 2 of the list above.
        if not hmac.compare_digest(leg.browser, browser_hash(browser_id)):
            raise await self._refusal(leg, SignInRefused(code="link.other_browser"))
        if leg.stage not in ((stage,) if isinstance(stage, str) else stage) or (stage == "company" and not leg.flow):
            raise HandleSpent(code="leg.stage")
        return leg, found.version

    async def company_back(
        self,
        provider: str,
        response: Mapping[str, str],
        browser_id: str,
        src_ip: str | None = None,
        *,
        language: str = "",
    ) -> Named | SignedIn:
        """The company leg is back; `language` is the browser's, for whom the provider names none.

        Raises `SignInRefused`, `ProviderUnavailable`, `HandleSpent`.
        """
        state = response.get("state", "")
        leg, _ = await self._find(state, browser_id, stage="company")
        if leg.provider != provider:
            raise await self._refusal(leg, SignInRefused(code="link.mixed_up"))
        leg = replace(leg, signed_in_at=self._clock.now())
        # Condition 4 of the list above.
        try:
            sign_in = await self._providers[provider].complete_sign_in(
                flow=leg.flow, response=response, now=self._clock.now()
            )
        except SignInRefused as error:
            await self._refused(leg, error.code)
            await self._challenged(leg, error.challenge)
            raise
        spoken = replace(sign_in.claims, locale=sign_in.claims.locale or language)
        sign_in = replace(sign_in, claims=spoken)
        if leg.channel is None or leg.renewal:
            return await self._done(state, leg, sign_in, src_ip)
        return await self._name(state, leg, leg.channel, sign_in)

    async def _name(self, state: str, leg: Leg, channel: ChannelIdentity, sign_in: SignIn) -> Named:
        identity = identity_of(sign_in.claims)
        # Condition 3 of the list above, where it takes a code: nothing is shown before.
        if leg.by_code and (misfit := await self._codes.misfit(leg, sign_in)):
            raise await self._refusal(leg, misfit)
        try:
            able = await self._database.read(self._able(identity, channel))
        except NotAllowed as error:
            await self._refused(leg, error.code)
            raise
        named = replace(leg, stage="named", sign_in=sign_in, flow=b"")
        await self._database.write(lambda tx: self._move(tx, state, named))
        return Named(leg=state, channel=channel, provider=leg.provider, sign_in=sign_in, methods=able)

    def _able(self, identity: LinkedIdentity, channel: ChannelIdentity) -> Callable[[Transaction], Able]:
        return lambda tx: further_accounts.methods(
            tx, identity, channel, self._clock.now(), self._webauthn, self._own_changes
        )

    async def signed_by(self, state: str, browser_id: str) -> tuple[LinkedIdentity, str]:
        """Whose passkey may sign the link of the naming page, and what it signs. Raises `HandleSpent`."""
        leg, _ = await self._find(state, browser_id, stage="named")
        sign_in, channel = leg.both()
        identity = identity_of(sign_in.claims)
        return identity, further_accounts.digest(state, identity, channel)

    async def confirm(self, state: str, browser_id: str, given: Given) -> Named | SignedIn:
        """(5) and (7): the page naming both was confirmed; it again where a factor did not count or a code is to type.

        Raises `HandleSpent`, `AlreadyLinked`, `SignInRefused`, `NotAllowed`.
        """
        leg, version = await self._find(state, browser_id, stage="named")
        sign_in, channel = leg.both()
        identity = identity_of(sign_in.claims)
        if able := await self._database.read(self._able(identity, channel)):
            check = partial(
                further_accounts.check,
                signs=further_accounts.digest(state, identity, channel),
                able=able,
                webauthn=self._webauthn,
            )
            scribe = scribe_of(leg, identity, self._clock.now())
            wrong = await self._database.write(lambda tx: check(tx, identity, channel.key, given, scribe))
            if wrong is not None:
                return Named(
                    leg=state, channel=channel, provider=leg.provider, sign_in=sign_in, methods=able, wrong=wrong
                )
            leg = replace(leg, proven=True)
        if leg.by_code:
            return await self._codes.show(state, leg, version)
        return await self._done(state, leg, sign_in)

    async def decline(self, state: str, browser_id: str) -> None:
        """Somebody said that one of the accounts is not theirs: the leg is gone, and it is written down."""
        leg, _ = await self._find(state, browser_id, stage=("named", TYPING))
        now = self._clock.now()
        await self._database.write(lambda tx: tx.interactions.take(state, now=now))
        await self._refused(leg, "link.declined")

    async def _refusal(self, leg: Leg, error: SignInRefused) -> SignInRefused:
        """The error to raise, once it is written down."""
        await self._refused(leg, error.code)
        return error

    async def _refused(self, leg: Leg, code: str) -> None:
        await self._making.refused(leg, code)

    async def _challenged(self, leg: Leg, claims: str) -> None:
        """What the provider wants to see goes with the next leg of the same person."""
        of, now = leg.account or leg.channel, self._clock.now()
        if claims and of is not None:
            await self._database.write(lambda tx: challenges.keep(tx, of, leg.provider, claims, now))

    async def _done(self, state: str, leg: Leg, sign_in: SignIn, src_ip: str | None = None) -> SignedIn:
        signed_in, told = await self._making.commit(state, leg, sign_in, src_ip)
        await self._making.tell(told)
        return signed_in

    def _chat_redirect(self, platform: Platform) -> str:
        return f"{self._public_url}/signin/{platform}/callback"

    def _company_redirect(self, provider: str) -> str:
        return f"{self._public_url}/signin/callback/{provider}"
