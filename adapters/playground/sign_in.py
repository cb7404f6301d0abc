"""The demonstration's look-alike of "Sign in with Slack": proves whose chat account the browser speaks as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from urllib.parse import urlencode

from bot.domain.identity import ChannelIdentity
from bot.errors import Malformed, SignInRefused
from bot.ports.clock import Clock

AUTHORIZE_PATH = "/play/oauth/authorize"
CODE_SECONDS = 60
KEPT_CODES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    who: ChannelIdentity
    nonce: str
    redirect_uri: str
    until: datetime


class PlaygroundSignIn:
    """Implements `bot.ports.chat_sign_in.ChatSignIn`."""

    def __init__(self, *, origin: str, redirect_uri: str, clock: Clock) -> None:
        self._origin = origin
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._codes: dict[str, _Code] = {}

    def authorize_url(self, *, state: str, nonce: str, redirect_uri: str) -> str:
        """Where the browser goes: a page of the playground, which sends it straight back."""
        query = urlencode({"state": state, "nonce": nonce, "redirect_uri": redirect_uri})
        return f"{self._origin}{AUTHORIZE_PATH}?{query}"

    def grant(self, who: ChannelIdentity, *, state: str, nonce: str, redirect_uri: str) -> str:
        """The address to send the browser back to, with a code. Raises `Malformed` for a return address not ours."""
        if redirect_uri != self._redirect_uri:
            raise Malformed("not our return address")
        code = token_urlsafe(24)
        until = self._clock.now() + timedelta(seconds=CODE_SECONDS)
        self._codes[code] = _Code(who=who, nonce=nonce, redirect_uri=redirect_uri, until=until)
        while len(self._codes) > KEPT_CODES:
            del self._codes[next(iter(self._codes))]
        return f"{redirect_uri}?{urlencode({'code': code, 'state': state})}"

    async def redeem(self, *, code: str, nonce: str, redirect_uri: str) -> ChannelIdentity:
        """Whose code this is; it works once. Raises `SignInRefused`."""
        found = self._codes.pop(code, None)
        if found is None or self._clock.now() >= found.until:
            raise SignInRefused("the code is unknown, used or late", code="chat.code")
        if found.nonce != nonce or found.redirect_uri != redirect_uri:
            raise SignInRefused("the code was made for another sign-in", code="chat.nonce")
        return found.who
