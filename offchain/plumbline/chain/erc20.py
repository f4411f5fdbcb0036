# SPDX-License-Identifier: AGPL-3.0-only
"""A token, as far as a node needs one."""

from __future__ import annotations

from typing import Any, Final, cast

from eth_utils.address import to_checksum_address
from web3.contract import AsyncContract

from plumbline.chain.rpc import Rpc


def _function(name: str, inputs: str, output: str, mutability: str) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "inputs": [{"name": "", "type": kind} for kind in inputs.split()],
        "outputs": [{"name": "", "type": output}],
        "stateMutability": mutability,
    }


_ABI: Final = [
    _function("balanceOf", "address", "uint256", "view"),
    _function("decimals", "", "uint8", "view"),
    _function("allowance", "address address", "uint256", "view"),
]


class ChainToken:
    """Reads one ERC-20."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self._rpc = rpc
        self._contract: AsyncContract = rpc.w3.eth.contract(address=to_checksum_address(address), abi=cast(Any, _ABI))

    async def balance(self, holder: str, block: int | None = None) -> int:
        """In the token's smallest units, as of a block, else the latest."""
        at: Any = "latest" if block is None else block
        question = self._contract.functions.balanceOf(to_checksum_address(holder))
        return int(await self._rpc.ask(question.call(block_identifier=at)))

    async def allowance(self, holder: str, spender: str) -> int:
        question = self._contract.functions.allowance(to_checksum_address(holder), to_checksum_address(spender))
        return int(await self._rpc.ask(question.call()))

    async def decimals(self) -> int:
        return int(await self._rpc.ask(self._contract.functions.decimals().call()))
