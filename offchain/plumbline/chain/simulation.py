# SPDX-License-Identifier: AGPL-3.0-only
"""What a call would bring in the block to come, and what gas it would take. Nothing is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from plumbline.chain.rpc import UNSAID, Rpc, hex_bytes, nonsense, quantity, refused, revert_reason
from plumbline.errors import ChainError, ChainUnreachable


class Simulation:
    """By `eth_simulateV1`: one execution, and its gas is what is paid; where a node does not know it, by two older
    questions, of which `eth_estimateGas` tries a call a dozen times, and finds the limit it needs."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._known = True

    async def run(self, sender: str, to: str, data: str) -> tuple[bytes, int]:
        """(output, gas). Raises ChainError with the contract's reason, or `UNSAID`, when it would revert."""
        call = {"from": sender, "to": to, "data": data}
        if self._known:
            try:
                found = await self._rpc.request("eth_simulateV1", {"blockStateCalls": [{"calls": [call]}]}, "pending")
            except ChainUnreachable:
                raise
            except ChainError as error:
                # Whatever it refuses: the older questions tell why. A method it does not have it will not have later.
                self._known = "method" not in str(error).lower()
            else:
                return _read(found)
        try:
            output, gas = await asyncio.gather(
                self._rpc.request("eth_call", call, "pending"), self._rpc.request("eth_estimateGas", call, "pending")
            )
        except ChainError as error:
            raise refused(error) from None
        return hex_bytes(output), quantity(gas)


def _read(found: Any) -> tuple[bytes, int]:
    try:
        (done,) = found[0]["calls"]
        output, gas, passed = hex_bytes(done["returnData"]), quantity(done["gasUsed"]), quantity(done["status"]) == 1
        said = "" if passed else (done.get("error") or {}).get("data") or done["returnData"]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise nonsense(error) from None
    if not passed:
        reason = revert_reason("", said) or UNSAID
        raise ChainError(f"reverted: {reason}", reason)
    return output, gas
