"""Our canonical JSON is the standard's, whichever way it was made."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.canonical import MAX_INTEGER, Plain, canonical_json

plain = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text()
texts = st.text(st.characters(categories=["L", "N", "Zs", "So", "Cc", "Sc"]))


@given(st.dictionaries(texts, plain | st.dictionaries(texts, plain)))
def test_it_is_the_standards_form(value: dict[str, Plain | dict[str, Plain]]) -> None:
    try:
        expected = rfc8785.dumps(value)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - either library's word for it
            canonical_json(value)
    else:
        assert canonical_json(value) == expected


def test_keys_are_ordered_by_utf_16_as_the_standard_has_it() -> None:
    # A code point beyond the first plane stands before U+FB33 in UTF-16, and after it in Python's order.
    assert canonical_json({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_control_characters_are_escaped_as_the_standard_has_it() -> None:
    assert canonical_json({"a": '\x00\x1f\b\t\n\f\r"\\/\x7f€'}) == (
        b'{"a":"\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\/\x7f\xe2\x82\xac"}'
    )


@pytest.mark.parametrize("value", [MAX_INTEGER + 1, -MAX_INTEGER - 1])
def test_an_integer_readers_would_round_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=str(abs(value))[:8]):
        canonical_json({"n": value})


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        canonical_json({"a": "\ud800"})
