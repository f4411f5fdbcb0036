# SPDX-License-Identifier: AGPL-3.0-only
"""Reporters and a relayer against the real MedianOracle on Anvil, over real HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.helpers.anvil import Anvil
from tests.integration.node import deploy_oracle, network
from tests.offchain.fakes import KEYS

pytestmark = pytest.mark.anvil
REPORTERS = [key.address for key in KEYS[:5]]


def test_network__five_reporters_and_a_relayer__rounds_are_published_and_follow_the_market(
    anvil: Anvil, tmp_path: Path
):
    oracle = deploy_oracle(anvil.url, reporters=REPORTERS)

    async def main() -> None:
        async with network(anvil.url, oracle, tmp_path) as net:
            first = await net.round_after(0)
            answers = await net.reader.answers()
            assert [answer.price for answer in answers] == [20_000 * 10**8, 10**8]
            net.prices["BTC/USD"] = 20_100
            await net.round_after(first)
            answers = await net.reader.answers()
            assert answers[0].price in (20_000 * 10**8, 20_100 * 10**8)

    asyncio.run(main())
