# SPDX-License-Identifier: AGPL-3.0-only
"""One reporter in several processes, over NATS JetStream: what they tell each other, and who may do what.

    trades.<feed>.<venue>   batches of trades, one stream, kept as long as an engine remembers; published with an id, so
                            that a repeated publication is stored once; read in order and without a gap from the start
    prices.<feed>           one price a feed and grid time; the first one published stands
    leases                  who works on what, and since which revision: its fencing token; gone when not renewed
    claims                  the row of each round, created once and never changed: whoever signs, signs that

Feed names stand in subjects with "-" for "/". Nothing is at stake when the broker lies dead: then nothing is signed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    KeyValueConfig,
    StorageType,
    StreamConfig,
)
from nats.js.errors import (
    BadRequestError,
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NoKeysError,
)

from plumbline.config import BusConfig
from plumbline.core.models import Row, Trade
from plumbline.errors import BusError
from plumbline.log import redacted

T = TypeVar("T")

_TROUBLE: Final = (NatsError, OSError)
"""All that the client raises while the broker is away."""
_ASK_S: Final = 2.0
_PAUSE_S: Final = 0.2
_BATCH: Final = 256
_DUPLICATES_S: Final = 120.0
_CLAIMS_S: Final = 7 * 86_400.0
"""Far longer than the oracle takes rounds: what is older is refused by age."""
_SIGNER: Final = "signer"
_ACK_S: Final = 2.0
"""A price that its signer did not deal with in this time is given to the next one."""

log = structlog.get_logger(__name__)


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Trades in the order they came; `now_ms`: the sender's clock. Numbers of any size travel as text."""

    now_ms: int
    trades: list[tuple[str, str, str, str, int]]

    @classmethod
    def of(cls, now_ms: int, trades: Sequence[Trade]) -> Self:
        return cls(now_ms, [(t.venue, t.symbol, str(t.price_wad), str(t.size_wad), t.at_ms) for t in trades])

    def unpack(self) -> list[Trade]:
        return [Trade(venue, symbol, int(price), int(size), at_ms) for venue, symbol, price, size, at_ms in self.trades]


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
        with suppress(*_TROUBLE):
            await self.message.ack()


class Bus:
    """`async with Bus(config, memory_s) as bus`; connected, or trying to be, until left."""

    def __init__(self, config: BusConfig, memory_s: float) -> None:
        """memory_s: how much of the past an engine that starts anew is told."""
        self._config, self._memory_s = config, memory_s
        self._name = config.stream
        self._nats = Client()
        self._js = self._nats.jetstream(timeout=_ASK_S)
        self._buckets: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        while True:
            try:
                await self._nats.connect(
                    self._config.url,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_PAUSE_S,  # type: ignore[arg-type]  # seconds, and it takes fractions
                    connect_timeout=_ASK_S,  # type: ignore[arg-type]
                    error_cb=self._trouble,
                )
                await self._prepare()
                return self
            except _TROUBLE as error:
                log.warning("bus not reachable", url=redacted(self._config.url), reason=type(error).__name__)
                with suppress(*_TROUBLE):
                    await self._nats.close()
                self._nats = Client()
                self._js = self._nats.jetstream(timeout=_ASK_S)
                await asyncio.sleep(1)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(*_TROUBLE):
            await self._nats.close()

    async def _trouble(self, error: Exception) -> None:
        log.warning("bus in trouble", reason=type(error).__name__)

    async def _prepare(self) -> None:
        """Streams and buckets, if nobody made them yet."""
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
        for name, ttl_s in (("leases", self._config.lease_s), ("claims", _CLAIMS_S)):
            try:
                self._buckets[name] = await self._js.key_value(f"{self._name}-{name}")
            except BucketNotFoundError:
                bucket = KeyValueConfig(bucket=f"{self._name}-{name}", ttl=ttl_s, storage=StorageType.FILE)
                self._buckets[name] = await self._js.create_key_value(bucket)

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
            except (*_TROUBLE, BusError) as error:
                log.warning("trades interrupted", feed=feed, reason=str(error) or type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

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
            except _TROUBLE as error:
                log.warning("prices interrupted", reason=str(error) or type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

    async def _tell(self, subject: str, body: bytes, id_: str) -> None:
        while True:
            try:
                await self._js.publish(subject, body, timeout=_ASK_S, headers={"Nats-Msg-Id": id_})
                return
            except _TROUBLE as error:
                log.warning("not stored yet", subject=subject, reason=str(error) or type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

    # Leases ----------------------------------------------------------------------------------------------------------

    async def take(self, key: str, holder: str) -> int | None:
        """Take a lease nobody holds; its revision is the fencing token. None: somebody holds it. Raises BusError."""
        try:
            return int(await self._ask(self._buckets["leases"].create(key, holder.encode())))
        except KeyWrongLastSequenceError:
            return None

    async def renew(self, key: str, holder: str, revision: int) -> int | None:
        """The lease's new revision; None: it is not ours any more. Raises BusError: nobody knows."""
        try:
            return int(await self._ask(self._buckets["leases"].update(key, holder.encode(), last=revision)))
        except KeyWrongLastSequenceError:
            return None

    async def give_up(self, key: str, revision: int) -> None:
        with suppress(*_TROUBLE, BusError):
            await self._ask(self._buckets["leases"].delete(key, last=revision))

    async def held(self) -> list[str]:
        """The keys of all leases. Raises BusError."""
        try:
            return list(await self._ask(self._buckets["leases"].keys()))
        except NoKeysError:
            return []

    # Claims ----------------------------------------------------------------------------------------------------------

    async def claim(self, chain_id: int, oracle: str, address: str, row: Row, token: int) -> Row:
        """The row of this round: this one, or the one that was claimed before. Raises BusError: then nobody signs."""
        round_ = f"{chain_id}.{oracle}.{address}.{row.epoch}.{row.timestamp}"
        key = hashlib.sha256(round_.encode()).hexdigest()
        with suppress(KeyWrongLastSequenceError):
            claim = msgspec.msgpack.encode(Claim(row.prices, token))
            await self._ask(self._buckets["claims"].create(key, claim))
            return row
        try:
            entry = await self._ask(self._buckets["claims"].get(key))
        except KeyNotFoundError as error:
            raise BusError(f"claim of round {row.timestamp}: {error}") from None
        return Row(row.epoch, row.timestamp, msgspec.msgpack.decode(entry.value, type=Claim).prices)

    async def _ask(self, question: Awaitable[T]) -> T:
        """Raises what the broker says no with; BusError when it says nothing."""
        try:
            async with asyncio.timeout(_ASK_S):
                return await question
        except (KeyWrongLastSequenceError, KeyNotFoundError, NoKeysError):
            raise
        except (*_TROUBLE, TimeoutError) as error:
            raise BusError(f"bus: {str(error) or type(error).__name__}") from None


async def _or_none(fetch: Awaitable[list[Msg]]) -> list[Msg]:
    try:
        return await fetch
    except TimeoutError:
        return []


def subject_of(name: str) -> str:
    """ "BTC/USD" is "BTC-USD" in subjects and keys."""
    return name.replace("/", "-")
