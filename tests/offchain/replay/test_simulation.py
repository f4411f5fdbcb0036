# SPDX-License-Identifier: AGPL-3.0-only
"""The simulated market is repeatable, ordered, and interesting within two minutes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, takewhile

import pytest

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.replay.simulation import (
    CYCLE_S,
    FOLLOWERS,
    OUTAGE_S,
    RATES,
    WARM_UP_S,
    simulated_markets,
    simulated_outages,
    simulated_trades,
)
from plumbline.sources import CODECS, codec_of

START_MS = 1_700_000_000_000


def first(seconds: int, seed: int = 1) -> list[Trade]:
    return list(takewhile(lambda t: t.at_ms < START_MS + seconds * 1000, simulated_trades(seed, START_MS)))


def test_trades__same_seed__same_market_and_another_seed_another():
    assert first(30) == first(30)
    assert first(30) != first(30, seed=2)


def test_trades__ascend_in_time_from_before_the_start():
    trades = first(120)
    assert all(a.at_ms <= b.at_ms for a, b in pairwise(trades))
    assert START_MS - WARM_UP_S * 1000 <= trades[0].at_ms < START_MS - WARM_UP_S * 1000 + 5_000


@pytest.mark.parametrize("seed", range(1, 6))
def test_trades__two_minutes__several_a_second_on_every_market_at_sane_prices(seed: int):
    trades = first(120, seed)
    assert set(Counter((t.venue, t.symbol) for t in trades)) == {*RATES, *FOLLOWERS}
    assert 6 < len(trades) / 150 < 20
    for trade in trades:
        low, high = (50_000, 80_000) if trade.symbol.startswith("BTC") else (0.9, 1.1)
        assert low * WAD < trade.price_wad < high * WAD
        assert trade.size_wad > 0


@pytest.mark.parametrize("seed", range(1, 6))
def test_trades__two_minutes__a_stablecoin_scare_and_moves_beyond_25_bps(seed: int):
    trades = first(120, seed)
    usdc = [t.price_wad for t in trades if t.symbol == "USDC/USDT"]
    assert min(usdc) < 0.988 * WAD
    assert usdc[0] > 0.999 * WAD
    btc = [t.price_wad for t in trades if t.symbol == "BTC/USD"]
    assert (max(btc) - min(btc)) * 10_000 > 25 * min(btc)


def test_outages__one_venue_at_a_time_once_a_cycle():
    outages = simulated_outages(1, START_MS, hours=1)
    assert len(outages) == 3600 // CYCLE_S
    assert {fault.venue for fault in outages} <= set(CODECS)
    for cycle, fault in enumerate(outages):
        assert fault.end_ms - fault.start_ms == OUTAGE_S * 1000
        assert START_MS + cycle * CYCLE_S * 1000 < fault.start_ms < START_MS + (cycle + 1) * CYCLE_S * 1000
    # Within the first two minutes, so that a short demo sees one.
    assert outages[0].start_ms <= START_MS + 120_000


def test_markets__every_one_can_be_subscribed_to():
    assert set(simulated_markets()) == set(CODECS)
    for venue, symbols in simulated_markets().items():
        assert codec_of(venue, symbols).venue == venue


def test_followers__trade_soon_after_their_leader_and_near_its_price():
    trades = first(120)
    for (venue, symbol), leader in FOLLOWERS.items():
        led = [t for t in trades if (t.venue, t.symbol) == (leader, symbol)]
        answers = [t for t in trades if (t.venue, t.symbol) == (venue, symbol)]
        assert 0.3 < len(answers) / len(led) < 0.9
        for answer in answers:
            near = [t for t in led if 50 <= answer.at_ms - t.at_ms < 400]
            assert any(abs(answer.price_wad - t.price_wad) * 10_000 < 10 * t.price_wad for t in near)
