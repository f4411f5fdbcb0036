# SPDX-License-Identifier: AGPL-3.0-only
"""What became of a strategy's look at a block, in a word or two, and how it is told."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

import structlog

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    # Of anything that is sent.
    NO_PRICE = "no price"
    """The oracle serves no price: too old, tripped, paused."""
    FORBIDDEN = "forbidden"
    """A limit of the keeper's own is reached."""
    NO_GAS = "no gas"
    """The key cannot pay for its gas."""
    REFUSED = "refused"
    """The simulation reverted, or the chain would not take it: somebody was quicker."""
    REVERTED = "reverted"
    """The transaction reverted on chain, or was cancelled there, and its gas is paid."""
    PAUSED = "paused"
    """Too many transactions reverted one after the other; nothing is tried for some blocks."""
    DRY = "dry run"
    """It would have acted."""

    # Of trades.
    INSIDE = "inside"
    """The premium is inside the band."""
    TOO_SMALL = "too small"
    """There is a profit, but not after gas."""
    NO_INVENTORY = "no inventory"
    """There would be a profit, but the keeper lacks what it takes."""
    TRADED = "traded"

    # Of bids.
    NO_AUCTION = "no auction"
    WAITING = "waiting"
    """Nothing pays yet, or ever."""
    BID = "bid"

    # Of a desk.
    NEUTRAL = "neutral"
    HEDGED = "hedged"
    PLACED = "placed"
    """The range was put around NAV."""
    TOO_DEAR = "too dear"
    """A hedge is wanted, and costs more than the rules allow: the exposure stays."""
    SHORT = "short of quote"
    """There is not enough quote in hand to mint what is missing."""


_ALARMS: Final = (
    Outcome.NO_PRICE,
    Outcome.FORBIDDEN,
    Outcome.NO_GAS,
    Outcome.NO_INVENTORY,
    Outcome.TOO_DEAR,
    Outcome.SHORT,
)
_UNREADY: Final[Collection[Outcome]] = (*_ALARMS, Outcome.PAUSED)


class Telling:
    """The last outcome and its reason: an alarm is logged when it begins, and whoever asks is told while it lasts."""

    def __init__(self, event: str) -> None:
        """event: what an alarm is called in the log."""
        self._event = event
        self.outcome: Outcome | None = None
        self.reason = ""
        """In the words of whoever gave it: the oracle, a limit, the chain. Cleared at each look."""

    def tell(self, outcome: Outcome) -> Outcome:
        if outcome is not self.outcome and outcome in _ALARMS:
            log.warning(self._event, outcome=str(outcome), reason=self.reason)
        self.outcome = outcome
        return outcome

    def unready(self) -> str:
        """Why the strategy cannot do its work now; empty when it can."""
        if self.outcome not in _UNREADY:
            return ""
        return f"{self.outcome}: {self.reason}" if self.reason else str(self.outcome)
