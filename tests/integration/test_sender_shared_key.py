# SPDX-License-Identifier: AGPL-3.0-only
"""A key that another process may use as well: what the nonce settles, and what a guard holds back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from tests.helpers.anvil import Anvil, rpc

from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.chain.tx import Guard, Sender
from plumbline.config import TxConfig
from plumbline.errors import ChainError

pytestmark = pytest.mark.anvil
KEY = LocalKey(bytes([9] * 32))
STRANGER = "0x000000000000000000000000000000000000dEaD"
CONFIG = TxConfig(priority_fee_gwei=1, replace_after_blocks=50, deadline_blocks=60)


@dataclass
class Doorman:
    """Lets the first `lets` transactions out."""

    lets: int
    asked: list[tuple[int, str]] = field(default_factory=list)

    async def permit(self, nonce: int, tx_hash: str) -> None:
        self.asked.append((nonce, tx_hash))
        if len(self.asked) > self.lets:
            raise ChainError("not now", "not now")


def with_two(chain: Anvil, test: Callable[..., Awaitable[None]], guard: Guard | None = None) -> None:
    """Two processes' senders of one key; the first one has the guard."""

    async def main() -> None:
        async with Rpc([chain.url], timeout_s=5) as one, Rpc([chain.url], timeout_s=5) as other:
            async with asyncio.timeout(30):
                await test(Sender(one, KEY, CONFIG, poll_s=0.01, guard=guard), Sender(other, KEY, CONFIG, poll_s=0.01))

    asyncio.run(main())


async def mined(chain: Anvil, sending: asyncio.Task[object], blocks: int = 100) -> int:
    """How many blocks it took."""
    for count in range(blocks):
        await asyncio.sleep(0.05)
        if sending.done():
            return count
        await asyncio.to_thread(rpc, chain.url, "evm_mine")
    raise AssertionError("still sending")


def count(chain: Anvil, block: str = "latest") -> int:
    return int(rpc(chain.url, "eth_getTransactionCount", KEY.address, block), 16)


def test_pin__another_process_sent_since__the_chain_takes_nothing_more(still: Anvil):
    async def test(old: Sender, new: Sender) -> None:
        await old.pin()
        await mined(still, sending := asyncio.create_task(new.send(STRANGER, "0x", gas=21_000)))
        assert sending.result()["status"] == 1
        with pytest.raises(ChainError, match="nonce"):
            await old.send(STRANGER, "0x", gas=21_000)
        assert (count(still), count(still, "pending")) == (1, 1)
        # Having looked again it may go on.
        await old.pin()
        await mined(still, sending := asyncio.create_task(old.send(STRANGER, "0x", gas=21_000)))
        assert sending.result()["status"] == 1

    with_two(still, test)


def test_pin__several_in_one_turn__carry_one_nonce_after_the_other(still: Anvil):
    async def test(one: Sender, _: Sender) -> None:
        await one.pin()
        for nonce in range(3):
            await mined(still, asyncio.create_task(one.send(STRANGER, "0x", gas=21_000)))
            assert count(still) == nonce + 1

    with_two(still, test)


def test_send__both_at_once__one_is_mined_and_the_other_hears_of_it_within_two_blocks(still: Anvil):
    """The second outbids the first in the pool; whichever is mined, the other one's nonce is gone."""

    async def test(one: Sender, other: Sender) -> None:
        await one.pin()
        await other.pin()
        first = asyncio.create_task(one.send(STRANGER, "0x", gas=21_000))
        await asyncio.sleep(0.3)
        second = asyncio.create_task(other.send(STRANGER, "0x", gas=21_000, tip_wei=10**9))
        await asyncio.sleep(0.3)
        blocks = await mined(still, asyncio.create_task(asyncio.wait((first, second))))
        assert blocks <= 3
        assert count(still) == 1
        failed = [each for each in (first, second) if each.exception() is not None]
        assert len(failed) == 1
        assert "went to another transaction" in str(failed[0].exception())

    with_two(still, test)


def test_guard__refuses__nothing_leaves_and_nothing_is_used_up(still: Anvil):
    doorman = Doorman(lets=1)

    async def test(guarded: Sender, _: Sender) -> None:
        await guarded.pin()
        await mined(still, sending := asyncio.create_task(guarded.send(STRANGER, "0x", gas=21_000)))
        assert doorman.asked == [(0, sending.result()["transactionHash"].to_0x_hex())]
        with pytest.raises(ChainError, match="not now"):
            await guarded.send(STRANGER, "0x", gas=21_000)
        assert (count(still), count(still, "pending")) == (1, 1)

    with_two(still, test, doorman)
