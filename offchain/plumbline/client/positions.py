# SPDX-License-Identifier: Apache-2.0
"""What a vault answers: its basket, its value, quotes, and what a mint or redeem really moved."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from plumbline.client.transactions import Receipt
from plumbline.client.values import SHARE_DECIMALS, Amount, Token, format_units

_WAD = 10**18
CURRENCY = "USD"
"""What the feeds of a vault are quoted in."""


@dataclass(frozen=True, slots=True)
class Component:
    """One token of the basket."""

    token: Token
    unit: int
    """D18{tok/share}: base units behind one whole share, times 1e18; fees accrued, rounded down."""
    feed: str
    """The name of the feed it is priced with."""

    @property
    def per_share(self) -> Fraction:
        """Whole tokens behind one whole share."""
        return Fraction(self.unit, _WAD * 10**self.token.decimals)


@dataclass(frozen=True, slots=True)
class Basket:
    """A vault's terms as of one block."""

    share: Token
    components: tuple[Component, ...]
    oracle: str
    mint_fee_bps: int
    redeem_fee_bps: int
    streaming_fee_bps: int
    """A year."""
    supply: Amount
    """With the fees that are still pending."""
    pending_fees: Amount
    supply_cap: Amount
    paused: bool
    block: int
    read_at: int


@dataclass(frozen=True, slots=True)
class Nav:
    """What a share is worth at the oracle's prices."""

    share: Token
    amount: int
    """D18{USD/share}, rounded down."""
    max_age_s: int
    """No price in it was older."""
    read_at: int

    @property
    def value(self) -> Fraction:
        return Fraction(self.amount, _WAD)

    @property
    def unit(self) -> str:
        return f"{CURRENCY} per {self.share.symbol}"

    def __str__(self) -> str:
        return f"{format_units(self.amount, SHARE_DECIMALS)} {self.unit}"


@dataclass(frozen=True, slots=True)
class Quote:
    """What a mint takes or a redeem pays, and what that is worth; of one block."""

    act: str
    """mint | redeem"""
    shares: Amount
    amounts: tuple[Amount, ...]
    worth: tuple[Fraction, ...]
    """{USD} of each amount at the oracle's prices."""
    nav: Nav

    @property
    def total(self) -> Fraction:
        """{USD}"""
        return sum(self.worth, Fraction())

    @property
    def cost_bps(self) -> Fraction:
        """What the act costs against NAV: its fee and its rounding; {bps}."""
        fair = self.nav.value * self.shares.value
        lost = self.total - fair if self.act == "mint" else fair - self.total
        return lost / fair * 10_000 if fair else Fraction()


@dataclass(frozen=True, slots=True)
class Settled:
    """A mint or redeem that went through."""

    receipt: Receipt
    shares: Amount
    fee_shares: Amount
    amounts: tuple[Amount, ...]
    """What moved, by the tokens' own Transfer events."""
