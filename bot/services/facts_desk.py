"""Learns the facts of a resource under a `FactsGrant`; not found and not to be known are one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.identity import Principal
from bot.ports.connectors import ConnectorUnavailable
from bot.ports.facts import FactsSource
from bot.services.authorization import Authorizer, Circumstances, GrantMint
from policy.model import Permit

NOT_KNOWN = "?"
"""Stands for the id where there are no facts: what somebody typed is no id, and goes into no audit record."""
FACTS_SECONDS = 2
"""Facts come before a call of its own four seconds, and a person waits five at the most."""


class FactsDesk:
    """One place where facts are asked for."""

    def __init__(self, *, authorizer: Authorizer, mint: GrantMint, sources: Mapping[str, FactsSource]) -> None:
        self._authorizer = authorizer
        self._mint = mint
        self._sources = sources

    async def learn(
        self, principal: Principal, ref: ResourceRef, circumstances: Circumstances, correlation: str, now: datetime
    ) -> ResourceFacts:
        """The facts; where there are none, a resource without a single fact, which policy refuses like any other's.

        Raises `ConnectorUnavailable`.
        """
        if ref.type == "Employee" and ref.id == principal.employee:
            return own_record(principal)
        nothing = ResourceFacts(ref=ResourceRef(type=ref.type, id=NOT_KNOWN))
        if not self._may_ask(principal, nothing, circumstances, now):
            return nothing
        grant = self._mint.issue_facts(principal=principal, ref=ref, correlation=correlation)
        try:
            async with asyncio.timeout(FACTS_SECONDS):
                return await self._sources[ref.type].resolve(grant) or nothing
        except TimeoutError:
            raise ConnectorUnavailable("no facts in time") from None

    async def lacks(
        self, principal: Principal, ref: ResourceRef, circumstances: Circumstances, correlation: str, now: datetime
    ) -> bool:
        """Whether there is nothing of that name, for whoever asks about their own; False where it may not be asked.

        Raises `ConnectorUnavailable`.
        """
        nothing = ResourceFacts(ref=ResourceRef(type=ref.type, id=NOT_KNOWN))
        if not self._may_ask(principal, nothing, circumstances, now):
            return False
        return (await self.learn(principal, ref, circumstances, correlation, now)).ref.id == NOT_KNOWN

    def _may_ask(
        self, principal: Principal, nothing: ResourceFacts, circumstances: Circumstances, now: datetime
    ) -> bool:
        allowed = self._authorizer.decide(principal, "Resolve", nothing, circumstances, proof=None, now=now)
        return isinstance(allowed, Permit) and nothing.ref.type in self._sources


def own_record(principal: Principal) -> ResourceFacts:
    """One's own record: whose it is follows from the proven identity, no system has to be asked."""
    return ResourceFacts(
        ref=ResourceRef(type="Employee", id=principal.employee or principal.key),
        owner=principal.employee,
        department=principal.department,
        region=principal.region,
    )
