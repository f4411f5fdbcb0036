# SPDX-License-Identifier: AGPL-3.0-only
"""A NAV desk over the real oracle: a maker with inventory, a requester with asset and shares."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

import boa

from tests.helpers.contracts import deployer
from tests.unit.oracle.conftest import START_S, Rounds
from tests.unit.periphery.market import BASKET, FOREVER, USDC, WAD, deploy_factory, make_index

DELAY_S, LIFE_S, MAX_AGE_S = 30, 3_600, 120
SPREAD_BPS = 25
PRICES = tuple(price for *_, price in BASKET)
INVENTORY = 1_000
"""Shares, and as many times 120 of the asset."""
ASSETS, SHARES = INVENTORY * 120 * 10**6, INVENTORY * WAD
UP = (PRICES[0] * 103 // 100, *PRICES[1:])
DOWN = (PRICES[0] * 97 // 100, *PRICES[1:])


def room(assets: int) -> int:
    """The tightest limit above a price of today that a request may have."""
    return ceil(assets * Fraction(101, 100))


@dataclass
class Desk:
    rounds: Rounds
    tokens: list[Any]
    vault: Any
    desk: Any
    maker: str
    requester: str
    owner: str

    @property
    def usdc(self) -> Any:
        return self.tokens[USDC]

    def now(self) -> int:
        return int(boa.env.evm.patch.timestamp)

    def round(self, *prices: int, after_s: int = 5) -> int:
        """The next round, `after_s` later; returns its id."""
        self.rounds.agree(*(prices or PRICES), after_s=after_s)
        return int(self.rounds.oracle.latest_round()[0])

    def first_round(self, *prices: int) -> int:
        """The round that settles a request made now."""
        elapsed = self.now() - self.rounds.timestamp
        return self.round(*prices, after_s=-(-(elapsed + DELAY_S) // 5) * 5)

    def buy(self, shares: int = WAD, max_assets: int = 200 * 10**6, spread: int = SPREAD_BPS) -> int:
        return int(self.desk.request_buy(shares, max_assets, spread, sender=self.requester))

    def sell(self, shares: int = WAD, min_assets: int = 0, max_assets: int = 120 * 10**6) -> int:
        return int(self.desk.request_sell(shares, min_assets, max_assets, SPREAD_BPS, sender=self.requester))

    def credits(self, who: str) -> tuple[int, int]:
        """(asset, shares)"""
        return self.desk.credit(who, self.usdc.address), self.desk.credit(who, self.vault.address)

    def held(self) -> tuple[int, int]:
        """What the desk really has of (asset, shares)."""
        return self.usdc.balanceOf(self.desk.address), self.vault.balanceOf(self.desk.address)

    def fair(self, shares: int, prices: tuple[int, ...] = PRICES) -> Fraction:
        """{asset} that shares are worth at these prices, by the vault's units now: an independent reckoning."""
        units = self.vault.components()[1]
        usd = sum(
            Fraction(unit * price, WAD * 10 ** (decimals + 8))
            for unit, price, (_, decimals, _, _) in zip(units, prices, BASKET, strict=True)
        )
        return Fraction(shares, WAD) * usd / Fraction(prices[USDC], 10**8) * 10**6

    def cost(self, shares: int, prices: tuple[int, ...] = PRICES) -> int:
        return ceil(ceil(self.fair(shares, prices)) * Fraction(10_000 + SPREAD_BPS, 10_000))

    def proceeds(self, shares: int, prices: tuple[int, ...] = PRICES) -> int:
        return floor(floor(self.fair(shares, prices)) * Fraction(10_000 - SPREAD_BPS, 10_000))


def make_desk(maker: str, requester: str, owner: str) -> Desk:
    boa.env.evm.patch.timestamp = START_S
    rounds = Rounds()
    rounds.agree(*PRICES)
    tokens = [deployer("MockSlashableERC20").deploy(symbol, symbol, decimals) for symbol, decimals, _, _ in BASKET]
    vault = make_index(deploy_factory(), tokens, [unit for _, _, unit, _ in BASKET], rounds.oracle, owner, streaming=0)
    place = (vault.address, tokens[USDC].address, USDC, maker, DELAY_S, LIFE_S, MAX_AGE_S)
    desk = deployer("NavDesk").deploy(*place)
    made = Desk(rounds, tokens, vault, desk, maker, requester, owner)
    for who in (maker, requester):
        for token in tokens:
            token.mint(who, 10**13)
            token.approve(vault.address, FOREVER, sender=who)
        vault.mint(2 * INVENTORY * WAD, who, [FOREVER] * 4, FOREVER, sender=who)
        for token in (made.usdc, vault):
            token.approve(desk.address, FOREVER, sender=who)
    desk.deposit(made.usdc.address, INVENTORY * 120 * 10**6, sender=maker)
    desk.deposit(vault.address, INVENTORY * WAD, sender=maker)
    desk.set_terms(SPREAD_BPS, 10**15, 100 * WAD, sender=maker)
    return made
