"""Whose Slack it is: the workspace a payload was delivered for, and whether it is on the list."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.slack.parsing import Payload
from bot.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, and the organisation (Enterprise Grid) it belongs to."""

    team: str
    enterprise: str

    @property
    def tenant(self) -> str:
        """As identities and places are keyed: `E…/T…`, or the workspace alone."""
        return tenant_of(self.enterprise, self.team)


def tenant_of(enterprise: str, team: str) -> str:
    """The tenant of an account or place."""
    return f"{enterprise}/{team}" if enterprise else team


def text_of(payload: Payload, name: str) -> str:
    """A text part, or nothing where it is missing or of another type."""
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def _id_of(payload: Payload, name: str) -> str:
    part = payload.get(name)
    return text_of(part, "id") if isinstance(part, dict) else ""


def workspace_of(payload: Payload) -> Workspace:
    """The workspace our app is installed in that this was delivered for.

    Events say it in `authorizations`: in a shared channel the outer `team_id` may be somebody else's.
    See: https://docs.slack.dev/apis/slack-connect/using-slack-connect
    """
    authorizations = payload.get("authorizations")
    if authorizations:
        return Workspace(text_of(authorizations[0], "team_id"), text_of(authorizations[0], "enterprise_id"))
    team = _id_of(payload, "team") or text_of(payload, "team_id")
    if not team and isinstance(payload.get("user"), dict):
        team = text_of(payload["user"], "team_id")  # an organisation-wide installation has no team of its own
    return Workspace(team, _id_of(payload, "enterprise") or text_of(payload, "enterprise_id"))


def admit(payload: Payload, allowed: frozenset[str], app_id: str | None) -> Workspace:
    """The workspace, when it and the app are ours. Raises `NotAllowed`."""
    if app_id is not None and text_of(payload, "api_app_id") != app_id:
        raise NotAllowed("api_app_id")
    workspace = workspace_of(payload)
    if not is_ours(workspace.team, workspace.enterprise, allowed):
        raise NotAllowed("team_id")
    if payload.get("is_ext_shared_channel") is not True and not _outer_is_ours(payload, allowed):
        raise NotAllowed("team_id")
    return workspace


def is_ours(team: str, enterprise: str, allowed: frozenset[str]) -> bool:
    """Whether the workspace is listed, or its whole organisation is; a foreign organisation is never ours."""
    organisations = {entry for entry in allowed if entry.startswith("E")}
    if enterprise and organisations and enterprise not in organisations:
        return False
    return team in allowed or enterprise in organisations


def _outer_is_ours(payload: Payload, allowed: frozenset[str]) -> bool:
    """Outside shared channels the envelope's own ids name the same workspace, so a foreign one there is foreign."""
    team, enterprise = text_of(payload, "team_id"), text_of(payload, "enterprise_id")
    return not team or is_ours(team, enterprise, allowed)
