# SPDX-License-Identifier: AGPL-3.0-only
"""Gas of what people reach an index through, on Anvil over the real Uniswap: `make bench-periphery`.

The index of the cast: four components, one of them the asset that is paid, so three swaps. Pools and accounts have been
used before, as in the steady state. Views are told by what they burn when somebody calls them.
"""

from __future__ import annotations

import sys
from typing import Any

from eth_typing import ChecksumAddress
from web3 import HTTPProvider, Web3

from plumbline.supervisor.anvil import Anvil
from scripts.artifacts import compile_contract
from scripts.bench.report import Bench
from scripts.deployment import cast, steps
from scripts.deployment.cast import COMPONENTS, QUOTE, Parameters
from scripts.deployment.chain import Chain

WAD = 10**18
FOREVER = 2**256 - 1
TRADER = cast.address("trader")
PARAMETERS = Parameters()
DELAY_S, LIFE_S, MAX_AGE_S = 60, 3_600, 600
FEE_PIPS = 500
TRANSACTION_GAS = 21_000


def send(chain: Chain, call: Any, sender: ChecksumAddress = TRADER) -> int:
    return int(chain.send(call, sender)["gasUsed"])


def functions(chain: Chain, key: str) -> Any:
    return chain.at(key, compile_contract(chain.deployed[key].contract).abi).functions


def pass_time(chain: Chain, seconds: int) -> None:
    chain.web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
    chain.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]


def allow(chain: Chain, symbol: str, role: str, spender: ChecksumAddress) -> None:
    """Everything; through zero, as USDT wants it."""
    for amount in (0, FOREVER):
        steps._approve(chain, f"token {symbol}", role, spender, amount)


def routes_of(chain: Chain) -> dict[str, bytes]:
    """One hop from each component to the quote, by symbol; none for the quote itself."""
    hop = FEE_PIPS.to_bytes(3) + bytes.fromhex(chain.address(f"token {QUOTE}")[2:])
    routes = {each.symbol: bytes.fromhex(chain.address(f"token {each.symbol}")[2:]) + hop for each in COMPONENTS}
    return {**routes, QUOTE: b""}


def measure_router(chain: Chain, bench: Bench, routes: dict[str, bytes]) -> None:
    router, quoter, vault = (functions(chain, key) for key in ("index router", "index quoter", "vault"))
    for component in COMPONENTS:
        for spender in ("vault", "index router"):
            allow(chain, component.symbol, "trader", chain.address(spender))
        steps._give(chain, component.symbol, "trader", 10**14)
    send(chain, vault.approve(chain.address("index router"), FOREVER))
    size = len(COMPONENTS)

    def order(kind: str, limit: int) -> tuple[Any, ...]:
        along = [routes[each.symbol] if kind == "market" else b"" for each in COMPONENTS]
        where = (chain.address("vault"), WAD, chain.address(f"token {QUOTE}"))
        return (*where, limit, [limit] * size, along, TRADER, FOREVER)

    def steady(call: Any) -> int:
        return [send(chain, call) for _ in range(3)][-1]

    direct = steady(vault.mint(WAD, TRADER, [FOREVER] * size, FOREVER))
    back = steady(vault.redeem(WAD, TRADER, [0] * size, FOREVER))
    bench.add(f"vault_mint/components={size}", direct, "gas")
    bench.add(f"vault_redeem/components={size}", back, "gas")
    for kind, swaps in (("market", size - 1), ("kind", 0)):
        mint = steady(router.mint(order(kind, FOREVER), []))
        redeem = steady(router.redeem(order(kind, 0), []))
        bench.add(f"router_mint/{kind}/swaps={swaps}", mint, "gas")
        bench.add(f"router_redeem/{kind}/swaps={swaps}", redeem, "gas")
    for name, quote in (("quote_mint", quoter.quote_mint), ("quote_redeem", quoter.quote_redeem)):
        bench.add(name, quote(order("market", 0)).estimate_gas() - TRANSACTION_GAS, "gas")


def measure_desk(chain: Chain, bench: Bench) -> None:
    owner, maker = cast.address("owner"), cast.address("keeper")
    quote = chain.address(f"token {QUOTE}")
    feed = cast.feed_index(cast.component(QUOTE).feed)
    place = (chain.address("vault"), quote, feed, maker, DELAY_S, LIFE_S, MAX_AGE_S)
    chain.deploy("nav desk", "NavDesk", *place, sender=owner)
    desk, where = functions(chain, "nav desk"), chain.address("nav desk")
    for role in ("keeper", "trader"):
        allow(chain, QUOTE, role, where)
        send(chain, functions(chain, "vault").approve(where, FOREVER), cast.address(role))
    send(chain, functions(chain, "vault").transfer(maker, 100 * WAD))
    steps._give(chain, QUOTE, "keeper", 10**14)
    send(chain, desk.deposit(quote, 10**12), maker)
    send(chain, desk.deposit(chain.address("vault"), 50 * WAD), maker)
    send(chain, desk.set_terms(25, 0, 10 * WAD), maker)
    oracle = functions(chain, "oracle")
    gas: dict[str, int] = {}
    for _ in range(3):
        pass_time(chain, PARAMETERS.period_s)
        steps.opening_round(chain, PARAMETERS)
        buy, sell = (chain.read(desk.request_count()) + i for i in range(2))
        limits = chain.read(desk.quote(WAD))
        gas["desk_request_buy"] = send(chain, desk.request_buy(WAD, limits[0] * 2, 25))
        gas["desk_request_sell"] = send(chain, desk.request_sell(WAD, limits[1] // 2, limits[1] * 11 // 10, 25))
        pass_time(chain, DELAY_S + 2 * PARAMETERS.period_s)
        steps.opening_round(chain, PARAMETERS)
        round_id = chain.read(oracle.latest_round())[0]
        gas["desk_settle_buy"] = send(chain, desk.settle(buy, round_id, [0]))
        gas["desk_settle_sell"] = send(chain, desk.settle(sell, round_id, [0]))
    for name, figure in gas.items():
        bench.add(f"{name}/components={len(COMPONENTS)}", figure, "gas")


def measure_lens(chain: Chain, bench: Bench) -> None:
    feed = cast.feed_index(cast.component(QUOTE).feed)
    asked = (chain.address("vault"), TRADER, chain.address("pool"), feed, MAX_AGE_S)
    call = functions(chain, "index lens").snapshot(*asked)
    bench.add(f"lens_snapshot/components={len(COMPONENTS)}", call.estimate_gas() - TRANSACTION_GAS, "gas")


def main() -> int:
    bench = Bench("periphery")
    with Anvil() as anvil:
        chain = Chain(Web3(HTTPProvider(anvil.url)))
        steps.deploy(chain, PARAMETERS)
        steps.opening_round(chain, PARAMETERS)
        steps.open_market(chain, PARAMETERS)
        measure_router(chain, bench, routes_of(chain))
        measure_desk(chain, bench)
        measure_lens(chain, bench)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
