# SPDX-License-Identifier: AGPL-3.0-only
"""A rebalance by Dutch auction in plain Python, written from docs/vault.md and not from the contract."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tests.helpers.reference.vault import WAD, Token, Unit, VaultModel, ceil, floor

BPS = 10_000


@dataclass
class AuctionModel:
    """`goals` by place: the unit {tok/base} to reach, None: leave it."""

    vault: VaultModel
    goals: list[Unit | None]
    added: list[int]
    start_bps: int
    floor_bps: int
    duration_s: int
    opened_at: int = 0

    @staticmethod
    def goal(per_share: int, growth: int) -> Unit:
        """From D18{tok/share} as of now: per base it is growth times that, rounded down to the digits that fit."""
        return Unit.fitting(per_share * growth, 54)

    def begin(self) -> None:
        self.opened_at = self.vault.now
        for i, goal in zip(self.added, self.goals[len(self.vault.places) :], strict=True):
            assert goal is not None
            self.vault.add(i, goal.exponent)

    @property
    def is_over(self) -> bool:
        return self.vault.now > self.opened_at + self.duration_s

    @property
    def factor_bps(self) -> int:
        fall = (self.start_bps - self.floor_bps) * (self.vault.now - self.opened_at)
        return self.start_bps - fall // self.duration_s

    def surplus(self, place: int) -> int:
        """One base unit less than what is above the goal: rounding is the index's."""
        unit, goal = self._current(place), self.goals[place]
        if goal is None:
            return 0
        rest = Fraction(ceil(goal.value * 10**unit.exponent), 10**unit.exponent)
        return max(0, floor(self.vault.base * max(Fraction(0), unit.value - rest)) - 1)

    def deficit(self, place: int) -> int:
        unit, goal = self._current(place), self.goals[place]
        if goal is None:
            return 0
        full = Fraction(floor(goal.value * 10**unit.exponent), 10**unit.exponent)
        return max(0, floor(self.vault.base * (full - unit.value)))

    def quote(self, sell: int, buy: int, most: int, rate: Fraction) -> tuple[int, int]:
        """(sold, bought) of a bid; rate: base units of `buy` that one of `sell` is worth to the oracle."""
        due = rate * self.factor_bps / BPS
        sold = min(most, self.surplus(sell))
        bought, room = ceil(sold * due), self.deficit(buy)
        if bought > room:
            sold = sold * room // bought
            bought = ceil(sold * due)
        return sold, bought

    def leaving(self) -> set[int]:
        """Which places are given up at close; an index never gives up all."""
        base = self.vault.base
        leaving = {
            place
            for place, goal in enumerate(self.goals)
            if not (unit := self._current(place)).mantissa
            or (goal is not None and not goal.mantissa and floor(base * unit.value) <= 1)
        }
        return set() if len(leaving) == len(self.goals) else leaving

    def _current(self, place: int) -> Unit:
        """As of this block: the loss of a component that is watched is shared before anything else."""
        token: Token = self.vault.parts[place]
        left = token.left(self.vault.base_in) if token.rebasing else WAD
        return token.unit if left == WAD else token.unit.cut(left)
