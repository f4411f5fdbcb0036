# SPDX-License-Identifier: AGPL-3.0-only
"""Feeds and terms as `MedianOracle` takes them, with guards that stay out of the way unless a test asks for them."""

from __future__ import annotations

from typing import NamedTuple

MAX_LANE = 2**63 - 1
ZERO = "0x0000000000000000000000000000000000000000"
OWNER = "0x0000000000000000000000000000000000001111"
GUARDIAN = "0x0000000000000000000000000000000000002222"


class Guards(NamedTuple):
    min_price: int = 1
    max_price: int = MAX_LANE
    first_min_price: int = 1
    first_max_price: int = MAX_LANE
    step_bps: int = 10_000
    step_growth_bps: int = 0
    step_cap_bps: int = 10_000
    confirm_rounds: int = 3
    confirm_seconds: int = 60


class Feed(NamedTuple):
    name: str
    decimals: int = 8
    quorum: int = 3
    heartbeat: int = 60
    deviation_bps: int = 25
    guards: Guards = Guards()


class Terms(NamedTuple):
    period: int = 5
    history: int = 4_096
    max_lateness: int = 60
    delay: int = 3_600
    sequencer: str = ZERO
    twap: bool = False
    writer: str = ZERO
    """Put in by tests.helpers.oracles."""


CAST = tuple(Feed(name) for name in ("BTC/USD", "USDC/USD", "USDT/USD", "EUR/USD"))
"""The feed set of the demo: four feeds, one word."""


def feeds(count: int, quorum: int = 3) -> list[Feed]:
    return [Feed(f"F{index}/USD", quorum=quorum) for index in range(count)]
