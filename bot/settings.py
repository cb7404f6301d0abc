"""Every setting, read once: environment `DOORWARD_…` (nesting with `__`), or the TOML file that `DOORWARD_CONFIG` names.

Production is the default, and refuses to start half-configured. Unknown names are refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import Misconfigured

PREFIX = "DOORWARD_"
CONFIG = "DOORWARD_CONFIG"
NOT_SETTINGS = (CONFIG, "DOORWARD_TEST_")
MINUTES_15 = 900


class Environment(StrEnum):
    """Where this runs."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class IdpKind(StrEnum):
    """What kind of identity provider."""

    ENTRA = "entra"
    OIDC = "oidc"


class SystemKind(StrEnum):
    """What stands behind the HR or CRM port."""

    DEMO = "demo"
    ODOO = "odoo"
    REST = "rest"


def _listed(value: object) -> object:
    """A comma-separated list, or JSON where it starts like it."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Listed = Annotated[tuple[str, ...], NoDecode]


class Group(BaseModel):
    """Base of the groups: unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


class Slack(Group):
    """A Slack app (all of it, or nothing)."""

    signing_secret: tuple[SecretStr, ...] = ()
    bot_token: SecretStr = SecretStr("")
    team_ids: tuple[str, ...] = ()
    app_id: str = ""
    api_base_url: str = "https://slack.com/api/"
    hr_channel: str = ""

    lists = field_validator("signing_secret", "team_ids", mode="before")(_listed)


class Teams(Group):
    """A Teams bot (all of it, or nothing)."""

    app_id: str = ""
    app_password: SecretStr = SecretStr("")
    tenant_ids: tuple[str, ...] = ()
    openid_metadata_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    token_url: str = ""
    allowed_service_hosts: tuple[str, ...] = ("smba.trafficmanager.net",)
    hr_conversation: str = ""

    lists = field_validator("tenant_ids", "allowed_service_hosts", mode="before")(_listed)


class Idp(Group):
    """One identity provider."""

    kind: IdpKind = IdpKind.OIDC
    authority: str
    transport_url: str = ""
    client_id: str
    client_secret: SecretStr = SecretStr("")
    client_certificate: SecretStr = SecretStr("")
    tenant_ids: tuple[str, ...] = ()
    role_claims: dict[str, dict[str, str]] = {}

    lists = field_validator("tenant_ids", mode="before")(_listed)


class SessionSettings(Group):
    """How long a chat session lives (NIST SP 800-63B-4 §2.2.3 for AAL2: one hour idle, 24 hours at all, at the most)."""

    idle_seconds: int = Field(default=3600, ge=60, le=3600)
    absolute_seconds: int = Field(default=43_200, ge=300, le=86_400)


class Keys(Group):
    """Where the keys are."""

    file: Path | None = None


class System(Group):
    """An HR or CRM system."""

    kind: SystemKind = SystemKind.DEMO


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")

    environment: Environment = Environment.PRODUCTION
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    public_url: str = ""
    database_url: SecretStr = SecretStr("sqlite:///doorward.db")
    slack: Slack | None = None
    teams: Teams | None = None
    idps: dict[str, Idp] = {}
    session: SessionSettings = SessionSettings()
    keys: Keys = Keys()
    hr: System = System()
    crm: System = System()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; nothing else is read."""
        del dotenv_settings, file_secret_settings, settings_cls
        return env_settings, init_settings


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises `Misconfigured` with the setting, what was found and what helps."""
    environ = os.environ if environ is None else environ
    refuse_unknown(environ)
    try:
        return Settings(**_file(environ.get(CONFIG)))
    except ValidationError as error:
        raise Misconfigured("\n".join(_problem(item) for item in error.errors(include_input=False))) from None


def _file(name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{CONFIG}={name}: cannot be read ({error.strerror}); name an existing TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{CONFIG}={name}: is not TOML ({error})") from None


def _problem(item: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    name = PREFIX + "__".join(str(part) for part in item["loc"]).upper()
    return f"{name}: {item['msg']}"


def names() -> frozenset[str]:
    """Every setting's variable; `<NAME>` stands for a provider's."""
    return frozenset(_names(Settings, PREFIX))


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        here = f"{prefix}{name.upper()}"
        groups = [part for part in _parts(info.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
        if name == "idps":
            yield from _names(Idp, f"{here}__<NAME>__")
        elif groups:
            yield from _names(groups[0], f"{here}__")
        else:
            yield here


def _parts(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - typing constructs
    return (annotation, *getattr(annotation, "__args__", ()))


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Refuse a `DOORWARD_…` variable that is no setting, by name and with the nearest known one. Raises `Misconfigured`."""
    known = names()
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name.startswith(NOT_SETTINGS):
            continue
        if _general(name) not in known:
            near = difflib.get_close_matches(_general(name), sorted(known), n=1, cutoff=0)
            raise Misconfigured(f"{name} is not a setting; did you mean {near[0]}?")


def _general(name: str) -> str:
    parts = name.split("__")
    if parts[0] == f"{PREFIX}IDPS" and len(parts) > 2:
        parts[1] = "<NAME>"
    if parts[-2:-1] == ["ROLE_CLAIMS"]:
        parts = parts[:-1]
    return "__".join(parts)
