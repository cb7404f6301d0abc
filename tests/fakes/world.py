"""A whole Doorward in one process: real core, stores, policies and demo systems, between a fake chat and directory."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

from adapters.connectors.demo.backend import DemoBackend
from bot.bootstrap.core import Core, compose
from bot.bootstrap.outside import Outside
from bot.capabilities.model import Systems
from bot.domain.answer import Answer
from bot.domain.approval import Route
from bot.domain.audit import AuditRecord
from bot.domain.identity import ChannelIdentity, Issuer, Link, LinkedIdentity, Platform, Subject
from bot.domain.messages import EventKind, IncomingMessage, Place, PlaceKind, ReplyWindow
from bot.domain.owner import Owner
from bot.domain.reply_limits import ReplyLimits
from bot.domain.rollout import Rollout
from bot.domain.secret import Secret
from bot.domain.session import SessionLimits
from bot.domain.totp import code_at
from bot.ports.chat import ChatPlatform
from bot.ports.chat_sign_in import ChatSignIn
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import IdentityProvider, SignIn
from bot.ports.ingress import DialogAnswer
from bot.ports.mail import Mail, NullMail
from bot.ports.trace import NullTracer
from bot.ports.webauthn import WebAuthn
from bot.services import step_up
from bot.services.asking import Routes
from bot.services.authorization import GrantMint
from bot.services.operations import verifier
from bot.services.sessions import identity_of, open_session, remember_person
from policy.cedar import load
from policy.engine import PolicyEngine
from policy.sources import POLICIES
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.migration import migrate
from tests.fakes.chat import FakeChat, Posted, direct
from tests.fakes.clock import FixedClock
from tests.fakes.database import make_empty
from tests.fakes.directory import ISSUER, FakeDirectory
from tests.fakes.patience import PATIENT, SETTLE_SECONDS

PUBLIC_URL = "https://doorward.example"
LIMITS = SessionLimits(idle=timedelta(hours=1), absolute=timedelta(hours=12))
HR_CHANNEL = Place(platform=Platform.PLAYGROUND, tenant="demo", conversation="hr-leave", kind=PlaceKind.CHANNEL)


class NoChatSignIn:
    """No chat leg in these tests: links are made directly."""

    def authorize_url(self, *, state: str, nonce: str, redirect_uri: str) -> str:
        raise NotImplementedError

    async def redeem(self, *, code: str, nonce: str, redirect_uri: str) -> ChannelIdentity:
        raise NotImplementedError


@dataclass(slots=True, kw_only=True)
class World:
    """Drives the core as an adapter would."""

    core: Core
    database: Database
    clock: FixedClock
    chat: FakeChat
    directory: FakeDirectory
    backend: DemoBackend
    accounts: Mapping[str, ChannelIdentity] = field(default_factory=dict)
    """Chat accounts by name, where they are not the playground's."""
    seeds: dict[str, str] = field(default_factory=dict)
    identities: dict[str, LinkedIdentity] = field(default_factory=dict)
    piloted: frozenset[str] = frozenset()
    """The provider's groups that the pilot names."""
    _events: count[int] = field(default_factory=lambda: count(1))

    def channel(self, name: str) -> ChannelIdentity:
        known = self.accounts.get(name)
        return known or ChannelIdentity(platform=Platform.PLAYGROUND, tenant="demo", account=name)

    def identity(self, name: str) -> LinkedIdentity:
        return self.identities.get(name) or LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject(name))

    async def sign_in(
        self, name: str, signed: SignIn | None = None, *, provider: str = "test", silent: bool = False
    ) -> None:
        """Link and open a session, as the sign-in pages would; `silent` where the provider asked nobody."""
        signed, now = signed or self.directory.sign_in(name), self.clock.now()
        self.identities[name] = identity_of(signed.claims)

        def work(tx: Transaction) -> None:
            person = remember_person(tx, provider, signed.claims, now, piloted=self.piloted)
            if tx.links.find(self.channel(name)) is None:
                tx.links.insert(
                    Link(channel=self.channel(name), identity=person.identity, provider=provider, linked_at=now)
                )
            begun_at = now + timedelta(hours=1) if silent else now
            open_session(tx, self.channel(name), signed, LIMITS, now, begun_at=begun_at)
            tx.tokens.save(person.identity, signed.token_cache, expected_version=None, now=now)

        await self.database.write(work)

    async def enrol(self, name: str) -> None:
        """Bind and confirm an authenticator; its first code is spent on that."""
        now = self.clock.now()

        def work(tx: Transaction) -> str:
            enrolment = step_up.begin_enrolment(tx, self.identity(name), now)
            assert enrolment is not None
            checked = step_up.check_code(
                tx,
                self.identity(name),
                code_at(enrolment.seed, now),
                path=step_up.CodePath.PAGE,
                now=now,
                enrolling=True,
            )
            assert not isinstance(checked, step_up.CodeRefusal)
            return enrolment.seed

        self.seeds[name] = await self.database.write(work)
        self.clock.advance(timedelta(seconds=30))

    def code(self, name: str) -> str:
        return code_at(self.seeds[name], self.clock.now())

    def message(self, name: str, kind: EventKind = EventKind.MESSAGE, **values: object) -> IncomingMessage:
        who = self.channel(name)
        known: dict[str, object] = {
            "event_id": f"e{next(self._events)}",
            "kind": kind,
            "who": who,
            "place": direct(who),
            "received_at": self.clock.now(),
        }
        return IncomingMessage(**{**known, **values})  # type: ignore[arg-type]  # the test names the fields

    async def say(self, name: str, text: str) -> str:
        """Type something; the text of everything new that this person can see."""
        seen = len(self.chat.seen_by(self.channel(name)))
        await self.core.ingress.accept(self.message(name, text=text))
        await self.core.ingress.drain(SETTLE_SECONDS)
        return "\n---\n".join(posted.text for posted in self.chat.seen_by(self.channel(name))[seen:])

    async def command(self, name: str, text: str) -> str:
        seen = len(self.chat.seen_by(self.channel(name)))
        await self.core.ingress.accept(self.message(name, EventKind.COMMAND, text=text))
        await self.core.ingress.drain(SETTLE_SECONDS)
        return "\n---\n".join(posted.text for posted in self.chat.seen_by(self.channel(name))[seen:])

    async def sign_out(self, name: str, where: str = "here") -> str:
        """Type it, and press where; the text of everything new."""
        seen = len(self.chat.seen_by(self.channel(name)))
        await self.say(name, "sign out")
        await self.press(name, self.last(name), f"Sign out {where}")
        return "\n---\n".join(posted.text for posted in self.chat.seen_by(self.channel(name))[seen:])

    async def press(self, name: str, posted: Posted, label: str) -> None:
        """Press a button; a dialog it opens is in `chat.dialogs['view']`."""
        action = posted.button(label)
        window = ReplyWindow.OPENS_DIALOG if action.opens_dialog else ReplyWindow.NONE
        message = self.message(
            name,
            EventKind.PRESS,
            handle=action.handle,
            place=posted.place,
            source=posted.id,
            window=window,
            trigger="view" if action.opens_dialog else None,
        )
        await self.core.ingress.accept(message)
        await self.core.ingress.drain(SETTLE_SECONDS)

    async def submit_code(self, name: str, code: str) -> DialogAnswer:
        dialog = self.chat.dialogs["view"]
        answer = await self.core.ingress.submit_code(
            self.message(name, EventKind.SUBMISSION, handle=dialog.handle), Secret(code)
        )
        await self.core.ingress.drain(SETTLE_SECONDS)
        return answer

    async def prove_on_page(self, name: str, url: str) -> Answer:
        """What the consent page does with a right code: a proof bound to what it shows, then on with it."""
        handle, now = url.rpartition("/")[2], self.clock.now()

        def work(tx: Transaction) -> IncomingMessage:
            found = tx.interactions.find(handle, now=now)
            assert found is not None
            proposal = tx.proposals.find(str(found.payload["proposal"]))
            assert proposal is not None
            session = tx.sessions.of_identity(proposal.identity)[0]
            reading = proposal.consent.value == "own_reading"
            checked = step_up.check_code(tx, proposal.identity, self.code(name), path=step_up.CodePath.PAGE, now=now)
            assert not isinstance(checked, step_up.CodeRefusal)
            step_up.prove(
                tx,
                proposal.identity,
                method=checked.method,
                kind=proposal.consent,
                binding=step_up.reading_binding(session.id, proposal.reading_set) if reading else proposal.digest,
                now=now,
                session=session,
            )
            return self.message(name, EventKind.RESUME, place=proposal.place, fields={"proposal": proposal.id})

        message = await self.database.write(work)
        return await self.core.ingress.resume(message)

    def last(self, name: str, headline: str = "") -> Posted:
        found = [posted for posted in self.chat.seen_by(self.channel(name)) if headline in posted.card.headline]
        assert found, f"{name} sees no {headline!r} in {[p.card.headline for p in self.chat.posts]}"
        return found[-1]

    async def audit(self, **filters: str) -> list[AuditRecord]:
        return list(await self.database.read(lambda tx: list(tx.audit.search(**filters, limit=200))))  # type: ignore[arg-type]  # the names are the store's


def url_in(posted: Posted) -> str:
    """The first address a card leads to."""
    found = [action.url for action in posted.card.actions if action.url]
    assert found, posted.text
    return re.sub(r"^https://[^/]+", "", found[0])


@asynccontextmanager
async def world(
    folder: Path,
    clock: FixedClock,
    *,
    url: str | None = None,
    keys: Keyring | None = None,
    platforms: Mapping[Platform, ChatPlatform] | Callable[[Database], Mapping[Platform, ChatPlatform]] | None = None,
    accounts: Mapping[str, ChannelIdentity] | None = None,
    hr: Place = HR_CHANNEL,
    rules: tuple[Route, ...] = (),
    providers: Mapping[str, IdentityProvider] | None = None,
    rollout: Rollout | None = None,
    policies: Path = POLICIES,
    engine: PolicyEngine | None = None,
    owner: Owner | None = None,
    mail: Mail | None = None,
    replies: ReplyLimits = PATIENT,
    webauthn: WebAuthn | None = None,
) -> AsyncIterator[World]:
    """A fresh world on SQLite, or on the database at `url`; with the `keys` of another it is a replica of that one.

    With `platforms`, or what makes them over the database, it speaks with those, `accounts`
    naming the people there, instead of with a chat in memory.
    """
    import asyncio  # noqa: PLC0415 - only here

    keys = keys or Keyring.generate()
    address = url or f"sqlite:///{folder / 'world.db'}"
    await (asyncio.to_thread(migrate, address) if url else asyncio.to_thread(make_empty, folder / "world.db"))
    database = open_database(address, keys=keys)
    mint = GrantMint(keys.newest(Purpose.GRANT).secret)
    backend = DemoBackend(path=None, clock=clock, verify=verifier(mint, clock), verify_facts=mint.verify_facts)
    chat, directory = FakeChat(), FakeDirectory(clock=clock)
    no_leg: ChatSignIn = NoChatSignIn()
    given = platforms(database) if callable(platforms) else platforms
    spoken = given or {Platform.PLAYGROUND: chat}
    core = compose(
        Outside(
            database=database,
            clock=clock,
            tracer=NullTracer(),
            engine=engine or load(policies),
            mint=mint,
            systems=Systems(hr=backend.hr, crm=backend.crm),
            hr_facts=backend.facts,
            crm_facts=backend.facts,
            providers=providers or {"test": directory},
            platforms=spoken,
            chat_sign_ins=dict.fromkeys(spoken, no_leg),
            limits=LIMITS,
            routes=Routes(hr={hr.platform: hr}, rules=rules),
            public_url=PUBLIC_URL,
            csrf_key=keys.newest(Purpose.CSRF).secret,
            rollout=rollout or Rollout(),
            employed_by_hr=frozenset({"test"}),
            owner=owner or Owner(),
            mail=mail or NullMail(),
            replies=replies,
            webauthn=webauthn,
        )
    )
    try:
        yield World(
            core=core,
            database=database,
            clock=clock,
            chat=chat,
            directory=directory,
            backend=backend,
            accounts=accounts or {},
            piloted=(rollout or Rollout()).provider_groups,
        )
    finally:
        await database.close()
        backend.close()
