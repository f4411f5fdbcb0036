# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Synthetix sKRW 2019: one of two remaining sources was 1,000 times off; their average was served.

Must hold: minimum sources; two sources that disagree give no price, and neither is believed over the other.
"""

from __future__ import annotations

import pytest

from plumbline.core.engine import IndexEngine
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import parse_wad

START_MS = 1_561_420_800_000
WON = parse_wad("0.00086")


def engine(*venues: str, min_venues: int) -> IndexEngine:
    return IndexEngine([FeedRule("KRW/USD", 12, min_venues, parse_markets([f"{venue}:KRW/USD" for venue in venues]))])


def observe(index: IndexEngine, round_: int, **prices: int) -> tuple[int | None, str]:
    at_ms = START_MS + 5_000 * round_
    for venue, price_wad in prices.items():
        index.on_trade(Trade(venue, "KRW/USD", price_wad, 10**18, at_ms))
    price = index.observe(at_ms)["KRW/USD"]
    return price.price_wad, price.reason


@pytest.mark.parametrize("off", [1_000, 2])
def test_two_sources__far_apart__give_no_price_for_as_long_as_they_are(off):
    index = engine("one", "two", min_venues=2)
    for round_ in range(100):
        assert observe(index, round_, one=WON, two=WON * off) == (None, "venues disagree")
    assert observe(index, 100, one=WON, two=WON) == (WON, "")


def test_three_sources__one_a_thousandfold_off__changes_nothing():
    index = engine("one", "two", "three", min_venues=2)
    assert observe(index, 0, one=WON, two=WON, three=WON * 1_000) == (WON, "")


def test_three_sources__one_silent_and_one_off__do_not_reach_the_minimum_of_three():
    index = engine("one", "two", "three", min_venues=3)
    assert observe(index, 0, one=WON, two=WON * 1_000) == (None, "2 of at least 3 venues")
