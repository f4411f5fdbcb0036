# SPDX-License-Identifier: AGPL-3.0-only
"""A rebalance by Dutch auction in plain Python, written from docs/vault.md and not from the contract."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tests.helpers.reference.vault import WAD, Token, Unit, VaultModel, ceil, floor

BPS = 10_000
DELAY_S, OPEN_WINDOW_S, ABANDON_AGE_S = 86_400, 7 * 86_400, 3 * 86_400


@dataclass(frozen=True)
class Limits:
    """What a rebalancer, not the owner, is held to."""

    floor_bps: int = 9_800
    delay_s: int = DELAY_S


@dataclass(frozen=True)
class Proposal:
    """`goals` by place: the unit {tok/base} to reach, None: leave it; those of `added` come last."""

    goals: list[Unit | None]
    added: list[int]
    abandoned: frozenset[int]
    """Places to be written off."""
    start_bps: int
    floor_bps: int
    duration_s: int
    proposed_at: int
    delay_s: int

    @property
    def opens_at(self) -> int:
        return self.proposed_at + max(self.delay_s, ABANDON_AGE_S if self.abandoned else 0)

    def refusal(self, now: int) -> str | None:
        """Why it cannot be opened now."""
        if now < self.opens_at:
            return "auction: not yet"
        return "auction: too late" if now > self.opens_at + OPEN_WINDOW_S else None


def is_unpriced(priced_at: int, now: int) -> bool:
    """Whether a feed with its last answer then has had none for so long that what it prices may be abandoned."""
    return now - priced_at >= ABANDON_AGE_S


class AuctionModel:
    """One that has just been opened."""

    def __init__(self, vault: VaultModel, proposal: Proposal) -> None:
        self.vault, self.proposal, self.goals = vault, proposal, proposal.goals
        self.opened_at = vault.now
        for i, goal in zip(proposal.added, proposal.goals[len(vault.places) :], strict=True):
            assert goal is not None
            vault.add(i, goal.exponent)

    @staticmethod
    def goal(per_share: int, growth: int) -> Unit:
        """From D18{tok/share} as of now: per base it is growth times that, rounded down to the digits that fit."""
        return Unit.fitting(per_share * growth, 54)

    @property
    def is_over(self) -> bool:
        return self.vault.now > self.opened_at + self.proposal.duration_s

    @property
    def factor_bps(self) -> int:
        terms = self.proposal
        fall = (terms.start_bps - terms.floor_bps) * (self.vault.now - self.opened_at)
        return terms.start_bps - fall // terms.duration_s

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

    def leaving(self, unpriced: set[int]) -> set[int]:
        """Which places are given up at close, when the tokens `unpriced` have no price; an index never gives up all."""
        base = self.vault.base
        leaving = {
            place
            for place, goal in enumerate(self.goals)
            if not (unit := self._current(place)).mantissa
            or (goal is not None and not goal.mantissa and floor(base * unit.value) <= 1)
            or (place in self.proposal.abandoned and self.vault.places[place] in unpriced)
        }
        return set() if len(leaving) == len(self.goals) else leaving

    def _current(self, place: int) -> Unit:
        """As of this block: the loss of a component that is watched is shared before anything else."""
        token: Token = self.vault.parts[place]
        left = token.left(self.vault.base_in) if token.rebasing else WAD
        return token.unit if left == WAD else token.unit.cut(left)
