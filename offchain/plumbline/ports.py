# SPDX-License-Identifier: AGPL-3.0-only
"""The seams: small Protocols between the pure core and everything that can fail.

Services (reporter, relayer, keeper) know only these; `cli` is where real adapters meet them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from plumbline.core.arbitrage import ParityMarket, ParityTrade, Token
from plumbline.core.bids import Bid, BidMarket
from plumbline.core.cycle import CycleMarket
from plumbline.core.desk import DeskState, Hedge, Place
from plumbline.core.desk_books import Flows
from plumbline.core.models import BookSnapshot, SignedRow, Trade


class Clock(Protocol):
    """The one source of time. In a replay it runs on market time, else on the system's."""

    def now_ms(self) -> int: ...

    async def sleep_until_ms(self, at_ms: int) -> None: ...


class SourceHealth(Protocol):
    """How a venue stands, for metrics and views; counts are since the process began."""

    @property
    def connected(self) -> bool: ...

    @property
    def reason(self) -> str:
        """Why there is no connection, or what was refused on it; empty while all is well."""
        ...

    @property
    def connections(self) -> int: ...

    @property
    def trades(self) -> int: ...

    @property
    def rejected(self) -> Mapping[str, int]:
        """Frames that gave nothing, by reason."""
        ...

    @property
    def dropped(self) -> Mapping[str, int]:
        """Trades that were not passed on, by reason."""
        ...


class TradeSource(Protocol):
    """One venue. `trades` reconnects by itself and never raises for what the venue sends."""

    venue: str

    @property
    def stats(self) -> SourceHealth: ...

    def trades(self) -> AsyncIterator[Trade]: ...


class BookSource(Protocol):
    """The order books of one venue, asked for when an observation is made: nothing is sent round on each change.

    They are kept up to date while somebody reads the source's `trades`. A book is None, never a guess: while there is
    no connection, before its snapshot, after a gap until the next snapshot, when crossed or without a side. Whether a
    book is too old is for the asker: its `at_ms` is the venue's.
    """

    venue: str

    def book(self, symbol: str) -> BookSnapshot | None:
        """The levels that are kept: one a side where the venue was asked for its top of book only."""
        ...


@dataclass(frozen=True, slots=True)
class ChainFeed:
    """A feed as the chain has it."""

    name: str
    decimals: int
    quorum: int
    heartbeat_s: int
    deviation_bps: int


@dataclass(frozen=True, slots=True)
class OracleConfig:
    """What a node must agree with before it signs or submits."""

    chain_id: int
    address: str
    epoch: int
    period_s: int
    feeds: tuple[ChainFeed, ...]
    reporters: tuple[str, ...]
    """Checksummed addresses; the reporter at position i signs with index i + 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last served answer of a feed, in the feed's decimals."""

    round_id: int
    price: int
    timestamp: int


class NoAnswer(StrEnum):
    """Why the oracle serves nothing for a feed, in words that follow the feed's name."""

    NONE_YET = "has no answer yet"
    TRIPPED = "is tripped"
    """By its breaker: rounds that confirm the new level end it, or the owner."""
    HELD = "is held"
    """Tripped by hand: no round ends it."""


class OracleClient(Protocol):
    """The oracle on chain, as a node sees it."""

    async def config(self) -> OracleConfig: ...

    async def latest_round(self) -> tuple[int, int]:
        """(round id, timestamp)."""
        ...

    async def in_flight(self) -> int:
        """Timestamp of the latest round in the block to come: transactions that wait to be mined count too."""
        ...

    async def disagreement(self) -> str:
        """Why the chain's endpoints cannot all be right, in words; empty when they can."""
        ...

    async def answers(self) -> tuple[Answer | NoAnswer, ...]:
        """One per feed, or why there is none."""
        ...

    async def simulate(self, timestamp: int, rows: Sequence[SignedRow]) -> None:
        """Run a submission without sending it. Raises ChainError with the revert reason."""
        ...

    async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
        """Send a round; returns the transaction hash once it is mined. Raises ChainError with the revert reason."""
        ...


class Payer(Protocol):
    """Whoever pays for a relayer's rounds. Every method raises ChainError."""

    async def balance_wei(self) -> int: ...

    async def gas_price_wei(self) -> int:
        """What a unit of gas costs in the next block, the configured tip included."""
        ...

    async def confirmations(self, tx_hash: str) -> int | None:
        """Blocks from a transaction's own to the last one, both included; None while it is in no block."""
        ...


class Signer(Protocol):
    """Holds one key, here or elsewhere: a reporter's, that signs rows, or one that pays for transactions."""

    address: str

    async def sign_message(self, message: bytes) -> tuple[int, int]:
        """(r, vs) in EIP-2098 form, low s, of the message's keccak256. Raises SignerError."""
        ...


class RowPeer(Protocol):
    """Where a reporter's signed rows are fetched from."""

    name: str

    async def row(self, timestamp: int) -> SignedRow | None: ...


class RowWitness(Protocol):
    """Another relayer, that shows which rows it was given."""

    name: str

    async def seen(self, timestamp: int) -> Sequence[SignedRow]:
        """Raises PeerError or RowError."""
        ...


@dataclass(frozen=True, slots=True)
class ParitySnapshot:
    """A vault, the pools of its share and its components, and the keeper's inventory at one block."""

    block: int
    at_s: int
    gas_price_wei: int
    """The most a unit of gas costs in the next block."""
    market: ParityMarket
    cycle: CycleMarket | None = None
    """None: some component has no pool, so a trade without capital cannot be made."""


class HasQuote(Protocol):
    @property
    def quote(self) -> Token:
        """What profits and gas are journaled in."""
        ...


class MarketSnapshot(Protocol):
    """What a keeper decides on, as of one block."""

    @property
    def block(self) -> int: ...

    @property
    def at_s(self) -> int: ...

    @property
    def gas_price_wei(self) -> int: ...

    @property
    def market(self) -> HasQuote: ...


class Profitable(Protocol):
    @property
    def profit(self) -> int:
        """What sizing says it leaves, before gas."""
        ...


@dataclass(frozen=True, slots=True)
class TakenReceipt:
    """What a mined trade or bid brought; one that reverted, or was cancelled, brought nothing, and cost its gas."""

    tx_hash: str
    block: int
    what: str
    """A trade's `Side`; of a bid the address of the token that the index sold; empty when it reverted."""
    amount: int
    """Shares traded, or what the index sold; 0 when it reverted."""
    profit: int
    """Before gas: of a trade in the quote token, of a bid in the token sold."""
    gas_used: int
    gas_price_wei: int
    reverted: str = ""
    """Why it did; empty for one that went through."""


_Snapshot = TypeVar("_Snapshot", bound=MarketSnapshot, covariant=True)
_Order = TypeVar("_Order", bound=Profitable, contravariant=True)


class TakingVenue(Protocol[_Snapshot, _Order]):
    """Where a keeper trades or bids. Every method raises ChainError, with the contract's reason when it has one."""

    async def snapshot(self) -> _Snapshot | None:
        """None while there is nothing to take part in."""
        ...

    async def simulate(self, order: _Order, min_profit: int, /) -> tuple[int, int]:
        """(profit, gas) in the block to come; nothing is sent."""
        ...

    async def execute(
        self, order: _Order, min_profit: int, gas: int, tip_wei: int, max_fee_wei: int, /
    ) -> TakenReceipt:
        """Send it with room for `gas`, up to `tip_wei` a unit more than usual and never more than `max_fee_wei`;
        returns once it is mined, reverted or not. Raises ChainUnfunded when the key cannot pay for it."""
        ...

    async def receipts_since(self, block: int) -> Sequence[TakenReceipt]:
        """Everything of this keeper's contract in that block or later; of all blocks when there is none so high.

        Without those that reverted: they leave no event.
        """
        ...


ParityVenue = TakingVenue[ParitySnapshot, ParityTrade]


@dataclass(frozen=True, slots=True)
class Due:
    """What anybody could do for an index and its holders now."""

    pending_fees_usd_wad: int
    claims: tuple[tuple[str, int], ...]
    """(token, amount that would be paid now) of every claim of the keeper's."""
    stranded: tuple[int, ...] = ()
    """Generations of the basket that are over, with float of the keeper's arbitrageur that was not brought over."""
    float_claims: tuple[tuple[str, int], ...] = ()
    """(token, amount that would be paid now) of every claim of the arbitrageur's: float of what left the index."""
    losses: tuple[tuple[str, int], ...] = ()
    """(component, part lost times 1e18) of what the index owes and has not: nobody has shared it yet."""


class ChoresVenue(Protocol):
    """The index a keeper looks after. Every method raises ChainError."""

    async def due(self) -> Due: ...

    async def collect_fees(self) -> None: ...

    async def sync(self, token: str) -> None:
        """Share the loss of a component among all it is owed to."""
        ...

    async def claim(self, token: str) -> None: ...

    async def carry(self, generation: int) -> None:
        """Bring the arbitrageur's float of an older generation over."""
        ...

    async def claim_float(self, token: str) -> None:
        """Have a claim of the arbitrageur's paid to the keeper."""
        ...


@dataclass(frozen=True, slots=True)
class DeskSnapshot:
    """A desk at one block."""

    block: int
    at_s: int
    gas_price_wei: int
    state: DeskState
    quote: Token
    """With what the desk has of it in hand."""


@dataclass(frozen=True, slots=True)
class DeskReceipt:
    """A mined transaction of a desk's; one that reverted moved nothing, and cost its gas."""

    tx_hash: str
    block: int
    flows: Flows
    """Without its gas."""
    gas_used: int
    gas_price_wei: int
    reverted: str = ""
    """Why it did; empty for one that went through."""


class DeskVenue(Protocol):
    """Where a desk makes its market. Every method raises ChainError, with the contract's reason when it has one."""

    async def snapshot(self) -> DeskSnapshot: ...

    async def price_of(self, hedge: Hedge) -> int:
        """{quote} that the shares cost now, or bring, components' swaps and fees included."""
        ...

    async def hedge(self, hedge: Hedge, limit: int) -> DeskReceipt:
        """At `limit` {quote}, at most when minting, at least when redeeming; returns once it is mined."""
        ...

    async def place(self, state: DeskState, place: Place) -> DeskReceipt:
        """The old range out and the new one in, in one transaction; returns once it is mined."""
        ...


@dataclass(frozen=True, slots=True)
class BidSnapshot:
    """An auction of an index, and the pools between its components, at one block."""

    block: int
    at_s: int
    gas_price_wei: int
    """The most a unit of gas costs in the next block."""
    market: BidMarket
    tokens: tuple[str, ...]
    """Addresses, by their places."""


BidVenue = TakingVenue[BidSnapshot, Bid]
