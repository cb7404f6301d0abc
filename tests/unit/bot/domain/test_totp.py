"""Codes are those of RFC 4226 and RFC 6238, and each counts once, whatever the clock does."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.totp import (
    MAX_CHAT_FAILURES,
    MAX_CONSECUTIVE_FAILURES,
    STEP_SECONDS,
    WINDOW_STEPS,
    accepted_step,
    code_at,
    new_seed,
    time_step,
)

SEED = base64.b32encode(b"12345678901234567890").decode()
"""The secret of both standards' test values."""
HOTP = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")
"""RFC 4226, appendix D, for the counters 0 to 9."""
TOTP = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
"""RFC 6238, appendix B, SHA-1: eight digits, of which an authenticator of six shows the last."""


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.requirement("33")
@pytest.mark.parametrize(("counter", "code"), list(enumerate(HOTP)))
def test_the_values_of_rfc_4226(counter: int, code: str) -> None:
    now = at(counter * STEP_SECONDS)
    assert code_at(SEED, now) == code
    if counter > WINDOW_STEPS:
        assert accepted_step(SEED, code, now, last_step=0) == counter


@pytest.mark.requirement("33")
@pytest.mark.parametrize(("seconds", "code"), list(TOTP.items()))
def test_the_values_of_rfc_6238(seconds: int, code: str) -> None:
    assert code_at(SEED, at(seconds)) == code[-6:]
    assert accepted_step(SEED, code[-6:], at(seconds), last_step=0) == seconds // STEP_SECONDS
    assert accepted_step(SEED, code, at(seconds), last_step=0) is None, "six digits, not eight"


@pytest.mark.requirement("32", "48")
@given(jumps=st.lists(st.integers(min_value=-5_000, max_value=5_000), max_size=20))
def test_no_step_is_accepted_twice_and_none_before_the_last_wherever_the_clock_jumps(jumps: list[int]) -> None:
    now, last, accepted = at(1_800_000_000), 0, []
    for jump in jumps:
        now += timedelta(seconds=jump)
        step = accepted_step(SEED, code_at(SEED, now), now, last_step=last)
        if step is None:
            assert time_step(now) <= last
            continue
        accepted.append(step)
        last = step
    assert accepted == sorted(set(accepted))


@pytest.mark.requirement("33")
@given(steps=st.integers(min_value=-50, max_value=50), seconds=st.integers(min_value=0, max_value=29))
def test_only_codes_of_the_window_are_accepted(steps: int, seconds: int) -> None:
    now = at(1_800_000_000 + seconds)
    near = {code_at(SEED, now + timedelta(seconds=STEP_SECONDS * step)) for step in (-1, 0, 1)}
    code = code_at(SEED, now + timedelta(seconds=STEP_SECONDS * steps))
    accepted = accepted_step(SEED, code, now, last_step=0)
    assert (accepted is not None) is (abs(steps) <= WINDOW_STEPS or code in near)


OTHER_SCRIPTS = ("\uff11\uff12\uff13\uff14\uff15\uff16", "\u0663\u0661\u0664\u0661\u0665\u0669")


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "-12345", "+12345", "1e4567", *OTHER_SCRIPTS])
def test_what_is_not_six_digits_is_no_code(code: str) -> None:
    assert accepted_step(SEED, code, at(59), last_step=0) is None


def test_a_seed_has_160_bits_and_is_new_each_time() -> None:
    seeds = {new_seed() for _ in range(20)}
    assert len(seeds) == 20
    assert {len(base64.b32decode(seed)) for seed in seeds} == {20}


@pytest.mark.requirement("34")
def test_the_limits_are_those_of_the_standard_and_of_our_word() -> None:
    """NIST SP 800-63B-4 §3.2.2: a hundred at the most; and what is said in the documentation."""
    assert (MAX_CONSECUTIVE_FAILURES, MAX_CHAT_FAILURES) == (100, 5)
