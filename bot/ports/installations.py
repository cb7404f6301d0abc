"""The store of installations: rows carry a MAC, tokens are sealed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.installation import Installation


class InstallationStore(Protocol):
    """Where our app is installed."""

    def put(self, installation: Installation) -> None:
        """Store, in the place of an earlier installation there."""
        ...

    def find(self, tenant: str) -> Installation | None:
        """The installation in exactly this tenant. Raises `IntegrityAlarm`."""
        ...

    def of_enterprise(self, enterprise: str) -> Sequence[Installation]:
        """Those in workspaces of an organisation, and of it as a whole. Raises `IntegrityAlarm`."""
        ...

    def replace(self, installation: Installation) -> bool:
        """Store the next version; False where another was stored, or it was removed, meanwhile."""
        ...

    def hold(self, tenant: str, *, now: datetime, seconds: int) -> bool:
        """Take the right to renew the token, unless another replica has it; `replace` gives it back."""
        ...

    def remove(self, tenant: str) -> bool:
        """Forget it; whether there was one."""
        ...
