"""Sealed columns open in their own row, with their own key, unaltered, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import IntegrityAlarm
from storage.crypto import Keyring, Purpose
from storage.sealing import Sealer

KEYS = Keyring.generate()
SEALER = Sealer(KEYS)
Seal = Callable[..., bytes]
FORMS: list[Seal] = [SEALER.seal, SEALER.seal_briefly]
HERE = {"table": "tokens", "row": "john|1", "purpose": "cache"}
both = pytest.mark.parametrize("seal", FORMS, ids=["envelope", "brief"])


@both
@given(plaintext=st.binary(max_size=200), row=st.text(max_size=20))
def test_what_is_sealed_opens_in_its_row(seal: Seal, plaintext: bytes, row: str) -> None:
    place = {**HERE, "row": row}
    sealed = seal(plaintext, **place)
    assert SEALER.open(sealed, **place) == plaintext
    assert Sealer(KEYS).open(sealed, **place) == plaintext
    assert len(plaintext) < 4 or plaintext not in sealed


@both
def test_the_same_is_never_sealed_the_same(seal: Seal) -> None:
    assert len({seal(b"secret", **HERE) for _ in range(200)}) == 200


@both
@pytest.mark.requirement("26")
@pytest.mark.parametrize(
    "moved", [{"table": "seeds"}, {"row": "mia|1"}, {"purpose": "seed"}, {"row": "1", "purpose": "cache|john"}]
)
def test_moved_ciphertext_does_not_open(seal: Seal, moved: dict[str, str]) -> None:
    sealed = seal(b"secret", **HERE)
    with pytest.raises(IntegrityAlarm):
        SEALER.open(sealed, **{**HERE, **moved})


@both
@pytest.mark.requirement("26")
def test_no_bit_can_be_flipped_and_no_byte_cut(seal: Seal) -> None:
    sealed = seal(b"secret", **HERE)
    for position in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[position] ^= 1
        for altered in (bytes(flipped), sealed[:position]):
            with pytest.raises(IntegrityAlarm):
                SEALER.open(altered, **HERE)


@both
def test_another_keyring_opens_nothing(seal: Seal) -> None:
    with pytest.raises(IntegrityAlarm):
        Sealer(Keyring.generate()).open(seal(b"secret", **HERE), **HERE)


@both
def test_what_an_older_key_sealed_still_opens_after_a_rotation(seal: Seal) -> None:
    sealed = seal(b"secret", **HERE)
    rotated = Sealer(KEYS.rotated(Purpose.SEAL, older_until=datetime(2026, 12, 1, tzinfo=UTC)))
    assert rotated.open(sealed, **HERE) == b"secret"
    with pytest.raises(IntegrityAlarm):
        SEALER.open(rotated.seal(b"secret", **HERE), **HERE)


def test_another_process_seals_briefly_under_another_key() -> None:
    here, there = SEALER.seal_briefly(b"", **HERE), Sealer(KEYS).seal_briefly(b"", **HERE)
    salt = slice(2 + len(KEYS.newest(Purpose.SEAL).id), 2 + len(KEYS.newest(Purpose.SEAL).id) + 16)
    assert here[salt] != there[salt]
    assert here[salt] == SEALER.seal_briefly(b"", **HERE)[salt]


def test_an_alarm_does_not_carry_what_was_sealed() -> None:
    sealed = SEALER.seal(b"secret", **HERE)
    with pytest.raises(IntegrityAlarm) as alarm:
        SEALER.open(sealed, **{**HERE, "row": "mia"})
    assert alarm.value.__cause__ is None
    assert "secret" not in str(alarm.value)
