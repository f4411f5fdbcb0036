# SPDX-License-Identifier: AGPL-3.0-only
"""submit against the definitions, by trying everything small: all claims for all rows, all pairs of indices."""

from __future__ import annotations

from itertools import product

import pytest

from tests.helpers import rows
from tests.helpers.feeds import Feed, Terms
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CHAIN_ID, Chain, Contract, Reverted

AT = 1_700_000_005
VALUES = range(4)
"""0 is an absent observation."""
EDGE = 2**63 - 1
MEDIANS = [1, 1, EDGE - 1, EDGE]
"""Of rows that all have the value 1."""


class Stage:
    """An oracle in front of its first round, and rows of every reporter signed once for each value."""

    def __init__(self, reporters: int, quorum: int) -> None:
        self.chain = Chain(AT)
        self.signers = rows.signers(reporters)
        feeds = [Feed(f"F{lane}/USD", quorum=quorum) for lane in range(4)]
        addresses = [signer.address for signer in self.signers]
        self.oracle: Contract = on_revm(self.chain, feeds, addresses, (quorum - 1) // 2, Terms())
        domain = rows.domain_separator(CHAIN_ID, self.oracle.address)
        self.words = {value: rows.pack([1, value, value and EDGE - value, EDGE])[0] for value in VALUES}
        self.signatures = {
            (signer.index, value): rows.sign_digest(signer, rows.row_digest(domain, 1, AT, [word]))
            for signer in self.signers
            for value, word in self.words.items()
        }

    def submit(self, signers: int, medians: list[int], values: list[tuple[int, int]]) -> str:
        """The reason of the revert, "" when the round is taken; the state is put back. `values`: (index, value)."""
        words = [self.words[value] for _, value in values]
        signed = [part for pair in values for part in self.signatures[pair]]
        before = self.chain.evm.snapshot()
        try:
            self.chain.send(self.oracle.address, rows.Bundle(AT, signers, rows.pack(medians), words, signed).calldata)
        except Reverted as reverted:
            return str(reverted)
        finally:
            self.chain.evm.revert(before)
        return ""


def lower_median(values: tuple[int, ...], quorum: int) -> int:
    present = sorted(value for value in values if value)
    return present[(len(present) - 1) // 2] if len(present) >= quorum else 0


@pytest.mark.parametrize(("quorum", "count"), [(1, 1), (1, 2), (1, 3), (2, 3), (2, 4), (3, 3), (3, 4), (3, 5)])
def test_submit__every_claim_for_every_rows__only_the_lower_median_of_a_quorum_is_taken(quorum, count):
    """Lanes 1 and 2 run through all values against each other; lanes 0 and 3 stand at the ends of what a lane holds."""
    table = Stage(count, quorum)
    indices = sum(index << (8 * place) for place, index in enumerate(range(1, count + 1)))
    for values in product(VALUES, repeat=count):
        low = lower_median(values, quorum)
        high = lower_median(tuple(value and EDGE - value for value in values), quorum)
        signed = list(enumerate(values, 1))
        for claim in VALUES:
            said = table.submit(indices, [1, claim, high, EDGE], signed)
            assert (said == "") == (claim == low), f"{values}: {claim} instead of {low}: {said}"
            said = table.submit(indices, [1, low, claim and EDGE - claim, EDGE], signed)
            assert (said == "") == ((claim and EDGE - claim) == high), f"{values}: {claim}"


def test_submit__every_pair_of_indices__only_two_that_ascend_from_1_to_31_get_as_far_as_their_signatures():
    table = Stage(reporters=5, quorum=1)
    signed = [(1, 1), (2, 1)]
    for first, second in product([*range(34), 63, 64, 127, 128, 129, 160, 191, 192, 224, 255], repeat=2):
        said = table.submit(first | second << 8, MEDIANS, signed)
        if (first, second) == (1, 2):
            assert said == ""
        else:
            assert said == ("oracle: signature" if 1 <= first < second <= 31 else "oracle: signers"), (first, second)


def test_submit__every_descent_among_31_indices__reverts():
    """A swap of neighbours, or an index twice, at each of the thirty places; and one too many."""
    table = Stage(reporters=5, quorum=1)
    ascending = list(range(1, 32))
    signed = [(1, 1)] * 31
    assert table.submit(packed(ascending), MEDIANS, signed) == "oracle: signature"
    for place in range(30):
        swapped, doubled = ascending.copy(), ascending.copy()
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        doubled[place + 1] = doubled[place]
        for wrong in (swapped, doubled):
            assert table.submit(packed(wrong), MEDIANS, signed) == "oracle: signers"
    assert table.submit(packed(ascending) | 31 << 248, MEDIANS, signed) == "oracle: signers"


def packed(indices: list[int]) -> int:
    return sum(index << (8 * place) for place, index in enumerate(indices))
