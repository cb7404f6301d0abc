"""What goes out to the authorization endpoint, and what each of a provider's answers means for a sign-in or a grant."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from adapters.idp.challenge import read_challenge
from adapters.idp.id_token import Claims
from adapters.idp.metadata import ProviderMetadata
from adapters.idp.msal_client import Kind
from adapters.idp.transport import Answer, parsed_object
from bot.errors import AccountRevoked, ProviderUnavailable, SignInRefused

FURTHER = "idp.interaction_required"
"""The code of what only a browser can mend."""
GRANT_ENDED = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
"""Answers to a refresh that only a new sign-in can mend (RFC 6749 §5.2, OpenID Connect Core §3.1.2.6)."""
NOT_NOW = frozenset({"temporarily_unavailable", "server_error"})


def authorize_url(msal_url: str, acr_values: tuple[str, ...]) -> str:
    """MSAL's authorization URL with what MSAL has no argument for.

    Query response mode: a `SameSite=Lax` cookie, which ties the answer to the browser, does not travel on the
    cross-site POST that MSAL recommends. `acr_values` (OpenID Connect Core §3.1.2.1) beside the claims request,
    because providers know one or the other.
    """
    parts = urlsplit(msal_url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {"response_mode": "query"}
    if acr_values:
        query["acr_values"] = " ".join(acr_values)
    return parts._replace(query=urlencode(query)).geturl()


def check_authorization_response(
    attempt: Mapping[str, Any],
    response: Mapping[str, str],
    metadata: ProviderMetadata,
    *,
    provider: str,
    tenants: frozenset[str],
) -> None:
    """It answers this attempt, at this provider, and is no error; raises SignInRefused, ProviderUnavailable."""
    if attempt["provider"] != provider:
        raise SignInRefused("the sign-in was begun at another provider", code="idp.state")
    if not hmac.compare_digest(response.get("state", "").encode(), attempt["msal"]["state"].encode()):
        raise SignInRefused("the response is not to this sign-in", code="idp.state")
    _check_response_issuer(response, metadata, tenants)
    error = response.get("error")
    if error in NOT_NOW:
        raise ProviderUnavailable("the provider cannot sign anybody in at present")
    if error or not response.get("code"):
        raise SignInRefused("the provider did not sign the person in", code="idp.denied")


def _check_response_issuer(response: Mapping[str, str], metadata: ProviderMetadata, tenants: frozenset[str]) -> None:
    """RFC 9207 §2.4, against mix-up: `iss` is the provider's wherever it stands or was promised."""
    issuer = response.get("iss")
    if issuer is None and not metadata.iss_parameter_promised:
        return
    if issuer not in {metadata.issuer_for(tenant) for tenant in (*tenants, None)}:
        raise SignInRefused("the response comes from another issuer", code="idp.iss_response")


def check_token_response(result: Mapping[str, Any]) -> None:
    """The code was taken; raises SignInRefused when it was not, ProviderUnavailable when we were not."""
    error = result.get("error")
    if error is None:
        return
    if error == "invalid_grant" and not result.get("claims"):
        raise SignInRefused("the provider refused the code", code="idp.code_refused")
    if error in GRANT_ENDED:
        raise SignInRefused("the provider asks for more", code=FURTHER, challenge=read_challenge(result.get("claims")))
    raise ProviderUnavailable("the provider refused this client", code="idp.client_refused")


def check_refresh_response(result: Mapping[str, Any] | None) -> None:
    """The grant still holds; raises AccountRevoked when it does not, ProviderUnavailable when we were refused."""
    if result is None:
        raise AccountRevoked("there is no grant to ask with", code="idp.no_grant")
    error = result.get("error")
    if error in GRANT_ENDED:
        raise AccountRevoked("the provider ended the grant", challenge=read_challenge(result.get("claims")))
    if error is not None:
        raise ProviderUnavailable("the provider refused this client", code="idp.client_refused")


def check_revocation_response(answer: Answer) -> bool:
    """Whether the token is revoked; False where the provider does not revoke its kind (RFC 7009 §2.2.1).

    Raises `ProviderUnavailable` when the provider refused us, which may pass.
    """
    if answer.status == 200:
        return True
    try:
        error = parsed_object(answer.text).get("error")
    except ProviderUnavailable:
        error = None
    if answer.status == 400 and error == "unsupported_token_type":
        return False
    raise ProviderUnavailable("the provider refused to revoke", code="idp.client_refused")


def check_same_person(claims: Claims, subject: str) -> None:
    """OpenID Connect Core §12.2: `sub` must not change on a refresh; raises AccountRevoked."""
    if not hmac.compare_digest(str(claims["sub"]).encode(), subject.encode()):
        raise AccountRevoked("the grant is another person's", code="idp.subject_changed")


def claims_request(kind: Kind, acr_values: tuple[str, ...]) -> str | None:
    """OpenID Connect Core §5.5.1.1; Entra calls an authentication context `acrs`."""
    if not acr_values:
        return None
    name = "acrs" if kind is Kind.ENTRA else "acr"
    return json.dumps({"id_token": {name: {"essential": True, "values": list(acr_values)}}})
