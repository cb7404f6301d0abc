"""What keeps Doorward from starting in the settings of where roles and attributes come from, and of step-up."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.settings.directories import Attributes, GraphSettings, Idp, IdpKind
from bot.settings.people import GROUPS
from bot.settings.tree import Environment, Settings, variable

GRAPH_HOSTS = frozenset(
    {
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
    }
)
"""Public and national clouds. See: https://learn.microsoft.com/graph/deployments"""
ENTRA_CONTEXTS = frozenset(f"c{number}" for number in range(1, 100))
"""See: https://learn.microsoft.com/entra/identity-platform/developer-guide-conditional-access-authentication-context"""


def provider_problems(settings: Settings) -> Iterator[str]:
    """What keeps `serve` from starting, one line each.

    1. Graph is asked for Entra's people only, with a credential of one kind, and in production at Microsoft;
    2. roles have one source: with Graph, its groups; an attribute's source is there;
    3. what a step-up at a provider is to prove is something it can be asked for;
    4. a group that makes administrators is one provider's;
    5. an authority is an address alone: nothing rides along that would ask for another grant than a code.
    """
    production = settings.environment is Environment.PRODUCTION
    yield from _groups(settings)
    for name, idp in settings.idps.items():
        if idp.graph is not None:
            yield from _graph(name, idp, idp.graph, production=production)
        if set(idp.authority) & set("?#@"):
            yield f"{_of(name, 'authority')} has a query, a fragment or a user in it: write the issuer's address alone"
        yield from _attributes(name, idp, settings)
        yield from _step_up(name, idp)


def _groups(settings: Settings) -> Iterator[str]:
    """(4)"""
    named = [(variable(("bootstrap", "administrators")), name) for name in settings.bootstrap.administrators]
    named += [(variable(("rollout", "groups")), name) for name in settings.rollout.groups]
    for setting, name in named:
        if name.startswith(GROUPS):
            provider = name.partition(":")[0].partition("@")[2]
            if provider and provider not in settings.idps:
                yield f"{setting}: there is no provider {provider!r} (DOORWARD_IDPS__{provider.upper()}__…)"
            elif not provider and len(settings.idps) > 1:
                yield f"{setting}: say whose group it is, since there are several providers: group@NAME:{name[6:]}"


def _graph(name: str, idp: Idp, graph: GraphSettings, *, production: bool) -> Iterator[str]:
    """(1), and (2) of roles."""
    if idp.kind is not IdpKind.ENTRA:
        yield f"{_of(name, 'graph')} is set, and {_of(name, 'kind')} is not entra: Graph knows no others"
    one = bool(graph.client_secret.get_secret_value()) != bool(graph.client_certificate.get_secret_value())
    if bool(graph.client_id) != one:
        yield (
            f"{_of(name, 'graph', 'client_id')} goes with {_of(name, 'graph', 'client_secret')} or "
            f"{_of(name, 'graph', 'client_certificate')}, one of the two; set none to ask as the sign-in's application"
        )
    parts = urlsplit(graph.base_url)
    if parts.scheme != "https" or (production and parts.netloc not in GRAPH_HOSTS):
        yield f"{_of(name, 'graph', 'base_url')} is not Microsoft Graph: unset it, or take https://graph.microsoft.com"
    if production and graph.transport_url:
        yield f"{_of(name, 'graph', 'transport_url')} is for tests: unset it"
    if set(idp.role_claims) != {"groups"}:
        yield (
            f"{_of(name, 'role_claims')}: with Graph, roles come from groups alone, which can be asked anew; "
            'write {"groups": {"<object id>": "employee", …}}'
        )


def _attributes(name: str, idp: Idp, settings: Settings) -> Iterator[str]:
    for place in Attributes.model_fields:
        source = str(getattr(idp.attributes, place)).partition(":")[0]
        if source == "graph" and idp.graph is None:
            yield f"{_of(name, 'attributes', place)} names Graph, and {_of(name, 'graph', 'base_url')} is not set"
        if source == "scim" and not settings.scim:
            yield f"{_of(name, 'attributes', place)} is scim, and no DOORWARD_SCIM__<NAME>__… is set"


def _step_up(name: str, idp: Idp) -> Iterator[str]:
    """(3)."""
    unasked = sorted(set(idp.phishing_resistant_acr_values) - set(idp.step_up_acr_values))
    if unasked:
        yield (
            f"{_of(name, 'phishing_resistant_acr_values')} names {', '.join(unasked)}, which is not asked for: "
            f"add it to {_of(name, 'step_up_acr_values')}"
        )
    if idp.kind is IdpKind.ENTRA and not set(idp.step_up_acr_values) <= ENTRA_CONTEXTS:
        yield f"{_of(name, 'step_up_acr_values')}: Entra's authentication contexts are called c1 to c99"


def _of(name: str, *place: str) -> str:
    return variable(("idps", name, *place))
