# SPDX-License-Identifier: AGPL-3.0-only
"""A vault and a pool of its share in memory, at any premium and under any positions, and a venue over them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from fractions import Fraction

from plumbline.core.arbitrage import ParityMarket, ParityTrade, Side, Token, evaluate
from plumbline.core.curve import Market
from plumbline.core.uniswap_math import PoolState, sqrt_price_of, swap, tick_at_sqrt_price
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.ports import ParitySnapshot, TakenReceipt

SPACING = 10
PLENTY = 10**30
# (token decimals, USD per token with 8 decimals, USD of it in one share of about 100 USD)
BASKET = ((8, 20_000_00000000, 40), (6, 97_000_000, 20), (6, 1_00100000, 20), (6, 1_06500000, 20))
USDC = 1


def tokens(held: int = PLENTY) -> tuple[Token, ...]:
    """The components, then USDC as the quote token."""
    components = tuple(
        Token(
            unit_wad=usd * 10**8 * 10**decimals * WAD // price,
            price=price,
            scale=10 ** (decimals + 8),
            held=held,
        )
        for decimals, price, usd in BASKET
    )
    return (*components, replace(components[USDC], unit_wad=0))


def pool_at(share_price: Fraction, positions: list[tuple[int, int, int]], *, share_is_token0: bool, fee: int = 500):
    """A pool whose share costs `share_price` (quote units per share wei), under (low, high, liquidity) positions given
    in spacings from the present tick."""
    price = share_price if share_is_token0 else 1 / share_price
    sqrt_price = sqrt_price_of(price.numerator, price.denominator)
    tick = tick_at_sqrt_price(sqrt_price)
    centre, nets, active = tick // SPACING, {}, 0
    for low, high, liquidity in positions:
        low_tick, high_tick = (centre + low) * SPACING, (centre + high) * SPACING
        nets[low_tick] = nets.get(low_tick, 0) + liquidity
        nets[high_tick] = nets.get(high_tick, 0) - liquidity
        if low_tick <= tick < high_tick:
            active += liquidity
    ticks = tuple(sorted((tick, net) for tick, net in nets.items() if net))
    return PoolState(sqrt_price, tick, active, fee, SPACING, ticks)


def market_at(
    premium: Fraction, positions, *, share_is_token0: bool, fee: int = 500, held: int = PLENTY
) -> ParityMarket:
    """The basket above with its share traded against USDC at NAV * (1 + premium)."""
    market = ParityMarket(Market((), share_is_token0), tokens(held), 5, 5)
    return with_pool(market, premium, positions, fee)


def with_pool(market: ParityMarket, premium: Fraction, positions, fee: int) -> ParityMarket:
    """The same market with one more pool of the share, at NAV * (1 + premium)."""
    is_token0 = market.share.is_token0
    pool = pool_at(market.nav / market.quote.usd * (1 + premium), positions, share_is_token0=is_token0, fee=fee)
    return replace(market, share=Market((*market.share.pools, pool), is_token0))


WIDE = [(-3_000, 3_000, 3 * 10**17)]
LAYERED = [(-3_000, 3_000, 10**16), (-40, 25, 10**18), (-8, 300, 4 * 10**17), (-300, -6, 2 * 10**18)]


def after_trade(market: ParityMarket, trade: ParityTrade) -> Market:
    """The share's pools once the trade is done."""
    amounts = {leg.fee_pips: leg.amount for leg in trade.share_legs}
    down = market.share.is_token0 == (trade.side is Side.PREMIUM)
    pools = (
        after_swap(pool, down, amounts.get(pool.fee_pips, 0), exact_in=trade.side is Side.PREMIUM)
        for pool in market.share.pools
    )
    return Market(tuple(pools), market.share.is_token0)


def after_swap(pool: PoolState, down: bool, amount: int, *, exact_in: bool) -> PoolState:
    moved = swap(pool, zero_for_one=down, amount=amount, exact_in=exact_in)
    tick = tick_at_sqrt_price(moved.sqrt_price_x96)
    crossed = [net for at, net in pool.ticks if min(tick, pool.tick) < at <= max(tick, pool.tick)]
    liquidity = pool.liquidity + (-1 if tick < pool.tick else 1) * sum(crossed)
    return replace(pool, sqrt_price_x96=moved.sqrt_price_x96, tick=tick, liquidity=liquidity)


GWEI = 10**9


@dataclass
class FakeVenue:
    """The chain as a keeper sees it. Each question takes one of `failures`: raised, or None: answered."""

    market: ParityMarket
    block: int = 100
    gas: int = 400_000
    gas_price_wei: int = GWEI // 10
    rival: ParityTrade | None = None
    """Traded by somebody else between the simulation and the keeper's own trade, which reverts then."""
    failures: list[ChainError | None] = field(default_factory=list)
    executed: list[ParityTrade] = field(default_factory=list)
    receipts: list[TakenReceipt] = field(default_factory=list)
    answers_lost: int = 0
    """So many of the next trades are mined, but the keeper never hears of it."""
    traded: asyncio.Event = field(default_factory=asyncio.Event)
    simulated: int = 0
    tips: list[int] = field(default_factory=list)
    offers: list[tuple[int, int]] = field(default_factory=list)
    """(least profit, most wei per gas) of every trade."""
    reverted: int = 0
    looked_back_to: list[int] = field(default_factory=list)

    async def head(self) -> bytes:
        self._fail()
        return self.block.to_bytes(32)

    async def snapshot(self) -> ParitySnapshot:
        self._fail()
        return ParitySnapshot(self.block, 1_700_000_000, self.gas_price_wei, self.market)

    async def simulate(self, trade: ParityTrade, min_profit: int) -> tuple[int, int]:
        self._fail()
        self.simulated += 1
        return self._checked(trade, min_profit).profit, self.gas

    async def execute(
        self, trade: ParityTrade, min_profit: int, gas: int, tip_wei: int, max_fee_wei: int
    ) -> TakenReceipt:
        self._fail()
        self.tips.append(tip_wei)
        self.offers.append((min_profit, max_fee_wei))
        assert gas >= self.gas
        assert max_fee_wei >= self.gas_price_wei
        if self.rival is not None:
            self._apply(self.rival)
            self.rival = None
        try:
            done = self._checked(trade, min_profit)
        except ChainError as error:
            self.block += 1
            self.reverted += 1
            tx_hash = f"0xbad{self.reverted:061x}"
            return TakenReceipt(tx_hash, self.block, trade.side, 0, 0, self.gas, self.gas_price_wei, error.reason)
        self._apply(done)
        self.executed.append(done)
        self.traded.set()
        tx_hash = f"0x{len(self.executed):064x}"
        terms = (done.side, done.shares, done.profit, self.gas, self.gas_price_wei)
        self.receipts.append(TakenReceipt(tx_hash, self.block, *terms))
        if self.answers_lost:
            self.answers_lost -= 1
            raise ChainUnreachable("connection reset")
        return self.receipts[-1]

    async def receipts_since(self, block: int) -> list[TakenReceipt]:
        self._fail()
        self.looked_back_to.append(block)
        return [receipt for receipt in self.receipts if receipt.block >= block]

    def _checked(self, trade: ParityTrade, min_profit: int) -> ParityTrade:
        """As the contract does: profit at today's state, or a revert with its words."""
        done = evaluate(self.market, trade.side, trade.share_legs)
        if done.profit < min_profit:
            raise ChainError("reverted", "arbitrageur: loss" if done.profit < 0 else "arbitrageur: profit too small")
        return done

    def _apply(self, trade: ParityTrade) -> None:
        market, selling = self.market, trade.side is Side.PREMIUM
        sign = -1 if selling else 1
        moved = [*(sign * amount for amount in market.amounts(trade.side, trade.shares)), -sign * trade.quote_amount]
        tokens = (replace(token, held=token.held + each) for token, each in zip(market.tokens, moved, strict=True))
        self.market = replace(market, share=after_trade(market, trade), tokens=tuple(tokens))
        self.block += 1

    def _fail(self) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
