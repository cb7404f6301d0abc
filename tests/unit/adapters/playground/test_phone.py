"""The demo phone shows the codes of a standard authenticator app."""

from __future__ import annotations

import pytest

from adapters.playground.phone import DemoPhone
from bot.domain.totp import code_at, new_seed, provisioning_uri
from bot.errors import Malformed
from tests.fakes.clock import FixedClock


def test_it_shows_the_current_code_and_how_long_it_lasts(clock: FixedClock) -> None:
    phone, seed = DemoPhone(clock), new_seed()
    assert phone.screen("mia") is None
    phone.scan("mia", provisioning_uri(seed, account="mia@corp.example"))
    clock.advance(seconds=10)
    screen = phone.screen("mia")
    assert screen is not None
    assert (screen.label, screen.code, screen.seconds_left) == ("Doorward:mia@corp.example", code_at(seed, clock()), 20)
    assert phone.screen("john") is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://example.org/?secret=JBSWY3DPEHPK3PXP",
        "otpauth://hotp/x?secret=JBSWY3DPEHPK3PXP",
        "otpauth://totp/x?secret=lower1",
        "otpauth://totp/x",
        "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&digits=8",
        "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&period=60",
    ],
)
def test_it_refuses_what_an_app_would_not_take(clock: FixedClock, uri: str) -> None:
    with pytest.raises(Malformed):
        DemoPhone(clock).scan("mia", uri)
