# SPDX-License-Identifier: AGPL-3.0-only
"""The arbitrageur between the real vault and real pools of share and components, under pushes, price moves, gifts and
strangers; with float and flash-funded.

Invariants are those of docs/keeper.md; what a trade was worth is reckoned here from balances and prices alone.
PLUMBLINE_FUZZ=long runs it for hours instead of seconds.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from scripts.artifacts import Artifact, compile_contract

from plumbline.chain.parity import words_of
from plumbline.chain.uniswap import artifact, linked_bytecode, pool_code_hash
from plumbline.core.arbitrage import Leg, ParityMarket, ParityTrade, Side, Token, best_trade, tick_limits
from plumbline.core.curve import Market
from plumbline.core.cycle import Component, CycleMarket, best_cycle
from plumbline.core.uniswap_math import TICK_OFFSET, PoolState, sqrt_price_of
from tests.helpers.index import factory_on
from tests.helpers.revm import Chain, Contract, Reverted

WAD = 10**18
FOREVER = 2**255
START_S = 1_700_000_000
MAX_AGE_S = 600
FEE_PIPS, EDGE = 500, 887_270
LONG = os.environ.get("PLUMBLINE_FUZZ") == "long"
KEEPER, TRADER, OWNER, STRANGER = (f"0x{0xC0 + i:040x}" for i in range(4))
CALLS = {
    (Side.PREMIUM, False): "mint_and_sell",
    (Side.DISCOUNT, False): "buy_and_redeem",
    (Side.PREMIUM, True): "take_premium",
    (Side.DISCOUNT, True): "take_discount",
}

# (contract, decimals, smallest units behind one share, USD with 8 decimals)
BASKET = (
    ("MockERC20", 8, 200_000, 20_000 * 10**8),
    ("MockERC20", 6, 20_000_000, 97_000_000),
    ("MockNoReturnERC20", 6, 20_000_000, 100_500_000),
    ("MockERC20", 6, 20_000_000, 105_250_000),
)
QUOTE = 1


class Stage(NamedTuple):
    chain: Chain
    tokens: list[Contract]
    oracle: Contract
    vault: Contract
    router: Contract
    pools: list[Contract]
    """Of each component and of the share (last) against the quote token; the quote's own place is the share's, too."""
    arbitrageur: Contract


@cache
def stage() -> Stage:
    """Made once; every run starts from here and is rolled back."""
    chain = Chain(START_S)
    tokens = [chain.deploy(compile_contract(name), "T", "T", decimals) for name, decimals, *_ in BASKET]
    oracle = chain.deploy(compile_contract("MockOracle"), [f"T{i}/USD" for i in range(4)], [8] * 4)
    for feed, (*_, price) in enumerate(BASKET):
        oracle.call("set_price", feed, price)
    indexes = factory_on(chain)
    units = [unit * WAD for _, _, unit, _ in BASKET]
    addresses = [token.address for token in tokens]
    index = ("Index", "IDX", addresses, units, oracle.address, [0, 1, 2, 3], 5, 5, 50, OWNER, OWNER)
    vault = Contract(chain, indexes.call("create", index), compile_contract("IndexVault").abi)

    nobody = "0x" + "00" * 20
    factory = uniswap(chain, "UniswapV3Factory")
    manager = uniswap(chain, "NonfungiblePositionManager", factory.address, nobody, nobody)
    router = uniswap(chain, "SwapRouter", factory.address, nobody)
    terms = (vault.address, addresses[QUOTE], QUOTE, factory.address, pool_code_hash())
    arbitrageur = chain.deploy(compile_contract("ParityArbitrageur"), *terms, sender=KEEPER)
    for token in tokens:
        for who, spender in ((KEEPER, arbitrageur), (TRADER, vault), (TRADER, router), (TRADER, manager)):
            token.call("mint", who, 10**15)
            token.call("approve", spender.address, FOREVER, sender=who)
    vault.call("mint", 30_000 * WAD, TRADER, [FOREVER] * 4, FOREVER, sender=TRADER)
    for spender in (router, manager):
        vault.call("approve", spender.address, FOREVER, sender=TRADER)
    arbitrageur.call("deposit_float", [20_000 * unit for _, _, unit, _ in BASKET], sender=KEEPER)

    share = (vault.address, WAD, vault.call("nav", MAX_AGE_S) * 10**6 // (97 * 10**16), 10_000)
    assets = [
        (address, unit, unit * price * 10**6 // 10**decimals // BASKET[QUOTE][3], 40_000)
        for address, (_, decimals, unit, price) in zip(addresses, BASKET, strict=True)
    ]
    pools = [
        open_pool(factory, manager, addresses[QUOTE], share if place == QUOTE else each)
        for place, each in enumerate(assets)
    ]
    return Stage(chain, tokens, oracle, vault, router, [*pools, pools[QUOTE]], arbitrageur)


def open_pool(factory: Contract, manager: Contract, quote: str, asset: tuple[str, int, int, int]) -> Contract:
    """(address, amount, its worth in quote, how often that is put in)"""
    address, amount, in_quote, times = asset
    worth = {address: amount, quote: in_quote}
    low, high = sorted(worth, key=lambda token: int(token, 16))
    price = sqrt_price_of(worth[high], worth[low])
    made = factory.call("getPool", low, high, FEE_PIPS)
    if int(made, 16) == 0:
        manager.call("createAndInitializePoolIfNecessary", low, high, FEE_PIPS, price, sender=TRADER)
        deposit = (times * worth[low], times * worth[high])
        manager.call("mint", (low, high, FEE_PIPS, -EDGE, EDGE, *deposit, 0, 0, TRADER, FOREVER), sender=TRADER)
    return Contract(factory.chain, factory.call("getPool", low, high, FEE_PIPS), artifact("UniswapV3Pool")["abi"])


def uniswap(chain: Chain, name: str, *arguments: object) -> Contract:
    return chain.deploy(Artifact(name, artifact(name)["abi"], linked_bytecode(name, {}), 0, {}), *arguments)


class ArbitrageMachine(RuleBasedStateMachine):
    seen: ClassVar[Counter[Any]] = Counter()
    """Trades by side, and refusals by reason, over all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = stage()
        self.chain = self.stage.chain
        self.start = self.chain.evm.snapshot()
        self.chain.set_time(START_S)
        self.prices = [price for *_, price in BASKET]
        self.assets = [*self.stage.tokens, self.stage.vault]
        self.gifts = [0] * len(self.assets)

    def teardown(self) -> None:
        self.chain.evm.revert(self.start)

    @rule(buy=st.booleans(), shares=st.integers(1, 400))
    def push(self, buy: bool, shares: int) -> None:
        self._swap(self.stage.vault, WAD, buy, shares)

    @rule(place=st.sampled_from((0, 2, 3)), buy=st.booleans(), shares=st.integers(1, 2_000))
    def push_component(self, place: int, buy: bool, shares: int) -> None:
        self._swap(self.stage.tokens[place], BASKET[place][2], buy, shares)

    def _swap(self, asset: Contract, unit: int, buy: bool, shares: int) -> None:
        """The trader buys or sells what about so many shares hold of an asset, or the shares themselves."""
        quote = self.stage.tokens[QUOTE].address
        quote_amount = shares * (10**8 if asset is self.stage.vault else 25 * 10**6)
        route, amount = ((quote, asset.address), quote_amount) if buy else ((asset.address, quote), shares * unit)
        self.stage.router.call("exactInputSingle", (*route, FEE_PIPS, TRADER, FOREVER, amount, 0, 0), sender=TRADER)

    @rule(feed=st.integers(0, 3), bps=st.integers(-300, 300))
    def reprice(self, feed: int, bps: int) -> None:
        self.prices[feed] = self.prices[feed] * (10_000 + bps) // 10_000
        self.stage.oracle.call("set_price", feed, self.prices[feed])

    @rule(seconds=st.integers(1, 2 * MAX_AGE_S), publish=st.booleans())
    def wait(self, seconds: int, publish: bool) -> None:
        self.chain.set_time(self.chain.timestamp + seconds)
        if publish:
            for feed, price in enumerate(self.prices):
                self.stage.oracle.call("set_price", feed, price)

    @rule(
        side=st.sampled_from(Side),
        flash=st.booleans(),
        shares=st.integers(1, 500 * WAD),
        min_profit=st.sampled_from((0, 1, 10**6)),
        ahead=st.sampled_from((None, None, 50, 0, -1)),
    )
    def trade_anything(self, side: Side, flash: bool, shares: int, min_profit: int, ahead: int | None) -> None:
        """With a limit so many ticks ahead of the share's pool: beyond it nothing else is looked at."""
        legs = tuple(Leg(place, FEE_PIPS, 0) for place in (0, 2, 3)) if flash else ()
        trade = ParityTrade(side, shares, (Leg(0, FEE_PIPS, shares),), 0, legs=legs, flash=flash)
        market = self._pools(4)
        down = market.is_token0 == (side is Side.PREMIUM)
        told = self.seen["arbitrageur: pool has moved"]
        limit = None if ahead is None else market.pools[0].tick + (-ahead if down else ahead)
        self._trade(trade, min_profit, limit)
        assert (self.seen["arbitrageur: pool has moved"] > told) == (ahead == -1)

    @rule(percent=st.sampled_from((100, 50, 99, 101, 130)), demand=st.sampled_from((0, 1)), flash=st.booleans())
    def trade_about_the_best(self, percent: int, demand: int, flash: bool) -> None:
        """At the optimum the profit is the one that was reckoned; one unit more than it is refused."""
        best = best_cycle(self._cycle()) if flash else best_trade(self._market())
        if best is None:
            return
        if percent != 100:
            (leg,) = best.share_legs
            shares = leg.amount * percent // 100 or 1
            self._trade(replace(best, shares=shares, share_legs=(replace(leg, amount=shares),)), 0)
            return
        (limit,) = tick_limits(self._pools(4), best, best.profit + demand)
        done = self._trade(best, best.profit + demand, limit)
        if demand:
            assert done is None
        elif done is not None:
            assert done == best.profit

    def _trade(self, trade: ParityTrade, min_profit: int, limit: int | None = None) -> int | None:
        """A-1: what it says is what the keeper gained; a call that reverts changes nothing."""
        before = self._wealth()
        word = 0 if limit is None else limit + TICK_OFFSET
        share_legs = [word << 160 | leg.fee_pips << 128 | leg.amount for leg in trade.share_legs]
        terms = (words_of(trade.legs), min_profit, FOREVER) if trade.flash else (min_profit, MAX_AGE_S, FOREVER)
        try:
            call = CALLS[trade.side, trade.flash]
            profit = self.stage.arbitrageur.call(call, share_legs, *terms, sender=KEEPER)
        except Reverted as reverted:
            self.seen[str(reverted)] += 1
            assert self._wealth() == before
            return None
        self.seen[trade.side, trade.flash] += 1
        after = self._wealth()
        if trade.flash:
            assert [now - was for was, now in zip(before, after, strict=True)] == [0, profit, 0, 0, 0]
        else:
            # Each component is rounded against the keeper to 1e-18 USD, and their sum to a unit of quote.
            assert 0 <= self._gain(before, after) - profit <= 1
        assert profit >= min_profit
        return int(profit)

    @rule(asset=st.integers(0, 4), amount=st.integers(1, 10**9))
    def give(self, asset: int, amount: int) -> None:
        self.assets[asset].call("transfer", self.stage.arbitrageur.address, amount, sender=TRADER)
        self.gifts[asset] += amount

    @rule(asset=st.integers(0, 4))
    def rescue(self, asset: int) -> None:
        amount = self.gifts[asset] // 2
        self.stage.arbitrageur.call("rescue", self.assets[asset].address, amount, sender=KEEPER)
        self.gifts[asset] -= amount

    @rule(who=st.sampled_from((STRANGER, TRADER, OWNER)), asset=st.integers(0, 4))
    def stranger_tries(self, who: str, asset: int) -> None:
        """A-3"""
        arbitrageur = self.stage.arbitrageur
        share_legs = [FEE_PIPS << 128 | WAD]
        for name, *arguments in (
            ("mint_and_sell", share_legs, 0, MAX_AGE_S, FOREVER),
            ("buy_and_redeem", share_legs, 0, MAX_AGE_S, FOREVER),
            ("take_premium", share_legs, [], 0, FOREVER),
            ("take_discount", share_legs, [], 0, FOREVER),
            ("deposit_float", [1, 0, 0, 0]),
            ("withdraw_float", [1, 0, 0, 0]),
            ("claim_float", self.assets[asset].address),
            ("rescue", self.assets[asset].address, 1),
            ("uniswapV3SwapCallback", 1, -1, b""),
            ("uniswapV3SwapCallback", -1, 1, b""),
        ):
            with pytest.raises(Reverted, match=r"arbitrageur: not the (owner|pool called)"):
                arbitrageur.call(name, *arguments, sender=who)

    @invariant()
    def invariant_A2_holds_only_gifts_and_left_no_approval(self) -> None:
        address = self.stage.arbitrageur.address
        assert self._holdings(address) == self.gifts
        allowed = [token.call("allowance", address, self.stage.vault.address) for token in self.stage.tokens]
        assert allowed == [0] * len(allowed)

    def _holdings(self, who: str) -> list[int]:
        return [asset.call("balanceOf", who) for asset in self.assets]

    def _wealth(self) -> list[int]:
        """The keeper's components, float included, and shares."""
        floats = self.stage.vault.call("float_of", self.stage.arbitrageur.address)
        return [held + kept for held, kept in zip(self._holdings(KEEPER), [*floats, 0], strict=True)]

    def _gain(self, before: list[int], after: list[int]) -> int:
        """{quote} of the changes at today's prices, rounded down once."""
        usd = sum(
            Fraction((now - was) * price, 10 ** (decimals + 8))
            for was, now, price, (_, decimals, _, _) in zip(before, after, self.prices, BASKET, strict=False)
        )
        return (usd * 10**14 / self.prices[QUOTE]).__floor__()

    def _pools(self, place: int) -> Market:
        """Of a component, or of the share (place 4)."""
        asset, pool = self.assets[place].address, self.stage.pools[place]
        sqrt_price, tick, *_ = pool.call("slot0")
        state = PoolState(sqrt_price, tick, pool.call("liquidity"), FEE_PIPS, 10, ())
        return Market((state,), int(asset, 16) < int(self.stage.tokens[QUOTE].address, 16))

    def _market(self) -> ParityMarket:
        _, units = self.stage.vault.call("components")
        held = self.stage.vault.call("float_of", self.stage.arbitrageur.address)
        scales = [10 ** (decimals + 8) for _, decimals, _, _ in BASKET]
        components = tuple(map(Token, units, self.prices, scales, held))
        wallet = self.stage.tokens[QUOTE].call("balanceOf", KEEPER)
        quote = Token(0, self.prices[QUOTE], scales[QUOTE], wallet)
        return ParityMarket(self._pools(4), (*components, quote), 5, 5)

    def _cycle(self) -> CycleMarket:
        _, units = self.stage.vault.call("components")
        components = tuple(
            Component(unit, None if place == QUOTE else self._pools(place)) for place, unit in enumerate(units)
        )
        return CycleMarket(self._pools(4), components, 5, 5)


def test_arbitrageur__random_markets__earns_what_it_says_and_keeps_nothing():
    ArbitrageMachine.seen.clear()
    run_state_machine_as_test(
        ArbitrageMachine,
        settings=settings(
            max_examples=20_000 if LONG else 100, stateful_step_count=40, deadline=None, derandomize=not LONG
        ),
    )
    seen = ArbitrageMachine.seen
    assert min(seen[side, flash] for side in Side for flash in (False, True)) > 15, seen
    assert {
        "arbitrageur: loss",
        "arbitrageur: profit too small",
        "arbitrageur: pool has moved",
        "oracle: stale",
    } <= seen.keys()
