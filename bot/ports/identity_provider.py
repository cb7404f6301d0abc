"""The identity provider: sign-in by authorization code with PKCE, revalidation and revocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAttempt:
    """A sign-in under way. `flow` holds state, nonce and code verifier: a secret the caller seals."""

    authorize_url: str
    flow: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedClaims:
    """Claims of an ID token that passed every check (OIDC Core §3.1.3.7)."""

    issuer: str
    subject: str
    tenant: str | None
    username: str
    display_name: str
    email: str | None
    roles: frozenset[str]
    """Doorward roles, by the configured mapping only; unknown values are dropped."""
    groups: frozenset[str] = frozenset()
    """Every value of the configured role claims, whether or not it maps to a role."""
    department: str
    region: str
    manager: str | None
    """The manager's subject."""
    employee_number: str | None
    acr: str | None
    amr: tuple[str, ...]
    auth_time: datetime | None
    issued_at: datetime
    expires_at: datetime
    locale: str = "en"
    timezone: str = ""
    """Empty where the provider names none: then the chat's is taken."""
    session: str | None = None
    """The provider's own session (`sid`), where it names one: what a logout token may mean."""
    object_id: str | None = None
    """Entra's `oid`: the account's id in its tenant, the same for every application, unlike the subject."""
    chat_account: str | None = None
    """Whose Slack account this is by the provider's word, where the settings name a claim for it."""
    contexts: frozenset[str] = frozenset()
    """Every authentication context the token asserts: `acr`, and Entra's `acrs`."""
    from_directory: frozenset[str] = frozenset()
    """Attributes that provisioning (SCIM) has the last word on, by the configured mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A finished sign-in. `token_cache` is a secret the caller seals."""

    claims: VerifiedClaims
    token_cache: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Revalidation:
    """The provider still stands for the person; roles and attributes may have changed."""

    claims: VerifiedClaims
    token_cache: bytes


class IdentityProvider(Protocol):
    """One provider (Entra ID, Okta, Auth0, any OpenID provider)."""

    @property
    def name(self) -> str:
        """The name in the settings, and in the callback's path."""
        ...

    async def begin_sign_in(
        self,
        *,
        redirect_uri: str,
        state: str,
        login_hint: str | None = None,
        max_age: int | None = None,
        acr_values: tuple[str, ...] = (),
        claims: str = "",
    ) -> SignInAttempt:
        """Start a code flow with PKCE S256, state and nonce. Raises `ProviderUnavailable`.

        `claims` is a challenge this provider made (`SignInRefused.challenge`).
        """
        ...

    async def complete_sign_in(self, *, flow: bytes, response: Mapping[str, str], now: datetime) -> SignIn:
        """Redeem the code and verify the ID token in full. Raises `SignInRefused`, `ProviderUnavailable`."""
        ...

    async def revalidate(self, *, subject: str, token_cache: bytes, now: datetime) -> Revalidation:
        """Ask the provider now, over the network. Raises `AccountRevoked`, `ProviderUnavailable`."""
        ...

    async def revoke(self, *, token_cache: bytes) -> bool:
        """Revoke at the provider (RFC 7009) where it can; False where it cannot. Raises `ProviderUnavailable`."""
        ...

    async def end_company_sessions(self, *, token_cache: bytes) -> bool:
        """End every session of this person in the whole company; False where the provider has no way to.

        Raises `AccountRevoked` where the account is gone, `ProviderUnavailable`. Ours are the caller's to end.
        """
        ...

    async def ping(self) -> None:
        """Reach the provider. Raises `ProviderUnavailable`."""
        ...
