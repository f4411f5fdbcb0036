# SPDX-License-Identifier: AGPL-3.0-only
"""A tape gives out each trade when it falls due, numbered, with the ordered faults in it."""

from __future__ import annotations

import random

import pytest
from tests.helpers.tapes import few_trades

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.replay.faults import Fault, Faults
from plumbline.replay.tape import Tape, markets_of

ALWAYS = (0, 1 << 60)


def prices(tape: Tape, now_ms: int) -> list[int]:
    return [p.trade.price_wad // WAD for p in tape.until(now_ms)]


def one_market(*prices_at: tuple[int, int], venue: str = "kraken") -> list[Trade]:
    return [Trade(venue, "BTC/USD", price * WAD, WAD, at_ms) for at_ms, price in prices_at]


def test_until__steps__give_each_trade_once_when_due():
    tape = Tape(one_market((100, 1), (200, 2), (200, 3), (301, 4)))
    assert tape.next_ms() == 100
    assert prices(tape, 99) == []
    assert prices(tape, 200) == [1, 2, 3]
    assert tape.next_ms() == 301
    assert prices(tape, 10_000) == [4]
    assert tape.next_ms() is None
    assert prices(tape, 20_000) == []


def test_until__numbers__count_each_market_from_the_begin_of_the_tape():
    trades = few_trades("kraken") + few_trades("bybit", start_ms=1 << 50)
    whole = Tape(trades).until(1 << 60)
    halves = Tape(trades)
    assert halves.until(trades[2].at_ms) + halves.until(1 << 60) == whole
    assert [p.number for p in whole] == [1, 1, 2, 2, 3, 3] * 2


def test_until__endless_tape__reads_no_further_than_asked():
    def endless():
        at_ms = 0
        while True:
            at_ms += 10
            assert at_ms <= 110, "read too far ahead"
            yield from one_market((at_ms, 1))

    assert len(Tape(endless()).until(100)) == 10


def test_freeze__trades_go_on_at_the_last_price_before_it():
    faults = Faults([Fault("freeze", "kraken", 200, 400)])
    tape = Tape(one_market((100, 1), (199, 2), (200, 3), (399, 4), (400, 5)), faults)
    assert prices(tape, 1_000) == [1, 2, 2, 2, 5]


def test_freeze__market_that_had_no_trade_before__sticks_at_its_first():
    tape = Tape(one_market((200, 3), (300, 4)), Faults([Fault("freeze", "kraken", 200, 400)]))
    assert prices(tape, 1_000) == [3, 3]


def test_scale__moves_one_venue_only_and_within_its_time():
    faults = Faults([Fault("scale", "kraken", 200, 300, bps=3_000)])
    trades = one_market((100, 100), (200, 100), (299, 200), (300, 100)) + one_market((400, 100), venue="bybit")
    assert prices(Tape(trades, faults), 1_000) == [100, 130, 260, 100, 100]


def test_latency__trades_come_late_with_their_true_times_in_order_of_delivery():
    faults = Faults([Fault("latency", "kraken", 100, 200, delay_ms=500)])
    tape = Tape(one_market((100, 1), (150, 2), (250, 3)), faults)
    assert prices(tape, 599) == [3]
    late = tape.until(1_000)
    assert [(p.trade.price_wad // WAD, p.trade.at_ms) for p in late] == [(1, 100), (2, 150)]


def test_duplicates_and_garbage__honest_frames_are_all_still_there():
    frames = [b'{"price":1.5,"p":"2.5"}', b'{"price":2.5,"p":"3.5"}']
    faults = Faults([Fault("duplicates", "kraken", *ALWAYS), Fault("garbage", "kraken", *ALWAYS)], seed=3)
    out = faults.frames("kraken", frames, 5, [])
    assert len(out) == 8
    assert out[1::2] == [frames[0], frames[0], frames[1], frames[1]]
    assert faults.frames("bybit", frames, 5, []) == frames


@pytest.mark.parametrize("seed", range(3))
def test_tape__any_faults__loses_no_trade(seed: int):
    rng = random.Random(seed)
    trades = one_market(*sorted((rng.randrange(10_000), rng.randrange(1, 100)) for _ in range(200)))
    ordered = [
        Fault(rng.choice(["freeze", "scale", "latency"]), "kraken", start, start + 1_000, bps=5, delay_ms=77)
        for start in range(0, 10_000, 1_500)
    ]
    tape = Tape(trades, Faults(ordered))
    got = [p for now_ms in range(0, 20_001, 50) for p in tape.until(now_ms)]
    assert sorted(p.number for p in got) == list(range(1, 201))
    assert sorted(p.trade.at_ms for p in got) == [t.at_ms for t in trades]


def test_markets_of__lists_each_venue_once():
    assert markets_of(few_trades("kraken") + few_trades("bybit")) == {
        "bybit": ["BTC/USD", "BTC/USDT"],
        "kraken": ["BTC/USD", "BTC/USDT"],
    }
