"""The demonstration's chat leg of a sign-in: a code for one return address, one nonce, once, for a minute."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.playground.sign_in import PlaygroundSignIn
from bot.domain.identity import ChannelIdentity, Platform
from bot.errors import Malformed, SignInRefused
from tests.fakes.clock import FixedClock

ORIGIN = "http://127.0.0.1:8080"
BACK = f"{ORIGIN}/signin/playground/callback"
MIA = ChannelIdentity(platform=Platform.PLAYGROUND, tenant="demo", account="mia")


@pytest.fixture
def sign_in(clock: FixedClock) -> PlaygroundSignIn:
    return PlaygroundSignIn(origin=ORIGIN, redirect_uri=BACK, clock=clock)


def _code(sign_in: PlaygroundSignIn) -> str:
    address = sign_in.grant(MIA, state="s", nonce="n", redirect_uri=BACK)
    query = parse_qs(urlsplit(address).query)
    assert query["state"] == ["s"]
    return query["code"][0]


async def test_a_code_names_its_account_once(sign_in: PlaygroundSignIn) -> None:
    code = _code(sign_in)
    assert await sign_in.redeem(code=code, nonce="n", redirect_uri=BACK) == MIA
    with pytest.raises(SignInRefused):
        await sign_in.redeem(code=code, nonce="n", redirect_uri=BACK)


@pytest.mark.parametrize(("nonce", "back"), [("other", BACK), ("n", "http://127.0.0.1:9/")])
async def test_a_code_of_another_sign_in_is_refused_and_spent(sign_in: PlaygroundSignIn, nonce: str, back: str) -> None:
    code = _code(sign_in)
    with pytest.raises(SignInRefused):
        await sign_in.redeem(code=code, nonce=nonce, redirect_uri=back)
    with pytest.raises(SignInRefused):
        await sign_in.redeem(code=code, nonce="n", redirect_uri=BACK)


async def test_a_late_code_is_refused(sign_in: PlaygroundSignIn, clock: FixedClock) -> None:
    code = _code(sign_in)
    clock.advance(seconds=60)
    with pytest.raises(SignInRefused):
        await sign_in.redeem(code=code, nonce="n", redirect_uri=BACK)


def test_it_sends_nobody_to_a_foreign_address(sign_in: PlaygroundSignIn) -> None:
    with pytest.raises(Malformed):
        sign_in.grant(MIA, state="s", nonce="n", redirect_uri="https://evil.example/")
