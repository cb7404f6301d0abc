"""Live tests of what was just pasted: Slack's, Teams' and a provider's own word on it, or the exact fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from bot.texts.sentences import Voice

SECONDS = 8.0
SKEW_SECONDS = 20
"""Less than a time step of a code (RFC 6238 §5.2), and what providers bear."""
ANSWER_BYTES = 512 * 1024
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
V2 = "/v2.0"
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


def slack(
    bot_token: str, *, teams: tuple[str, ...], scopes: tuple[str, ...], api_base_url: str, reader: Voice
) -> list[Probe]:
    """`auth.test` (https://docs.slack.dev/reference/methods/auth.test): the token, its workspace and its scopes."""
    status, headers, said = _call(
        "POST", f"{api_base_url.rstrip('/')}/auth.test", headers={"authorization": f"Bearer {bot_token}"}
    )
    if status != 200 or not said.get("ok"):
        why = str(said.get("error", "")) or _nothing(status, reader)
        fix = reader.say(f"setup.slack.{why}") if why in SLACK else reader.say("setup.fix.slack_says", why=why)
        return [Probe(what="auth.test", good=False, fix=fix)]
    team = str(said.get("enterprise_id") or "") if not said.get("team_id") else str(said["team_id"])
    probes = [Probe(what="auth.test", good=True, found=f"{said.get('team', '')} ({team})")]
    ours = {team, str(said.get("enterprise_id") or "")} & set(teams)
    fix = reader.say("setup.fix.slack_workspace", team=team)
    probes.append(Probe(what=reader.say("setup.test.workspace"), good=bool(ours), fix=fix))
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    lacking = sorted(set(scopes) - granted)
    fix = reader.say("setup.fix.slack_scopes", scopes=", ".join(lacking))
    more = sorted(granted - set(scopes) - {""})
    found = reader.say("setup.found.slack_more_scopes", scopes=", ".join(more)) if more else ""
    return [*probes, Probe(what=reader.say("setup.test.scopes"), good=not lacking, fix=fix, found=found)]


def slack_socket(app_token: str, *, api_base_url: str, reader: Voice) -> Probe:
    """The app-level token, its scope, and Socket Mode itself; the address that Slack gives is not opened.

    See: https://docs.slack.dev/reference/methods/apps.connections.open
    """
    what = "apps.connections.open"
    status, _, said = _call(
        "POST", f"{api_base_url.rstrip('/')}/{what}", headers={"authorization": f"Bearer {app_token}"}
    )
    if status == 200 and said.get("ok") and said.get("url"):
        return Probe(what=what, good=True)
    why = str(said.get("error", "")) or _nothing(status, reader)
    return Probe(
        what=what,
        good=False,
        fix=reader.say(f"setup.slack_socket.{why}") if why in SOCKET else reader.say("setup.fix.slack_says", why=why),
    )


SOCKET = frozenset({"invalid_auth", "not_authed", "not_allowed_token_type", "missing_scope", "token_revoked"})
"""Errors of Socket Mode that have a fix of their own, `setup.slack_socket.<error>` of the texts."""
SLACK = frozenset({"invalid_auth", "not_authed", "token_revoked", "account_inactive", "not_allowed_token_type"})
"""Errors that have a fix of their own, `setup.slack.<error>` of the texts."""


def teams(
    app_id: str, app_password: str, *, tenant: str, token_url: str, metadata_url: str, reader: Voice
) -> list[Probe]:
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
    why = str(said.get("error", "")) or _nothing(status, reader)
    fix = reader.say(f"setup.teams.{why}") if why in TEAMS else reader.say("setup.fix.token_service_says", why=why)
    token = Probe(what=reader.say("setup.test.bot_token"), good=got, fix="" if got else fix)
    status, _, said = _call("GET", metadata_url)
    keys = str(said.get("jwks_uri", ""))
    fix = reader.say("setup.fix.signing_keys", url=metadata_url, why=_nothing(status, reader))
    return [
        token,
        Probe(what=reader.say("setup.test.signing_keys"), good=bool(keys), fix="" if keys else fix, found=keys),
    ]


TEAMS = frozenset({"invalid_client", "unauthorized_client", "invalid_request"})
"""Errors that have a fix of their own, `setup.teams.<error>` of the texts."""


def provider(
    authority: str, client_id: str, client_secret: str, *, redirect_uri: str, transport: str, reader: Voice
) -> list[Probe]:
    """Discovery (OIDC Discovery §4), and the client's credential: a code nobody gave out must fail as a bad *code*."""
    base = (transport or authority).rstrip("/")
    status, _, said = _call("GET", f"{base}/.well-known/openid-configuration")
    endpoint = str(said.get("token_endpoint", ""))
    if status != 200 or not endpoint:
        fix = reader.say("setup.fix.discovery", authority=authority, why=_nothing(status, reader))
        return [Probe(what=reader.say("setup.test.discovery"), good=False, fix=fix)]
    issuer = str(said.get("issuer", ""))
    known = issuer.rstrip("/") == authority.rstrip("/") or "{tenantid}" in issuer
    # Entra's authority is set without the version that its issuer ends in.
    theirs = issuer.removesuffix(V2) if authority.endswith(V2) else issuer
    fix = reader.say("setup.fix.issuer", issuer=theirs)
    found = [Probe(what=reader.say("setup.test.discovery"), good=known, fix="" if known else fix, found=issuer)]
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
    if why in PROVIDER:
        fix = reader.say(f"setup.provider.{why}")
    else:
        fix = reader.say("setup.fix.provider_says", why=why or _nothing(status, reader))
    return [*found, Probe(what=reader.say("setup.test.client"), good=good, fix="" if good else fix)]


def clock(authority: str, *, now: Callable[[], datetime], reader: Voice) -> Probe:
    """How far our clock is from the provider's, by the `Date` of its answer (RFC 9110 §6.6.1): tokens and codes count
    by it.
    """
    what = reader.say("setup.test.clock")
    _, headers, _ = _call("GET", f"{authority.rstrip('/')}/.well-known/openid-configuration")
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
        apart = abs((now() - theirs).total_seconds())
    except (ValueError, TypeError):
        return Probe(what=what, good=True, found=reader.say("setup.found.no_date"))
    fix = reader.say("setup.fix.clock", seconds=int(apart))
    return Probe(what=what, good=apart <= SKEW_SECONDS, fix=fix, found=f"{int(apart)} s")


PROVIDER = frozenset({"invalid_client", "unauthorized_client", "redirect_uri_mismatch"})
"""Errors that have a fix of their own, `setup.provider.<error>` of the texts."""


def _nothing(status: int, reader: Voice) -> str:
    return f"HTTP {status}" if status else reader.say("setup.found.no_answer")


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
