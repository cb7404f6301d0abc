"""Between SCIM resources and what is kept of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from scim2_models import Context, Meta, Resource, User

from adapters.signals.requests import Bearer
from adapters.signals.scim_service import MODELS, PATCHES, SERVICE, name_of
from bot.domain.identity import LinkedIdentity
from bot.domain.signal import SignalSource
from bot.ports.provisioning import Provisioned, ProvisionedKind

SUBJECT_CHARACTERS = 255
SUBJECTS = {"externalId": "external_id", "userName": "user_name"}
"""Which attribute of a user has the subject of their ID tokens; the setting's word, and the model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimClient:
    """One client of the settings: whose people it provisions, and where it puts their subject."""

    source: SignalSource
    bearers: tuple[Bearer, ...] = field(repr=False)
    subject: str = "externalId"


def created(kind: ProvisionedKind, payload: object, client: ScimClient, now: datetime) -> Provisioned:
    """What a creation request makes (RFC 7644 §3.3). Raises pydantic's ValidationError."""
    resource = MODELS[kind].model_validate(payload, scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_provider=SERVICE)
    blank = Provisioned(
        id=secrets.token_hex(16),
        client=client.source.channel,
        kind=kind,
        name="",
        external_id=None,
        identity=None,
        active=True,
        document="",
        created_at=now,
        changed_at=now,
    )
    _say_active(resource, active=True)
    return _kept(blank, resource, client, now)


def replaced(before: Provisioned, payload: object, client: ScimClient, now: datetime) -> Provisioned:
    """What a PUT makes of it (§3.5.1). Raises ValidationError, SCIMException."""
    resource = MODELS[before.kind].model_validate(
        payload, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_provider=SERVICE
    )
    with SERVICE:
        resource.replace(document(before))
    _say_active(resource, active=before.active)
    return _kept(before, resource, client, now)


def patched(before: Provisioned, payload: object, client: ScimClient, now: datetime) -> Provisioned:
    """What a PATCH makes of it (§3.5.2), all of it or nothing. Raises ValidationError, SCIMException."""
    resource = document(before)
    operations = PATCHES[before.kind].model_validate(
        payload, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_provider=SERVICE
    )
    with SERVICE:
        operations.patch(resource)
    return _kept(before, resource, client, now)


def document(kept: Provisioned) -> Resource[Any]:
    """The resource as its client wrote it."""
    with SERVICE:
        return MODELS[kept.kind].model_validate_json(kept.document)


def shown(kept: Provisioned, base: str) -> Resource[Any]:
    """The resource as it is answered, with what is ours to say."""
    resource = document(kept)
    resource.id = kept.id
    resource.meta = Meta(
        resource_type=kept.kind.value,
        created=kept.created_at,
        last_modified=kept.changed_at,
        location=place(kept, base),
    )
    return resource


def place(kept: Provisioned, base: str) -> str:
    """Where a resource is."""
    return f"{base}/{kept.kind}s/{kept.id}"


def members(kept: Provisioned) -> frozenset[str]:
    """The ids a group names."""
    listed = getattr(document(kept), "members", None) or ()
    return frozenset(member.value for member in listed if member.value)


def _say_active(resource: Resource[Any], *, active: bool) -> None:
    """Where the client left `active` out of a whole resource, it is said as it is."""
    if isinstance(resource, User) and resource.active is None:
        resource.active = active


def _kept(before: Provisioned, resource: Resource[Any], client: ScimClient, now: datetime) -> Provisioned:
    """What is kept: no password; and whether somebody is active changes only where the client says so."""
    resource.id, resource.meta = None, None
    identity, active = None, True
    if isinstance(resource, User):
        resource.password = None
        active = before.active if resource.active is None else resource.active
        identity = _identity(resource, client)
    return replace(
        before,
        name=name_of(before.kind, resource),
        external_id=resource.external_id,
        identity=identity,
        active=active,
        document=resource.model_dump_json(scim_ctx=Context.DEFAULT, scim_provider=SERVICE),
        changed_at=now,
    )


def _identity(resource: Resource[Any], client: ScimClient) -> LinkedIdentity | None:
    subject = getattr(resource, SUBJECTS[client.subject])
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS or not subject.isprintable():
        return None
    return client.source.identity(subject)
