# SPDX-License-Identifier: AGPL-3.0-only
"""One chain over JSON-RPC: web3's encoding over our own HTTP, so that every failure has one of two names.

ChainUnreachable: no endpoint answered in time. ChainError: it answered, and said no (`reason` is the revert reason) or
said nonsense. Nothing is kept between requests but idle connections, so a restarted chain is simply asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar, cast

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from web3 import AsyncWeb3
from web3.contract import AsyncContract
from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError
from web3.types import RPCEndpoint

from plumbline.chain.abi import load_abi
from plumbline.chain.endpoints import LOOK_EVERY_S, Endpoints, HttpProvider
from plumbline.config import ChainConfig
from plumbline.errors import ChainError

T = TypeVar("T")

_ERROR_SELECTOR: Final = "0x08c379a0"
"""Error(string)"""
_REVERTED: Final = "execution reverted"
_SAYS_REVERTED: Final = "reverted: "
UNSAID: Final = "without a reason"
"""In place of one."""


@dataclass(frozen=True, slots=True)
class Header:
    """What we look at of a block."""

    number: int
    hash: bytes
    base_fee_wei: int
    parent: bytes
    timestamp: int

    @classmethod
    def of(cls, raw: Any) -> Self:
        """From a node's own answer or notification. Raises ChainError for anything else, and for no block."""
        try:
            return cls(
                number=int(raw["number"], 16),
                hash=bytes.fromhex(raw["hash"][2:]),
                base_fee_wei=int(raw["baseFeePerGas"], 16),
                parent=bytes.fromhex(raw["parentHash"][2:]),
                timestamp=int(raw["timestamp"], 16),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise nonsense(error) from None


class Rpc:
    """`async with Rpc([url], timeout_s=5) as rpc: await rpc.ask(rpc.w3.eth.block_number)`.

    urls: endpoints of one chain, best first; the next one is asked when one does not answer.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_s: float,
        chain_id: int | None = None,
        compare_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """chain_id: the only one that is accepted; None accepts any. compare_every_s: how old `agree` may be."""
        self._provider, self._pinned = HttpProvider(urls, timeout_s), chain_id
        self._endpoints = Endpoints(self._provider, urls, chain_id, compare_every_s)
        self.w3: AsyncWeb3[Any] = AsyncWeb3(self._provider)
        # It asks for the chain's id before every call, to check a key that ours never have: half of all requests.
        self.w3.middleware_onion.remove("validation")

    @classmethod
    def of(cls, chain: ChainConfig) -> Self:
        return cls(chain.rpc_urls, timeout_s=chain.timeout_s, chain_id=chain.chain_id)

    async def ask(self, question: Awaitable[T]) -> T:
        """Await any web3 question. Raises ChainError, or ChainUnreachable, and nothing else."""
        try:
            return await question
        except ContractLogicError as error:
            reason = revert_reason(error.message or "", error.data)
            raise ChainError(f"{_SAYS_REVERTED}{reason or UNSAID}", reason) from None
        except Web3RPCError as error:
            raise refusal((error.rpc_response or {}).get("error") or str(error)) from None
        except (Web3Exception, DecodingError, ValueError, TypeError, LookupError, AttributeError) as error:
            # An answer of the wrong shape: web3 stumbles over it wherever it first looks.
            raise nonsense(error) from error

    async def request(self, method: str, *params: Any) -> Any:
        """A node's answer as it came, for what is asked at every block: web3 takes a millisecond to word and read one.

        Raises:
            ChainError, ChainUnreachable: as `ask`.
        """
        answer = await self._provider.make_request(RPCEndpoint(method), params)
        if (error := answer.get("error")) is not None:
            raise refusal(error)
        return answer.get("result")

    async def call(self, to: str, data: str, at: bytes | Literal["latest", "pending"] = "latest") -> bytes:
        """What a view answers, undecoded. at: the hash of a block; a node that does not have it refuses."""
        block = {"blockHash": "0x" + at.hex()} if isinstance(at, bytes) else at
        return hex_bytes(await self.request("eth_call", {"to": to, "data": data}, block))

    async def number(self, question: Awaitable[int]) -> int:
        """A question whose answer is a number; web3 does not look."""
        number = await self.ask(question)
        if not isinstance(number, int):
            raise ChainError(f"the node's answer makes no sense: expected a number, got {str(number)[:100]}")
        return number

    async def chain_id(self) -> int:
        """Raises ChainError when it is not the configured one."""
        found = quantity(await self.request("eth_chainId"))
        if self._pinned is not None and found != self._pinned:
            raise ChainError(f"the endpoint is on chain {found}, the config expects {self._pinned}")
        return found

    async def disagreement(self) -> str:
        """Why the endpoints cannot all be right; looked at now and then, see `Endpoints`."""
        return await self._endpoints.look()

    async def agree(self) -> None:
        """For who acts on what one endpoint shows, and pays for it. An endpoint that is behind, or on another chain, is
        asked last or not at all, and stops nobody.

        Raises:
            ChainError: they show different blocks at one height, so nobody knows which of them is right.
        """
        await self._endpoints.look()
        if self._endpoints.forked:
            raise ChainError(f"endpoints disagree: {self._endpoints.forked}")

    async def header(self, block: int | Literal["latest"] = "latest") -> Header:
        """Raises ChainError when there is no such block."""
        named = hex(block) if isinstance(block, int) else block
        return Header.of(await self.request("eth_getBlockByNumber", named, False))

    def contract(self, name: str, address: str) -> AsyncContract:
        """A contract by the name of its exported ABI."""
        return self.w3.eth.contract(address=to_checksum_address(address), abi=cast(Any, load_abi(name)))

    async def close(self) -> None:
        await self._provider.disconnect()

    async def __aenter__(self) -> Rpc:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def refusal(error: Any) -> ChainError:
    """What a node's error object says: it reverted, and why, or the node's own words."""
    if not isinstance(error, dict):
        return ChainError(str(error)[:300], revert_reason(str(error), None))
    message = str(error.get("message", error))
    reason = revert_reason(message, error.get("data"))
    if _REVERTED in message:
        return ChainError(f"{_SAYS_REVERTED}{reason or UNSAID}", reason)
    return ChainError(message[:300], reason)


def refused(error: ChainError) -> ChainError:
    """A revert of what was to be sent. A view without words may be another chain's; a transaction without them, as with
    a custom error or a panic, is refused like any other: its `reason` is then that there is none."""
    if error.reason or not str(error).startswith(_SAYS_REVERTED):
        return error
    return ChainError(str(error), UNSAID)


def nonsense(error: Exception) -> ChainError:
    """An answer of the wrong shape."""
    return ChainError(f"the node's answer makes no sense: {type(error).__name__}: {str(error)[:200]}")


def quantity(said: Any) -> int:
    """A number as JSON-RPC writes it. Raises ChainError."""
    try:
        return int(said, 16)
    except (TypeError, ValueError) as error:
        raise nonsense(error) from None


def hex_bytes(said: Any) -> bytes:
    """Bytes as JSON-RPC writes them. Raises ChainError."""
    try:
        return bytes.fromhex(said.removeprefix("0x"))
    except (AttributeError, TypeError, ValueError) as error:
        raise nonsense(error) from None


def revert_reason(message: str, data: Any) -> str:
    """The contract's own words: from the returned Error(string), else from the node's message; "" without any."""
    if isinstance(data, str) and data.startswith(_ERROR_SELECTOR):
        try:
            return str(decode(["string"], bytes.fromhex(data[len(_ERROR_SELECTOR) :]))[0])
        except (DecodingError, ValueError):
            return ""
    if _REVERTED in message:
        return message.partition(_REVERTED)[2].lstrip(":, ").removesuffix("no data").strip()
    return ""


async def everything(*questions: Awaitable[Any]) -> Sequence[Any]:
    """Their answers, once all have ended: none goes on after another one has failed, and tells of a block given up."""
    answers: list[Any] = await asyncio.gather(*questions, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
