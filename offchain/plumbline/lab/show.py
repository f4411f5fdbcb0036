# SPDX-License-Identifier: AGPL-3.0-only
"""A sweep as a table, as CSV and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plumbline.core.units import WAD_DECIMALS, rescale
from plumbline.errors import ConfigError
from plumbline.lab.publish import CRASH_S, Policy, crash_top_s, publish
from plumbline.lab.recommend import Recommendation, frontier
from plumbline.lab.series import observe
from plumbline.lab.sweep import Result, Sweep, days_of, studied_rules

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADS: Final = (
    "method",
    "period s",
    "deviation bps",
    "heartbeat s",
    "mean bps",
    "p99 bps",
    "max bps",
    "lag s",
    "stale",
    "updates/day",
    "Mgas/day",
    "kB/day",
    "L1 gwei/day",
    "profit bps/day",
    "profit max bps",
    "bend bps",
)
_SHOWN: Final = 24


def table(results: Sequence[Result], recommended: Recommendation) -> str:
    """The settings no other beats, the recommended one marked."""
    shown = frontier(results)[:_SHOWN]
    if recommended.result not in shown:
        shown = sorted([*shown, recommended.result], key=lambda result: result.gas_a_day)
    rows = [("", *HEADS), *(("*" if each == recommended.result else "", *_cells(each)) for each in shown)]
    more = f"{len(results)} settings; shown are those no other beats in p99, gas and bend at once"
    return "\n".join([*aligned(rows), "", more, "", "recommended (*)", *(f"  {each}" for each in recommended.reasons)])


def aligned(rows: Sequence[Sequence[str]], left: int = 2) -> list[str]:
    """Lines of columns; the first `left` begin at the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def cell(place: int, text: str) -> str:
        return text.ljust(widths[place]) if place < left else text.rjust(widths[place])

    return ["  ".join(cell(place, text) for place, text in enumerate(row)).rstrip() for row in rows]


def _cells(result: Result) -> tuple[str, ...]:
    outcome = result.outcome
    return (
        result.method,
        str(result.period_s),
        str(result.deviation_bps),
        str(result.heartbeat_s),
        f"{outcome.error_mean:.2f}",
        f"{outcome.error_p99:.1f}",
        f"{outcome.error_max:.0f}",
        "never" if outcome.lag_s is None else f"{outcome.lag_s:.0f}",
        f"{outcome.stale_share:.1%}",
        f"{outcome.updates_a_day:.0f}",
        f"{result.gas_a_day / 1e6:.1f}",
        f"{result.bytes_a_day / 1e3:.0f}",
        f"{result.l1_fee_a_day * 1e9:,.0f}",
        f"{outcome.profit_a_day:.0f}",
        f"{outcome.profit_max:.0f}",
        "-" if result.bend_bps is None else f"{result.bend_bps:.1f}",
    )


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """Every setting."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADS)
        writer.writerows(_cells(result) for result in results)


def write_png(path: Path, sweep: Sweep, results: Sequence[Result], recommended: Recommendation) -> None:
    """Four panels: freshness against cost, the crash, stale time, and what an update is worth to who sees it coming.

    Raises:
        ConfigError: no matplotlib is installed.
    """
    figure = new_figure(path)
    figure.suptitle(f"{sweep.feed} against {sweep.spec.reference.venue}:{sweep.spec.reference.symbol}")
    panels = figure.subplots(2, 2).flatten()
    _cost_panel(panels[0], results, recommended.result)
    _crash_panel(panels[1], sweep, results, recommended.result)
    like = [each for each in results if _family(each) == _family(recommended.result)]
    _lines(panels[2], like, "heartbeat_s", lambda each: 100 * each.outcome.stale_share, "stale, % of the time")
    same = [
        each
        for each in results
        if (each.period_s, each.heartbeat_s) == (recommended.result.period_s, recommended.result.heartbeat_s)
    ]
    _lines(panels[3], same, "method", lambda each: each.outcome.profit_a_day, "profit on updates, bps a day")
    figure.savefig(path, dpi=110)


def new_figure(path: Path) -> Figure:
    """Raises ConfigError when no matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(f"{path}: expected matplotlib to draw it (pip install 'plumbline[lab]'): {error}") from error
    return Figure(figsize=(13, 9), layout="constrained")


def _family(result: Result) -> tuple[str, int]:
    return result.method, result.period_s


def _cost_panel(axes: Axes, results: Sequence[Result], chosen: Result) -> None:
    for method in dict.fromkeys(each.method for each in results):
        mine = [each for each in results if each.method == method]
        xs, ys = [each.outcome.updates_a_day for each in mine], [each.outcome.error_p99 for each in mine]
        axes.scatter(xs, ys, s=14, label=method)
    axes.scatter(
        [chosen.outcome.updates_a_day], [chosen.outcome.error_p99], s=120, facecolors="none", edgecolors="black"
    )
    axes.set(xscale="log", yscale="log", xlabel="updates a day", ylabel="error at p99, bps", title="freshness and cost")
    axes.legend(fontsize=7)


def _crash_panel(axes: Axes, sweep: Sweep, results: Sequence[Result], chosen: Result) -> None:
    """The reference's steepest hour, and what stood meanwhile: of the recommended setting, and of its cheapest one."""
    days, like = days_of(sweep.spec), [each for each in results if each.method == chosen.method]
    cheapest = min(like, key=lambda each: each.gas_a_day)
    decimals = next(rule.decimals for rule in sweep.rules if rule.name == sweep.feed)
    top_s = crash_top_s(days, decimals)
    times = range(top_s - CRASH_S // 4, top_s + CRASH_S, sweep.spec.step_s)
    when = [datetime.fromtimestamp(at_s, UTC) for at_s in times]
    told = [days.reference_at(at_s) for at_s in times]
    reference = [None if now is None else rescale(now, WAD_DECIMALS, decimals) / 10**decimals for now in told]
    axes.plot(when, reference, color="black", linewidth=1, label="reference")  # type: ignore[arg-type]
    for each in dict.fromkeys((chosen, cheapest)):
        rules = studied_rules(sweep, each.method)
        policy = Policy(each.deviation_bps, each.heartbeat_s, sweep.landing_s, sweep.swap_fee_bps)
        answers = publish(observe(days, rules, sweep.feed, each.period_s), policy, each.period_s)
        stood = [None if (found := answers.at(at_s)) is None else found[0] / 10**decimals for at_s in times]
        label = f"{each.method}, {each.period_s} s, {each.deviation_bps} bps, {each.heartbeat_s} s"
        axes.step(when, stood, where="post", linewidth=1, label=label)  # type: ignore[arg-type]
    axes.set(title="the steepest hour", ylabel=sweep.feed)
    axes.tick_params(axis="x", labelsize=7)
    axes.legend(fontsize=7)


def _lines(axes: Axes, results: Sequence[Result], by: str, figure: Callable[[Result], float], label: str) -> None:
    """One line for each value of the field `by`, over the deviation thresholds."""
    for value in dict.fromkeys(getattr(each, by) for each in results):
        mine = sorted((each for each in results if getattr(each, by) == value), key=lambda each: each.deviation_bps)
        xs, ys = [each.deviation_bps for each in mine], [figure(each) for each in mine]
        axes.plot(xs, ys, marker="o", markersize=3, label=f"{by.removesuffix('_s')} {value}")
    axes.set(xlabel="deviation threshold, bps", ylabel=label, title=label)
    axes.legend(fontsize=7)
