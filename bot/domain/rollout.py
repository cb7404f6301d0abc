"""Who may use Doorward while it is introduced: nobody yet, a pilot, or everybody; administrators always."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import ChannelIdentity, Role
from bot.domain.messages import Place
from bot.domain.session import Standing


class RolloutMode(StrEnum):
    """How far Doorward is opened."""

    OFF = "off"
    PILOT = "pilot"
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The settings. It only ever closes: what somebody who is in may do, policy says."""

    mode: RolloutMode = RolloutMode.EVERYBODY
    people: frozenset[str] = frozenset()
    """`issuer#subject`, or a chat account `platform:tenant:account`."""
    groups: frozenset[str] = frozenset()
    """`role:<role>`, `department:<department>`, `group:<value>`, `group@<provider>:<value>`; as the provider says."""
    channels: frozenset[str] = frozenset()
    """`platform:tenant:conversation`; whoever asks there is in."""
    administrators: frozenset[str] = frozenset()
    """`issuer#subject` of those the settings name as administrators."""

    def admits(self, who: ChannelIdentity, place: Place, standing: Standing, now: datetime) -> bool:
        """Whether this account is let in here; one that nobody knows yet is, where only its sign-in can tell."""
        if self.mode is RolloutMode.EVERYBODY:
            return True
        if self._is_administrator(standing, now):
            return True
        if self.mode is RolloutMode.OFF:
            return False
        where = f"{place.platform}:{place.tenant}:{place.conversation}"
        if who.key in self.people or where in self.channels:
            return True
        return self._is_named(standing) if standing.person is not None else self._names_identities

    @property
    def provider_groups(self) -> frozenset[str]:
        """The providers' groups that are named: these alone are kept of a person."""
        return frozenset(name.partition(":")[2] for name in self.groups if name.startswith(("group:", "group@")))

    @property
    def _names_identities(self) -> bool:
        return bool(self.groups) or any("#" in name for name in self.people)

    def _is_administrator(self, standing: Standing, now: datetime) -> bool:
        person = standing.person
        if person is None:
            return False
        given = any(grant.role is Role.ADMINISTRATOR and grant.holds(now) for grant in standing.grants)
        return given or Role.ADMINISTRATOR in person.roles or person.identity.key in self.administrators

    def _is_named(self, standing: Standing) -> bool:
        assert standing.person is not None
        person = standing.person
        groups = {f"department:{person.department}"} | {f"role:{role}" for role in person.roles}
        for group in person.groups:
            groups |= {f"group:{group}", f"group@{person.provider}:{group}"}
        return person.identity.key in self.people or bool(groups & self.groups)
