# SPDX-License-Identifier: AGPL-3.0-only
"""The index as a reader of the chain finds it: five reporters, lower medians of their rows, rounds only when due.

Lock step in one process, with the components the nodes run on. A round is about a grid time T and is made of what was
traded until T, so nobody can read it at T. What is compared with the market's price at T is therefore the answer that
stands at T *before* the round of T arrives; what stands a block later is reported beside it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plumbline.core.engine import IndexEngine
from plumbline.core.median import lane_medians
from plumbline.core.policy import due
from plumbline.core.rules import FeedRule
from plumbline.core.units import WAD_DECIMALS, rescale
from plumbline.ports import Answer, ChainFeed, OracleConfig
from plumbline.replay.bars import MINUTE_S
from plumbline.reporter.agreement import make_row
from scripts.bench.recorded import Disturb, Recording, sound

REPORTERS, QUORUM, PERIOD_S = 5, 3, 5
DEVIATION_BPS, HEARTBEAT_S = 25, 60
LOSS = 0.02
"""Share of the trades a reporter misses, each its own: five reporters never see quite the same market."""


@dataclass
class Published:
    """The first feed's answers, times 1e18, by minute end."""

    standing_wad: dict[int, int] = field(default_factory=dict)
    """What a reader finds at that instant."""
    arrived_wad: dict[int, int] = field(default_factory=dict)
    """What it finds a block later, when the round of that instant was mined, if one was due."""
    rounds: int = 0


def publish(
    recording: Recording,
    rules: Sequence[FeedRule],
    disturb: Disturb = sound,
    killed: Mapping[int, int] = {},
) -> Published:
    """Run the reporters over a recording; `killed` says from which second on which reporter signs nothing."""
    feeds = tuple(ChainFeed(rule.name, rule.decimals, QUORUM, HEARTBEAT_S, DEVIATION_BPS) for rule in rules)
    config = OracleConfig(31337, "0x" + "00" * 20, 1, PERIOD_S, feeds, ())
    engines = [IndexEngine(rules) for _ in range(REPORTERS)]
    luck = [random.Random(reporter) for reporter in range(REPORTERS)]
    answers: list[Answer | None] = [None] * len(feeds)
    published = Published()
    for at in range(recording.minutes.start, recording.minutes.stop, PERIOD_S):
        for trade in recording.trades.get(at, ()):
            arrived = disturb(trade)
            for engine, chance in zip(engines, luck, strict=True):
                if chance.random() >= LOSS and arrived is not None:
                    engine.on_trade(arrived)
        observed = [engine.observe(at * 1000) for engine in engines]
        rows = [make_row(config, at, prices) for i, prices in enumerate(observed) if at < killed.get(i, at + 1)]
        medians = lane_medians(rows, [feed.quorum for feed in feeds])
        _note(published.standing_wad, at, answers[0], feeds[0])
        if any(_due(*lane, at) for lane in zip(feeds, answers, medians, strict=True)):
            published.rounds += 1
            for i, median in enumerate(medians):
                answers[i] = Answer(published.rounds, median, at) if median else answers[i]
        _note(published.arrived_wad, at, answers[0], feeds[0])
    return published


def _due(feed: ChainFeed, answer: Answer | None, median: int, at: int) -> str:
    price, answered_at = (None, 0) if answer is None else (answer.price, answer.timestamp)
    terms = {"deviation_bps": feed.deviation_bps, "heartbeat_s": feed.heartbeat_s, "period_s": PERIOD_S}
    return due(median, price, answered_at, at, **terms)


def _note(series: dict[int, int], at: int, answer: Answer | None, feed: ChainFeed) -> None:
    if at % MINUTE_S == 0 and answer is not None:
        series[at] = rescale(answer.price, feed.decimals, WAD_DECIMALS)
