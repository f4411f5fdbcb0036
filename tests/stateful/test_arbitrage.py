# SPDX-License-Identifier: AGPL-3.0-only
"""The arbitrageur between the real vault and the real pool, under pushes, price moves, gifts and strangers.

Invariants are those of docs/keeper.md; what a trade was worth is reckoned here from balances and prices alone.
PLUMBLINE_FUZZ=long runs it for hours instead of seconds.
"""

from __future__ import annotations

import os
from collections import Counter
from fractions import Fraction
from functools import cache
from typing import ClassVar, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from scripts.artifacts import Artifact, compile_contract

from plumbline.chain.uniswap import artifact, linked_bytecode
from plumbline.core.arbitrage import ParityMarket, Side, Token, best_trade
from plumbline.core.uniswap_math import PoolState, sqrt_price_of
from tests.helpers.index import factory_on
from tests.helpers.revm import Chain, Contract, Reverted

WAD = 10**18
FOREVER = 2**255
START_S = 1_700_000_000
MAX_AGE_S = 600
FEE_PIPS, EDGE = 500, 887_270
LONG = os.environ.get("PLUMBLINE_FUZZ") == "long"
KEEPER, TRADER, OWNER, STRANGER = (f"0x{0xC0 + i:040x}" for i in range(4))
CALLS = {Side.PREMIUM: "mint_and_sell", Side.DISCOUNT: "buy_and_redeem"}

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
    pool: Contract
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
    arbitrageur = chain.deploy(
        compile_contract("ParityArbitrageur"), vault.address, addresses[QUOTE], QUOTE, factory.address, sender=KEEPER
    )
    for token in tokens:
        for who, spender in ((KEEPER, arbitrageur), (TRADER, vault), (TRADER, router), (TRADER, manager)):
            token.call("mint", who, 10**15)
            token.call("approve", spender.address, FOREVER, sender=who)
    vault.call("mint", 30_000 * WAD, TRADER, [FOREVER] * 4, FOREVER, sender=TRADER)
    for spender in (router, manager):
        vault.call("approve", spender.address, FOREVER, sender=TRADER)

    worth = {vault.address: WAD, addresses[QUOTE]: vault.call("nav", MAX_AGE_S) * 10**6 // (97 * 10**16)}
    low, high = sorted(worth, key=lambda address: int(address, 16))
    price = sqrt_price_of(worth[high], worth[low])
    manager.call("createAndInitializePoolIfNecessary", low, high, FEE_PIPS, price, sender=TRADER)
    deposit = (10_000 * worth[low], 10_000 * worth[high])
    manager.call("mint", (low, high, FEE_PIPS, -EDGE, EDGE, *deposit, 0, 0, TRADER, FOREVER), sender=TRADER)
    pool = Contract(chain, factory.call("getPool", low, high, FEE_PIPS), artifact("UniswapV3Pool")["abi"])
    return Stage(chain, tokens, oracle, vault, router, pool, arbitrageur)


def uniswap(chain: Chain, name: str, *arguments: object) -> Contract:
    return chain.deploy(Artifact(name, artifact(name)["abi"], linked_bytecode(name, {}), 0, {}), *arguments)


class ArbitrageMachine(RuleBasedStateMachine):
    seen: ClassVar[Counter[str]] = Counter()
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
        vault, quote = self.stage.vault.address, self.stage.tokens[QUOTE].address
        route, amount = ((quote, vault), shares * 10**8) if buy else ((vault, quote), shares * WAD)
        self.stage.router.call("exactInputSingle", (*route, FEE_PIPS, TRADER, FOREVER, amount, 0, 0), sender=TRADER)

    @rule(feed=st.integers(0, 3), bps=st.integers(-300, 300))
    def reprice(self, feed: int, bps: int) -> None:
        self.prices[feed] = self.prices[feed] * (10_000 + bps) // 10_000
        self.stage.oracle.call("set_price", feed, self.prices[feed])

    @rule(seconds=st.integers(1, MAX_AGE_S), publish=st.booleans())
    def wait(self, seconds: int, publish: bool) -> None:
        self.chain.set_time(self.chain.timestamp + seconds)
        if publish:
            for feed, price in enumerate(self.prices):
                self.stage.oracle.call("set_price", feed, price)

    @rule(side=st.sampled_from(Side), shares=st.integers(1, 500 * WAD), min_profit=st.sampled_from((0, 1, 10**6)))
    def trade_anything(self, side: Side, shares: int, min_profit: int) -> None:
        self._trade(side, shares, min_profit)

    @rule(percent=st.sampled_from((100, 50, 99, 101, 130)), demand=st.sampled_from((0, 1)))
    def trade_about_the_best(self, percent: int, demand: int) -> None:
        """At the optimum the profit is the one that was reckoned; one unit more than it is refused."""
        best = best_trade(self._market())
        if best is None:
            return
        if percent != 100:
            self._trade(best.side, best.shares * percent // 100 or 1, 0)
            return
        done = self._trade(best.side, best.shares, best.profit + demand)
        if demand:
            assert done is None
        elif done is not None:
            assert done == best.profit

    def _trade(self, side: Side, shares: int, min_profit: int) -> int | None:
        """A-1: what it says is what the keeper gained; a call that reverts changes nothing."""
        before = self._holdings(KEEPER)
        try:
            profit = self.stage.arbitrageur.call(
                CALLS[side], FEE_PIPS, shares, min_profit, MAX_AGE_S, FOREVER, sender=KEEPER
            )
        except Reverted as reverted:
            self.seen[str(reverted)] += 1
            assert self._holdings(KEEPER) == before
            return None
        self.seen[side] += 1
        assert profit == self._gain(before, self._holdings(KEEPER)) >= min_profit
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
        trade = (FEE_PIPS, WAD, 0, MAX_AGE_S, FOREVER)
        for name, *arguments in (
            ("mint_and_sell", *trade),
            ("buy_and_redeem", *trade),
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

    def _gain(self, before: list[int], after: list[int]) -> int:
        """{quote} of the changes at today's prices, each token's rounded down to 1e-18 USD."""
        usd_wad = sum(
            Fraction((now - was) * price * WAD, 10 ** (decimals + 8)).__floor__()
            for was, now, price, (_, decimals, _, _) in zip(before, after, self.prices, BASKET, strict=False)
        )
        return Fraction(usd_wad * 10**14, self.prices[QUOTE] * WAD).__floor__()

    def _market(self) -> ParityMarket:
        sqrt_price, tick, *_ = self.stage.pool.call("slot0")
        pool = PoolState(sqrt_price, tick, self.stage.pool.call("liquidity"), FEE_PIPS, 10, ())
        _, units = self.stage.vault.call("components")
        held = self._holdings(KEEPER)
        scales = [10 ** (decimals + 8) for _, decimals, _, _ in BASKET]
        share_is_token0 = int(self.stage.vault.address, 16) < int(self.stage.tokens[QUOTE].address, 16)
        tokens = tuple(map(Token, units, self.prices, scales, held))
        return ParityMarket(pool, share_is_token0, tokens, QUOTE, 5, 5)


def test_arbitrageur__random_markets__earns_what_it_says_and_keeps_nothing():
    ArbitrageMachine.seen.clear()
    run_state_machine_as_test(
        ArbitrageMachine,
        settings=settings(
            max_examples=20_000 if LONG else 60, stateful_step_count=40, deadline=None, derandomize=not LONG
        ),
    )
    seen = ArbitrageMachine.seen
    assert min(seen[Side.PREMIUM], seen[Side.DISCOUNT]) > 20, seen
    assert {"arbitrageur: loss", "arbitrageur: profit too small", "oracle: stale"} <= seen.keys()
