# SPDX-License-Identifier: AGPL-3.0-only
"""The market studies, parity and rebalance, as tables, as CSV and as pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from plumbline.lab.advise import Advice
from plumbline.lab.parity import ParityResult
from plumbline.lab.rebalance import HOUR_S, RebalanceResult
from plumbline.lab.show import aligned, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

R = TypeVar("R", bound=ParityResult | RebalanceResult)
Columns = Mapping[str, Callable[[R], str]]

PARITY: Final[Columns[ParityResult]] = {
    "edge USD": lambda each: str(each.setting.min_edge_usd),
    "depth kUSD": lambda each: f"{each.setting.depth_usd / 1_000:,.0f}",
    "pool fee bps": lambda each: f"{each.setting.pool_fee_pips / 100:g}",
    "vault fee bps": lambda each: str(each.setting.vault_fee_bps),
    "gas gwei": lambda each: f"{each.setting.gas_mgwei / 1_000:g}",
    "latency": lambda each: str(each.setting.latency),
    "mean": lambda each: f"{each.premium_mean:.1f}",
    "p50": lambda each: f"{each.premium_p50:.1f}",
    "p95": lambda each: f"{each.premium_p95:.1f}",
    "p99": lambda each: f"{each.premium_p99:.1f}",
    "max": lambda each: f"{each.premium_max:.0f}",
    "bias": lambda each: f"{each.bias:+.1f}",
    "tracking": lambda each: f"{each.tracking:.1f}",
    "inside": lambda each: f"{each.inside:.2%}",
    "trades/day": lambda each: f"{each.trades_a_day:.0f}",
    "reverts/day": lambda each: f"{each.reverts_a_day:.1f}",
    "profit/day": lambda each: f"{each.profit_a_day:,.2f}",
    "gas/day": lambda each: f"{each.gas_a_day:,.2f}",
    "cost/day": lambda each: f"{each.cost_a_day:,.2f}",
}
"""Premiums in bps; profit (after gas), gas and what pushes cost in USD."""
REBALANCE: Final[Columns[RebalanceResult]] = {
    "every h": lambda each: f"{each.setting.every_s / HOUR_S:g}",
    "tolerance bps": lambda each: str(each.setting.tolerance_bps),
    "depth kUSD": lambda each: f"{each.setting.depth_usd / 1_000:,.0f}",
    "pool fee bps": lambda each: f"{each.setting.pool_fee_pips / 100:g}",
    "gas gwei": lambda each: f"{each.setting.gas_mgwei / 1_000:g}",
    "stale h": lambda each: f"{each.setting.stale_s / HOUR_S:g}",
    "tracking": lambda each: f"{each.tracking:.3f}",
    "drift": lambda each: f"{each.drift_mean:.1f}",
    "drift max": lambda each: f"{each.drift_max:.1f}",
    "rebalances/day": lambda each: f"{each.rebalances_a_day:.1f}",
    "pools/day": lambda each: f"{each.slippage_a_day:.3f}",
    "gas/day": lambda each: f"{each.gas_a_day:.3f}",
    "behind": lambda each: f"{each.behind:.2f}",
}
"""All of the index's value, in bps; tracking is of an hour."""
_SHOWN: Final = 24


def table(results: Sequence[R], columns: Columns[R], advice: Advice[R], error: Callable[[R], float]) -> str:
    """The settings with the least `error`, the advised one marked and always among them."""
    shown: list[R] = sorted(results, key=error)[:_SHOWN]
    if advice.result not in shown:
        shown[-1] = advice.result
    rows = [("", *columns), *(("*" if each == advice.result else "", *_cells(each, columns)) for each in shown)]
    more = f"{len(results)} settings; shown are the {len(shown)} with the least error, and the recommended one"
    return "\n".join(
        [*aligned(rows, left=1), "", more, "", "recommended (*)", *(f"  {each}" for each in advice.reasons)]
    )


def _cells(result: R, columns: Columns[R]) -> tuple[str, ...]:
    return tuple(tell(result) for tell in columns.values())


def write_csv(path: Path, results: Sequence[R], columns: Columns[R]) -> None:
    """Every setting."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(_cells(each, columns) for each in results)


def write_parity_png(path: Path, results: Sequence[ParityResult], chosen: ParityResult) -> None:
    """The premium's distribution, and what profit, tracking and reverts do along each swept value.

    Raises:
        ConfigError: no matplotlib is installed.
    """
    figure = new_figure(path)
    figure.suptitle("parity: marked is the recommended setting; lines change one value of it")
    spread, profit, tracking, reverts = figure.subplots(2, 2).flatten()
    levels = ("p50", "p95", "p99", "max")
    for latency in sorted({each.setting.latency for each in results}):
        like = [each for each in _varied(results, chosen, "latency") if each.setting.latency == latency]
        for each in like:
            told = (each.premium_p50, each.premium_p95, each.premium_p99, each.premium_max)
            spread.plot(levels, told, marker="o", markersize=3, label=f"latency {latency}")
    spread.set(title="|premium|, bps", ylabel="bps")
    spread.legend(fontsize=7)
    _scatter(profit, results, chosen, lambda each: each.tracking, lambda each: each.profit_a_day)
    profit.set(title="keeper's profit against tracking", xlabel="tracking, bps", ylabel="USD a day after gas")
    names = ("min_edge_usd", "depth_usd", "pool_fee_pips", "vault_fee_bps", "gas_mgwei", "latency")
    _along(tracking, results, chosen, names, lambda each: each.tracking)
    tracking.set(title="tracking along one value", xlabel="value, of the recommended one's", ylabel="bps")
    _along(reverts, results, chosen, names, lambda each: each.profit_a_day)
    reverts.set(title="profit along one value", xlabel="value, of the recommended one's", ylabel="USD a day")
    figure.savefig(path, dpi=110)


def write_rebalance_png(path: Path, results: Sequence[RebalanceResult], chosen: RebalanceResult) -> None:
    """Tracking against cost, and both over frequency and tolerance.

    Raises:
        ConfigError: no matplotlib is installed.
    """
    figure = new_figure(path)
    figure.suptitle("rebalance: marked is the recommended setting")
    trade, tracking, cost, drift = figure.subplots(2, 2).flatten()
    _scatter(trade, results, chosen, lambda each: each.cost_a_day, lambda each: each.tracking)
    trade.set(title="tracking against cost", xlabel="cost, bps a day", ylabel="tracking, bps an hour")
    figures: tuple[tuple[Axes, Callable[[RebalanceResult], float], str], ...] = (
        (tracking, lambda each: each.tracking, "tracking, bps an hour"),
        (cost, lambda each: each.cost_a_day, "cost, bps a day"),
        (drift, lambda each: each.drift_mean, "drift, bps of value"),
    )
    for axes, figure_of, label in figures:
        for every_s in sorted({each.setting.every_s for each in results}):
            same = _varied(results, chosen, "tolerance_bps", every_s=every_s)
            xs, ys = [each.setting.tolerance_bps for each in same], [figure_of(each) for each in same]
            axes.plot(xs, ys, marker="o", markersize=3, label=f"every {every_s / HOUR_S:g} h")
        axes.set(title=label, xlabel="tolerance, bps", ylabel=label)
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=110)


def _scatter(axes: Axes, results: Sequence[R], chosen: R, x: Callable[[R], float], y: Callable[[R], float]) -> None:
    axes.scatter([x(each) for each in results], [y(each) for each in results], s=8)
    axes.scatter([x(chosen)], [y(chosen)], s=80, marker="*", color="black", label="recommended")
    axes.legend(fontsize=7)


def _along(axes: Axes, results: Sequence[R], chosen: R, names: Sequence[str], figure_of: Callable[[R], float]) -> None:
    """One line for each name: the results that differ from the chosen one in it alone."""
    for name in names:
        same = _varied(results, chosen, name)
        if len(same) > 1:
            base = getattr(chosen.setting, name) or 1
            xs = [getattr(each.setting, name) / base for each in same]
            axes.plot(xs, [figure_of(each) for each in same], marker="o", markersize=3, label=name)
    axes.legend(fontsize=7)


def _varied(results: Sequence[R], chosen: R, name: str, **fixed: int) -> list[R]:
    """By the value of `name`, all else being the chosen one's, or what is `fixed`."""
    wanted = {field: getattr(chosen.setting, field) for field in chosen.setting.__slots__} | fixed
    del wanted[name]
    like = [each for each in results if all(getattr(each.setting, field) == value for field, value in wanted.items())]
    return sorted(like, key=lambda each: int(getattr(each.setting, name)))
