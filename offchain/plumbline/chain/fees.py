# SPDX-License-Identifier: AGPL-3.0-only
"""What a transaction offers for its gas (EIP-1559), and how much more when it is not taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plumbline.config import TxConfig

GWEI: Final = 10**9


@dataclass(frozen=True, slots=True)
class Fees:
    """{wei per gas} EIP-1559."""

    max_fee: int
    priority_fee: int

    def raised(self) -> Fees:
        """Both by an eighth, rounded up, and by at least 1: a node takes less for no replacement."""
        return Fees(
            self.max_fee + max(-(-self.max_fee // 8), 1), self.priority_fee + max(-(-self.priority_fee // 8), 1)
        )

    def at_least(self, other: Fees) -> Fees:
        return Fees(max(self.max_fee, other.max_fee), max(self.priority_fee, other.priority_fee))


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """{wei per gas} Never more than `cap`, whatever is replaced and however often."""

    cap: int
    priority: int
    tip: int = 0
    """Offered beside the priority fee; what of it is beyond the cap is not."""

    @classmethod
    def of(cls, config: TxConfig, *, tip_wei: int = 0, max_fee_wei: int | None = None) -> FeePolicy:
        """The configured one; `max_fee_wei` is what gas is worth to the sender, where that is less than its cap."""
        cap = config.max_fee_gwei * GWEI
        if config.cancel:
            # So much less that a cancellation can still outbid it.
            cap = cap * 8 // 9 - 1
        return cls(cap if max_fee_wei is None else min(cap, max_fee_wei), config.priority_fee_gwei * GWEI, tip_wei)

    def fees(self, base: int) -> Fees | None:
        """Twice the base fee, so that six full blocks in a row do not price it out; None beyond the cap."""
        if base + self.priority > self.cap:
            return None
        priority = min(self.priority + self.tip, self.cap - base)
        return Fees(min(2 * base + priority, self.cap), priority)

    def outbid(self, fees: Fees, base: int) -> Fees | None:
        """What replaces a transaction with these fees; None beyond the cap: the base fee may fall again."""
        fresh = self.fees(base)
        if fresh is None or (raised := fees.raised().at_least(fresh)).max_fee > self.cap:
            return None
        return raised
