"""Numbers of bank accounts: the registry's examples pass, whatever differs in one character does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.iban import NoAccountNumber, grouped, masked, normal

EXAMPLES = ("GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947")
"""Of the standard's registry."""


@pytest.mark.parametrize("number", EXAMPLES)
def test_an_example_passes_as_it_is_written(number: str) -> None:
    assert normal(grouped(number).lower()) == number
    assert number[4:-4] not in masked(number)


@given(st.sampled_from(EXAMPLES), st.data())
def test_one_wrong_character_does_not_pass(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != number[at]))
    with pytest.raises(NoAccountNumber) as caught:
        normal(number[:at] + other + number[at + 1 :])
    assert number not in str(caught.value)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_a_number_or_said_not_to_be(typed: str) -> None:
    why = ""
    try:
        assert normal(typed) == normal(normal(typed))
    except NoAccountNumber as error:
        why = error.why
    assert why in {"", "checksum", "country", "form"}
