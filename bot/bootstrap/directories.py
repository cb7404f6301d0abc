"""The ways in on which a company's directory speaks to us: from the settings to the routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.routing import BaseRoute

from adapters.idp.oidc import OidcProvider
from adapters.signals.keys import TransmitterKeys
from adapters.signals.logout import VerifyLogout
from adapters.signals.polling import Poller
from adapters.signals.requests import Bearer
from adapters.signals.routes import signal_routes
from adapters.signals.scim_documents import ScimClient
from adapters.signals.secevent import Transmitter
from bot.bootstrap.core import Core
from bot.domain.identity import Issuer
from bot.domain.signal import LogoutToken, SignalSource
from bot.errors import ProviderUnavailable, SignInRefused
from bot.jobs import Job
from bot.services.signals import Signals as SignalService
from bot.settings.directories import Scim, Signals
from bot.settings.tree import Settings
from bot.settings.values import DatedSecret

POLL_SECONDS = 10
OF_ANOTHER = frozenset({"idp.wrong_issuer", "idp.wrong_audience", "idp.tenant"})
"""Refusals that say only that a logout token is not this provider's."""


def directory_routes(settings: Settings, core: Core) -> list[BaseRoute]:
    """What of `/ssf/events`, `/scim/v2` and `/oidc/backchannel-logout` the settings name."""

    async def rejected(way: str, code: str) -> None:
        await core.ingress.rejected(platform=way, code=code)

    known = core.outside.providers.items()
    providers = {name: provider for name, provider in known if isinstance(provider, OidcProvider)}
    return signal_routes(
        database=core.outside.database,
        clock=core.outside.clock,
        transmitters=[_transmitter(name, one) for name, one in settings.signals.items() if one.token],
        clients=[_client(name, scim) for name, scim in settings.scim.items()],
        verify_logout=logout_verifier(providers) if providers else None,
        public_url=settings.public_url,
        rejected=rejected,
    )


def polling_jobs(settings: Settings, core: Core) -> list[Job]:
    """One for each transmitter whose events are fetched."""
    clock = core.outside.clock
    signals = SignalService(database=core.outside.database, clock=clock)
    return [
        Job(
            name=f"poll_signals_{name}",
            every_seconds=POLL_SECONDS,
            run=Poller(
                transmitter=_transmitter(name, one),
                url=one.poll_url,
                token=one.poll_token.get_secret_value(),
                signals=signals,
                clock=clock,
            ).run,
        )
        for name, one in settings.signals.items()
        if one.poll_url
    ]


def _transmitter(name: str, signals: Signals) -> Transmitter:
    return Transmitter(
        source=SignalSource(channel=f"ssf:{name}", issuer=Issuer(signals.subject_issuer or signals.issuer)),
        issuer=signals.issuer,
        audience=signals.audience,
        keys=TransmitterKeys(signals.jwks_url),
        bearers=_bearers(signals.token),
    )


def _client(name: str, scim: Scim) -> ScimClient:
    return ScimClient(
        source=SignalSource(channel=f"scim:{name}", issuer=Issuer(scim.issuer)),
        bearers=_bearers(scim.token),
        subject=scim.subject,
    )


def _bearers(token: Sequence[DatedSecret]) -> tuple[Bearer, ...]:
    return tuple(Bearer.of(one.get_secret_value(), one.until) for one in token)


def logout_verifier(providers: Mapping[str, OidcProvider]) -> VerifyLogout:
    """Has each provider look whether a logout token is its own."""

    async def verify(token: str, now: datetime) -> LogoutToken:
        away: ProviderUnavailable | None = None
        refused = SignInRefused("the logout token is of no provider", code="idp.wrong_issuer")
        for provider in providers.values():
            try:
                return await provider.verify_logout_token(token=token, now=now)
            except ProviderUnavailable as unavailable:
                away = unavailable
            except SignInRefused as other:
                if other.code not in OF_ANOTHER:
                    raise
                refused = other
        # Perhaps it is of the one that does not answer: then it has to be sent again.
        raise away or refused

    return verify
