"""Settings of identity providers, and of what the company's directory tells us."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator

from bot.settings.values import DatedSecret, Group, Listed, from_json, listed


class IdpKind(StrEnum):
    """What kind of identity provider."""

    ENTRA = "entra"
    OIDC = "oidc"


class GraphSettings(Group):
    """Microsoft Graph, asked as an application whether somebody still stands (kind entra)."""

    client_id: str = ""
    """The provider's own where this is empty."""
    client_secret: SecretStr = SecretStr("")
    client_certificate: SecretStr = SecretStr("")
    base_url: str = "https://graph.microsoft.com"
    transport_url: str = ""


def _attribute(value: str) -> str:
    """`claim:<name>`, `graph:<property>`, `scim` or `hr`."""
    source, _, name = value.partition(":")
    if source in ("claim", "graph") and name:
        return value
    if value in ("scim", "hr"):
        return value
    raise ValueError("is claim:<its name>, graph:<property of the user>, scim or hr")


def _whose(value: str) -> str:
    """`claim:<name>` or `scim:<attribute>`; empty says nothing."""
    if not value or re.fullmatch(r"claim:.+|scim:[A-Za-z]+", value):
        return value
    raise ValueError("is claim:<its name> or scim:<an attribute of the user>, or empty")


Source = Annotated[str, AfterValidator(_attribute)]


class Attributes(Group):
    """Where each attribute of a person comes from: one source each, which alone has the last word."""

    department: Source = "claim:department"
    region: Source = "claim:region"
    manager: Source = "claim:manager"
    """For `doorward links check` alone: who decides on a request is the HR system's manager, always."""
    employee_number: Source = "claim:employee_number"
    slack_account: Annotated[str, AfterValidator(_whose)] = ""
    """Who has which Slack account (`T…:U…`, or `U…` with one workspace alone), as only the company may write it.

    Where Sign in with Slack is not set up, an account is linked by a code then; empty, by none.
    """
    employed: Source = "hr"
    """Whether somebody works here at all; with scim, what its `active` says."""

    @field_validator("employed")
    @classmethod
    def _not_in_a_token(cls, value: str) -> str:
        if value not in ("scim", "hr"):
            raise ValueError("is scim or hr: a token says nothing about it, and Graph is asked in any case")
        return value

    @field_validator("department", "region", "employee_number")
    @classmethod
    def _not_from_hr(cls, value: str) -> str:
        if value == "hr":
            raise ValueError("is asked before HR is: take claim:<name>, graph:<property> or scim")
        return value


class Idp(Group):
    """One identity provider."""

    kind: IdpKind = IdpKind.OIDC
    authority: str = ""
    """Empty only while it is set up, as `client_id`: nothing starts with it."""
    transport_url: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    client_certificate: SecretStr = SecretStr("")
    tenant_ids: Listed = ()
    role_claims: Annotated[dict[str, dict[str, str]], BeforeValidator(from_json)] = Field(default={})
    """Claim name -> (its value -> our role); from the environment, the whole of it as JSON."""
    attributes: Attributes = Attributes()
    graph: GraphSettings | None = None
    step_up_acr_values: Listed = ()
    """What a step-up at this provider asks for, any of them (Entra: authentication contexts, c1 to c99)."""
    phishing_resistant_acr_values: Listed = ()
    """Those of them that only a phishing-resistant sign-in gives."""
    step_up: bool | None = None
    """Whether a step-up at the provider is offered; where this is not set, it is where acr values are."""


class Signals(Group):
    """One transmitter of security events (Shared Signals, RFC 8935)."""

    issuer: str
    audience: str
    jwks_url: str
    token: Annotated[tuple[DatedSecret, ...], BeforeValidator(listed)] = ()
    poll_url: str = ""
    """Where its events are fetched (RFC 8936), where it cannot push them here."""
    poll_token: SecretStr = SecretStr("")
    configuration_url: str = ""
    """Its metadata (`/.well-known/ssf-configuration…`), for `doorward ssf`, with the two below."""
    stream_id: str = ""
    api_token: SecretStr = SecretStr("")
    subject_issuer: str = ""
    """Whose people it speaks of, where that is not the transmitter itself: the issuer of their ID tokens."""


class Scim(Group):
    """One provisioning client (SCIM 2.0)."""

    issuer: str
    """Whose people it provisions: the issuer of their ID tokens."""
    token: Annotated[tuple[DatedSecret, ...], BeforeValidator(listed)] = ()
    subject: Literal["externalId", "userName"] = "externalId"
    """Where it puts the subject of their ID tokens."""
