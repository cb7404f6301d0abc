"""What the Teams adapter is told by the composition; refuses to exist half-configured."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.domain.reply_limits import REPLY_LIMITS, ReplyLimits
from bot.domain.secret import Secret
from bot.errors import Misconfigured

ISSUER = "https://api.botframework.com"
CHANNEL = "msteams"
OPENID_METADATA_URL = "https://login.botframework.com/v1/.well-known/openidconfiguration"
TOKEN_URL = "https://login.microsoftonline.com/botframework.com/oauth2/v2.0/token"  # noqa: S105 - an address
SCOPE = "https://api.botframework.com/.default"
SERVICE_URL = "https://smba.trafficmanager.net/teams/"
SERVICE_HOSTS = frozenset({"smba.trafficmanager.net"})

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The few sentences the adapter says itself, when the core has not answered in time or is not reached."""

    working: str
    answered: str
    busy: str
    gone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsConfig:
    """Everything needed to speak with Teams as one bot. Raises `Misconfigured` where a guard would lack its measure.

    The vendor's SDK accepts every unsigned request when the app id is empty; this refuses to be made.
    """

    app_id: str
    app_password: Secret
    tenants: frozenset[str]
    """The Entra tenants that are let in; the Bot Framework delivers from any."""
    phrases: Phrases
    openid_metadata_url: str = OPENID_METADATA_URL
    token_url: str = TOKEN_URL
    """A single-tenant bot has its own tenant in this address."""
    issuer: str = ISSUER
    scope: str = SCOPE
    service_hosts: frozenset[str] = SERVICE_HOSTS
    """The hosts (with port, where it is not 443) that answers may go to."""
    service_url: str = ""
    """For people and conversations that were named to us and never wrote; by default the public cloud's, or the one at
    the first host of another cloud."""
    sso_resource: str = ""
    """The Application ID URI that Teams' client gets tokens for; empty where it does not sign people in."""
    loopback: bool = False
    """Tests only: plain http to 127.0.0.1 is an address too."""
    replies: ReplyLimits = REPLY_LIMITS

    def __post_init__(self) -> None:
        if not self.app_id.strip():
            raise Misconfigured(
                "DOORWARD_TEAMS__APP_ID is empty: copy the bot's Microsoft App ID from the Azure portal"
            )
        if not self.app_password.reveal():
            raise Misconfigured(
                "DOORWARD_TEAMS__APP_PASSWORD is empty: make a client secret for the bot's registration"
            )
        if not self.tenants or not all(tenant.strip() for tenant in self.tenants):
            raise Misconfigured("DOORWARD_TEAMS__TENANT_IDS is empty: list the directory (tenant) ids that may write")
        if not self.service_hosts or not all(self.service_hosts):
            raise Misconfigured("DOORWARD_TEAMS__ALLOWED_SERVICE_HOSTS is empty: answers could go nowhere")
        for name, url in (("OPENID_METADATA_URL", self.openid_metadata_url), ("TOKEN_URL", self.token_url)):
            if origin_of(url, loopback=self.loopback) is None:
                raise Misconfigured(f"DOORWARD_TEAMS__{name} is not an https address")
        if not self.serves(self.first_service):
            raise Misconfigured("the service address is not on DOORWARD_TEAMS__ALLOWED_SERVICE_HOSTS")

    @property
    def first_service(self) -> str:
        """Where to begin with somebody who never wrote."""
        if self.service_url or self.serves(SERVICE_URL):
            return self.service_url or SERVICE_URL
        host = min(self.service_hosts)
        plain = self.loopback and host.partition(":")[0] in _LOOPBACK
        return f"{'http' if plain else 'https'}://{host}/teams/"

    def serves(self, url: str) -> bool:
        """Whether answers may go to this address: exact host and port, and nothing that hides another."""
        origin = origin_of(url, loopback=self.loopback)
        return origin is not None and origin.partition("://")[2] in {host.lower() for host in self.service_hosts}

    def admits(self, tenant: str) -> bool:
        """Whether a tenant is on the list."""
        return tenant.lower() in {known.lower() for known in self.tenants}


def origin_of(url: str, *, loopback: bool = False) -> str | None:
    """Scheme, host and port of a plain https address; None for everything that is not one."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if not host or "@" in parts.netloc or parts.query or parts.fragment or ".." in parts.path:
        return None
    plain = loopback and parts.scheme == "http" and host in _LOOPBACK
    if parts.scheme != "https" and not plain:
        return None
    standard = port is None or (parts.scheme == "https" and port == 443)
    return f"{parts.scheme}://{host}" if standard else f"{parts.scheme}://{host}:{port}"
