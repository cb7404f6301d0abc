"""Sessions and their two limits (NIST SP 800-63B-4 §2.2.3: inactivity and overall time-out)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.identity import ChannelIdentity, LinkedIdentity, Person, Platform, Role, RoleGrant

Whose = Role | Platform | None
"""Of whom limits are: of everybody, of those in a role, of the sessions on a platform."""
TOUCH_AFTER_SECONDS = 60
"""A session is touched when its last use is this old, so that most messages cost no write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long a session lives without use, and at all."""

    idle: timedelta
    absolute: timedelta
    roles: Mapping[Role, SessionLimits] = field(default_factory=dict)
    """Shorter ones for some roles."""
    platforms: Mapping[Platform, SessionLimits] = field(default_factory=dict)
    """Shorter ones on some platforms."""

    def parts(self) -> Iterator[tuple[SessionLimits, Whose]]:
        """Every limit with whose it is: everybody's first, then each role's and each platform's."""
        yield self, None
        for role, limits in self.roles.items():
            yield limits, role
        for platform, limits in self.platforms.items():
            yield limits, platform

    def of(
        self, person: Person, grants: Sequence[RoleGrant], now: datetime, platform: Platform | None = None
    ) -> SessionLimits:
        """The shortest that apply to this person here, now: whoever gets a role has its limits at once."""
        if not self.roles and not self.platforms:
            return self
        held = person.roles | {grant.role for grant in grants if grant.holds(now)}
        found = [self, *(limits for role, limits in self.roles.items() if role in held)]
        found += [limits for name, limits in self.platforms.items() if name is platform]
        return SessionLimits(
            idle=min(limits.idle for limits in found), absolute=min(limits.absolute for limits in found)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A bounded time in which a chat account speaks for a proven identity."""

    id: str
    """Random, at least 128 bits; stored hashed."""
    channel: ChannelIdentity
    identity: LinkedIdentity
    opened_at: datetime
    last_used_at: datetime
    absolute_until: datetime
    auth_time: datetime | None
    acr: str | None
    amr: tuple[str, ...]
    interactive: bool = True
    """Whether the person authenticated for it; not so where the provider's own session answered for them."""

    def over(self, now: datetime, limits: SessionLimits) -> bool:
        """Whether the overall time-out has come: the one of its opening, or a shorter one of today."""
        return now >= self.absolute_until or now - self.opened_at >= limits.absolute

    def alive(self, now: datetime, limits: SessionLimits) -> bool:
        """Whether both limits hold; a clock that went back lets nobody stay beyond the absolute one."""
        return not self.over(now, limits) and now - self.last_used_at < limits.idle


class SessionState(StrEnum):
    """What a look-up by chat account found."""

    NOT_LINKED = "not_linked"
    NO_SESSION = "no_session"
    IDLE = "idle"
    EXPIRED = "expired"
    SILENT = "silent"
    """Alive, but nobody was asked who they are, and what is wanted takes that; said by policy, never by a look-up."""
    ALIVE = "alive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything a message needs to know about who sent it, read in one go."""

    state: SessionState
    person: Person | None = None
    session: Session | None = None
    grants: tuple[RoleGrant, ...] = ()
    link_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSession:
    """A browser on our pages: anonymous until a company sign-in of the same (issuer, subject) is through."""

    id: str
    """Random, at least 128 bits; stored hashed, lives only in a `__Host-` cookie."""
    identity: LinkedIdentity | None
    opened_at: datetime
    until: datetime
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None
    vouched: bool = False
    """Two administrators, or a recovery code, stand in for what the sign-in did not show; used up by one binding."""
