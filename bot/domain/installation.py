"""Our app as it is installed in one workspace or one whole organisation of a chat platform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is needed to speak there."""

    tenant: str
    """`E…/T…`, `T…`, or `E…` for a whole organisation."""
    app: str
    bot: str
    """The account our app has there."""
    token: Secret
    renewal: Secret | None
    """The refresh token, where tokens rotate."""
    token_until: datetime | None
    """When the token ends; never where tokens do not rotate."""
    installed_by: str
    installed_at: datetime
    version: int = 0

    @property
    def enterprise(self) -> str:
        """The organisation, if it belongs to one."""
        head, _, team = self.tenant.rpartition("/")
        return head or (team if team.startswith("E") else "")
