"""Inclusion and consistency proofs of RFC 9162 against its recursive definitions, published vectors, and forgers."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import merkle
from audit.merkle import Accumulator, MalformedProof

LEAVES = [hashlib.sha256(b"\x00" + bytes([number])).digest() for number in range(131)]


def mth(leaves):
    """The tree by its recursive definition, section 2.1.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:split]) + mth(leaves[split:])).digest()


def path(index, leaves):
    """PATH(m, D[n]), section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path(index, leaves[:split]), mth(leaves[split:])]
    return [*path(index - split, leaves[split:]), mth(leaves[:split])]


def subproof(old, leaves, whole):
    """SUBPROOF(m, D[n], b), section 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [mth(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*subproof(old, leaves[:split], whole), mth(leaves[split:])]
    return [*subproof(old - split, leaves[split:], False), mth(leaves[:split])]


ROOTS = [mth(LEAVES[:size]) for size in range(132)]


def node_at(level, index):
    return merkle.perfect_root(LEAVES[index << level : (index + 1) << level])


def inclusion(index, size):
    return [merkle.span_root(span, node_at) for span in merkle.inclusion_spans(index, size)]


def consistency(old, new):
    return [merkle.span_root(span, node_at) for span in merkle.consistency_spans(old, new)]


def holds(leaf, index, size, proof, root):
    try:
        return merkle.root_from_inclusion(leaf, index, size, proof) == root
    except MalformedProof:
        return False


@pytest.mark.parametrize("size", range(1, 131))
def test_inclusion_spans_give_the_paths_of_the_rfc_and_they_hold(size):
    for index in range(size):
        proof = inclusion(index, size)

        assert proof == path(index, LEAVES[:size])
        assert merkle.root_from_inclusion(LEAVES[index], index, size, proof) == ROOTS[size]


@pytest.mark.parametrize("new", range(1, 131))
def test_consistency_spans_give_the_proofs_of_the_rfc_and_they_hold(new):
    for old in range(1, new + 1):
        proof = consistency(old, new)

        assert proof == subproof(old, LEAVES[:new], True)
        assert merkle.is_consistent(old, ROOTS[old], new, ROOTS[new], proof)
        if old < new:
            assert not merkle.is_consistent(old, ROOTS[new], new, ROOTS[new], proof)
            assert not merkle.is_consistent(old, ROOTS[old], new, ROOTS[old], proof)


# The tree that implementations of RFC 6962 test themselves against: eight inputs and the roots of their first n.
_INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def test_roots_are_those_that_are_published():
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in _INPUTS]

    for size, root in _ROOTS.items():
        assert merkle.root(merkle.extend([], 0, leaves[:size])[0]).hex() == root


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 13, 64, 100])
def test_an_inclusion_proof_is_refused_when_forged(size):
    for index in {0, size // 2, size - 1}:
        proof, leaf, root = inclusion(index, size), LEAVES[index], ROOTS[size]

        assert holds(leaf, index, size, proof, root)
        for place in range(len(proof)):
            for bit in range(256):
                forged = list(proof)
                forged[place] = (int.from_bytes(proof[place], "big") ^ 1 << bit).to_bytes(32, "big")
                assert not holds(leaf, index, size, forged, root)
            assert not holds(leaf, index, size, proof[:place] + proof[place + 1 :], root)
            assert not holds(leaf, index, size, [*proof[:place], proof[place][:31], *proof[place + 1 :]], root)
        assert not holds(leaf, index, size, [*proof, LEAVES[0]], root)
        for other in {-1, size, index + 1, index - 1} - {index}:
            assert not holds(leaf, other, size, proof, root)
        assert not holds(leaf, index, 0, proof, root)
        assert not holds(LEAVES[130], index, size, proof, root)
        if proof:
            assert not holds(leaf, index, size, [], root)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 8), (7, 8), (8, 8), (50, 100), (64, 100)])
def test_a_consistency_proof_is_refused_when_forged(old, new):
    proof = consistency(old, new)

    for place in range(len(proof)):
        for bit in range(256):
            forged = list(proof)
            forged[place] = (int.from_bytes(proof[place], "big") ^ 1 << bit).to_bytes(32, "big")
            assert not merkle.is_consistent(old, ROOTS[old], new, ROOTS[new], forged)
        assert not merkle.is_consistent(old, ROOTS[old], new, ROOTS[new], proof[:place])
        assert not merkle.is_consistent(
            old, ROOTS[old], new, ROOTS[new], [*proof[:place], proof[place] + b"\x00", *proof[place + 1 :]]
        )
    assert not merkle.is_consistent(old, ROOTS[old], new, ROOTS[new], [*proof, LEAVES[0]])
    assert not merkle.is_consistent(old, ROOTS[old + 1], new, ROOTS[new], proof)
    assert not merkle.is_consistent(old, ROOTS[old], new, ROOTS[new + 1], proof)
    assert not merkle.is_consistent(0, ROOTS[0], new, ROOTS[new], proof)
    assert not merkle.is_consistent(new + 1, ROOTS[old], new, ROOTS[new], proof)
    if old > 1:
        assert not merkle.is_consistent(old - 1, ROOTS[old], new, ROOTS[new], proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_inclusion_spans_refuse_what_is_not_in_the_tree(index, size):
    with pytest.raises(MalformedProof, match=r"^The entry is not in the tree\.$"):
        merkle.inclusion_spans(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4), (-1, 4)])
def test_consistency_spans_refuse_a_tree_that_is_no_beginning(old, new):
    with pytest.raises(MalformedProof, match=r"^The older tree is not a part of the newer one\.$"):
        merkle.consistency_spans(old, new)


def test_root_from_inclusion_says_what_is_wrong():
    with pytest.raises(MalformedProof, match=r"^The proof has not the hashes that a tree of this size needs\.$"):
        merkle.root_from_inclusion(LEAVES[0], 0, 4, [LEAVES[1]])


@given(st.integers(0, 131), st.integers(0, 131))
def test_cover_is_whole_and_aligned_and_as_short_as_can_be(one, other):
    start, end = sorted((one, other))
    at = start

    for level, index in merkle.cover(start, end):
        assert index << level == at
        at += 1 << level

    assert at == end
    assert len(list(merkle.cover(start, end))) <= 2 * max(1, (end - start).bit_length())


@settings(max_examples=200)
@given(st.integers(0, 131), st.lists(st.integers(0, 131), max_size=5))
def test_accumulator_of_any_cuts_gives_the_root_of_the_whole(size, cuts):
    tree, at = Accumulator(), 0

    for cut in sorted({min(cut, size) for cut in cuts} | {size}):
        for level, subtree in merkle.subtrees(at, LEAVES[at:cut]):
            tree.add(level, subtree)
        at = cut

    assert (tree.size, tree.root()) == (size, ROOTS[size])
    assert tree.frontier == merkle.extend([], 0, LEAVES[:size])[0]


def test_accumulator_refuses_a_subtree_where_none_can_stand():
    tree = Accumulator()
    tree.add(0, LEAVES[0])

    with pytest.raises(MalformedProof, match=r"^A subtree does not stand where one of its size can\.$"):
        tree.add(1, LEAVES[1])


def test_perfect_root_refuses_hashes_that_are_no_power_of_two():
    with pytest.raises(ValueError):
        merkle.perfect_root(LEAVES[:6])
