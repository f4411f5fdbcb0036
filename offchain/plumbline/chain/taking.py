# SPDX-License-Identifier: AGPL-3.0-only
"""A keeper's own contract on the chain: what it is asked is simulated, sent, and found again by its events."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, Final, Generic, TypeVar

from eth_utils.address import to_checksum_address
from web3.types import TxReceipt

from plumbline.chain.abi import Function
from plumbline.chain.fees import GWEI
from plumbline.chain.receipts import receipt_of
from plumbline.chain.rpc import Header, Rpc, quantity
from plumbline.chain.simulation import Simulation
from plumbline.chain.tx import Sender, Spent
from plumbline.config import KeeperConfig
from plumbline.errors import ChainError
from plumbline.ports import TakenReceipt

OrderT = TypeVar("OrderT")
_MOST_BLOCKS: Final = 1_000
"""Looked through in one request: endpoints refuse a few thousand and more."""
_BEHIND_BLOCKS: Final = 64


class ChainTaking(ABC, Generic[OrderT]):
    """Acts for `sender`, who must own the contract."""

    def __init__(
        self,
        rpc: Rpc,
        sender: Sender,
        config: KeeperConfig,
        contract: str,
        profit: Function,
        events: Collection[bytes],
    ) -> None:
        """profit: one of the contract's functions, which all return nothing else. events: topics."""
        self._rpc, self._sender, self._config = rpc, sender, config
        self._contract = str(to_checksum_address(contract))
        self._profit, self._events = profit, events
        self._simulation = Simulation(rpc)

    @abstractmethod
    def _call(self, order: OrderT, min_profit: int) -> str:
        """Its calldata."""

    @abstractmethod
    def _told(self, log: Any) -> tuple[str, int, int]:
        """(what, amount, profit) of one of the events."""

    def _gas_price_wei(self, header: Header) -> int:
        """The most a unit of gas costs in the next block: its base fee is at most an eighth higher (EIP-1559)."""
        return -(-header.base_fee_wei * 9 // 8) + self._config.tx.priority_fee_gwei * GWEI

    async def simulate(self, order: OrderT, min_profit: int) -> tuple[int, int]:
        """In the block it would land in."""
        output, gas = await self._simulation.run(self._sender.address, self._contract, self._call(order, min_profit))
        (profit,) = self._profit.decode(output)
        return int(profit), gas

    async def execute(self, order: OrderT, min_profit: int, gas: int, tip_wei: int, max_fee_wei: int) -> TakenReceipt:
        data = self._call(order, min_profit)
        try:
            mined = await self._sender.send(self._contract, data, gas=gas, tip_wei=tip_wei, max_fee_wei=max_fee_wei)
        except Spent as error:
            return _receipt(error.receipt, "", 0, 0, error.reason)
        return self._read(mined)

    async def receipts_since(self, block: int) -> list[TakenReceipt]:
        head = quantity(await self._rpc.request("eth_blockNumber"))
        if block > head:
            # An endpoint a little behind, or a chain that began anew.
            block = head if block - head <= _BEHIND_BLOCKS else 0
        topics = ["0x" + topic.hex() for topic in self._events]
        logs: list[Any] = []
        for first in range(block, head + 1, _MOST_BLOCKS):
            window = {"fromBlock": hex(first), "toBlock": hex(min(first + _MOST_BLOCKS - 1, head))}
            logs += await self._rpc.request("eth_getLogs", {"address": self._contract, "topics": [topics], **window})
        found = await asyncio.gather(*(receipt_of(self._rpc, log["transactionHash"]) for log in logs))
        # None: reorganised away between the two questions.
        return [self._read(receipt) for receipt in found if receipt is not None]

    def _read(self, mined: TxReceipt) -> TakenReceipt:
        own = [
            log for log in mined["logs"] if log["address"] == self._contract and bytes(log["topics"][0]) in self._events
        ]
        if len(own) != 1:
            tx_hash = mined["transactionHash"].to_0x_hex()
            raise ChainError(f"transaction {tx_hash}: expected one event of {self._contract}, got {len(own)}")
        return _receipt(mined, *self._told(own[0]))


def _receipt(mined: TxReceipt, what: str, amount: int, profit: int, reverted: str = "") -> TakenReceipt:
    return TakenReceipt(
        tx_hash=mined["transactionHash"].to_0x_hex(),
        block=mined["blockNumber"],
        what=what,
        amount=amount,
        profit=profit,
        gas_used=mined["gasUsed"],
        gas_price_wei=mined["effectiveGasPrice"],
        reverted=reverted,
    )
