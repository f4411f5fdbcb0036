# SPDX-License-Identifier: AGPL-3.0-only
"""What keepers make of a share's pool under one setting: how near to NAV they hold it, and what that earns them.

Block by block: NAV moves with the index, now and then somebody pushes the pool, and one keeper looks, sizes with
`core.arbitrage` and trades `latency` blocks later, if the trade still pays then; else it reverts, and its gas is lost.
The pool's arithmetic is the contract's own, to the unit. NAV is the index itself: what publishing it adds is
`plumbline lab oracle`'s. The keeper's inventory has no end, nobody competes with it, and it trades with float.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isqrt, sqrt
from typing import Final

from plumbline.core.arbitrage import ParityMarket, ParityTrade, Side, Token, best_trade, evaluate, gas_cost, tick_limits
from plumbline.core.curve import Market
from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, PoolState, sqrt_price_of, swap, tick_at_sqrt_price
from plumbline.core.units import MAX_BPS, WAD
from plumbline.lab.paths import DECIMALS, SCALE, Basket, Paths, PathsTask, Study
from plumbline.lab.publish import DAY_S

BLOCK_S: Final = 12
TRADE_GAS: Final = 270_000
"""With float and one pool: `make bench-keeper`."""
BEATEN_GAS: Final = 34_000
"""Of one that sees at once that the pool has moved (`make bench-rivals`) ..."""
LATE_GAS: Final = 276_000
"""... and of one that finds too little profit at its end: without the refunds of one that goes through."""
NAV_USD: Final = 100
SPACING: Final = {100: 1, 500: 10, 3_000: 60, 10_000: 200}
_PLENTY: Final = 1 << 120


@dataclass(frozen=True, slots=True)
class ParitySetting:
    min_edge_usd: int
    """The keeper's threshold: least profit after gas."""
    depth_usd: int
    """Of the pool, on each side at NAV, over all prices."""
    pool_fee_pips: int
    vault_fee_bps: int
    """To mint, and to redeem."""
    gas_mgwei: int
    """{1e-3 gwei} price of a unit of gas."""
    latency: int
    """{blocks} from the state a trade is decided on to the block it lands in; 1: the next one."""

    @property
    def name(self) -> str:
        return f"edge {self.min_edge_usd} USD, {self.depth_usd:,} USD deep, latency {self.latency}"


@dataclass(frozen=True, slots=True)
class ParityStudy(Study):
    pushes_a_day: int = 240
    push_bps: tuple[int, int] = (50, 300)
    gas_token_usd: int = 2_000


@dataclass(frozen=True, slots=True)
class ParityResult:
    """Premiums in bps of NAV, |premium| where not said otherwise; a day's figures are of 24 hours."""

    setting: ParitySetting
    premium_mean: float
    premium_p50: float
    premium_p95: float
    premium_p99: float
    premium_max: float
    bias: float
    """Mean of the signed premium."""
    tracking: float
    """Root of the mean square of the premium: what a holder who trades at a random moment is off by."""
    inside: float
    """Share of blocks in which nobody could earn ten bps beyond the fees."""
    trades_a_day: float
    reverts_a_day: float
    profit_a_day: float
    """{USD} after gas, reverts included."""
    gas_a_day: float
    """{USD}"""
    cost_a_day: float
    """{USD} what those who push pay beyond NAV."""


ParityTask = PathsTask[ParityStudy, ParitySetting]


def study_parity(task: ParityTask) -> list[ParityResult]:
    return [simulate(task.study, task.setting, task.paths())]


class ParityModel:
    """A share's pools, a vault's terms and one keeper: the model, one step at a time."""

    def __init__(self, market: ParityMarket, gas_price_wei: int, gas_token_usd_wad: int, min_edge_usd: int) -> None:
        self.market = market
        self._gas_price_wei, self._gas_token_usd_wad, self._edge_usd = gas_price_wei, gas_token_usd_wad, min_edge_usd
        self.trades = self.reverts = 0
        self.profit = self.gas = 0
        """{quote}"""
        self._limits: tuple[int, ...] = ()
        """The ticks that the trade decided on goes out with."""

    def push(self, bps: int) -> int:
        """Moves the share's price in the deepest pool; returns {quote} what that costs beyond NAV."""
        pool, is_token0 = self.market.pool, self.market.share.is_token0
        num, den = (MAX_BPS + bps, MAX_BPS) if is_token0 else (MAX_BPS, MAX_BPS + bps)
        limit = isqrt(pool.sqrt_price_x96**2 * num // den)
        buys, down = bps > 0, limit < pool.sqrt_price_x96
        moved = swap(pool, zero_for_one=down, amount=None, limit_x96=limit)
        self._moved(pool, moved.sqrt_price_x96)
        shares, quote = (moved.amount_out, -moved.amount_in) if buys else (-moved.amount_in, moved.amount_out)
        return -quote - int(shares * self.market.nav / self.market.quote.usd)

    def decide(self) -> ParityTrade | None:
        trade = best_trade(self.market)
        if trade is None or trade.profit < self._floor():
            return None
        self._limits = tick_limits(self.market.share, trade, self._floor())
        return trade

    def land(self, trade: ParityTrade) -> None:
        """The trade as decided, in the state there is now; it reverts when that pays too little."""
        selling = trade.side is Side.PREMIUM
        down = self.market.share.is_token0 == selling
        pools = {pool.fee_pips: pool for pool in self.market.share.pools}
        ticks = [pools[leg.fee_pips].tick for leg in trade.share_legs]
        beaten = any(at < last if down else at > last for at, last in zip(ticks, self._limits, strict=True))
        profit = evaluate(self.market, trade.side, trade.share_legs).profit
        if beaten or profit < self._floor():
            self.reverts += 1
            self.gas += self._cost(BEATEN_GAS if beaten else LATE_GAS)
            return
        self.trades += 1
        self.profit += profit
        self.gas += self._cost(TRADE_GAS)
        for leg in trade.share_legs:
            pool = pools[leg.fee_pips]
            moved = swap(pool, zero_for_one=down, amount=leg.amount, exact_in=selling)
            self._moved(pool, moved.sqrt_price_x96)

    def _moved(self, pool: PoolState, sqrt_price_x96: int) -> None:
        changed = replace(pool, sqrt_price_x96=sqrt_price_x96, tick=tick_at_sqrt_price(sqrt_price_x96))
        share = self.market.share
        pools = tuple(changed if each.fee_pips == pool.fee_pips else each for each in share.pools)
        self.market = replace(self.market, share=Market(pools, share.is_token0))

    def _cost(self, gas: int) -> int:
        return gas_cost(self.market.quote, gas, self._gas_price_wei, self._gas_token_usd_wad)

    def _floor(self) -> int:
        return self._cost(TRADE_GAS) + int(self._edge_usd / self.market.quote.usd)


def simulate(study: ParityStudy, setting: ParitySetting, paths: Paths) -> ParityResult:
    """The days under one setting."""
    units, luck = study.basket.units_wad(paths.at(0), NAV_USD), random.Random(study.days.seed)
    gas_price_wei = setting.gas_mgwei * 10**6
    model = ParityModel(
        opened(study, setting, paths, units), gas_price_wei, study.gas_token_usd * WAD, setting.min_edge_usd
    )
    premiums, cost_usd, waiting = [], 0.0, None
    due = 0
    for number, place in enumerate(_blocks(paths)):
        if paths.times_s[place] == paths.times_s[0] + number * BLOCK_S:
            model.market = replace(model.market, tokens=_tokens(study.basket, paths.at(place), units))
        if luck.random() < study.pushes_a_day * BLOCK_S / DAY_S:
            cost = model.push(luck.choice((-1, 1)) * luck.randint(*study.push_bps))
            cost_usd += float(cost * model.market.quote.usd)
        # Whoever pushes is in the block before the keeper: the worst order for it.
        if waiting is not None and number >= due:
            model.land(waiting)
            waiting = None
        premiums.append(float(model.market.premium) * MAX_BPS)
        if waiting is None and _may_pay(model.market, premiums[-1]):
            waiting, due = model.decide(), number + setting.latency
    return _result(study, setting, model, premiums, cost_usd)


def opened(study: ParityStudy, setting: ParitySetting, paths: Paths, units: list[int]) -> ParityMarket:
    """The market at the first time, its pool at NAV."""
    tokens = _tokens(study.basket, paths.at(0), units)
    empty = ParityMarket(Market((), True), tokens, setting.vault_fee_bps, setting.vault_fee_bps)
    price = empty.nav / empty.quote.usd
    root = sqrt_price_of(price.numerator, price.denominator)
    liquidity = setting.depth_usd * 10**DECIMALS * (1 << 96) // root * 10**DECIMALS // tokens[-1].price
    # Over all prices a pool has as much quote as liquidity times the root of the price.
    pool = PoolState(
        root,
        tick_at_sqrt_price(root),
        liquidity,
        setting.pool_fee_pips,
        SPACING[setting.pool_fee_pips],
        (),
        MIN_TICK,
        MAX_TICK,
    )
    return replace(empty, share=Market((pool,), True))


def _tokens(basket: Basket, prices: dict[str, int], units: list[int]) -> tuple[Token, ...]:
    named = [*(name for name, _ in basket.parts), basket.quote]
    return tuple(Token(unit, prices[name], SCALE, _PLENTY) for name, unit in zip(named, [*units, 0], strict=True))


def _blocks(paths: Paths) -> Iterator[int]:
    """For each block the place of the prices that hold in it."""
    span_s = len(paths.times_s) * paths.times_s.step
    for second in range(0, span_s, BLOCK_S):
        yield second // paths.times_s.step


def _may_pay(market: ParityMarket, premium_bps: float) -> bool:
    """A quick look, before sizing: nothing pays within the fees."""
    fees = market.pool.fee_pips / 100 + min(market.mint_fee_bps, market.redeem_fee_bps)
    return abs(premium_bps) > fees * 0.99


def _result(
    study: ParityStudy, setting: ParitySetting, model: ParityModel, premiums: list[float], cost_usd: float
) -> ParityResult:
    off, usd = sorted(map(abs, premiums)), float(model.market.quote.usd)
    days, count = len(premiums) * BLOCK_S / DAY_S, len(premiums)
    band = setting.pool_fee_pips / 100 + setting.vault_fee_bps + 10
    return ParityResult(
        setting,
        premium_mean=sum(off) / count,
        premium_p50=off[count // 2],
        premium_p95=off[int(0.95 * count)],
        premium_p99=off[int(0.99 * count)],
        premium_max=off[-1],
        bias=sum(premiums) / count,
        tracking=sqrt(sum(each * each for each in premiums) / count),
        inside=sum(each <= band for each in off) / count,
        trades_a_day=model.trades / days,
        reverts_a_day=model.reverts / days,
        profit_a_day=(model.profit - model.gas) * usd / days,
        gas_a_day=model.gas * usd / days,
        cost_a_day=cost_usd / days,
    )
