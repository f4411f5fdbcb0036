# SPDX-License-Identifier: AGPL-3.0-only
"""MedianOracle over web3: the `OracleClient` of a node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import Sender
from plumbline.chain.typed_data import pack
from plumbline.core.median import lane_medians
from plumbline.core.models import SignedRow
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.ports import Answer, ChainFeed, NoAnswer, OracleConfig

_NONE_YET: Final = "oracle: no quorum yet"
_TRIPPED: Final = "oracle: tripped"
"""MedianOracle's words for a feed that has no answer; the second one for both ways of being tripped."""


@dataclass(frozen=True, slots=True)
class _Identity:
    """What must not have changed for a config to still hold; a block that is gone is another chain."""

    chain_id: int
    epoch: int
    block: int
    block_hash: bytes


class ChainOracle:
    """Reads one oracle; submits to it when it was given a `sender`."""

    def __init__(self, rpc: Rpc, address: str, sender: Sender | None = None) -> None:
        self._rpc, self._sender = rpc, sender
        self._contract = rpc.contract("MedianOracle", address)
        self.address = str(self._contract.address)
        self._known: tuple[_Identity, OracleConfig] | None = None

    async def config(self) -> OracleConfig:
        """Everything of the current epoch; read anew when the epoch, or the chain behind the endpoint, changes."""
        if self._known is not None and await self._still(self._known[0]):
            return self._known[1]
        identity = await self._identity("latest")
        count = await self._read("feed_count")
        feeds = await asyncio.gather(*(self._read("feed", index) for index in range(count)))
        period_s, reporters = await asyncio.gather(self._read("period"), self._read("reporters"))
        if await self._identity(identity.block) != identity:
            raise ChainError("the oracle's epoch changed while it was read")
        config = OracleConfig(
            chain_id=identity.chain_id,
            address=self.address,
            epoch=identity.epoch,
            period_s=period_s,
            feeds=tuple(_feed(raw) for raw in feeds),
            reporters=tuple(str(reporter) for reporter in reporters),
        )
        self._known = identity, config
        return config

    async def _still(self, known: _Identity) -> bool:
        try:
            return await self._identity(known.block) == known
        except ChainUnreachable:
            raise
        except ChainError:
            # No such block, or no such contract: whatever answers there is not what was read.
            return False

    async def _identity(self, block: int | Literal["latest"]) -> _Identity:
        chain_id, epoch, header = await asyncio.gather(
            self._rpc.chain_id(), self._read("epoch"), self._rpc.header(block)
        )
        return _Identity(chain_id, int(epoch), header.number, header.hash)

    async def latest_round(self) -> tuple[int, int]:
        round_id, timestamp = await self._read("latest_round")
        return int(round_id), int(timestamp)

    async def in_flight(self) -> int:
        pending = await self._rpc.ask(self._contract.functions["latest_round"]().call(block_identifier="pending"))
        return int(pending[1])

    async def disagreement(self) -> str:
        return await self._rpc.disagreement()

    async def answers(self) -> tuple[Answer | NoAnswer, ...]:
        config = await self.config()
        return tuple(await asyncio.gather(*(self._answer(index) for index in range(len(config.feeds)))))

    async def _answer(self, feed: int) -> Answer | NoAnswer:
        try:
            round_id, price, timestamp = await self._read("latest", feed)
        except ChainError as error:
            if error.reason == _NONE_YET:
                return NoAnswer.NONE_YET
            if error.reason != _TRIPPED:
                raise
            *_, held = await self._read("breaker_state", feed)
            return NoAnswer.HELD if held else NoAnswer.TRIPPED
        return Answer(int(round_id), int(price), int(timestamp))

    async def simulate(self, timestamp: int, rows: Sequence[SignedRow]) -> None:
        """Run a submission in the block to come without sending it. Raises ChainError with the revert reason."""
        call = self._contract.functions["submit"](*await self._arguments(timestamp, rows))
        await self._rpc.ask(call.call(block_identifier="pending"))

    async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
        if self._sender is None:
            raise ChainError("this oracle client was opened for reading only")
        data = self._contract.encode_abi("submit", args=await self._arguments(timestamp, rows))
        receipt = await self._sender.send(self.address, data)
        return str(receipt["transactionHash"].to_0x_hex())

    async def _arguments(self, timestamp: int, rows: Sequence[SignedRow]) -> list[Any]:
        """What `submit` takes; rows in ascending order of their reporters, medians by the oracle's own rule."""
        ordered = sorted(rows, key=lambda signed: signed.reporter)
        quorums = [feed.quorum for feed in (await self.config()).feeds]
        medians = lane_medians([signed.row for signed in ordered], quorums)
        signers = sum(signed.reporter << (8 * place) for place, signed in enumerate(ordered))
        words = [word for signed in ordered for word in pack(signed.row.prices)]
        signatures = [part for signed in ordered for part in (signed.r, signed.vs)]
        return [timestamp, signers, list(pack(medians)), words, signatures]

    async def _read(self, function: str, *arguments: Any) -> Any:
        return await self._rpc.ask(self._contract.functions[function](*arguments).call())


def _feed(raw: Any) -> ChainFeed:
    """web3 gives structs as tuples in the order of IMedianOracle.Feed."""
    name, decimals, quorum, heartbeat_s, deviation_bps, *_ = raw
    return ChainFeed(str(name), int(decimals), int(quorum), int(heartbeat_s), int(deviation_bps))
