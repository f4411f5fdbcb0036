# SPDX-License-Identifier: AGPL-3.0-only
"""When a round is worth a transaction: a feed moved past its deviation threshold, or its heartbeat is due."""

from __future__ import annotations

from plumbline.core.units import MAX_BPS


def due(
    median: int,
    answer: int | None,
    answered_at: int,
    timestamp: int,
    *,
    deviation_bps: int,
    heartbeat_s: int,
    period_s: int,
) -> str:
    """Why a feed asks for the round at `timestamp`: "first answer", "deviation" or "heartbeat"; empty: it does not.

    A round is submitted when any of its feeds asks for it. All times are grid times in seconds; `median` (0: the feed
    has no quorum in this round) and `answer` (None: the feed never had one) are in the feed's decimals.

        deviation:  |median - answer| >= answer * deviation_bps / 10_000
        heartbeat:  the round after this one would come later than answered_at + heartbeat_s

    >>> due(20_050, 20_000, 100, 105, deviation_bps=25, heartbeat_s=60, period_s=5)
    'deviation'
    >>> due(20_049, 20_000, 100, 155, deviation_bps=25, heartbeat_s=60, period_s=5)
    ''
    >>> due(20_049, 20_000, 100, 160, deviation_bps=25, heartbeat_s=60, period_s=5)
    'heartbeat'
    """
    if median == 0:
        return ""
    if answer is None:
        return "first answer"
    if abs(median - answer) * MAX_BPS >= answer * deviation_bps:
        return "deviation"
    return "heartbeat" if timestamp + period_s > answered_at + heartbeat_s else ""
