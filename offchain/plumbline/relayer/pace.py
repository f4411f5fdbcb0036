# SPDX-License-Identifier: AGPL-3.0-only
"""Whose turn a round is, and how readily it is paid for: what the operator chooses, applied to one grid time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

USUAL_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds on what is paid. None of them ever holds back a heartbeat, a first answer or a confirmation."""

    min_interval_s: int = 0
    """A round that only a move calls for comes no sooner than this after the last one."""
    dear_wei: int | None = None
    """{wei per gas} From here on gas is dear ..."""
    dear_percent: int = 200
    """... and a move must be so much of the feed's deviation threshold."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How readily a round of one grid time is paid for."""

    early_s: int
    """A feed calls for a round when the one so much later would be later than its heartbeat."""
    moves: bool = True
    """Whether a move alone is reason enough."""
    deviation_percent: int = USUAL_PERCENT
    """Of a feed's deviation threshold, that a move must reach."""


def has_turn(relayers: Sequence[str], address: str, timestamp: int, period_s: int) -> bool:
    """Whether the round at `timestamp` is this relayer's to pay for: they take turns, round by round.

    The same list in the same order at every relayer makes two payments for one round impossible while all go by it;
    a round whose relayer is dead stays due, and is the next one's a period later. An empty list: there is no other.
    """
    return not relayers or relayers[timestamp // period_s % len(relayers)] == address


def pace(policy: Policy, relayers: int, period_s: int, since_last_s: int, gas_price_wei: int | None) -> Pace:
    """The pace of a round `since_last_s` after the last one on chain; gas_price_wei: None when it is not known."""
    dear = policy.dear_wei is not None and gas_price_wei is not None and gas_price_wei >= policy.dear_wei
    return Pace(
        # With others taking turns one of them may be dead: then the period after next is the last that keeps the word.
        early_s=period_s if relayers <= 1 else 2 * period_s,
        moves=since_last_s >= policy.min_interval_s,
        deviation_percent=policy.dear_percent if dear else USUAL_PERCENT,
    )
