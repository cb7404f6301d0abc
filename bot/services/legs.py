"""What a sign-in carries from page to page: the ticket that offers it, and the leg one browser walks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import ConfigDict, TypeAdapter

from bot.domain.identity import ChannelIdentity
from bot.domain.messages import Place
from bot.ports.identity_provider import SignIn

TICKET_SECONDS = 600
LEG_SECONDS = 600


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
    """`chat`, `company` or `named`."""
    browser: str
    provider: str
    channel: ChannelIdentity | None = None
    place: Place | None = None
    renewal: bool = False
    afresh: bool = False
    login_hint: str | None = None
    """Whose account it is, where the link says so: the provider need not ask for the name."""
    proven: bool = False
    """A code came with the confirmation; never stored so."""
    nonce: str = ""
    flow: bytes = b""
    sign_in: SignIn | None = None
    next_path: str = ""
    begun_at: datetime | None = None
    """When the browser was sent to the provider: what a signal ended since is not opened again by this sign-in."""


LEG: TypeAdapter[Leg] = TypeAdapter(Leg)
TICKET: TypeAdapter[Ticket] = TypeAdapter(Ticket)
