# SPDX-License-Identifier: AGPL-3.0-only
"""Gas of a rebalance: proposed, opened, bid in, closed, and what it costs those who mint and redeem meanwhile.

Every component has a target; half of them are in surplus, half in deficit. A bid reads two prices from the real oracle,
pays by allowance and is the second of its pair (the first finds fresh slots). Nothing is sold out, so `close` writes
all components down. Whoever bids holds the tokens already, as a market maker does.
"""

from __future__ import annotations

from web3.contract import Contract

from scripts.bench.vault_stage import MAX_UINT, WAD, Factory, Stage, deploy_tokens

SHARES = 100 * WAD
DELAY_S = 86_400
REBALANCED_SIZES = (5, 20)
BID_BOUND = 145_000
BID_PEERS = "Folio 179.5k, Set 201k to 238k"
REBALANCE_BOUNDS = {
    ("open_rebalance", 20): (450_000, "Folio 5.1M, Set 2.4M before the first bid"),
    ("whole_rebalance", 20): (700_000, ""),
}
"""(name, components): (bound, peers). `open_rebalance` is propose and open; `whole_rebalance` adds close."""


def measure_rebalance(stage: Stage, factory: Factory, size: int) -> dict[str, int]:
    """Gas by name."""
    tokens = deploy_tokens(stage, size)
    factory.create(tokens)
    vault, house = factory.newest(tokens), factory.house.functions
    limits = [MAX_UINT] * size
    for _ in range(3):
        stage.send(vault.functions.mint(SHARES, stage.caller, limits, MAX_UINT))
    gas = {"propose": _gas(stage, house.propose(vault.address, _plan(size)), stage.owner)}
    stage.pass_time(DELAY_S)
    gas["open"] = _gas(stage, house.open(vault.address), stage.owner)
    factory.oracle.publish()

    def bid(sell: int, buy: int) -> int:
        pair = tokens[sell].address, tokens[buy].address
        return _gas(stage, house.bid(vault.address, *pair, WAD, WAD, 2 * WAD, b""))

    gas["bid_first"], gas["bid"] = bid(1, 0), bid(1, 0)
    for sell in range(3, size, 2):
        bid(sell, sell - 1)
    gas["mint_mid_rebalance"] = _gas(stage, vault.functions.mint(SHARES, stage.caller, limits, MAX_UINT))
    gas["redeem_mid_rebalance"] = _gas(stage, vault.functions.redeem(SHARES, stage.caller, [0] * size, MAX_UINT))
    _mix_float_into_the_backing(stage, vault, size)
    bid(1, 0)
    gas["bid_with_float"] = bid(1, 0)
    gas["close"] = _gas(stage, house.close(vault.address), stage.owner)
    gas["open_rebalance"] = gas["propose"] + gas["open"]
    gas["whole_rebalance"] = gas["open_rebalance"] + gas["close"]
    return gas


def _plan(size: int) -> tuple[object, ...]:
    """One token of each odd place more for one of the place before it."""
    units = [(i + 1) * WAD * WAD + (WAD * WAD // 2 if i % 2 == 0 else -WAD * WAD // 2) for i in range(size)]
    return units, [], 0, 10_500, 9_900, 3_600, 600


def _mix_float_into_the_backing(stage: Stage, vault: Contract, size: int) -> None:
    """From now on a bid has the float's part of the backing to keep apart."""
    stage.send(vault.functions.deposit_float([10**25] * size))
    version = vault.functions.basket_version().call()
    stage.send(vault.functions.mint_from_float(SHARES, stage.caller, version, MAX_UINT))


def _gas(stage: Stage, call: object, sender: str | None = None) -> int:
    return int(stage.send(call, sender)["gasUsed"])
