# SPDX-License-Identifier: AGPL-3.0-only
"""What a reporter and the chain must agree on before a signature: a wrong row that is well signed is the worst row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def make_row(config: OracleConfig, timestamp: int, prices: Mapping[str, IndexPrice]) -> Row:
    """Index prices as a row: the chain's order and decimals, rounded half up; 0 where there is none or no lane fits."""
    lanes = []
    for feed in config.feeds:
        price_wad = prices[feed.name].price_wad
        lane = 0 if price_wad is None else rescale(price_wad, WAD_DECIMALS, feed.decimals)
        lanes.append(lane if lane <= MAX_LANE else 0)
    return Row(config.epoch, timestamp, tuple(lanes))


def _say(feed: tuple[str, int]) -> str:
    return f"{feed[0]} with {feed[1]} decimals"
