# SPDX-License-Identifier: AGPL-3.0-only
"""A NAV desk in plain Python, written from docs/periphery.md and not from the contract: fractions and integers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tests.helpers.reference.vault import WAD, ceil, floor

BPS = 10_000
ROOM = Fraction(101, 100)
HEADROOM = Fraction(125, 100)
Prices = Sequence[int]
"""By feed; 0: no answer."""


class Refused(Exception):
    """The desk would not do it."""


@dataclass(frozen=True)
class Part:
    """A component: {tok/share} in base units times WAD, and the decimals of token and feed together."""

    unit: int
    scale: int


@dataclass(frozen=True)
class Request:
    owner: str
    selling: bool
    shares: int
    assets: int
    """What the buyer, or the maker, has set aside."""
    min_assets: int
    spread_bps: int
    settles_from: int


@dataclass
class DeskModel:
    """Feeds are the components' in their order; one of them is the asset."""

    parts: Sequence[Part]
    asset: int
    maker: str
    delay_s: int
    life_s: int
    spread_bps: int
    min_shares: int
    max_shares: int
    rounds: list[tuple[int, Prices]] = field(default_factory=list)
    assets: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    requests: dict[int, Request] = field(default_factory=dict)
    count: int = 0

    def fair(self, shares: int, prices: Prices) -> Fraction:
        """{asset}"""
        usd = sum(
            Fraction(part.unit * price, 10**part.scale * WAD) for part, price in zip(self.parts, prices, strict=True)
        )
        return Fraction(shares, WAD) * usd * Fraction(10 ** self.parts[self.asset].scale, prices[self.asset])

    def cost(self, shares: int, prices: Prices, spread_bps: int) -> int:
        return ceil(ceil(self.fair(shares, prices)) * Fraction(BPS + spread_bps, BPS))

    def proceeds(self, shares: int, prices: Prices, spread_bps: int) -> int:
        return floor(floor(self.fair(shares, prices)) * Fraction(BPS - spread_bps, BPS))

    # -- requests; the last round is complete and fresh whenever one is made

    def buy(self, who: str, now: int, shares: int, max_assets: int) -> int:
        """What the maker has not in shares is minted from its float, of which there is enough."""
        self._check_size(shares)
        if max_assets < ROOM * self.cost(shares, self.rounds[-1][1], self.spread_bps):
            raise Refused("too tight")
        self.shares[self.maker] = max(self.shares[self.maker], shares) - shares
        return self._enter(Request(who, False, shares, max_assets, 0, self.spread_bps, now + self.delay_s))

    def sell(self, who: str, now: int, shares: int, min_assets: int, max_assets: int) -> int:
        self._check_size(shares)
        today = self.proceeds(shares, self.rounds[-1][1], self.spread_bps)
        if not (min_assets <= today * Fraction(99, 100) and ROOM * today <= max_assets <= HEADROOM * today):
            raise Refused("too tight, or too much")
        self._take(self.assets, self.maker, max_assets)
        return self._enter(Request(who, True, shares, max_assets, min_assets, self.spread_bps, now + self.delay_s))

    # -- and how they end

    def first(self, id_: int) -> int | None:
        """The place of the round at which a request is settled, wherever there is one."""
        since = self.requests[id_].settles_from
        return next((i for i, (at, prices) in enumerate(self.rounds) if at >= since and all(prices)), None)

    def proof(self, id_: int) -> list[int]:
        """A feed that is missing from each round before it, going back; then any, as there was nothing else."""
        since, first = self.requests[id_].settles_from, self.first(id_)
        before = [prices for at, prices in self.rounds[:first] if at >= since]
        return [*(list(prices).index(0) for prices in reversed(before)), self.asset]

    def settle(self, id_: int, now: int, place: int) -> None:
        if id_ not in self.requests or now > self.requests[id_].settles_from + self.life_s or place != self.first(id_):
            raise Refused("not now, not there")
        request, prices = self.requests.pop(id_), self.rounds[place][1]
        price = (self.proceeds if request.selling else self.cost)(request.shares, prices, request.spread_bps)
        if not request.min_assets <= price <= request.assets:
            self._give_back(request)
            return
        buyer, seller = self._sides(request)
        self.shares[buyer] += request.shares
        self.assets[seller] += price
        self.assets[buyer] += request.assets - price

    def expire(self, id_: int, now: int) -> None:
        if id_ not in self.requests or now <= self.requests[id_].settles_from + self.life_s:
            raise Refused("not expired")
        self._give_back(self.requests.pop(id_))

    def withdraw(self, who: str, assets: int, shares: int) -> None:
        self._take(self.assets, who, assets)
        self._take(self.shares, who, shares)

    @property
    def held(self) -> tuple[int, int]:
        """(asset, shares) that the desk must have: credit, and what is set aside."""
        aside = self.requests.values()
        return (
            sum(self.assets.values()) + sum(request.assets for request in aside),
            sum(self.shares.values()) + sum(request.shares for request in aside),
        )

    def _check_size(self, shares: int) -> None:
        if not self.min_shares <= shares <= self.max_shares:
            raise Refused("size")

    def _enter(self, request: Request) -> int:
        self.requests[self.count] = request
        self.count += 1
        return self.count - 1

    def _sides(self, request: Request) -> tuple[str, str]:
        """(buyer, seller)"""
        return (self.maker, request.owner) if request.selling else (request.owner, self.maker)

    def _give_back(self, request: Request) -> None:
        buyer, seller = self._sides(request)
        self.assets[buyer] += request.assets
        self.shares[seller] += request.shares

    @staticmethod
    def _take(books: defaultdict[str, int], who: str, amount: int) -> None:
        if books[who] < amount:
            raise Refused("credit")
        books[who] -= amount
