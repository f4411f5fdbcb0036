# SPDX-License-Identifier: AGPL-3.0-only
"""A look is one moment: while it asks, the chain goes on, and nothing of the later blocks may come in."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx

from plumbline.supervisor.watch import Watch

NAMES = ("oracle", "vault", "arbitrageur", "token USDC")
CONTRACTS = {name: f"0x{index:040x}" for index, name in enumerate(NAMES, 1)}
Q96 = 1 << 96


class MovingChain:
    """Each question takes a block. In every block the keeper makes one trade that earns 5 and costs 7 of its gas."""

    def __init__(self) -> None:
        self.head = 100
        self.w3 = SimpleNamespace(eth=self)

    async def ask(self, question: Any) -> Any:
        answer = await question
        self.head += 1
        return answer

    async def get_block(self, which: str) -> dict[str, int]:
        assert which == "latest"
        return {"number": self.head, "timestamp": self.head * 10}

    async def get_balance(self, owner: str, block: int | str = "latest") -> int:
        return 10_000 - 7 * self._at(block)

    def contract(self, name: str, address: str) -> Any:
        return SimpleNamespace(address=address, functions=Functions(self), events=Events(self))

    def read(self, name: str, block: int | str) -> Any:
        at = self._at(block)
        return {
            "latest_round": (at, at * 10),
            "feed_count": 1,
            "feed": ("USDC/USD", 8),
            "latest": (at, 10**8 + at),
            "nav": at * 10**18,
            "slot0": (Q96 * 10**6,),
            "fees": (5, 5, 50),
            "fee": 500,
            "OWNER": "keeper",
        }[name]

    async def logs(self, from_block: int, to_block: int) -> list[Any]:
        return [{"args": {"profit": 5}}] * (to_block - from_block + 1)

    def _at(self, block: int | str) -> int:
        return self.head if block == "latest" else int(block)


class Functions:
    def __init__(self, chain: MovingChain) -> None:
        self._chain = chain

    def __getattr__(self, name: str) -> Any:
        async def call(block_identifier: int | str = "latest") -> Any:
            return self._chain.read(name, block_identifier)

        return lambda *_: SimpleNamespace(call=call)


class Events:
    def __init__(self, chain: MovingChain) -> None:
        self.PremiumTaken = lambda: SimpleNamespace(get_logs=chain.logs)
        self.DiscountTaken = lambda: SimpleNamespace(get_logs=self._none)

    async def _none(self, **_: int) -> list[Any]:
        return []


def test_look__the_chain_moves_meanwhile__everything_is_of_the_first_block() -> None:
    page = {"feeds": [{"name": "USDC/USD"}], "venues": [{"name": "kraken", "connected": True, "reason": ""}]}

    async def scenario() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json=page))
        async with httpx.AsyncClient(transport=transport) as http:
            watch = Watch(MovingChain(), http, CONTRACTS, "http://reporter")  # type: ignore[arg-type]
            watch.found_pool("0x" + "09" * 20)
            first, second = await watch.look(), await watch.look()
        for seen in (first, second):
            at = seen.block
            assert (seen.at_s, seen.rounds, seen.round_age_s, seen.nav_wad) == (at * 10, at, 0, at * 10**18)
            assert seen.answers == {"USDC/USD": 10**8 + at}
            assert (seen.feeds, seen.venues) == (tuple(page["feeds"]), tuple(page["venues"]))
        blocks = second.block - first.block
        assert blocks > 5
        assert second.trades - first.trades == blocks
        assert second.profit - first.profit == 5 * blocks
        assert (first.gas_wei, second.gas_wei) == (0, 7 * blocks)

    asyncio.run(scenario())
