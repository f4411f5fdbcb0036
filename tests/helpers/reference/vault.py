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
DRIP_PERIOD_S = 14 * 86_400
DRIP_STEP_S = 600


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


@dataclass(frozen=True)
class Unit:
    """{tok/base} as mantissa / 10**exponent: an 80-bit mantissa holds 24 digits."""

    mantissa: int
    exponent: int

    @classmethod
    def of(cls, per_share: int) -> Unit:
        """From D18{tok/share}; exact for what fits."""
        exponent = 36
        while per_share >= 2**80:
            per_share, rest = divmod(per_share, 10)
            assert not rest
            exponent -= 1
        return cls(per_share, exponent)

    @property
    def value(self) -> Fraction:
        return Fraction(self.mantissa, 10**self.exponent)

    @classmethod
    def fitting(cls, mantissa: int, exponent: int) -> Unit:
        """Of any mantissa: as many digits as fit, rounded down."""
        while mantissa >= 2**80:
            mantissa //= 10
            exponent -= 1
        return cls(mantissa, exponent)

    def near(self, value: Fraction) -> Unit:
        """The largest unit not above `value` with this exponent, or a coarser one when it does not fit."""
        return Unit.fitting(floor(value * 10**self.exponent), self.exponent)

    def cut(self, left: int) -> Unit:
        """After a loss that leaves D18 `left`: rounded down at the last digit that fits; zero needs no more."""
        mantissa, exponent = self.mantissa * left, self.exponent + 18
        if not mantissa:
            return Unit(0, self.exponent)
        while mantissa >= 2**80 or exponent > 77:
            mantissa //= 10
            exponent -= 1
        return Unit(mantissa, exponent)


@dataclass
class Token:
    """What the vault owes of one token, and what it has."""

    unit: Unit
    rebasing: bool = False
    balance: int = 0
    reserves: int = 0
    """Claims and float as they came in, went out, or ceased to be backing; cut by losses."""
    loss: int = 0
    """D18 of each promise that is gone."""
    claims: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Points."""
    floats: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Points, of the generation in force."""
    old_floats: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    """Points of (generation, owner) that nobody has carried over yet."""
    swept_at: int = 0
    toll_bps: int = 0
    """What the token itself keeps of every transfer."""

    def arriving(self, amount: int) -> int:
        """What a receiver gets of `amount` sent; whoever must receive it whole refuses anything else."""
        return amount - amount * self.toll_bps // MAX_BPS

    @property
    def index(self) -> int:
        return WAD - self.loss

    def worth(self, points: int) -> int:
        return points * self.index // WAD

    def promised(self, base: int) -> Fraction:
        """All that backing, claims and float could ask for."""
        return (
            base * self.unit.value
            + sum(map(self.worth, self.claims.values()))
            + sum(map(self.worth, self.floats.values()))
            + sum(map(self.worth, self.old_floats.values()))
        )

    def owed(self, base_in: int) -> int:
        return max(0, ceil(base_in * self.unit.value) + self.reserves)

    def left(self, base_in: int) -> int:
        """D18 of each promise that the balance can keep; a loss keeps one base unit back."""
        owed = self.owed(base_in)
        return WAD if self.balance >= owed else (max(self.balance, 1) - 1) * WAD // owed

    def move(self, unit: Unit, base_from_float: int) -> None:
        """Another unit, and no loss: what is owed to float stays, so the part of it inside the backing moves along."""
        self.reserves += ceil(base_from_float * (unit.value - self.unit.value))
        self.unit = unit

    def share(self, left: int, base_in: int) -> None:
        """Every part is cut; what is owed from now on is what is there."""
        self.unit = self.unit.cut(left)
        self.reserves = self.balance - ceil(base_in * self.unit.value)
        self.loss = WAD - self.index * left // WAD


@dataclass
class VaultModel:
    """Amounts are per component, in base units."""

    units: list[int]
    mint_fee_bps: int
    redeem_fee_bps: int
    streaming_fee_bps: int
    created_at: int
    recipient: str
    now: int = 0
    base: int = 0
    base_from_float: int = 0
    shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    tokens: list[Token] = field(default_factory=list)
    """All there are in this world; the index holds those in `places`."""
    places: list[int] = field(default_factory=list)
    generation: int = 0
    growth_0: int = WAD
    since: int = 0

    def __post_init__(self) -> None:
        self.now = self.since = self.created_at
        self.tokens = [Token(Unit.of(unit)) for unit in self.units]
        self.places = list(range(len(self.tokens)))

    @property
    def parts(self) -> list[Token]:
        return [self.tokens[i] for i in self.places]

    @property
    def growth(self) -> int:
        return self.growth_0 * growth(self.now - self.since, self.streaming_fee_bps) // WAD

    @property
    def total(self) -> int:
        return self.base * self.growth // WAD

    @property
    def pending(self) -> int:
        return self.total - sum(self.shares.values())

    @property
    def base_in(self) -> int:
        return self.base - self.base_from_float

    def current_units(self) -> list[Fraction]:
        """As an operation in this block would find them: with the losses of rebasing components shared."""
        units = []
        for token in self.parts:
            left = token.left(self.base_in) if token.rebasing else WAD
            units.append((token.unit if left == WAD else token.unit.cut(left)).value)
        return units

    def _mint_base(self, shares: int) -> int:
        fee = ceil(Fraction(shares * self.mint_fee_bps, MAX_BPS))
        return ceil(Fraction((shares + fee) * WAD, self.growth))

    def _redeem_base(self, shares: int) -> int:
        fee = ceil(Fraction(shares * self.redeem_fee_bps, MAX_BPS))
        return floor(Fraction((shares - fee) * WAD, self.growth))

    def preview_mint(self, shares: int) -> list[int]:
        return [ceil(self._mint_base(shares) * unit) for unit in self.current_units()]

    def preview_redeem(self, shares: int) -> list[int]:
        return [floor(self._redeem_base(shares) * unit) for unit in self.current_units()]

    def sync(self, i: int) -> int:
        left = self.tokens[i].left(self.base_in)
        if left != WAD:
            self.tokens[i].share(left, self.base_in)
        return left

    def _sync_rebasing(self, skip: int = 0) -> None:
        for place, i in enumerate(self.places):
            if self.tokens[i].rebasing and not skip >> place & 1:
                self.sync(i)

    def mint(self, receiver: str, shares: int) -> list[int]:
        self._sync_rebasing()
        paid = self.preview_mint(shares)
        self.base += self._mint_base(shares)
        self.shares[receiver] += shares
        for token, amount in zip(self.parts, paid, strict=True):
            token.balance += amount
        return paid

    def redeem(self, owner: str, shares: int, skip: int = 0) -> list[int]:
        assert shares <= self.shares[owner]
        self._sync_rebasing(skip)
        paid = [floor(self._redeem_base(shares) * token.unit.value) for token in self.parts]
        self.base -= self._redeem_base(shares)
        self.shares[owner] -= shares
        for i, (token, amount) in enumerate(zip(self.parts, paid, strict=True)):
            if not skip >> i & 1:
                token.balance -= amount
            elif token.index:
                token.claims[owner] += amount * WAD // token.index
                token.reserves += amount
        return paid

    def claim(self, owner: str, i: int) -> int:
        self.sync(i)
        token = self.tokens[i]
        amount = token.worth(token.claims.pop(owner, 0))
        token.reserves -= amount
        token.balance -= amount
        return amount

    def deposit(self, owner: str, i: int, amount: int) -> None:
        self.sync(i)
        token = self.tokens[i]
        token.floats[owner] += amount * WAD // token.index
        token.reserves += amount
        token.balance += amount

    def withdraw(self, owner: str, i: int, amount: int) -> None:
        self.sync(i)
        token = self.tokens[i]
        token.floats[owner] -= ceil(Fraction(amount * WAD, token.index))
        token.reserves -= amount
        token.balance -= amount

    def float_cost(self, shares: int) -> list[int]:
        """Points of each token that a mint from float takes."""
        base = self._mint_base(shares)
        return [
            ceil(Fraction(ceil(base * unit) * WAD, token.index)) if token.index else 0
            for unit, token in zip(self.current_units(), self.parts, strict=True)
        ]

    def mint_from_float(self, owner: str, shares: int) -> None:
        base = self._mint_base(shares)
        for token, points in zip(self.parts, self.float_cost(shares), strict=True):
            assert points <= token.floats[owner]
            token.floats[owner] -= points
        self.base += base
        self.base_from_float += base
        self.shares[owner] += shares

    def redeem_to_float(self, owner: str, shares: int) -> None:
        base = self._redeem_base(shares)
        for token in self.parts:
            amount = floor(base * token.unit.value)
            token.floats[owner] += amount * WAD // token.index if token.index else 0
        self.base -= base
        self.base_from_float -= base
        self.shares[owner] -= shares

    def transfer(self, sender: str, receiver: str, shares: int) -> None:
        assert shares <= self.shares[sender]
        self.shares[sender] -= shares
        self.shares[receiver] += shares

    def collect(self) -> int:
        pending = self.pending
        self.shares[self.recipient] += pending
        return pending

    def set_fees(self, mint_fee_bps: int, redeem_fee_bps: int, streaming_fee_bps: int) -> None:
        self.growth_0, self.since = self.growth, self.now
        self.mint_fee_bps, self.redeem_fee_bps = mint_fee_bps, redeem_fee_bps
        self.streaming_fee_bps = streaming_fee_bps

    def flash(self, borrower: str, fee: int) -> None:
        """The fee is burnt, and so becomes a pending fee."""
        self.shares[borrower] -= fee

    def carry(self, owner: str, generation: int) -> None:
        """Float of an older generation: to float of today, or to a claim when its token has left."""
        for i, token in enumerate(self.tokens):
            points = token.old_floats.pop((generation, owner), 0)
            (token.floats if i in self.places else token.claims)[owner] += points

    def exchange(self, sell: int, sold: int, buy: int, bought: int) -> None:
        """A bid. With float inside the backing one base unit more is kept back on either side."""
        self._sync_rebasing()
        kept = 1 if self.base_from_float else 0
        seller, buyer = self.tokens[sell], self.tokens[buy]
        seller.balance -= sold
        buyer.balance += bought
        rest = seller.unit.near(seller.unit.value - Fraction(sold + kept, self.base))
        more = buyer.unit.near(buyer.unit.value + Fraction(bought - kept, self.base))
        seller.move(rest, self.base_from_float)
        buyer.move(more, self.base_from_float)

    def add(self, i: int, exponent: int) -> None:
        token = self.tokens[i]
        token.unit = Unit(0, exponent)
        token.rebasing = False
        self.places.append(i)

    def drop(self, places: set[int]) -> None:
        """Components leave; all places are given anew."""
        if not places:
            return
        for place in places:
            token = self.parts[place]
            token.move(Unit(0, token.unit.exponent), self.base_from_float)
            token.rebasing = False
        for token in self.parts:
            for owner, points in token.floats.items():
                token.old_floats[self.generation, owner] += points
            token.floats.clear()
        self.places = [i for place, i in enumerate(self.places) if place not in places]
        self.generation += 1

    def sweep(self, i: int) -> int | None:
        """What drips into the backing; None: a refusal."""
        self._sync_rebasing()
        token, started = self.tokens[i], self.tokens[i].swept_at
        if not started:
            token.swept_at = self.now
            return 0
        over = token.balance - token.owed(self.base_in)
        part = over * min(self.now - started, DRIP_STEP_S) // DRIP_PERIOD_S
        if part <= 1:
            return None
        token.swept_at = self.now
        kept = 1 if self.base_from_float else 0
        token.move(token.unit.near(token.unit.value + Fraction(part - kept, self.base)), self.base_from_float)
        return part
