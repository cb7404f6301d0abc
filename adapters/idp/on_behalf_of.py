"""Single sign-on of Teams: the token its client sends us, proven, and exchanged on the person's behalf.

What must hold of the token before it is shown to anybody else (Entra ID, version 2 access tokens):

 1. it is signed by the provider's key with that id, with a configured algorithm;
 2. the tenant is one of those configured, and the issuer is that tenant's, version 2;
 3. the audience is exactly ours: the registration's id or its Application ID URI, and nothing beside it;
 4. it was issued to one of Teams' own applications (`azp`), whose ids the settings list;
 5. it carries the scope `access_as_user`, so it was made for a person's use of us;
 6. it is not an application's own token (`idtyp`, no `scp`), and names a directory account (`oid`);
 7. it is no guest's;
 8. it has not expired, and says when it will, and since when it is there.

Then MSAL exchanges it (OAuth 2.0 on-behalf-of), the ID token that comes back is verified like that of any sign-in, and
has to name the same tenant and account. That these are the ones that wrote in chat is for the caller to compare.
See: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.idp.challenge import read_challenge
from adapters.idp.id_token import LEEWAY, Claims, moment
from adapters.idp.metadata import ProviderMetadata
from adapters.idp.oidc import OidcProvider
from adapters.idp.responses import FURTHER, GRANT_ENDED
from bot.domain.secret import Secret
from bot.errors import ProviderUnavailable, SignInRefused
from bot.ports.silent_sign_in import Vouched

SCOPE = "access_as_user"

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A directory account: tenant and object id, in lower case."""

    tenant: str
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """Whose token it is, and since when they have it."""

    account: Account
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionRules:
    """What the settings say of acceptable tokens."""

    audiences: frozenset[str]
    client_ids: frozenset[str]
    tenants: frozenset[str]

    def check(self, claims: Claims, metadata: ProviderMetadata, now: datetime) -> Asserted:
        """(2) to (8), of claims whose signature holds; raises SignInRefused."""
        tenant = _text(claims, "tid")
        # Condition 2 of the list above.
        if tenant.lower() not in {known.lower() for known in self.tenants}:
            raise SignInRefused("the tenant is not one of those configured", code="sso.tenant")
        if claims.get("iss") != metadata.issuer_for(tenant) or claims.get("ver") != "2.0":
            raise SignInRefused("the issuer is not that tenant's, version 2", code="sso.issuer")
        # Condition 3 of the list above.
        if _text(claims, "aud") not in self.audiences:
            raise SignInRefused("the token is for somebody else", code="sso.audience")
        # Condition 5 of the list above.
        if claims.get("idtyp") == "app" or SCOPE not in _text(claims, "scp").split():
            raise SignInRefused("not a person's token for us", code="sso.scope")
        # Condition 4 of the list above.
        if _text(claims, "azp") not in self.client_ids:
            raise SignInRefused("another application got this token", code="sso.client")
        # Condition 6 of the list above.
        account = account_of(claims)
        if is_guest(claims):
            raise SignInRefused("a guest", code="sso.guest")
        return Asserted(account=account, issued_at=_check_times(claims, now))


class TeamsSingleSignOn:
    """Implements `bot.ports.silent_sign_in.SilentProvider` on an Entra provider of the settings."""

    def __init__(self, provider: OidcProvider, rules: AssertionRules) -> None:
        self._provider = provider
        self._rules = rules

    @property
    def name(self) -> str:
        """The provider's name in the settings."""
        return self._provider.name

    async def vouch(self, *, token: Secret, now: datetime) -> Vouched:
        """Raises `SignInRefused`, `ProviderUnavailable`."""
        asserted: Asserted | None = None

        def check(claims: Claims, metadata: ProviderMetadata) -> None:
            nonlocal asserted
            asserted = self._rules.check(claims, metadata, now)

        claims, sign_in = await self._provider.on_behalf_of(
            assertion=token.reveal(), check=check, check_response=check_response, now=now
        )
        if asserted is None or account_of(claims) != asserted.account:
            raise SignInRefused("the exchange names somebody else", code="sso.other_account")
        account = asserted.account
        return Vouched(
            tenant=account.tenant,
            account=account.oid,
            provider=self._provider.name,
            sign_in=sign_in,
            issued_at=asserted.issued_at,
        )


def check_response(result: Mapping[str, Any]) -> None:
    """Raises `SignInRefused` where only a browser can mend it, `ProviderUnavailable` where we were refused."""
    error = result.get("error")
    if error is None:
        return
    challenge = read_challenge(result.get("claims"))
    if error in GRANT_ENDED or result.get("claims"):
        raise SignInRefused("the person has to sign in themselves", code=FURTHER, challenge=challenge)
    raise ProviderUnavailable("the provider refused this client", code="idp.client_refused")


def account_of(claims: Claims) -> Account:
    """The directory account verified claims name. Raises `SignInRefused`."""
    oid = _text(claims, "oid").lower()
    if not _GUID.fullmatch(oid):
        raise SignInRefused("no directory account in the token", code="sso.account")
    return Account(tenant=_text(claims, "tid").lower(), oid=oid)


def is_guest(claims: Claims) -> bool:
    """Whether the account is another directory's: `acct` 1, or `idp` naming another issuer."""
    return claims.get("acct") == 1 or ("idp" in claims and claims["idp"] != claims.get("iss"))


def _check_times(claims: Claims, now: datetime) -> datetime:
    """(8), and when it was issued. Teams keeps a token for as long as it lives, so its age alone is no measure."""
    expires_at, not_before, issued_at = (moment(claims, name) for name in ("exp", "nbf", "iat"))
    if expires_at is None or issued_at is None or now >= expires_at + LEEWAY:
        raise SignInRefused("the token has expired", code="sso.expired")
    if not_before is not None and not_before > now + LEEWAY:
        raise SignInRefused("the token is not valid yet", code="sso.expired")
    return issued_at


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
