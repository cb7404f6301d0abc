"""Signals: what a company's directory tells us of a person without being asked, and how far it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import Issuer, LinkedIdentity, Subject

NEVER_CHECKED_YEAR = 1970
"""An age beyond every limit of policy: the next message asks the provider, or is refused."""
_SUSPENSION = "signal:"


class SignalKind(StrEnum):
    """What happened, in the words of CAEP 1.0, RISC 1.0, Back-Channel Logout 1.0 and SCIM."""

    ACCOUNT_DISABLED = "account-disabled"
    ACCOUNT_ENABLED = "account-enabled"
    ACCOUNT_PURGED = "account-purged"
    ASSURANCE_LEVEL_CHANGE = "assurance-level-change"
    CREDENTIAL_CHANGE = "credential-change"
    LOGOUT = "backchannel-logout"
    PROVISIONED_CHANGE = "scim-change"
    SESSION_REVOKED = "session-revoked"
    TOKEN_CLAIMS_CHANGE = "token-claims-change"  # noqa: S105 - the event's name
    VERIFICATION = "verification"


class SignalEffect(StrEnum):
    """What is done about it: nothing here gives anybody a right."""

    END = "end"
    """Everything of the person ends."""
    SUSPEND = "suspend"
    """Everything ends, and the person is locked until the same source says otherwise, or an administrator."""
    RESTORE = "restore"
    """The source's own suspension is lifted, no other lock is; the person signs in anew."""
    RECHECK = "recheck"
    """What waits for a press or a code is void, and the provider is asked at the next message."""
    NONE = "none"


EFFECTS = {
    SignalKind.ACCOUNT_DISABLED: SignalEffect.SUSPEND,
    SignalKind.ACCOUNT_ENABLED: SignalEffect.RESTORE,
    SignalKind.ACCOUNT_PURGED: SignalEffect.SUSPEND,
    SignalKind.ASSURANCE_LEVEL_CHANGE: SignalEffect.END,
    SignalKind.CREDENTIAL_CHANGE: SignalEffect.END,
    SignalKind.LOGOUT: SignalEffect.END,
    SignalKind.PROVISIONED_CHANGE: SignalEffect.RECHECK,
    SignalKind.SESSION_REVOKED: SignalEffect.END,
    SignalKind.TOKEN_CLAIMS_CHANGE: SignalEffect.END,
    SignalKind.VERIFICATION: SignalEffect.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSource:
    """Who may tell us of whom: one transmitter, SCIM client or provider, bound to one issuer's people."""

    channel: str
    """The way in and its name in the settings: `ssf:<name>`, `scim:<name>`, `logout:<name>`."""
    issuer: Issuer

    def identity(self, subject: str) -> LinkedIdentity:
        """A subject of this issuer; nobody else's people can be named."""
        return LinkedIdentity(issuer=self.issuer, subject=Subject(subject))


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened, and to whom. Without a subject it is of nobody we could know."""

    kind: SignalKind
    subject: LinkedIdentity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A verified message of a source; its id counts once."""

    source: SignalSource
    id: str
    """`jti`."""
    happenings: tuple[Happening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """A verified logout token (OpenID Connect Back-Channel Logout 1.0 §2.4): a subject, a session, or both."""

    provider: str
    issuer: Issuer
    subject: Subject | None
    session: str | None
    """`sid`."""
    id: str
    expires_at: datetime


def suspension(source: SignalSource) -> str:
    """The reason of a lock that a source set, and that it alone may lift again."""
    return f"{_SUSPENSION}{source.channel}"


def is_suspension(reason: str) -> bool:
    """Whether a lock was set by some source, and not by an administrator."""
    return reason.startswith(_SUSPENSION)
