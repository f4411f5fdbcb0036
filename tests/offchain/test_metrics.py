# SPDX-License-Identifier: AGPL-3.0-only
"""What the runbook tells operators to watch must be there to be watched."""

from __future__ import annotations

import re
from pathlib import Path

from tests.offchain.fakes import FakeSource

from plumbline.metrics import RelayerMetrics, ReporterMetrics

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def test_runbook__every_metric_it_names__is_exported():
    named = set(re.findall(r"plumbline_[a-z_]+", RUNBOOK.read_text(encoding="utf-8")))
    shown = (ReporterMetrics([FakeSource("kraken")]).render() + RelayerMetrics().render()).decode()
    exported = set(re.findall(r"^# TYPE (plumbline_[a-z_]+) ", shown, re.MULTILINE))
    assert len(named) >= 6
    assert named <= exported


def test_source_metrics__a_venue_out_with_rejections__are_read_when_asked_for():
    source = FakeSource("kraken")
    metrics = ReporterMetrics([source])
    source.stats.connected, source.stats.trades = False, 7
    source.stats.rejected["malformed"] = 3
    source.stats.dropped["duplicate"] = 2
    shown = metrics.render().decode()
    assert 'plumbline_source_connected{venue="kraken"} 0.0' in shown
    assert 'plumbline_source_trades_total{venue="kraken"} 7.0' in shown
    assert 'plumbline_source_rejected_total{reason="malformed",venue="kraken"} 3.0' in shown
    assert 'plumbline_source_rejected_total{reason="duplicate",venue="kraken"} 2.0' in shown
