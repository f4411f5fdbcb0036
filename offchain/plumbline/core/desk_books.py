# SPDX-License-Identifier: AGPL-3.0-only
"""What a desk earned, by where it came from. All amounts are quote in its smallest units, shares valued at NAV.

Between two looks at the chain the desk's worth, net of its target, changes by

    spread      what the range traded, at the pool's prices, against NAV: all that nothing else explains
    fees        what the range earned in the pool's fee
    hedging     what minting, redeeming and the components' swaps cost beyond NAV
    inventory   what NAV's move did to the net exposure held before: it funds the position, the streaming fee included
    gas         beside these, out of the key's own ether

The first four sum up to the change of worth to the unit. What the owner paid in or took out is none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction

from plumbline.core.desk import DeskState


@dataclass(frozen=True, slots=True)
class Mark:
    """What there was at one look: a pair is (shares, quote)."""

    nav: Fraction
    """{quote} smallest units for one share wei."""
    hand: tuple[int, int]
    ranged: tuple[int, int]
    """In the range, without its fees."""
    fees: tuple[int, int]
    """Of the range, not collected."""
    target: int

    @staticmethod
    def of(state: DeskState, target: int) -> Mark:
        fees = (state.range.fee_shares, state.range.fee_quote) if state.range else (0, 0)
        return Mark(state.nav, (state.shares, state.quote), state.in_range(), fees, target)

    @property
    def net_shares(self) -> int:
        return self.hand[0] + self.ranged[0] + self.fees[0] - self.target

    @property
    def quote(self) -> int:
        return self.hand[1] + self.ranged[1] + self.fees[1]


@dataclass(frozen=True, slots=True)
class Flows:
    """What the desk's own transactions moved: pairs are (shares, quote)."""

    hedged: tuple[int, int] = (0, 0)
    """Into the hand: one grows, the other falls."""
    ranged: tuple[int, int] = (0, 0)
    """Out of the hand into the range; negative the other way."""
    collected: tuple[int, int] = (0, 0)
    """Fees of the range, into the hand."""
    gas: int = 0
    """{quote}"""


@dataclass(frozen=True, slots=True)
class Booking:
    """{quote} earned by source, or lost."""

    spread: int = 0
    fees: int = 0
    hedging: int = 0
    inventory: int = 0
    gas: int = 0

    @property
    def net(self) -> int:
        return self.spread + self.fees + self.hedging + self.inventory + self.gas

    def __add__(self, other: Booking) -> Booking:
        return Booking(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def book(before: Mark, after: Mark, flows: Flows) -> Booking:
    """What happened between two looks, `flows` being all the desk itself did."""
    # A change of the target is of the owner's making, as a payment is.
    exposure = before.net_shares + before.target - after.target
    paid_in = [after.hand[i] - before.hand[i] - flows.hedged[i] + flows.ranged[i] - flows.collected[i] for i in (0, 1)]
    worth = _worth(after.nav, after.net_shares - paid_in[0], after.quote - paid_in[1])
    total = worth - _worth(before.nav, exposure, before.quote)
    earned = [after.fees[i] - before.fees[i] + flows.collected[i] for i in (0, 1)]
    fees, hedging = _worth(after.nav, earned[0], earned[1]), _worth(after.nav, *flows.hedged)
    inventory = _worth(after.nav, exposure, 0) - _worth(before.nav, exposure, 0)
    return Booking(total - fees - hedging - inventory, fees, hedging, inventory, -flows.gas)


def _worth(nav: Fraction, shares: int, quote: int) -> int:
    """Rounded down, whatever its sign."""
    return shares * nav.numerator // nav.denominator + quote
