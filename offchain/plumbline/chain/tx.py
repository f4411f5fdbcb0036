# SPDX-License-Identifier: AGPL-3.0-only
"""Transactions of one key: EIP-1559 fees under a cap, replacement of stuck ones, the revert reason of failed ones.

One `Sender` is the only owner of its key's nonces and has one transaction in flight at a time. It keeps no nonce: the
next one is what the chain has mined, so a failure, a restarted chain or a second start of the process needs no resync.
Who decides on what a block shows, and may not be the only one with this key, pins the nonce to that block: then a
decision is mined only if nothing else of this key was mined since.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

import structlog
from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from web3.exceptions import TransactionIndexingInProgress, TransactionNotFound
from web3.types import TxParams, TxReceipt

from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.config import TxConfig
from plumbline.errors import ChainError, ChainUnreachable

GWEI: Final = 10**9
_GAS_MARGIN_PERCENT: Final = 20
"""Added to the estimate: the state may differ by the time the transaction lands."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fees:
    """{wei per gas} EIP-1559."""

    max_fee: int
    priority_fee: int

    def raised(self) -> Fees:
        """Both by an eighth, rounded up, and by at least 1: a node takes less for no replacement."""
        return Fees(
            self.max_fee + max(-(-self.max_fee // 8), 1), self.priority_fee + max(-(-self.priority_fee // 8), 1)
        )

    def at_least(self, other: Fees) -> Fees:
        return Fees(max(self.max_fee, other.max_fee), max(self.priority_fee, other.priority_fee))


class MinedRevert(ChainError):
    """A transaction of ours failed on chain: its gas is paid."""

    def __init__(self, receipt: TxReceipt, reason: str) -> None:
        super().__init__(f"transaction {receipt['transactionHash'].to_0x_hex()} reverted: {reason}", reason)
        self.receipt = receipt


class Guard(Protocol):
    """Has the last word before a signed transaction goes out."""

    async def permit(self, nonce: int, tx_hash: str) -> None:
        """Raises ChainError: it stays here."""
        ...


class Sender:
    """Sends one transaction after the other for `key`; safe to call from several tasks."""

    def __init__(
        self, rpc: Rpc, key: LocalKey, config: TxConfig, *, poll_s: float = 0.05, guard: Guard | None = None
    ) -> None:
        self._rpc, self._key, self._poll_s, self._guard = rpc, key, poll_s, guard
        self.config = config
        """May be changed while it runs: the next transaction follows it."""
        self._from = to_checksum_address(key.address)
        self._lock = asyncio.Lock()
        self._chain_id: int | None = None
        self._pinned: int | None = None
        """The nonce of the next transaction; None: the one that is free when it is sent."""

    @property
    def address(self) -> str:
        return self._from

    async def balance_wei(self) -> int:
        return await self._rpc.number(self._rpc.w3.eth.get_balance(self._from))

    async def gas_price_wei(self) -> int:
        return (await self._rpc.header()).base_fee_wei + self.config.priority_fee_gwei * GWEI

    async def confirmations(self, tx_hash: str) -> int | None:
        """Asked for by the transaction's hash: after a reorganisation it may be in another block, or in none."""
        receipt = await self._receipt(tx_hash)
        if receipt is None:
            return None
        return await self._rpc.number(self._rpc.w3.eth.block_number) - int(receipt["blockNumber"]) + 1

    async def pin(self, block: int | Literal["latest"] = "latest") -> None:
        """What is sent from now on carries the nonces that are free as of a block, in turn, until one is not mined."""
        self._pinned = await self._free_nonce(block)

    async def send(
        self, to: str, data: str, *, value_wei: int = 0, gas: int | None = None, tip_wei: int = 0
    ) -> TxReceipt:
        """Simulate, send, and wait until it is mined; returns the receipt of a success.

        gas: limit; None estimates it, and raises what the estimate reverted with before anything is sent.
        tip_wei: {wei per gas} offered beside the configured priority fee, within the cap.

        Raises:
            MinedRevert: it reverted on chain.
            ChainError: would revert (`reason`), not mined within the deadline, or dearer than the configured cap.
            ChainUnreachable: no endpoint answers; the transaction may or may not be mined.
        """
        eth = self._rpc.w3.eth
        call = cast(TxParams, {"from": self._from, "to": to, "data": data, "value": value_wei})
        async with self._lock:
            if gas is None:
                # In the block it will land in: on a chain that makes blocks only for transactions the last one is old.
                estimate = await self._rpc.number(eth.estimate_gas(call, "pending"))
                gas = estimate * (100 + _GAS_MARGIN_PERCENT) // 100
            chain_id = await self._same_chain()
            pinned, self._pinned = self._pinned, None
            nonce = await self._free_nonce() if pinned is None else pinned
            unsigned = {"to": to, "data": data, "value": value_wei, "gas": gas, "nonce": nonce, "chainId": chain_id}
            receipt = await self._see_through(unsigned | {"type": 2}, tip_wei)
            self._pinned = None if pinned is None else nonce + 1
        if receipt["status"] != 1:
            reason = await self._failure(call)
            raise MinedRevert(receipt, reason)
        return receipt

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

    async def _see_through(self, unsigned: dict[str, Any], tip_wei: int) -> TxReceipt:
        """Send, and replace with higher fees while it is not mined, until the deadline."""
        fees = await self._fees(tip_wei)
        if fees is None:
            raise ChainError(f"gas is too dear: a block's base fee and our priority fee exceed {self._cap / GWEI} gwei")
        hashes = [await self._broadcast(unsigned, fees)]
        start = last_sent = seen = await self._rpc.number(self._rpc.w3.eth.block_number)
        taken = False
        while True:
            for tx_hash in hashes:
                if (receipt := await self._receipt(tx_hash)) is not None:
                    return receipt
            head = await self._rpc.number(self._rpc.w3.eth.block_number)
            if head != seen:
                # For a block's time a receipt may only be late: not every endpoint knows as much.
                if taken:
                    raise ChainError(f"nonce {unsigned['nonce']} went to another transaction of this key")
                seen, taken = head, await self._free_nonce() > unsigned["nonce"]
            # A distance, not a difference: a restarted chain begins again from 0.
            if abs(head - start) >= self.config.deadline_blocks:
                raise ChainError(f"not mined within {self.config.deadline_blocks} blocks: {', '.join(hashes)}")
            if head - last_sent >= self.config.replace_after_blocks:
                last_sent = head
                fresh = await self._fees(tip_wei)
                # Beyond the cap it stays as it is: the base fee may fall again before the deadline.
                if fresh is not None and (raised := fees.raised().at_least(fresh)).max_fee <= self._cap:
                    fees = raised
                    hashes += await self._replace(unsigned, fees)
            await asyncio.sleep(self._poll_s)

    async def _replace(self, unsigned: dict[str, Any], fees: Fees) -> list[str]:
        """The replacement's hash; none when the node refuses it, as when the first one was mined just now."""
        try:
            tx_hash = await self._broadcast(unsigned, fees)
        except ChainUnreachable:
            raise
        except ChainError as error:
            log.warning("replacement refused", nonce=unsigned["nonce"], reason=str(error))
            return []
        log.warning("transaction replaced", nonce=unsigned["nonce"], max_fee_gwei=fees.max_fee / GWEI)
        return [tx_hash]

    async def _broadcast(self, unsigned: dict[str, Any], fees: Fees) -> str:
        """Sign and send. A node that still holds an older transaction of this nonce is outbid, up to the cap."""
        while True:
            raw, tx_hash = self._key.sign_transaction(
                unsigned | {"maxFeePerGas": fees.max_fee, "maxPriorityFeePerGas": fees.priority_fee}
            )
            if self._guard is not None:
                await self._guard.permit(unsigned["nonce"], tx_hash)
            try:
                await self._rpc.ask(self._rpc.w3.eth.send_raw_transaction(raw))
            except ChainError as error:
                said = str(error).lower()
                if "already known" in said or "already imported" in said:
                    return tx_hash
                if "underpriced" not in said or fees.raised().max_fee > self._cap:
                    raise
                fees = fees.raised()
            else:
                return tx_hash

    async def _free_nonce(self, block: int | Literal["latest"] = "latest") -> int:
        return await self._rpc.number(self._rpc.w3.eth.get_transaction_count(self._from, block))

    @property
    def _cap(self) -> int:
        return self.config.max_fee_gwei * GWEI

    async def _fees(self, tip_wei: int) -> Fees | None:
        """Twice the base fee, so that six full blocks in a row do not price it out; None beyond the cap."""
        base = (await self._rpc.header()).base_fee_wei
        priority = self.config.priority_fee_gwei * GWEI
        if base + priority > self._cap:
            return None
        priority = min(priority + tip_wei, self._cap - base)
        return Fees(min(2 * base + priority, self._cap), priority)

    async def _receipt(self, tx_hash: str) -> TxReceipt | None:
        return await self._rpc.ask(_receipt_or_none(self._rpc, tx_hash))

    async def _failure(self, call: TxParams) -> str:
        """Why a mined transaction failed: the same call again. Later state may let it pass: then nobody knows."""
        try:
            await self._rpc.ask(self._rpc.w3.eth.call(call))
        except ChainError as error:
            return error.reason or str(error)
        return "reason unknown: the same call passes now"


async def _receipt_or_none(rpc: Rpc, tx_hash: str) -> TxReceipt | None:
    try:
        receipt = await rpc.w3.eth.get_transaction_receipt(HexStr(tx_hash))
    except (TransactionNotFound, TransactionIndexingInProgress):
        return None
    if receipt["status"] not in (0, 1):
        raise ValueError(f"receipt: expected status 0 or 1, got {receipt['status']!r}")
    return receipt
