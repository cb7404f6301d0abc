"""Settings of who may do what for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.settings.values import Group, listed


class SessionSettings(Group):
    """How long a chat session lives (NIST SP 800-63B-4 §2.2.3 for AAL2: an hour idle, 24 hours at all, at the most)."""

    idle_seconds: int = Field(default=3600, ge=60, le=3600)
    absolute_seconds: int = Field(default=43_200, ge=300, le=86_400)
    administrator_idle_seconds: int = Field(default=900, ge=60, le=3600)
    administrator_absolute_seconds: int = Field(default=14_400, ge=300, le=86_400)


def _named(value: object) -> object:
    """Pairs `issuer#subject`, and at most one `group:name`."""
    names = listed(value)
    if not isinstance(names, list | tuple):
        return names
    groups = [name for name in names if str(name).startswith("group:")]
    if len(groups) > 1:
        raise ValueError("name one group at the most")
    for name in names:
        before, _, after = str(name).partition(":" if name in groups else "#")
        if not before or not after:
            raise ValueError("each is `issuer#subject`, or `group:` and a value of the provider's role claims")
    return names


class Bootstrap(Group):
    """Who are administrators from the start, and only while they are named here."""

    administrators: Annotated[tuple[str, ...], BeforeValidator(_named)] = ()
