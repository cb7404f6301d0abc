"""Every setting, read once: environment `DOORWARD_…` (nesting with `__`), or the TOML file named by `DOORWARD_CONFIG`.

Production is the default, and refuses to start half-configured. Unknown names are refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import Misconfigured

PREFIX = "DOORWARD_"
CONFIG = "DOORWARD_CONFIG"
FOR_TESTS = "DOORWARD_TEST_"


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
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _from_json(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def _from_json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("this is not JSON") from None  # the cause would quote it


def _or_none(value: object) -> object:
    return value or None


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Group(BaseModel):
    """Base of the groups: unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


class DatedSecret(Group):
    """A secret and when it ends: a new one stands beside the old one until then, so that rotation has no gap.

    Written as the secret alone, or as `{"value": "…", "until": "2030-01-31T00:00:00Z"}`.
    """

    value: SecretStr
    until: AwareDatetime | None = None

    @model_validator(mode="before")
    @classmethod
    def alone(cls, value: object) -> object:
        """The secret alone never ends."""
        return {"value": value} if isinstance(value, str) else value

    def get_secret_value(self) -> str:
        """The secret."""
        return self.value.get_secret_value()


class Slack(Group):
    """A Slack app (all of it, or nothing)."""

    signing_secret: Annotated[tuple[DatedSecret, ...], BeforeValidator(_listed)] = ()
    bot_token: SecretStr = SecretStr("")
    team_ids: Listed = ()
    app_id: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    api_base_url: str = "https://slack.com/api/"
    hr_channel: str = ""


class Teams(Group):
    """A Teams bot (all of it, or nothing)."""

    app_id: str = ""
    app_password: SecretStr = SecretStr("")
    tenant_ids: Listed = ()
    openid_metadata_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    token_url: str = ""
    allowed_service_hosts: Listed = ("smba.trafficmanager.net",)
    hr_conversation: str = ""


class Idp(Group):
    """One identity provider."""

    kind: IdpKind = IdpKind.OIDC
    authority: str
    transport_url: str = ""
    client_id: str
    client_secret: SecretStr = SecretStr("")
    client_certificate: SecretStr = SecretStr("")
    tenant_ids: Listed = ()
    role_claims: Annotated[dict[str, dict[str, str]], BeforeValidator(_from_json)] = {}
    """Claim name -> (its value -> our role); from the environment, the whole of it as JSON."""


class Signals(Group):
    """One transmitter of security events (Shared Signals, RFC 8935)."""

    issuer: str
    audience: str
    jwks_url: str
    token: Annotated[tuple[DatedSecret, ...], BeforeValidator(_listed)] = ()
    subject_issuer: str = ""
    """Whose people it speaks of, where that is not the transmitter itself: the issuer of their ID tokens."""


class Scim(Group):
    """One provisioning client (SCIM 2.0)."""

    issuer: str
    """Whose people it provisions: the issuer of their ID tokens."""
    token: Annotated[tuple[DatedSecret, ...], BeforeValidator(_listed)] = ()
    subject: Literal["externalId", "userName"] = "externalId"
    """Where it puts the subject of their ID tokens."""


class SessionSettings(Group):
    """How long a chat session lives (NIST SP 800-63B-4 §2.2.3 for AAL2: an hour idle, 24 hours at all, at the most)."""

    idle_seconds: int = Field(default=3600, ge=60, le=3600)
    absolute_seconds: int = Field(default=43_200, ge=300, le=86_400)
    administrator_idle_seconds: int = Field(default=900, ge=60, le=3600)
    administrator_absolute_seconds: int = Field(default=14_400, ge=300, le=86_400)


class Keys(Group):
    """Where the keys are."""

    file: Annotated[Path | None, BeforeValidator(_or_none)] = None


def _named(value: object) -> object:
    """Pairs `issuer#subject`, and at most one `group:name`."""
    names = _listed(value)
    if not isinstance(names, list | tuple):
        return names
    groups = [name for name in names if str(name).startswith("group:")]
    if len(groups) > 1:
        raise ValueError("name one group at the most")
    for name in names:
        before, _, after = str(name).partition(":" if name in groups else "#")
        if not before or not after:
            raise ValueError("each is `issuer#subject`, or `group:` and a value of the provider's role claims")
    return names


class Bootstrap(Group):
    """Who are administrators from the start, and only while they are named here."""

    administrators: Annotated[tuple[str, ...], BeforeValidator(_named)] = ()


class Mail(Group):
    """The company's mail server, for notices that must not go through chat (all of it, or nothing)."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65_535)
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = ""
    starttls: bool = True


class System(Group):
    """An HR or CRM system."""

    kind: SystemKind = SystemKind.DEMO


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        enable_decoding=False,  # lists and tables are read by their own validators
    )

    environment: Environment = Environment.PRODUCTION
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    public_url: str = ""
    database_url: SecretStr = SecretStr("sqlite:///doorward.db")
    slack: Slack | None = None
    teams: Teams | None = None
    idps: dict[str, Idp] = {}
    signals: dict[str, Signals] = {}
    scim: dict[str, Scim] = {}
    session: SessionSettings = SessionSettings()
    keys: Keys = Keys()
    hr: System = System()
    crm: System = System()
    mail: Mail | None = None
    bootstrap: Bootstrap = Bootstrap()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given and nothing else: `load` reads environment and file."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


NAMED: Mapping[str, type[Group]] = {"idps": Idp, "signals": Signals, "scim": Scim}
"""The groups of which there may be several, each under a name of the company's own."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process, environment before file. Raises `Misconfigured`, naming each that is wrong."""
    environ = os.environ if environ is None else environ
    refuse_unknown(environ)
    try:
        return Settings(**_merged(from_file(environ), from_environment(environ)))
    except ValidationError as error:
        raise Misconfigured("\n".join(_problem(item) for item in error.errors(include_input=False))) from None


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the environment sets, in the tree's form."""
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in environ.items()}
    return source()


def from_file(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the file that `DOORWARD_CONFIG` names sets; nothing when there is none. Raises `Misconfigured`."""
    name = environ.get(CONFIG)
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{CONFIG}={name}: cannot be read ({error.strerror}); name an existing TOML file") from None
    except ValueError as error:
        raise Misconfigured(f"{CONFIG}={name}: is not TOML ({error})") from None


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` before `under`, group by group."""
    both = {name: _merged(under[name], value) for name, value in over.items() if _are_groups(under.get(name), value)}
    return {**under, **over, **both}


def _are_groups(one: object, other: object) -> bool:
    return isinstance(one, Mapping) and isinstance(other, Mapping)


def _problem(item: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    name = variable(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return _unknown(name)
    if item["type"] == "missing":
        return f"{name} is missing"
    return f"{name}: {item['msg'].removeprefix('Value error, ')}"


def variable(parts: Iterable[str]) -> str:
    """The variable that sets what stands at this place of the tree."""
    return PREFIX + "__".join(parts).upper()


def names() -> frozenset[str]:
    """Every setting's variable; `<NAME>` stands for a provider's, a transmitter's or a client's."""
    return frozenset(_names(Settings, PREFIX))


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        here = f"{prefix}{name.upper()}"
        group = _group(info.annotation)
        if name in NAMED:
            yield from _names(NAMED[name], f"{here}__<NAME>__")
        elif group is not None:
            yield from _names(group, f"{here}__")
        else:
            yield here


def _group(annotation: Any) -> type[Group] | None:  # noqa: ANN401 - typing constructs
    parts = (annotation, *getattr(annotation, "__args__", ()))
    groups = (part for part in parts if isinstance(part, type) and issubclass(part, Group) and part is not DatedSecret)
    return next(groups, None)


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Refuse a `DOORWARD_…` variable that is no setting. Raises `Misconfigured` with it and the nearest known one."""
    known = names()
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper == CONFIG or upper.startswith(FOR_TESTS):
            continue
        if _general(upper) not in known:
            raise Misconfigured(_unknown(name))


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(_general(name.upper()), sorted({*names(), CONFIG}), n=1, cutoff=0)
    return f"{name} is not a setting; did you mean {near[0]}?"


def _general(name: str) -> str:
    parts = name.split("__")
    if parts[0].removeprefix(PREFIX).lower() in NAMED and len(parts) > 2:
        parts[1] = "<NAME>"
    return "__".join(parts)
