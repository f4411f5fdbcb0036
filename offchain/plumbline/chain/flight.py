# SPDX-License-Identifier: AGPL-3.0-only
"""One transaction, from its first broadcast until it is mined, or given up.

    sent -> not mined for some blocks: replaced, with higher fees -> deadline: cancelled, or left to the next one

What goes to a private relay goes nowhere else. When the relay has not got it mined in its time, it is made public or
given up, as configured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from web3.types import TxReceipt

from plumbline.chain.fees import GWEI, FeePolicy, Fees
from plumbline.chain.raw import message_of, signed
from plumbline.chain.receipts import receipt_of
from plumbline.chain.rpc import Rpc, quantity
from plumbline.config import TxConfig
from plumbline.errors import ChainError, ChainUnfunded, ChainUnreachable, SignerError
from plumbline.ports import Signer

_NOTHING_GAS: Final = 21_000
"""What a transfer of nothing takes."""

log = structlog.get_logger(__name__)


class Spent(ChainError):
    """A transaction of ours was mined to no end: its gas is paid."""

    def __init__(self, message: str, receipt: TxReceipt, reason: str) -> None:
        super().__init__(message, reason)
        self.receipt = receipt


class Guard(Protocol):
    """Has the last word before a signed transaction goes out."""

    async def permit(self, nonce: int, tx_hash: str) -> None:
        """Raises ChainError: it stays here."""
        ...


@dataclass(frozen=True, slots=True)
class Relay:
    """Where transactions are sent to, and nowhere else while it may get them mined."""

    rpc: Rpc
    blocks: int
    then_public: bool


class Flight:
    """`await Flight(...).see_through(base_fee)`, once."""

    def __init__(
        self,
        rpc: Rpc,
        relay: Relay | None,
        key: Signer,
        config: TxConfig,
        policy: FeePolicy,
        unsigned: Mapping[str, Any],
        *,
        guard: Guard | None,
        poll_s: float,
    ) -> None:
        """relay: None sends to the endpoints that are also asked."""
        self._rpc, self._relay, self._key, self._guard, self._poll_s = rpc, relay, key, guard, poll_s
        self._config, self._policy, self._unsigned = config, policy, unsigned
        self._fees = Fees(0, 0)
        self._hashes: list[str] = []
        self._cancellations: list[str] = []

    @property
    def _nonce(self) -> int:
        return int(self._unsigned["nonce"])

    async def see_through(self, base_fee_wei: int) -> TxReceipt:
        """The receipt of what was mined, reverted or not.

        Raises:
            Spent: it was cancelled.
            ChainError: dearer than the cap, refused, not mined within the deadline, or its nonce is gone.
            ChainUnfunded: the key cannot pay for it.
            ChainUnreachable: no endpoint answers; it may or may not be mined.
        """
        fees = self._policy.fees(base_fee_wei)
        if fees is None:
            cap = self._policy.cap / GWEI
            raise ChainError(f"gas is too dear: a block's base fee and our priority fee exceed {cap} gwei")
        await self._broadcast(fees)
        relay = self._relay
        blocks = self._config.deadline_blocks if relay is None else relay.blocks
        mined = await self._wait(blocks)
        # From here on in public, be it to be cancelled.
        self._relay = None
        if mined is None and relay is not None and relay.then_public:
            log.info("not mined by the relay: sent to everybody", nonce=self._nonce)
            # The very transaction that the relay has: it is one, wherever it is mined.
            await self._broadcast(self._fees)
            blocks += self._config.deadline_blocks
            mined = await self._wait(self._config.deadline_blocks)
        if mined is None and self._config.cancel and await self._cancel():
            mined = await self._wait(self._config.deadline_blocks)
        why, hashes = f"not mined within {blocks} blocks", ", ".join(self._hashes)
        if mined is None:
            raise ChainError(f"{why}: {hashes}", why)
        if mined["transactionHash"].to_0x_hex() in self._cancellations:
            raise Spent(f"{why}, and cancelled: {hashes}", mined, f"{why}, and cancelled")
        return mined

    async def _wait(self, blocks: int) -> TxReceipt | None:
        """Until it is mined, replacing it meanwhile; None after so many blocks."""
        start = last_sent = seen = -1
        taken = False
        while True:
            head, found = await self._look()
            if found is not None:
                return found
            if start < 0:
                start = last_sent = seen = head
            if head != seen:
                # For a block's time a receipt may only be late: not every endpoint knows as much.
                if taken:
                    raise ChainError(f"nonce {self._nonce} went to another transaction of this key")
                seen, taken = head, await self._mined() > self._nonce
            # A distance, not a difference: a restarted chain begins again from 0.
            if abs(head - start) >= blocks:
                return None
            if abs(head - last_sent) >= self._config.replace_after_blocks:
                last_sent = head
                await self._replace(self._policy.outbid(self._fees, (await self._rpc.header()).base_fee_wei))
            # One endpoint that stands still would be asked for ever.
            await self._rpc.disagreement()
            await asyncio.sleep(self._poll_s)

    async def _look(self) -> tuple[int, TxReceipt | None]:
        """(head, the receipt of whichever is mined), in one request."""
        head, *receipts = await asyncio.gather(
            self._rpc.request("eth_blockNumber"),
            *(receipt_of(self._rpc, tx_hash) for tx_hash in [*self._hashes, *self._cancellations]),
        )
        return quantity(head), next((each for each in receipts if each is not None), None)

    async def _mined(self) -> int:
        """How many transactions of the key are."""
        return quantity(await self._rpc.request("eth_getTransactionCount", self._key.address, "latest"))

    async def _cancel(self) -> bool:
        """In its place a transfer of nothing to the key itself: what it was can never be mined after that.

        Returns whether that was sent. Under the key's own cap: what the transaction was worth does not matter any more.
        """
        self._policy = FeePolicy(self._config.max_fee_gwei * GWEI, 0)
        blank = {"to": self._key.address, "data": "0x", "value": 0, "gas": _NOTHING_GAS}
        self._unsigned = {**self._unsigned, **blank}
        sent, self._hashes = self._hashes, []
        await self._replace(self._fees.raised())
        self._cancellations, self._hashes = self._hashes, sent
        log.warning("not mined in time", nonce=self._nonce, hashes=sent, cancelled_by=self._cancellations)
        return bool(self._cancellations)

    async def _replace(self, fees: Fees | None) -> None:
        """Unless there are no fees to be had; not when the node refuses, as when the first one was mined just now."""
        if fees is None or fees.max_fee > self._policy.cap:
            return
        try:
            await self._broadcast(fees)
        except ChainUnreachable:
            raise
        except ChainError as error:
            log.warning("replacement refused", nonce=self._nonce, reason=str(error))
        else:
            log.warning("transaction replaced", nonce=self._nonce, max_fee_gwei=fees.max_fee / GWEI)

    async def _broadcast(self, fees: Fees) -> None:
        """Sign and send. A node that still holds an older transaction of this nonce is outbid, up to the cap."""
        while True:
            transaction = {**self._unsigned, "maxFeePerGas": fees.max_fee, "maxPriorityFeePerGas": fees.priority_fee}
            try:
                r, vs = await self._key.sign_message(message_of(transaction))
            except SignerError as error:
                raise ChainError(f"not signed: {error}") from None
            raw, tx_hash = signed(transaction, r, vs)
            if self._guard is not None:
                await self._guard.permit(self._nonce, tx_hash)
            try:
                outlet = self._rpc if self._relay is None else self._relay.rpc
                await outlet.request("eth_sendRawTransaction", "0x" + raw.hex())
            except ChainUnreachable:
                raise
            except ChainError as error:
                said = str(error).lower()
                if "insufficient funds" in said:
                    raise ChainUnfunded(f"{self._key.address} cannot pay for its gas") from None
                if "already known" not in said and "already imported" not in said:
                    if "underpriced" not in said or fees.raised().max_fee > self._policy.cap:
                        raise
                    fees = fees.raised()
                    continue
            self._fees = fees
            if tx_hash not in self._hashes:
                self._hashes.append(tx_hash)
            return
