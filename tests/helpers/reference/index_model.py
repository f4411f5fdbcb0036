# SPDX-License-Identifier: AGPL-3.0-only
"""The index, written a second time from docs/index.md: plain, slow, in fractions, and without a line of the engine.

Prices are integers times 1e18 where they come in and go out; in between they are exact fractions, rounded half up
where the rules say so. A rule is a dict with the keys of FeedRule; markets are (venue, symbol), crosses are
(venue, numerator, denominator). A book arrives as its best bid and ask. Which feeds convert a quote is told from
outside: quote -> [(feed, backwards)].
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain, pairwise
from math import ceil, floor

WAD = 10**18


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def median(prices: list[int], weights: list[int]) -> int:
    """Write every price down as often as it weighs, and take the middle of the list."""
    listed = sorted(chain.from_iterable([price] * weight for price, weight in zip(prices, weights, strict=True)))
    return half_up(Fraction(listed[(len(listed) - 1) // 2] + listed[len(listed) // 2], 2))


def middle(prices: list[int], weights: list[int]) -> int:
    """The same for weights too large to write down: between the prices that have half of the weight on each side."""
    total, said = sum(weights), list(zip(prices, weights, strict=True))
    low = min(p for p in prices if 2 * sum(w for x, w in said if x <= p) >= total)
    high = max(p for p in prices if 2 * sum(w for x, w in said if x >= p) >= total)
    return half_up(Fraction(low + high, 2))


def capped(weights: list[int], most_bps: int) -> list[int]:
    """Cut down to the highest level at which nobody has more than the cap, found by halving."""

    def cut(level: int) -> list[int]:
        return [min(weight, level) for weight in weights]

    def holds(level: int) -> bool:
        return max(cut(level)) * 10_000 <= most_bps * sum(cut(level))

    low, high = min(weights), max(weights)
    if holds(high) or not holds(low):
        return cut(high if holds(high) else low)
    while high - low > 1:
        between = (low + high) // 2
        low, high = (between, high) if holds(between) else (low, between)
    return cut(low)


def votes_of(quotes: list[tuple[int, int]]) -> int:
    votes = [vote for price, confidence in quotes for vote in (price - confidence, price, price + confidence)]
    return median(votes, [1] * len(votes))


def balance(prices: list[int], weights: list[int], clamp_bps: int) -> int:
    """Every p with sum w * clamp(x - p, -d, d) = 0, by trying each straight piece; the middle of all that balance."""
    d = Fraction(median(prices, weights) * clamp_bps, 10_000)

    def pull(p: Fraction) -> Fraction:
        return sum((w * min(max(x - p, -d), d) for x, w in zip(prices, weights, strict=True)), Fraction(0))

    corners = sorted({x + side for x in prices for side in (-d, d)})
    zeros = [p for p in corners if pull(p) == 0]
    for low, high in pairwise(corners):
        at_low, at_high = pull(low), pull(high)
        if at_low > 0 > at_high:
            zeros.append(low + (high - low) * at_low / (at_low - at_high))
    return half_up((min(zeros) + max(zeros)) / 2)


def combined(method: str, prices: list[int], weights: list[int], clamp_bps: int) -> int:
    if method == "clamped_median":
        return balance(prices, weights, clamp_bps)
    if method in ("median", "weighted_median"):
        return middle(prices, weights)
    if method == "weighted_mean":
        return half_up(Fraction(sum(w * x for x, w in zip(prices, weights, strict=True)), sum(weights)))
    centre = median(prices, [1] * len(prices))
    low, high = Fraction(centre * (10_000 - clamp_bps), 10_000), Fraction(centre * (10_000 + clamp_bps), 10_000)
    total = sum((w * min(max(Fraction(x), low), high) for x, w in zip(prices, weights, strict=True)), Fraction(0))
    return half_up(total / sum(weights))


def apart(a: int, b: int) -> Fraction:
    """How far a is from b, in bps of b."""
    return Fraction(abs(a - b) * 10_000, b)


class IndexModel:
    def __init__(self, rules: list[dict], routes: dict[str, list[tuple[str, bool]]]) -> None:
        self.rules, self.routes = rules, routes
        self.tape: set[tuple] = set()
        self.spreads: dict[tuple, int] = {}  # (venue, symbol, at_ms, middle, size) -> ask - bid
        self.echoes: dict[tuple, list[int]] = {}  # (venue's market, its echo) -> prices in a row
        self.left_out: set[tuple[str, str]] = set()  # (feed, venue)
        self.arrived: list[tuple] = []
        self.last: dict[tuple, tuple] = {}  # market -> (at_ms, price, size)
        self.since: dict[tuple, int] = {}
        self.equal: dict[tuple, int] = {}
        self.previous: dict[str, tuple[int, int]] = {}
        self.off_peg: set[str] = set()
        self.outliers: dict[str, set[str]] = {rule["name"]: set() for rule in rules}

    def on_trade(self, venue: str, symbol: str, price: int, size: int, at_ms: int) -> None:
        self.arrived.append((venue, symbol, price, size, at_ms))

    def on_book(self, venue: str, symbol: str, bid: int, ask: int, size: int, at_ms: int) -> None:
        """`size`: of both together."""
        if 0 < bid < ask and size > 0:
            self.arrived.append((venue, symbol, (bid + ask) // 2, size, at_ms))
            self.spreads[venue, symbol, at_ms, (bid + ask) // 2, size] = ask - bid

    def observe(self, at_ms: int) -> dict[str, tuple[int | None, set[tuple[str, str]]]]:
        """Feed -> price and what it was made of: (venue, symbol), a cross's symbol being its denominator."""
        self.settle(at_ms)
        result = {rule["name"]: self.price(rule, at_ms) for rule in self.rules}
        for rule in self.rules:
            price = result[rule["name"]][0]
            if price is not None:
                self.previous[rule["name"]] = (price, at_ms)
                self.move_peg(rule, price)
        return result

    def settle(self, at_ms: int) -> None:
        latest: dict[tuple, tuple] = {}
        for venue, symbol, price, size, traded_ms in self.arrived:
            if price > 0 and size > 0:
                latest[venue, symbol] = max(latest.get((venue, symbol), (0, 0, 0)), (traded_ms, price, size))
                if traded_ms <= at_ms + 1_000:
                    self.tape.add((venue, symbol, price, size, traded_ms))
        self.arrived = []
        fresh = set()
        for market, trade in latest.items():
            before = self.last.get(market)
            if trade[0] <= at_ms + 1_000 and (before is None or trade > before):
                if before is None or before[1] != trade[1]:
                    self.since[market] = trade[0]
                self.last[market] = trade
                fresh.add(market)
        listened = {m for rule in self.rules for m in rule["markets"]}
        listened |= {(v, leg) for rule in self.rules for v, n, d in rule["crosses"] for leg in (n, d)}
        for a in listened:
            for b in listened:
                if a < b and self.same_book(a, b) and {a, b} & fresh and self.same_trade(a, b):
                    self.equal[a, b] = self.equal.get((a, b), 0) + 1
        self.listened = listened
        self.hear_echoes()

    def hear_echoes(self) -> None:
        """Pairs of venues at one trade: the first of all such venues by name, and each of the others."""
        now = {}
        for market in self.listened:
            if market not in self.last:
                continue
            alike = [m for m in self.listened if m[1] == market[1] and self.last.get(m) == self.last[market]]
            leader = min(alike)
            if market != leader:
                prices = self.echoes.get((leader, market), [])
                price = self.last[market][1]
                now[leader, market] = prices if prices and prices[-1] == price else [*prices, price]
        self.echoes = now

    def echoing(self, market: tuple, listed: set[tuple]) -> bool:
        """Of a market the same feed hears."""
        told = self.echoes.items()
        return any(other == market and leader in listed and len(prices) >= 3 for (leader, other), prices in told)

    def same_book(self, a: tuple, b: tuple) -> bool:
        return a != b and a[0] == b[0] and a[1].split("/")[0] == b[1].split("/")[0]

    def same_trade(self, a: tuple, b: tuple) -> bool:
        return a in self.last and self.last[a] == self.last.get(b)

    def alias(self, a: tuple, b: tuple) -> bool:
        return self.same_trade(a, b) or self.equal.get((min(a, b), max(a, b)), 0) >= 3

    def move_peg(self, rule: dict, price: int) -> None:
        name, off_bps, on_bps = rule["name"], rule.get("off_peg_bps"), rule.get("on_peg_bps")
        if off_bps is not None and apart(price, WAD) > (on_bps if name in self.off_peg else off_bps):
            self.off_peg.add(name)
        else:
            self.off_peg.discard(name)

    def price(self, rule: dict, at_ms: int) -> tuple[int | None, set[tuple[str, str]]]:
        votes = self.votes(rule, at_ms)
        frozen = []
        for vote in votes:
            said = {v["venue"]: [w["price"] for w in votes if w["venue"] == v["venue"]] for v in votes}
            others = [median(p, [1] * len(p)) for venue, p in said.items() if venue != vote["venue"]]
            still = at_ms - min(self.since[leg] for leg in vote["legs"]) >= rule["frozen_s"] * 1_000
            up = [p for p in others if p > vote["price"] and apart(p, vote["price"]) > 20]
            down = [p for p in others if p < vote["price"] and apart(p, vote["price"]) > 20]
            if still and len(others) > 1 and (len(up) > len(others) / 2 or len(down) > len(others) / 2):
                frozen.append(vote)
        votes = [v for v in votes if v not in frozen]
        direct = {v["venue"] for v in votes if v["direct"]}
        votes = [v for v in votes if v["direct"] or v["venue"] not in direct]
        venues = {}
        for venue in {v["venue"] for v in votes}:
            said = [v["price"] for v in votes if v["venue"] == venue]
            venues[venue] = median(said, [1] * len(said))
        weigh = {venue: len(venues) + (venue in direct) for venue in venues}
        near = set(venues)
        if len(venues) >= 3:
            centre, out = median(list(venues.values()), list(weigh.values())), self.outliers[rule["name"]]
            for venue, price in venues.items():
                limit = rule["agree_bps"] // 2 if venue in out else rule["agree_bps"]
                (out.add if apart(price, centre) > limit else out.discard)(venue)
            near -= out
        used = {(v["venue"], v["legs"][-1][1]) for v in votes if v["venue"] in near}
        if len(near) < rule["min_venues"] or not self.agree(list(venues.values()), rule["agree_bps"]):
            return None, used
        if rule["method"] == "vote_median":
            wide = {venue: max(v["confidence"] for v in votes if v["venue"] == venue) for venue in near}
            return votes_of([(venues[venue], wide[venue]) for venue in near]), used
        if rule["weights"]:
            weights = [dict(rule["weights"])[venue] for venue in near]
        elif rule["volume_window_s"]:
            spoke = {venue: {v["legs"] for v in votes if v["venue"] == venue} for venue in near}
            volumes = [max(1, self.volume(spoke[venue], rule, at_ms)) for venue in near]
            weights = capped(volumes, rule["volume_cap_bps"])
        else:
            weights = [len(near) + (venue in direct) for venue in near]
        return combined(rule["method"], [venues[venue] for venue in near], weights, rule["clamp_bps"]), used

    def volume(self, spoke: set[tuple], rule: dict, at_ms: int) -> int:
        """Of the venue's markets that speak (a cross trades nothing of the feed's base), in minutes of the window."""
        oldest = (at_ms - rule["volume_window_s"] * 1_000) // 60_000
        markets = {legs[0] for legs in spoke if len(legs) == 1}
        return sum(size for v, s, _, size, ms in self.tape if (v, s) in markets and ms // 60_000 >= oldest)

    def agree(self, prices: list[int], bps: int) -> bool:
        return any(2 * sum(p >= low and apart(p, low) <= bps for p in prices) > len(prices) for low in prices)

    def votes(self, rule: dict, at_ms: int) -> list[dict]:
        quote, votes = rule["name"].split("/")[1], []
        for venue, symbol in rule["markets"]:
            market, its_quote = (venue, symbol), symbol.split("/")[1]
            aliased = any(self.same_book(market, m) and self.alias(market, m) for m in self.listened)
            if self.fresh([market], rule, at_ms) and (its_quote == quote or not aliased):
                rate = Fraction(1) if its_quote == quote else self.rate(its_quote, at_ms)
                if rate is not None:
                    votes.append(self.vote((market,), Fraction(self.last[market][1]), rate, its_quote == quote))
        for venue, numerator, denominator in rule["crosses"]:
            legs = ((venue, numerator), (venue, denominator))
            if self.fresh(legs, rule, at_ms) and not self.alias(*legs):
                price = half_up(Fraction(self.last[legs[0]][1] * WAD, self.last[legs[1]][1]))
                votes.append(self.vote(legs, Fraction(price), Fraction(1), False))
        votes = [vote for vote in votes if vote["price"] > 0 and (rule["name"], vote["venue"]) not in self.left_out]
        return [vote for vote in votes if rule["method"] != "vote_median" or vote["confidence"] < vote["price"]]

    def vote(self, legs: tuple, price: Fraction, rate: Fraction, direct: bool) -> dict:
        return {
            "venue": legs[0][0],
            "legs": legs,
            "price": half_up(price * rate),
            "direct": direct,
            "confidence": ceil(rate * self.half_spread(legs, price)),
        }

    def half_spread(self, legs: tuple, price: Fraction) -> int:
        """Of one market in its own quote; of a cross what its legs may be off, added up."""
        halves = []
        for leg in legs:
            at_ms, middle_wad, size = self.last[leg]
            halves.append((ceil(Fraction(self.spreads.get((*leg, at_ms, middle_wad, size), 0), 2)), middle_wad))
        if len(halves) == 1:
            return halves[0][0]
        return sum(ceil(price * half / middle_wad) for half, middle_wad in halves)

    def fresh(self, legs: Iterable[tuple], rule: dict, at_ms: int) -> bool:
        listed = {*rule["markets"], *((v, leg) for v, n, d in rule["crosses"] for leg in (n, d))}
        if any(self.echoing(leg, listed) for leg in legs):
            return False
        return all(leg in self.last and at_ms - self.last[leg][0] <= rule["max_age_s"] * 1_000 for leg in legs)

    def rate(self, quote: str, at_ms: int) -> Fraction | None:
        """Feed after feed along the quote's route; None when one of them has no price to go by."""
        rate = Fraction(1)
        for name, backwards in self.routes.get(quote, [("", False)]):
            rule = next((rule for rule in self.rules if rule["name"] == name), None)
            if rule is None or name not in self.previous or name in self.off_peg:
                return None
            price, priced_ms = self.previous[name]
            if at_ms - priced_ms > rule["max_age_s"] * 1_000:
                return None
            rate *= Fraction(WAD, price) if backwards else Fraction(price, WAD)
        return rate
