"""What the settings of a provider must hold before anything is asked of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from adapters.idp.id_token import ASYMMETRIC
from adapters.idp.metadata import TENANT_PLACE
from adapters.idp.msal_client import Kind
from bot.errors import Misconfigured


def check_settings(
    name: str,
    kind: Kind,
    authority: str,
    transport_url: str | None,
    tenants: frozenset[str],
    algorithms: frozenset[str],
) -> None:
    """Raises Misconfigured for what cannot be trusted."""
    if not authority.startswith("https://"):
        raise Misconfigured(f"idps.{name}.authority must be https; a loopback address goes into transport_url")
    if transport_url is not None and not _is_loopback(transport_url):
        raise Misconfigured(f"idps.{name}.transport_url must be a loopback address with a port")
    if kind is Kind.ENTRA and not tenants:
        raise Misconfigured(f"idps.{name}.tenant_ids is empty; name the tenants whose people may sign in")
    if not algorithms or not algorithms <= ASYMMETRIC:
        raise Misconfigured(f"idps.{name}.algorithms may hold {sorted(ASYMMETRIC)} and must not be empty")


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    here = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    return here and parts.port is not None and "@" not in parts.netloc


def expected_issuers(kind: Kind, base: str, issuer: str | None, tenants: frozenset[str]) -> frozenset[str]:
    """What the metadata may call itself: Entra names a tenant by its id, or leaves a place for it."""
    if issuer is not None:
        return frozenset({issuer})
    if kind is Kind.OIDC:
        return frozenset({base})
    root = base.removesuffix("/v2.0").rpartition("/")[0]
    return frozenset(f"{root}/{tenant}/v2.0" for tenant in (*tenants, TENANT_PLACE))
