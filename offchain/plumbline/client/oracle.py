# SPDX-License-Identifier: Apache-2.0
"""An oracle, read by name.

    oracle = Oracle("http://127.0.0.1:8545", "0x...")       # or a Web3, or Ape's provider
    price = oracle.price("BTC/USD", max_age_s=120)
    price.value, price.unit, price.age_s, price.round_id     # Fraction(...), "USD per BTC", 3, 42

`AsyncOracle` is the same with `await`. Every answer comes from one block.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from plumbline.client.codec import abi, address
from plumbline.client.contract import POLL_S, AsyncContract, Contract, SyncContract
from plumbline.client.errors import BadAnswer, Reverted, UnknownFeed
from plumbline.client.events import Event, Reorganised
from plumbline.client.plans import Block, Call, Plan, head, read_all, read_chain_id, try_read
from plumbline.client.transport import TIMEOUT_S, AsyncRunner, Runner
from plumbline.client.values import Average, Feed, Notice, Price

_LANE_BITS: Final = 64
_LANES: Final = 4


@dataclass(frozen=True, slots=True)
class OracleState:
    """How the oracle stands."""

    address: str
    chain_id: int
    block: int
    read_at: int
    """{s} the block's time."""
    epoch: int
    period_s: int
    round_id: int
    """Of the last round; 0 before the first."""
    timestamp: int
    """{s} of the last round."""
    paused: bool
    owner: str
    guardian: str
    reporters: tuple[str, ...]
    feeds: tuple[Feed, ...]

    @property
    def age_s(self) -> int:
        return max(0, self.read_at - self.timestamp)


@dataclass(frozen=True, slots=True)
class Round:
    """A round as it was submitted. A feed that is missing in `amounts` kept its last answer."""

    round_id: int
    timestamp: int
    relayer: str
    amounts: dict[str, int]
    """Feed -> median in the feed's decimals; one that tripped is in it and was not served."""
    block: int
    tx_hash: str


class OraclePlans(Contract):
    """What is asked, for both kinds of oracle."""

    def __init__(self, where: str, notices: str | None) -> None:
        super().__init__(where, abi("MedianOracle"))
        self._notices_at = None if notices is None else address(notices)
        self._index: dict[str, int] = {}

    def _feed_index(self, name: str) -> Plan[int]:
        # An index never changes its name, in no later epoch.
        if name not in self._index:
            try:
                self._index[name] = yield from self._read("feed_index", name)
            except UnknownFeed as error:
                raise UnknownFeed(f"{error.reason}: {name!r}") from None
        return self._index[name]

    def _feed(self, name: str) -> Plan[Feed]:
        index = yield from self._feed_index(name)
        return _feed(index, (yield from self._read("feed", index)))

    def _feeds(self, at: str = "latest") -> Plan[tuple[Feed, ...]]:
        count = yield from self._read("feed_count", at=at)
        raw = yield from read_all([self._call("feed", index) for index in range(count)], at)
        return tuple(_feed(index, each) for index, each in enumerate(raw))

    def _price(self, name: str, max_age_s: int | None) -> Plan[Price]:
        """Served by the contract's own rules, then dated: both of one block."""
        feed = yield from self._feed(name)
        block = yield from head()
        wanted = ("fresh_price", feed.index) if max_age_s is None else ("price", feed.index, max_age_s)
        served, (round_id, amount, timestamp) = yield from read_all(
            [self._call(*wanted), self._call("latest", feed.index)], block.tag
        )
        if served != amount:
            raise BadAnswer(f"{name}: one block with two answers, {served} and {amount}")
        price = Price(feed, amount, round_id, timestamp, block.timestamp)
        return (yield from self._noticed({name: price}, block.tag))[name]

    def _prices(self, names: Sequence[str], max_age_s: int) -> Plan[dict[str, Price]]:
        """All or nothing, in one call of the contract."""
        feeds = []
        for name in names:
            feeds.append((yield from self._feed(name)))
        block = yield from head()
        indices = [feed.index for feed in feeds]
        served, *dated = yield from read_all(
            [self._call("prices", indices, max_age_s), *(self._call("latest", index) for index in indices)], block.tag
        )
        found = {}
        for feed, amount, (round_id, last, timestamp) in zip(feeds, served, dated, strict=True):
            if amount != last:
                raise BadAnswer(f"{feed.name}: one block with two answers, {amount} and {last}")
            found[feed.name] = Price(feed, amount, round_id, timestamp, block.timestamp)
        return (yield from self._noticed(found, block.tag))

    def _noticed(self, prices: Mapping[str, Price], at: str) -> Plan[dict[str, Price]]:
        """With what was said of each feed's end, where this oracle was made with `notices`."""
        if self._notices_at is None:
            return dict(prices)
        told = yield from self._told([price.feed for price in prices.values()], at)
        return {name: replace(price, notice=told.get(price.feed.name)) for name, price in prices.items()}

    def _told(self, feeds: Sequence[Feed], at: str) -> Plan[dict[str, Notice]]:
        if self._notices_at is None:
            raise ValueError("notices: expected the address of a FeedNotices when this oracle was made")
        function = abi("FeedNotices")["notice"]
        calls = [Call(self._notices_at, function, (self.address, feed.index)) for feed in feeds]
        answers = yield from read_all(calls, at)
        return {feed.name: _notice(raw) for feed, raw in zip(feeds, answers, strict=True) if raw[0]}

    def _all_notices(self) -> Plan[dict[str, Notice]]:
        block = yield from head()
        return (yield from self._told((yield from self._feeds(block.tag)), block.tag))

    def _twap(self, name: str, window_s: int, end: int | None) -> Plan[Average]:
        feed = yield from self._feed(name)
        block = yield from head()
        until = block.timestamp if end is None else end
        if not 0 < window_s <= until:
            raise ValueError(f"window_s: expected 1 to {until}, got {window_s}")
        amount = yield from self._read("twap", feed.index, until - window_s, until, at=block.tag)
        return Average(feed, amount, until - window_s, until)

    def _latest(self, name: str) -> Plan[Price]:
        feed = yield from self._feed(name)
        block = yield from head()
        price = _price(feed, (yield from self._read("latest", feed.index, at=block.tag)), block)
        return (yield from self._noticed({name: price}, block.tag))[name]

    def _price_at(self, name: str, timestamp: int) -> Plan[Price]:
        feed = yield from self._feed(name)
        block = yield from head()
        return _price(feed, (yield from self._read("round_at", feed.index, timestamp, at=block.tag)), block)

    def _price_in_round(self, name: str, round_id: int) -> Plan[Price]:
        feed = yield from self._feed(name)
        block = yield from head()
        amount, timestamp = yield from self._read("round_data", feed.index, round_id, at=block.tag)
        return Price(feed, amount, round_id, timestamp, block.timestamp)

    def _state(self) -> Plan[OracleState]:
        block = yield from head()
        names = ("epoch", "period", "latest_round", "paused", "owner", "guardian", "reporters")
        values = yield from read_all([self._call(name) for name in names], block.tag)
        epoch, period_s, (round_id, timestamp), paused, owner, guardian, reporters = values
        feeds = yield from self._feeds(block.tag)
        chain_id = yield from read_chain_id()
        return OracleState(
            address=self.address,
            chain_id=chain_id,
            block=block.number,
            read_at=block.timestamp,
            epoch=epoch,
            period_s=period_s,
            round_id=round_id,
            timestamp=timestamp,
            paused=paused,
            owner=owner,
            guardian=guardian,
            reporters=tuple(reporters),
            feeds=feeds,
        )

    def _all_latest(self) -> Plan[dict[str, Price | Reverted]]:
        """Every feed's last answer, or why it has none, as of one block."""
        block = yield from head()
        found: dict[str, Price | Reverted] = {}
        for feed in (yield from self._feeds(block.tag)):
            try:
                found[feed.name] = _price(feed, (yield from self._read("latest", feed.index, at=block.tag)), block)
            except Reverted as error:
                found[feed.name] = error
        return found

    def _round(self, event: Event) -> Plan[Round]:
        """By the names of now: they never change, so also of then."""
        lanes = [
            word >> (_LANE_BITS * lane) & (1 << _LANE_BITS) - 1 for word in event["medians"] for lane in range(_LANES)
        ]
        amounts = {}
        for index, amount in enumerate(lanes):
            if amount:
                name = yield from self._name(index)
                amounts[name] = amount
        return Round(event["round_id"], event["timestamp"], event["relayer"], amounts, event.block, event.tx_hash)

    def _name(self, index: int) -> Plan[str]:
        known = next((name for name, place in self._index.items() if place == index), None)
        if known is None:
            raw = yield from try_read(self.address, self._abi["feed"], index)
            known = _feed(index, raw).name if raw else f"feed {index}"
            self._index[known] = index
        return known


class Oracle(SyncContract, OraclePlans):
    """A MedianOracle, synchronously. `with Oracle(url, address) as oracle:` closes its connection."""

    def __init__(
        self, provider: object, address: str, *, notices: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        """provider: a URL, a Web3, a web3 provider, or Ape's `networks.active_provider`.
        notices: the FeedNotices of this chain; then prices carry what was said of their feed's end.

        Raises ValueError for what is no address or URL, TypeError for what is no provider.
        """
        super().__init__(address, notices)
        self._runner = Runner(provider, timeout_s)

    def feed(self, name: str) -> Feed:
        """The feed as the chain has it now. Raises UnknownFeed."""
        return self._runner.run(self._feed(name))

    def feeds(self) -> dict[str, Feed]:
        """By name, in the chain's order."""
        return {feed.name: feed for feed in self._runner.run(self._feeds())}

    def price(self, name: str, max_age_s: int | None = None) -> Price:
        """At most `max_age_s` old; None: the feed's heartbeat and the lateness a round may have.

        Raises NoPrice (StalePrice, FeedTripped, OraclePaused, NoAnswerYet, SequencerDown), UnknownFeed.
        """
        return self._runner.run(self._price(name, max_age_s))

    def prices(self, names: Sequence[str], max_age_s: int) -> dict[str, Price]:
        """Several of one moment: all or nothing, as the contract has it. Raises as `price`."""
        return self._runner.run(self._prices(names, max_age_s))

    def latest(self, name: str) -> Price:
        """However old: to show, not to lend against. Raises NoPrice where nothing is served."""
        return self._runner.run(self._latest(name))

    def all_latest(self) -> dict[str, Price | Reverted]:
        """Every feed's last answer, or why there is none."""
        return self._runner.run(self._all_latest())

    def price_at(self, name: str, timestamp: int) -> Price:
        """The last answer at or before a time {s} that a round has passed: final. Raises NoHistory."""
        return self._runner.run(self._price_at(name, timestamp))

    def price_in_round(self, name: str, round_id: int) -> Price:
        """Raises NoHistory when the ring has no such round, or the feed no answer in it."""
        return self._runner.run(self._price_in_round(name, round_id))

    def twap(self, name: str, window_s: int, *, end: int | None = None) -> Average:
        """The average of what was served over `window_s` seconds up to `end` {s} (None: now), rounded down.

        Raises NoHistory (KeepsNoTwap, GapInWindow, TimeNotReached, RoundNotInHistory), NoPrice, UnknownFeed.
        """
        return self._runner.run(self._twap(name, window_s, end))

    def notices(self) -> dict[str, Notice]:
        """The feeds of which an end was announced. Raises ValueError where this oracle was made without `notices`."""
        return self._runner.run(self._all_notices())

    def state(self) -> OracleState:
        return self._runner.run(self._state())

    def rounds(
        self, *, since_block: int | None = None, follow: bool = True, confirmations: int = 0, poll_s: float = POLL_S
    ) -> Iterator[Round | Reorganised]:
        """Rounds with their medians by feed."""
        events = self.events(
            "RoundSubmitted", since_block=since_block, follow=follow, confirmations=confirmations, poll_s=poll_s
        )
        for event in events:
            yield event if isinstance(event, Reorganised) else self._runner.run(self._round(event))


class AsyncOracle(AsyncContract, OraclePlans):
    """`Oracle` with `await`; its provider is a URL, an AsyncWeb3 or an async web3 provider."""

    def __init__(
        self, provider: object, address: str, *, notices: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        super().__init__(address, notices)
        self._runner = AsyncRunner(provider, timeout_s)

    async def feed(self, name: str) -> Feed:
        return await self._runner.run(self._feed(name))

    async def feeds(self) -> dict[str, Feed]:
        return {feed.name: feed for feed in await self._runner.run(self._feeds())}

    async def price(self, name: str, max_age_s: int | None = None) -> Price:
        return await self._runner.run(self._price(name, max_age_s))

    async def prices(self, names: Sequence[str], max_age_s: int) -> dict[str, Price]:
        return await self._runner.run(self._prices(names, max_age_s))

    async def latest(self, name: str) -> Price:
        return await self._runner.run(self._latest(name))

    async def all_latest(self) -> dict[str, Price | Reverted]:
        return await self._runner.run(self._all_latest())

    async def price_at(self, name: str, timestamp: int) -> Price:
        return await self._runner.run(self._price_at(name, timestamp))

    async def price_in_round(self, name: str, round_id: int) -> Price:
        return await self._runner.run(self._price_in_round(name, round_id))

    async def twap(self, name: str, window_s: int, *, end: int | None = None) -> Average:
        return await self._runner.run(self._twap(name, window_s, end))

    async def notices(self) -> dict[str, Notice]:
        return await self._runner.run(self._all_notices())

    async def state(self) -> OracleState:
        return await self._runner.run(self._state())

    async def rounds(
        self, *, since_block: int | None = None, follow: bool = True, confirmations: int = 0, poll_s: float = POLL_S
    ) -> AsyncIterator[Round | Reorganised]:
        events = self.events(
            "RoundSubmitted", since_block=since_block, follow=follow, confirmations=confirmations, poll_s=poll_s
        )
        async for event in events:
            yield event if isinstance(event, Reorganised) else await self._runner.run(self._round(event))


def _feed(index: int, raw: Any) -> Feed:
    """Structs come as tuples in the order of IMedianOracle.Feed."""
    name, decimals, quorum, heartbeat_s, deviation_bps, *_ = raw
    return Feed(index, name, decimals, quorum, heartbeat_s, deviation_bps)


def _notice(raw: tuple[int, int, str, int, str]) -> Notice:
    announced_at, ends_at, successor, feed, reason = raw
    found = None if int(successor, 16) == 0 else address(successor)
    return Notice(announced_at, ends_at, reason, found, None if found is None else feed)


def _price(feed: Feed, answer: tuple[int, int, int], block: Block) -> Price:
    round_id, amount, timestamp = answer
    return Price(feed, amount, round_id, timestamp, block.timestamp)
