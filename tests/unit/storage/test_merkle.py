"""The tree of RFC 6962, against the vectors of Certificate Transparency's own implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.merkle import TreeHead, inclusion_proof, is_included, leaf_hash, node_hash, root

LEAVES = [
    *(bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243")),
    *(bytes.fromhex(leaf) for leaf in ("5051525354555657", "606162636465666768696a6b6c6d6e6f")),
]
HEADS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
leaves = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


@pytest.mark.parametrize("size", range(9))
def test_heads_are_those_of_certificate_transparency(size: int) -> None:
    assert root(LEAVES[:size]).hex() == HEADS[size]


def test_a_head_grows_leaf_by_leaf() -> None:
    head = TreeHead()
    for size, leaf in enumerate(LEAVES):
        assert (head.size, head.root.hex()) == (size, HEADS[size])
        head.append(leaf)


def test_audit_paths_are_those_of_the_rfc() -> None:
    """RFC 6962 §2.1.3: the tree of seven leaves and its four paths."""
    a, b, c, d, e, f, j = (leaf_hash(leaf) for leaf in LEAVES[:7])
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, l = node_hash(g, h), node_hash(i, j)  # noqa: E741 - the letters of the RFC
    seven = LEAVES[:7]
    assert root(seven) == node_hash(k, l)
    assert inclusion_proof(seven, 0) == [b, h, l]
    assert inclusion_proof(seven, 3) == [c, g, l]
    assert inclusion_proof(seven, 4) == [f, j, k]
    assert inclusion_proof(seven, 6) == [i, k]


@given(leaves=leaves, data=st.data())
def test_a_proof_proves_its_leaf_at_its_place_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    size, head, path = len(leaves), root(leaves), inclusion_proof(leaves, index)
    assert is_included(leaves[index], index, size, path, head)
    assert not is_included(leaves[index] + b"x", index, size, path, head)
    assert not is_included(leaves[index], index, size, [*path, head], head)
    assert not is_included(leaves[index], size, size, path, head)
    assert not is_included(leaves[index], -1, size, path, head)
    if path:
        assert not is_included(leaves[index], index, size, path[:-1], head)
        assert not is_included(leaves[index], index, size, [bytes(32), *path[1:]], head)


@given(leaves=leaves, data=st.data())
def test_any_change_changes_the_head(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    edited = [*leaves[:index], leaves[index] + b"x", *leaves[index + 1 :]]
    assert root(edited) != root(leaves)
    assert root(leaves[:-1]) != root(leaves)
    assert root([*leaves, b""]) != root(leaves)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(IndexError):
        inclusion_proof(LEAVES, 8)
    with pytest.raises(IndexError):
        inclusion_proof([], 0)
