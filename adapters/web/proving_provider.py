"""Sends a consent page's person to their identity provider to prove that it is them, and back."""

from __future__ import annotations

from starlette.responses import Response

from adapters.web.asked import Asked
from adapters.web.consenting import Consenting
from adapters.web.pages import Pages, go
from adapters.web.visitors import Visit
from bot.domain.proof import ProofMethod
from bot.errors import NotAllowed
from bot.services import provider_step_up


class ProvingProvider:
    """The browser leg of a step-up at the provider; the page it comes back to asks for the last press."""

    def __init__(self, pages: Pages, consenting: Consenting) -> None:
        self._web = pages.web
        self._consenting = consenting

    async def begin(self, visit: Visit, form: dict[str, str]) -> Response:
        """On to the provider, with what it is for kept in the leg."""
        if visit.known is None:
            return go(f"/consent/{visit.handle()}")
        found: Asked = await self._web.database.read(lambda tx: self._consenting.look(tx, visit))
        at_provider = self._web.step_ups.get(visit.owner.provider)
        if at_provider is None or not found.needs_code or ProofMethod.PROVIDER not in found.methods:
            raise NotAllowed("not offered here", code="step_up.not_offered")
        address = await self._web.linking.begin_step_up(
            visit.browser_id,
            visit.owner,
            provider_step_up.waiting(found.proposal, found.handle, visit.owner.provider, at_provider),
        )
        return go(address)
