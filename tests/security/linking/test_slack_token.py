"""Every condition of `adapters.slack.sign_in`: what Slack's token has to be, and whose, before it counts."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc.jwk import OctKey

from adapters.slack.people import People
from adapters.slack.platform import OneToken, SlackPlatform
from adapters.slack.sign_in import SlackSignIn
from adapters.slack.web_api import WebApi
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.secret import Secret
from bot.errors import ProviderUnavailable, SignInRefused
from tests.fakes.clock import FixedClock
from tests.fakes.slack_limits import Json
from tests.fakes.slack_openid import CLIENT_ID, CLIENT_SECRET, Manners, a_key
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import BOT_TOKEN, TEAM

ATTACKER, VICTIM = "U1JOHN", "U1MIA"
CALLBACK = "https://doorward.example/signin/slack/callback"
NONCE = "the-nonce-of-this-leg"
ORGANISATION = "E1COMPANY"


@dataclass
class Leg:
    """Sign in with Slack alone, against the fake Slack."""

    slack: FakeSlack
    platform: SlackPlatform
    clock: FixedClock

    @property
    def manners(self) -> Manners:
        """How Slack makes its tokens."""
        return self.slack.openid.manners

    async def walk(self, account: str = VICTIM, *, allowed: str = TEAM, **changes: str) -> ChannelIdentity:
        """Redeem a code that Slack gave this account's browser; `changes` go to our side of it."""
        asked = {"redirect_uri": CALLBACK, "nonce": NONCE, "state": "s"}
        code = self.slack.openid.grant(account, asked).partition("code=")[2].partition("&")[0]
        ours = {"client_secret": CLIENT_SECRET, "nonce": NONCE, "redirect_uri": CALLBACK, "code": code} | changes
        sign_in = SlackSignIn(
            client_id=CLIENT_ID,
            client_secret=Secret(ours["client_secret"]),
            member=People(self.platform, frozenset({allowed}), self.clock).member,
            clock=self.clock,
            origin=self.slack.base_url,
        )
        return await sign_in.redeem(code=ours["code"], nonce=ours["nonce"], redirect_uri=ours["redirect_uri"])

    async def refusal(self, account: str = VICTIM, *, allowed: str = TEAM, **changes: str) -> str:
        """The code of the refusal that this ends in."""
        with pytest.raises(SignInRefused) as refused:
            await self.walk(account, allowed=allowed, **changes)
        return refused.value.code


@pytest.fixture
async def leg(clock: FixedClock) -> AsyncIterator[Leg]:
    async with FakeSlack(now=clock).running() as slack:
        platform = SlackPlatform(OneToken(Secret(BOT_TOKEN)), WebApi(slack.api_base_url))
        slack.join(ATTACKER)
        slack.join(VICTIM)
        yield Leg(slack, platform, clock)
        await platform.close()


async def test_an_honest_token_names_the_account(leg: Leg) -> None:
    assert await leg.walk() == ChannelIdentity(platform=Platform.SLACK, tenant=TEAM, account=VICTIM)


# The code


@pytest.mark.requirement("18", "20")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_secret": "another"}, "chat.code"),
        ({"redirect_uri": f"{CALLBACK}/"}, "chat.code"),
        ({"code": "made-up"}, "chat.code"),
        ({"nonce": "another"}, "chat.nonce"),
        ({"nonce": ""}, "chat.nonce"),
    ],
    ids=str,
)
async def test_a_code_has_to_be_slacks_for_this_leg_and_address(leg: Leg, changes: dict[str, str], code: str) -> None:
    assert await leg.refusal(**changes) == code


@pytest.mark.requirement("18")
async def test_a_token_beside_a_refusal_does_not_count(leg: Leg) -> None:
    body = {"ok": False, "error": "invalid_code", "id_token": leg.slack.openid.id_token(VICTIM, NONCE)}
    leg.slack.fail_next("openid.connect.token", 200, body)
    assert await leg.refusal() == "chat.code"


@pytest.mark.requirement("18")
async def test_a_leg_without_a_nonce_is_none(leg: Leg) -> None:
    leg.manners.claims = lambda claims: claims | {"nonce": ""}
    assert await leg.refusal(nonce="") == "chat.nonce"


# The claims


def _without(name: str) -> Callable[[Json], Json]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def _but(**changes: Any) -> Callable[[Json], Json]:
    return lambda claims: claims | changes


LIES: dict[str, tuple[Callable[[Json], Json], str]] = {
    "for another app": (_but(aud="999.999"), "chat.issuer"),
    "for two apps": (_but(aud=[CLIENT_ID, "999.999"]), "chat.issuer"),
    "for nobody": (_without("aud"), "chat.issuer"),
    "of another issuer": (_but(iss="https://slack.com.evil.example"), "chat.issuer"),
    "of an issuer nearly right": (_but(iss="https://slack.com/"), "chat.issuer"),
    "of no issuer": (_without("iss"), "chat.issuer"),
    "for another leg": (_but(nonce="another"), "chat.nonce"),
    "for any leg": (_without("nonce"), "chat.nonce"),
    "expired": (lambda claims: claims | {"exp": claims["iat"] - 61, "iat": claims["iat"] - 400}, "chat.expired"),
    "without an end": (_without("exp"), "chat.expired"),
    "with an end that is text": (_but(exp="4102444800"), "chat.expired"),
    "of the future": (lambda claims: claims | {"iat": claims["iat"] + 120}, "chat.expired"),
    "of no time": (_without("iat"), "chat.expired"),
    "of nobody": (_without("https://slack.com/user_id"), "chat.claims"),
    "of two people": (_but(sub=ATTACKER), "chat.claims"),
    "of a list of people": (_but(**{"https://slack.com/user_id": [VICTIM], "sub": [VICTIM]}), "chat.claims"),
}


@pytest.mark.requirement("22")
@pytest.mark.parametrize(("lie", "code"), LIES.values(), ids=LIES.keys())
async def test_a_token_with_a_wrong_claim_is_refused(leg: Leg, lie: Callable[[Json], Json], code: str) -> None:
    leg.manners.claims = lie
    assert await leg.refusal() == code


# The signature


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _headed(token: str, signature: str | None = None, **header: Any) -> str:
    """The token with another header, its signature kept or replaced."""
    _, payload, kept = token.split(".")
    return f"{_b64(json.dumps(header).encode())}.{payload}.{kept if signature is None else signature}"


def _another_payload(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return f"{header}.{_b64(json.dumps(claims | {'email': 'changed@doorward.example'}).encode())}.{signature}"


def _signed_with_the_public_key(token: str) -> str:
    """HS256 with what is public as its secret: a verifier that lets the token choose the algorithm takes it."""
    secret = a_key("slack-1").as_pem(private=False)
    begun = _headed(token, "", alg="HS256", kid="slack-1")
    return begun + _b64(hmac.digest(secret, begun.rstrip(".").encode(), "sha256"))


FORGERIES: dict[str, Callable[[str], str]] = {
    "signed with the public key as a secret": _signed_with_the_public_key,
    "unsigned": lambda token: _headed(token, "", alg="none"),
    "unsigned, in capitals": lambda token: _headed(token, "", alg="None", kid="slack-1"),
    "unsigned, and says otherwise": lambda token: _headed(token, "", alg="RS256", kid="slack-1"),
    "with another algorithm's name": lambda token: _headed(token, alg="RS512", kid="slack-1"),
    "with another key's name": lambda token: _headed(token, alg="RS256", kid="slack-2"),
    "with an unknown key's name": lambda token: _headed(token, alg="RS256", kid="nobodys"),
    "with no key's name": lambda token: _headed(token, alg="RS256"),
    "with an unknown critical part": lambda token: _headed(token, alg="RS256", kid="slack-1", crit=["x"], x=1),
    "changed": _another_payload,
    "cut short": lambda token: token[:-8],
    "of two parts": lambda token: token.rpartition(".")[0],
    "no token": lambda _token: "a.b.c",
    "empty": lambda _token: "",
    "not ASCII": lambda _token: "é.é.é",
    "enormous": lambda token: token + "A" * 40_000,
}


@pytest.mark.requirement("22")
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_token_is_refused(leg: Leg, forge: Callable[[str], str]) -> None:
    leg.manners.token = forge
    assert await leg.refusal() in {"chat.signature", "chat.code"}


SIGNERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "by a foreign key under Slack's name": ("RS256", lambda: a_key("foreign")),
    "by our own client secret": ("HS256", lambda: OctKey.import_key(CLIENT_SECRET * 2)),
    "by Slack's key with an algorithm it does not use": ("RS512", lambda: a_key("slack-1")),
    "by Slack's key with another padding": ("PS256", lambda: a_key("slack-1")),
}


@pytest.mark.requirement("22")
@pytest.mark.parametrize(("algorithm", "key"), SIGNERS.values(), ids=SIGNERS.keys())
async def test_a_token_signed_otherwise_is_refused(leg: Leg, algorithm: str, key: Callable[[], Any]) -> None:
    leg.manners.algorithm, leg.manners.signing_key = algorithm, key()
    assert await leg.refusal() == "chat.signature"


@pytest.mark.requirement("22")
async def test_a_key_that_travels_in_the_token_is_not_used(leg: Leg) -> None:
    foreign = a_key("foreign")
    manners = leg.manners
    manners.signing_key, manners.key_id = foreign, "foreign"
    manners.token = lambda token: _headed(token, alg="RS256", kid="foreign", jwk=foreign.as_dict(private=False))
    assert await leg.refusal() == "chat.signature"


@pytest.mark.requirement("22")
@pytest.mark.parametrize(
    "keys", [{}, {"keys": []}, {"keys": "x"}, {"keys": ["x"]}, {"keys": [{"kty": "RSA"}]}], ids=str
)
async def test_without_keys_nobody_is_who_they_say(leg: Leg, keys: Json) -> None:
    leg.manners.keys = keys
    assert await leg.refusal() == "chat.signature"


@pytest.mark.requirement("22")
async def test_a_secret_that_stands_among_the_keys_signs_nothing(leg: Leg) -> None:
    secret = OctKey.import_key(CLIENT_SECRET * 2, {"kid": "slack-1"})
    leg.manners.keys = {"keys": [secret.as_dict(private=True)]}
    leg.manners.algorithm, leg.manners.signing_key = "HS256", secret
    assert await leg.refusal() == "chat.signature"


# The account

NO_MEMBERS: dict[str, Json] = {
    "guest": {"is_restricted": True},
    "single-channel guest": {"is_ultra_restricted": True},
    "of a shared channel": {"is_stranger": True},
    "gone": {"deleted": True},
    "bot": {"is_bot": True},
    "unconfirmed": {"is_email_confirmed": False},
    "of another workspace": {"team_id": "T9OTHER"},
    "of another organisation": {"team_id": "T9OTHER", "enterprise_user": {"enterprise_id": "E9OTHER"}},
    "somebody else's profile": {"id": ATTACKER},
}


@pytest.mark.parametrize("change", NO_MEMBERS.values(), ids=NO_MEMBERS.keys())
async def test_who_is_no_full_member_is_refused(leg: Leg, change: Json) -> None:
    leg.slack.people[VICTIM] |= change
    assert await leg.refusal() == "chat.not_a_member"


@pytest.mark.parametrize(
    "claims",
    [
        {"https://slack.com/team_id": "T9OTHER"},
        {"https://slack.com/team_id": ""},
        {"https://slack.com/team_id": None},
        {"https://slack.com/team_id": "T9OTHER", "https://slack.com/enterprise_id": ORGANISATION},
        {"https://slack.com/team_id": "T9OTHER", "https://slack.com/enterprise_id": ""},
    ],
    ids=str,
)
async def test_the_same_account_id_in_another_workspace_is_somebody_else(leg: Leg, claims: Json) -> None:
    """An account id is only unique in its workspace, and an attacker may have a workspace of their own."""
    leg.manners.claims = lambda honest: honest | claims
    assert await leg.refusal() == "chat.other_workspace"


@pytest.mark.parametrize(
    ("team", "enterprise", "taken"),
    [(TEAM, None, True), (ORGANISATION, None, True), ("T2SALES", ORGANISATION, True), ("T2SALES", "E9OTHER", False)],
)
async def test_in_an_organisation_the_account_id_is_the_organisations(
    leg: Leg, team: str, enterprise: str | None, taken: bool
) -> None:
    leg.slack.people[VICTIM]["enterprise_user"] = {"enterprise_id": ORGANISATION}
    leg.manners.claims = lambda honest: (
        honest | {"https://slack.com/team_id": team, "https://slack.com/enterprise_id": enterprise}
    )
    if taken:
        assert (await leg.walk(allowed=ORGANISATION)).key == f"slack:{ORGANISATION}/{TEAM}:{VICTIM}"
    else:
        assert await leg.refusal(allowed=ORGANISATION) == "chat.other_workspace"


# Slack away


@pytest.mark.parametrize(("method", "status"), [("openid.connect.token", 502), ("users.info", 503)])
async def test_slack_away_is_no_yes_and_no_refusal(leg: Leg, method: str, status: int) -> None:
    leg.slack.fail_next(method, status)
    with pytest.raises(ProviderUnavailable) as away:
        await leg.walk()
    assert away.value.code == "chat.unavailable"


async def test_the_secret_is_not_carried_to_where_a_redirect_points(leg: Leg) -> None:
    leg.slack.fail_next("openid.connect.token", 307, location=f"{leg.slack.api_base_url}openid.connect.token")
    with pytest.raises(ProviderUnavailable):
        await leg.walk()
    assert len(leg.slack.called("openid.connect.token")) == 1
