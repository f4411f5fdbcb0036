# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Fixed point
@license AGPL-3.0-only
@notice Products and quotients whose rounding is in the name, and the exponential that continuous fees need.
"""

from contracts.modules import constants as c

WAD: constant(uint256) = c.WAD

MAX_EXPONENT: constant(uint256) = 8 * WAD     # D18{1}
_MAX_TERMS: constant(uint256) = 64            # 8**64 / 64! * 1e18 < 1: the sum has always ended by then


@internal
@pure
def _mul_div_down(a: uint256, b: uint256, divisor: uint256) -> uint256:
    """
    @notice a * b / divisor, rounded down: when paying out. Reverts when a * b does not fit a word.
    """
    return a * b // divisor


@internal
@pure
def _mul_div_up(a: uint256, b: uint256, divisor: uint256) -> uint256:
    """
    @notice a * b / divisor, rounded up: when charging. Reverts when a * b + divisor does not fit a word.
    """
    return (a * b + (divisor - 1)) // divisor


@internal
@pure
def _exp(x: uint256) -> uint256:
    """
    @notice e**x for 0 <= x <= MAX_EXPONENT, by its power series until a term vanishes.
    @dev Never above the exact value, and below it by less than 5e-17 of it for x <= 8 (and by at most 20 wei for
         x <= 1, some 10 years of the highest streaming fee): each of the terms loses less than one wei of its own
         and its share of its predecessor's.
    @param x D18{1}
    @return D18{1}
    """
    assert x <= MAX_EXPONENT, "exp: exponent too large"
    term: uint256 = WAD
    total: uint256 = WAD
    for i: uint256 in range(1, _MAX_TERMS):
        # No overflow: a term is below e**8 * WAD < 2**72, x below 2**63.
        term = unsafe_div(unsafe_mul(term, x), unsafe_mul(i, WAD))
        if term == 0:
            break
        total = unsafe_add(total, term)
    return total
