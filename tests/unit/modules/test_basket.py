# SPDX-License-Identifier: AGPL-3.0-only
"""modules/basket.vy: what is packed is what is unpacked, exactly, over the whole range."""

from __future__ import annotations

from fractions import Fraction

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.contracts import deployer

WAD = 10**18
TOKEN = "0x" + "a1" * 20
ANY_REBASING, REBASING = 1 << 31, 1 << 160
SETTINGS = settings(max_examples=60, derandomize=True, deadline=None)

mantissas = st.integers(1, 2**80 - 1)
bases = st.integers(0, 2**112 - 1)


@pytest.fixture(scope="module")
def basket():
    return deployer("basket").deploy().internal


@SETTINGS
@given(mantissas, st.integers(0, 36))
def test_component__keeps_a_unit_of_24_digits_exactly(basket, mantissa, zeros):
    unit = mantissa * 10**zeros
    word = basket._pack_component(TOKEN, unit)
    assert basket._unit(word) == unit
    assert basket._token(word) == boa.util.abi.Address("0x" + "a1" * 20)


@SETTINGS
@given(mantissas, st.integers(0, 36), bases)
def test_amounts__are_base_times_unit_rounded_as_named(basket, mantissa, zeros, base):
    unit = mantissa * 10**zeros
    word = basket._pack_component(TOKEN, unit)
    exact = Fraction(base * unit, 10**36)
    assert basket._amount_down(base, word) == exact.__floor__()
    assert basket._amount_up(base, word) == exact.__ceil__()


@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        (0, "basket: unit is zero"),
        (2**80 + 1, "basket: unit has too many digits"),
        (2**80 * 10**37, "basket: unit too large"),
    ],
)
def test_component__of_a_unit_that_does_not_fit__reverts(basket, unit, reason):
    with boa.reverts(reason):
        basket._pack_component(TOKEN, unit)


def test_terms__come_back(basket):
    terms = (3 * WAD, 2**40 - 1, 32, 1_000, 500, 499, 2**31 - 1)
    assert tuple(basket._unpack_terms(basket._pack_terms(terms))) == terms


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ((2**128, 0, 1, 0, 0, 0, 0), "basket: growth too large"),
        ((WAD, 0, 1, 1_001, 0, 0, 0), "basket: streaming fee too high"),
        ((WAD, 0, 1, 0, 501, 0, 0), "basket: mint fee too high"),
        ((WAD, 0, 1, 0, 0, 501, 0), "basket: redeem fee too high"),
    ],
)
def test_terms__beyond_their_caps__revert(basket, terms, reason):
    with boa.reverts(reason):
        basket._pack_terms(terms)


@SETTINGS
@given(mantissas, st.integers(0, 36), st.lists(st.integers(0, WAD), min_size=1, max_size=6))
def test_cut__scales_the_unit_by_no_more_than_the_ratio_and_its_24th_digit(basket, mantissa, zeros, ratios):
    word = basket._pack_component(TOKEN, mantissa * 10**zeros) | 1 << 160
    exact = Fraction(mantissa * 10**zeros, 10**36)
    for ratio in ratios:
        word = basket._cut(word, ratio)
        exact = exact * ratio / WAD
    unit = Fraction(word >> 176, 10 ** (word >> 168 & 255))
    # A digit is lost per step at most, of 24; below 1e-77 nothing is kept.
    assert exact * (1 - Fraction(len(ratios), 10**23)) - Fraction(1, 10**77) <= unit <= exact
    assert word & (2**168 - 1) == int(TOKEN, 16) | 0b11 << 160


@pytest.mark.parametrize("count", [1, 5, 8, 9, 32])
def test_pricing__of_each_component_is_its_own(basket, count):
    lanes = [basket._pack_pricing(31 - i, i % 19, 27 - i % 28) for i in range(count)]
    words = [sum(lane << 32 * j for j, lane in enumerate(lanes[k : k + 8])) for k in range(0, count, 8)]
    body = [0] * (count + 1) + [int(TOKEN, 16), *words]
    assert [basket._pricing(body, count, i) for i in range(count)] == lanes
    assert basket._feeds(body, count) == [31 - i for i in range(count)]
    assert int(basket._oracle(body, count), 16) == int(TOKEN, 16)


def test_body__comes_back_from_the_code_of_a_data_contract(basket):
    body = [2**256 - 1 - i for i in range(38)]
    data = basket._store(body)
    assert basket._load(data) == body
    # A prelude of 11 bytes, offset, length, and the words.
    assert len(boa.env.get_code(data)) == 11 + 32 * (2 + 38)


def test_body__of_an_address_without_code__reverts(basket):
    with boa.reverts():
        basket._load(TOKEN)


@SETTINGS
@given(mantissas, st.integers(0, 36), st.integers(1, 2**63 - 1), st.integers(0, 18), st.integers(0, 27))
def test_value__is_price_times_unit_rounded_down(basket, mantissa, zeros, price, feed_decimals, token_decimals):
    unit = mantissa * 10**zeros
    lane = basket._pack_pricing(0, feed_decimals, token_decimals)
    # 1e18 of base holds unit / 1e18 base units of the token.
    exact = Fraction(unit * price, 10**feed_decimals * 10**token_decimals)
    if exact < 2**240:
        assert basket._value(basket._pack_component(TOKEN, unit), lane, price) == exact.__floor__()


@SETTINGS
@given(st.integers(0, 2**176), st.integers(40, 77))
def test_wide_mantissa__keeps_every_digit_that_fits_and_no_other(basket, mantissa, exponent):
    word = basket._with_wide_mantissa(exponent << 168 | 0b11 << 160 | int(TOKEN, 16), mantissa)
    lost = exponent - (word >> 168 & 255)
    assert word >> 176 == mantissa // 10**lost < 2**80
    assert lost == 0 or mantissa // 10 ** (lost - 1) >= 2**80
    assert word & (2**168 - 1) == 0b11 << 160 | int(TOKEN, 16)


@pytest.mark.parametrize("edge", [2**79, 2**80 - 1, 2**80, 2**80 * 10**8 - 1, 2**80 * 10**8, 2**80 * 10**16])
def test_wide_mantissa__at_the_edges(basket, edge):
    word = basket._with_wide_mantissa(60 << 168, edge)
    lost = 60 - (word >> 168 & 255)
    assert word >> 176 == edge // 10**lost < 2**80
    assert lost == 0 or edge // 10 ** (lost - 1) >= 2**80


@pytest.mark.parametrize("count", [1, 8, 9, 16, 17, 24, 25, 32])
@pytest.mark.parametrize("rebasing", [None, 0, -1])
def test_rebuilt__has_every_component_with_its_own_pricing(basket, count, rebasing):
    old = [basket._pack_terms((WAD, 5, 2, 7, 8, 9, 3)), 1 << 176, 2 << 176, int(TOKEN, 16), 0]
    words = [(i + 1) << 176 | i for i in range(count)]
    if rebasing is not None:
        words[rebasing] |= REBASING
    lanes = [basket._pack_pricing(255 - i, i % 19, 27 - i % 28) for i in range(count)]
    body = basket._rebuilt(old, (2 * WAD, 6, 0, 7, 8, 9, 4), words, lanes)
    assert body[0] == basket._pack_terms((2 * WAD, 6, count, 7, 8, 9, 4)) | (
        ANY_REBASING if rebasing is not None else 0
    )
    assert body[1 : count + 1] == words
    assert int(basket._oracle(body, count), 16) == int(TOKEN, 16)
    assert [basket._pricing(body, count, i) for i in range(count)] == lanes
    assert len(body) == count + 2 + -(-count // 8)
