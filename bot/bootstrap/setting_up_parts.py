"""The parts of `doorward setup`: what is asked, what has to be copied, and the live test of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from adapters import probes
from adapters.probes import Probe
from adapters.teams.config import TOKEN_URL
from bot.bootstrap.setting_up import Asked, Part, nothing_set, public_address
from bot.bootstrap.setting_up_slack import SLACK
from bot.bootstrap.setting_up_systems import crm_part, hr_part
from bot.settings.directories import Idp, IdpKind
from bot.settings.tree import Settings
from bot.texts.sentences import Voice

PROVIDER = "company"
"""The name of a provider that is set up here, where none is yet."""
LOCAL = ("http", "localhost")
"""Plain http only where nobody is on the way."""


def parts(settings: Settings) -> tuple[Part, ...]:
    """Every part, in the order in which they are set up."""
    name = next(iter(settings.idps), PROVIDER)
    return (PUBLIC, _provider_part(name), SLACK, TEAMS, HR, CRM)


def is_used(part: Part, settings: Settings) -> bool:
    """Whether anything of it is set, or nobody goes without it."""
    return not part.optional or part.name in settings.model_fields_set


def _public_copies(_settings: Settings, reader: Voice, _answers: Mapping[str, str]) -> Iterator[str]:
    yield reader.say("setup.copy.address")


def _public_tests(settings: Settings, reader: Voice, _answers: Mapping[str, str]) -> list[Probe]:
    try:
        parts = urlsplit(settings.public_url)
    except ValueError:
        parts = urlsplit("")
    reached = bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme, parts.hostname) == LOCAL)
    # Everything else is made by appending to it.
    good = reached and parts.path in ("", "/") and not parts.query and not parts.fragment
    fix = "" if good else reader.say("setup.fix.address")
    return [Probe(what=reader.say("setup.test.address"), good=good, fix=fix, found=settings.public_url)]


def _teams_copies(settings: Settings, reader: Voice, _answers: Mapping[str, str]) -> Iterator[str]:
    yield reader.say("setup.copy.teams_create", url="https://portal.azure.com")
    yield reader.say("setup.copy.teams_endpoint", url=f"{public_address(settings)}/api/messages")
    yield reader.say("setup.copy.teams_secret")
    yield reader.say("setup.copy.teams_consent", url="https://admin.teams.microsoft.com")


def _teams_follows(settings: Settings) -> dict[tuple[str, ...], object]:
    """Bots are made for a single tenant now, and one gets its token there and nowhere else.

    See: https://learn.microsoft.com/azure/bot-service/bot-service-quickstart-registration
    """
    given = settings.teams
    if given is None or given.token_url or len(given.tenant_ids) != 1:
        return {}
    return {("teams", "token_url"): f"{given.login_url.rstrip('/')}/{given.tenant_ids[0]}/oauth2/v2.0/token"}


def _teams_tests(settings: Settings, reader: Voice, _answers: Mapping[str, str]) -> list[Probe]:
    given = settings.teams
    if given is None:
        return [nothing_set(reader)]
    tenant = given.tenant_ids[0] if given.tenant_ids else "botframework.com"
    return probes.teams(
        given.app_id,
        given.app_password.get_secret_value(),
        tenant=tenant,
        token_url=given.token_url or TOKEN_URL,
        metadata_url=given.openid_metadata_url,
        reader=reader,
    )


def provider_probes(settings: Settings, name: str, given: Idp, reader: Voice) -> list[Probe]:
    """Discovery and the client's credential; of one that signs with a certificate only the discovery, since an
    assertion is only proven by a sign-in.
    """
    authority, transport = provider_addresses(given)
    secret = given.client_secret.get_secret_value()
    found = probes.provider(
        authority,
        given.client_id,
        secret,
        redirect_uri=f"{public_address(settings)}/signin/callback/{name}",
        transport=transport,
        reader=reader,
    )
    return found if secret else found[:1]


def provider_addresses(given: Idp) -> tuple[str, str]:
    """Its authority, and where that is reached instead: Entra's tokens of version 2 have an issuer of their own.

    See: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
    """
    suffix = probes.V2 if given.kind is IdpKind.ENTRA else ""
    authority, transport = (
        f"{url.rstrip('/')}{suffix}" if url else "" for url in (given.authority, given.transport_url)
    )
    return authority, transport


def _provider_part(name: str) -> Part:
    place = ("idps", name)

    def copies(settings: Settings, reader: Voice, _answers: Mapping[str, str]) -> Iterator[str]:
        yield reader.say("setup.copy.provider_register")
        yield reader.say("setup.copy.provider_redirect", url=f"{public_address(settings)}/signin/callback/{name}")
        yield reader.say("setup.copy.provider_logout", url=f"{public_address(settings)}/oidc/backchannel-logout")
        yield reader.say("setup.copy.provider_scopes", scopes="openid profile email offline_access")

    def tests(settings: Settings, reader: Voice, _answers: Mapping[str, str]) -> list[Probe]:
        given = settings.idps.get(name)
        if given is None:
            return [nothing_set(reader)]
        return provider_probes(settings, name, given, reader)

    asked = (
        Asked(setting=(*place, "kind"), what="provider_kind", choices=tuple(kind.value for kind in IdpKind)),
        Asked(setting=(*place, "authority"), what="provider_authority"),
        Asked(setting=(*place, "client_id"), what="provider_client_id"),
        Asked(setting=(*place, "client_secret"), what="provider_client_secret", secret=True),
        Asked(
            setting=(*place, "tenant_ids"),
            what="provider_tenant_ids",
            many=True,
            when=("provider_kind", IdpKind.ENTRA.value),
        ),
    )
    return Part(name="provider", asked=asked, copy=copies, test=tests)


PUBLIC = Part(
    name="address",
    asked=(Asked(setting=("public_url",), what="public_url"),),
    copy=_public_copies,
    test=_public_tests,
)
TEAMS = Part(
    name="teams",
    optional=True,
    asked=(
        Asked(setting=("teams", "app_id"), what="teams_app_id"),
        Asked(setting=("teams", "app_password"), what="teams_app_password", secret=True),
        Asked(setting=("teams", "tenant_ids"), what="teams_tenant_ids", many=True),
        Asked(setting=("teams", "sso_resource"), what="teams_sso_resource", optional=True, begins=("api://",)),
    ),
    copy=_teams_copies,
    test=_teams_tests,
    follows=_teams_follows,
)
HR, CRM = hr_part(), crm_part()
