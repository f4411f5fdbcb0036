# SPDX-License-Identifier: AGPL-3.0-only
"""Replicas of one keeper against the real nats-server: one acts, the next takes over, and who was replaced is mute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from nats.js.errors import KeyNotFoundError
from tests.helpers.nats import Nats

from plumbline.keeper.replica import Fenced, Replica
from plumbline.transport.replicas import ReplicaBroker, Sent

KEY = "0x00000000000000000000000000000000000000A1"
LEASE_S = 0.6
FOREVER_S = 1e12


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Nats]:
    with Nats(tmp_path / "jetstream") as running:
        yield running


def with_replicas(server: Nats, test: Callable[..., Awaitable[None]], count: int = 2, lease_s: float = LEASE_S) -> None:
    async def main() -> None:
        brokers = [ReplicaBroker(server.url, "plumbline-keeper", lease_s) for _ in range(count)]
        for broker in brokers:
            await broker.__aenter__()
        replicas = [Replica(broker, KEY, f"r{i}", lambda: None) for i, broker in enumerate(brokers)]
        try:
            async with asyncio.timeout(30):
                await test(*replicas)
        finally:
            for broker in brokers:
                await broker.__aexit__(None, None, None)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def test_replicas__the_acting_one_falls_silent__the_other_acts_after_it_and_never_beside_it(server: Nats):
    async def test(first: Replica, second: Replica) -> None:
        tasks = [asyncio.create_task(first.run())]
        await until(lambda: first.acting)
        tasks.append(asyncio.create_task(second.run()))
        await first.permit(7, "0xaa")
        # As a kill would: its connection is gone, nothing is given up.
        await first._broker._nats.close()
        began, both = time.monotonic(), []
        while not second.acting:
            both.append(first.acting and second.acting)
            await asyncio.sleep(0.005)
        assert time.monotonic() - began < 5
        assert not any(both)
        assert not first.acting
        assert second.last == Sent("r1", 7, ("0xaa",))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    with_replicas(server, test)


def test_replica__stops__the_other_need_not_wait_for_the_lease(server: Nats):
    async def test(first: Replica, second: Replica) -> None:
        task = asyncio.create_task(first.run())
        await until(lambda: first.acting)
        task.cancel()
        await asyncio.wait([task])
        assert not first.acting
        await second._look()
        assert second.acting

    with_replicas(server, test, lease_s=4)


def test_permit__clock_stood_still_while_another_took_over__is_fenced_by_the_record(server: Nats):
    """Its lease seems good to it for ever: what it cannot write it does not send."""

    async def test(old: Replica, new: Replica) -> None:
        await old._look()
        await old.permit(3, "0xaa")
        assert old._lease is not None
        old._lease.until_s = time.monotonic() + FOREVER_S
        await asyncio.sleep(LEASE_S * 1.5)
        await new._look()
        assert old.acting
        assert new.acting
        with pytest.raises(Fenced, match="another replica took over"):
            await old.permit(3, "0xbb")
        assert not old.acting
        await new.permit(3, "0xcc")
        # Both transactions of the nonce are known to who comes next.
        assert new.last == Sent("r1", 3, ("0xaa", "0xcc"))

    with_replicas(server, test)


def test_permit__lease_too_old_to_trust__is_fenced_without_asking(server: Nats):
    async def test(replica: Replica) -> None:
        await replica._look()
        await asyncio.sleep(LEASE_S)
        with pytest.raises(Fenced, match="another replica may act"):
            await replica.permit(0, "0xaa")

    with_replicas(server, test, 1)


def test_permit__never_asked_for_a_lease__is_fenced(server: Nats):
    async def test(replica: Replica) -> None:
        with pytest.raises(Fenced):
            await replica.permit(0, "0xaa")

    with_replicas(server, test, 1)


def test_replica__paused_between_its_lease_and_the_record__does_not_push_out_who_acts_now(server: Nats):
    async def test(late: Replica, acting: Replica) -> None:
        lease = await late._broker.take(late._key, "r0")
        assert lease is not None
        await asyncio.sleep(LEASE_S * 1.5)
        await acting._look()
        await late._fence(lease)
        assert not late.acting
        await acting.permit(0, "0xaa")

    with_replicas(server, test)


def test_replica__broker_dies_and_returns__nobody_acts_without_it_and_one_does_after(server: Nats):
    async def test(first: Replica, second: Replica) -> None:
        tasks = [asyncio.create_task(each.run()) for each in (first, second)]
        await until(lambda: first.acting or second.acting)
        await asyncio.to_thread(server.kill)
        await until(lambda: not first.acting and not second.acting)
        await until(lambda: first.trouble != "" and second.trouble != "")
        with pytest.raises(Fenced):
            await first.permit(0, "0xaa")
        await asyncio.to_thread(server.start)
        await until(lambda: first.acting != second.acting)
        await until(lambda: first.trouble == second.trouble == "")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    with_replicas(server, test)


def test_broker__bucket_made_with_shorter_leases__trusts_them_no_longer_than_that(server: Nats):
    async def main() -> None:
        async with ReplicaBroker(server.url, "plumbline-keeper", 0.6) as first:
            assert first.lease_s == 0.6
        async with ReplicaBroker(server.url, "plumbline-keeper", 4.0) as second:
            assert second.lease_s == 0.6
            lease = await second.take("keeper.x", "r0")
            assert lease is not None
            assert lease.until_s - time.monotonic() < 0.6

    asyncio.run(main())


def test_take__lease_runs_out_while_the_client_looks_who_holds_it__is_not_taken_and_no_error(server: Nats):
    class RunningOut:
        async def create(self, key: str, value: bytes) -> int:
            raise KeyNotFoundError

    async def test(replica: Replica) -> None:
        replica._broker._leases = RunningOut()
        assert await replica._broker.take("keeper.x", "r0") is None

    with_replicas(server, test, 1)
