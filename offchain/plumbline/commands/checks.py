# SPDX-License-Identifier: AGPL-3.0-only
"""`check`: everything a node needs, tried one after the other, each with its answer on a line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from typing import Final

import typer

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import Sender
from plumbline.config import ChainConfig
from plumbline.core.units import format_wad
from plumbline.errors import ChainError, PeerError, PlumblineError, RowError
from plumbline.log import redacted
from plumbline.ports import Clock, OracleConfig, RowPeer, Signer, TradeSource

_CONNECT_S: Final = 5.0
_TRADE_S: Final = 15.0
"""How long a venue may take to be connected, and then to its first trade."""
_MAX_SKEW_S: Final = 15
"""MedianOracle's tolerance for rounds from the future."""


class Checks:
    """Prints "ok" or "FAIL" for each question, or a JSON object a line; `finish` raises when one failed."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.failed = 0
        self._as_json = as_json

    def passed(self, what: str, answer: str) -> None:
        self._tell(what, answer, ok=True)

    def _tell(self, what: str, answer: str, *, ok: bool) -> None:
        if self._as_json:
            typer.echo(json.dumps({"what": what, "ok": ok, "answer": answer}))
        else:
            typer.echo(f"{'ok   ' if ok else 'FAIL '} {what}: {answer}")

    async def ask(self, what: str, question: Awaitable[str]) -> None:
        """`question` gives what is worth knowing, or raises PlumblineError with what is wrong."""
        try:
            self.passed(what, await question)
        except PlumblineError as error:
            self.failed += 1
            self._tell(what, str(error), ok=False)

    def finish(self) -> None:
        if self.failed:
            raise PlumblineError(f"{self.failed} of the checks failed")


async def endpoints(checks: Checks, chain: ChainConfig) -> None:
    """Each RPC endpoint by itself, and whether they agree about the chain."""
    seen: dict[str, tuple[int, bytes]] = {}

    async def one(url: str) -> str:
        async with Rpc([url], timeout_s=chain.timeout_s, chain_id=chain.chain_id) as rpc:
            chain_id, head = await rpc.chain_id(), await rpc.header()
            first = await rpc.header(0)
        seen[url] = chain_id, first.hash
        if len(set(seen.values())) > 1:
            raise ChainError(
                f"another chain than {redacted(next(iter(seen)))}: id {chain_id}, genesis {first.hash.hex()}"
            )
        return f"chain {chain_id}, block {head.number}"

    for url in chain.rpc_urls:
        await checks.ask(f"rpc {redacted(url)}", one(url))


async def signer(key: Signer) -> str:
    """That it signs, and as whom it should: a remote signer may be away, or hold another key."""
    await key.sign_message(b"plumbline: is this key there?")
    return key.address


async def oracle(client: ChainOracle) -> str:
    config, (round_id, timestamp) = await client.config(), await client.latest_round()
    return (
        f"{config.address}, epoch {config.epoch}, {len(config.feeds)} feeds, {len(config.reporters)} reporters, "
        f"period {config.period_s} s, round {round_id} of {timestamp}"
    )


async def time_of(clock: Clock, rpc: Rpc) -> str:
    """Our time against the chain's: a clock that is ahead signs rounds the oracle refuses."""
    block = await rpc.ask(rpc.w3.eth.get_block("latest"))
    ahead_s = clock.now_ms() // 1000 - int(block["timestamp"])
    if ahead_s < -_MAX_SKEW_S:
        raise PlumblineError(f"{-ahead_s} s behind the chain's last block, expected at most {_MAX_SKEW_S} s")
    return f"{ahead_s} s after the chain's last block"


async def venue(source: TradeSource) -> str:
    async def first_trade() -> str:
        async for trade in source.trades():
            return f"{trade.symbol} traded"
        raise PlumblineError("its stream ended")

    asking = asyncio.create_task(first_trade())
    for patience_s in (_CONNECT_S, _TRADE_S):
        await asyncio.wait([asking], timeout=patience_s)
        if asking.done():
            return asking.result()
        if not source.stats.connected:
            break
    asking.cancel()
    await asyncio.wait([asking])
    raise PlumblineError(source.stats.reason or f"connected, but no trade within {_TRADE_S:.0f} s")


async def peer(row_peer: RowPeer, config: OracleConfig, clock: Clock) -> str:
    """Its row of the last full period, which a reporter that runs has signed."""
    timestamp = (clock.now_ms() // 1000 // config.period_s - 1) * config.period_s
    try:
        signed = await row_peer.row(timestamp)
    except (PeerError, RowError) as error:
        raise PlumblineError(str(error)) from None
    if signed is None:
        raise PlumblineError(f"answers, but has no row for round {timestamp}")
    return f"has the row of round {timestamp}, signed as reporter {signed.reporter}"


async def balance(payer: Sender, low_wei: int) -> str:
    wei = await payer.balance_wei()
    has = f"{payer.address} has {format_wad(wei, 4)} of the chain's coin"
    if wei < max(low_wei, 1):
        raise PlumblineError(f"{has}, expected at least {format_wad(low_wei, 4)}")
    return has


async def venues(checks: Checks, sources: Sequence[TradeSource]) -> None:
    """All at once: each may take its time."""
    await asyncio.gather(*(checks.ask(f"venue {source.venue}", venue(source)) for source in sources))
