# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-keeper`: gas of the arbitrage, what sizing misses on real pools, and how fast a keeper answers a block.

Gas: five components beside the quote token, five component swaps, on the real vault, oracle and pools; the steady state
is the second of its kind. Each is split into its parts by making them alone, in a transaction of their own.

Sizing: random states of eleven real pools (two tiers of the share, two of each component, random positions, random
trades). What counts is what the arbitrageur itself returns, in an eth_call, less gas, against the best circle found by
trying (`scripts.bench.brute`).
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import Sequence
from statistics import mean, median
from typing import Any

import structlog
from web3 import HTTPProvider, Web3

from plumbline.chain.parity import words_of
from plumbline.chain.pool import Place, PoolBook
from plumbline.chain.rpc import Rpc
from plumbline.core.arbitrage import ParityTrade, Side
from plumbline.core.curve import Market
from plumbline.core.cycle import Component, CycleMarket, best_cycle
from plumbline.supervisor.anvil import Anvil
from scripts.bench import reaction
from scripts.bench.arena import ASSETS, FOREVER, HEARTBEAT_S, NOBODY, QUOTE, WAD, Arena
from scripts.bench.brute import best_tried
from scripts.bench.report import Bench

REST = 2**128 - 1
STATES = 1_000
SWAP_COST = 50_000
"""{USDC units} Gas of one swap: 95,000 at a third of a gwei and 1,600 USD."""
TRADES = {Side.PREMIUM: "take_premium", Side.DISCOUNT: "take_discount"}
WITH_FLOAT = {Side.PREMIUM: "mint_and_sell", Side.DISCOUNT: "buy_and_redeem"}


def leg(amount: int, fee: int = 500, place: int = 0, limit: int = 0) -> int:
    return limit << 160 | place << 152 | fee << 128 | amount


def far(token_in: Any, token_out: Any) -> int:
    """A limit that no pool is beyond: to look costs as much as with a near one."""
    return 1 if int(token_in.address, 16) < int(token_out.address, 16) else 2**24 - 1


def measure_gas(arena: Arena, bench: Bench) -> None:
    """One pool each, pushed away and back."""
    arena.open_pool(arena.vault, 500, 1_000_000)
    for token in arena.tokens[:QUOTE]:
        arena.open_pool(token, 500, 5_000_000)
    functions = arena.arbitrageur.functions
    route = [leg(REST, place=place) for place in range(QUOTE)]
    flash: dict[Side, list[int]] = {side: [] for side in Side}
    for side in (Side.PREMIUM, Side.DISCOUNT) * 3:
        _quiet(arena)
        arena.push(arena.vault, 500, 40_000 if side is Side.PREMIUM else -40_000)
        call = functions[TRADES[side]]([_share_leg(arena, side)], route, 1, FOREVER)
        flash[side].append(arena.send(call, arena.keeper)["gasUsed"])
    arena.send(functions.deposit_float([asset.unit * 10_000 for asset in ASSETS[:QUOTE]]), arena.keeper)
    floats: dict[Side, list[int]] = {side: [] for side in Side}
    for side in (Side.PREMIUM, Side.DISCOUNT) * 3:
        _quiet(arena)
        arena.publish()
        arena.push(arena.vault, 500, 40_000 if side is Side.PREMIUM else -40_000)
        call = functions[WITH_FLOAT[side]]([_share_leg(arena, side)], 1, HEARTBEAT_S, FOREVER)
        floats[side].append(arena.send(call, arena.keeper)["gasUsed"])
    for side in Side:
        bench.add(f"{side}, flash-funded, 5 components, 5 component swaps", flash[side][-1], "gas", "<= 1050000")
        bench.add(f"{side}, flash-funded, the first time", flash[side][0], "gas", "<= 1050000")
    for side in Side:
        bench.add(f"{side} with float, 5 components", floats[side][-1], "gas", "<= 300000")
        bench.add(f"{side} with float, the first time", floats[side][0], "gas", "<= 300000")
    _break_down(arena, bench)


def _share_leg(arena: Arena, side: Side) -> int:
    route = (arena.vault, arena.quote) if side is Side.PREMIUM else (arena.quote, arena.vault)
    return leg(150 * WAD, limit=far(*route))


def _break_down(arena: Arena, bench: Bench) -> None:
    """The parts alone, each with the 21,000 of its own transaction."""
    amounts = arena.vault.functions.preview_mint(150 * WAD).call()
    swaps = []
    for token, amount in zip(arena.tokens[:QUOTE], amounts, strict=True):
        order = (arena.quote.address, token.address, 500, arena.everybody, FOREVER, amount, FOREVER, 0)
        swaps.append(arena.send(arena.router.functions.exactOutputSingle(order))["gasUsed"])
        for spender in (0, amount):
            approval = arena.send(token.functions.approve(arena.vault.address, spender))["gasUsed"]
    minted = arena.send(arena.vault.functions.mint(150 * WAD, arena.everybody, amounts, FOREVER))["gasUsed"]
    for token in arena.tokens[:QUOTE]:
        arena.send(token.functions.approve(arena.vault.address, FOREVER))
    redeem = arena.vault.functions.redeem(150 * WAD, arena.everybody, [0] * QUOTE, FOREVER)
    bench.add("  a component's swap alone, by Uniswap's router, mean", mean(swaps), "gas")
    bench.add("  a mint alone", minted, "gas")
    bench.add("  a redeem alone", arena.send(redeem)["gasUsed"], "gas")
    bench.add("  an approval alone", approval, "gas")


def measure_bid(arena: Arena, bench: Bench) -> None:
    """Half of the WETH for USDT, near the end of the auction: through the quote token's two pools, and through one."""
    weth, usdt = arena.tokens[1], arena.tokens[2]
    arena.open_pool(weth, 500, 5_000_000, against=usdt)
    keep = 2**256 - 1
    units = [keep, ASSETS[1].unit * WAD // 2, ASSETS[2].unit * WAD * 2, keep, keep]
    plan = (units, [], 0, 10_500, 9_800, 3_600, 600)
    arena.send(arena.house.functions.propose(arena.vault.address, plan))
    _pass(arena, 86_400)
    arena.publish()
    arena.send(arena.house.functions.open(arena.vault.address))
    _pass(arena, 3_500)
    arena.publish()
    gas: dict[str, int] = {}
    # Twice each: the second finds every slot in use.
    straight, first, last = (
        leg(0, limit=far(*route)) for route in ((weth, usdt), (weth, arena.quote), (arena.quote, usdt))
    )
    routes = (("one pool", NOBODY, 0, straight), ("two pools", arena.quote.address, first, last))
    for pools, *route in routes * 2:
        call = arena.bidder.functions.bid(
            arena.vault.address, weth.address, usdt.address, 2 * WAD, 0, *route, 1, FOREVER
        )
        gas[pools] = arena.send(call, arena.keeper)["gasUsed"]
    bench.add("bid, flash-funded, through one pool", gas["one pool"], "gas", "<= 260000")
    bench.add("bid, flash-funded, through two pools", gas["two pools"], "gas", "<= 260000")


def _pass(arena: Arena, seconds: int) -> None:
    for method, arguments in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        arena.web3.provider.make_request(method, arguments)  # type: ignore[arg-type]


def _quiet(arena: Arena) -> None:
    """Ten minutes in which nothing happens: the streaming fee accrues."""
    _pass(arena, 600)


async def measure_sizing(arena: Arena, url: str, bench: Bench, states: int) -> None:
    rng = random.Random(6)
    _random_pools(arena, rng)
    times, own, ratios, misses, swaps = [], [], [], [], []
    async with Rpc([url], timeout_s=30) as rpc:
        keys = list(arena.pools)
        book = PoolBook(rpc, [arena.pools[key].address for key in keys])
        for _ in range(states):
            _shake(arena, rng, keys)
            market = await _look(arena, book)
            began, own_began = time.perf_counter(), time.process_time()
            best = best_cycle(market, SWAP_COST)
            times.append(time.perf_counter() - began)
            own.append(time.process_time() - own_began)
            tried = best_tried(market, SWAP_COST, dict.fromkeys(Side, 2 * best.shares if best else 500 * WAD), lots=60)
            real = 0 if best is None else _realised(arena, best)
            if best is not None:
                misses.append(abs(real - best.profit))
                swaps.append(best.swaps)
            if tried is not None:
                net = 0 if best is None else real - best.swaps * SWAP_COST
                ratios.append((net + _dust()) / tried.net)
    bench.add("states of real pools", states, "", f">= {states}")
    bench.add("  with a profit after gas", len(swaps), "", f">= {states // 4}")
    bench.add("  swaps in a circle, mean", mean(swaps), "")
    bench.add("realised against trying everything, worst", 100 * min(ratios), "%", ">= 99")
    bench.add("realised against trying everything, mean", 100 * mean(ratios), "%", ">= 99")
    bench.add("largest miss of the profit foretold", max(misses), "units", "<= 100")
    bench.add("sizing p50", 1_000 * median(times), "ms", "<= 3")
    bench.add("sizing p99", 1_000 * _percentile(times, 99), "ms", "<= 10")
    # On a busy machine only this is the sizing's.
    bench.add("  in processor time, p50", 1_000 * median(own), "ms")
    bench.add("  in processor time, p99", 1_000 * _percentile(own, 99), "ms")


def _random_pools(arena: Arena, rng: random.Random) -> None:
    """A second tier of everything, and up to four narrow positions in each pool."""
    tiers = {asset.address: rng.choice((3_000, 10_000)) for asset in (arena.vault, *arena.tokens[:QUOTE])}
    for asset, tier in tiers.items():
        contract = arena.vault if asset == arena.vault.address else _token(arena, asset)
        arena.open_pool(contract, tier, rng.randint(300_000, 900_000))
        for each in (500, tier):
            for _ in range(rng.randint(1, 4)):
                low = rng.randint(-900, 300)
                arena.open_pool(contract, each, rng.randint(20_000, 200_000), low, low + rng.randint(250, 1_500))


def _shake(arena: Arena, rng: random.Random, keys: Sequence[tuple[str, int]]) -> None:
    """One to four trades in pools of any kind, most of them of the share."""
    for _ in range(rng.randint(1, 4)):
        address, tier = rng.choice([key for key in keys if rng.random() < 0.4 or key[0] == arena.vault.address])
        token = arena.vault if address == arena.vault.address else _token(arena, address)
        _push_back(arena, rng, token, tier)


def _push_back(arena: Arena, rng: random.Random, token: Any, tier: int) -> None:
    """Mostly towards the oracle's price: a walk that does not run away."""
    pool = arena.pools[token.address, tier].functions
    price = pool.slot0().call()[0] ** 2 / 2**192
    price = price if int(token.address, 16) < int(arena.quote.address, 16) else 1 / price
    fair = arena.worth(arena.quote, 10_000) / arena.worth(token, 10_000)
    dear = price > fair
    size = rng.randint(1_000, 60_000) if token is arena.vault else rng.randint(1_000, 30_000)
    arena.push(token, tier, -size if dear == (rng.random() < 0.7) else size)


def _token(arena: Arena, address: str) -> Any:
    return next(token for token in arena.tokens if token.address == address)


async def _look(arena: Arena, book: PoolBook) -> CycleMarket:
    header: Any = arena.web3.eth.get_block("latest")
    states = await book.states(Place(header["number"], bytes(header["hash"]), bytes(header["parentHash"])))

    def pools(asset: str) -> Market:
        mine = tuple(states[pool.address.lower()] for key, pool in arena.pools.items() if key[0] == asset)
        return Market(mine, int(asset, 16) < int(arena.quote.address, 16))

    tokens, units = arena.vault.functions.components().call()
    components = tuple(Component(unit, pools(token)) for token, unit in zip(tokens, units, strict=True))
    return CycleMarket(pools(arena.vault.address), components, 5, 5)


def _realised(arena: Arena, trade: ParityTrade) -> int:
    share_legs = [leg(each.amount, each.fee_pips) for each in trade.share_legs]
    call = arena.arbitrageur.functions[TRADES[trade.side]](share_legs, words_of(trade.legs), 0, FOREVER)
    return int(call.call({"from": arena.keeper}))


def _dust() -> int:
    """{USDC units} One smallest unit of every component: what rounding alone may give or take."""
    return sum(-(-asset.price * 10**6 // 10 ** (asset.decimals + 8)) for asset in ASSETS[:QUOTE])


def _percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    states = int(sys.argv[1]) if len(sys.argv) > 1 else STATES
    bench = Bench("keeper")
    with Anvil() as anvil:
        web3 = Web3(HTTPProvider(anvil.url))
        arena = Arena(web3, *web3.eth.accounts[:2])
        arena.open()
        measure_gas(arena, bench)
        asyncio.run(measure_sizing(arena, anvil.url, bench, states))
        measure_bid(arena, bench)
    asyncio.run(reaction.measure(bench))
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
