"""A workspace takes the app away, or its token: what we hold of it goes, everywhere."""

from __future__ import annotations

from typing import Protocol

from adapters.slack.parsing import Payload
from adapters.slack.workspaces import Workspace, workspace_of

LEFT_ON = frozenset({"app_uninstalled", "tokens_revoked"})


class Leaving(Protocol):
    """What ends with an installation; `adapters.slack.installations` implements it."""

    async def take(self, payload: Payload) -> None:
        """Act on one of `LEFT_ON`, durably. Raises `StorageUnavailable`."""
        ...


def left(payload: Payload) -> Workspace | None:
    """Whose bot token is gone; None where only people's own tokens are, which we do not keep.

    See: https://docs.slack.dev/reference/events/tokens_revoked
    """
    event = payload["event"]
    if event["type"] == "tokens_revoked":
        tokens = event.get("tokens")
        if not isinstance(tokens, dict) or not tokens.get("bot"):
            return None
    return workspace_of(payload)
