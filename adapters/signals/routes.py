"""The routes on which a company's directory speaks to us; only what the settings name is there at all."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Route

from adapters.signals.logout import LOGOUT_PATH, BackchannelLogout, VerifyLogout
from adapters.signals.receiver import EVENTS_PATH, Receiver
from adapters.signals.requests import Rejected
from adapters.signals.scim import Scim
from adapters.signals.scim_documents import ScimClient
from adapters.signals.scim_service import PREFIX
from adapters.signals.secevent import Transmitter
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.services.provisioning import Provisioning
from bot.services.signals import Signals


def signal_routes(
    *,
    database: Database,
    clock: Clock,
    transmitters: Sequence[Transmitter],
    clients: Sequence[ScimClient],
    verify_logout: VerifyLogout | None,
    public_url: str,
    rejected: Rejected,
) -> list[BaseRoute]:
    """`POST /ssf/events`, `POST /oidc/backchannel-logout` and `/scim/v2`."""
    signals = Signals(database=database, clock=clock)
    routes: list[BaseRoute] = []
    if transmitters:
        receiver = Receiver(transmitters=transmitters, signals=signals, clock=clock, rejected=rejected)
        routes.append(Route(EVENTS_PATH, receiver.push, methods=["POST"]))
    if verify_logout is not None:
        logout = BackchannelLogout(verify=verify_logout, signals=signals, clock=clock, rejected=rejected)
        routes.append(Route(LOGOUT_PATH, logout.receive, methods=["POST"]))
    if clients:
        scim = Scim(
            clients=clients,
            provisioning=Provisioning(database=database, clock=clock),
            clock=clock,
            public_url=public_url,
            rejected=rejected,
        )
        routes.append(Mount(PREFIX, app=scim))
    return routes
