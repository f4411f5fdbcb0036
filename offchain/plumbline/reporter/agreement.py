# SPDX-License-Identifier: AGPL-3.0-only
"""What a reporter and the chain must agree on before a signature: a wrong row that is well signed is the worst row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from plumbline.core.models import IndexPrice, Row
from plumbline.core.rules import FeedRule
from plumbline.core.units import MAX_LANE, WAD_DECIMALS, rescale
from plumbline.ports import OracleConfig


def disagreement(config: OracleConfig, rules: Sequence[FeedRule], address: str) -> str:
    """Why this reporter must not sign for this oracle; empty when it may."""
    ours = [(rule.name, rule.decimals) for rule in rules]
    theirs = [(feed.name, feed.decimals) for feed in config.feeds]
    for index, (mine, chain) in enumerate(zip(ours, theirs, strict=False)):
        if mine != chain:
            return f"feeds[{index}]: expected {_say(chain)} as on chain, the config has {_say(mine)}"
    if len(ours) != len(theirs):
        return f"feeds: expected the {len(theirs)} feeds of the chain, the config has {len(ours)}"
    if address not in config.reporters:
        return f"key {address} is not among the {len(config.reporters)} reporters of epoch {config.epoch}"
    return ""


def reporter_index(config: OracleConfig, address: str) -> int:
    """1-based, as signatures name it. Raises ValueError for a key that `disagreement` refuses."""
    return config.reporters.index(address) + 1


class _Feed(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def decimals(self) -> int: ...


def lanes(feeds: Iterable[_Feed], price_wads: Mapping[str, int | None]) -> tuple[int, ...]:
    """Index prices in the feeds' order and decimals, rounded half up; 0 where there is none or no lane holds it."""
    found = []
    for feed in feeds:
        price_wad = price_wads[feed.name]
        lane = 0 if price_wad is None else rescale(price_wad, WAD_DECIMALS, feed.decimals)
        found.append(lane if lane <= MAX_LANE else 0)
    return tuple(found)


def make_row(config: OracleConfig, timestamp: int, prices: Mapping[str, IndexPrice]) -> Row:
    """What this reporter says in a round of the chain as it is."""
    return Row(config.epoch, timestamp, lanes(config.feeds, {feed: price.price_wad for feed, price in prices.items()}))


def _say(feed: tuple[str, int]) -> str:
    return f"{feed[0]} with {feed[1]} decimals"
