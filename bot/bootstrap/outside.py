"""What the core is composed with: everything outside of it, and the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from bot.capabilities.model import Systems
from bot.domain.assurance import FactorRules
from bot.domain.identity import Platform
from bot.domain.notice import WorkingHours
from bot.domain.owner import Owner
from bot.domain.reply_limits import REPLY_LIMITS, ReplyLimits
from bot.domain.rollout import Rollout
from bot.domain.session import SessionLimits
from bot.ports.chat import ChatPlatform
from bot.ports.chat_sign_in import ChatSignIn
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.facts import FactsSource
from bot.ports.identity_provider import IdentityProvider
from bot.ports.mail import Mail, NullMail
from bot.ports.silent_sign_in import SilentProvider
from bot.ports.trace import Tracer
from bot.ports.upkeep import SettingShown
from bot.ports.webauthn import WebAuthn
from bot.services.asking import Routes
from bot.services.authorization import GrantMint
from bot.services.correspondence import Correspondence
from bot.services.first_administrator import Administrators
from bot.services.key_keeping import KeyKeeper
from bot.services.provider_step_up import StepUps
from policy.engine import PolicyEngine


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """UTC, aware."""
        return datetime.now(timezone.utc)  # noqa: UP017 - the same thing, spelled for every reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the core is composed with."""

    database: Database
    clock: Clock
    tracer: Tracer
    engine: PolicyEngine
    mint: GrantMint
    systems: Systems
    hr_facts: FactsSource
    crm_facts: FactsSource
    providers: Mapping[str, IdentityProvider]
    platforms: Mapping[Platform, ChatPlatform]
    chat_sign_ins: Mapping[Platform, ChatSignIn]
    limits: SessionLimits
    routes: Routes
    public_url: str
    csrf_key: bytes | Callable[[], Sequence[bytes]] = field(repr=False)
    """One key, or whatever the keys are at the moment: the first one makes, all of them check."""
    webauthn: WebAuthn | None = None
    """None where our address can be no relying party's (an IP address, plain http)."""
    mail: Mail = field(default_factory=NullMail)
    administrators: Administrators = field(default_factory=Administrators)
    step_ups: StepUps = field(default_factory=dict)
    """The providers at which somebody can prove that it is them."""
    silent: SilentProvider | None = None
    """Where a chat platform's client brings a token of its user: who proves it."""
    rollout: Rollout = field(default_factory=Rollout)
    hours: WorkingHours = field(default_factory=WorkingHours)
    """When people may be called who have not chosen."""
    key_keeper: KeyKeeper | None = None
    """None where keys live in memory only (the demonstration)."""
    employed_by_hr: frozenset[str] = frozenset()
    """The providers of whose people the HR system says whether they still work here."""
    factor_rules: FactorRules = field(default_factory=FactorRules)
    owner: Owner = field(default_factory=Owner)
    """Who hears what could not be helped with; nobody, and nothing is offered."""
    correspondence: Correspondence = field(default_factory=Correspondence)
    """What says whose chat account it is, where the chat platform has no sign-in; nothing, and nobody links there."""
    replies: ReplyLimits = REPLY_LIMITS
    settings_shown: Callable[[], Sequence[SettingShown]] = tuple
    """What is set, for administrators; no secret is in it."""
