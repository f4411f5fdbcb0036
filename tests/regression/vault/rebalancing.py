# SPDX-License-Identifier: AGPL-3.0-only
"""An index in auction on a chain in memory, for the incidents that auctions had elsewhere."""

from __future__ import annotations

from typing import Any

from scripts.artifacts import compile_contract

from tests.helpers.index import factory_on
from tests.helpers.revm import Chain, Contract

WAD = 10**18
MAX_UINT = 2**256 - 1
KEEP = MAX_UINT
DAY_S = 86_400
OWNER, HOLDER, ATTACKER = (f"0x{0xD0 + i:040x}" for i in range(3))
FORTUNE = 10**30


SLASHABLE = ("MockSlashableERC20",) * 3


class Rebalancing:
    """Three tokens of 18 decimals, each worth one; one of each to a share. The holder and the attacker are rich."""

    def __init__(self, fee_bps: int = 0, streaming_bps: int = 0, kinds: tuple[str, ...] = SLASHABLE) -> None:
        self.chain = Chain()
        self.tokens = [self.chain.deploy(compile_contract(kind), f"T{i}", f"T{i}", 18) for i, kind in enumerate(kinds)]
        self.oracle = self.chain.deploy(compile_contract("MockOracle"), [f"T{i}/USD" for i in range(3)], [8] * 3)
        addresses = [token.address for token in self.tokens]
        fees = fee_bps, fee_bps, streaming_bps
        params = ("Index", "IDX", addresses, [WAD * WAD] * 3, self.oracle.address, [0, 1, 2], *fees, OWNER, OWNER)
        index = factory_on(self.chain).call("create", params)
        self.vault = Contract(self.chain, index, compile_contract("IndexVault").abi)
        self.house = Contract(self.chain, self.vault.call("auction_house"), compile_contract("AuctionHouse").abi)
        for token in self.tokens:
            for who in (HOLDER, ATTACKER):
                token.call("mint", who, FORTUNE)
                token.call("approve", index, MAX_UINT, sender=who)
        self.publish()

    def publish(self, *prices: int) -> None:
        for feed, price in enumerate(prices or (10**8,) * 3):
            self.oracle.call("set_price", feed, price)

    def pass_time(self, seconds: int) -> None:
        self.chain.set_time(self.chain.timestamp + seconds)

    def open(self, units: list[int], start_bps: int = 10_001, floor_bps: int = 10_000, duration_s: int = DAY_S) -> None:
        plan = (units, [], 0, start_bps, floor_bps, duration_s, 3_600)
        self.house.call("propose", self.vault.address, plan, sender=OWNER)
        self.pass_time(DAY_S)
        self.publish()
        self.house.call("open", self.vault.address, sender=OWNER)

    def lend_shares(self, cap: int) -> None:
        """Flash mints for nothing from now on, up to `cap`."""
        self.announced("set_flash_terms", 0, cap)

    def announced(self, name: str, *values: int) -> None:
        self.vault.call("announce", self.vault.calldata(name, *values), sender=OWNER)
        self.pass_time(3 * DAY_S)
        self.vault.call(name, *values, sender=OWNER)

    def mint(self, shares: int, who: str) -> Any:
        return self.vault.call("mint", shares, who, [MAX_UINT] * 3, MAX_UINT, sender=who)

    def redeem(self, shares: int, who: str, skip: int = 0) -> Any:
        return self.vault.call("redeem_skipping", shares, who, [0] * 3, skip, MAX_UINT, sender=who)

    def claim(self, place: int, who: str) -> Any:
        return self.vault.call("claim", self.tokens[place].address, who, sender=who)

    def bid(self, sell: int, buy: int, most: int, who: str, limit: int = MAX_UINT) -> tuple[int, int]:
        pair = self.tokens[sell].address, self.tokens[buy].address
        return tuple(self.house.call("bid", self.vault.address, *pair, most, 0, limit, b"", sender=who))  # type: ignore[return-value]

    def quote(self, sell: int, buy: int, most: int) -> tuple[int, int]:
        pair = self.tokens[sell].address, self.tokens[buy].address
        return tuple(self.house.call("quote", self.vault.address, *pair, most))  # type: ignore[return-value]

    def lots(self) -> tuple[list[int], list[int]]:
        above, below = self.house.call("lots", self.vault.address)
        return list(above), list(below)

    def units(self) -> list[int]:
        return list(self.vault.call("components")[1])

    def fortune(self, who: str) -> int:
        """What somebody's tokens are worth: each is worth one."""
        return sum(token.call("balanceOf", who) for token in self.tokens)
