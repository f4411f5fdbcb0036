# SPDX-License-Identifier: AGPL-3.0-only
"""What a sender says of a transaction that would revert, before anything is signed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from plumbline.chain.rpc import refusal
from plumbline.chain.tx import Sender
from plumbline.config import TxConfig
from plumbline.errors import ChainError


class Node:
    """Knows nothing but the estimate, and raises that."""

    def __init__(self, said: Any) -> None:
        self._said = said

    async def request(self, method: str, *params: Any) -> Any:
        assert method == "eth_estimateGas"
        raise refusal(self._said)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"message": "execution reverted: claims: nothing"}, "claims: nothing"),
        # A token's custom error, from a node that does not word it.
        ({"message": "execution reverted", "data": "0xd93c0665"}, "without a reason"),
        ({"message": "header not found"}, ""),
    ],
)
def test_send__would_revert__is_refused_with_a_reason_even_if_there_is_none(said, reason):
    key = SimpleNamespace(address="0x" + "11" * 20)
    sender = Sender(cast(Any, Node(said)), cast(Any, key), TxConfig())
    with pytest.raises(ChainError) as caught:
        asyncio.run(sender.send("0x" + "22" * 20, "0x"))
    assert caught.value.reason == reason
