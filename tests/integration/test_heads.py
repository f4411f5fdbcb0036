# SPDX-License-Identifier: AGPL-3.0-only
"""New blocks over a real subscription, through loss of the chain, and by looking where there is none."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.helpers.anvil import Anvil, rpc

from plumbline.chain.heads import Heads

pytestmark = pytest.mark.anvil

LONG_S = 20.0
"""Nobody looks for its own sake within a test."""


async def subscribed(heads: Heads) -> None:
    async with asyncio.timeout(10):
        # The subscription itself wakes, too.
        while not heads.subscribed:
            await heads.wait()


def ws(url: str) -> str:
    return url.replace("http://", "ws://")


def test_wait__new_block__wakes_at_once():
    async def main(url: str) -> None:
        async with Heads(ws(url), LONG_S) as heads:
            await subscribed(heads)
            for expected in (1, 2, 3):
                await asyncio.to_thread(rpc, url, "evm_mine")
                async with asyncio.timeout(5):
                    await heads.wait()
                assert heads.seen == expected

    with Anvil() as anvil:
        asyncio.run(main(anvil.url))


def test_wait__chain_goes_away_and_comes_back__looks_meanwhile_and_subscribes_again():
    async def main(anvil: Anvil) -> None:
        async with Heads(ws(anvil.url), 0.05) as heads:
            await subscribed(heads)
            anvil.stop()
            async with asyncio.timeout(10):
                while heads.subscribed:
                    await heads.wait()
                # Without a subscription it still wakes, by the clock.
                await heads.wait()
                await heads.wait()
            anvil.start()
            await subscribed(heads)

    with Anvil() as anvil:
        asyncio.run(main(anvil))


def test_wait__no_subscriptions_to_be_had__wakes_by_the_clock():
    async def main() -> None:
        async with Heads(None, 0.02) as heads:
            began = time.monotonic()
            for _ in range(3):
                await heads.wait()
            assert 0.05 < time.monotonic() - began < 5

    asyncio.run(main())


def test_follow__endpoint_that_is_none__is_tried_again_and_hurts_nobody():
    async def main() -> None:
        async with Heads("ws://127.0.0.1:9", 0.02) as heads:
            for _ in range(5):
                await heads.wait()
            assert not heads.subscribed

    asyncio.run(main())
