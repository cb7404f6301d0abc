"""Composes the single sign-on of Teams: which provider of the settings proves the tokens that Teams' client brings."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.idp.oidc import OidcProvider
from adapters.idp.on_behalf_of import AssertionRules, TeamsSingleSignOn
from bot.bootstrap.refusals import sso_provider
from bot.ports.silent_sign_in import SilentProvider
from bot.settings.tree import Settings


def teams_single_sign_on(settings: Settings, providers: Mapping[str, OidcProvider]) -> SilentProvider | None:
    """None where the settings ask for none. Raises `Misconfigured`."""
    if settings.teams is None or not settings.teams.sso_resource:
        return None
    name = sso_provider(settings)
    tenants = frozenset(settings.teams.tenant_ids) & frozenset(settings.idps[name].tenant_ids)
    return TeamsSingleSignOn(
        providers[name],
        AssertionRules(
            audiences=frozenset({settings.idps[name].client_id, settings.teams.sso_resource}),
            client_ids=frozenset(settings.teams.client_ids),
            tenants=tenants,
        ),
    )
