# SPDX-License-Identifier: AGPL-3.0-only
"""One reporter in several processes, over NATS JetStream: what they tell each other, and who may do what.

    trades.<feed>.<venue>   batches of trades and books, one stream, kept as long as an engine remembers; published with
                            an id, so that a repeated publication is stored once; read in order and without a gap from
                            the start
    prices.<feed>           one price a feed and grid time; the first one published stands
    leases                  who works on what (`plumbline.transport.broker`)
    claims                  the row of each round, created once and never changed: whoever signs, signs that
    standing                by feed, what source selection last decided on each venue

Feed names stand in subjects with "-" for "/". Nothing is at stake when the broker lies dead: then nothing is signed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, KeyNotFoundError, KeyWrongLastSequenceError

from plumbline.config import BusConfig
from plumbline.core.models import BookSnapshot, Level, Row, Trade
from plumbline.core.selection import Decision
from plumbline.errors import BusError
from plumbline.transport.broker import PAUSE_S, TROUBLE, Broker

_BATCH: Final = 256
_DUPLICATES_S: Final = 120.0
_CLAIMS_S: Final = 7 * 86_400.0
"""Far longer than the oracle takes rounds: what is older is refused by age."""
_SIGNER: Final = "signer"
_ACK_S: Final = 2.0
"""A price that its signer did not deal with in this time is given to the next one."""

log = structlog.get_logger(__name__)


_Levels = list[tuple[str, str]]


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Trades in the order they came, books as they stand; `now_ms`: the sender's clock.

    Numbers of any size travel as text.
    """

    now_ms: int
    trades: list[tuple[str, str, str, str, int]]
    books: list[tuple[str, str, _Levels, _Levels, int]] = []

    @classmethod
    def of(cls, now_ms: int, trades: Sequence[Trade], books: Sequence[BookSnapshot] = ()) -> Self:
        return cls(
            now_ms,
            [(t.venue, t.symbol, str(t.price_wad), str(t.size_wad), t.at_ms) for t in trades],
            [(b.venue, b.symbol, _texts(b.bids), _texts(b.asks), b.at_ms) for b in books],
        )

    def unpack(self) -> list[Trade]:
        return [Trade(venue, symbol, int(price), int(size), at_ms) for venue, symbol, price, size, at_ms in self.trades]

    def unpack_books(self) -> list[BookSnapshot]:
        return [
            BookSnapshot(venue, symbol, _numbers(bids), _numbers(asks), at_ms)
            for venue, symbol, bids, asks, at_ms in self.books
        ]


class Observed(msgspec.Struct, frozen=True, array_like=True):
    """A feed's price at a grid time {s}; None: it cannot be formed."""

    feed: str
    timestamp: int
    price_wad: str | None


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """The row of a round, and under which token it was claimed."""

    prices: tuple[int, ...]
    token: int


@dataclass(frozen=True, slots=True)
class Price:
    """An observation as the signer gets it; `done` is told when it need not come again."""

    observed: Observed
    message: Msg

    async def done(self) -> None:
        # Unheard, it comes again, and is as late then as it is now.
        with suppress(*TROUBLE):
            await self.message.ack()


class Bus(Broker):
    """`async with Bus(config, memory_s) as bus`; connected, or trying to be, until left."""

    def __init__(self, config: BusConfig, memory_s: float) -> None:
        """memory_s: how much of the past an engine that starts anew is told."""
        super().__init__(config.url, config.stream, config.lease_s)
        self._memory_s = memory_s
        self._claims: Any = None
        self._standing: Any = None

    async def _prepare(self) -> None:
        await super()._prepare()
        for name, subjects, age_s in (
            ("trades", ["trades.>"], self._memory_s),
            ("prices", ["prices.*"], max(_DUPLICATES_S, self._memory_s)),
        ):
            stream = StreamConfig(
                name=f"{self._name}-{name}",
                subjects=[f"{self._name}.{subject}" for subject in subjects],
                max_age=max(age_s, _DUPLICATES_S),
                duplicate_window=_DUPLICATES_S,
                storage=StorageType.FILE,
            )
            try:
                await self._js.add_stream(stream)
            except BadRequestError:
                # It is there, for another memory: feeds have changed.
                await self._js.update_stream(stream)
        self._claims = await self._bucket("claims", _CLAIMS_S)
        self._standing = await self._bucket("standing", None)

    # Trades ----------------------------------------------------------------------------------------------------------

    async def tell_trades(self, feed: str, venue: str, batch: Batch, id_: str) -> None:
        """Until it is stored. Told twice under one id it is stored once."""
        subject = f"{self._name}.trades.{subject_of(feed)}.{venue}"
        await self._tell(subject, msgspec.msgpack.encode(batch), id_)

    async def trades(self, feed: str) -> AsyncIterator[Batch | None]:
        """Every batch of a feed once and in order, from the oldest that is kept; None when there is none for now."""
        decoder = msgspec.msgpack.Decoder(Batch)
        next_seq = 0
        while True:
            # A consumer of our own, without acknowledgements: what must not be lost is what we count.
            config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=30.0)
            if next_seq:
                config.deliver_policy, config.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, next_seq
            try:
                subject, stream = f"{self._name}.trades.{subject_of(feed)}.*", f"{self._name}-trades"
                pulled = await self._js.pull_subscribe(subject, stream=stream, config=config)
                heard = 0
                while True:
                    messages = await _or_none(pulled.fetch(_BATCH, timeout=0.5))
                    for message in messages:
                        heard += 1
                        if message.metadata.sequence.consumer != heard:
                            raise BusError("a batch was lost on the way")
                        next_seq = message.metadata.sequence.stream + 1
                        yield decoder.decode(message.data)
                    if not messages or messages[-1].metadata.num_pending == 0:
                        yield None
            except (*TROUBLE, BusError) as error:
                log.warning("trades interrupted", feed=feed, reason=str(error) or type(error).__name__)
                await asyncio.sleep(PAUSE_S)

    # Prices ----------------------------------------------------------------------------------------------------------

    async def tell_price(self, observed: Observed) -> None:
        """Until it is stored. The first price of a feed and time stands; another one later is not stored."""
        subject = f"{self._name}.prices.{subject_of(observed.feed)}"
        await self._tell(subject, msgspec.msgpack.encode(observed), f"{observed.feed} {observed.timestamp}")

    async def prices(self) -> AsyncIterator[Price]:
        """To the signer, whichever process that is: a durable consumer gives each price until it is done with."""
        decoder = msgspec.msgpack.Decoder(Observed)
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=_ACK_S, max_ack_pending=10_000)
        while True:
            try:
                subject, stream = f"{self._name}.prices.*", f"{self._name}-prices"
                pulled = await self._js.pull_subscribe(subject, durable=_SIGNER, stream=stream, config=config)
                while True:
                    for message in await _or_none(pulled.fetch(_BATCH, timeout=0.5)):
                        yield Price(decoder.decode(message.data), message)
            except TROUBLE as error:
                log.warning("prices interrupted", reason=str(error) or type(error).__name__)
                await asyncio.sleep(PAUSE_S)

    async def _tell(self, subject: str, body: bytes, id_: str) -> None:
        while True:
            try:
                await self._js.publish(subject, body, timeout=self._ask_s, headers={"Nats-Msg-Id": id_})
                return
            except TROUBLE as error:
                log.warning("not stored yet", subject=subject, reason=str(error) or type(error).__name__)
                await asyncio.sleep(PAUSE_S)

    # Source selection ------------------------------------------------------------------------------------------------

    async def keep_standing(self, feed: str, decisions: Sequence[Decision]) -> None:
        """For whoever takes the feed over. Not kept while the broker is away: then the journal alone knows."""
        try:
            await self._ask(self._standing.put(subject_of(feed), msgspec.msgpack.encode(decisions)))
        except BusError as error:
            log.warning("source selection not kept", feed=feed, reason=str(error))

    async def standing(self, feed: str) -> list[Decision]:
        """What was kept last; asked for until the broker answers."""
        while True:
            try:
                entry = await self._ask(self._standing.get(subject_of(feed)))
            except KeyNotFoundError:
                return []
            except BusError as error:
                log.warning("source selection unknown", feed=feed, reason=str(error))
                await asyncio.sleep(PAUSE_S)
            else:
                return msgspec.msgpack.decode(entry.value, type=list[Decision])

    # Claims ----------------------------------------------------------------------------------------------------------

    async def claim(self, chain_id: int, oracle: str, address: str, row: Row, token: int) -> Row:
        """The row of this round: this one, or the one that was claimed before. Raises BusError: then nobody signs."""
        round_ = f"{chain_id}.{oracle}.{address}.{row.epoch}.{row.timestamp}"
        key = hashlib.sha256(round_.encode()).hexdigest()
        with suppress(KeyWrongLastSequenceError):
            claim = msgspec.msgpack.encode(Claim(row.prices, token))
            await self._ask(self._claims.create(key, claim))
            return row
        try:
            entry = await self._ask(self._claims.get(key))
        except KeyNotFoundError as error:
            raise BusError(f"claim of round {row.timestamp}: {error}") from None
        return Row(row.epoch, row.timestamp, msgspec.msgpack.decode(entry.value, type=Claim).prices)


async def _or_none(fetch: Awaitable[list[Msg]]) -> list[Msg]:
    try:
        return await fetch
    except TimeoutError:
        return []


def _texts(levels: Sequence[Level]) -> _Levels:
    return [(str(price), str(size)) for price, size in levels]


def _numbers(levels: _Levels) -> tuple[Level, ...]:
    return tuple((int(price), int(size)) for price, size in levels)


def subject_of(name: str) -> str:
    """ "BTC/USD" is "BTC-USD" in subjects and keys."""
    return name.replace("/", "-")
