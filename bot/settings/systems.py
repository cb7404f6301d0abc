"""Settings of the systems behind: HR, CRM, keys, mail."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from bot.settings.values import Group, or_none


class SystemKind(StrEnum):
    """What stands behind the HR or CRM port."""

    DEMO = "demo"
    ODOO = "odoo"
    REST = "rest"


class Keys(Group):
    """Where the keys are."""

    file: Annotated[Path | None, BeforeValidator(or_none)] = None


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
