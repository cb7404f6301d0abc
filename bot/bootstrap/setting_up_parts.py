"""The parts of `doorward setup`: what is asked, what has to be copied, and the live test of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from adapters import probes
from adapters.probes import Probe
from bot.bootstrap.setting_up import Asked, Part
from bot.bootstrap.setting_up_hr import HR
from bot.bootstrap.shell_settings import MANIFEST
from bot.settings.directories import IdpKind
from bot.settings.tree import Settings
from bot.texts.sentences import Voice

PROVIDER = "company"
"""The name of a provider that is set up here, where none is yet."""


def parts(settings: Settings) -> tuple[Part, ...]:
    """Every part, in the order in which they are set up."""
    name = next(iter(settings.idps), PROVIDER)
    return (PUBLIC, _provider_part(name), SLACK, TEAMS, HR)


def _address(settings: Settings) -> str:
    return settings.public_url.rstrip("/") or "https://YOUR-ADDRESS"


def _manifest_scopes() -> tuple[str, ...]:
    return tuple(json.loads(MANIFEST.read_text(encoding="utf-8"))["oauth_config"]["scopes"]["bot"])


def _public_copies(_settings: Settings, reader: Voice) -> Iterator[str]:
    yield reader.say("setup.copy.address")


def _public_tests(settings: Settings, reader: Voice, _once: Mapping[str, str]) -> list[Probe]:
    good = settings.public_url.startswith("https://") or settings.public_url.startswith("http://localhost")
    fix = "" if good else reader.say("setup.fix.address")
    return [Probe(what=reader.say("setup.test.address"), good=good, fix=fix, found=settings.public_url)]


def _slack_copies(settings: Settings, reader: Voice) -> Iterator[str]:
    address = _address(settings)
    yield reader.say("setup.copy.slack_create", url="https://api.slack.com/apps")
    yield reader.say("setup.copy.slack_events", url=f"{address}/slack/events")
    yield reader.say("setup.copy.slack_redirect", url=f"{address}/signin/slack/callback")
    yield reader.say("setup.copy.slack_scopes", scopes=", ".join(_manifest_scopes()))
    yield reader.say("setup.copy.slack_consent")


def _slack_tests(settings: Settings, reader: Voice, _once: Mapping[str, str]) -> list[Probe]:
    given = settings.slack
    if given is None:
        return [_nothing_set(reader)]
    token = given.bot_token.get_secret_value()
    found = probes.slack(
        token, teams=given.team_ids, scopes=_manifest_scopes(), api_base_url=given.api_base_url, reader=reader
    )
    good = bool(given.signing_secret)
    fix = "" if good else reader.say("setup.fix.signing_secret")
    return [*found, Probe(what=reader.say("setup.test.signing_secret"), good=good, fix=fix)]


def _teams_copies(settings: Settings, reader: Voice) -> Iterator[str]:
    yield reader.say("setup.copy.teams_create", url="https://portal.azure.com")
    yield reader.say("setup.copy.teams_endpoint", url=f"{_address(settings)}/api/messages")
    yield reader.say("setup.copy.teams_secret")
    yield reader.say("setup.copy.teams_consent", url="https://admin.teams.microsoft.com")


def _teams_tests(settings: Settings, reader: Voice, _once: Mapping[str, str]) -> list[Probe]:
    given = settings.teams
    if given is None:
        return [_nothing_set(reader)]
    tenant = given.tenant_ids[0] if given.tenant_ids else "botframework.com"
    return probes.teams(
        given.app_id,
        given.app_password.get_secret_value(),
        tenant=tenant,
        token_url=given.token_url or f"{given.login_url}/{tenant}/oauth2/v2.0/token",
        metadata_url=given.openid_metadata_url,
        reader=reader,
    )


def _provider_part(name: str) -> Part:
    place = ("idps", name)

    def copies(settings: Settings, reader: Voice) -> Iterator[str]:
        yield reader.say("setup.copy.provider_register")
        yield reader.say("setup.copy.provider_redirect", url=f"{_address(settings)}/signin/callback/{name}")
        yield reader.say("setup.copy.provider_logout", url=f"{_address(settings)}/oidc/backchannel-logout")
        yield reader.say("setup.copy.provider_scopes", scopes="openid profile email offline_access")

    def tests(settings: Settings, reader: Voice, _once: Mapping[str, str]) -> list[Probe]:
        given = settings.idps.get(name)
        if given is None:
            return [_nothing_set(reader)]
        return probes.provider(
            given.authority,
            given.client_id,
            given.client_secret.get_secret_value(),
            redirect_uri=f"{_address(settings)}/signin/callback/{name}",
            transport=given.transport_url,
            reader=reader,
        )

    asked = (
        Asked(setting=(*place, "kind"), what="provider_kind", choices=tuple(kind.value for kind in IdpKind)),
        Asked(setting=(*place, "authority"), what="provider_authority"),
        Asked(setting=(*place, "client_id"), what="provider_client_id"),
        Asked(setting=(*place, "client_secret"), what="provider_client_secret", secret=True),
        Asked(
            setting=(*place, "tenant_ids"),
            what="provider_tenant_ids",
            many=True,
            when=((*place, "kind"), IdpKind.ENTRA.value),
        ),
    )
    return Part(name="provider", asked=asked, copy=copies, test=tests)


def _nothing_set(reader: Voice) -> Probe:
    return Probe(what=reader.say("setup.test.settings"), good=False, fix=reader.say("setup.fix.nothing_set"))


PUBLIC = Part(
    name="address",
    asked=(Asked(setting=("public_url",), what="public_url"),),
    copy=_public_copies,
    test=_public_tests,
)
SLACK = Part(
    name="slack",
    asked=(
        Asked(setting=("slack", "app_id"), what="slack_app_id"),
        Asked(setting=("slack", "signing_secret"), what="slack_signing_secret", secret=True),
        Asked(setting=("slack", "client_id"), what="slack_client_id"),
        Asked(setting=("slack", "client_secret"), what="slack_client_secret", secret=True),
        Asked(setting=("slack", "bot_token"), what="slack_bot_token", secret=True),
        Asked(setting=("slack", "team_ids"), what="slack_team_ids", many=True),
    ),
    copy=_slack_copies,
    test=_slack_tests,
)
TEAMS = Part(
    name="teams",
    asked=(
        Asked(setting=("teams", "app_id"), what="teams_app_id"),
        Asked(setting=("teams", "app_password"), what="teams_app_password", secret=True),
        Asked(setting=("teams", "tenant_ids"), what="teams_tenant_ids", many=True),
    ),
    copy=_teams_copies,
    test=_teams_tests,
)
