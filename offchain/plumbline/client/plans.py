# SPDX-License-Identifier: Apache-2.0
"""Questions to a chain without saying how they travel: a *plan* is a generator that yields questions and is sent the
answers. `transport` carries them, synchronously or not; so everything here is written once for both.

A plan yields a Request, or a sequence of them to be asked together, or a Pause.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from plumbline.client.codec import Function, number, quantity
from plumbline.client.errors import BadAnswer, NoContract, Reverted, RpcError, reverted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One JSON-RPC question."""

    method: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


Plan: TypeAlias = Generator[Request | Sequence[Request] | Pause, Any, T]

_ERROR: Final = "0x08c379a0"
"""Error(string)"""
_REVERTED: Final = "execution reverted"


@dataclass(frozen=True, slots=True)
class Block:
    number: int
    timestamp: int
    hash: str
    base_fee_wei: int

    @property
    def tag(self) -> str:
        """To ask for the state at this block."""
        return quantity(self.number)


@dataclass(frozen=True, slots=True)
class Call:
    """A view of a contract, with its arguments."""

    to: str
    function: Function
    arguments: tuple[Any, ...] = ()

    def request(self, at: str, sender: str | None = None) -> Request:
        data = {"to": self.to, "data": self.function.encode(*self.arguments)}
        if sender is not None:
            data["from"] = sender
        return Request("eth_call", (data, at))


def head(tag: str = "latest") -> Plan[Block]:
    raw = yield Request("eth_getBlockByNumber", (tag, False))
    if not isinstance(raw, dict):
        raise BadAnswer(f"no block {tag}")
    try:
        base_fee = number(raw.get("baseFeePerGas") or "0x0")
        return Block(number(raw["number"]), number(raw["timestamp"]), str(raw["hash"]), base_fee)
    except KeyError as error:
        raise BadAnswer(f"a block without {error}") from None


def read_chain_id() -> Plan[int]:
    return number((yield Request("eth_chainId")))


def read(to: str, function: Function, *arguments: Any, at: str = "latest", sender: str | None = None) -> Plan[Any]:
    """One view; its value, or a tuple of them. Raises Reverted with the contract's reason."""
    (value,) = yield from read_all([Call(to, function, arguments)], at, sender)
    return value


def read_all(calls: Sequence[Call], at: str, sender: str | None = None) -> Plan[list[Any]]:
    """Several views of one block, asked together; one that reverts raises for all."""
    try:
        answers = yield [call.request(at, sender) for call in calls]
    except RpcError as error:
        raise as_revert(error) from None
    return [_decoded(call, answer) for call, answer in zip(calls, answers, strict=True)]


def try_read(to: str, function: Function, *arguments: Any, at: str = "latest") -> Plan[Any]:
    """One view, or None where the contract has its reason not to answer."""
    try:
        value = yield from read(to, function, *arguments, at=at)
    except Reverted:
        return None
    return value


def _decoded(call: Call, answer: object) -> Any:
    if answer in (None, "0x") and call.function.outputs:
        raise NoContract(f"{call.to}: expected a contract with {call.function.name}(), found nothing of the kind")
    values = call.function.decode(answer)
    return values[0] if len(values) == 1 else values


def as_revert(error: RpcError) -> Exception:
    """The node's way of telling a revert: by data, by words, or (code 3) by number; other errors stay what they are."""
    data = error.data.get("data") if isinstance(error.data, dict) else error.data
    if error.code == 3 or _REVERTED in error.message or (isinstance(data, str) and data.startswith(_ERROR)):
        return reverted(_reason(error.message, data))
    return error


def _reason(message: str, data: object) -> str:
    if isinstance(data, str) and data.startswith(_ERROR):
        try:
            return str(decode(["string"], bytes.fromhex(data[len(_ERROR) :]))[0])
        except (DecodingError, ValueError):
            return ""
    return message.partition(_REVERTED)[2].lstrip(":, ").removesuffix("no data").strip()
