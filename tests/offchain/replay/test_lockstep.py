# SPDX-License-Identifier: AGPL-3.0-only
"""Tape -> frame -> codec gives the tape's own trades, whatever lies between the honest frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.tapes import few_trades

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.errors import SourceError
from plumbline.replay.faults import Fault, Faults
from plumbline.replay.lockstep import Lockstep
from plumbline.replay.tape import Tape, markets_of, recorded_trades
from plumbline.sources import CODECS

DAY_S = 1_678_492_800  # 2023-03-11T00:00:00Z
RECORDING = "usdc-depeg-2023-03/bars_1m_2023-03-01_2023-03-13.parquet"
ALWAYS = (0, 1 << 60)


def in_order(trades: list[Trade]) -> list[Trade]:
    return sorted(trades, key=lambda t: (t.at_ms, t.venue, t.symbol))


def walk(market: Lockstep, start_s: int, minutes: int) -> list[Trade]:
    return [trade for minute in range(minutes + 1) for trade in market.until((start_s + 60 * minute) * 1000)]


@pytest.mark.data
def test_until__six_recorded_hours_of_five_venues__arrive_exactly(market_data: Path):
    told = list(recorded_trades(market_data / RECORDING, DAY_S, DAY_S + 6 * 3600))
    markets = markets_of(told)
    assert set(markets) == {"binance", "bybit", "coinbase", "cryptocom", "kraken"}
    # An alias of BTC/USD, which the adapter refuses.
    markets["coinbase"].remove("BTC/USDC")
    told = [t for t in told if t.symbol in markets[t.venue]]
    market = Lockstep(Tape(told), markets)

    assert in_order(walk(market, DAY_S, 360)) == in_order(told)
    assert not market.rejected


@pytest.mark.data
def test_recorded_trades__zero_volume_bars__give_none(market_data: Path):
    # The recording holds a bar of this market for every minute, all at 20,100 and without volume.
    told = recorded_trades(market_data / RECORDING, DAY_S, DAY_S + 3600)
    assert not [t for t in told if (t.venue, t.symbol) == ("cryptocom", "BTC/USDC")]


def test_until__garbage_and_duplicates_on_every_venue__only_the_true_trades():
    told = [t for venue in sorted(CODECS) for t in few_trades(venue, count=200)]
    told.sort(key=lambda t: t.at_ms)
    faults = [Fault(kind, venue, *ALWAYS) for venue in CODECS for kind in ("garbage", "duplicates")]
    market = Lockstep(Tape(told, Faults(faults, seed=5)), markets_of(told))

    got = [trade for at_ms in sorted({t.at_ms for t in told}) for trade in market.until(at_ms)]

    assert in_order(got) == in_order(told)
    assert set(market.rejected) <= {"malformed", "price", "size", "unknown message", "unknown market", "time"}
    assert market.rejected["malformed"] > 100
    assert market.rejected["price"] > 100


@pytest.mark.parametrize("kind", ["outage", "silence"])
def test_until__venue_gone__its_trades_are_missing_and_no_others(kind: str):
    told = sorted(few_trades("kraken") + few_trades("bybit"), key=lambda t: t.at_ms)
    market = Lockstep(Tape(told, Faults([Fault(kind, "kraken", *ALWAYS)])), markets_of(told))
    assert {t.venue for t in market.until(1 << 50)} == {"bybit"}


def test_until__only_what_was_subscribed_to():
    market = Lockstep(Tape(few_trades("kraken")), {"kraken": ["BTC/USD"]})
    assert {t.symbol for t in market.until(1 << 50)} == {"BTC/USD"}


def test_until__prices_of_every_size__stay_exact():
    sizes = [1, 10**9, WAD - 1, WAD, 27_123_45 * WAD // 100, 10**15 * WAD]
    for venue in sorted(CODECS):
        told = [Trade(venue, "BTC/USD", value, value, 1_000 + n) for n, value in enumerate(sizes)]
        assert Lockstep(Tape(told), {venue: ["BTC/USD"]}).until(10_000) == told


def test_lockstep__market_the_venue_refuses__raises_at_once():
    with pytest.raises(SourceError, match="another name of BTC/USD"):
        Lockstep(Tape([]), {"coinbase": ["BTC/USDC"]})
