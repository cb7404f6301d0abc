"""What the parent tells the provider's process at its start, and Canaille's settings made from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from adapters.idp.demo.cookies import SESSION_COOKIE

GRANT_LIFETIME_SECONDS = 10 * 86400
"""Of a refresh token; Canaille gives it the lifetime of the access token issued with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildConfiguration:
    """Sent as one line on standard input, because arguments and environments can be read by others."""

    listening_fd: int
    host: str
    port: int
    issuer: str
    client_id: str
    client_secret: str
    secret_key: str
    redirect_uris: tuple[str, ...]
    ahead_seconds: float

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> ChildConfiguration:
        """The configuration of one line; raises TypeError or ValueError for anything else."""
        fields = json.loads(line)
        return cls(**{**fields, "redirect_uris": tuple(fields["redirect_uris"])})


def provider_settings(configuration: ChildConfiguration) -> dict[str, Any]:
    """Canaille's settings: memory only, no mail, no network, nothing guessed from the environment."""
    return {
        "SECRET_KEY": configuration.secret_key,
        "SERVER_NAME": f"{configuration.host}:{configuration.port}",
        "PREFERRED_URL_SCHEME": "http",
        "SESSION_COOKIE_NAME": SESSION_COOKIE,
        "OAUTH2_TOKEN_EXPIRES_IN": {
            "authorization_code": GRANT_LIFETIME_SECONDS,
            "refresh_token": GRANT_LIFETIME_SECONDS,
        },
        "CANAILLE": {
            "NAME": "Example Company (demo)",
            "DATABASE": "memory",
            "SMTP": None,
            "SMPP": None,
            "SENTRY_DSN": None,
            "HTMX": False,
            "ENABLE_REGISTRATION": False,
            "ENABLE_PASSWORD_RECOVERY": False,
            "CAPTCHA_ENABLED": False,
            "LOGGING": _LOGGING,
            "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"], "READ": ["user_name", "groups"], "WRITE": []}},
        },
        "CANAILLE_OIDC": {
            "TRUSTED_DOMAINS": [configuration.host],
            "USERINFO_MAPPING": {"SUB": "{{ user.id }}", "PREFERRED_USERNAME": "{{ user.user_name }}"},
        },
    }


_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
}
