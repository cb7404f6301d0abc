"""Settings of identity providers, and of what the company's directory tells us."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from bot.settings.values import DatedSecret, Group, Listed, from_json, listed


class IdpKind(StrEnum):
    """What kind of identity provider."""

    ENTRA = "entra"
    OIDC = "oidc"


class Idp(Group):
    """One identity provider."""

    kind: IdpKind = IdpKind.OIDC
    authority: str
    transport_url: str = ""
    client_id: str
    client_secret: SecretStr = SecretStr("")
    client_certificate: SecretStr = SecretStr("")
    tenant_ids: Listed = ()
    role_claims: Annotated[dict[str, dict[str, str]], BeforeValidator(from_json)] = Field(default={})
    """Claim name -> (its value -> our role); from the environment, the whole of it as JSON."""


class Signals(Group):
    """One transmitter of security events (Shared Signals, RFC 8935)."""

    issuer: str
    audience: str
    jwks_url: str
    token: Annotated[tuple[DatedSecret, ...], BeforeValidator(listed)] = ()
    subject_issuer: str = ""
    """Whose people it speaks of, where that is not the transmitter itself: the issuer of their ID tokens."""


class Scim(Group):
    """One provisioning client (SCIM 2.0)."""

    issuer: str
    """Whose people it provisions: the issuer of their ID tokens."""
    token: Annotated[tuple[DatedSecret, ...], BeforeValidator(listed)] = ()
    subject: Literal["externalId", "userName"] = "externalId"
    """Where it puts the subject of their ID tokens."""
