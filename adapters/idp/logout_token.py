"""The proof that a logout token is the provider's, for us, and of now (OpenID Connect Back-Channel Logout 1.0 §2.6).

What must hold:

1. it is a compact JWS of bounded size typed `logout+jwt`, its algorithm one of those configured, and its signature
   good under the provider's key (as for an ID token);
2. the issuer is exactly the provider's, the tenant one of those configured, and the audience us;
3. it was issued lately, it says when it ends, and it has not;
4. it names a subject, a session, or both;
5. its events have the logout event in them, with an object;
6. it has no nonce, so that no ID token passes for it, nor it for one;
7. it has an id; that this counts once is the database's part.
"""

from __future__ import annotations

from datetime import datetime

from adapters.idp.id_token import Claims, Expectation, check_issuer, check_times, moment
from bot.domain.identity import Issuer, Subject
from bot.domain.signal import LogoutToken
from bot.errors import SignInRefused

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPES = frozenset({"logout+jwt", "application/logout+jwt"})
CHARACTERS = 255


def read_logout(claims: Claims, provider: str, expected: Expectation, now: datetime) -> LogoutToken:
    """(2) to (7) of claims whose signature was checked; raises SignInRefused with the code of the first that fails."""
    check_issuer(claims, expected)
    audience = claims.get("aud")
    if expected.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise SignInRefused("the token is for somebody else", code="idp.wrong_audience")
    check_times(claims, now)
    subject, session = _text(claims, "sub"), _text(claims, "sid")
    if subject is None and session is None:
        raise SignInRefused("the logout token names nobody", code="idp.no_subject")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise SignInRefused("the token is not a logout token", code="idp.no_logout_event")
    if "nonce" in claims:
        raise SignInRefused("a logout token has no nonce", code="idp.nonce")
    identifier, expires_at = _text(claims, "jti"), moment(claims, "exp")
    if identifier is None or expires_at is None:
        raise SignInRefused("the logout token has no id", code="idp.bad_token")
    return LogoutToken(
        provider=provider,
        issuer=Issuer(str(claims["iss"])),
        subject=None if subject is None else Subject(subject),
        session=session,
        id=identifier,
        expires_at=expires_at,
    )


def _text(claims: Claims, name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= CHARACTERS or not value.isprintable():
        raise SignInRefused(f"{name} cannot be read", code="idp.bad_token")
    return value
