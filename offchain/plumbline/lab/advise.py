# SPDX-License-Identifier: AGPL-3.0-only
"""Which setting of a market study to take, and why: nearness first, within what is worth its cost, money second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from plumbline.lab.parity import ParityResult
from plumbline.lab.rebalance import RebalanceResult

NEAR_FACTOR: Final = 1.25
NEAR_MORE_BPS: Final = 0.5
"""Setting whose error is no larger than the best's times this and plus that counts as near."""
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Advice(Generic[R]):
    result: R
    reasons: tuple[str, ...]


def advise_parity(results: Sequence[ParityResult]) -> Advice[ParityResult]:
    """Among those at which a keeper earns anything (else there is none): near NAV first, then the keeper's profit."""
    kept = [each for each in results if each.profit_a_day > 0]
    if not kept:
        best = min(results, key=lambda each: each.tracking)
        return Advice(best, ("no setting pays a keeper: this one is nearest to NAV, and nobody would hold it there",))
    near = _near(kept, lambda each: each.tracking)
    chosen = max(near, key=lambda each: (each.profit_a_day, -each.tracking))
    least, most = min(each.tracking for each in kept), max(each.tracking for each in kept)
    reverts = chosen.reverts_a_day / max(chosen.trades_a_day + chosen.reverts_a_day, 1e-9)
    return Advice(
        chosen,
        (
            f"it pays: {chosen.profit_a_day:,.2f} USD a day after {chosen.gas_a_day:,.2f} of gas; "
            f"{len(kept)} of {len(results)} settings pay a keeper anything",
            f"near NAV: {chosen.tracking:.1f} bps (root mean square), p99 {chosen.premium_p99:.1f}; "
            f"the settings that pay have {least:.1f} to {most:.1f}",
            f"of the {len(near)} as near it earns its keeper most, so that somebody does it",
            f"{reverts:.1%} of its transactions revert; those who push pay {chosen.cost_a_day:,.2f} USD a day",
        ),
    )


def advise_rebalance(results: Sequence[RebalanceResult]) -> Advice[RebalanceResult]:
    """Among those near the ideal index, the cheapest; of equals the nearest."""
    near = _near(results, lambda each: each.tracking)
    chosen = min(near, key=lambda each: (each.cost_a_day, each.tracking))
    best, dearest = min(results, key=lambda each: each.tracking), max(near, key=lambda each: each.cost_a_day)
    return Advice(
        chosen,
        (
            f"near the ideal index: {chosen.tracking:.2f} bps an hour; the best of {len(results)} has "
            f"{best.tracking:.2f} for {best.cost_a_day:.2f} bps a day",
            f"cost: {chosen.cost_a_day:.2f} bps a day ({chosen.slippage_a_day:.2f} of it in the pools), least of the "
            f"{len(near)} as near (most: {dearest.cost_a_day:.2f})",
            f"{chosen.drift_mean:.1f} bps of its value are in the wrong component on average, {chosen.drift_max:.1f} "
            f"at worst, with {chosen.rebalances_a_day:.1f} rebalances a day",
            f"at the end it is {chosen.behind:.2f} bps behind the ideal, costs included",
        ),
    )


def _near(results: Sequence[R], error: Callable[[R], float]) -> list[R]:
    limit = NEAR_FACTOR * min(map(error, results)) + NEAR_MORE_BPS
    return [each for each in results if error(each) <= limit]
