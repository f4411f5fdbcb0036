# SPDX-License-Identifier: AGPL-3.0-only
"""What it is worth to choose the rows of a round: the bounds that docs/oracle.md states, reached and not passed.

N reporters, quorum q, b of them liars who work with whoever submits; ranks count from 0, the lowest honest row.
  - Honest rows only: the median has a rank from (q - 1) // 2 to N - q + (q - 1) // 2: a span of N - q.
  - With b liars, among the N - b honest rows: from (q - 1) // 2 - b to N - q + (q - 1) // 2: a span of N - q + b; with
    q >= 2b + 1 both ends are honest rows.
  - A feed can be left out of a round by choosing rows if and only if some other feed reaches its quorum with rows of
    which fewer than q have this feed.
Every subset of the rows is played against the contract, so the bounds are reached and nothing lies beyond them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from tests.helpers import rows
from tests.helpers.feeds import Feed, Terms
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CHAIN_ID, Chain, Reverted

START_S = 1_700_000_000
AT = START_S + 5
LADDER = [10_000 + 10 * rank for rank in range(9)]
"""Honest observations of one feed, one a reporter, by rank."""
LOW, HIGH = 1, 2**63 - 1


class Table:
    """One oracle, and one round of rows that whoever submits may choose from."""

    def __init__(self, reporters: int, quorums: Sequence[int], faulty: int) -> None:
        self.chain = Chain(AT)
        self.quorums = list(quorums)
        self.signers = rows.signers(reporters)
        feeds = [Feed(f"F{index}/USD", quorum=quorum) for index, quorum in enumerate(quorums)]
        addresses = [signer.address for signer in self.signers]
        self.oracle = on_revm(self.chain, feeds, addresses, faulty, Terms())
        self.domain = rows.domain_separator(CHAIN_ID, self.oracle.address)

    def bundle(self, vectors: Sequence[Sequence[int]], chosen: Sequence[int]) -> rows.Bundle:
        return rows.bundle(self.domain, 1, AT, {self.signers[i]: vectors[i] for i in chosen}, self.quorums)

    def served(self, bundle: rows.Bundle) -> list[int]:
        """The answers after this bundle on an oracle that has none yet; 0 where a feed has none. Leaves no trace."""
        before = self.chain.evm.snapshot()
        try:
            self.chain.send(self.oracle.address, bundle.calldata)
            return [self._answer(feed) for feed in range(len(self.quorums))]
        finally:
            self.chain.evm.revert(before)

    def _answer(self, feed: int) -> int:
        try:
            return int(self.oracle.call("latest", feed)[1])
        except Reverted as reverted:
            if str(reverted) == "oracle: no quorum yet":
                return 0
            raise


def choices(reporters: int, quorum: int) -> Iterator[tuple[int, ...]]:
    """Every set of rows that can be a round."""
    for size in range(quorum, reporters + 1):
        yield from combinations(range(reporters), size)


@pytest.mark.parametrize(("reporters", "quorum"), [(3, 3), (5, 3), (5, 4), (6, 3), (7, 3), (7, 5), (7, 6)])
def test_submit__choice_among_honest_rows__spans_n_minus_q_ranks(reporters, quorum):
    table = Table(reporters, [quorum], 1)
    ladder = LADDER[:reporters]
    vectors = [[price] for price in ladder]
    reached = {table.served(table.bundle(vectors, chosen))[0] for chosen in choices(reporters, quorum)}
    first = (quorum - 1) // 2
    assert reached == set(ladder[first : first + reporters - quorum + 1])


@pytest.mark.parametrize(
    ("reporters", "quorum", "liars"), [(5, 3, 1), (6, 4, 1), (7, 3, 1), (7, 5, 1), (7, 5, 2), (8, 5, 2)]
)
def test_submit__choice_with_liars__spans_n_minus_q_plus_b_honest_ranks(reporters, quorum, liars):
    """The liars, too, say whatever helps: the lowest price, the highest, or nothing."""
    table = Table(reporters, [quorum], liars)
    honest = LADDER[: reporters - liars]
    reached = set()
    for lie in (LOW, HIGH, 0):
        vectors = [*[[price] for price in honest], *[[lie]] * liars]
        for chosen in choices(reporters, quorum):
            if lie or sum(place < len(honest) for place in chosen) >= quorum:
                reached.add(table.served(table.bundle(vectors, chosen))[0])
    lowest, highest = (quorum - 1) // 2 - liars, reporters - quorum + (quorum - 1) // 2
    assert 0 <= lowest <= highest < len(honest)
    assert reached == set(honest[lowest : highest + 1])
    assert highest - lowest == reporters - quorum + liars


def test_submit__one_liar_more_than_the_feed_set_withstands__leaves_the_honest_range():
    """The bound is sharp: two liars of a quorum of three are the median."""
    table = Table(5, [3], 1)
    vectors = [[price] for price in [*LADDER[:3], HIGH, HIGH]]
    assert table.served(table.bundle(vectors, (2, 3, 4))) == [HIGH]


@pytest.mark.parametrize("chosen", list(choices(5, 3)), ids=str)
def test_submit__any_other_row_claimed_as_the_median__reverts(chosen):
    """Choosing rows is all there is: the median of the chosen ones is one number."""
    table = Table(5, [3], 1)
    vectors = [[price] for price in LADDER[:5]]
    bundle = table.bundle(vectors, chosen)
    for claimed in [*LADDER[:5], LADDER[0] - 1, LADDER[4] + 1, LADDER[1] + 5]:
        if [claimed] == bundle.medians:
            assert table.served(bundle) == [claimed]
            continue
        with pytest.raises(Reverted, match="oracle: median"):
            table.served(replace(bundle, medians=[claimed]))


@pytest.mark.parametrize("quorums", [(3, 3), (3, 4), (3, 5), (4, 3), (5, 4)], ids=str)
@pytest.mark.parametrize("absent", [0, 1, 2])
def test_submit__choice_that_withholds_a_feed__needs_rows_without_it(quorums, absent):
    """Feed 0 is withheld from a round that moves feed 1: with q0 - 1 rows that have it and the absent ones."""
    table = Table(5, quorums, 1)
    vectors = [[0 if place < absent else 1_000, 2_000] for place in range(5)]
    outcomes = [table.served(table.bundle(vectors, chosen)) for chosen in choices(5, quorums[1])]
    withheld = [0, 2_000] in outcomes
    assert withheld == (absent + quorums[0] - 1 >= quorums[1])
    assert all(answers in ([0, 2_000], [1_000, 2_000]) for answers in outcomes)


def test_submit__rows_that_withhold_a_feed_round_after_round__buy_its_age_and_nothing_else():
    """One reporter who leaves a lane empty, with whoever submits, can hold a feed still: it ages, then reads revert."""
    table = Table(5, [3, 3], 1)
    everybody = {signer: [1_000, 2_000] for signer in table.signers}
    first = rows.bundle(table.domain, 1, AT, everybody, [3, 3])
    table.chain.send(table.oracle.address, first.calldata)
    for place in range(1, 13):
        at = AT + 5 * place
        table.chain.set_time(at)
        moved = {signer: [1_000 + place, 2_000 + place] for signer in table.signers[1:3]}
        chosen = {table.signers[0]: [0, 2_000 + place], **moved}
        table.chain.send(table.oracle.address, rows.bundle(table.domain, 1, at, chosen, [3, 3]).calldata)
        assert table.oracle.call("latest", 0) == (1, 1_000, AT)
        assert table.oracle.call("price", 1, 0) == 2_000 + place
    with pytest.raises(Reverted, match="oracle: stale"):
        table.oracle.call("price", 0, 59)
    assert table.oracle.call("price", 0, 60) == 1_000
