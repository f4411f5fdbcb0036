# SPDX-License-Identifier: AGPL-3.0-only
"""ccxt behind the same port: exact, once, in time, sane, and never an end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.helpers.streams import reading, run, until

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.errors import SourceError
from plumbline.sources.ccxt import CcxtSource, OneByOne, open_exchange

NOW_MS = 1_678_500_000_000


class StoppedClock:
    def now_ms(self) -> int:
        return NOW_MS

    async def sleep_until_ms(self, at_ms: int) -> None:
        raise AssertionError("a source never waits for market time")


class Trouble(Exception):
    pass


class FakeExchange:
    """Tells or raises what it was given, in turn; then nothing any more."""

    def __init__(self, *turns: list[dict[str, Any]] | Exception) -> None:
        self.turns = list(turns)
        self.asked: list[list[str]] = []
        self.closed = False

    async def watch_trades_for_symbols(self, symbols: list[str]) -> list[dict[str, Any]]:
        self.asked.append(symbols)
        if not self.turns:
            await asyncio.Event().wait()
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn

    async def close(self) -> None:
        self.closed = True


def told(
    number: int, price: Any = "20000.1", size: Any = "0.3", symbol: str = "BTC/USD", at: int = 0
) -> dict[str, Any]:
    return {"id": str(number), "timestamp": NOW_MS + (at or number), "symbol": symbol, "price": price, "amount": size}


def source(exchange: FakeExchange) -> CcxtSource:
    return CcxtSource("htx", ["BTC/USD", "BTC/USDT"], StoppedClock(), exchange, Trouble)


def test_trades__told_again_and_out_of_turn__each_once_exactly_oldest_first():
    exchange = FakeExchange([told(2), told(1)], [told(2), told(1), told(3, "0.07", "1", "BTC/USDT")])

    async def test() -> None:
        htx = source(exchange)
        async with reading(htx) as got:
            await until(lambda: len(got) == 3)
            assert htx.stats.connected
            assert htx.stats.connections == 1
        assert got[0] == Trade("htx", "BTC/USD", 200_001 * WAD // 10, 3 * WAD // 10, NOW_MS + 1)
        assert [t.at_ms - NOW_MS for t in got] == [1, 2, 3]
        assert exchange.asked[0] == ["BTC/USD", "BTC/USDT"]

    run(test())
    assert exchange.closed


def test_trades__ccxt_raises__said_and_tried_again():
    exchange = FakeExchange(Trouble("maintenance"), OSError("no route"), [told(1)])

    async def test() -> None:
        htx = source(exchange)
        reasons = set()
        async with reading(htx) as got:
            await until(lambda: reasons.add(htx.stats.reason) or got)
        assert {"Trouble: maintenance", "OSError: no route"} <= reasons
        assert htx.stats.connections == 1

    run(test())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (told(1, price="-1"), "price"),
        (told(1, price="NaN"), "price"),
        (told(1, price=20000.1), "malformed"),
        (told(1, size=None), "malformed"),
        (told(1, symbol="ETH/USD"), "unknown market"),
        ({**told(1), "timestamp": None}, "time"),
        ({}, "unknown market"),
    ],
)
def test_trades__absurd_one__is_counted_and_the_others_are_taken(bad: dict[str, Any], reason: str):
    exchange = FakeExchange([bad, told(2)])

    async def test() -> None:
        htx = source(exchange)
        async with reading(htx) as got:
            await until(lambda: got)
            assert htx.stats.rejected == {reason: 1}
            assert [t.at_ms for t in got] == [NOW_MS + 2]

    run(test())


def test_trades__ahead_of_the_clock_or_late__dropped_and_counted():
    exchange = FakeExchange([told(5, at=100), told(6, at=60_000)], [told(4, at=50), told(7, at=101)])

    async def test() -> None:
        htx = source(exchange)
        async with reading(htx) as got:
            await until(lambda: len(got) == 2)
            assert htx.stats.dropped == {"future": 1, "out of order": 1}

    run(test())


def test_exchange_that_streams_one_market_at_a_time__all_are_read():
    class Single(FakeExchange):
        async def watch_trades(self, symbol: str) -> list[dict[str, Any]]:
            return await self.watch_trades_for_symbols([symbol])

    exchange = Single([told(1)], [told(2, symbol="BTC/USDT")], Trouble("once"), [told(3)])

    async def test() -> None:
        htx = CcxtSource("htx", ["BTC/USD", "BTC/USDT"], StoppedClock(), OneByOne(exchange), Trouble)
        async with reading(htx) as got:
            await until(lambda: len(got) == 3)
        assert {t.symbol for t in got} == {"BTC/USD", "BTC/USDT"}

    run(test())
    assert exchange.closed


def test_open_exchange__not_installed__names_the_extra():
    try:
        import ccxt.pro  # noqa: F401
    except ImportError:
        with pytest.raises(SourceError, match=r"htx: expected ccxt \(pip install 'plumbline\[ccxt\]'\)"):
            open_exchange("htx")
    else:
        with pytest.raises(SourceError, match="no streaming exchange"):
            open_exchange("no such")
