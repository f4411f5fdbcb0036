# SPDX-License-Identifier: AGPL-3.0-only
"""Prometheus metrics. Each service has its own registry, so that several live in one process side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from plumbline.ports import TradeSource

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """A registry and how it is shown."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"plumbline_{name}", meaning, labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"plumbline_{name}", meaning, labels, registry=self.registry)

    def histogram(self, name: str, meaning: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(f"plumbline_{name}", meaning, buckets=tuple(buckets), registry=self.registry)

    def collect(self, families: Callable[[], Iterable[Metric]]) -> None:
        """Families computed when they are asked for, from state that somebody else keeps."""
        self.registry.register(_Computed(families))


class _Computed(Collector):
    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


class ReporterMetrics(Metrics):
    def __init__(self, sources: Iterable[TradeSource]) -> None:
        super().__init__()
        self._sources = tuple(sources)
        self.signed = self.counter("rows_signed", "Rows signed and served")
        self.withheld = self.counter("rows_withheld", "Rounds without a row of ours, by reason", "reason")
        self.chain_errors = self.counter("chain_errors", "Questions the chain did not answer")
        self.last_row = self.gauge("last_row_timestamp_seconds", "Grid time of the last row signed")
        self.endpoints_agree = self.gauge("endpoints_agree", "1 while the RPC endpoints can all be right")
        self.agrees = self.gauge("agrees_with_chain", "1 while feeds, decimals and key are the chain's")
        self.epoch = self.gauge("epoch", "The oracle's epoch")
        self.price = self.gauge("index_price", "Last index price, rounded: for charts, not for contracts", "feed")
        self.included = self.gauge("index_sources", "Markets and crosses in the last index price", "feed")
        self.dispersion = self.gauge(
            "index_dispersion_bps", "Mean distance of the venues from their median, outliers too", "feed"
        )
        self.fragmentation = self.gauge("index_fragmentation_bps", "The dispersion's mean over the last hour", "feed")
        self.selected = self.gauge("source_selected", "0 while source selection leaves a venue out", "feed", "venue")
        self.score = self.gauge("source_score_ratio", "A venue's score at the last review", "feed", "venue")
        self.excluded = self.counter(
            "index_excluded", "Observations a source was left out of", "feed", "source", "reason"
        )
        self.off_median = self.gauge("off_median_bps", "How far our last price is off our peers' median", "feed")
        self.peer_errors = self.counter("peer_errors", "Answers of a peer that were no row for us", "peer", "reason")
        self.round_time = self.histogram(
            "round_seconds",
            "From waking for a round to its row being served",
            (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1),
        )
        self.collect(self._source_families)

    def _source_families(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("plumbline_source_connected", "1 while a venue is connected", labels=["venue"])
        trades = CounterMetricFamily("plumbline_source_trades", "Trades taken from a venue", labels=["venue"])
        made = CounterMetricFamily("plumbline_source_connections", "Connections made to a venue", labels=["venue"])
        bad = CounterMetricFamily(
            "plumbline_source_rejected", "Frames and trades not believed", labels=["venue", "reason"]
        )
        for source in self._sources:
            stats = source.stats
            up.add_metric([source.venue], float(stats.connected))
            trades.add_metric([source.venue], stats.trades)
            made.add_metric([source.venue], stats.connections)
            for reason, count in [*stats.rejected.items(), *stats.dropped.items()]:
                bad.add_metric([source.venue, reason], count)
        return up, trades, made, bad


class RelayerMetrics(Metrics):
    def __init__(self) -> None:
        super().__init__()
        self.rows = self.counter("rows_collected", "Rows of a peer that were verified and kept", "peer")
        self.refused = self.counter("rows_refused", "Answers of a peer that were no row for us", "peer", "reason")
        self.equivocations = self.counter("equivocations", "Second, different rows for one round", "reporter")
        self.journal_errors = self.counter("journal_errors", "What the journal could not keep")
        self.rounds = self.counter("rounds", "Rounds by what became of them", "outcome")
        self.reorganised = self.counter("rounds_reorganised", "Rounds of ours that a reorganisation took back")
        self.chain_errors = self.counter("chain_errors", "Questions the chain did not answer")
        self.endpoints_agree = self.gauge("endpoints_agree", "1 while the RPC endpoints can all be right")
        self.balance = self.gauge("balance_coins", "What the paying key has left, in the chain's coin, rounded")
        self.last_round = self.gauge("last_round_timestamp_seconds", "Grid time of the chain's last round")
        self.epoch = self.gauge("epoch", "The oracle's epoch")
        self.quorum_time = self.histogram(
            "quorum_seconds", "Clock time from a round's grid time to its quorum", (0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5)
        )


class KeeperMetrics(Metrics):
    def __init__(self) -> None:
        super().__init__()
        self.turns = self.counter("keeper_turns", "Looks at a new block, by what became of them", "strategy", "outcome")
        self.trades = self.counter("keeper_trades", "Trades mined", "side")
        self.reverts = self.counter("keeper_reverts", "Trades mined that reverted")
        self.profit = self.counter("keeper_profit_usd", "Profit before gas at the oracle's prices")
        self.gas = self.counter("keeper_gas_usd", "Gas paid, for reverted trades too")
        self.chain_errors = self.counter("chain_errors", "Questions the chain did not answer")
        self.alarms = self.gauge("keeper_alarms", "What is wrong now and wants a person, by who says so", "strategy")
        self.acting = self.gauge("keeper_acting", "1 while it is for this replica to act")
        self.premium = self.gauge("premium_ratio", "Pool price over NAV, less one")
        self.desk_exposure = self.gauge("desk_exposure_shares", "Net exposure of the desk to the index")
        self.desk_earned = self.gauge("desk_earned_usd", "What the desk earned since it began, by source", "source")
        self.block = self.gauge("block", "The last block looked at")
        self.turn_time = self.histogram(
            "turn_seconds", "From seeing a new block to having decided", (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1)
        )
