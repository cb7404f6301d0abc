"""The changes made to Canaille 0.3.6, each one on a target that is asserted first: another release fails at start.

1. `UserInfo`, `generate_user_claims`: roles, department, region, manager and employee number reach the ID token.
2. `save_token`: remembers the authentication time of each refresh token, which Canaille does not keep.
3. `RefreshTokenGrant`: a refresh returns an ID token with the *original* `auth_time` (OpenID Connect Core §12.2),
   and a locked account is `invalid_grant` (RFC 6749 §5.2; Canaille says `invalid_request`).
4. `get_issuer`: a name that does not change with the port, so that links survive a restart.
5. `user_session_opened`: opening the login page by name never counts as a new authentication without a password.
6. `PasswordForm`: the demo's one password is filled in.
7. `MemoryBackend.do_query`: several conditions mean all of them. Canaille returns what fits *any*, so one code that
   was never redeemed makes the provider take it for somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import wtforms
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oidc.core.grants.code import OpenIDToken
from canaille.backends.memory.backend import MemoryBackend
from canaille.core.endpoints import auth as auth_endpoints
from canaille.core.endpoints import forms
from canaille.oidc import metadata, provider

from adapters.idp.demo.people import PASSWORD, DemoPerson

CANAILLE_VERSION = "0.3.6"
EXTRA_CLAIMS = ("roles", "department", "region", "manager", "employee_number")

_GRANTS = ("RefreshTokenGrant", "OIDCGrantMixin")

Directory = dict[str, DemoPerson]


class WrappedTargetMissing(Exception):
    """Canaille is not the release these changes were made for."""


def wrap(directory: Directory, issuer: str, subject_of: Callable[[str], str]) -> None:
    """Apply every change; raises WrappedTargetMissing when Canaille does not look as expected."""
    assert_targets()
    memory = _AuthenticationMemory()
    provider.UserInfo = _user_info(provider.UserInfo)
    provider.generate_user_claims = _with_directory(provider.generate_user_claims, directory, subject_of)
    provider.save_token = memory.remembering(provider.save_token)
    provider.RefreshTokenGrant = _refresh_grant(provider.RefreshTokenGrant, provider.OIDCGrantMixin, memory)
    provider.get_issuer = metadata.get_issuer = lambda: issuer
    auth_endpoints.user_session_opened = lambda _user_id: False
    MemoryBackend.do_query = _all_conditions(MemoryBackend.do_query)
    forms.PasswordForm.password.kwargs.update(default=PASSWORD, widget=wtforms.widgets.PasswordInput(hide_value=False))


def assert_targets() -> None:
    """Raises WrappedTargetMissing when Canaille is another release, or lacks a name that is wrapped."""
    installed = version("canaille")
    if installed != CANAILLE_VERSION:
        raise WrappedTargetMissing(f"canaille {installed} is installed; these changes are for {CANAILLE_VERSION}")
    wanted = {
        provider: ("UserInfo", "generate_user_claims", "save_token", "get_issuer", *_GRANTS),
        metadata: ("get_issuer",),
        auth_endpoints: ("user_session_opened",),
        forms: ("PasswordForm",),
        MemoryBackend: ("do_query",),
        provider.RefreshTokenGrant: ("authenticate_user", "create_token_response", "issue_token"),
        provider.UserInfo: ("SCOPES_CLAIMS_MAPPING", "filter"),
        forms.PasswordForm.password: ("kwargs",),
    }
    missing = [f"{owner}.{name}" for owner, names in wanted.items() for name in names if not hasattr(owner, name)]
    if missing:
        raise WrappedTargetMissing(", ".join(missing))


def _user_info(base: Any) -> Any:
    scopes = dict(base.SCOPES_CLAIMS_MAPPING)
    scopes["profile"] = [*scopes["profile"], *EXTRA_CLAIMS]
    return type("DemoUserInfo", (base,), {"SCOPES_CLAIMS_MAPPING": scopes})


def _with_directory(generate: Any, directory: Directory, subject_of: Callable[[str], str]) -> Any:
    def claims_with_directory(user: Any, jwt_mapping_config: Any = None) -> dict[str, Any]:
        data: dict[str, Any] = generate(user, jwt_mapping_config)
        person = directory[user.user_name]
        data.update(
            roles=list(person.roles),
            department=person.department,
            region=person.region,
            employee_number=person.employee_number,
        )
        if person.manager:
            data["manager"] = subject_of(person.manager)
        return data

    return claims_with_directory


def _all_conditions(query: Any) -> Any:
    def matching_all(backend: Any, model: Any, *arguments: Any, **conditions: Any) -> list[Any]:
        asked = {name: value for name, value in conditions.items() if value is not None}
        if len(asked) < 2:
            return list(query(backend, model, *arguments, **conditions))
        found = [query(backend, model, **{name: value}) for name, value in asked.items()]
        common = set.intersection(*({instance.id for instance in instances} for instances in found))
        return [instance for instance in found[0] if instance.id in common]

    return matching_all


class _AuthenticationMemory:
    """When and how the person behind each refresh token authenticated; handed on when the token rotates."""

    def __init__(self) -> None:
        self._by_refresh_token: dict[str, dict[str, Any]] = {}

    def remembering(self, save_token: Any) -> Any:
        def save(token: dict[str, Any], request: Any) -> None:
            save_token(token, request)
            if refresh_token := token.get("refresh_token"):
                self._by_refresh_token[refresh_token] = self._of(request)

        return save

    def of(self, refresh_token: str | None) -> dict[str, Any]:
        return self._by_refresh_token.get(refresh_token or "", {})

    def _of(self, request: Any) -> dict[str, Any]:
        if code := request.authorization_code:
            return {"auth_time": int(code.get_auth_time()), "amr": code.get_amr()}
        previous = request.refresh_token
        return self.of(previous.refresh_token) if previous else {}


def _refresh_grant(base: Any, oidc_mixin: Any, memory: _AuthenticationMemory) -> Any:
    class RefreshedIdToken(oidc_mixin, OpenIDToken):  # type: ignore[misc]
        def generate_user_info(self, user: Any, scope: str) -> Any:
            return provider.UserInfo(provider.generate_user_claims(user)).filter(scope)

        def get_compatible_claims(self, request: Any) -> dict[str, Any]:
            claims: dict[str, Any] = super().get_compatible_claims(request)
            claims.pop("auth_time", None)  # the library would say "now", which nobody proved
            claims.update(memory.of(request.refresh_token.refresh_token))
            return claims

    class DemoRefreshTokenGrant(base):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            RefreshedIdToken()(self)

        def authenticate_user(self, credential: Any) -> Any:
            user = super().authenticate_user(credential)
            if not user:
                raise InvalidGrantError("The account is not active.")
            return user

    return DemoRefreshTokenGrant
