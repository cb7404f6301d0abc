"""What Microsoft Graph says of a person at this moment: whether the account is enabled, its groups and attributes.

It takes an application credential with `User.Read.All` and `GroupMember.Read.All`, and `User.RevokeSessions.All` where
an administrator may end company sessions. How an answer is read:

 1. the account is there, enabled, and no sign-in was revoked since the one it is asked for: it is active;
 2. Graph says that there is no such user (404 `Request_ResourceNotFound`), it is disabled, or its sign-ins were
    revoked: the person is revoked;
 3. anything else, throttling (429) and a refused credential (401, 403) among it: Graph is unavailable, which says
    nothing about the person. Until the time that a 429 names, Graph is not asked again.

See: learn.microsoft.com/graph/errors, learn.microsoft.com/graph/throttling
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import structlog

from adapters.idp.challenge import from_header
from adapters.idp.graph_credential import GraphCredential, GraphRegistration
from adapters.idp.msal_client import Post
from adapters.idp.transport import Answer, Transport, parsed_object
from bot.errors import AccountRevoked, ProviderUnavailable

GROUPS_A_CALL = 20
"""Graph's limit of `checkMemberGroups`."""
RETRY_SECONDS, RETRY_SECONDS_AT_MOST = 10.0, 300.0
MEMBERS_A_PAGE = 500
GONE = "Request_ResourceNotFound"
ALWAYS = ("id", "accountEnabled", "signInSessionsValidFromDateTime")

Result = TypeVar("Result")
InThread = Callable[[Callable[[Post], str]], Awaitable[str]]
"""Runs MSAL beside the event loop."""

log = structlog.get_logger("doorward.idp")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPerson:
    """An enabled account."""

    groups: frozenset[str]
    """Those of the groups that were asked about of which the account is a member, through other groups too."""
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphMember:
    """An account in one of the groups."""

    object_id: str
    username: str
    enabled: bool
    groups: frozenset[str]
    fields: dict[str, str]


class Graph:
    """Graph for one provider; what is asked about a person is asked anew each time."""

    def __init__(
        self,
        registration: GraphRegistration,
        transport: Transport,
        *,
        groups: Sequence[str],
        fields: Sequence[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`groups` are ids that some role hangs on, `fields` the user's properties that the mapping reads."""
        self._credential = GraphCredential(registration)
        self._base = registration.base_url.rstrip("/")
        self._transport = transport
        self._groups = tuple(sorted(groups))
        self._fields = tuple(sorted({field.partition(".")[0] for field in fields}))
        self._wanted = tuple(fields)
        self._monotonic = monotonic
        self._not_before = 0.0

    async def person(self, tenant: str, object_id: str, signed_in_at: datetime, in_thread: InThread) -> GraphPerson:
        """Conditions (1) to (3). Raises `AccountRevoked`, `ProviderUnavailable`."""
        select = ",".join(dict.fromkeys((*ALWAYS, *self._fields)))
        found = await self._ask("GET", tenant, object_id, f"?$select={select}", in_thread)
        if found.get("id") != object_id or not isinstance(found.get("accountEnabled"), bool):
            raise ProviderUnavailable("Graph's answer is not about this account")
        if not found["accountEnabled"]:
            raise AccountRevoked("the account is disabled")
        valid_from = _moment(found.get("signInSessionsValidFromDateTime"))
        if valid_from is not None and signed_in_at < valid_from:
            raise AccountRevoked("its sign-ins were revoked since", code="idp.sessions_revoked")
        groups = await self._member_of(tenant, object_id, in_thread)
        return GraphPerson(groups=groups, fields=_texts(found, self._wanted))

    async def revoke_sessions(self, tenant: str, object_id: str, in_thread: InThread) -> None:
        """End every session and refresh token of the account, everywhere in the company.

        Raises `AccountRevoked` where there is no such account, `ProviderUnavailable`.
        See: learn.microsoft.com/graph/api/user-revokesigninsessions
        """
        await self._ask("POST", tenant, object_id, "/revokeSignInSessions", in_thread, {})

    async def members(self, tenant: str, limit: int, in_thread: InThread) -> list[GraphMember]:
        """Who is in the groups that a role hangs on, through other groups too; at most so many of each group.

        Raises `ProviderUnavailable`. See: learn.microsoft.com/graph/api/group-list-transitivemembers
        """
        found: dict[str, GraphMember] = {}
        select = ",".join(dict.fromkeys(("id", "userPrincipalName", "accountEnabled", *self._fields)))
        for group in self._groups:
            base = f"{self._base}/v1.0/groups/{quote(group, safe='')}/transitiveMembers"
            url, count = f"{base}?$select={select}&$top={MEMBERS_A_PAGE}", 0
            while url and count < limit:
                page = await self._send("GET", tenant, url, in_thread)
                entries = _users(page)
                for entry in entries:
                    member = self._member(entry, group, found.get(str(entry["id"])))
                    found[member.object_id] = member
                count += max(len(entries), 1)
                url = self._next(page.get("@odata.nextLink"), base)
        return sorted(found.values(), key=lambda member: member.username)

    def _member(self, entry: dict[str, Any], group: str, before: GraphMember | None) -> GraphMember:
        return GraphMember(
            object_id=str(entry["id"]),
            username=str(entry.get("userPrincipalName") or entry["id"]),
            enabled=entry.get("accountEnabled") is True,
            groups=frozenset({group}) | (before.groups if before else frozenset()),
            fields=_texts(entry, self._wanted),
        )

    @staticmethod
    def _next(link: object, base: str) -> str:
        """The next page, only where it is of the same collection: our credential goes nowhere else."""
        return link if isinstance(link, str) and link.startswith(f"{base}?") else ""

    async def ping(self, tenant: str, in_thread: InThread) -> None:
        """That Graph would hear us. Raises `ProviderUnavailable`."""
        await in_thread(lambda post: self._credential.token(tenant, post))

    async def close(self) -> None:
        """Give the connections back."""
        await self._transport.close()

    async def _member_of(self, tenant: str, object_id: str, in_thread: InThread) -> frozenset[str]:
        found: set[str] = set()
        for start in range(0, len(self._groups), GROUPS_A_CALL):
            asked = list(self._groups[start : start + GROUPS_A_CALL])
            answer = await self._ask("POST", tenant, object_id, "/checkMemberGroups", in_thread, {"groupIds": asked})
            values = answer.get("value")
            if not isinstance(values, list):
                raise ProviderUnavailable("Graph's answer names no groups")
            found |= {value for value in values if value in asked}
        return frozenset(found)

    async def _ask(
        self, method: str, tenant: str, object_id: str, path: str, in_thread: InThread, body: Any = None
    ) -> dict[str, Any]:
        url = f"{self._base}/v1.0/users/{quote(object_id, safe='')}{path}"
        return await self._send(method, tenant, url, in_thread, body)

    async def _send(
        self, method: str, tenant: str, url: str, in_thread: InThread, body: Any = None, *, again: bool = True
    ) -> dict[str, Any]:
        if self._monotonic() < self._not_before:
            raise ProviderUnavailable("Graph asked to be left alone")
        token = await in_thread(lambda post: self._credential.token(tenant, post))
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        answer = await self._transport.ask(method, url, headers=headers, body=body)
        if again and answer.status == 401 and (challenge := from_header(answer.headers.get("www-authenticate", ""))):
            # An application has no browser to send anywhere: a new token that bears the claims is all there is.
            self._credential.forget(tenant, challenge)
            return await self._send(method, tenant, url, in_thread, body, again=False)
        if answer.status == 204:
            return {}
        if answer.status in (200, 201):
            return parsed_object(answer.text)
        raise self._meaning(answer, tenant)

    def _meaning(self, answer: Answer, tenant: str) -> Exception:
        """(2) and (3) of what is no success."""
        code = _error_code(answer)
        if answer.status == 404 and code == GONE:
            return AccountRevoked("there is no such account")
        if answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers):
            self._not_before = self._monotonic() + _retry_after(answer)
            return ProviderUnavailable("Graph is throttling")
        if answer.status == 401:
            self._credential.forget(tenant)
        if answer.status in (401, 403):
            # Only an administrator of the directory can mend this.
            log.error("graph_refused", status=answer.status, code=code)
            return ProviderUnavailable("Graph refused the application", code="idp.client_refused")
        return ProviderUnavailable(f"Graph answered {answer.status}")


def _users(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The people of a page of members; groups and devices are members too."""
    entries = page.get("value")
    if not isinstance(entries, list):
        raise ProviderUnavailable("Graph's answer names no members")
    people = [one for one in entries if isinstance(one, dict) and one.get("@odata.type") == "#microsoft.graph.user"]
    return [one for one in people if isinstance(one.get("id"), str)]


def _error_code(answer: Answer) -> str:
    try:
        error = parsed_object(answer.text).get("error")
    except ProviderUnavailable:
        return ""
    code = error.get("code") if isinstance(error, dict) else None
    return code[:64] if isinstance(code, str) and code.isprintable() else ""


def _retry_after(answer: Answer) -> float:
    """Seconds; Graph sends no dates."""
    value = answer.headers.get("retry-after", "")
    seconds = float(value) if value.isdigit() else RETRY_SECONDS
    return min(max(seconds, 1.0), RETRY_SECONDS_AT_MOST)


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError as malformed:
        raise ProviderUnavailable("Graph's answer has no readable date") from malformed
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _texts(found: dict[str, Any], wanted: Sequence[str]) -> dict[str, str]:
    """The properties that are texts; `a.b` is `b` inside `a` (as in `onPremisesExtensionAttributes`)."""
    read = {}
    for name in wanted:
        outer, _, inner = name.partition(".")
        value = found.get(outer)
        value = value.get(inner) if inner and isinstance(value, dict) else value
        if isinstance(value, str) and value:
            read[name] = value
    return read
