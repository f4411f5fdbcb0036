# SPDX-License-Identifier: Apache-2.0
# pragma version 0.4.3
"""
@title Lender
@notice How much USDC may be borrowed against WBTC: the part of a lending market that reads a price.
"""

from contracts.interfaces import IMedianOracle

MAX_AGE: constant(uint256) = 120          # {s} the feed's heartbeat is 60 s: one round may be late
LTV_BPS: constant(uint256) = 8_000
MAX_BPS: constant(uint256) = 10_000

ORACLE: immutable(IMedianOracle)
FEED: immutable(uint256)
# {1} collateral (8 decimals) * price (the feed's decimals) / SCALE = USD (6 decimals)
SCALE: immutable(uint256)


@deploy
def __init__(oracle: address):
    ORACLE = IMedianOracle(oracle)
    # By name, once: a feed's index, name and decimals never change.
    FEED = staticcall ORACLE.feed_index("BTC/USD")
    described: IMedianOracle.Feed = staticcall ORACLE.feed(FEED)
    SCALE = 10 ** (8 + convert(described.decimals, uint256) - 6)


@external
@view
def max_debt(collateral: uint256) -> uint256:
    """
    @notice {USD, 6 decimals} for `collateral` {WBTC, 8 decimals}. Reverts, with the oracle's reason, when there is no
            price to lend against: nothing has to be checked here.
    """
    price: uint256 = staticcall ORACLE.price(FEED, MAX_AGE)
    # Rounded down, in the lender's favour.
    return collateral * price * LTV_BPS // (SCALE * MAX_BPS)
