# SPDX-License-Identifier: AGPL-3.0-only
"""An index of four tokens that somebody is about to rebalance: half of its WBTC for USDC."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import *  # noqa: F403  pytest finds fixtures by name
from tests.unit.vault.conftest import WAD, fund, pass_time

KEEP = 2**256 - 1
WBTC, USDC, USDT, EURC = range(4)
PRICES = (20_000 * 10**8, 97_000_000, 100_500_000, 106_000_000)
DELAY_S, WINDOW_S, APPROVAL_S, DAY_S = 86_400, 7 * 86_400, 3 * 86_400, 86_400
HOUR_S = 3_600
START_BPS, FLOOR_BPS, DURATION_S, MAX_AGE_S = 10_500, 9_900, HOUR_S, 600
HALF_WBTC = (50_000 * WAD, 34_000_000 * WAD, KEEP, KEEP)
"""Half of the WBTC is worth 10 USD; at 0.97 that is 10.3 USDC, so there is room for less than all of it."""


def rebalance(units: Any = HALF_WBTC, tokens: Any = (), **changes: int) -> tuple[Any, ...]:
    """IAuctionHouse.Rebalance."""
    fields = {
        "abandoned": 0,
        "start_bps": START_BPS,
        "floor_bps": FLOOR_BPS,
        "duration": DURATION_S,
        "max_age": MAX_AGE_S,
        **changes,
    }
    return (list(units), [getattr(token, "address", token) for token in tokens], *fields.values())


def set_prices(oracle: Any, prices: Any = PRICES) -> None:
    for feed, price in enumerate(prices):
        oracle.set_price(feed, price)


def floor_due(sold: int, prices: tuple[int, int], factor_bps: int, decimals: tuple[int, int]) -> int:
    """What a bid owes, rounded up, by the formula of the docs; feeds of 8 decimals."""
    (sell_price, buy_price), (sell_decimals, buy_decimals) = prices, decimals
    over = sold * sell_price * factor_bps * 10**buy_decimals
    return -(-over // (buy_price * 10_000 * 10**sell_decimals))


@pytest.fixture
def guardian(held: Any, owner: str) -> str:
    who = boa.env.generate_address("guardian")
    held.set_guardian(who, sender=owner)
    return who


@pytest.fixture
def rebalancer(held: Any, house: Any, owner: str) -> str:
    who = boa.env.generate_address("rebalancer")
    house.set_rebalancer(held.address, who, sender=owner)
    return who


@pytest.fixture
def bidder(held: Any, tokens: list[Any]) -> str:
    """Rich, and has allowed the index everything."""
    who = boa.env.generate_address("bidder")
    fund(tokens, held, who)
    return who


@pytest.fixture
def start(held: Any, house: Any, oracle: Any, rebalancer: str) -> Any:
    """start(rebalance) -> the index, its auction just opened, all prices fresh."""

    def begin(plan: tuple[Any, ...] | None = None) -> Any:
        house.propose(held.address, plan or rebalance(), sender=rebalancer)
        pass_time(DELAY_S)
        set_prices(oracle)
        house.open(held.address, sender=rebalancer)
        return held

    return begin


@pytest.fixture
def open_index(start: Any) -> Any:
    """The index with half of its WBTC for sale against USDC."""
    return start()


@pytest.fixture
def new_token(held: Any, house: Any, owner: str, bidder: str, depositor: str) -> Any:
    """A fifth token of 18 decimals that the owner approved long enough ago, priced as EUR."""
    token = deployer("MockERC20").deploy("Another Euro", "EURX", 18)
    fund([token], held, bidder, 10**27)
    fund([token], held, depositor, 10**27)
    house.approve_component(held.address, token.address, EURC, sender=owner)
    pass_time(APPROVAL_S)
    return token


def bid(house: Any, index: Any, sell: Any, buy: Any, sold: int, who: str, **limits: Any) -> tuple[int, int]:
    """A bid without limits unless told."""
    least, most, data = limits.get("least", 0), limits.get("most", 2**256 - 1), limits.get("data", b"")
    return tuple(house.bid(index.address, sell.address, buy.address, sold, least, most, data, sender=who))
