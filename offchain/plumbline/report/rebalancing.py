# SPDX-License-Identifier: AGPL-3.0-only
"""What rebalances cost an index: each bid against the oracle's price of its moment. The auction house takes no fee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from plumbline.client.codec import abi, erc20
from plumbline.client.errors import Reverted, TimeNotReached
from plumbline.client.plans import Call, Plan, read, read_all
from plumbline.core.units import MAX_BPS


@dataclass(frozen=True, slots=True)
class Bid:
    """As the house told it."""

    at_s: int
    token: str
    """What the index sold."""
    sold: int
    """{tok}"""
    factor_bps: int
    """Of the oracle's price, that it was paid."""


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """Of all bids of a period."""

    bids: int = 0
    unpriced: int = 0
    """Bids of which the oracle's history has no price any more: in none of the sums."""
    turnover: Fraction = Fraction()
    """{USD} sold, at the oracle's prices."""
    gained: Fraction = Fraction()
    """{USD} paid beyond the oracle's prices; below zero: slippage the index bore."""

    @property
    def gained_bps(self) -> Fraction | None:
        return self.gained / self.turnover * MAX_BPS if self.turnover else None


def value_bids(vault: str, bids: Sequence[Bid]) -> Plan[Rebalancing]:
    """At the last answer at or before each bid's block, from the oracle's own history: needs no archive node."""
    if not bids:
        return Rebalancing()
    functions = abi("IndexVault")
    (tokens, _), (oracle, feeds) = yield from read_all(
        [Call(vault, functions["components"]), Call(vault, functions["price_feeds"])], "latest"
    )
    priced_by = dict(zip(tokens, feeds, strict=True))
    unpriced, turnover, gained = 0, Fraction(), Fraction()
    for bid in bids:
        price = (yield from _price(oracle, priced_by[bid.token], bid.at_s)) if bid.token in priced_by else None
        if price is None:
            unpriced += 1
            continue
        decimals = yield from read(bid.token, erc20()["decimals"])
        worth = price * bid.sold / 10**decimals
        turnover += worth
        gained += worth * (bid.factor_bps - MAX_BPS) / MAX_BPS
    return Rebalancing(len(bids), unpriced, turnover, gained)


def _price(oracle: str, feed: int, at_s: int) -> Plan[Fraction | None]:
    """USD of a whole token; None: the history has it no more."""
    functions = abi("MedianOracle")
    try:
        answer: Any = yield from read(oracle, functions["round_at"], feed, at_s)
    except TimeNotReached:
        # No round came since: the last answer is still the one the bid was made at.
        answer = yield from read(oracle, functions["latest"], feed)
    except Reverted:
        return None
    described = yield from read(oracle, functions["feed"], feed)
    return Fraction(answer[1], 10 ** described[1])
