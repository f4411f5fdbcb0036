# SPDX-License-Identifier: AGPL-3.0-only
"""A chain that makes blocks only for transactions: its last block is old, and that must not keep rounds away."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.helpers.anvil import Anvil, rpc
from tests.integration.node import RELAYER_KEY, deploy_oracle
from tests.offchain.fakes import KEYS, signed_row

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import Sender
from plumbline.config import TxConfig

pytestmark = pytest.mark.anvil


def test_submit__last_block_is_a_minute_old__is_simulated_and_mined_in_the_present():
    # Deployed in the past; from then on the chain's time is ours again, but no block says so.
    with Anvil("--timestamp", str(int(time.time()) - 60)) as anvil:
        address = deploy_oracle(anvil.url, reporters=[key.address for key in KEYS[:5]])
        block = rpc(anvil.url, "eth_getBlockByNumber", "latest", False)
        rpc(anvil.url, "evm_setTime", int(time.time()))
        now_s = int(time.time())
        assert now_s - int(block["timestamp"], 16) > 50
        rows = [signed_row(i, now_s, address=address) for i in (1, 2, 3)]

        async def main() -> None:
            async with Rpc([anvil.url], timeout_s=5) as client:
                oracle = ChainOracle(client, address, Sender(client, RELAYER_KEY, TxConfig()))
                await oracle.simulate(now_s, rows)
                await oracle.submit(now_s, rows)
                assert await oracle.latest_round() == (1, now_s)

        asyncio.run(main())
