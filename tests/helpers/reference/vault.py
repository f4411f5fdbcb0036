# SPDX-License-Identifier: AGPL-3.0-only
"""An index vault in plain Python, written from docs/vault.md and not from the contract: fractions and integers.

The machine in tests/stateful/test_vault.py holds the contract to it to the wei.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

WAD = 10**18
MAX_BPS = 10_000
YEAR_S = 365 * 86_400
LARGEST_EXPONENT = 8


def growth(elapsed_s: int, fee_bps: int) -> int:
    """D18 shares per base: e**(rate * time) by its power series, every term cut to the wei, as the docs say."""
    x = min(fee_bps * elapsed_s * WAD // (MAX_BPS * YEAR_S), LARGEST_EXPONENT * WAD)
    total, term, n = WAD, WAD, 0
    while term:
        n += 1
        term = term * x // (n * WAD)
        total += term
    return total


def ceil(value: Fraction | int) -> int:
    return -int(-Fraction(value) // 1)


def floor(value: Fraction | int) -> int:
    return int(Fraction(value) // 1)


@dataclass
class VaultModel:
    """Amounts are per component, in base units; `units` are D18{tok/share}."""

    units: list[int]
    mint_fee_bps: int
    redeem_fee_bps: int
    streaming_fee_bps: int
    created_at: int
    recipient: str
    now: int = 0
    base: int = 0
    shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    backing: list[int] = field(default_factory=list)
    """What mints brought and redeems left; donations are not in it."""

    def __post_init__(self) -> None:
        self.now = self.created_at
        self.backing = [0] * len(self.units)

    @property
    def growth(self) -> int:
        return growth(self.now - self.created_at, self.streaming_fee_bps)

    @property
    def total(self) -> int:
        return self.base * self.growth // WAD

    @property
    def pending(self) -> int:
        return self.total - sum(self.shares.values())

    def owed(self, base: int) -> list[Fraction]:
        """The exact amount of each component behind `base`."""
        return [Fraction(base * unit, WAD * WAD) for unit in self.units]

    def _mint_base(self, shares: int) -> int:
        fee = ceil(Fraction(shares * self.mint_fee_bps, MAX_BPS))
        return ceil(Fraction((shares + fee) * WAD, self.growth))

    def _redeem_base(self, shares: int) -> int:
        fee = ceil(Fraction(shares * self.redeem_fee_bps, MAX_BPS))
        return floor(Fraction((shares - fee) * WAD, self.growth))

    def preview_mint(self, shares: int) -> list[int]:
        return [ceil(amount) for amount in self.owed(self._mint_base(shares))]

    def preview_redeem(self, shares: int) -> list[int]:
        return [floor(amount) for amount in self.owed(self._redeem_base(shares))]

    def mint(self, receiver: str, shares: int) -> list[int]:
        paid = self.preview_mint(shares)
        self.base += self._mint_base(shares)
        self.shares[receiver] += shares
        self.backing = [has + amount for has, amount in zip(self.backing, paid, strict=True)]
        return paid

    def redeem(self, owner: str, shares: int) -> list[int]:
        assert shares <= self.shares[owner]
        paid = self.preview_redeem(shares)
        self.base -= self._redeem_base(shares)
        self.shares[owner] -= shares
        self.backing = [has - amount for has, amount in zip(self.backing, paid, strict=True)]
        return paid

    def transfer(self, sender: str, receiver: str, shares: int) -> None:
        assert shares <= self.shares[sender]
        self.shares[sender] -= shares
        self.shares[receiver] += shares

    def collect(self) -> int:
        pending = self.pending
        self.shares[self.recipient] += pending
        return pending
