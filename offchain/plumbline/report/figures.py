# SPDX-License-Identifier: AGPL-3.0-only
"""The figures of a report, pure: series in, numbers out. A series is [(second, value)], ascending.

Statistics are drawn in floating point; money that was moved is summed in whole numbers elsewhere.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

Series = Sequence[tuple[int, float]]

YEAR_S: Final = 365 * 86_400
BPS: Final = 10_000
MAX_GAP_S: Final = 60
"""A sample stands until the next one, but no longer than this: what nobody saw is not counted."""
PERCENTILES: Final = (0, 5, 25, 50, 75, 95, 100)


@dataclass(frozen=True, slots=True)
class Tracking:
    """How the share's market price followed its value."""

    difference_bps: float
    """Tracking difference: return of the pool price less return of NAV, over the period."""
    population_bps: float
    """Tracking error: standard deviation of the interval's return differences (n), not annualised."""
    sample_bps: float
    """The same with n - 1."""
    annual_population_bps: float
    """Times the square root of the number of intervals in a year."""
    annual_sample_bps: float
    interval_s: int
    intervals: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How a quantity was distributed over time."""

    percentiles: dict[int, float]
    mean: float
    seen_s: int


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one series lay from another {bps}, both signs counted alike."""

    mean_bps: float
    max_bps: float
    samples: int


@dataclass(frozen=True, slots=True)
class Growth:
    """Of a rate, not compounded."""

    grown_bps: float
    annual_bps: float
    seconds: int


def at(series: Series, second: int) -> float | None:
    """The last value at or before a time, if it is no older than MAX_GAP_S."""
    place = bisect_right(series, (second, math.inf)) - 1
    if place < 0 or second - series[place][0] > MAX_GAP_S:
        return None
    return series[place][1]


def tracking(pool: Series, nav: Series, interval_s: int) -> Tracking | None:
    """None with fewer than three intervals: a deviation of less is no figure."""
    if not pool or not nav:
        return None
    first, last = max(pool[0][0], nav[0][0]), min(pool[-1][0], nav[-1][0])
    seconds = range(first, last + 1, interval_s)
    pairs = [(at(pool, second), at(nav, second)) for second in seconds]
    known = [(market, value) for market, value in pairs if market is not None and value is not None]
    differences = [
        (market / earlier_market - value / earlier_value) * BPS
        for (earlier_market, earlier_value), (market, value) in pairwise(known)
    ]
    if len(differences) < 3:
        return None
    (first_market, first_value), (last_market, last_value) = known[0], known[-1]
    mean = math.fsum(differences) / len(differences)
    squares = math.fsum((each - mean) ** 2 for each in differences)
    population, sample = math.sqrt(squares / len(differences)), math.sqrt(squares / (len(differences) - 1))
    annual = math.sqrt(YEAR_S / interval_s)
    return Tracking(
        difference_bps=(last_market / first_market - last_value / first_value) * BPS,
        population_bps=population,
        sample_bps=sample,
        annual_population_bps=population * annual,
        annual_sample_bps=sample * annual,
        interval_s=interval_s,
        intervals=len(differences),
    )


def weights(series: Series) -> list[tuple[float, int]]:
    """(value, seconds it stood); the last one for a second."""
    ends = [second for second, _ in series[1:]] + [series[-1][0] + 1] if series else []
    return [(value, min(end - second, MAX_GAP_S)) for (second, value), end in zip(series, ends, strict=True)]


def spread(series: Series) -> Spread | None:
    """Weighted by time: a price that stood an hour counts an hour."""
    weighed = sorted(weights(series))
    total = sum(seconds for _, seconds in weighed)
    if not total:
        return None
    found, passed, place = {}, 0, 0
    for percent in PERCENTILES:
        while place < len(weighed) - 1 and (passed + weighed[place][1]) * 100 < percent * total:
            passed += weighed[place][1]
            place += 1
        found[percent] = weighed[place][0]
    return Spread(found, math.fsum(value * seconds for value, seconds in weighed) / total, total)


def outside_share(series: Series, low: Series, high: Series, edge: float = 0.0) -> float | None:
    """The part of the time seen in which `series` was further than `edge` below `low` or above `high`; 0 .. 1."""
    seen = outside = 0
    for (second, value), (_, seconds) in zip(series, weights(series), strict=True):
        bottom, top = at(low, second), at(high, second)
        if bottom is None or top is None:
            continue
        seen += seconds
        outside += seconds * (not bottom - edge <= value <= top + edge)
    return outside / seen if seen else None


def held(counts: Series, looks: Series) -> float:
    """Count times seconds: a look without a count saw none. `looks` has a sample for each look."""
    known = dict(counts)
    return math.fsum(
        known.get(second, 0.0) * stood for (second, _), (_, stood) in zip(looks, weights(looks), strict=True)
    )


def distance(series: Series, reference: Series) -> Distance | None:
    """Of each sample from the reference's value at its time."""
    found = [abs(value / base - 1) * BPS for second, value in series if (base := at(reference, second))]
    return Distance(math.fsum(found) / len(found), max(found), len(found)) if found else None


def growth(series: Series) -> Growth | None:
    """From the first sample to the last; None without two."""
    if len(series) < 2 or not series[0][1]:
        return None
    (first_s, first), (last_s, last) = series[0], series[-1]
    grown = (last / first - 1) * BPS
    return Growth(grown, grown * YEAR_S / (last_s - first_s), last_s - first_s)


def fragmentation(venues: Mapping[str, Series]) -> list[tuple[int, float]]:
    """{bps} between the highest and the lowest venue, over time; where at least two were seen."""
    seconds = sorted({second for series in venues.values() for second, _ in series})
    found = []
    for second in seconds:
        values = [value for series in venues.values() if (value := at(series, second)) is not None]
        if len(values) > 1:
            found.append((second, (max(values) / min(values) - 1) * BPS))
    return found
