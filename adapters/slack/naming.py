"""What an account and its workspace are called, for our pages: for people to read, never for a decision."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from adapters.slack.parsing import Payload
from adapters.slack.workspaces import text_of
from bot.domain.identity import ChannelIdentity
from bot.errors import PlatformRefused, PlatformUnavailable

NAME_SECONDS = 2
"""A page waits no longer for a name."""
NAME_CHARACTERS = 80


class Workspace(Protocol):
    """Looks up a person, and whose workspace it is."""

    async def person(self, account: str, tenant: str) -> dict[str, Any]:
        """What `users.info` says. Raises `PlatformUnavailable` or `PlatformRefused`."""
        ...

    async def whoami(self, tenant: str) -> dict[str, Any]:
        """What `auth.test` says. Raises as `person`."""
        ...


class Names:
    """Names accounts; an id where Slack tells nothing."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._teams: dict[str, str] = {}

    async def account(self, who: ChannelIdentity) -> str:
        """The person's name."""
        try:
            async with asyncio.timeout(NAME_SECONDS):
                return _called(await self._workspace.person(who.account, who.tenant)) or who.account
        except (PlatformUnavailable, PlatformRefused, TimeoutError):
            return who.account

    async def place(self, who: ChannelIdentity) -> str:
        """The workspace's name, where it is the one our app is installed in."""
        team = who.tenant.rpartition("/")[2]
        try:
            async with asyncio.timeout(NAME_SECONDS):
                return self._teams.get(team) or await self._team(team, who.tenant)
        except (PlatformUnavailable, PlatformRefused, TimeoutError):
            return team

    async def _team(self, team: str, tenant: str) -> str:
        ours = await self._workspace.whoami(tenant)
        if text_of(ours, "team_id") == team and (name := _plain(text_of(ours, "team"))):
            self._teams[team] = name
        return self._teams.get(team, team)


def _called(person: Payload) -> str:
    """The real name first: display names change with the mood."""
    profile = person.get("profile")
    details = profile if isinstance(profile, dict) else {}
    names = (text_of(details, "real_name"), text_of(person, "real_name"), text_of(details, "display_name"))
    return next((name for name in map(_plain, (*names, text_of(person, "name"))) if name), "")


def _plain(name: str) -> str:
    """Without what is not seen or turns the reading direction: people choose their own names."""
    return "".join(character for character in name if character.isprintable()).strip()[:NAME_CHARACTERS]
