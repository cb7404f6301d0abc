"""Which claims challenges are carried to the browser, and how they are joined with what we ask for ourselves."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest

from adapters.idp.challenge import MAX_CHARACTERS, from_header, merged, read_challenge

ACRS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


def test_a_challenge_is_read_in_one_form() -> None:
    assert read_challenge(ACRS) == ACRS
    assert read_challenge(ACRS.replace(":", " : ")) == ACRS
    assert read_challenge('{"id_token":{"auth_time":{"essential":true}},"redirect_uri":"https://evil.example"}') == (
        '{"id_token":{"auth_time":{"essential":true}}}'
    )


@pytest.mark.parametrize(
    "value",
    [
        *(None, 7, "", "null", "[]", "{}", "not json", '"text"', "[" * 900),
        *('{"access_token":null}', '{"access_token":{}}', '{"access_token":"c1"}', '{"state":{"a":1}}'),
        '{"id_token":{"a":"%s"}}' % ("x" * MAX_CHARACTERS),
        '{"id_token":%s}' % ('{"a":' * 8 + "1" + "}" * 8),
        '{"id_token":{"a":"%s"}}' % ("ä" * 500),
    ],
)
def test_what_is_none_is_dropped(value: object) -> None:
    assert read_challenge(value) == ""


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("padded", [True, False])
def test_graphs_header_holds_one_in_base64(encode: Callable[[bytes], bytes], padded: bool) -> None:
    encoded = encode(ACRS.encode()).decode()
    encoded = encoded if padded else encoded.rstrip("=")
    assert from_header(f'Bearer realm="", error="insufficient_claims", claims="{encoded}"') == ACRS


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        f'Bearer error="invalid_token", claims="{b64encode(ACRS.encode()).decode()}"',
        'Bearer error="insufficient_claims", claims="A"',
        'Bearer error="insufficient_claims", claims="gICA"',
        f'Bearer error="insufficient_claims", xclaims="{b64encode(ACRS.encode()).decode()}"',
    ],
)
def test_another_header_holds_none(header: str) -> None:
    assert from_header(header) == ""


def test_what_we_ask_for_stands_beside_it_and_before_it() -> None:
    ours = '{"id_token":{"acrs":{"essential":true,"values":["c2"]}}}'
    assert merged("", None) is None
    assert merged("", ours) == ours
    assert merged(ACRS, None) is not None
    weaker = '{"id_token":{"acrs":{"essential":false},"email":null},"access_token":{"nbf":{"value":"1"}}}'
    assert json.loads(merged(weaker, ours) or "") == {
        "id_token": {"acrs": {"essential": True, "values": ["c2"]}, "email": None},
        "access_token": {"nbf": {"value": "1"}},
    }
