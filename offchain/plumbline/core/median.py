# SPDX-License-Identifier: AGPL-3.0-only
"""Medians of exact integers, and the oracle's rule for one round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plumbline.core.models import Row


def lower_median(values: Iterable[int]) -> int:
    """The ceil(n/2)-th smallest value: always one of the values, never an average of two.

    It takes ceil(n/2) bad values to move it below the range of the others, floor(n/2) + 1 to move it above.

    >>> lower_median([3, 1, 2]), lower_median([4, 1, 3, 2])
    (2, 2)

    Raises:
        ValueError: no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("the median of no values does not exist")
    return ordered[(len(ordered) - 1) // 2]


def lane_medians(rows: Sequence[Row], quorums: Sequence[int]) -> tuple[int, ...]:
    """What MedianOracle.submit verifies: per feed the lower median of the present prices (in the feed's decimals).

    A feed with fewer present prices than its quorum is 0: it keeps its last answer on chain.

    >>> rows = [Row(1, 5, (10, 7)), Row(1, 5, (12, 0)), Row(1, 5, (11, 9))]
    >>> lane_medians(rows, quorums=[3, 3])
    (11, 0)

    Raises:
        ValueError: a row's length is not the number of feeds.
    """
    lanes = [[price for price in lane if price] for lane in zip(*(row.prices for row in rows), strict=True)]
    pairs = zip(lanes or [[] for _ in quorums], quorums, strict=True)
    return tuple(lower_median(lane) if len(lane) >= max(quorum, 1) else 0 for lane, quorum in pairs)
