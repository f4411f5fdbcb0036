# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Constants
@license AGPL-3.0-only
@notice The numbers more than one contract shares. Users re-bind them: `WAD: constant(uint256) = c.WAD`.
"""

# The only two bases of fixed-point numbers.
WAD: constant(uint256) = 10**18
MAX_BPS: constant(uint256) = 10_000

YEAR_SECONDS: constant(uint256) = 365 * 86_400    # {s}

# A feed set: prices lie in *words* of four 64-bit lanes.
MAX_FEEDS: constant(uint256) = 32
MAX_WORDS: constant(uint256) = 8                  # MAX_FEEDS / 4
MAX_REPORTERS: constant(uint256) = 31             # their indices fit one word, a byte each
MAX_LANE: constant(uint256) = 2**63 - 1           # the largest price; the top bit of a lane is a flag

# A share.
MAX_COMPONENTS: constant(uint256) = 32
