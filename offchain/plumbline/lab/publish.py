# SPDX-License-Identifier: AGPL-3.0-only
"""What a reader of the chain gets of an index under one policy: how wrong, how late, how often, and who profits.

A round of grid time T is made of what was traded until T and stands on chain `landing_s` later; until then readers see
the round before it. Every figure is of the answer that *stands*, against the reference at the same second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from plumbline.core.policy import due
from plumbline.core.units import MAX_BPS, WAD_DECIMALS, rescale
from plumbline.lab.market import MarketDays
from plumbline.lab.series import Series

DAY_S = 86_400
CRASH_S = 3_600
"""The steepest fall within so long is the crash whose lag is measured."""
_LEVELS = range(1, 10)
"""Tenths of the fall at which the lag is read off."""


@dataclass(frozen=True, slots=True)
class Policy:
    deviation_bps: int
    heartbeat_s: int
    landing_s: int = 2
    """From a grid time to its round standing on chain."""
    swap_fee_bps: int = 5
    """What trading on an update costs who does it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """bps where not said otherwise; a day's figures are of 24 hours."""

    error_mean: float
    error_p99: float
    error_max: float
    lag_s: float | None
    """Mean delay behind the reference on the way down its steepest hour; None: it never got there."""
    fall: float
    """How deep the reference fell in that hour."""
    stale_share: float
    """Of the time: the answer was off the index by the deviation or more, older than its heartbeat, or missing."""
    updates_a_day: float
    profit_a_day: float
    """Of somebody who trades one unit on each update he sees coming that moves the price by more than the fee."""
    profit_max: float
    """Of the best such trade."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What stood on chain: from when on, and what."""

    from_s: Sequence[int]
    round_s: Sequence[int]
    prices: Sequence[int]

    def at(self, at_s: int) -> tuple[int, int] | None:
        """(price, grid time of its round) that a reader finds; None before the first."""
        place = bisect_right(self.from_s, at_s) - 1
        return None if place < 0 else (self.prices[place], self.round_s[place])


def publish(series: Series, policy: Policy, period_s: int) -> Answers:
    """The rounds that the policy pays for."""
    rounds: list[int] = []
    prices: list[int] = []
    answer, answered_at = None, 0
    terms = {"deviation_bps": policy.deviation_bps, "heartbeat_s": policy.heartbeat_s, "period_s": period_s}
    for at_s, median in zip(series.times_s, series.prices, strict=True):
        if due(median, answer, answered_at, at_s, **terms):
            answer, answered_at = median, at_s
            rounds.append(at_s)
            prices.append(median)
    return Answers([at_s + policy.landing_s for at_s in rounds], rounds, prices)


def judge(days: MarketDays, series: Series, answers: Answers, policy: Policy, period_s: int, decimals: int) -> Outcome:
    """Measure the answers at every step of the days after the warm-up.

    Raises:
        ValueError: no answer ever stood beside a reference.
    """
    spec = days.spec
    times = range(spec.start_s + spec.warm_up_s, spec.end_s, spec.step_s)
    errors, stale = [], 0
    for at_s in times:
        standing, reference_wad = answers.at(at_s), days.reference_at(at_s)
        stale += _is_stale(series, standing, at_s, policy, period_s)
        if standing is not None and reference_wad is not None:
            reference = rescale(reference_wad, WAD_DECIMALS, decimals)
            errors.append(abs(standing[0] - reference) * MAX_BPS / reference)
    if not errors:
        raise ValueError("days: expected an answer beside a reference, got none")
    errors.sort()
    share_of_day = len(times) * spec.step_s / DAY_S
    lag_s, fall = crash_lag(days, answers, decimals)
    gains = [
        max(0.0, abs(new - old) * MAX_BPS / old - policy.swap_fee_bps)
        for (old, new), from_s in zip(pairwise(answers.prices), answers.from_s[1:], strict=True)
        if from_s >= times.start
    ]
    return Outcome(
        error_mean=sum(errors) / len(errors),
        error_p99=errors[int(0.99 * len(errors))],
        error_max=errors[-1],
        lag_s=lag_s,
        fall=fall,
        stale_share=stale / len(times),
        updates_a_day=sum(from_s >= times.start for from_s in answers.from_s) / share_of_day,
        profit_a_day=sum(gains) / share_of_day,
        profit_max=max(gains, default=0.0),
    )


def _is_stale(series: Series, standing: tuple[int, int] | None, at_s: int, policy: Policy, period_s: int) -> bool:
    if standing is None:
        return True
    price, round_s = standing
    place = bisect_right(series.times_s, at_s) - 1
    index = series.prices[place] if place >= 0 else 0
    moved = bool(index) and abs(index - price) * MAX_BPS >= price * policy.deviation_bps
    # A round is not late while it is on its way.
    return moved or at_s - round_s > policy.heartbeat_s + policy.landing_s


def crash_lag(days: MarketDays, answers: Answers, decimals: int) -> tuple[float | None, float]:
    """(seconds the answer is behind on the way down, depth of the fall in bps) in the reference's steepest hour.

    For each tenth of the fall: the first time the answer is as low, less the first time the reference is. The mean of
    these; None when the answer does not get as low within an hour after the fall.
    """
    top_s, top, bottom = _steepest(days, decimals)
    fall = (top - bottom) * MAX_BPS / top
    times, lags = range(top_s, top_s + 2 * CRASH_S), []
    market = [(at_s, _scaled(now, decimals)) for at_s in times if (now := days.reference_at(at_s)) is not None]
    chain = [(at_s, found[0]) for at_s in times if (found := answers.at(at_s)) is not None]
    for tenth in _LEVELS:
        level = top - (top - bottom) * tenth // 10
        reached, followed = _first_below(market, level), _first_below(chain, level)
        if reached is None or followed is None:
            return None, fall
        lags.append(followed - reached)
    return sum(lags) / len(lags), fall


def crash_top_s(days: MarketDays, decimals: int) -> int:
    """When the reference's steepest fall within an hour began."""
    return _steepest(days, decimals)[0]


def _first_below(told: Sequence[tuple[int, int]], level: int) -> int | None:
    return next((at_s for at_s, price in told if price <= level), None)


def _steepest(days: MarketDays, decimals: int) -> tuple[int, int, int]:
    """(time of the top, top, bottom) of the largest relative fall within an hour."""
    spec = days.spec
    best = (spec.start_s, 1, 1)
    told = [
        (at_s, _scaled(price_wad, decimals))
        for at_s in range(spec.start_s + spec.warm_up_s, spec.end_s, spec.step_s)
        if (price_wad := days.reference_at(at_s)) is not None
    ]
    window: list[tuple[int, int]] = []
    """Falling prices of the last hour: the first is its top."""
    head = 0
    for at_s, price in told:
        while len(window) > head and window[-1][1] <= price:
            window.pop()
        window.append((at_s, price))
        while window[head][0] < at_s - CRASH_S:
            head += 1
        top_s, top = window[head]
        if (top - price) * best[1] > (best[1] - best[2]) * top:
            best = (top_s, top, price)
    return best


def _scaled(price_wad: int, decimals: int) -> int:
    return rescale(price_wad, WAD_DECIMALS, decimals)
