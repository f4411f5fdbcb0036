# SPDX-License-Identifier: AGPL-3.0-only
"""The prices that a study of the market runs along: every feed of an index over recorded or simulated days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from plumbline.core.engine import IndexEngine
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule
from plumbline.core.units import MAX_BPS, WAD
from plumbline.errors import ConfigError
from plumbline.lab.tasks import key_of, stamp
from plumbline.replay.simulation import simulated_trades
from plumbline.replay.tape import recorded_trades

DECIMALS: Final = 8
"""Of prices and tokens in a study: 1e8 of a token is one of it, at so many 1e-8 USD."""
SCALE: Final = 10 ** (2 * DECIMALS)
_FORM: Final = 2
"""Of a study's results; those of another one are computed anew."""


@dataclass(frozen=True, slots=True)
class DaysSpec:
    """Seconds UTC from `start_s` until before `end_s`, and how the feeds are made."""

    start_s: int
    end_s: int
    rules: tuple[FeedRule, ...]
    file: Path | None = None
    """A recording; None: simulated."""
    seed: int = 1

    @property
    def step_s(self) -> int:
        """How often prices change: a recording knows its market once a minute."""
        return 12 if self.file is None else 60


@dataclass(frozen=True, slots=True)
class Basket:
    """Feed and part {bps} of the index's value, and the feed of the quote token, which may be one of them."""

    parts: tuple[tuple[str, int], ...]
    quote: str

    @classmethod
    def parse(cls, text: str, quote: str) -> Basket:
        """ "BTC/USD:40,EUR/USD:60", in percent. Raises ConfigError."""
        try:
            named = [(name, int(percent)) for name, _, percent in (each.rpartition(":") for each in text.split(","))]
        except ValueError:
            named = []
        if not named or sum(percent for _, percent in named) != 100 or min(percent for _, percent in named) <= 0:
            raise ConfigError(f"--basket: expected feeds and percents of 100 in all (BTC/USD:40,...), got {text!r}")
        return cls(tuple((name, percent * MAX_BPS // 100) for name, percent in named), quote)

    @property
    def feeds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*(name for name, _ in self.parts), self.quote]))

    def units_wad(self, prices: Mapping[str, int], nav_usd: int) -> list[int]:
        """D18{tok/share} with which a share is worth `nav_usd` at these prices, each component at its part."""
        return [nav_usd * 10 ** (2 * DECIMALS) * bps * WAD // (MAX_BPS * prices[name]) for name, bps in self.parts]


@dataclass(frozen=True, slots=True)
class Paths:
    times_s: range
    prices: Mapping[str, Sequence[int]]
    """Of each feed {1e-8 USD} at each time: the index as it would be published, else the last one that was."""

    def at(self, place: int) -> dict[str, int]:
        return {name: series[place] for name, series in self.prices.items()}


def follow(spec: DaysSpec, basket: Basket) -> Paths:
    """Run the index over the days, from the first time that every feed has a price on.

    Raises:
        ConfigError: no such feed, no such recording, or a feed without any price.
    """
    named = [rule.name for rule in spec.rules]
    if missing := [name for name in basket.feeds if name not in named]:
        raise ConfigError(f"--basket: expected feeds among {', '.join(named)}, got {', '.join(missing)}")
    engine, trades = IndexEngine(spec.rules), iter(_trades(spec))
    series: dict[str, list[int]] = {name: [] for name in basket.feeds}
    last: dict[str, int] = {}
    waiting = next(trades, None)
    first_s = spec.start_s
    for at_s in range(spec.start_s, spec.end_s, spec.step_s):
        while waiting is not None and waiting.at_ms <= at_s * 1000:
            engine.on_trade(waiting)
            waiting = next(trades, None)
        for name, price in engine.observe(at_s * 1000).items():
            if price.price_wad:
                last[name] = price.price_wad * 10**DECIMALS // WAD
        if not last.keys() >= series.keys():
            first_s = at_s + spec.step_s
            continue
        for name, told in series.items():
            told.append(last[name])
    if first_s >= spec.end_s:
        never = ", ".join(name for name in basket.feeds if name not in last)
        raise ConfigError(f"days: expected a price of every feed in them, got none of {never}")
    return Paths(range(first_s, spec.end_s, spec.step_s), series)


@lru_cache(maxsize=1)
def paths_of(spec: DaysSpec, basket: Basket) -> Paths:
    """Followed once a process: every task of a study is about the same days."""
    return follow(spec, basket)


def _trades(spec: DaysSpec) -> Iterable[Trade]:
    if spec.file is not None:
        return recorded_trades(spec.file, spec.start_s, spec.end_s)
    endless = simulated_trades(spec.seed, spec.start_s * 1000)
    return takewhile(lambda trade: trade.at_ms < spec.end_s * 1000, endless)


@dataclass(frozen=True, slots=True)
class Study:
    """What is common to all settings."""

    days: DaysSpec
    basket: Basket


class Setting(Protocol):
    @property
    def name(self) -> str: ...


StudyT = TypeVar("StudyT", bound=Study)
SettingT = TypeVar("SettingT", bound=Setting)


@dataclass(frozen=True)
class PathsTask(Generic[StudyT, SettingT]):
    """A study of prices over days, under one setting."""

    study: StudyT
    setting: SettingT

    @property
    def key(self) -> str:
        return key_of(_FORM, type(self.setting).__name__, self.study, self.setting, stamp(self.study.days.file))

    @property
    def name(self) -> str:
        return self.setting.name

    def paths(self) -> Paths:
        return paths_of(self.study.days, self.study.basket)
