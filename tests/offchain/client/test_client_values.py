# SPDX-License-Identifier: AGPL-3.0-only
"""Amounts and prices are exact, whatever their size."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest

from plumbline.client import Amount, Feed, Price, Token, format_units, parse_units

BTC = Feed(0, "BTC/USD", 8, 3, 60, 25)


def test_price__is_exact_with_unit_age_and_round() -> None:
    price = Price(BTC, 6_421_080_000_001, round_id=7, timestamp=1_000, read_at=1_012)
    assert price.value == Fraction(6_421_080_000_001, 10**8)
    assert price.decimal == Decimal("64210.80000001")
    assert str(price) == "64210.80000001 USD per BTC"
    assert (price.unit, price.age_s, price.round_id) == ("USD per BTC", 12, 7)


def test_age__a_round_signed_ahead_of_the_block__is_zero_not_negative() -> None:
    assert Price(BTC, 1, 1, timestamp=1_010, read_at=1_000).age_s == 0


def test_decimal__of_more_digits_than_the_context_has__loses_none() -> None:
    with localcontext() as context:
        context.prec = 5
        held = Amount(Token("0x", "T", 18), 123_456_789_012_345_678_901_234_567).decimal
    assert str(held) == "123456789.012345678901234567"


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [(0, 6, "0.000000"), (1, 18, "0.000000000000000001"), (25, 0, "25"), (-2_500_000, 6, "-2.500000")],
)
def test_format_units__every_decimal_is_there(amount: int, decimals: int, text: str) -> None:
    assert format_units(amount, decimals) == text
    if amount >= 0:
        assert parse_units(text, decimals) == amount


@pytest.mark.parametrize(("text", "amount"), [("1.5", 15 * 10**17), ("1_000", 10**21), (".5", 5 * 10**17), ("0", 0)])
def test_parse_units__plain_numbers(text: str, amount: int) -> None:
    assert parse_units(text) == amount


@pytest.mark.parametrize("text", ["", ".", "1.", "-1", "1e3", "1,5", " 1", "٣", "1.0000000000000000001", "nan"])
def test_parse_units__anything_else__is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a plain number with at most 18 decimals"):
        parse_units(text)
