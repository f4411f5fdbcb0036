# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-index`: how far the index is from the market on its worst recorded days, and what a bad venue can do.

Errors are in bps, one for every minute. The reference is Coinbase's BTC/USD close of the minute; every Coinbase market
and conversion is out of the index that is held against it.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

from plumbline.core.engine import IndexEngine
from plumbline.core.methods import weighted_median
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import WAD, parse_wad
from plumbline.replay.bars import Bar
from scripts.bench import hourly, recorded
from scripts.bench.onchain import Published, publish
from scripts.bench.recorded import DAY_S, DEPEG_DAY_S, END_S, FIRST_DAY_S, VENUES, Disturb, Recording, rules, sound
from scripts.bench.report import Bench

HOUR_S = 3_600
WARM_UP_S = HOUR_S
"""Before the day that counts, so that no figure is a start's."""
CRASH_S = 1_558_062_000
"""2019-05-17 03:00 UTC."""

Prices = Mapping[int, int]
"""Time in seconds -> BTC/USD, times 1e18; times without a price are absent."""


def errors(prices: Prices, against: Prices, since_s: int = 0) -> list[float]:
    """|price - against| in bps of the latter at every time that has both, sorted."""
    times = [at for at in against if at > since_s and at in prices]
    return sorted(abs(prices[at] - against[at]) * 10_000 / against[at] for at in times)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def p99(ordered: Sequence[float]) -> float:
    return ordered[int(0.99 * len(ordered))]


def depeg_day() -> Recording:
    return recorded.recording(DEPEG_DAY_S - WARM_UP_S, DEPEG_DAY_S + DAY_S)


def all_days() -> Recording:
    return recorded.recording(FIRST_DAY_S, END_S)


def index(recording: Recording, feeds: Sequence[FeedRule], disturb: Disturb = sound) -> Prices:
    observed = ((at, prices["BTC/USD"].price_wad) for at, prices in recorded.index_prices(recording, feeds, disturb))
    return {at: price_wad for at, price_wad in observed if price_wad is not None}


# The day of the depeg, computed ------------------------------------------------------------------------------------


def naive(recording: Recording, combine: Callable[[Sequence[Bar]], int]) -> Prices:
    """An index that takes every dollar coin for a dollar: the minute's bars of all markets, combined."""
    minutes: dict[int, list[Bar]] = {}
    for bar in recording.bars:
        if bar.venue != "coinbase" and bar.symbol in ("BTC/USD", "BTC/USDT", "BTC/USDC"):
            minutes.setdefault(bar.end_s, []).append(bar)
    return {at: combine(bars) for at, bars in minutes.items()}


def volume_weighted(bars: Sequence[Bar]) -> int:
    return sum(bar.close_wad * bar.volume_wad for bar in bars) // sum(bar.volume_wad for bar in bars)


def plain_median(bars: Sequence[Bar]) -> int:
    return weighted_median([bar.close_wad for bar in bars], [1] * len(bars))


def converted_median(recording: Recording) -> Prices:
    """All markets converted, each a vote: no price per venue, nothing left out but currencies off their peg."""
    medians = {}
    for at, prices in recorded.index_prices(recording, rules(without="coinbase"), sound):
        said = [c.converted_wad for c in prices["BTC/USD"].contributions if c.converted_wad is not None]
        medians[at] = weighted_median(said, [1] * len(said))
    return medians


def add_depeg_day(bench: Bench) -> None:
    day = depeg_day()
    others = {
        "naive VWAP": naive(day, volume_weighted),
        "naive median": naive(day, plain_median),
        "converted median": converted_median(day),
    }
    apart = {name: errors(prices, day.reference_wad, DEPEG_DAY_S) for name, prices in others.items()}
    ours = errors(index(day, rules(without="coinbase")), day.reference_wad, DEPEG_DAY_S)
    for name, measure, bound in (("mean", mean, "<= 8"), ("max", max, "<= 72")):
        peers = ", ".join(f"{peer} {measure(values):.1f}" for peer, values in apart.items())
        bench.add(f"depeg_day/computed/{name}", measure(ours), "bps", bound, peers)
    bench.add("depeg_day/computed/minutes", len(ours), "min", ">= 1440")


# The same day on chain, without and with faults --------------------------------------------------------------------


def fault_day() -> Disturb:
    """Kraken frozen 06:00 to 08:00, Crypto.com 30% too high 07:00 to 09:00."""
    hour = [DEPEG_DAY_S + hour * HOUR_S for hour in range(24)]
    return recorded.both(
        recorded.frozen("kraken", hour[6], hour[8]),
        recorded.during(hour[7], hour[9], recorded.moved("cryptocom", 30)),
    )


def publish_without_coinbase() -> Published:
    return publish(depeg_day(), rules(without="coinbase"))


def publish_sound() -> Published:
    return publish(depeg_day(), rules())


def publish_faulty() -> Published:
    """The faults of the day, and one reporter of five dead from 04:00 on."""
    return publish(depeg_day(), rules(), fault_day(), killed={2: DEPEG_DAY_S + 4 * HOUR_S})


def add_published(bench: Bench, published: Published) -> None:
    reference = depeg_day().reference_wad
    standing = errors(published.standing_wad, reference, DEPEG_DAY_S)
    bench.add("depeg_day/published/mean", mean(standing), "bps", "<= 14")
    bench.add("depeg_day/published/max", standing[-1], "bps")
    arrived = errors(published.arrived_wad, reference, DEPEG_DAY_S)
    bench.add("depeg_day/published/mean a block later", mean(arrived), "bps")
    bench.add("depeg_day/published/rounds", published.rounds, "")


def add_faults(bench: Bench, undisturbed: Published, faulty: Published) -> None:
    apart = errors(faulty.standing_wad, undisturbed.standing_wad, DEPEG_DAY_S)
    bench.add("fault_day/published/mean", mean(apart), "bps", "<= 20")
    bench.add("fault_day/published/max", apart[-1], "bps", "<= 60")
    bench.add("fault_day/published/minutes", len(apart), "min", ">= 1440")
    bench.add("fault_day/published/rounds", faulty.rounds, "", f">= {undisturbed.rounds // 2}")


# Thirteen days, and one venue of six off ---------------------------------------------------------------------------


def add_all_days(bench: Bench, prices: Prices) -> None:
    ours = errors(prices, all_days().reference_wad)
    bench.add("all_days/computed/mean", mean(ours), "bps", "<= 2.1")
    bench.add("all_days/computed/p99", p99(ours), "bps", "<= 19")
    bench.add("all_days/computed/max", ours[-1], "bps")
    bench.add("all_days/computed/minutes", len(ours), "min", f">= {len(all_days().reference_wad) - 1}")


def index_without_coinbase() -> Prices:
    return index(all_days(), rules(without="coinbase"))


def index_disturbed(kind: str, venue: str, without: str = "") -> Prices:
    """The index of all days with all six venues (or five), one of them off all the time."""
    disturbs: dict[str, Disturb] = {
        "none": sound,
        "removed": recorded.removed(venue),
        "moved 30%": recorded.moved(venue, 30),
        "frozen": recorded.frozen(venue, FIRST_DAY_S + HOUR_S, END_S),
    }
    return index(all_days(), rules(without), disturbs[kind])


def add_disturbed(
    bench: Bench, what: str, undisturbed: Prices, prices: Mapping[str, Prices], bound: str | None
) -> None:
    # Where a venue's going leaves too few, there is no price: that is counted, and no move.
    apart = {venue: moves for venue, disturbed in prices.items() if (moves := errors(disturbed, undisturbed))}
    worst = max(apart, key=lambda venue: p99(apart[venue]))
    bench.add(f"{what}/p99", p99(apart[worst]), "bps", bound, f"worst of {len(prices)}: {worst}")
    bench.add(f"{what}/max", max(values[-1] for values in apart.values()), "bps")
    unpriced = max(len(undisturbed) - len(apart.get(venue, ())) for venue in prices)
    bench.add(f"{what}/minutes without a price", unpriced, "min")


# A crash of one venue, and speed -----------------------------------------------------------------------------------


def add_crash(bench: Bench) -> None:
    """The hour in which Bitstamp's book emptied: every venue at its low at the same moment."""
    hours: dict[int, list[dict[str, str]]] = {}
    path = recorded.data_folder() / "btc-flash-crash-2019-05-17" / "btcusd_1h_2019-05-10_2019-05-24.csv"
    with path.open(newline="") as lines:
        for line in csv.DictReader(lines):
            hours.setdefault(int(line["t"]), []).append(line)
    markets = parse_markets([f"{line['exchange']}:BTC/USD" for line in hours[CRASH_S]])
    engine = IndexEngine([FeedRule("BTC/USD", 8, 3, markets, max_age_s=2 * HOUR_S)])
    before = observe_bars(engine, CRASH_S - 1, hours[CRASH_S - HOUR_S], "close")
    low = observe_bars(engine, CRASH_S + HOUR_S // 2, hours[CRASH_S], "low")
    lows = {line["exchange"]: parse_wad(line["low"]) for line in hours[CRASH_S]}
    median = weighted_median(list(lows.values()), [1] * len(lows))
    bench.add("crash_2019/low against the median venue's low", abs(low - median) * 100 / median, "%", "<= 2")
    fall, its_fall = before - low, before - lows["bitstamp"]
    bench.add("crash_2019/fall of the index", fall / WAD, "USD", None, f"bitstamp {its_fall / WAD:.0f} below the index")


def observe_bars(engine: IndexEngine, at_s: int, bars: Sequence[Mapping[str, str]], column: str) -> int:
    for bar in bars:
        engine.on_trade(Trade(bar["exchange"], "BTC/USD", parse_wad(bar[column]), WAD, at_s * 1000))
    price_wad = engine.observe(at_s * 1000)["BTC/USD"].price_wad
    if price_wad is None:
        raise SystemExit(f"no index price at {at_s}")
    return price_wad


def add_speed(bench: Bench) -> None:
    """50 feeds of 10 venues, half of them converted, all traded since the last observation; processor time."""
    symbols = [f"T{i}" for i in range(49)]
    venues = [f"v{i}" for i in range(10)]
    feeds = [FeedRule("USDT/USD", 8, 3, parse_markets([f"{venue}:USDT/USD" for venue in venues]))]
    for base in symbols:
        words = [f"{venue}:{base}/{'USD' if i % 2 else 'USDT'}" for i, venue in enumerate(venues)]
        feeds.append(FeedRule(f"{base}/USD", 8, 3, parse_markets(words)))
    engine, took = IndexEngine(feeds), []
    for round_ in range(300):
        at_ms = 1_700_000_000_000 + 5_000 * round_
        for feed in feeds:
            for i, market in enumerate(feed.markets):
                engine.on_trade(Trade(market.venue, market.symbol, 100 * WAD + (i + round_) * 10**15, WAD, at_ms - i))
        start = time.process_time()
        engine.observe(at_ms)
        took.append((time.process_time() - start) * 1000)
    bench.add("recompute/50 feeds x 10 venues/p99", p99(sorted(took)), "ms", "<= 5")


def main() -> int:
    bench, kinds = Bench("index"), ("removed", "moved 30%", "frozen")
    add_speed(bench)  # first: a node does not carry thirteen days of bars through its garbage collections
    with ProcessPoolExecutor(max_workers=2) as pool:
        plain, whole, faulty = (pool.submit(run) for run in (publish_without_coinbase, publish_sound, publish_faulty))
        without = pool.submit(index_without_coinbase)
        undisturbed = pool.submit(index_disturbed, "none", "")
        off = {kind: {venue: pool.submit(index_disturbed, kind, venue) for venue in VENUES} for kind in kinds}
        others = [venue for venue in VENUES if venue != "coinbase"]
        off_too = {
            kind: {venue: pool.submit(index_disturbed, kind, venue, "coinbase") for venue in others} for kind in kinds
        }
        hourly.add_all(bench)
        add_depeg_day(bench)
        add_published(bench, plain.result())
        add_faults(bench, whole.result(), faulty.result())
        add_all_days(bench, without.result())
        for kind, runs in off.items():
            told = {venue: run.result() for venue, run in runs.items()}
            add_disturbed(bench, f"one_venue_off/{kind}", undisturbed.result(), told, "<= 25")
        for kind, runs in off_too.items():
            told = {venue: run.result() for venue, run in runs.items()}
            add_disturbed(bench, f"one_venue_and_coinbase_off/{kind}", without.result(), told, None)
    add_crash(bench)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
