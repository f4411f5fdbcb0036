# SPDX-License-Identifier: AGPL-3.0-only
"""A seeded market on ten exchanges, wild enough to be interesting within two minutes.

BTC, EUR and the two stablecoins move in dollars; every exchange follows them with its own lag, premium and noise, and
prints trades at random times. BTC jumps about every thirty seconds. Forty to fifty-five seconds from the start, and
then every five minutes, a stablecoin loses 1.5 to 3% for a minute (USDC first, then USDT in turn), and once in
between one exchange is out for twenty seconds. Five smaller exchanges follow the five: some of a leader's trades are
answered there, a moment later and a little off. The same seed and start give the same trades.

Floats make the path; what an exchange prints is rounded to its tick, an exact integer, before anybody sees it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from plumbline.core.models import Trade
from plumbline.core.units import WAD, WAD_DECIMALS
from plumbline.replay.faults import Fault

RATES: Final[dict[tuple[str, str], float]] = {
    ("kraken", "BTC/USD"): 0.5,
    ("kraken", "BTC/USDT"): 0.2,
    ("kraken", "BTC/USDC"): 0.15,
    ("kraken", "BTC/EUR"): 0.3,
    ("kraken", "USDC/USD"): 0.3,
    ("kraken", "USDT/USD"): 0.3,
    ("coinbase", "BTC/USD"): 0.8,
    ("coinbase", "BTC/EUR"): 0.3,
    ("coinbase", "USDT/USD"): 0.25,
    ("binance", "BTC/USDT"): 1.0,
    ("binance", "BTC/USDC"): 0.3,
    ("binance", "BTC/EUR"): 0.2,
    ("binance", "USDC/USDT"): 0.4,
    ("bybit", "BTC/USDT"): 0.7,
    ("bybit", "BTC/USDC"): 0.25,
    ("bybit", "USDC/USDT"): 0.25,
    ("cryptocom", "BTC/USD"): 0.5,
    ("cryptocom", "BTC/USDT"): 0.3,
    ("cryptocom", "USDT/USD"): 0.15,
}
"""The leading markets: (venue, symbol) -> trades a second, on average."""
FOLLOWERS: Final[dict[tuple[str, str], str]] = {
    ("bitfinex", "BTC/USD"): "kraken",
    ("bitfinex", "BTC/USDT"): "kraken",
    ("bitfinex", "USDT/USD"): "kraken",
    ("bitstamp", "BTC/USD"): "coinbase",
    ("bitstamp", "BTC/EUR"): "kraken",
    ("bitstamp", "USDC/USD"): "kraken",
    ("gate", "BTC/USDT"): "bybit",
    ("gate", "USDC/USDT"): "bybit",
    ("gemini", "BTC/USD"): "coinbase",
    ("okx", "BTC/USDT"): "binance",
    ("okx", "BTC/USDC"): "binance",
    ("okx", "USDC/USDT"): "binance",
}
"""Markets that follow the leader's market of the same symbol."""
FOLLOWED: Final = 0.6
"""The share of a leader's trades that a follower answers."""
FOLLOWS_WITHIN_MS: Final = (50, 400)
LAG_S: Final = {"binance": 0.1, "coinbase": 0.2, "bybit": 0.4, "kraken": 0.8, "cryptocom": 1.5}
"""How long an exchange takes to go most of the way to the new price."""
CYCLE_S: Final = 300
SCARE_AT_S: Final = (40, 55)
OUTAGE_AT_S: Final = (90, 120)
OUTAGE_S: Final = 20
WARM_UP_S: Final = 30
"""How long the market has been trading when it starts: a first subscriber's snapshot is not empty."""

_SECONDS_A_JUMP = 30.0
_JUMP = 0.0035
_DRIFT = {"BTC": 0.0003, "EUR": 0.000005, "USDC": 0.00002, "USDT": 0.00002}
"""Standard deviation of each currency's logarithm after one second."""
_PEG_PULL_S = 20.0
_START = {"BTC": 64_000.0, "EUR": 1.085, "USDC": 1.0, "USDT": 1.0}
_PRICE_PLACES = {"BTC": 2, "USDC": 5, "USDT": 5}
_SIZE = {"BTC": (0.03, 6), "USDC": (1_500.0, 2), "USDT": (1_500.0, 2)}
"""Median size of a trade, and its decimals."""


@dataclass(slots=True)
class _Venue:
    logs: dict[str, float]
    """What it believes of each currency's dollar price."""
    premium: float = 0.0


def simulated_markets() -> dict[str, list[str]]:
    """The symbols each venue lists."""
    markets: dict[str, list[str]] = {}
    for venue, symbol in (*RATES, *FOLLOWERS):
        markets.setdefault(venue, []).append(symbol)
    return markets


def simulated_trades(seed: int, start_ms: int) -> Iterator[Trade]:
    """Trades from a little before `start_ms` on, without end, by time."""
    # Dice of their own: the leaders' market is the same whoever follows it.
    rng, following = random.Random(f"followers of {seed}"), _following()
    answers: list[Trade] = []
    for trade in _leading_trades(seed, start_ms):
        answers.sort(key=_at_ms)
        while answers and answers[0].at_ms <= trade.at_ms:
            yield answers.pop(0)
        yield trade
        for venue in following.get((trade.venue, trade.symbol), ()):
            if rng.random() < FOLLOWED:
                answers.append(_answer(trade, venue, rng))


def _following() -> dict[tuple[str, str], list[str]]:
    """A leader's market -> the venues that follow it."""
    following: dict[tuple[str, str], list[str]] = {}
    for (venue, symbol), leader in FOLLOWERS.items():
        following.setdefault((leader, symbol), []).append(venue)
    return following


def _at_ms(trade: Trade) -> int:
    return trade.at_ms


def _answer(trade: Trade, venue: str, rng: random.Random) -> Trade:
    base = trade.symbol.partition("/")[0]
    price = trade.price_wad / WAD * (1 + rng.gauss(0, 0.0001 if base == "BTC" else 0.00003))
    size = max(trade.size_wad / WAD * rng.lognormvariate(-1, 0.7), 10.0 ** -_SIZE[base][1])
    at_ms = trade.at_ms + rng.randrange(*FOLLOWS_WITHIN_MS)
    return Trade(venue, trade.symbol, _ticks(price, _PRICE_PLACES[base]), _ticks(size, _SIZE[base][1]), at_ms)


def _leading_trades(seed: int, start_ms: int) -> Iterator[Trade]:
    rng = random.Random(seed)
    scares = _Schedule(seed, SCARE_AT_S)
    truth = {currency: math.log(price) for currency, price in _START.items()}
    venues = {venue: _Venue(dict(truth)) for venue in LAG_S}
    due = [(rng.expovariate(rate), market) for market, rate in RATES.items()]
    heapq.heapify(due)
    last_s = 0.0
    while True:
        now_s, market = heapq.heappop(due)
        heapq.heappush(due, (now_s + rng.expovariate(RATES[market]), market))
        _advance(truth, now_s - last_s, rng)
        seen = {**truth, **{coin: truth[coin] + loss for coin, loss in _scare(scares, now_s - WARM_UP_S).items()}}
        for name, venue in venues.items():
            _follow(venue, seen, now_s - last_s, LAG_S[name], rng)
        last_s = now_s
        yield _trade(market, venues[market[0]], start_ms + int((now_s - WARM_UP_S) * 1000), rng)


def simulated_outages(seed: int, start_ms: int, hours: int = 24) -> list[Fault]:
    """One exchange out for a while in each cycle."""
    schedule = _Schedule(seed + 1, OUTAGE_AT_S)
    faults = []
    for cycle in range(hours * 3600 // CYCLE_S):
        begin_s, rng = schedule.of(cycle)
        begin_ms = start_ms + int(begin_s * 1000)
        faults.append(Fault("outage", rng.choice(sorted(LAG_S)), begin_ms, begin_ms + OUTAGE_S * 1000))
    return faults


class _Schedule:
    """Something that happens once in each cycle, at a time and with dice that depend on the seed alone."""

    def __init__(self, seed: int, window_s: tuple[int, int]) -> None:
        self._seed = seed
        self._window_s = window_s

    def of(self, cycle: int) -> tuple[float, random.Random]:
        rng = random.Random(self._seed * 1_000_003 + cycle)
        return cycle * CYCLE_S + rng.uniform(*self._window_s), rng


def _scare(scares: _Schedule, now_s: float) -> dict[str, float]:
    """What the frightened coin's logarithm is short of: down in 10 s, there for 20 s, back within 30 s."""
    cycle = int(now_s // CYCLE_S)
    begin_s, rng = scares.of(cycle)
    depth, age_s = rng.uniform(0.015, 0.030), now_s - begin_s
    if not 0 <= age_s < 60:
        return {}
    part = min(age_s / 10, 1.0, (60 - age_s) / 30)
    return {("USDC", "USDT")[cycle % 2]: -depth * part}


def _advance(truth: dict[str, float], dt_s: float, rng: random.Random) -> None:
    root = math.sqrt(dt_s)
    for currency, sigma in _DRIFT.items():
        truth[currency] += rng.gauss(0, sigma) * root
    if rng.random() < dt_s / _SECONDS_A_JUMP:
        truth["BTC"] += rng.gauss(0, _JUMP)
    for coin in ("USDC", "USDT"):
        truth[coin] *= math.exp(-dt_s / _PEG_PULL_S)


def _follow(venue: _Venue, seen: dict[str, float], dt_s: float, lag_s: float, rng: random.Random) -> None:
    part = 1.0 - math.exp(-dt_s / lag_s)
    for currency, value in seen.items():
        venue.logs[currency] += (value - venue.logs[currency]) * part
    venue.premium += rng.gauss(0, 0.00004) * math.sqrt(dt_s) - venue.premium * dt_s / 30


def _trade(market: tuple[str, str], venue: _Venue, at_ms: int, rng: random.Random) -> Trade:
    name, symbol = market
    base, _, quote = symbol.partition("/")
    of_quote = venue.logs[quote] if quote != "USD" else 0.0
    stable = base != "BTC"
    noise = venue.premium * (0.2 if stable else 1.0) + rng.gauss(0, 0.00004 if stable else 0.00012)
    median, places = _SIZE[base]
    size = max(median * rng.lognormvariate(0, 1.0), 10.0**-places)
    price_wad = _ticks(math.exp(venue.logs[base] - of_quote + noise), _PRICE_PLACES[base])
    return Trade(name, symbol, price_wad, _ticks(size, places), at_ms)


def _ticks(value: float, places: int) -> int:
    return int(round(value * 10**places) * 10 ** (WAD_DECIMALS - places))
