"""`/scim/v2`: users and groups as a directory provisions them (RFC 7643, RFC 7644)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import structlog
from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    InvalidSyntaxException,
    ListResponse,
    NotFoundException,
    PayloadTooLargeException,
    Resource,
    ResponseParameters,
    SCIMException,
    ScimFilter,
    SearchRequest,
    TooManyException,
    UnauthorizedException,
    UniquenessException,
)
from scim2_models import NotImplementedException as NotOffered
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.signals.requests import Rejected, content_type, read_body, sender_of
from adapters.signals.scim_documents import (
    ScimClient,
    created,
    members,
    patched,
    place,
    replaced,
    shown,
)
from adapters.signals.scim_service import (
    ENDPOINTS,
    LISTS,
    MODELS,
    PARAMETERS,
    PREFIX,
    RESULTS_AT_MOST,
    SEARCHES,
    SERVICE,
    compared,
    configuration,
    discovered,
)
from bot.errors import DoorwardError, Malformed, NotProven, Refusal, Stale, TooLarge
from bot.ports.clock import Clock
from bot.ports.provisioning import Provisioned, ProvisionedKind
from bot.services.provisioning import Page, Provisioning

MEDIA_TYPE = "application/scim+json"
BODY_BYTES = 512 * 1024
SCANNED_AT_MOST = 2000
"""How many resources a filter that no index answers may look at."""
ATTEMPTS = 3
_BY_INDEX = re.compile(r'\s*(userName|displayName|externalId)\s+eq\s+"([^"\\]*)"\s*', re.IGNORECASE)

Change = Callable[[Provisioned, object, ScimClient, datetime], Provisioned]
log = structlog.get_logger("doorward.scim")


class Scim:
    """An ASGI application, so that every answer under the prefix is SCIM's own."""

    def __init__(
        self,
        *,
        clients: Sequence[ScimClient],
        provisioning: Provisioning,
        clock: Clock,
        public_url: str,
        rejected: Rejected,
    ) -> None:
        self._clients = clients
        self._provisioning = provisioning
        self._clock = clock
        self._base = f"{public_url}{PREFIX}"
        self._rejected = rejected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._guarded(Request(scope, receive))
        await response(scope, receive, send)

    async def _guarded(self, request: Request) -> Response:
        """A refusal of any kind in SCIM's form (§3.12), without quoting what was sent anywhere else."""
        try:
            return await self._dispatch(request)
        except NotProven as refused:
            await self._rejected("scim", refused.code)
            answer = _error(UnauthorizedException(detail="The credential is not one of ours").to_error())
            answer.headers["WWW-Authenticate"] = 'Bearer realm="scim"'
            return answer
        except Refusal as refused:
            await self._rejected("scim", refused.code)
            large = isinstance(refused, TooLarge)
            fault = PayloadTooLargeException() if large else InvalidSyntaxException(detail=refused.detail)
            return _error(fault.to_error())
        except SCIMException as fault:
            return _error(fault.to_error())
        except ValidationError as invalid:
            return _error(Error.from_validation_errors(invalid)[0])
        except Stale:
            return _error(Error(status=409, detail="The resource is being changed by somebody else: try again"))
        except DoorwardError as fault:
            log.warning("scim_request_failed", code=fault.code)
            return _error(Error(status=503, detail="Nothing was done: try again"))

    async def _dispatch(self, request: Request) -> Response:
        client = sender_of(request, self._clients, self._clock.now())
        parts = request.scope["path"].removeprefix(PREFIX).strip("/").split("/")
        name, rest = parts[0].lower(), parts[1:]
        kind = ENDPOINTS.get(name)
        if kind is None or len(rest) > 1:
            return self._described(request, name, rest)
        if not rest:
            return await self._collection(request, client, kind)
        if rest == [".search"]:
            _only(request, "POST")
            return await self._search(client, kind, SEARCHES[kind].model_validate(await _json(request)))
        return await self._one(request, client, kind, rest[0])

    def _described(self, request: Request, name: str, rest: list[str]) -> Response:
        """The discovery endpoints (§4), which take no filter."""
        if name == ".search" and not rest:
            raise NotOffered(detail="Search users or groups, one at a time")
        described = discovered(self._base, name)
        if name != "serviceproviderconfig" and (described is None or len(rest) > 1):
            raise NotFoundException
        _only(request, "GET")
        if described is None:
            return _answer(configuration(self._base), Context.RESOURCE_QUERY_RESPONSE)
        if "filter" in request.query_params:
            return _error(Error(status=403, detail="Discovery takes no filter"))
        if not rest:
            return _listed(type(described[0]), described, len(described), 1, None)
        found = [one for one in described if str(one.id).lower() == rest[0].lower()]
        if not found:
            raise NotFoundException
        return _answer(found[0], Context.RESOURCE_QUERY_RESPONSE)

    async def _collection(self, request: Request, client: ScimClient, kind: ProvisionedKind) -> Response:
        _only(request, "GET", "POST")
        if request.method == "GET":
            return await self._search(client, kind, SEARCHES[kind].model_validate(_query(request)))
        resource = created(kind, await _json(request), client, self._clock.now())
        if not await self._provisioning.create(client.source, resource, _correlation()):
            raise UniquenessException(detail="A user of this name is there")
        answer = _answer(
            shown(resource, self._base),
            Context.RESOURCE_CREATION_RESPONSE,
            _parameters(request, kind),
            HTTPStatus.CREATED,
        )
        answer.headers["Location"] = place(resource, self._base)
        return answer

    async def _search(self, client: ScimClient, kind: ProvisionedKind, asked: SearchRequest[Any]) -> Response:
        """A page (§3.4.2): from an index, or by looking at a bounded number."""
        limit = RESULTS_AT_MOST if asked.count is None else min(asked.count, RESULTS_AT_MOST)
        start = asked.start_index_0 or 0
        if asked.filter is None:
            page = await self._provisioning.page(client.source, kind, offset=start, limit=limit)
        else:
            found = await self._matching(client, kind, asked.filter)
            page = Page(resources=found[start : start + limit], total=len(found))
        resources = [shown(kept, self._base) for kept in page.resources]
        return _listed(MODELS[kind], resources, page.total, start + 1, asked)

    async def _matching(self, client: ScimClient, kind: ProvisionedKind, wanted: ScimFilter[Any]) -> list[Provisioned]:
        candidates: Sequence[Provisioned]
        by_index = _BY_INDEX.fullmatch(str(wanted))
        if by_index is not None and by_index[1].lower() == "externalid":
            candidates = await self._provisioning.external(client.source, kind, by_index[2])
        elif by_index is not None and (by_index[1].lower() == "username") == (kind is ProvisionedKind.USER):
            candidates = await self._provisioning.named(client.source, kind, compared(kind, by_index[2]))
        else:
            page = await self._provisioning.page(client.source, kind, offset=0, limit=SCANNED_AT_MOST)
            if page.total > len(page.resources):
                raise TooManyException(detail="Filter by userName, displayName or externalId with eq")
            candidates = page.resources
        with SERVICE:
            return [kept for kept in candidates if wanted.match(shown(kept, self._base))]

    async def _one(self, request: Request, client: ScimClient, kind: ProvisionedKind, resource_id: str) -> Response:
        _only(request, "GET", "PUT", "PATCH", "DELETE")
        if request.method == "GET":
            kept = await self._found(client, kind, resource_id)
            return _answer(shown(kept, self._base), Context.RESOURCE_QUERY_RESPONSE, _parameters(request, kind))
        if request.method == "DELETE":
            kept = await self._found(client, kind, resource_id)
            await self._provisioning.delete(client.source, kept, _correlation())
            return Response(status_code=HTTPStatus.NO_CONTENT)
        change = replaced if request.method == "PUT" else patched
        after = await self._changed(client, kind, resource_id, change, await _json(request))
        context = Context.RESOURCE_REPLACEMENT_RESPONSE if request.method == "PUT" else Context.RESOURCE_PATCH_RESPONSE
        return _answer(shown(after, self._base), context, _parameters(request, kind))

    async def _changed(
        self, client: ScimClient, kind: ProvisionedKind, resource_id: str, change: Change, payload: object
    ) -> Provisioned:
        """Compare-and-swap, again on what is there then. Raises `Stale` when others are always faster."""
        for attempt in range(ATTEMPTS):
            before = await self._found(client, kind, resource_id)
            after = change(before, payload, client, self._clock.now())
            touched = sorted(members(before) ^ members(after)) if kind is ProvisionedKind.GROUP else ()
            try:
                if not await self._provisioning.replace(client.source, before, after, _correlation(), touched):
                    raise UniquenessException(detail="A user of this name is there")
            except Stale:
                if attempt == ATTEMPTS - 1:
                    raise
                continue
            return after
        raise Stale("unreachable: the last attempt returns or raises")

    async def _found(self, client: ScimClient, kind: ProvisionedKind, resource_id: str) -> Provisioned:
        kept = await self._provisioning.find(client.source, kind, resource_id)
        if kept is None:
            raise NotFoundException
        return kept


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise _MethodNotAllowed


class _MethodNotAllowed(SCIMException):
    """§3.12 has no keyword for it."""

    status = 405
    _default_detail = "This endpoint does not take this method"


async def _json(request: Request) -> object:
    if content_type(request) not in (MEDIA_TYPE, "application/json"):
        raise Malformed(f"the body is not {MEDIA_TYPE}")
    try:
        return json.loads(await read_body(request, BODY_BYTES))
    except (ValueError, RecursionError) as malformed:
        raise Malformed("the body is not JSON") from malformed


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params)


def _parameters(request: Request, kind: ProvisionedKind) -> ResponseParameters[Any]:
    given = {name: value for name, value in _query(request).items() if name in ("attributes", "excludedAttributes")}
    return PARAMETERS[kind].model_validate(given)


def _listed(
    model: type[Resource[Any]],
    resources: Sequence[Resource[Any]],
    total: int,
    start: int,
    asked: ResponseParameters[Any] | None,
) -> Response:
    listed = LISTS[model](
        total_results=total, start_index=start, items_per_page=len(resources), resources=list(resources)
    )
    return _answer(listed, Context.RESOURCE_QUERY_RESPONSE, asked)


def _answer(
    message: Resource[Any] | ListResponse[Any],
    context: Context,
    parameters: ResponseParameters[Any] | None = None,
    status: int = HTTPStatus.OK,
) -> Response:
    body = message.model_dump_json(scim_ctx=context, response_parameters=parameters, scim_provider=SERVICE)
    return Response(body, status, media_type=MEDIA_TYPE)


def _error(error: Error) -> Response:
    return Response(error.model_dump_json(), error.status or 500, media_type=MEDIA_TYPE)


def _correlation() -> str:
    return secrets.token_hex(8)
