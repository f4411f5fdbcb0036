# SPDX-License-Identifier: AGPL-3.0-only
"""Where the prices of the replayed market come from: five reporters' index, and what one venue trades at."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.typed_data import domain_separator, row_digest
from plumbline.core.engine import IndexEngine
from plumbline.core.making import quoted
from plumbline.core.median import lane_medians
from plumbline.core.models import Row, SignedRow
from plumbline.core.rules import FeedRule
from plumbline.ports import Answer, NoAnswer, OracleConfig
from plumbline.relayer.decision import why_due
from plumbline.relayer.pace import Pace
from plumbline.reporter.agreement import make_row
from scripts.bench import players
from scripts.bench.onchain import LOSS, REPORTERS
from scripts.bench.recorded import Recording, rules
from scripts.deployment import cast

MAKERS_VENUE = "kraken"


def index_rules() -> list[FeedRule]:
    """The recorded feeds, but USDC is priced all day.

    Only two venues of the recording trade USDC for dollars, directly or through bitcoin. While it was off its peg they
    were up to 11 % apart, or one of them had no trade for minutes. Two that disagree make no price by default, and
    without one there is neither NAV nor keeper: here the cheaper of the two is taken, and one alone is enough.
    """
    alone = {"min_venues": 1, "agree_bps": 1_500}
    return [replace(rule, **alone) if rule.name == "USDC/USD" else rule for rule in rules()]


@dataclass
class Reporters:
    """Five engines, each missing its own few trades, their keys, and the relayer's rule for when a round is due."""

    engines: list[IndexEngine] = field(default_factory=lambda: [IndexEngine(index_rules()) for _ in range(REPORTERS)])
    luck: list[random.Random] = field(default_factory=lambda: [random.Random(i) for i in range(REPORTERS)])
    rounds: int = 0
    answers: Sequence[Answer | NoAnswer] = ()
    """After the last round: nobody else publishes, so nothing else changes them."""

    def learn(self, recorded: Recording, at: int) -> None:
        for trade in recorded.trades.get(at, ()):
            for engine, chance in zip(self.engines, self.luck, strict=True):
                if chance.random() >= LOSS:
                    engine.on_trade(trade)

    def due(self, config: OracleConfig, at: int) -> Sequence[Row]:
        """The rows of a round that the relayer's rule calls for; empty when none is."""
        rows = [make_row(config, at, engine.observe(at * 1000)) for engine in self.engines]
        medians = lane_medians(rows, [feed.quorum for feed in config.feeds])
        answers = self.answers or [NoAnswer.NONE_YET] * len(config.feeds)
        served = [answer if isinstance(answer, Answer) else None for answer in answers]
        return rows if why_due(config.feeds, answers, served, medians, at, Pace(config.period_s)) else ()

    async def publish(self, oracle: ChainOracle, config: OracleConfig, rows: Sequence[Row]) -> None:
        domain = domain_separator(config.chain_id, config.address)
        signed = [
            SignedRow(index, row, *players.key(role).sign(row_digest(domain, row)))
            for index, (row, role) in enumerate(zip(rows, cast.REPORTERS, strict=True), start=1)
        ]
        await oracle.submit(rows[0].timestamp, signed)
        self.rounds += 1
        self.answers = await oracle.answers()


@dataclass
class Outside:
    """What the components last traded at on one venue, in the quote token."""

    last_wad: dict[str, int] = field(default_factory=dict)

    def learn(self, recorded: Recording, at: int) -> None:
        for trade in recorded.trades.get(at, ()):
            if trade.venue == MAKERS_VENUE:
                self.last_wad[trade.symbol] = trade.price_wad

    def prices(self) -> dict[str, Fraction]:
        """{quote} smallest units for one of each token."""
        quote, found = cast.component(cast.QUOTE), {}
        for each in cast.COMPONENTS:
            # Nobody there trades euros for dollars: by way of bitcoin.
            market, per = ("BTC/USD", "BTC/EUR") if each.feed == "EUR/USD" else (each.feed, None)
            price = quoted(self.last_wad, market, per, quote.feed, (each.decimals, quote.decimals))
            if price is not None:
                found[each.symbol] = price
        return found
