# SPDX-License-Identifier: AGPL-3.0-only
"""When a feed asks for a round."""

from __future__ import annotations

import pytest

from plumbline.core.policy import due

TERMS = {"deviation_bps": 25, "heartbeat_s": 60, "period_s": 5}


def test_due__no_quorum__asks_for_nothing_however_old_the_answer():
    assert due(0, None, 0, 1_000, **TERMS) == ""
    assert due(0, 20_000, 0, 1_000, **TERMS) == ""


def test_due__never_answered__asks_at_once():
    assert due(1, None, 0, 5, **TERMS) == "first answer"


@pytest.mark.parametrize(
    ("median", "reason"), [(20_050, "deviation"), (20_049, ""), (19_950, "deviation"), (19_951, "")]
)
def test_due__moved__asks_from_the_threshold_on_in_both_directions(median, reason):
    assert due(median, 20_000, 100, 105, **TERMS) == reason


def test_due__threshold_of_nothing__asks_every_round():
    assert due(20_000, 20_000, 100, 105, deviation_bps=0, heartbeat_s=60, period_s=5) == "deviation"


@pytest.mark.parametrize(("heartbeat_s", "silences"), [(60, [55, 60]), (62, [55, 60]), (64, [55, 60]), (65, [60, 65])])
def test_due__silence__never_grows_past_the_heartbeat(heartbeat_s, silences):
    waiting, asking = silences
    terms = {"deviation_bps": 25, "heartbeat_s": heartbeat_s, "period_s": 5}
    assert due(20_000, 20_000, 100, 100 + waiting, **terms) == ""
    assert due(20_000, 20_000, 100, 100 + asking, **terms) == "heartbeat"
