"""From verified claims to what the bot knows of a person; roles come only through the configured mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.idp.id_token import Claims, contexts, moment
from bot.domain.identity import Role
from bot.errors import Misconfigured, SignInRefused
from bot.ports.identity_provider import VerifiedClaims
from bot.texts.formats import is_zone

RoleClaims = Mapping[str, Mapping[str, str]]
"""Claim name -> (value of the claim -> Doorward role)."""
TEXT_CHARACTERS = 256
DEFAULT_ROLE_CLAIMS: RoleClaims = {"roles": {role.value: role.value for role in Role}}
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """Under which names this provider puts what the standard does not name."""

    username: str = "preferred_username"
    department: str = "department"
    region: str = "region"
    manager: str = "manager"
    employee_number: str = "employee_number"
    chat_account: str = ""


GROUPS = "groups"
"""The role claim that Graph answers for, where it is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Attributes of which not the token but another source has the last word."""

    graph: Mapping[str, str] = field(default_factory=dict)
    """Attribute -> property of Graph's user."""
    scim: frozenset[str] = frozenset()
    """Attributes that the provisioning client writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMapping:
    """How one provider's claims are read."""

    role_claims: RoleClaims = field(default_factory=lambda: DEFAULT_ROLE_CLAIMS)
    names: ClaimNames = field(default_factory=ClaimNames)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    def __post_init__(self) -> None:
        known = {role.value for role in Role}
        unknown = {role for values in self.role_claims.values() for role in values.values()} - known
        if unknown:
            raise Misconfigured(f"role_claims names unknown roles {sorted(unknown)}; known are {sorted(known)}")

    def roles(self, claims: Claims) -> frozenset[str]:
        """The Doorward roles; a value that is not in the mapping gives nothing."""
        return frozenset(
            mapping[value]
            for name, mapping in self.role_claims.items()
            for value in _values(claims.get(name))
            if value in mapping
        )

    def groups(self, claims: Claims) -> frozenset[str]:
        """Every value of the role claims."""
        return frozenset(value for name in self.role_claims for value in _values(claims.get(name)))

    @property
    def group_ids(self) -> frozenset[str]:
        """The groups that a role hangs on."""
        return frozenset(self.role_claims.get(GROUPS, {}))

    def with_graph(self, claims: VerifiedClaims, groups: frozenset[str], fields: Mapping[str, str]) -> VerifiedClaims:
        """The same person as Graph has them now: roles come from its groups alone, and so do attributes it answers for.

        What a token says of roles is as old as the token, so none of it is kept.
        """
        mapping = self.role_claims.get(GROUPS, {})
        told: dict[str, Any] = {name: fields.get(source) for name, source in self.elsewhere.graph.items()}
        for name in ("department", "region"):
            if name in told:
                told[name] = told[name] or ""
        return replace(claims, roles=frozenset(mapping[group] for group in groups), groups=groups, **told)

    def read(self, claims: Claims) -> VerifiedClaims:
        """The person in verified claims; raises SignInRefused where what must be there is not."""
        issued_at, expires_at = moment(claims, "iat"), moment(claims, "exp")
        if issued_at is None or expires_at is None:
            raise SignInRefused("the token has no dates", code="idp.bad_token")
        subject = str(claims["sub"])
        username = _text(claims, self.names.username) or subject
        return VerifiedClaims(
            issuer=str(claims["iss"]),
            subject=subject,
            tenant=_text(claims, "tid"),
            username=username,
            display_name=_text(claims, "name") or username,
            email=_text(claims, "email"),
            roles=self.roles(claims),
            groups=self.groups(claims),
            department=_text(claims, self.names.department) or "",
            region=_text(claims, self.names.region) or "",
            manager=_text(claims, self.names.manager),
            employee_number=_text(claims, self.names.employee_number),
            acr=_text(claims, "acr") or next(iter(sorted(contexts(claims))), None),
            amr=tuple(_values(claims.get("amr"))),
            auth_time=moment(claims, "auth_time"),
            issued_at=issued_at,
            expires_at=expires_at,
            locale=_language(claims),
            timezone=_timezone(claims),
            session=_text(claims, "sid"),
            object_id=_text(claims, "oid"),
            chat_account=_text(claims, self.names.chat_account) if self.names.chat_account else None,
            contexts=contexts(claims),
            from_directory=self.elsewhere.scim,
        )


def _values(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(item for item in items if isinstance(item, str))


def _text(claims: Claims, name: str) -> str | None:
    value = claims.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        return None
    return "".join(character for character in value if character.isprintable())[:TEXT_CHARACTERS] or None


def _language(claims: Claims) -> str:
    """The person's language; empty where the provider says none, so that the chat's or the browser's is taken."""
    language = (_text(claims, "locale") or "").replace("_", "-").partition("-")[0].lower()
    return language if _LANGUAGE.fullmatch(language) else ""


def _timezone(claims: Claims) -> str:
    """The person's zone; empty where the provider names none, so that the chat's is taken."""
    name = _text(claims, "zoneinfo") or ""
    return name if is_zone(name) else ""
