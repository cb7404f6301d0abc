"""Who is on our pages: a browser, perhaps with a company sign-in behind it, within its budget."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

from adapters.web.cookies import BrowserCookie, new_browser_id
from bot.domain.assurance import FactorRules
from bot.domain.identity import ChannelIdentity, LinkedIdentity, Person
from bot.domain.session import BrowserSession
from bot.errors import NotAllowed, TooMany
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.services import factors, throttling
from bot.texts.sentences import Voice, accepted, voice

OWN_PAGE = "/enrol"
FRESH = timedelta(minutes=15)
"""How old a sign-in may be behind what changes how somebody proves themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a browser."""

    request: Request
    now: datetime
    src_ip: str | None
    cookie: str
    """The id that the browser came with, or would get."""
    is_new: bool
    """The browser had no cookie of ours; a page with a form gives it one."""
    found: BrowserSession | None = None
    """The session that the cookie opened when this request came."""
    person: Person | None = None

    @property
    def session(self) -> BrowserSession | None:
        """The session of this browser, under its new id once that was renewed."""
        kept = getattr(self.request.state, "session", None)
        return kept if isinstance(kept, BrowserSession) else self.found

    @property
    def browser_id(self) -> str:
        """This browser's id, the new one once it was renewed."""
        return self.cookie if self.session is None else self.session.id

    @property
    def renewed(self) -> bool:
        """Whether a new id was made in this request."""
        return self.found is not None and self.browser_id != self.found.id

    @property
    def form_anchor(self) -> str:
        """What the forms of this browser are bound to: its session, which keeps other tabs good over a new id."""
        session = self.found
        if session is None or session.identity is None:
            return self.cookie
        return f"{session.identity.key}|{session.opened_at.isoformat()}"

    def renew(self, tx: Transaction) -> None:
        """Give this browser's session a new id, in the transaction of the factor that was proven (ASVS 7.2.4).

        The old id is dead at once; the page's answer brings the new one. Raises `NotAllowed` where the session was
        ended meanwhile, so that nothing that was ended is opened again.
        """
        if self.found is None:
            return
        if not tx.browsers.end(self.found.id):
            raise NotAllowed("the session ended meanwhile", code="page.signed_out")
        session = replace(self.found, id=new_browser_id())
        tx.browsers.open(session)
        self.request.state.session = session

    def vouch(self, tx: Transaction, *, yes: bool = True) -> None:
        """Note that something else stands in for a second factor at sign-in, or that this was used up."""
        if self.session is not None:
            factors.vouch(tx, self.session, yes=yes)
            self.request.state.session = replace(self.session, vouched=yes)

    @property
    def voice(self) -> Voice:
        """The texts in the language of whoever signed in, or else the one their browser asks for."""
        said = "" if self.person is None else self.person.locale
        return voice(said) if said else preferred_voice(self.request)

    @property
    def known(self) -> Person | None:
        """Whoever signed in with this browser. Raises `NotAllowed` for a locked person."""
        if self.person is not None and self.person.locked:
            raise NotAllowed("locked", code="person.locked")
        return self.person

    @property
    def owner(self) -> Person:
        """Whoever signed in with this browser. Raises `NotAllowed` where nobody did, and for a locked person."""
        if self.known is None:
            raise NotAllowed("nobody signed in", code="page.signed_out")
        return self.known

    @property
    def identity(self) -> LinkedIdentity:
        """The proven identity behind this browser. Raises `NotAllowed`."""
        return self.owner.identity

    @property
    def is_fresh(self) -> bool:
        """Whether the company sign-in is fresh enough to bind an authenticator (OWASP ASVS 7.5.1)."""
        signed_in = None if self.session is None else self.session.auth_time
        return signed_in is not None and self.now - signed_in <= FRESH

    def may_bind_first(self, rules: FactorRules) -> bool:
        """Whether the sign-in is good for a first factor."""
        return self.session is not None and rules.may_bind_first(self.session)

    def use_voucher(self, tx: Transaction) -> None:
        """What stood in for a second factor at sign-in was used up by one binding."""
        if self.session is not None and self.session.vouched:
            self.vouch(tx, yes=False)

    @property
    def came_from(self) -> ChannelIdentity | None:
        """The chat account whose leg this browser walks, once `walks` was told."""
        found = getattr(self.request.state, "chat", None)
        return found if isinstance(found, ChannelIdentity) else None

    def walks(self, channel: ChannelIdentity | None) -> None:
        """Remember for this request the chat account whose leg this browser walks."""
        self.request.state.chat = channel

    @property
    def has_action(self) -> bool:
        """Whether an action waits behind this page."""
        return "handle" in self.request.path_params

    @property
    def page_before(self) -> str:
        """Where a page about factors was reached from: the action that waits, or the person's own page."""
        return f"/consent/{self.handle()}" if self.has_action else OWN_PAGE

    @property
    def own_path(self) -> str:
        """Where the steps of binding a factor go."""
        return f"{OWN_PAGE}/{self.handle()}" if self.has_action else OWN_PAGE

    def handle(self, name: str = "handle") -> str:
        """A part of the path."""
        return str(self.request.path_params[name])


class Visitors:
    """Receives requests: counts first, then looks."""

    def __init__(self, *, database: Database, clock: Clock, cookie: BrowserCookie) -> None:
        self._database = database
        self._clock = clock
        self._cookie = cookie

    async def receive(self, request: Request) -> Visit:
        """The visit of a request. Raises `TooMany`, `StorageUnavailable`, `IntegrityAlarm`."""
        now, cookie = self._clock.now(), self._cookie.read(request)
        src_ip = address_of(request)

        def work(tx: Transaction) -> tuple[bool, BrowserSession | None, Person | None]:
            session = None if cookie is None else tx.browsers.find(cookie, now)
            within = throttling.hit(tx, _budget(session, src_ip), throttling.PAGES, now)
            identity = None if session is None else session.identity
            return within, session, None if identity is None else tx.persons.find(identity)

        within, session, person = await self._database.write(work)
        if not within:
            raise TooMany("too many requests", code="web.throttled")
        return Visit(
            request=request,
            now=now,
            src_ip=src_ip,
            cookie=cookie or new_browser_id(),
            is_new=cookie is None,
            found=session,
            person=person,
        )


def preferred_voice(request: Request) -> Voice:
    """The texts in the language that a browser asks for."""
    return accepted(request.headers.get("accept-language", ""))


def address_of(request: Request) -> str | None:
    """The address of the other end, an IPv4 one in its own form; None where there is none."""
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _budget(session: BrowserSession | None, src_ip: str | None) -> str:
    """A signed-in browser has its own; the others share their address's, and one holder of IPv6 has 2^64 addresses."""
    if session is not None:
        return f"page|{hashlib.sha256(session.id.encode()).hexdigest()}"
    if src_ip is not None and ":" in src_ip:
        return f"page|{IPv6Network((src_ip, 64), strict=False)}"
    return f"page|{src_ip}"
