# SPDX-License-Identifier: Apache-2.0
"""Where the rebalance of an index stands: what is to leave it, what is to come, at which part of the oracle's price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from plumbline.client.codec import abi
from plumbline.client.plans import Block, Call, Plan, read, read_all, try_read
from plumbline.client.values import Amount, Token

STATES: Final = ("none", "proposed", "open")


@dataclass(frozen=True, slots=True)
class Lot:
    """What of one component is still to be traded; at most one of the two is not zero."""

    surplus: Amount
    """Above its target: bidders take it."""
    deficit: Amount
    """Below its target: bidders pay in it."""

    @property
    def token(self) -> Token:
        return self.surplus.token


@dataclass(frozen=True, slots=True)
class Auction:
    """Of one index, as of one block."""

    house: str
    state: str
    """proposed | open; open lasts until somebody closes it, also after `ends_at`."""
    starts_at: int
    """{s} proposed: the first time it may be opened; open: when it was."""
    ends_at: int
    """{s} proposed: the last time it may be opened; open: the last time of a bid."""
    start_bps: int
    """Of the oracle's price: where bids start ..."""
    floor_bps: int
    """... and where they end, in a straight line."""
    max_age_s: int
    """The oldest price a bid may use."""
    factor_bps: int | None
    """Of the oracle's price, that a bid in this block pays; None: there is no bidding."""
    paused: bool
    lots: tuple[Lot, ...]
    read_at: int
    """{s} the block's time."""

    @property
    def left_s(self) -> int:
        """Until the last time above."""
        return max(0, self.ends_at - self.read_at)


def read_auction(house: str, index: str, tokens: Sequence[Token], block: Block) -> Plan[Auction | None]:
    """None: nothing is proposed. `tokens`: the components of `index` at `block`, in their order."""
    functions = abi("AuctionHouse")
    told, paused = yield from read_all(
        [Call(house, functions[name], (index,)) for name in ("auction", "paused")], block.tag
    )
    state, starts_at, ends_at, start_bps, floor_bps, max_age_s, _abandoned, _target = told
    if STATES[state] == "none":
        return None
    above, below = yield from read(house, functions["lots"], index, at=block.tag)
    factor_bps: Any = yield from try_read(house, functions["factor_bps"], index, at=block.tag)
    return Auction(
        house=house,
        state=STATES[state],
        starts_at=starts_at,
        ends_at=ends_at,
        start_bps=start_bps,
        floor_bps=floor_bps,
        max_age_s=max_age_s,
        factor_bps=factor_bps,
        paused=paused,
        lots=tuple(
            Lot(Amount(token, surplus), Amount(token, deficit))
            for token, surplus, deficit in zip(tokens, above, below, strict=True)
        ),
        read_at=block.timestamp,
    )
