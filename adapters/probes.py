"""Live tests of what was just pasted: Slack's, Teams' and a provider's own word on it, or the exact fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

SECONDS = 8.0
ANSWER_BYTES = 512 * 1024
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BOT_SCOPE = "https://api.botframework.com/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one test found."""

    what: str
    good: bool
    fix: str = ""
    """What to do where it is not good; never a secret."""
    found: str = ""
    """What it found where it is."""


def slack(bot_token: str, *, teams: tuple[str, ...], scopes: tuple[str, ...], api_base_url: str) -> list[Probe]:
    """`auth.test` (https://docs.slack.dev/reference/methods/auth.test): the token, its workspace and its scopes."""
    status, headers, said = _call(
        "POST", f"{api_base_url.rstrip('/')}/auth.test", headers={"authorization": f"Bearer {bot_token}"}
    )
    if status != 200 or not said.get("ok"):
        why = str(said.get("error", "")) or _nothing(status)
        return [Probe(what="auth.test", good=False, fix=_SLACK.get(why, f"Slack says {why}"))]
    team = str(said.get("enterprise_id") or "") if not said.get("team_id") else str(said["team_id"])
    probes = [Probe(what="auth.test", good=True, found=f"{said.get('team', '')} ({team})")]
    ours = {team, str(said.get("enterprise_id") or "")} & set(teams)
    probes.append(
        Probe(what="workspace", good=bool(ours), fix=f"this token is of {team}: add it to DOORWARD_SLACK__TEAM_IDS")
    )
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    lacking = sorted(set(scopes) - granted)
    fix = f"add {', '.join(lacking)} under OAuth & Permissions › Bot Token Scopes, and install the app again"
    return [*probes, Probe(what="scopes", good=not lacking, fix=fix)]


_SLACK = {
    "invalid_auth": "copy the Bot User OAuth Token (xoxb-…) again from OAuth & Permissions",
    "not_authed": "paste the Bot User OAuth Token (xoxb-…) from OAuth & Permissions",
    "token_revoked": "the token was revoked: install the app to the workspace again and copy the new one",
    "account_inactive": "the app was removed from the workspace: install it again",
    "not_allowed_token_type": "that is no bot token: copy the one that begins with xoxb-",
}


def teams(app_id: str, app_password: str, *, tenant: str, token_url: str, metadata_url: str) -> list[Probe]:
    """The bot's own token (client credentials), and the keys that Teams signs with."""
    status, _, said = _call(
        "POST",
        token_url.replace("{tenant}", tenant),
        form={
            "grant_type": "client_credentials",
            "client_id": app_id,
            "client_secret": app_password,
            "scope": BOT_SCOPE,
        },
    )
    got = status == 200 and bool(said.get("access_token"))
    why = str(said.get("error", "")) or _nothing(status)
    token = Probe(what="bot token", good=got, fix="" if got else _TEAMS.get(why, f"the token service says {why}"))
    status, _, said = _call("GET", metadata_url)
    keys = str(said.get("jwks_uri", ""))
    fix = (
        f"{metadata_url} names no keys ({_nothing(status)}): check DOORWARD_TEAMS__OPENID_METADATA_URL and the way out"
    )
    return [token, Probe(what="signing keys", good=bool(keys), fix="" if keys else fix, found=keys)]


_TEAMS = {
    "invalid_client": "app id or client secret is wrong: Entra › App registrations › your bot › Certificates "
    "& secrets, copy the secret's value (not its id)",
    "unauthorized_client": "the app id is unknown in this tenant: check DOORWARD_TEAMS__APP_ID and the bot's tenant",
    "invalid_request": "the token service does not take the request: check DOORWARD_TEAMS__TOKEN_URL",
}


def provider(authority: str, client_id: str, client_secret: str, *, redirect_uri: str, transport: str) -> list[Probe]:
    """Discovery (OIDC Discovery §4), and the client's credential: a code nobody gave out must fail as a bad *code*."""
    base = (transport or authority).rstrip("/")
    status, _, said = _call("GET", f"{base}/.well-known/openid-configuration")
    endpoint = str(said.get("token_endpoint", ""))
    if status != 200 or not endpoint:
        fix = (
            f"{authority}/.well-known/openid-configuration gives no metadata ({_nothing(status)}): check the authority"
        )
        return [Probe(what="discovery", good=False, fix=fix)]
    issuer = str(said.get("issuer", ""))
    known = issuer.rstrip("/") == authority.rstrip("/") or "{tenantid}" in issuer
    fix = f"the provider calls itself {issuer}: use exactly that as authority"
    found = [Probe(what="discovery", good=known, fix="" if known else fix, found=issuer)]
    status, _, said = _call(
        "POST",
        endpoint,
        form={
            "grant_type": "authorization_code",
            "code": "doorward-setup",
            "redirect_uri": redirect_uri,
            "client_id": client_id,
            "client_secret": client_secret,
            "code_verifier": "doorward-setup-" * 4,
        },
    )
    why = str(said.get("error", ""))
    good = why == "invalid_grant"
    return [*found, Probe(what="client", good=good, fix="" if good else _PROVIDER.get(why, _other(why, status)))]


_PROVIDER = {
    "invalid_client": "client id or secret is wrong: copy both again from the provider's application",
    "unauthorized_client": "this client may not use the authorization code flow: make it a web application there",
    "redirect_uri_mismatch": "register the redirect URI above at the provider",
}


def _other(why: str, status: int) -> str:
    return f"the provider answers {why or _nothing(status)} where `invalid_grant` was to come"


def _nothing(status: int) -> str:
    return f"HTTP {status}" if status else "no answer"


def _call(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    """One bounded exchange without redirects or proxies: status 0 where nothing came."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        return 0, {}, {"error": "the address is not https"}
    try:
        with httpx2.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
            answer = client.request(method, url, headers=dict(headers or {}), data=dict(form) if form else None)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return 0, {}, {}
    if len(answer.content) > ANSWER_BYTES:
        return answer.status_code, answer.headers, {}
    try:
        said = answer.json()
    except ValueError:
        said = {}
    return answer.status_code, answer.headers, said if isinstance(said, dict) else {}
