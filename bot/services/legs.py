"""What a sign-in carries from page to page: the ticket that offers it, and the leg one browser walks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ConfigDict, TypeAdapter

from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.messages import Place
from bot.domain.proof import ProofMethod
from bot.domain.session import BrowserSession
from bot.errors import HandleSpent
from bot.ports.identity_provider import SignIn
from bot.services.further_accounts import WrongFactor
from bot.services.provider_step_up import Waiting

TICKET_SECONDS = 600
LEG_SECONDS = 600
TYPING = "typing"
"""The stage of a leg whose code is shown in the browser and waits to be typed in chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A sign-in offer: provenance only."""

    channel: ChannelIdentity
    place: Place
    afresh: bool = False
    """The provider is to ask who it is, past any session of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A sign-in on its way through one browser; sealed in storage, since it carries a flow and tokens."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    stage: str
    """`chat`, `company`, `named` or `typing`."""
    browser: str
    provider: str
    channel: ChannelIdentity | None = None
    place: Place | None = None
    renewal: bool = False
    afresh: bool = False
    login_hint: str | None = None
    """Whose account it is, where the link says so: the provider need not ask for the name."""
    proven: bool = False
    """A factor came with the confirmation; stored only while a code is to be typed in chat."""
    by_code: bool = False
    """There is no chat sign-in: a code from this browser is to be typed in chat (`bot.services.link_codes`)."""
    code_hash: str = field(default="", repr=False)
    code_until: datetime | None = None
    code_tries: int = 0
    """How many were typed, right or wrong."""
    nonce: str = ""
    flow: bytes = b""
    account: LinkedIdentity | None = None
    """Whom the provider is to sign in, where that is known from the beginning."""
    claims: str = field(default="", repr=False)
    """The claims challenge that this leg takes to the provider."""
    sign_in: SignIn | None = None
    next_path: str = ""
    step_up: Waiting | None = None
    """What this sign-in is to prove, where it is one for a consent that waits."""
    begun_at: datetime | None = None
    """When the browser was sent to the provider: what a signal ended since is not opened again by this sign-in."""
    signed_in_at: datetime | None = None
    """When the provider was asked who it is: what it said of them since then counts for more."""

    def both(self) -> tuple[SignIn, ChannelIdentity]:
        """The two accounts of the naming page. Raises `HandleSpent`."""
        if self.sign_in is None or self.channel is None:
            raise HandleSpent(code="leg.spent")
        return self.sign_in, self.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Both accounts are known; the page that names them comes next."""

    leg: str
    channel: ChannelIdentity
    provider: str
    sign_in: SignIn
    methods: frozenset[ProofMethod] = frozenset()
    """The person has another chat account: one of these signs the link."""
    wrong: WrongFactor | None = None
    """Why the factor that was given did not count."""
    chat_code: str = field(default="", repr=False)
    """Both were confirmed, and this is to be typed in chat now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A sign-in is through. The browser gets a new session id (session fixation)."""

    browser: BrowserSession | None
    """None where it ended in chat."""
    identity: LinkedIdentity
    display_name: str
    channel: ChannelIdentity | None
    next_path: str
    linked: bool


LEG: TypeAdapter[Leg] = TypeAdapter(Leg)
TICKET: TypeAdapter[Ticket] = TypeAdapter(Ticket)


def browser_hash(browser_id: str) -> str:
    """How a leg names the browser that walks it."""
    return hashlib.sha256(browser_id.encode()).hexdigest()
