"""Sign-in without a press: a token the chat platform's own client got for a person, exchanged for who they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.secret import Secret
from bot.ports.identity_provider import SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Whom the provider vouches for: the directory account that the token names, and its company identity."""

    tenant: str
    account: str
    provider: str
    sign_in: SignIn
    issued_at: datetime
    """Since when the client has the token: what was ended since then is not opened again by it."""


class SilentProvider(Protocol):
    """The identity provider behind the chat platform (Entra ID behind Teams)."""

    @property
    def name(self) -> str:
        """The provider's name in the settings."""
        ...

    async def vouch(self, *, token: Secret, now: datetime) -> Vouched:
        """Prove the token, and exchange it on the person's behalf.

        Raises `SignInRefused` (`idp.interaction_required` where only a browser can help), `ProviderUnavailable`.
        """
        ...
