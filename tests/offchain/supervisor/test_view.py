# SPDX-License-Identifier: AGPL-3.0-only
"""What a demo says of itself: the numbers, the words around them, and whether it was a success."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from plumbline.supervisor import view
from plumbline.supervisor.demo import Outcome
from plumbline.supervisor.terminal import summary
from plumbline.supervisor.watch import Band, Snapshot

BAND = Band(-1_000, 1_000)
GOOD = Outcome(rounds=12, trades=3, profit=1_234_567_890, gas_wei=3 * 10**15, premium_ppm=-150, in_band=True)


def contribution(venue: str, price: int | None, reason: str = "") -> dict:
    price_wad = None if price is None else str(price * 10**18)
    return {
        "venue": venue,
        "symbol": "BTC/USD",
        "price_wad": price_wad,
        "converted_wad": price_wad,
        "age_ms": 100,
        "included": not reason,
        "reason": reason,
    }


SEEN = Snapshot(
    block=42,
    at_s=1_678_521_600,
    rounds=7,
    round_age_s=3,
    answers={"BTC/USD": 20_123_45000000},
    nav_wad=100 * 10**18,
    pool_wad=100_150_000_000_000_000_000,
    band=BAND,
    trades=2,
    profit=5_250_000,
    feeds=(
        {
            "name": "BTC/USD",
            "price_wad": str(20_120 * 10**18),
            "reason": "",
            "contributions": [contribution("kraken", 20_121), contribution("bybit", None, "no trade yet")],
        },
        {"name": "EUR/USD", "price_wad": None, "reason": "0 of at least 1 venues", "contributions": []},
    ),
)


@pytest.mark.parametrize(
    ("nav_wad", "pool_wad", "premium_ppm"),
    [
        (10**20, 10**20, 0),
        (10**20, 1002 * 10**17, 2_000),
        (10**20, 998 * 10**17, -2_000),
        (None, 10**20, None),
        (10**20, None, None),
    ],
)
def test_premium__is_pool_over_nav_less_one_in_millionths(nav_wad, pool_wad, premium_ppm) -> None:
    snapshot = Snapshot(nav_wad=nav_wad, pool_wad=pool_wad, band=BAND)
    assert snapshot.premium_ppm == premium_ppm
    assert snapshot.in_band == (premium_ppm is not None)


def test_in_band__a_millionth_beyond_what_pays_nobody__is_outside() -> None:
    assert not Snapshot(nav_wad=10**12, pool_wad=10**12 + 2_001 * 10**6, band=BAND).in_band
    assert not Snapshot(nav_wad=10**12, pool_wad=10**12 - 2_001 * 10**6, band=BAND).in_band


def test_line__has_time_round_prices_premium_and_keeper() -> None:
    assert view.line(SEEN) == (
        "2023-03-11 08:00:00 UTC  round 7: BTC/USD 20,123.45; NAV 100.0000 USD, pool 100.1500 USD, "
        "premium +15.0 bps (band -10 to +10); 2 arbitrages, profit 5.25 USDC, gas 0.000000 ETH"
    )


def test_line__nothing_known_yet__shows_dashes_and_does_not_fail() -> None:
    assert "round 0: none yet; NAV -, pool -, premium -" in view.line(Snapshot())


def test_venues_out__one_reason_for_two__is_said_once() -> None:
    down = "[Errno -2] Name or service not known"
    venues = [("kraken", down), ("bybit", "HTTP 403"), ("coinbase", down), ("binance", "")]
    told = tuple({"name": name, "connected": not reason, "reason": reason} for name, reason in venues)
    said = "kraken, coinbase (Name or service not known), bybit (HTTP 403)"
    assert view.venues_out(Snapshot(venues=told)) == said
    assert view.venues_out(Snapshot()) == ""


def test_screen__shows_venues_the_index_why_one_is_out_and_who_is_dead() -> None:
    console = Console(width=140, file=io.StringIO(), record=True)
    processes = {"relayer": "running", "keeper": "exit status 1"}
    console.print(view.screen("recorded", SEEN, processes, "Ctrl-C ends it"))
    shown = console.export_text()
    for words in ("kraken", "20,121.00", "no trade yet", "20,120.00", "20,123.45", "0 of at least 1 venues"):
        assert words in shown
    for words in ("7, 3 s old", "100.1500 USD", "+15.0 bps", "relayer", "keeper", "block 42"):
        assert words in shown


def test_outcome__rounds_an_arbitrage_and_the_band__is_a_success() -> None:
    assert GOOD.failures() == []
    assert summary(GOOD) == (
        "plumbline demo: 12 rounds published; keeper: 3 arbitrages, profit 1,234.57 USDC, gas 0.003000 ETH; "
        "last premium -1.5 bps - all well"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rounds": 0}, "no round was published"),
        ({"trades": 0}, "no arbitrage was made"),
        ({"in_band": False}, "the premium ended more than 10 bps outside the band"),
        ({"in_band": False, "premium_ppm": None}, "no premium was seen"),
        ({"fault": "relayer: exit status 1"}, "relayer: exit status 1"),
    ],
)
def test_outcome__one_thing_missing__is_a_failure_that_names_it(change, reason) -> None:
    numbers = {name: getattr(GOOD, name) for name in Outcome.__dataclass_fields__} | change
    outcome = Outcome(**numbers)
    assert outcome.failures() == [reason]
    assert summary(outcome).endswith(f" - FAILED: {reason}")


@pytest.mark.parametrize("fault", ["", "relayer: exit status 1"])
def test_outcome__no_round__names_the_root_alone_and_the_venues_that_are_out(fault) -> None:
    nothing = Outcome(
        rounds=0,
        trades=0,
        profit=0,
        gas_wei=0,
        premium_ppm=None,
        in_band=False,
        fault=fault,
        venues_out="kraken (down)",
    )
    root = fault or "no round was published"
    assert nothing.failures() == [root, "venues out: kraken (down)"]
    told = "plumbline demo: 0 rounds published; keeper: 0 arbitrages, profit 0.00 USDC, gas 0.000000 ETH"
    assert summary(nothing) == f"{told}; no premium was seen - FAILED: {root}; venues out: kraken (down)"


def test_outcome__a_fault_after_rounds__is_the_only_reason() -> None:
    died = Outcome(
        rounds=3,
        trades=0,
        profit=0,
        gas_wei=0,
        premium_ppm=None,
        in_band=False,
        fault="it died",
        venues_out="kraken (x)",
    )
    assert died.failures() == ["it died"]
