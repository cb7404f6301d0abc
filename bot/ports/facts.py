"""Facts: what policy may know of a resource, without its content."""

from __future__ import annotations

from typing import Protocol

from bot.domain.action import ResourceFacts
from bot.domain.grant import FactsGrant


class FactsSource(Protocol):
    """Answers for the resource types of one system."""

    async def resolve(self, grant: FactsGrant) -> ResourceFacts | None:
        """The facts of `grant.ref`; None when there is none. Raises `ConnectorUnavailable`."""
        ...
