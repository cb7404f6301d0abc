"""Sign in with the chat platform: the leg that proves whose chat account the browser belongs to."""

from __future__ import annotations

from typing import Protocol

from bot.domain.identity import ChannelIdentity


class ChatSignIn(Protocol):
    """One platform's own sign-in (Sign in with Slack; the demo's look-alike)."""

    def authorize_url(self, *, state: str, nonce: str, redirect_uri: str) -> str:
        """Where the browser goes."""
        ...

    async def redeem(self, *, code: str, nonce: str, redirect_uri: str) -> ChannelIdentity:
        """The chat account the browser is signed in to. Raises `SignInRefused`, `ProviderUnavailable`."""
        ...
