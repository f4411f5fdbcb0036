# SPDX-License-Identifier: Apache-2.0
"""Sending: simulated first (so a refusal is typed and costs nothing), signed by an account or by the node, waited for.

No key is kept: an account is asked to sign, and forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from plumbline.client.codec import Function, number, quantity
from plumbline.client.errors import BadAnswer, NotMined, Reverted, RpcError
from plumbline.client.plans import Pause, Plan, Request, as_revert, head

GAS_MARGIN_PERCENT: Final = 25
"""Above the estimate: the state may differ by the time it is mined."""
WAIT_S: Final = 120.0
POLL_S: Final = 0.25


class Signer(Protocol):
    """An account that signs: eth-account's LocalAccount is one."""

    @property
    def address(self) -> Any: ...

    def sign_transaction(self, transaction_dict: Any) -> Any: ...


Account: TypeAlias = Signer | str
"""A signer; or the address of an account the node itself signs for (a local chain's)."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What to send, for whoever sends it: `as_dict()` is what web3, Ape and wallets take."""

    to: str
    data: str

    def as_dict(self) -> dict[str, str]:
        return {"to": self.to, "data": self.data}


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that went through."""

    tx_hash: str
    block: int
    gas_used: int
    gas_price_wei: int
    logs: tuple[Mapping[str, Any], ...]

    @property
    def fee_wei(self) -> int:
        return self.gas_used * self.gas_price_wei


def transaction(to: str, function: Function, *arguments: Any) -> Transaction:
    return Transaction(to, function.encode(*arguments))


def address_of(account: Account) -> str:
    return account if isinstance(account, str) else str(account.address)


def send(account: Account, what: Transaction, wait_s: float = WAIT_S) -> Plan[Receipt]:
    """Raises Reverted: before anything is sent when the simulation says so, with `tx_hash` when it failed on chain;
    NotMined after `wait_s` without a block that has it."""
    fields = {"from": address_of(account), **what.as_dict()}
    try:
        gas = number((yield Request("eth_estimateGas", (fields,))))
    except RpcError as error:
        raise as_revert(error) from None
    gas += gas * GAS_MARGIN_PERCENT // 100
    if isinstance(account, str):
        tx_hash = yield Request("eth_sendTransaction", ({**fields, "gas": quantity(gas)},))
    else:
        raw = yield from _signed(account, what, gas)
        tx_hash = yield Request("eth_sendRawTransaction", (raw,))
    receipt = yield from _mined(str(tx_hash), wait_s)
    if number(receipt["status"]) != 1:
        raise (yield from _why_failed(fields, receipt))
    return Receipt(
        tx_hash=str(tx_hash),
        block=number(receipt["blockNumber"]),
        gas_used=number(receipt["gasUsed"]),
        gas_price_wei=number(receipt.get("effectiveGasPrice") or "0x0"),
        logs=tuple(receipt["logs"]),
    )


def _signed(account: Signer, what: Transaction, gas: int) -> Plan[str]:
    block = yield from head()
    nonce, chain_id, tip = yield [
        Request("eth_getTransactionCount", (str(account.address), "pending")),
        Request("eth_chainId"),
        Request("eth_maxPriorityFeePerGas"),
    ]
    signed = account.sign_transaction(
        {
            **what.as_dict(),
            "value": 0,
            "gas": gas,
            "nonce": number(nonce),
            "chainId": number(chain_id),
            "maxPriorityFeePerGas": number(tip),
            "maxFeePerGas": 2 * block.base_fee_wei + number(tip),
            "type": 2,
        }
    )
    return "0x" + bytes(signed.raw_transaction).hex()


def _mined(tx_hash: str, wait_s: float) -> Plan[dict[str, Any]]:
    waited = 0.0
    while True:
        receipt = yield Request("eth_getTransactionReceipt", (tx_hash,))
        if isinstance(receipt, dict):
            if "status" not in receipt or "logs" not in receipt:
                raise BadAnswer(f"{tx_hash}: a receipt without status or logs")
            return receipt
        if waited >= wait_s:
            raise NotMined(tx_hash, wait_s)
        yield Pause(POLL_S)
        waited += POLL_S


def _why_failed(fields: Mapping[str, str], receipt: Mapping[str, Any]) -> Plan[Reverted]:
    """It passed the simulation and failed on chain: asked again on the state of its block, it may say why."""
    tx_hash = str(receipt["transactionHash"])
    try:
        yield Request("eth_call", (fields, receipt["blockNumber"]))
    except RpcError as error:
        found = as_revert(error)
        if isinstance(found, Reverted):
            return type(found)(found.reason, tx_hash)
    return Reverted("failed on chain, and the node does not say why", tx_hash)
