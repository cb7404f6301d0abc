"""What groups of settings are made of: lists, tables, and secrets that end."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, SecretStr, model_validator


def listed(value: object) -> object:
    """A comma-separated list, or JSON where it starts like it."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return from_json(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def from_json(value: object) -> object:
    """What JSON in a string says; anything else as it is. Raises `ValueError` without quoting it."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("this is not JSON") from None  # the cause would quote it


def or_none(value: object) -> object:
    """None for what is empty."""
    return value or None


Listed = Annotated[tuple[str, ...], BeforeValidator(listed)]


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
