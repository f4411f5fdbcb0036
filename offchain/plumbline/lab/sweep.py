# SPDX-License-Identifier: AGPL-3.0-only
"""A sweep: every method and period over the days, every deviation and heartbeat over what they give.

One task is one method and period: the engine runs once, the policies are cheap. What a task found is written to the
folder at once, under a key of everything it depends on: a sweep that was stopped goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from plumbline.core.methods import METHODS, Needs
from plumbline.core.rules import FeedRule
from plumbline.core.units import WAD
from plumbline.errors import ConfigError
from plumbline.lab.costs import CostRule
from plumbline.lab.market import MarketDays, MarketSpec, without_venue
from plumbline.lab.publish import Outcome, Policy, judge, publish
from plumbline.lab.series import observe, with_method
from plumbline.lab.tasks import Progress, key_of, run_tasks, stamp

_FORM: Final = 1
"""Of what is written; another one is computed anew."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """`rules`: every feed that converts for the studied one, too, the reference's venue still among them."""

    spec: MarketSpec
    rules: tuple[FeedRule, ...]
    feed: str
    methods: tuple[str, ...]
    periods_s: tuple[int, ...]
    deviations_bps: tuple[int, ...]
    heartbeats_s: tuple[int, ...]
    costs: CostRule
    landing_s: int = 2
    swap_fee_bps: int = 5


@dataclass(frozen=True, slots=True)
class Result:
    """One setting and what came of it."""

    method: str
    period_s: int
    deviation_bps: int
    heartbeat_s: int
    outcome: Outcome
    bend_bps: float | None
    gas_a_day: float
    bytes_a_day: float
    l1_fee_a_day: float
    """In the chain's coin."""


@dataclass(frozen=True, slots=True)
class Task:
    sweep: Sweep
    method: str
    period_s: int

    @property
    def key(self) -> str:
        """Of everything the results depend on."""
        parts = (_FORM, self.sweep.spec, self.sweep.rules, self.sweep.feed, self.method, self.period_s)
        rest = (self.sweep.deviations_bps, self.sweep.heartbeats_s, self.sweep.costs)
        policy = (self.sweep.landing_s, self.sweep.swap_fee_bps, stamp(self.sweep.spec.file))
        return key_of(parts, rest, policy)

    @property
    def name(self) -> str:
        return f"{self.method}, period {self.period_s} s"


def run(sweep: Sweep, folder: Path, jobs: int, progress: Progress) -> list[Result]:
    """All results, those of an earlier run of the same sweep in the same folder included.

    Raises:
        ConfigError: a method cannot be studied with these feeds or days.
    """
    tasks = [Task(sweep, method, period_s) for method in sweep.methods for period_s in sweep.periods_s]
    for method in sweep.methods:
        _check_days(sweep, method)  # what cannot be studied is said before anything runs
    return run_tasks(tasks, study, Result, folder, jobs, progress, lambda: days_of(sweep.spec))


def studied_rules(sweep: Sweep, method: str) -> list[FeedRule]:
    return with_method(without_venue(sweep.rules, sweep.spec.reference.venue), sweep.feed, method)


def _check_days(sweep: Sweep, method: str) -> None:
    """Raises ConfigError when `studied_rules` does, or when the days end before the method's first price."""
    rule = next(rule for rule in studied_rules(sweep, method) if rule.name == sweep.feed)
    days_s = sweep.spec.end_s - sweep.spec.start_s
    if METHODS[method].needs is Needs.TRADES and days_s <= rule.window_s:
        raise ConfigError(f"days: expected more than the {rule.window_s} s that {method} is made of, got {days_s} s")


def study(task: Task) -> list[Result]:
    """One method and period under every policy."""
    sweep, days = task.sweep, days_of(task.sweep.spec)
    rules = studied_rules(sweep, task.method)
    decimals = next(rule.decimals for rule in rules if rule.name == sweep.feed)
    series = observe(days, rules, sweep.feed, task.period_s)
    l1_fee, size = sweep.costs.l1_fee_wei() / WAD, len(sweep.costs.calldata())
    results = []
    for deviation_bps in sweep.deviations_bps:
        for heartbeat_s in sweep.heartbeats_s:
            policy = Policy(deviation_bps, heartbeat_s, sweep.landing_s, sweep.swap_fee_bps)
            answers = publish(series, policy, task.period_s)
            try:
                outcome = judge(days, series, answers, policy, task.period_s, decimals)
            except ValueError as error:
                raise ConfigError(f"{task.method}, period {task.period_s} s: {error}") from None
            updates = outcome.updates_a_day
            costs = (updates * sweep.costs.gas, updates * size, updates * l1_fee)
            setting = (task.method, task.period_s, deviation_bps, heartbeat_s)
            results.append(Result(*setting, outcome, series.bend_bps, *costs))
    return results


@lru_cache(maxsize=1)
def days_of(spec: MarketSpec) -> MarketDays:
    """Loaded once a process: every task is about the same days."""
    return spec.load()
