"""Who: a claim of a chat platform, a proven identity, and the person behind both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

Issuer = NewType("Issuer", str)
Subject = NewType("Subject", str)
Employee = NewType("Employee", str)
"""The person's reference in the HR system (an employee number)."""


class Platform(StrEnum):
    """The chat platforms."""

    SLACK = "slack"
    TEAMS = "teams"
    PLAYGROUND = "playground"


class Role(StrEnum):
    """The roles policy knows; the same words as the Cedar schema's `Role` enumeration (a test compares them)."""

    EMPLOYEE = "employee"
    LINE_MANAGER = "line_manager"
    HR_MANAGER = "hr_manager"
    SUPPORT_REP = "support_rep"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelIdentity:
    """An account as the chat platform claims it: platform, tenant (Slack: `enterprise/team`), account id."""

    platform: Platform
    tenant: str
    account: str

    @property
    def key(self) -> str:
        """One string that names this account everywhere; never a display name or e-mail address."""
        return f"{self.platform}:{self.tenant}:{self.account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedIdentity:
    """A proven identity: OpenID Connect issuer and subject (OIDC Core §2: together unique, never reassigned)."""

    issuer: Issuer
    subject: Subject

    @property
    def key(self) -> str:
        """One string that names this identity everywhere."""
        return f"{self.issuer}#{self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A chat account joined to a proven identity; made once, never replaced."""

    channel: ChannelIdentity
    identity: LinkedIdentity
    provider: str
    linked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGrant:
    """A role given inside Doorward, in addition to those the provider asserts."""

    id: str
    identity: LinkedIdentity
    role: Role
    scope: str
    """A department the role is limited to, or `*`."""
    granted_by: str
    granted_at: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether the grant is in force."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What its provider says of a proven identity; a lock is part of this row, so deleting a row frees nobody."""

    identity: LinkedIdentity
    provider: str
    username: str
    display_name: str
    email: str | None
    roles: frozenset[Role]
    department: str
    region: str
    manager: Subject | None
    employee: Employee | None
    locale: str = "en"
    timezone: str = "UTC"
    locked: bool = False
    lock_reason: str = ""
    idp_checked_at: datetime
    version: int = 0
    groups: frozenset[str] = frozenset()
    """Those of the provider's groups that the pilot names; others are not kept."""


class Acquaintance(StrEnum):
    """What is known of somebody whether or not their row is there."""

    STRANGER = "stranger"
    KNOWN = "known"
    """Was here before; without a row, somebody deleted it."""
    READMITTED = "readmitted"
    """Was here before, and an administrator lets them be made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """What policy sees of a person: made for one decision, never stored."""

    identity: LinkedIdentity
    username: str
    display_name: str
    roles: frozenset[Role]
    provider_roles: frozenset[Role]
    department: str
    region: str
    employee: Employee | None
    locale: str
    timezone: str
    locked: bool
    grants: tuple[RoleGrant, ...] = field(default=())

    @property
    def key(self) -> str:
        """The identity's key."""
        return self.identity.key

    @property
    def standing(self) -> tuple[str, ...]:
        """Every role with its scope, `role|scope`; the scope is empty where the provider gave the role."""
        given = {f"{role.value}|" for role in self.provider_roles}
        return tuple(sorted(given | {f"{grant.role.value}|{grant.scope}" for grant in self.grants}))


def principal_of(person: Person, grants: tuple[RoleGrant, ...], now: datetime) -> Principal:
    """The principal for a decision at `now`: the provider's roles and those local grants that hold."""
    held = tuple(grant for grant in grants if grant.holds(now))
    return Principal(
        identity=person.identity,
        username=person.username,
        display_name=person.display_name,
        roles=person.roles | {grant.role for grant in held},
        provider_roles=person.roles,
        department=person.department,
        region=person.region,
        employee=person.employee,
        locale=person.locale,
        timezone=person.timezone,
        locked=person.locked,
        grants=held,
    )
