"""Settings of the systems behind: HR, CRM, keys, mail."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from bot.settings.values import Group, Listed, or_none


class SystemKind(StrEnum):
    """What stands behind the HR or CRM port."""

    DEMO = "demo"
    ODOO = "odoo"
    REST = "rest"


class KeysKind(StrEnum):
    """What keeps the keys file from being read."""

    FILE = "file"
    AWS_KMS = "aws_kms"


class AwsKms(Group):
    """The AWS KMS key that the keys file is wrapped under; credentials come from AWS's own chain, never from here."""

    key_id: str = ""
    """A key id, ARN or alias."""
    older_key_ids: Listed = ()
    """These still unwrap, while the file moves from one KMS key to another."""
    region: str = ""
    installation: str = "doorward"
    """Stands in the encryption context: what was wrapped for one installation opens in no other."""
    endpoint_url: str = ""
    """A VPC endpoint of one's own; empty for the region's public one."""
    metadata_credentials: bool = False
    """Whether credentials may come from the container's or machine's metadata address."""


class Keys(Group):
    """Where the keys are, and what wraps them."""

    kind: KeysKind = KeysKind.FILE
    file: Annotated[Path | None, BeforeValidator(or_none)] = None
    reload_seconds: int = Field(default=5, ge=1, le=60)
    """How often a serving process looks whether the keys changed, and says which it holds."""
    aws_kms: AwsKms | None = None


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
    file: Annotated[Path | None, BeforeValidator(or_none)] = None
    """Where the demo system keeps its made-up records, which replicas then share; HR's is the CRM's too."""
