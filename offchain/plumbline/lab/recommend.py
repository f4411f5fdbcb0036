# SPDX-License-Identifier: AGPL-3.0-only
"""Which setting to take, and why: integrity first, freshness second, cost last.

    1  integrity   the method's bend is not far above the least: one venue must not be able to buy what all would save
    2  freshness   of those: errors (mean and 99th percentile) not far above the best
    3  cost        of those: the least gas a day; of equals, the least profit for who trades on updates he sees coming

"Not far" is a factor and a little more, so that a best near nothing does not rule out its equals. These days decide
only between settings of one integrity: a method that a single venue can bend is not recommended, however well it did on
days on which nobody tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from plumbline.lab.sweep import Result

BEND_FACTOR: Final = 2.0
BEND_MORE_BPS: Final = 5.0
ERROR_FACTOR: Final = 1.25
ERROR_MORE_BPS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Recommendation:
    result: Result
    reasons: tuple[str, ...]


def recommend(results: Sequence[Result]) -> Recommendation:
    """Raises ValueError when there is nothing to choose from, or no method's integrity could be told."""
    bends = [result.bend_bps for result in results if result.bend_bps is not None]
    if not bends:
        raise ValueError("results: expected a method made of venues' prices among them, got none")
    bend_limit = BEND_FACTOR * min(bends) + BEND_MORE_BPS
    sound = [result for result in results if result.bend_bps is not None and result.bend_bps <= bend_limit]
    best_mean = min(result.outcome.error_mean for result in sound)
    best_p99 = min(result.outcome.error_p99 for result in sound)
    fresh = [
        result
        for result in sound
        if result.outcome.error_mean <= ERROR_FACTOR * best_mean + ERROR_MORE_BPS
        and result.outcome.error_p99 <= ERROR_FACTOR * best_p99 + ERROR_MORE_BPS
    ] or [min(sound, key=lambda result: (result.outcome.error_p99, result.outcome.error_mean))]
    chosen = min(fresh, key=lambda result: (result.gas_a_day, result.outcome.profit_a_day, result.outcome.error_mean))
    return Recommendation(chosen, _reasons(results, sound, fresh, chosen))


def _reasons(
    results: Sequence[Result], sound: Sequence[Result], fresh: Sequence[Result], chosen: Result
) -> tuple[str, ...]:
    bent = sorted({result.method for result in results} - {result.method for result in sound})
    out = f"; left out for more, or for not telling: {', '.join(bent)}" if bent else ""
    best = min(sound, key=lambda result: result.outcome.error_p99).outcome
    dearest = max(fresh, key=lambda result: result.gas_a_day)
    outcome = chosen.outcome
    lag = "never caught up" if outcome.lag_s is None else f"followed {outcome.lag_s:.0f} s behind"
    return (
        f"integrity: one venue that tells what it likes moves {chosen.method} by {chosen.bend_bps:.1f} bps{out}",
        f"freshness: errors {outcome.error_mean:.1f} mean, {outcome.error_p99:.1f} at p99; "
        f"the best of {len(sound)} settings has {best.error_mean:.1f}, {best.error_p99:.1f}",
        f"cost: {chosen.gas_a_day / 1e6:.1f} M gas a day, least of the {len(fresh)} as fresh (most: "
        f"{dearest.gas_a_day / 1e6:.1f} M)",
        f"when the market fell {outcome.fall:.0f} bps within an hour it {lag}",
        f"stale {outcome.stale_share:.1%} of the time; trading on its updates is worth {outcome.profit_a_day:.0f} bps "
        f"a day, {outcome.profit_max:.0f} at once",
    )


def frontier(results: Sequence[Result]) -> list[Result]:
    """The settings that no other beats in error, gas and bend at once, the cheapest first."""

    def figures(result: Result) -> tuple[float, float, float]:
        bend = float("inf") if result.bend_bps is None else result.bend_bps
        return result.outcome.error_p99, result.gas_a_day, bend

    # Of settings with one and the same figures (a heartbeat nobody waits for) the first stands for all.
    told = {figures(result): result for result in reversed(results)}
    kept = [
        result
        for mine, result in told.items()
        if not any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in told)
    ]
    return sorted(kept, key=lambda result: (result.gas_a_day, result.outcome.error_p99))
