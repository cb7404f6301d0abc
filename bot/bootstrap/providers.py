"""Identity providers: from the settings to the adapter, with the one mapping of roles and attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from adapters.idp.claims import GROUPS, ClaimNames, Elsewhere
from adapters.idp.credentials import credential_of
from adapters.idp.graph import Graph
from adapters.idp.graph_credential import GraphRegistration, login_of
from adapters.idp.oidc import OidcProvider
from adapters.idp.transport import Address, Transport
from bot.services.correspondence import Correspondence, Emails
from bot.services.provider_step_up import ProviderStepUp, StepUps
from bot.settings.directories import Attributes, GraphSettings, Idp

PLACES = ("department", "region", "manager", "employee_number")
"""The attributes that a source is named for, `employed` apart."""


def identity_provider(name: str, idp: Idp) -> OidcProvider:
    """The provider of these settings. Raises `Misconfigured` for what cannot be trusted."""
    return OidcProvider(
        name=name,
        kind=idp.kind.value,
        authority=idp.authority,
        client_id=idp.client_id,
        client_secret=idp.client_secret.get_secret_value() or None,
        client_certificate=idp.client_certificate.get_secret_value() or None,
        transport_url=idp.transport_url or None,
        tenant_ids=idp.tenant_ids,
        role_claims=idp.role_claims or None,
        claim_names=claim_names(idp.attributes),
        elsewhere=elsewhere(idp.attributes),
        graph=None if idp.graph is None else _graph(idp, idp.graph),
    )


def claim_names(attributes: Attributes) -> ClaimNames:
    """Which claims are read; none for what another source answers for."""
    read = {place: _named(attributes, place, "claim") for place in PLACES}
    return ClaimNames(**read, chat_account=_named(attributes, "slack_account", "claim"))


def elsewhere(attributes: Attributes) -> Elsewhere:
    """What Graph, and what provisioning has the last word on."""
    return Elsewhere(
        graph={place: name for place in PLACES if (name := _named(attributes, place, "graph"))},
        scim=frozenset(place for place in PLACES if getattr(attributes, place) == "scim"),
    )


def correspondence(
    idps: Mapping[str, Idp], workspaces: Sequence[str], *, clients: Iterable[str] = (), emails: Emails | None = None
) -> Correspondence:
    """Which providers say, and where, whose Slack account somebody's is."""
    named = {name: idp.attributes.slack_account for name, idp in idps.items() if idp.attributes.slack_account}
    return Correspondence(
        sources=named,
        alone=len(workspaces) == 1,
        clients=tuple(f"scim:{client}" for client in clients),
        emails=emails,
    )


def step_ups(idps: Mapping[str, Idp]) -> StepUps:
    """The providers at which a step-up is offered: those with acr values, and those of which the settings say so."""
    return {
        name: ProviderStepUp(
            acr_values=tuple(idp.step_up_acr_values), phishing_resistant=frozenset(idp.phishing_resistant_acr_values)
        )
        for name, idp in idps.items()
        if (bool(idp.step_up_acr_values) if idp.step_up is None else idp.step_up)
    }


def _named(attributes: Attributes, place: str, source: str) -> str:
    found, _, name = str(getattr(attributes, place)).partition(":")
    return name if found == source else ""


def _graph(idp: Idp, graph: GraphSettings) -> Graph:
    own = graph if graph.client_id else idp
    base_url = graph.base_url.rstrip("/")
    return Graph(
        GraphRegistration(
            login=login_of(idp.authority),
            base_url=base_url,
            client_id=own.client_id,
            credential=credential_of(
                own.client_secret.get_secret_value() or None, own.client_certificate.get_secret_value() or None
            ),
        ),
        Transport(Address(authority=base_url, transport_url=graph.transport_url.rstrip("/") or None)),
        groups=sorted(idp.role_claims.get(GROUPS, {})),
        fields=sorted(elsewhere(idp.attributes).graph.values()),
    )
