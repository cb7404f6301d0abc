"""Who it is on Slack: the person's own workspace, and whether they are a full member there."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.slack.parsing import Payload
from adapters.slack.workspaces import is_ours, tenant_of, text_of, workspace_of
from bot.domain.identity import ChannelIdentity, Platform
from bot.errors import Malformed, NotAllowed, PlatformRefused
from bot.ports.clock import Clock

STANDING_SECONDS = 300
"""How long a look-up holds: a member made a guest is refused after this at the latest."""
MAX_REMEMBERED = 20_000
MAX_ZONE = 64
BOT_MARKS = ("is_bot", "is_workflow_bot")
REFUSED_MARKS = ("deleted", "is_restricted", "is_ultra_restricted", "is_stranger", *BOT_MARKS)
NOT_A_MEMBER, A_BOT, EXTERNAL, NOT_TOLD = "not a full member", "a bot", "another organisation's person", "not told"
"""Details of a refusal: whoever is a person gets to hear it."""


class Directory(Protocol):
    """Looks up a person."""

    async def person(self, account: str, tenant: str) -> dict[str, Any]:
        """What `users.info` says, asked in this workspace. Raises `PlatformUnavailable` or `PlatformRefused`."""
        ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who Slack's signed payload says it is."""

    account: str
    claimed_team: str
    """The person's own workspace or organisation; empty where the payload does not tell."""


def actor_of(payload: Payload) -> Actor:
    """The person in an event, command or interaction. Raises `Malformed` where there is none.

    In shared channels only `user_team` tells whose person it is; `team_id` is ours for everybody.
    """
    event = payload.get("event")
    if event is not None:
        thread = event.get("assistant_thread")
        opened_by = text_of(thread, "user_id") if isinstance(thread, dict) else ""
        return _actor(text_of(event, "user") or opened_by, text_of(event, "user_team") or text_of(event, "team"))
    user = payload.get("user")
    if user is not None:
        return _actor(text_of(user, "id"), text_of(user, "team_id"))
    return _actor(text_of(payload, "user_id"), text_of(payload, "team_id"))


def _actor(account: str, team: str) -> Actor:
    if not (account.isascii() and account.isalnum()):
        raise Malformed("user")
    return Actor(account, team)


_Asked = tuple[str, str]
"""The workspace that is asked, and the account: an account id alone is only unique in one organisation."""


def email_of(profile: dict[str, Any]) -> str:
    """The confirmed address in what `users.info` says; empty without one, and without the scope `users:read.email`."""
    inner = profile.get("profile")
    confirmed = profile.get("is_email_confirmed") is not False
    return text_of(inner, "email") if confirmed and isinstance(inner, dict) else ""


class People:
    """Answers who somebody is; remembers the answer, not the profile."""

    def __init__(self, directory: Directory, allowed: frozenset[str], clock: Clock) -> None:
        self._directory = directory
        self._allowed = allowed
        self._clock = clock
        self._known: OrderedDict[_Asked, tuple[datetime, ChannelIdentity | str]] = OrderedDict()
        self._zones: OrderedDict[ChannelIdentity, str] = OrderedDict()
        """The time zone of somebody's profile: a name, for showing times."""
        self._looking: dict[_Asked, asyncio.Task[ChannelIdentity | str]] = {}

    async def identify(self, payload: Payload) -> ChannelIdentity:
        """The identity (organisation, the person's own workspace, account) of a full member of ours.

        Raises `NotAllowed` for guests, strangers, bots and people of other companies, and where Slack does not tell;
        `PlatformUnavailable` where it does not answer. Not knowing is a no.
        """
        actor = actor_of(payload)
        if actor.claimed_team and not self._may_be_ours(actor.claimed_team, payload):
            raise NotAllowed(EXTERNAL, code="ingress.external")
        try:
            identity = await self._standing(workspace_of(payload).tenant, actor.account)
        except PlatformRefused as exc:
            raise NotAllowed(NOT_TOLD, code="ingress.not_a_member") from exc
        if isinstance(identity, str):
            raise NotAllowed(identity, code="ingress.not_a_member")
        return identity

    def zone_of(self, who: ChannelIdentity) -> str | None:
        """The time zone of a profile that was looked up; None where it names none."""
        return self._zones.get(who)

    async def member(self, account: str, tenant: str) -> ChannelIdentity | None:
        """The identity of a full member of ours, asked in this workspace; None for anybody else.

        Raises as `Directory.person`.
        """
        found = await self._standing(tenant, account)
        return None if isinstance(found, str) else found

    def _may_be_ours(self, team: str, payload: Payload) -> bool:
        workspace = workspace_of(payload)
        if team in self._allowed or team in {workspace.team, workspace.enterprise}:
            return True
        # Another workspace of a listed organisation: the look-up tells.
        return workspace.enterprise in self._allowed and payload.get("is_ext_shared_channel") is not True

    async def _standing(self, tenant: str, account: str) -> ChannelIdentity | str:
        asked = (tenant, account)
        known = self._known.get(asked)
        if known is not None and self._clock.now() < known[0]:
            return known[1]
        looking = self._looking.get(asked)
        if looking is None:
            looking = self._looking[asked] = asyncio.create_task(self._look_up(asked))
            looking.add_done_callback(lambda task: self._looked_up(asked, task))
        return await asyncio.shield(looking)  # whoever asked may have to answer before it is through

    def _looked_up(self, asked: _Asked, task: asyncio.Task[ChannelIdentity | str]) -> None:
        self._looking.pop(asked, None)
        if not task.cancelled():
            task.exception()  # seen by whoever still waits; nobody may be left

    async def _look_up(self, asked: _Asked) -> ChannelIdentity | str:
        tenant, account = asked
        profile = await self._directory.person(account, tenant)
        identity = self._member(account, profile)
        self._known[asked] = (self._clock.now() + timedelta(seconds=STANDING_SECONDS), identity)
        self._known.move_to_end(asked)
        if isinstance(identity, ChannelIdentity) and isinstance(named := profile.get("tz"), str):
            self._zones[identity] = named[:MAX_ZONE]
            self._zones.move_to_end(identity)
        for kept in (self._known, self._zones):
            while len(kept) > MAX_REMEMBERED:
                kept.popitem(last=False)
        return identity

    def _member(self, account: str, profile: dict[str, Any]) -> ChannelIdentity | str:
        if any(profile.get(mark) for mark in BOT_MARKS):
            return A_BOT
        if profile.get("id") != account or any(profile.get(mark) for mark in REFUSED_MARKS):
            return NOT_A_MEMBER
        if profile.get("is_email_confirmed") is False:
            return NOT_A_MEMBER
        organisation = profile.get("enterprise_user")
        enterprise = text_of(organisation, "enterprise_id") if isinstance(organisation, dict) else ""
        team = text_of(profile, "team_id")
        if not team or not is_ours(team, enterprise, self._allowed):
            return NOT_A_MEMBER
        return ChannelIdentity(platform=Platform.SLACK, tenant=tenant_of(enterprise, team), account=account)
