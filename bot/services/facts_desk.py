"""Learns the facts of a resource under a `FactsGrant`; not found and not to be known are one answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.identity import Principal
from bot.ports.facts import FactsSource
from bot.services.authorization import Authorizer, Circumstances, GrantMint
from policy.model import Permit


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
        nothing = ResourceFacts(ref=ref)
        allowed = self._authorizer.decide(principal, "Resolve", nothing, circumstances, proof=None, now=now)
        if not isinstance(allowed, Permit) or ref.type not in self._sources:
            return nothing
        grant = self._mint.issue_facts(principal=principal, ref=ref, correlation=correlation)
        return await self._sources[ref.type].resolve(grant) or nothing


def own_record(principal: Principal) -> ResourceFacts:
    """One's own record: whose it is follows from the proven identity, no system has to be asked."""
    return ResourceFacts(
        ref=ResourceRef(type="Employee", id=principal.employee or principal.key),
        owner=principal.employee,
        department=principal.department,
        region=principal.region,
    )
