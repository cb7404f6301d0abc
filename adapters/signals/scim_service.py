"""What our SCIM service is: its resource types, what it can do, and how tolerant it is of the large clients."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import Field, field_validator
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    EnterpriseUser,
    ETag,
    Filter,
    Group,
    ListResponse,
    Manager,
    Meta,
    Patch,
    PatchOp,
    Path,
    Reference,
    Required,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    User,
    default_comparison_key,
)

from bot.ports.provisioning import ProvisionedKind

Described = TypeVar("Described", ServiceProviderConfig, ResourceType, Schema)
PREFIX = "/scim/v2"
RESULTS_AT_MOST = 200


class NamedManager(Manager):
    """A manager by id alone: RFC 7643 §8.7.1 wants a reference beside it, and Entra ID and Okta send none."""

    ref: Annotated[Reference[Any] | None, Required.false] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )


class Employment(EnterpriseUser):
    """The enterprise extension."""

    manager: NamedManager | None = None  # type: ignore[mutable-override]  # narrower, and never assigned through the base

    @field_validator("manager", mode="before")
    @classmethod
    def alone(cls, value: object) -> object:
        """Entra ID patches the id alone."""
        return {"value": value} if isinstance(value, str) else value


ProvisionedUser = User[Employment]
MODELS: dict[ProvisionedKind, type[Resource[Any]]] = {
    ProvisionedKind.USER: ProvisionedUser,
    ProvisionedKind.GROUP: Group,
}
SEARCHES: dict[ProvisionedKind, type[SearchRequest[Any]]] = {
    ProvisionedKind.USER: SearchRequest[ProvisionedUser],
    ProvisionedKind.GROUP: SearchRequest[Group],
}
PARAMETERS: dict[ProvisionedKind, type[ResponseParameters[Any]]] = {
    ProvisionedKind.USER: ResponseParameters[ProvisionedUser],
    ProvisionedKind.GROUP: ResponseParameters[Group],
}
PATCHES: dict[ProvisionedKind, type[PatchOp[Any]]] = {
    ProvisionedKind.USER: PatchOp[ProvisionedUser],
    ProvisionedKind.GROUP: PatchOp[Group],
}
LISTS: dict[type[Resource[Any]], type[ListResponse[Any]]] = {
    ProvisionedUser: ListResponse[ProvisionedUser],
    Group: ListResponse[Group],
    ResourceType: ListResponse[ResourceType],
    Schema: ListResponse[Schema],
}
ENDPOINTS = {"users": ProvisionedKind.USER, "groups": ProvisionedKind.GROUP}
NAMES = {
    ProvisionedKind.USER: ("user_name", Path[ProvisionedUser]("userName").resolve()),
    ProvisionedKind.GROUP: ("display_name", Path[Group]("displayName").resolve()),
}

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=RESULTS_AT_MOST),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=False),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A token of this client's own, from the settings (RFC 6750)",
            primary=True,
        )
    ],
)
SERVICE = ScimProvider(
    models=[User, Employment, Group],
    resource_types=[ResourceType.from_resource(ProvisionedUser), ResourceType.from_resource(Group)],
    config=CONFIG,
    policy=ScimPolicy(
        # Entra ID and Okta send attributes of their own, and Entra removes by value and writes to entries it describes.
        unknown=ScimPolicy.Unknown.ignore,
        remove_value_as_filter=ScimPolicy.RemoveValue.apply,
        unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    ),
)


def name_of(kind: ProvisionedKind, resource: Resource[Any]) -> str:
    """The name in the form in which names are compared (RFC 7643 §4.1.1: not by case)."""
    field, _ = NAMES[kind]
    return compared(kind, str(getattr(resource, field) or ""))


def compared(kind: ProvisionedKind, name: str) -> str:
    """That form of a name."""
    return default_comparison_key(NAMES[kind][1], name)


def discovered(base: str, name: str) -> list[Resource[Any]] | None:
    """What a discovery endpoint has (RFC 7644 §4); None where there is none of this name."""
    if name == "resourcetypes":
        return [_placed(one, base, "ResourceType", f"ResourceTypes/{one.id}") for one in SERVICE.resource_types]
    if name == "schemas":
        return [_placed(one, base, "Schema", f"Schemas/{one.id}") for one in SERVICE.schemas]
    return None


def configuration(base: str) -> ServiceProviderConfig:
    """`/ServiceProviderConfig`."""
    return _placed(CONFIG, base, "ServiceProviderConfig", "ServiceProviderConfig")


def _placed(one: Described, base: str, kind: str, path: str) -> Described:
    return one.model_copy(update={"meta": Meta(resource_type=kind, location=f"{base}/{path}")})
