# SPDX-License-Identifier: AGPL-3.0-only
"""What it is worth to choose which rows of a round to bring: the bound of docs/oracle.md is reached, and not passed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import boa
import pytest

from tests.helpers import rows
from tests.helpers.feeds import feeds
from tests.unit.oracle.conftest import Rounds

LOWEST, HIGHEST = 1, 2**63 - 1
SETS = [(3, 3, 0), (3, 3, 1), (4, 3, 1), (5, 3, 0), (5, 3, 1), (5, 5, 2), (6, 4, 1), (7, 5, 2), (9, 5, 2)]


def reach(count: int, quorum: int, bad: int) -> tuple[int, int]:
    """Lowest and highest rank among the honest observations, from 1."""
    middle = -(-quorum // 2)
    return middle - bad, count - quorum + middle


def brought(values: Sequence[int], chosen: Sequence[int]) -> int:
    return rows.lower_medians([[values[place]] for place in chosen], [1])[0]


@pytest.mark.parametrize(("count", "quorum", "bad"), SETS)
@pytest.mark.parametrize("lie", [LOWEST, HIGHEST])
def test_choice__of_any_quorum_of_rows__stays_between_honest_observations(count, quorum, bad, lie):
    honest = [1_000 + place for place in range(count - bad)]
    values = [lie] * bad + honest
    answers = {
        brought(values, chosen) for size in range(quorum, count + 1) for chosen in combinations(range(count), size)
    }
    low, high = reach(count, quorum, bad)
    assert answers <= set(honest[low - 1 : high])
    assert (honest[low - 1] if lie == LOWEST else honest[high - 1]) in answers


@pytest.mark.parametrize(("count", "quorum", "bad"), SETS)
@pytest.mark.parametrize("lie", [LOWEST, HIGHEST])
def test_choice__at_the_bound__is_taken_by_the_contract_and_one_rank_further_is_not(count, quorum, bad, lie):
    rounds = Rounds(feeds(1, quorum=quorum), reporters=count, faulty=bad)
    honest = [1_000 + place for place in range(count - bad)]
    low, high = reach(count, quorum, bad)
    if lie == LOWEST:
        chosen, reached, further = honest[: quorum - bad], honest[low - 1], honest[low - 1] - 1
    else:
        chosen, reached, further = honest[count - quorum :], honest[high - 1], honest[high - 1] + 1
    bundle = rounds.bundle(*[[value] for value in [lie] * bad + chosen])
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: median"):
        rounds.oracle.submit(bundle.timestamp, bundle.signers, [further], bundle.rows, bundle.signatures)
    rounds.submit(bundle)
    assert rounds.oracle.latest(0)[1] == reached


def test_choice__with_more_liars_than_the_quorum_is_made_for__is_theirs():
    rounds = Rounds(feeds(1, quorum=3), reporters=5, faulty=1)
    rounds.submit(rounds.bundle([HIGHEST], [HIGHEST], [1_000]))
    assert rounds.oracle.latest(0)[1] == HIGHEST
