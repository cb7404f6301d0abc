"""Every setting, read once: environment `DOORWARD_…` (nesting with `__`), or the TOML file named by `DOORWARD_CONFIG`.

Production is the default, and refuses to start half-configured. Unknown names are refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import Misconfigured
from bot.settings.approvals import Approvals, Route
from bot.settings.chats import Slack, Teams
from bot.settings.directories import Idp, Scim, Signals
from bot.settings.people import Bootstrap, Factors, Notices, Owner, Rollout, SessionSettings
from bot.settings.systems import Keys, Mail, System
from bot.settings.values import DatedSecret, Group

PREFIX = "DOORWARD_"
CONFIG = "DOORWARD_CONFIG"
FOR_TESTS = "DOORWARD_TEST_"


class Environment(StrEnum):
    """Where this runs."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


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
    rollout: Rollout = Rollout()
    approvals: Approvals = Approvals()
    notices: Notices = Notices()
    factors: Factors = Factors()
    owner: Owner = Owner()

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


IN_LISTS = (DatedSecret, Route)
"""The groups that stand in lists, written as one variable."""
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
    if get_origin(annotation) is dict:
        return None  # written whole, as JSON
    parts = (annotation, *getattr(annotation, "__args__", ()))
    groups = (part for part in parts if isinstance(part, type) and issubclass(part, Group) and part not in IN_LISTS)
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
    told = f"{name} is not a setting; did you mean {near[0]}?"
    if name.upper().startswith(f"{PREFIX}KEYS__"):
        told += " Keys themselves are never taken from the environment, only from a file."
    return told


def _general(name: str) -> str:
    parts = name.split("__")
    if parts[0].removeprefix(PREFIX).lower() in NAMED and len(parts) > 2:
        parts[1] = "<NAME>"
    return "__".join(parts)
