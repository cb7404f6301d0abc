"""What our pages need of the rest of Doorward; composed once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.answer import Answer
from bot.domain.assurance import FactorRules
from bot.domain.identity import ChannelIdentity, Person
from bot.domain.messages import IncomingMessage
from bot.domain.session import SessionLimits
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.mail import Mail, NullMail
from bot.ports.webauthn import WebAuthn
from bot.services.linking import Linking
from bot.services.own_changes import OwnChanges
from bot.services.provider_step_up import StepUps

Resume = Callable[[IncomingMessage, str | None], Awaitable[Answer]]
"""Handles a message whose browser leg is through; the second argument is the browser's address."""

May = Callable[[Person, str], Awaitable[bool]]
"""Whether policy lets a person see something of their own on our pages, by the action's name."""


async def _nothing(person: Person, action: str) -> bool:  # noqa: ARG001 - one shape for all
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatName:
    """A chat account as its owner knows it."""

    account: str
    place: str
    """Workspace and platform: "Acme, Slack"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something `/readyz` asks; `run` raises when it is away."""

    run: Callable[[], Awaitable[None]]
    required: bool = True
    """Without it nothing can be served: 503."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The pages' collaborators."""

    database: Database
    clock: Clock
    linking: Linking
    limits: SessionLimits
    public_url: str
    development: bool
    csrf_key: bytes | Callable[[], Sequence[bytes]] = field(repr=False)
    providers: Mapping[str, str]
    """The identity providers: name in the callback's path -> name for people."""
    resume: Resume
    rejected: Callable[[str], Awaitable[None]]
    """Notes a refusal by its code (`Ingress.rejected`): cheap, limited, never raises."""
    own_changes: OwnChanges
    """What policy takes for a change of one's own factors."""
    may: May = _nothing
    mail: Mail = field(default_factory=NullMail)
    """Where notices go that must not depend on the chat."""
    sign_in_origins: tuple[str, ...] = ()
    """Origins a sign-in may pass through (chat platforms' and providers'): Chromium holds the whole redirect chain of a
    form to `form-action` (CSP3 §6.4.2)."""
    chat_name: Callable[[ChannelIdentity], Awaitable[ChatName]] | None = None
    """How a chat account is called on the naming pages; its id where nothing is given."""
    teams_bot: str = ""
    """The bot's id in Teams, for the link back to its conversation."""
    factor_rules: FactorRules = field(default_factory=FactorRules)
    webauthn: WebAuthn | None = None
    """None where passkeys cannot be used at our address."""
    step_ups: StepUps = field(default_factory=dict)
    """The providers at which a person can prove that it is them."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    files: Mapping[str, Callable[[], AsyncIterator[bytes]]] = field(default_factory=dict)
    """Files that a sheet may offer, by name; written as they are downloaded."""
    demo: Mapping[str, str] = field(default_factory=dict)
    """Template variables of the demo alone: `demo_phone`, `demo_token`, `demo_scan_url`."""
