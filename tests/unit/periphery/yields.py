# SPDX-License-Identifier: AGPL-3.0-only
"""ERC4626Feeds over a mock oracle, with one yield-bearing share that has earned something already."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import boa

from tests.helpers.contracts import deployer
from tests.unit.periphery.market import FOREVER, WAD

DAY_S = 86_400
DELAY_S = 3_600
UP_BPS, DOWN_BPS = 10, 2
FIRST = 32
BTC, USD = 0, 1


@dataclass
class Yields:
    oracle: Any
    usd: Any
    vault: Any
    feeds: Any
    owner: str
    keeper: str
    attacker: str

    def spec(self, **changes: Any) -> tuple[Any, ...]:
        good = {
            "name": "sUSD/USD",
            "vault": self.vault.address,
            "asset_feed": USD,
            "min_rate": WAD // 2,
            "max_rate": 2 * WAD,
            "up_bps": UP_BPS,
            "down_bps": DOWN_BPS,
        }
        return tuple({**good, **changes}.values())

    def earn(self, bps: Fraction | int) -> None:
        """The vault's assets grow by so many bps; so does the rate, but for the virtual share."""
        self.usd.mint(self.vault.address, floor(self.vault.totalAssets() * Fraction(bps) / 10_000))

    def lose(self, bps: Fraction | int) -> None:
        self.usd.slash(self.vault.address, floor(self.vault.totalAssets() * Fraction(bps) / 10_000))


def make_yields() -> Yields:
    """One share is worth 1.05 of its asset, but for the virtual share."""
    owner, keeper, attacker = (boa.env.generate_address(name) for name in ("owner", "keeper", "attacker"))
    oracle = deployer("MockOracle").deploy(["BTC/USD", "USD/USD"], [8, 8])
    oracle.set_price(BTC, 20_000 * 10**8)
    oracle.set_price(USD, 99_000_000)
    usd = deployer("MockSlashableERC20").deploy("USD", "USD", 6)
    vault = deployer("MockERC4626").deploy("Saved USD", "sUSD", usd.address, 12, True)
    usd.mint(owner, 10**15)
    usd.approve(vault.address, FOREVER, sender=owner)
    vault.deposit(10**12, sender=owner)
    feeds = deployer("ERC4626Feeds").deploy(oracle.address, DELAY_S, owner, keeper)
    made = Yields(oracle, usd, vault, feeds, owner, keeper, attacker)
    made.earn(500)
    feeds.add_feed(made.spec(), sender=owner)
    return made


def pass_days(days: Fraction | int) -> None:
    boa.env.evm.patch.timestamp += int(days * DAY_S)


def rate_of(yields: Yields) -> int:
    return int(yields.feeds.rate(FIRST)[0])
