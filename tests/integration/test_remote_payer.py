# SPDX-License-Identifier: AGPL-3.0-only
"""Transactions that are paid by a key this process does not have."""

from __future__ import annotations

import asyncio

import pytest
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.web3signer import web3signer

from plumbline.chain.remote_signer import RemoteSigner
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.chain.tx import Sender
from plumbline.config import SignerConfig, TxConfig
from plumbline.errors import ChainError
from plumbline.transport.peer import peer_client

pytestmark = pytest.mark.anvil
SECRET = bytes([9] * 32)
ADDRESS = LocalKey(SECRET).address
STRANGER = "0x000000000000000000000000000000000000dEaD"


def test_send__key_is_behind_a_remote_signer__is_mined_and_what_it_does_not_sign_never_leaves(anvil: Anvil):
    rpc(anvil.url, "anvil_setBalance", ADDRESS, hex(10**19))

    async def main() -> None:
        async with web3signer(SECRET) as server, peer_client() as client, Rpc([anvil.url], timeout_s=5) as chain:
            signer = RemoteSigner(SignerConfig(server.url, ADDRESS, timeout_s=0.3), client)
            sender = Sender(chain, signer, TxConfig(), poll_s=0.01)
            mined = await sender.send(STRANGER, "0x", value_wei=5)
            assert mined["status"] == 1
            for fault, why in (("500", "HTTP 500"), ("hangs", "no answer"), ("wrong key", "expected a signature of")):
                server.fault = fault
                with pytest.raises(ChainError, match=f"not signed: signer .*{why}"):
                    await sender.send(STRANGER, "0x", value_wei=5)
            server.fault = ""
            await sender.send(STRANGER, "0x", value_wei=5)

    asyncio.run(main())
    assert int(rpc(anvil.url, "eth_getTransactionCount", ADDRESS, "latest"), 16) == 2
    assert int(rpc(anvil.url, "eth_getBalance", STRANGER, "latest"), 16) == 10
