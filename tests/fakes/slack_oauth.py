"""Installing an app as Slack serves it: codes once, tokens that end, refresh tokens that are taken once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.slack_limits import Json, Refused
from tests.fakes.slack_openid import CLIENT_ID, CLIENT_SECRET

APP = "A0DOORWARD"
CODE_SECONDS = 600
TOKEN_SECONDS = 43_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """What somebody agreed to in the browser."""

    team: str
    enterprise: str = ""
    whole: bool = False
    app: str = APP
    redirect_uri: str = ""
    at: datetime


@dataclass
class SlackOAuthSide:
    """`oauth.v2.access` and the tokens it has given."""

    now: Callable[[], datetime]
    rotating: bool = False
    codes: dict[str, Install] = field(default_factory=dict)
    renewals: dict[str, Install] = field(default_factory=dict)
    tokens: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)
    """Good tokens, the workspace each is of, and when it ends."""
    refreshed: int = 0
    reused: int = 0
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def agree(self, team: str, redirect_uri: str, *, enterprise: str = "", whole: bool = False, app: str = APP) -> str:
        """Somebody presses Allow; the code that the browser brings back."""
        code = f"code-{next(self._numbers)}"
        self.codes[code] = Install(
            team=team, enterprise=enterprise, whole=whole, app=app, redirect_uri=redirect_uri, at=self.now()
        )
        return code

    def team_of(self, token: str) -> str | None:
        """Whose token this is, while it is good."""
        found = self.tokens.get(token)
        if found is None or (found[1] is not None and found[1] <= self.now()):
            return None
        return found[0]

    def access(self, arguments: Json) -> Json:
        """Redeem a code or a refresh token."""
        if (arguments.get("client_id"), arguments.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise Refused("bad_client_secret")
        if arguments.get("grant_type") == "refresh_token":
            return self._renew(str(arguments.get("refresh_token")))
        install = self.codes.pop(str(arguments.get("code")), None)
        late = install is None or self.now() - install.at > timedelta(seconds=CODE_SECONDS)
        if install is None or late:
            raise Refused("invalid_code")
        if arguments.get("redirect_uri") != install.redirect_uri:
            raise Refused("bad_redirect_uri")
        return self._answer(install)

    def _renew(self, token: str) -> Json:
        install = self.renewals.pop(token, None)
        if install is None:
            self.reused += 1
            raise Refused("invalid_refresh_token")
        self.refreshed += 1
        return self._answer(install)

    def revoke(self, token: str) -> None:
        """`auth.revoke`."""
        self.tokens.pop(token, None)

    def _answer(self, install: Install) -> Json:
        number = next(self._numbers)
        token = f"xoxe.xoxb-{number}" if self.rotating else f"xoxb-{number}"
        until = self.now() + timedelta(seconds=TOKEN_SECONDS) if self.rotating else None
        self.tokens[token] = (install.team or install.enterprise, until)
        answer: Json = {
            "access_token": token,
            "token_type": "bot",
            "app_id": install.app,
            "bot_user_id": "U0DOORWARD",
            "team": None if install.whole else {"id": install.team, "name": install.team.lower()},
            "enterprise": {"id": install.enterprise, "name": "group"} if install.enterprise else None,
            "is_enterprise_install": install.whole,
            "authed_user": {"id": "U0INSTALLER"},
        }
        if self.rotating:
            renewal = f"xoxe-1-{number}"
            self.renewals[renewal] = install
            answer |= {"refresh_token": renewal, "expires_in": TOKEN_SECONDS}
        return answer
