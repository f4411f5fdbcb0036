# SPDX-License-Identifier: AGPL-3.0-only
"""What an index that keeps fixed weights pays to keep them: how often, and from which drift on, it should rebalance.

The index is compared with an ideal one that has its weights back at every hour and pays nothing. Between rebalances
the real one drifts; at each one it swaps what is too much of a component for what is too little, through pools whose
arithmetic is the contract's own, at the weights of `stale_s` ago (an auction is proposed, opened, bid for). After each
swap somebody else brings the pool back to the market's price: what the index pays is that difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Final

from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, PoolState, sqrt_price_of, swap, tick_at_sqrt_price
from plumbline.core.units import MAX_BPS, WAD
from plumbline.lab.parity import SPACING
from plumbline.lab.paths import DECIMALS, SCALE, Basket, Paths, PathsTask, Study
from plumbline.lab.publish import DAY_S

HOUR_S: Final = 3_600
TURN_GAS: Final = 332_000
"""To propose and open a rebalance: `make bench-vault`, 20 components ..."""
BID_GAS: Final = 281_000
"""... and of each flash-funded bid: `make bench-keeper`."""


@dataclass(frozen=True, slots=True)
class RebalanceSetting:
    every_s: int
    """How often the weights are looked at."""
    tolerance_bps: int
    """Of the index's value: as long as no component is further off its weight, nothing is done."""
    depth_usd: int
    """Of each component's pool, on each side, over all prices."""
    pool_fee_pips: int
    gas_mgwei: int
    """{1e-3 gwei} price of a unit of gas."""
    stale_s: int
    """How old the weights are by the time they are traded."""

    @property
    def name(self) -> str:
        return f"every {self.every_s / HOUR_S:g} h, tolerance {self.tolerance_bps} bps"


@dataclass(frozen=True, slots=True)
class RebalanceStudy(Study):
    size_usd: int = 10_000_000
    gas_token_usd: int = 2_000


@dataclass(frozen=True, slots=True)
class RebalanceResult:
    setting: RebalanceSetting
    tracking: float
    """{bps} root of the mean square of the hourly difference of returns from the ideal index's."""
    drift_mean: float
    """{bps} of value in the wrong component, mean over time."""
    drift_max: float
    slippage_a_day: float
    """{bps of value} pool fees and price impact."""
    gas_a_day: float
    """{bps of value}"""
    rebalances_a_day: float
    behind: float
    """{bps} what the index lacks of the ideal one at the end, costs included; negative: it is ahead."""

    @property
    def cost_a_day(self) -> float:
        return self.slippage_a_day + self.gas_a_day


RebalanceTask = PathsTask[RebalanceStudy, RebalanceSetting]


def study_rebalance(task: RebalanceTask) -> list[RebalanceResult]:
    return [simulate(task.study, task.setting, task.paths())]


class Holdings:
    """What the index holds {1e-8 of each component}, and what its trades have cost."""

    def __init__(self, basket: Basket, size_usd: int, prices: Mapping[str, int]) -> None:
        self._parts = basket.parts
        self.amounts = {name: size_usd * bps * SCALE // (MAX_BPS * prices[name]) for name, bps in basket.parts}
        self.slippage = self.gas = 0.0
        """{USD}"""
        self.rebalances = 0

    def value(self, prices: Mapping[str, int]) -> int:
        """{1e-16 USD}"""
        return sum(amount * prices[name] for name, amount in self.amounts.items())

    def excess(self, prices: Mapping[str, int]) -> dict[str, int]:
        """{1e-16 USD} what there is of each component beyond its weight."""
        value = self.value(prices)
        return {name: self.amounts[name] * prices[name] - value * bps // MAX_BPS for name, bps in self._parts}

    def drift_bps(self, prices: Mapping[str, int]) -> tuple[float, float]:
        """(value in the wrong component, the component that is furthest off), of the index's value."""
        off, value = [abs(each) for each in self.excess(prices).values()], self.value(prices)
        return sum(off) / 2 * MAX_BPS / value, max(off) * MAX_BPS / value

    def rebalance(
        self, seen: Mapping[str, int], now: Mapping[str, int], setting: RebalanceSetting, gas_usd: float
    ) -> None:
        """Trade what the weights of `seen` ask for at the prices of `now`: sales first, their proceeds buy the rest."""
        excess, before = self.excess(seen), self.value(now)
        wanted = {name: -each for name, each in excess.items() if each < 0}
        if not any(wanted.values()):
            return
        cash = 0
        for name, each in excess.items():
            if each > 0:
                sold = each // seen[name]
                self.amounts[name] -= sold
                cash += traded(sold, now[name], setting, selling=True)
        # In dollars: each buyer gets its part of what the sales brought.
        total, spent, names = sum(wanted.values()), 0, list(wanted)
        for name in names:
            part = cash - spent if name == names[-1] else cash * wanted[name] // total
            spent += part
            self.amounts[name] += traded(part, now[name], setting, selling=False)
        self.slippage += (before - self.value(now)) / SCALE
        self.gas += gas_usd * (TURN_GAS + BID_GAS * max(len(excess) - 1, 1))
        self.rebalances += 1


def traded(amount: int, price: int, setting: RebalanceSetting, *, selling: bool) -> int:
    """What a pool at `price` gives for an amount of the component (of dollars with 8 decimals, when buying)."""
    root = sqrt_price_of(price, 10**DECIMALS)
    liquidity = setting.depth_usd * 10**DECIMALS * (1 << 96) // root
    ticks = tick_at_sqrt_price(root), SPACING[setting.pool_fee_pips]
    pool = PoolState(root, ticks[0], liquidity, setting.pool_fee_pips, ticks[1], (), MIN_TICK, MAX_TICK)
    return swap(pool, zero_for_one=selling, amount=amount).amount_out


def simulate(study: RebalanceStudy, setting: RebalanceSetting, paths: Paths) -> RebalanceResult:
    """The days under one setting."""
    step, opening = paths.times_s.step, paths.at(0)
    held = Holdings(study.basket, study.size_usd, opening)
    gas_usd = setting.gas_mgwei * 10**6 * study.gas_token_usd / WAD
    ideal, since, worth = 1.0, opening, held.value(opening) / SCALE
    drifts, pairs = [], [(0.0, 0.0)]
    for place in range(1, len(paths.times_s)):
        prices = paths.at(place)
        drift, furthest = held.drift_bps(prices)
        drifts.append(drift)
        if place * step % setting.every_s < step and furthest > setting.tolerance_bps:
            held.rebalance(paths.at(max(place - setting.stale_s // step, 0)), prices, setting, gas_usd)
        if place * step % HOUR_S < step:
            ideal *= sum(bps / MAX_BPS * prices[name] / since[name] for name, bps in study.basket.parts)
            since = prices
            pairs.append((log(ideal), log((held.value(prices) / SCALE - held.gas) / worth)))
    days = (len(paths.times_s) - 1) * step / DAY_S
    return RebalanceResult(
        setting,
        tracking=_tracking(pairs),
        drift_mean=sum(drifts) / len(drifts),
        drift_max=max(drifts),
        slippage_a_day=held.slippage / study.size_usd * MAX_BPS / days,
        gas_a_day=held.gas / study.size_usd * MAX_BPS / days,
        rebalances_a_day=held.rebalances / days,
        behind=(pairs[-1][0] - pairs[-1][1]) * MAX_BPS,
    )


def _tracking(pairs: Sequence[tuple[float, float]]) -> float:
    """{bps} of hourly returns, given the logs of both values at each hour."""
    off = [(pairs[i][0] - pairs[i - 1][0] - pairs[i][1] + pairs[i - 1][1]) * MAX_BPS for i in range(1, len(pairs))]
    return sqrt(sum(each * each for each in off) / len(off)) if off else 0.0
