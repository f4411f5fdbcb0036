# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Lanes
@license AGPL-3.0-only
@notice Arithmetic on four 63-bit numbers at once: a word is four 64-bit lanes, the top bit of each is its *flag*.
@dev With all flags set in the minuend, one subtraction compares four pairs: a lane's flag survives where minuend >=
     subtrahend, and nothing is borrowed across lanes. This is plain word arithmetic that cannot overflow as long as
     every lane stays below 2**63, which `submit` sees to.
"""

ONES: constant(uint256) = 2**192 + 2**128 + 2**64 + 1
FLAGS: constant(uint256) = ONES << 63
FLAG: constant(uint256) = 2**63
LANE_MASK: constant(uint256) = 2**64 - 1
PRICE_MASK: constant(uint256) = 2**63 - 1

# Counters of at most 31 observations x fit a byte: a lane holds #(x >= median), #(x <= median) and #(x >= 1).
COUNTER: constant(uint256) = ONES * 255


@internal
@pure
def _check_median(median: uint256, counters: uint256, rows: uint256, quorum: uint256) -> uint256:
    """
    @notice Check that each lane of `median` is the lower median of its lane's present observations, and 0 in a lane
            that is short of its quorum.
    @dev Of c present observations, m is the lower median when 2 * #(x <= m) >= c and 2 * #(x >= m) >= c + 1; the two
         counts then add up to more than c, so some observation equals m. An absent observation is 0 and counts as <= m
         but never as >= m, which makes the first 2 * #(all x <= m) + c >= 2 * rows.
    @param counters the three counters of each lane
    @param rows {1} how many observations a lane has, the absent ones included
    @return The flags of the lanes that have their quorum.
    """
    at_least: uint256 = counters & COUNTER
    at_most: uint256 = (counters >> 8) & COUNTER
    present: uint256 = (counters >> 16) & COUNTER
    quorate: uint256 = unsafe_sub(present | FLAGS, quorum) & FLAGS
    exact: uint256 = (
        unsafe_sub(unsafe_add(at_most << 1, present) | FLAGS, unsafe_mul(rows << 1, ONES))
        & unsafe_sub(at_least << 1 | FLAGS, unsafe_add(present, ONES))
    )
    assert (exact | ~quorate) & FLAGS == FLAGS, "oracle: median"
    # From flag to whole lane: 2**63 becomes 2**64 - 1.
    quorate_lanes: uint256 = quorate | unsafe_sub(quorate, quorate >> 63)
    assert median & ~quorate_lanes == 0, "oracle: median of no quorum"
    return quorate


@internal
@pure
def _near(price: uint256, last: uint256, step_shift: uint256) -> uint256:
    """
    @return The flags of the lanes in which price lies within last >> step_shift of last; not all of those in which last
            and step together need 64 bits.
    """
    step: uint256 = (last >> step_shift) & unsafe_mul(PRICE_MASK >> step_shift, ONES)
    return (
        unsafe_sub(unsafe_add(last, step) | FLAGS, price) & unsafe_sub(price | FLAGS, unsafe_sub(last, step)) & FLAGS
    )
