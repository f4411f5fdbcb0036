# SPDX-License-Identifier: AGPL-3.0-only
"""The bus against the real nats-server: nothing lost, nothing doubled, one holder, one claim."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.helpers.nats import Nats
from tests.offchain.fakes import ORACLE, START_S

from plumbline.config import BusConfig
from plumbline.core.models import Row, Trade
from plumbline.core.units import WAD
from plumbline.errors import BusError
from plumbline.reporter.shares import Shares
from plumbline.transport.broker import Lease
from plumbline.transport.bus import Batch, Bus, Observed

FEED = "BTC/USD"
LEASE_S = 0.6


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Nats]:
    with Nats(tmp_path / "jetstream") as running:
        yield running


def with_buses(server: Nats, test: Callable[..., Awaitable[None]], count: int = 1) -> None:
    """`count` processes' connections."""

    async def main() -> None:
        config = BusConfig(url=server.url, lease_s=LEASE_S)
        buses = [Bus(config, memory_s=600) for _ in range(count)]
        for bus in buses:
            await bus.__aenter__()
        try:
            async with asyncio.timeout(60):
                await test(*buses)
        finally:
            for bus in buses:
                await bus.__aexit__(None, None, None)

    asyncio.run(main())


def batch(number: int) -> Batch:
    return Batch.of(number, [Trade("kraken", "BTC/USD", 20_000 * WAD + number, WAD, number)])


async def heard(bus: Bus, count: int) -> list[int]:
    """The first `count` batches, by their numbers."""
    found: list[int] = []
    async with aclosing(bus.trades(FEED)) as batches:
        async for each in batches:
            if each is not None:
                found.append(each.now_ms)
                assert each.unpack() == batch(each.now_ms).unpack()
            if len(found) >= count:
                return found
    raise AssertionError("the stream ended")


def test_trades__told_twice_and_of_several_feeds__are_heard_once_and_in_order(server: Nats):
    async def test(bus: Bus) -> None:
        for number in range(300):
            await bus.tell_trades(FEED, "kraken", batch(number), f"1 kraken {number}")
            if number % 3 == 0:
                await bus.tell_trades(FEED, "kraken", batch(number), f"1 kraken {number}")
                await bus.tell_trades("ETH/USD", "kraken", batch(10**6), f"eth {number}")
        assert await heard(bus, 300) == list(range(300))

    with_buses(server, test)


def test_trades__broker_killed_in_the_middle__nothing_is_lost_and_nothing_comes_twice(server: Nats):
    async def test(bus: Bus, reader: Bus) -> None:
        async def tell() -> None:
            for number in range(200):
                await bus.tell_trades(FEED, "kraken", batch(number), f"1 kraken {number}")

        telling, hearing = asyncio.create_task(tell()), asyncio.create_task(heard(reader, 200))
        for _ in range(2):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.start)
        await telling
        assert await hearing == list(range(200))

    with_buses(server, test, 2)


def test_prices__two_workers_tell_one_time__the_first_one_stands(server: Nats):
    async def test(one: Bus, other: Bus) -> None:
        for timestamp in range(START_S, START_S + 20):
            await one.tell_price(Observed(FEED, timestamp, "1"))
            await other.tell_price(Observed(FEED, timestamp, "2"))
        found = []
        async with aclosing(one.prices()) as prices:
            async for price in prices:
                found.append(price.observed)
                await price.done()
                if len(found) == 20:
                    break
        assert found == [Observed(FEED, START_S + n, "1") for n in range(20)]

    with_buses(server, test, 2)


def test_prices__signer_dies_before_it_is_done__the_next_one_gets_them(server: Nats):
    async def test(one: Bus, other: Bus) -> None:
        for timestamp in range(3):
            await one.tell_price(Observed(FEED, timestamp, "1"))
        async with aclosing(one.prices()) as prices:
            first = await anext(prices)
            await first.done()
            second = await anext(prices)
            assert second.observed.timestamp == 1
        found = []
        async with aclosing(other.prices()) as prices:
            async for price in prices:
                found.append(price.observed.timestamp)
                await price.done()
                if len(found) == 2:
                    break
        assert sorted(found) == [1, 2]

    with_buses(server, test, 2)


def test_claim__many_at_once_with_different_rows__all_get_the_same_one(server: Nats):
    async def test(*buses: Bus) -> None:
        for n in range(20):
            rows = [Row(1, START_S + n, (100 + i, 7)) for i, _ in enumerate(buses)]
            agreed = await asyncio.gather(
                *(
                    bus.claim(31337, ORACLE, ORACLE, row, i)
                    for i, (bus, row) in enumerate(zip(buses, rows, strict=True))
                )
            )
            assert len(set(agreed)) == 1
            assert agreed[0] in rows
        # Another epoch is another round.
        other = Row(2, START_S, (9, 9))
        assert await buses[0].claim(31337, ORACLE, ORACLE, other, 9) == other

    with_buses(server, test, 4)


def test_claim__broker_is_dead__nobody_knows_and_nobody_signs(server: Nats):
    async def test(bus: Bus) -> None:
        await asyncio.to_thread(server.kill)
        with pytest.raises(BusError):
            await bus.claim(31337, ORACLE, ORACLE, Row(1, START_S, (1,)), 1)
        await asyncio.to_thread(server.start)

    with_buses(server, test)


def test_shares__three_processes_and_one_falls_silent__its_work_moves_and_no_two_do_the_same(server: Nats):
    names = [f"COIN{n}/USD" for n in range(9)]
    working: dict[str, dict[str, Lease]] = {name: {} for name in names}
    clashes = []

    def work(holder: str) -> Callable[[str, Lease], Awaitable[None]]:
        async def run(name: str, lease: Lease) -> None:
            working[name][holder] = lease
            try:
                while True:
                    # Whose lease is over and who was not stopped yet, because nobody here had a turn, knows it.
                    if sum(each.valid for each in working[name].values()) > 1:
                        clashes.append((name, sorted(working[name])))
                    await asyncio.sleep(0.01)
            finally:
                del working[name][holder]

        return run

    async def until(condition: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def test(*buses: Bus) -> None:
        shares = [Shares(bus, "feed", names, f"p{i}", work(f"p{i}")) for i, bus in enumerate(buses)]
        tasks = [asyncio.create_task(each.run()) for each in shares]
        await until(lambda: sorted(len(each.held) for each in shares) == [3, 3, 3], 30)
        # As a kill would: its connection is gone, nothing is given up.
        await buses[0]._nats.close()
        await until(lambda: sorted(len(each.held) for each in shares[1:]) == [4, 5], 30)
        await until(lambda: not shares[0].held, 30)
        assert clashes == []
        assert all(len(holders) == 1 for holders in working.values())
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    with_buses(server, test, 3)
