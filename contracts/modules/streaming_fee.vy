# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Streaming fee
@license AGPL-3.0-only
@notice The law of the fee for holding, as a pure function of time.
@dev The vault counts its backing in *base* {base}: tokens behind an index are base * unit, and a fee never moves
     them. What moves is `growth`, D18{share/base}: the shares that one base answers for. It starts at 1 and grows
     at a continuous rate:

         growth(t) = growth_0 * e**(rate * (t - t_0)),     total shares(t) = base * growth(t)

     so the fee recipient earns rate * total shares each second (share-seconds of the total supply, what he has
     already earned included), and a share that sits still answers for e**(-rate * t) of what it did.

     As growth depends on the time only, never on who touched the vault when, there is nothing to accrue: total
     shares minus the balances *are* the pending fees, in every block, after no call or a thousand. What rounding
     there is: `_exp`'s error (below 5e-17 of growth) and one wei of the total.

     After MAX_EXPONENT (80 years of the highest rate) growth stands still; it never reverts, as an exit needs it.
"""

from contracts.modules import constants as c
from contracts.modules import fixed_point

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
YEAR_SECONDS: constant(uint256) = c.YEAR_SECONDS


@internal
@pure
def _growth(growth_0: uint256, elapsed: uint256, fee_bps: uint256) -> uint256:
    """
    @notice The shares one base answers for.
    @param growth_0 D18{share/base} when this rate began
    @param elapsed {s} since then
    @param fee_bps {bps/year} the continuous rate
    @return D18{share/base}, rounded down
    """
    if fee_bps == 0 or elapsed == 0:
        return growth_0
    exponent: uint256 = min(elapsed * fee_bps * WAD // (MAX_BPS * YEAR_SECONDS), fixed_point.MAX_EXPONENT)
    return fixed_point._mul_div_down(growth_0, fixed_point._exp(exponent), WAD)
