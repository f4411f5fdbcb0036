# SPDX-License-Identifier: AGPL-3.0-only
"""Drives the chain's clock from the market's: one block each `interval_s` of market time, stamped with that time.

So a replayed day keeps its own timestamps on chain and can pass in minutes.
"""

from __future__ import annotations

import httpx

from plumbline.errors import ChainError, ChainUnreachable
from plumbline.ports import Clock


class BlockClock:
    """Mines on an Anvil that runs with `--no-mining`. `blocks` counts what was mined."""

    def __init__(self, rpc_url: str, clock: Clock, interval_s: int) -> None:
        self._rpc_url = rpc_url
        self._clock = clock
        self._interval_s = interval_s
        self.blocks = 0

    async def run(self) -> None:
        """Until cancelled. Raises ChainError when the chain refuses or is gone."""
        async with httpx.AsyncClient(timeout=10) as http:
            stamp = self._due() * self._interval_s
            while True:
                # A late block is skipped, never doubled: the chain's time must grow and be the market's.
                stamp = max(stamp + self._interval_s, self._due() * self._interval_s)
                await self._clock.sleep_until_ms(stamp * 1000)
                await self._mine(http, stamp)
                self.blocks += 1

    def _due(self) -> int:
        return self._clock.now_ms() // 1000 // self._interval_s

    async def _mine(self, http: httpx.AsyncClient, timestamp: int) -> None:
        body = {"jsonrpc": "2.0", "id": self.blocks, "method": "evm_mine", "params": [{"timestamp": timestamp}]}
        try:
            answer = (await http.post(self._rpc_url, json=body)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise ChainUnreachable(f"block clock: {self._rpc_url}: {error}") from error
        if "error" in answer:
            raise ChainError(f"block clock: no block for {timestamp}: {answer['error'].get('message')}")
