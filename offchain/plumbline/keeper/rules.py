# SPDX-License-Identifier: AGPL-3.0-only
"""What a keeper asks of a trade, and what it may spend on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Final

from plumbline.core.arbitrage import Token, gas_cost
from plumbline.core.units import WAD
from plumbline.keeper.limits import NO_LIMITS, Limits

_LIMIT_PERCENT: Final = 200
"""Of the gas that is paid for, as the limit: refunds come only at the end, each nested call keeps back a 64th, and the
state may differ by the time the trade lands. What is not used is not paid for."""
_HEADROOM: Final = 4
"""Times today's price of gas is as much as a trade may come to cost: six full blocks double the base fee, and the
replacements of a usual deadline add three fifths. More would only narrow the slippage it bears."""


@dataclass(frozen=True, slots=True)
class KeeperRules:
    gas_token_usd_wad: int
    min_edge_usd_wad: int = 0
    """Least profit after gas."""
    funding: Collection[str] = ("float", "flash")
    tip_percent: int = 0
    """Of the profit above gas and edge, at most so much goes to whoever makes the block."""
    max_fee_percent: int = 50
    """Of the profit, at most so much goes to gas, however often a stuck trade is replaced. One whose gas takes more as
    it is, is sent at that and no more."""
    dry_run: bool = False
    """Everything but sending."""
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Offer:
    """The terms a trade is sent on."""

    min_profit: int
    """It pays for whatever its gas may come to cost, and the edge."""
    gas: int
    """The limit."""
    tip_wei: int
    max_fee_wei: int
    """{wei per gas} replacements included."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Gas against profit, in the smallest units of the token that the profit is counted in."""

    rules: KeeperRules
    token: Token
    gas_price_wei: int
    """The most a unit of gas costs in the next block."""

    def cost(self, gas: int) -> int:
        """Of gas in the next block, rounded up."""
        return gas_cost(self.token, gas, self.gas_price_wei, self.rules.gas_token_usd_wad)

    def floor(self, gas: int) -> int:
        """The least profit that pays for `gas` and the edge."""
        return self.cost(gas) + ceil(Fraction(self.rules.min_edge_usd_wad, WAD) / self.token.usd)

    def offer(self, profit: int, gas: int) -> Offer:
        """For a trade that leaves `profit`, at least its floor, and takes `gas`."""
        floor, now = self.floor(gas), self.gas_price_wei
        tip = self._wei_per_gas((profit - floor) * self.rules.tip_percent, gas) // 100
        share = self._wei_per_gas(profit * self.rules.max_fee_percent, gas) // 100
        max_fee = max(min(share, _HEADROOM * now + tip), now)
        least = replace(self, gas_price_wei=max_fee).floor(gas)
        if least > profit:
            max_fee, least = now, floor
        return Offer(least, gas * _LIMIT_PERCENT // 100, tip, max_fee)

    def _wei_per_gas(self, amount: int, gas: int) -> int:
        """What an amount pays for."""
        return int(amount * self.token.usd * WAD * WAD / self.rules.gas_token_usd_wad / gas)
