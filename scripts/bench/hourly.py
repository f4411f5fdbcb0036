# SPDX-License-Identifier: AGPL-3.0-only
"""The index on days it was not made for: hourly closes of five exchanges, 2017 to 2022, outages and crashes and all.

Nothing was tuned on these. Each bar with volume is one trade at its close, in the last millisecond of its hour; the
rule is the default one but for its ages, which have to be those of an hourly market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pyarrow import parquet

from plumbline.core.engine import IndexEngine
from plumbline.core.methods import weighted_median
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.replay.bars import wad_of_double
from scripts.bench.recorded import Disturb, data_folder, frozen, moved, removed, sound
from scripts.bench.report import Bench

HOUR_S = 3_600
YEAR = (1_526_428_800, 1_557_964_800)
"""2018-05-16 to 2019-05-16: all five exchanges, and the day before Bitstamp's crash."""
VENUES = ("bitfinex", "bitstamp", "coinbase", "gemini", "kraken")
CRASH = (1_583_971_200, 1_584_144_000)
"""2020-03-12 and 13: the three exchanges that the recording still has."""
OUTAGES = {"kraken 2018-01-11": ("kraken", 1_515_679_200, 25), "coinbase 2018-08-10": ("coinbase", 1_533_859_200, 16)}
"""(venue, when it stood still, hours)."""


@dataclass(frozen=True)
class Hour:
    venue: str
    end_s: int
    low_wad: int
    close_wad: int
    volume_wad: int

    def trade(self, price_wad: int) -> Trade:
        return Trade(self.venue, "BTC/USD", price_wad, self.volume_wad, self.end_s * 1000 - 1)


@lru_cache
def hours() -> Mapping[int, Sequence[Hour]]:
    """By their end."""
    path = data_folder() / "btc-flash-crash-2019-05-17" / "btcusd_1h_5ex_2017-07_2022-08.parquet"
    table = parquet.read_table(path, columns=["exchange", "t", "low", "close", "volume_btc"])
    found: dict[int, list[Hour]] = {}
    for venue, t, *values in zip(*(column.to_pylist() for column in table.columns), strict=True):
        bar = Hour(venue, t + HOUR_S, *(wad_of_double(value) for value in values))
        found.setdefault(bar.end_s, []).append(bar)
    return found


def rule(without: str = "") -> FeedRule:
    markets = parse_markets([f"{venue}:BTC/USD" for venue in VENUES if venue != without])
    return FeedRule("BTC/USD", 8, 2, markets, max_age_s=2 * HOUR_S, frozen_s=3 * HOUR_S)


def index(span: tuple[int, int], feed: FeedRule, disturb: Disturb = sound) -> dict[int, int]:
    """The index at the end of every hour of the span that has a price."""
    engine, prices = IndexEngine([feed]), {}
    for end_s in range(span[0], span[1] + 1, HOUR_S):
        for bar in hours().get(end_s, ()):
            if bar.venue in feed.venues and bar.volume_wad:
                arrived = disturb(bar.trade(bar.close_wad))
                if arrived is not None:
                    engine.on_trade(arrived)
        price_wad = engine.observe(end_s * 1000)["BTC/USD"].price_wad
        if price_wad is not None:
            prices[end_s] = price_wad
    return prices


def closes(venue: str, span: tuple[int, int]) -> dict[int, int]:
    told = (bar for end_s in range(span[0], span[1] + 1, HOUR_S) for bar in hours().get(end_s, ()))
    return {bar.end_s: bar.close_wad for bar in told if bar.venue == venue and bar.volume_wad}


def apart(prices: Mapping[int, int], against: Mapping[int, int]) -> list[float]:
    return sorted(abs(prices[at] - against[at]) * 10_000 / against[at] for at in against if at in prices)


def mean_of(venue: str, span: tuple[int, int]) -> dict[int, int]:
    """What a volume-weighted mean of the others says."""
    means = {}
    for end_s in range(span[0], span[1] + 1, HOUR_S):
        others = [bar for bar in hours().get(end_s, ()) if bar.venue != venue and bar.volume_wad]
        if others:
            total = sum(bar.close_wad * bar.volume_wad for bar in others)
            means[end_s] = total // sum(bar.volume_wad for bar in others)
    return means


def add_year(bench: Bench) -> None:
    """Each exchange held out in turn: how far the index of the other four is from it."""
    for venue in VENUES:
        against = closes(venue, YEAR)
        ours, theirs = apart(index(YEAR, rule(without=venue)), against), apart(mean_of(venue, YEAR), against)
        peer = f"VWAP mean {sum(theirs) / len(theirs):.1f}, p99 {_p99(theirs):.0f}, max {theirs[-1]:.0f}"
        bench.add(f"year_2018/against {venue}/mean", sum(ours) / len(ours), "bps", None, peer)
        bench.add(f"year_2018/against {venue}/p99", _p99(ours), "bps")
        bench.add(f"year_2018/against {venue}/max", ours[-1], "bps")


def add_year_disturbed(bench: Bench) -> None:
    """One of the five removed, frozen or 30% off all year: how far the index moves."""
    undisturbed = index(YEAR, rule())
    kinds = {
        "removed": removed,
        "moved 30%": lambda venue: moved(venue, 30),
        "frozen": lambda venue: frozen(venue, YEAR[0] + 24 * HOUR_S, YEAR[1]),
    }
    for kind, disturb in kinds.items():
        moves = {venue: apart(index(YEAR, rule(), disturb(venue)), undisturbed) for venue in VENUES}
        worst = max(moves, key=lambda venue: _p99(moves[venue]))
        bench.add(f"year_2018/one_venue_off/{kind}/p99", _p99(moves[worst]), "bps", "<= 25", f"worst of five: {worst}")
        bench.add(f"year_2018/one_venue_off/{kind}/max", max(each[-1] for each in moves.values()), "bps")


def add_outages(bench: Bench) -> None:
    """A venue that stood still for a day: the index against the median of those that moved."""
    for name, (venue, start_s, count) in OUTAGES.items():
        span = (start_s - 48 * HOUR_S, start_s + count * HOUR_S)
        prices = index(span, rule())
        worst = 0.0
        for end_s in range(start_s + HOUR_S, span[1] + 1, HOUR_S):
            moving = [bar.close_wad for bar in hours().get(end_s, ()) if bar.venue != venue and bar.volume_wad]
            middle = weighted_median(moving, [1] * len(moving))
            if end_s in prices:
                worst = max(worst, abs(prices[end_s] - middle) * 10_000 / middle)
        gap = [bar for bar in hours()[span[1]] if bar.venue == venue]
        peer = f"the venue's own price {abs(gap[0].close_wad - middle) * 10_000 / middle:.0f} at the end" if gap else ""
        bench.add(f"outage/{name}/max against those that moved", worst, "bps", None, peer)


def add_crash(bench: Bench) -> None:
    """Every venue at its low of the two days at once: the index low against the median venue's low."""
    lows: dict[str, int] = {}
    for bar in (bar for at in range(CRASH[0], CRASH[1] + 1, HOUR_S) for bar in hours().get(at, ())):
        lows[bar.venue] = min(bar.low_wad, lows.get(bar.venue, bar.low_wad))
    engine = IndexEngine([FeedRule("BTC/USD", 8, 2, parse_markets([f"{venue}:BTC/USD" for venue in sorted(lows)]))])
    for venue, low_wad in lows.items():
        engine.on_trade(Trade(venue, "BTC/USD", low_wad, 10**18, CRASH[1] * 1000))
    price_wad = engine.observe(CRASH[1] * 1000)["BTC/USD"].price_wad
    if price_wad is None:
        raise SystemExit("no index price at the low of March 2020")
    median, lowest = weighted_median(list(lows.values()), [1] * len(lows)), min(lows, key=lows.__getitem__)
    gap = (median - lows[lowest]) * 100 / median
    peer = f"{len(lows)} venues, {lowest} {gap:.2f}% below their median"
    bench.add(
        "crash_2020/low against the median venue's low", abs(price_wad - median) * 100 / median, "%", "<= 2", peer
    )


def _p99(ordered: Sequence[float]) -> float:
    return ordered[int(0.99 * len(ordered))]


def add_all(bench: Bench) -> None:
    add_year(bench)
    add_year_disturbed(bench)
    add_outages(bench)
    add_crash(bench)
