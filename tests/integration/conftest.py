# SPDX-License-Identifier: AGPL-3.0-only
"""A chain that mines only when told to, for tests of what waits in its pool."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.helpers.anvil import Anvil, rpc


@pytest.fixture(scope="module")
def still_chain(request: pytest.FixtureRequest) -> Iterator[Anvil]:
    """Its module's KEY has ether."""
    with Anvil("--no-mining") as anvil:
        rpc(anvil.url, "anvil_setBalance", request.module.KEY.address, hex(10**19))
        yield anvil


@pytest.fixture
def still(still_chain: Anvil) -> Iterator[Anvil]:
    """The same for each test, with nothing waiting."""
    before = rpc(still_chain.url, "evm_snapshot")
    yield still_chain
    rpc(still_chain.url, "anvil_dropAllTransactions")
    assert rpc(still_chain.url, "evm_revert", before)
