"""The identity provider adapter, for Entra ID and any OpenID provider: MSAL speaks, and we prove what comes back."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode

from adapters.idp import msal_calls
from adapters.idp.challenge import merged, read_challenge
from adapters.idp.claims import DEFAULT_ROLE_CLAIMS, ClaimMapping, ClaimNames, Elsewhere, RoleClaims
from adapters.idp.credentials import credential_of
from adapters.idp.graph import Graph, GraphMember
from adapters.idp.id_token import (
    Claims,
    Expectation,
    check_issuer,
    moment,
    read_header,
    saved_claims,
    signed_claims,
    verify,
)
from adapters.idp.logout_token import TYPES as LOGOUT_TYPES
from adapters.idp.logout_token import read_logout
from adapters.idp.metadata import WELL_KNOWN, MetadataCache, ProviderMetadata
from adapters.idp.msal_client import Kind, MsalClient, Post, Registration, refresh_tokens, saved_id_token
from adapters.idp.registered import check_settings, expected_issuers
from adapters.idp.responses import (
    authorize_url,
    check_authorization_response,
    check_refresh_response,
    check_revocation_response,
    check_same_person,
    check_token_response,
    claims_request,
)
from adapters.idp.signing_keys import SigningKeys
from adapters.idp.transport import REQUEST_SECONDS, Address, Answer, Transport
from bot.domain.signal import LogoutToken
from bot.errors import AccountRevoked, ProviderUnavailable, SignInRefused
from bot.ports.identity_provider import Revalidation, SignIn, SignInAttempt, VerifiedClaims

DEADLINE_SECONDS = 2.5
"""Of a whole operation: people are told that the provider is away within three seconds."""
THREADS = 8

Result = TypeVar("Result")


class OidcProvider:
    """One provider of the settings; implements `bot.ports.identity_provider.IdentityProvider`."""

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        authority: str,
        client_id: str,
        client_secret: str | None = None,
        client_certificate: str | None = None,
        transport_url: str | None = None,
        tenant_ids: Sequence[str] = (),
        role_claims: RoleClaims | None = None,
        claim_names: ClaimNames | None = None,
        algorithms: Sequence[str] = ("RS256",),
        scopes: Sequence[str] = ("email",),
        issuer: str | None = None,
        endpoint_hosts: Sequence[str] = (),
        offline_access: bool | None = None,
        graph: Graph | None = None,
        elsewhere: Elsewhere | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        """Raises Misconfigured for what cannot be trusted; `client_certificate` is PEM, private key and certificate."""
        self.name = name
        self._kind = Kind(kind)
        self._tenants = frozenset(tenant_ids)
        self._algorithms = frozenset(algorithms)
        self._secret = client_secret
        self._graph = graph
        self._client_id = client_id
        self._deadline = deadline_seconds
        authority = authority.rstrip("/")
        check_settings(name, self._kind, authority, transport_url, self._tenants, self._algorithms)
        self._mapping = ClaimMapping(
            role_claims=DEFAULT_ROLE_CLAIMS if role_claims is None else role_claims,
            names=claim_names or ClaimNames(),
            elsewhere=elsewhere or Elsewhere(),
        )
        self._registration = Registration(
            kind=self._kind,
            authority=authority,
            client_id=client_id,
            credential=credential_of(client_secret, client_certificate),
            scopes=tuple(scopes),
            offline_access=offline_access,
        )
        address = Address(
            authority=authority,
            transport_url=transport_url.rstrip("/") if transport_url else None,
            extra_hosts=frozenset(endpoint_hosts),
        )
        self._transport = Transport(address, request_seconds=min(request_seconds, deadline_seconds))
        base = f"{authority}/v2.0" if self._kind is Kind.ENTRA else authority
        self._metadata = MetadataCache(
            self._transport,
            address,
            discovery_url=base + WELL_KNOWN,
            expected_issuers=expected_issuers(self._kind, base, issuer, self._tenants),
        )
        self._keys = SigningKeys(self._fetch_keys)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"msal-{name}")

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
        """Start a code flow with PKCE S256, state and nonce, and the claims a challenge asked for.

        Raises `ProviderUnavailable`.
        """
        request = {
            "redirect_uri": redirect_uri,
            "state": state,
            "login_hint": login_hint,
            "max_age": max_age,
            "claims_challenge": merged(read_challenge(claims), claims_request(self._kind, acr_values)),
        }
        async with self._in_time():
            metadata = await self._metadata.get()
            msal_flow = await self._in_thread(lambda post: self._client(metadata, post).begin(**request))
        msal_flow.pop("max_age", None)  # checked by us against the clock that is passed in
        flow = {"provider": self.name, "msal": msal_flow, "max_age": max_age, "acr_values": list(acr_values)}
        url = authorize_url(msal_flow["auth_uri"], () if self._kind is Kind.ENTRA else acr_values)
        return SignInAttempt(authorize_url=url, flow=json.dumps(flow).encode())

    async def complete_sign_in(self, *, flow: bytes, response: Mapping[str, str], now: datetime) -> SignIn:
        """Redeem the code and verify the ID token in full. Raises `SignInRefused`, `ProviderUnavailable`."""
        attempt = json.loads(flow)
        async with self._in_time():
            metadata = await self._metadata.get()
            check_authorization_response(attempt, response, metadata, provider=self.name, tenants=self._tenants)
            client, result = await self._in_thread(
                lambda post: msal_calls.redeem(self._client(metadata, post), attempt["msal"], response)
            )
            check_token_response(result)
            expected = Expectation(
                metadata=metadata,
                client_id=self._client_id,
                tenants=self._tenants,
                nonce=hashlib.sha256(attempt["msal"]["nonce"].encode("ascii")).hexdigest(),
                max_age=attempt["max_age"],
                acr_values=tuple(attempt["acr_values"]),
            )
            claims = await self._verified(result, expected, now)
            read = await self._if_stood_for(self._mapping.read(claims))
        return SignIn(claims=read, token_cache=client.saved_cache())

    async def on_behalf_of(
        self,
        *,
        assertion: str,
        check: Callable[[Claims, ProviderMetadata], None],
        check_response: Callable[[Mapping[str, Any]], None],
        now: datetime,
    ) -> tuple[Claims, SignIn]:
        """Exchange a token that `check` lets through, its signature proven first; the verified ID token's claims.

        Raises `SignInRefused`, `ProviderUnavailable`, and what the checks raise.
        """
        header = read_header(assertion, self._algorithms)
        async with self._in_time():
            metadata = await self._metadata.get()
            key = await self._keys.find(algorithm=header.algorithm, key_id=header.key_id)
            asserted = signed_claims(assertion, header, key)
            check(asserted, metadata)
            client, result = await self._in_thread(
                lambda post: msal_calls.on_behalf_of(self._client(metadata, post), assertion)
            )
            check_response(result)
            expected = Expectation(metadata=metadata, client_id=self._client_id, tenants=self._tenants)
            claims = await self._verified(result, expected, now)
            # Nobody signed in for this exchange: what counts is when they got the token that is exchanged.
            read = await self._if_stood_for(self._mapping.read(claims), moment(asserted, "iat"))
        return claims, SignIn(claims=read, token_cache=client.saved_cache())

    async def revalidate(self, *, subject: str, token_cache: bytes, now: datetime) -> Revalidation:
        """Ask the provider now, over the network. Raises `AccountRevoked`, `ProviderUnavailable`.

        One at a time for each person, across replicas: refresh tokens rotate, and a second use ends the grant.
        """
        if self._graph is not None:
            return await self._revalidated_by_graph(subject, token_cache)
        async with self._in_time():
            metadata = await self._metadata.get()
            client, result = await self._in_thread(
                lambda post: msal_calls.refresh(self._client(metadata, post, token_cache))
            )
            check_refresh_response(result)
            expected = Expectation(metadata=metadata, client_id=self._client_id, tenants=self._tenants)
            try:
                claims = await self._verified(result or {}, expected, now)
            except SignInRefused as untrusted:
                raise ProviderUnavailable("the refreshed ID token does not hold", code=untrusted.code) from untrusted
        check_same_person(claims, subject)
        return Revalidation(
            claims=replace(self._mapping.read(claims), auth_time=_first_auth_time(claims, token_cache)),
            token_cache=client.saved_cache(),
        )

    async def revoke(self, *, token_cache: bytes) -> bool:
        """Revoke at the provider (RFC 7009) where it can; False where it cannot. Raises `ProviderUnavailable`.

        A token that the provider does not know is revoked (§2.2): it answers 200.
        """
        async with self._in_time():
            metadata = await self._metadata.get()
            if metadata.revocation_endpoint is None or self._secret is None:
                return False
            answers = [
                await self._revoke(metadata.revocation_endpoint, metadata.revocation_auth_methods, token)
                for token in refresh_tokens(token_cache)
            ]
        return bool(answers) and all(check_revocation_response(answer) for answer in answers)

    async def end_company_sessions(self, *, token_cache: bytes) -> bool:
        """End every session of this person in the whole company; False without Graph.

        Raises `AccountRevoked` where the account is gone, `ProviderUnavailable`.
        """
        if self._graph is None:
            return False
        claims = self._mapping.read(_saved(token_cache))
        tenant, object_id = _account(claims)
        async with self._in_time():
            await self._graph.revoke_sessions(tenant, object_id, self._in_thread)
        return True

    async def members(self, tenant: str, limit: int) -> list[GraphMember]:
        """Who is in the groups that roles hang on, for a preview; nobody without Graph. Raises `ProviderUnavailable`.

        Not in the time of a message: an administrator waits for it.
        """
        return [] if self._graph is None else await self._graph.members(tenant, limit, self._in_thread)

    async def _revalidated_by_graph(self, subject: str, token_cache: bytes) -> Revalidation:
        """The ID token was verified when it was kept; who that is does not change, and all else is asked now."""
        saved = _saved(token_cache)
        check_same_person(saved, subject)
        async with self._in_time():
            claims = await self._as_it_is_now(self._mapping.read(saved))
        return Revalidation(claims=claims, token_cache=token_cache)

    async def _if_stood_for(self, claims: VerifiedClaims, signed_in_at: datetime | None = None) -> VerifiedClaims:
        """`_as_it_is_now` at a sign-in. Raises `SignInRefused`, `ProviderUnavailable`."""
        try:
            return await self._as_it_is_now(claims, signed_in_at)
        except AccountRevoked as revoked:
            raise SignInRefused("the directory does not stand for this account", code=revoked.code) from revoked

    async def _as_it_is_now(self, claims: VerifiedClaims, signed_in_at: datetime | None = None) -> VerifiedClaims:
        """What Graph says, where it is the source. Raises `AccountRevoked`, `ProviderUnavailable`."""
        if self._graph is None:
            return claims
        tenant, object_id = _account(claims)
        person = await self._graph.person(tenant, object_id, signed_in_at or claims.issued_at, self._in_thread)
        return self._mapping.with_graph(claims, person.groups, person.fields)

    async def verify_logout_token(self, *, token: str, now: datetime) -> LogoutToken:
        """Prove a logout token (Back-Channel Logout 1.0 §2.6). Raises `SignInRefused`, `ProviderUnavailable`."""
        header = read_header(token, self._algorithms, LOGOUT_TYPES)
        async with self._in_time():
            expected = Expectation(
                metadata=await self._metadata.get(), client_id=self._client_id, tenants=self._tenants
            )
            # Another provider's token is told apart before anything is fetched for it.
            check_issuer(saved_claims(token), expected)
            key = await self._keys.find(algorithm=header.algorithm, key_id=header.key_id)
        return read_logout(signed_claims(token, header, key), self.name, expected, now)

    async def ping(self) -> None:
        """Reach the provider. Raises `ProviderUnavailable`."""
        async with self._in_time():
            await self._metadata.refresh()

    async def end_session_url(self, *, post_logout_redirect_uri: str | None = None) -> str | None:
        """Where a browser ends its session at the provider (OpenID Connect RP-Initiated Logout 1.0), if anywhere.

        Carries no ID token, because a URL is no place for one. Raises `ProviderUnavailable`.
        """
        async with self._in_time():
            endpoint = (await self._metadata.get()).end_session_endpoint
        if endpoint is None:
            return None
        query = {"client_id": self._client_id, "post_logout_redirect_uri": post_logout_redirect_uri}
        return f"{endpoint}?{urlencode({name: value for name, value in query.items() if value})}"

    async def close(self) -> None:
        """Give threads and connections back."""
        await self._transport.close()
        if self._graph is not None:
            await self._graph.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except TimeoutError as late:
            raise ProviderUnavailable("the provider does not answer in time") from late

    async def _in_thread(self, work: Callable[[Post], Result]) -> Result:
        """Run MSAL beside the event loop; its one request comes back to the loop, where it has a deadline."""
        loop = asyncio.get_running_loop()

        def post(url: str, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
            sending = self._transport.post_form(url, data=data, headers=headers)
            return asyncio.run_coroutine_threadsafe(sending, loop).result()

        return await loop.run_in_executor(self._threads, work, post)

    def _client(self, metadata: ProviderMetadata, post: Post, token_cache: bytes = b"") -> MsalClient:
        return MsalClient(self._registration, metadata, post, token_cache)

    async def _fetch_keys(self) -> dict[str, Any]:
        return await self._transport.get_json((await self._metadata.get()).jwks_uri)

    async def _verified(self, result: Mapping[str, Any], expected: Expectation, now: datetime) -> Claims:
        token = result.get("id_token")
        if not isinstance(token, str):
            raise SignInRefused("the provider gave no ID token", code="idp.no_id_token")
        header = read_header(token, self._algorithms)
        key = await self._keys.find(algorithm=header.algorithm, key_id=header.key_id)
        return verify(token, header, key, expected, now)

    async def _revoke(self, endpoint: str, methods: tuple[str, ...], token: str) -> Answer:
        data = {"token": token, "token_type_hint": "refresh_token"}
        headers = {"Accept": "application/json"}
        secret = self._secret or ""
        if "client_secret_basic" in methods:
            pair = f"{quote_plus(self._client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            data |= {"client_id": self._client_id, "client_secret": secret}
        return await self._transport.post_form(endpoint, data=data, headers=headers)


def _saved(token_cache: bytes) -> Claims:
    """The claims of the ID token that was verified when it was kept; raises AccountRevoked where there is none."""
    token = saved_id_token(token_cache)
    if token is None:
        raise AccountRevoked("there is no sign-in to ask about", code="idp.no_grant")
    return saved_claims(token)


def _account(claims: VerifiedClaims) -> tuple[str, str]:
    """Tenant and object id, which Graph knows people by; raises SignInRefused for a token of no directory."""
    if claims.tenant is None or claims.object_id is None:
        raise SignInRefused("the token names no directory account", code="idp.bad_token")
    return claims.tenant, claims.object_id


def _first_auth_time(claims: Claims, token_cache: bytes) -> datetime | None:
    """A refresh authenticates nobody: the authentication stays as old as it was, whatever the provider says."""
    before = saved_id_token(token_cache)
    times = [moment(claims, "auth_time"), moment(saved_claims(before), "auth_time") if before else None]
    return min((time for time in times if time is not None), default=None)
