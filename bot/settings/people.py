"""Settings of who may do what for how long."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from bot.domain.identity import Platform, Role
from bot.domain.rollout import RolloutMode
from bot.settings.values import Group, Listed, from_json, listed


class ShorterLimits(Group):
    """Limits for some; where they are longer than everybody's, everybody's hold."""

    idle_seconds: int = Field(default=3600, ge=60, le=3600)
    absolute_seconds: int = Field(default=86_400, ge=300, le=86_400)


class SessionSettings(Group):
    """How long a chat session lives (NIST SP 800-63B-4 §2.2.3 for AAL2: an hour idle, 24 hours at all, at the most)."""

    idle_seconds: int = Field(default=3600, ge=60, le=3600)
    absolute_seconds: int = Field(default=43_200, ge=300, le=86_400)
    administrator_idle_seconds: int = Field(default=900, ge=60, le=3600)
    administrator_absolute_seconds: int = Field(default=14_400, ge=300, le=86_400)
    roles: Annotated[dict[Role, ShorterLimits], BeforeValidator(from_json)] = Field(default={})
    """Role -> `{"idle_seconds": …, "absolute_seconds": …}`; from the environment, the whole of it as JSON."""
    platforms: Annotated[dict[Platform, ShorterLimits], BeforeValidator(from_json)] = Field(default={})
    """The same by platform: `slack`, `teams`."""


class Factors(Group):
    """How second factors are bound."""

    delay_seconds: int = Field(default=86_400, ge=0, le=2_592_000)
    """A new one satisfies nothing for so long, unless the sign-in it was bound on resists phishing."""
    first_on_password: bool = False
    """A company sign-in that shows one factor alone is enough to bind a first one; never in production."""
    multi_factor_acr: Listed = ()
    """Values of `acr` by which the provider says that several factors were used, where `amr` does not say it."""
    phishing_resistant_acr: Listed = ()
    """Values of `acr` by which the provider says that the sign-in resists phishing."""


GROUPS = ("group:", "group@")


def _named(value: object) -> object:
    """Pairs `issuer#subject`, and at most one `group:value`, or `group@provider:value` where there are several."""
    names = listed(value)
    if not isinstance(names, list | tuple):
        return names
    groups = [name for name in names if str(name).startswith(GROUPS)]
    if len(groups) > 1:
        raise ValueError("name one group at the most")
    for name in names:
        before, _, after = str(name).partition(":" if name in groups else "#")
        if not before or not after:
            raise ValueError(
                "each is `issuer#subject`, or `group:` and a value of the provider's role claims "
                "(`group@NAME:` and the value, where there are several providers)"
            )
    return names


class Bootstrap(Group):
    """Who are administrators from the start, and only while they are named here."""

    administrators: Annotated[tuple[str, ...], BeforeValidator(_named)] = ()


class Rollout(Group):
    """Who may use it while it is introduced; administrators always may."""

    mode: RolloutMode = RolloutMode.EVERYBODY
    people: Listed = ()
    """`issuer#subject`, or a chat account `platform:tenant:account`."""
    groups: Listed = ()
    """`role:<role>`, `department:<department>`, or `group:` and a value of the provider's role claims
    (`group@NAME:` and the value, where there are several providers)."""
    channels: Listed = ()
    """`platform:tenant:conversation`."""

    @model_validator(mode="after")
    def _fits(self) -> Rollout:
        named = (*self.people, *self.groups, *self.channels)
        if named and self.mode is not RolloutMode.PILOT:
            raise ValueError("people, groups or channels are named, so __MODE has to be pilot")
        if not named and self.mode is RolloutMode.PILOT:
            raise ValueError("a pilot needs __PEOPLE, __GROUPS or __CHANNELS")
        for name in self.groups:
            kind, _, value = name.partition(":")
            known = kind in {"role", "department", "group"} or (kind.startswith("group@") and kind != "group@")
            if not known or not value:
                raise ValueError("__GROUPS: each is `role:`, `department:` or `group:` and its name")
        if any(name.count(":") < 2 for name in (*self.channels, *(one for one in self.people if "#" not in one))):
            raise ValueError("__PEOPLE and __CHANNELS: each is `platform:tenant:id`; people also `issuer#subject`")
        return self


class Owner(Group):
    """Who answers for Doorward in the company: what it could not help with goes there, if its author sends it."""

    mail: str = ""
    """A mailbox; it needs DOORWARD_MAIL__…."""
    channel: str = ""
    """`slack:C…` or `teams:19:…`."""


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Notices(Group):
    """When somebody may be called to something that needs them, in their own zone, unless they chose otherwise."""

    start: time = time(8)
    end: time = time(18)
    days: Listed = WEEKDAYS[:5]

    @model_validator(mode="after")
    def _fits(self) -> Notices:
        if unknown := set(self.days) - set(WEEKDAYS):
            raise ValueError(f"__DAYS: {sorted(unknown)} are none of {', '.join(WEEKDAYS)}")
        if not self.days or self.end <= self.start:
            raise ValueError("__DAYS names one at least, and __END comes after __START")
        return self
