# SPDX-License-Identifier: AGPL-3.0-only
"""Transactions of one key, one after the other (what becomes of each is `plumbline.chain.flight`).

One `Sender` is the only owner of its key's nonces and has one transaction in flight at a time. It keeps no nonce: the
next one is what the chain has mined, so a failure, a restarted chain or a second start of the process needs no resync.
Who decides on what a block shows, and may not be the only one with this key, pins the nonce to that block: then a
decision is mined only if nothing else of this key was mined since, and nothing need be asked when it is sent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final

from eth_utils.address import to_checksum_address
from web3.types import TxReceipt

from plumbline.chain.fees import GWEI, FeePolicy, Fees
from plumbline.chain.flight import Flight, Guard, Relay, Spent
from plumbline.chain.receipts import receipt_of
from plumbline.chain.rpc import Header, Rpc, quantity, refused
from plumbline.config import TxConfig
from plumbline.errors import ChainError
from plumbline.ports import Signer

__all__ = ["GWEI", "Fees", "Guard", "MinedRevert", "Sender", "Spent"]

_GAS_MARGIN_PERCENT: Final = 20
"""Added to the estimate: the state may differ by the time the transaction lands."""


class MinedRevert(Spent):
    """A transaction of ours failed on chain: its gas is paid."""

    def __init__(self, receipt: TxReceipt, reason: str) -> None:
        super().__init__(f"transaction {receipt['transactionHash'].to_0x_hex()} reverted: {reason}", receipt, reason)


@dataclass(frozen=True, slots=True)
class _Pin:
    """What a transaction must know of the chain, as of one block."""

    chain_id: int
    nonce: int
    base_fee_wei: int


class Sender:
    """Sends one transaction after the other for `key`; safe to call from several tasks."""

    def __init__(
        self,
        rpc: Rpc,
        key: Signer,
        config: TxConfig,
        *,
        poll_s: float = 0.05,
        guard: Guard | None = None,
        relay: Relay | None = None,
    ) -> None:
        """relay: None sends to the endpoints that are also asked."""
        self._rpc, self._key, self._poll_s, self._guard, self._relay = rpc, key, poll_s, guard, relay
        self.config = config
        """May be changed while it runs: the next transaction follows it."""
        self._from = to_checksum_address(key.address)
        self._lock = asyncio.Lock()
        self._chain_id: int | None = None
        self._pinned: _Pin | None = None
        """For the next transaction; None: it asks."""

    @property
    def address(self) -> str:
        return self._from

    async def balance_wei(self) -> int:
        return quantity(await self._rpc.request("eth_getBalance", self._from, "latest"))

    async def gas_price_wei(self) -> int:
        return (await self._rpc.header()).base_fee_wei + self.config.priority_fee_gwei * GWEI

    async def confirmations(self, tx_hash: str) -> int | None:
        """Asked for by the transaction's hash: after a reorganisation it may be in another block, or in none."""
        receipt = await receipt_of(self._rpc, tx_hash)
        if receipt is None:
            return None
        return quantity(await self._rpc.request("eth_blockNumber")) - int(receipt["blockNumber"]) + 1

    async def pin(self, block: Header | None = None) -> None:
        """What is sent from now on carries the nonces that are free as of a block, in turn, until one is not mined.

        block: None is the latest.
        """
        self._pinned = await self._look(block)

    async def send(
        self,
        to: str,
        data: str,
        *,
        value_wei: int = 0,
        gas: int | None = None,
        tip_wei: int = 0,
        max_fee_wei: int | None = None,
    ) -> TxReceipt:
        """Simulate, send, and wait until it is mined; returns the receipt of a success.

        gas: limit; None estimates it, and raises what the estimate reverted with before anything is sent.
        tip_wei: {wei per gas} offered beside the configured priority fee, within the cap.
        max_fee_wei: {wei per gas} all it is worth, replacements included, where that is less than the configured cap.

        Raises:
            MinedRevert: it reverted on chain.
            Spent: it was cancelled there.
            ChainError: would revert (`reason`), not signed by the key's holder, not mined within the deadline, or
                dearer than the cap.
            ChainUnreachable: no endpoint answers; the transaction may or may not be mined.
        """
        call = {"from": self._from, "to": to, "data": data, "value": hex(value_wei)}
        policy = FeePolicy.of(self.config, tip_wei=tip_wei, max_fee_wei=max_fee_wei)
        async with self._lock:
            if gas is None:
                # In the block it will land in: on a chain that makes blocks only for transactions the last one is old.
                estimate = await self._estimate(call)
                gas = estimate * (100 + _GAS_MARGIN_PERCENT) // 100
            pinned, self._pinned = self._pinned, None
            known = pinned or await self._look(None)
            unsigned = {"type": 2, "chainId": known.chain_id, "nonce": known.nonce, "to": to, "data": data}
            flight = Flight(
                *(self._rpc, self._relay, self._key, self.config, policy),
                unsigned | {"value": value_wei, "gas": gas},
                guard=self._guard,
                poll_s=self._poll_s,
            )
            receipt = await flight.see_through(known.base_fee_wei)
            self._pinned = None if pinned is None else replace(pinned, nonce=known.nonce + 1)
        if receipt["status"] != 1:
            raise MinedRevert(receipt, await self._failure(call))
        return receipt

    async def _estimate(self, call: dict[str, Any]) -> int:
        try:
            return quantity(await self._rpc.request("eth_estimateGas", call, "pending"))
        except ChainError as error:
            raise refused(error) from None

    async def _look(self, block: Header | None) -> _Pin:
        at: Any = "latest" if block is None else {"blockHash": "0x" + block.hash.hex()}
        chain_id, nonce, header = await asyncio.gather(
            self._same_chain(),
            self._rpc.request("eth_getTransactionCount", self._from, at),
            _known(block) if block is not None else self._rpc.header(),
        )
        return _Pin(chain_id, quantity(nonce), header.base_fee_wei)

    async def _same_chain(self) -> int:
        """The chain's id, which must stay what it was: nothing is signed for a chain an endpoint strayed to."""
        chain_id = await self._rpc.chain_id()
        if self._chain_id is None:
            self._chain_id = chain_id
        if chain_id != self._chain_id:
            raise ChainError(
                f"the endpoint is on chain {chain_id} now, expected {self._chain_id}; restart to accept that"
            )
        return chain_id

    async def _failure(self, call: dict[str, Any]) -> str:
        """Why a mined transaction failed: the same call again. Later state may let it pass: then nobody knows."""
        try:
            await self._rpc.request("eth_call", call, "latest")
        except ChainError as error:
            return error.reason or str(error)
        return "reason unknown: the same call passes now"


async def _known(header: Header) -> Header:
    return header
