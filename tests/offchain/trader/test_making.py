# SPDX-License-Identifier: AGPL-3.0-only
"""The market maker's loop: which prices it makes its pools follow, and what it does while there are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from fractions import Fraction
from typing import Any

import pytest
from tests.offchain.fakes import FakeClock

from plumbline.core.making import quoted
from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.errors import ChainUnreachable
from plumbline.trader.making import Making, Priced

NOW_MS = 1_700_000_000_000
TOKENS = {"WBTC": Priced("BTC/USD", None, 8), "EURC": Priced("BTC/USD", "BTC/EUR", 6)}


class Tape:
    """A venue that tells these trades, then nothing."""

    venue = "kraken"
    stats: Any = None

    def __init__(self, *told: tuple[str, int, int]) -> None:
        """(symbol, price, seconds ago)"""
        self._told = told

    async def trades(self) -> AsyncIterator[Trade]:
        for symbol, price, ago_s in self._told:
            yield Trade(self.venue, symbol, price * WAD, WAD, NOW_MS - ago_s * 1_000)
        await asyncio.Event().wait()


class Seen:
    """A maker that notes what it is told, and fails at first when asked to."""

    def __init__(self, failures: int = 0) -> None:
        self.told: list[Mapping[str, Fraction]] = []
        self.failures = failures

    async def turn(self, prices: Mapping[str, Fraction]) -> int:
        self.told.append(prices)
        if len(self.told) <= self.failures:
            raise ChainUnreachable("connection reset")
        return 0


def played(tape: Tape, turns: int, failures: int = 0) -> list[Mapping[str, Fraction]]:
    async def main() -> list[Mapping[str, Fraction]]:
        seen = Seen(failures)
        quote = Priced("USDC/USD", None, 6)
        making = Making(seen, tape, FakeClock(NOW_MS), TOKENS, quote, every_s=0.001, max_age_s=60)
        running = asyncio.create_task(making.run())
        while len(seen.told) < turns:
            await asyncio.sleep(0.001)
            assert not running.done(), running
        running.cancel()
        await asyncio.wait([running])
        return seen.told

    return asyncio.run(main())


def test_prices__markets_that_traded__are_in_smallest_units_of_the_quote():
    *_, prices = played(Tape(("BTC/USD", 30_000, 5), ("BTC/EUR", 25_000, 5), ("USDC/USD", 2, 5)), 3)
    # A bitcoin of 1e8 is 15,000 USDC of 1e6; a euro of 1e6 is 1.2 dollars, 0.6 USDC.
    assert prices == {"WBTC": Fraction(150), "EURC": Fraction(6, 10)}


@pytest.mark.parametrize(
    ("trades", "known"),
    [
        ([("BTC/USD", 30_000, 5), ("BTC/EUR", 25_000, 61), ("USDC/USD", 2, 5)], {"WBTC"}),
        ([("BTC/USD", 30_000, 5), ("BTC/EUR", 25_000, 5), ("USDC/USD", 2, 61)], set()),
        ([("BTC/USD", 30_000, 61), ("BTC/USD", 30_000, 60), ("USDC/USD", 2, 60)], {"WBTC"}),
        ([], set()),
    ],
)
def test_prices__silent_for_too_long__are_none(trades, known):
    *_, prices = played(Tape(*trades), 3)
    assert prices.keys() == known


def test_run__chain_does_not_answer__is_tried_again():
    assert len(played(Tape(), 4, failures=3)) >= 4


def test_quoted__a_price_is_missing__is_none():
    known = {"BTC/USD": WAD, "BTC/EUR": WAD, "USDC/USD": WAD}
    assert quoted(known, "BTC/USD", "BTC/EUR", "USDC/USD", (6, 6)) == 1
    for missing in known:
        rest = {name: price for name, price in known.items() if name != missing}
        assert quoted(rest, "BTC/USD", "BTC/EUR", "USDC/USD", (6, 6)) is None
