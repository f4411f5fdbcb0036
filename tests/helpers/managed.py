# SPDX-License-Identifier: AGPL-3.0-only
"""A deployment as `ape run manage` finds it, and actions sent by its owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.deployment import cast, record
from scripts.deployment.cast import Parameters
from scripts.management.actions import Action, Target

from tests.helpers.anvil import Anvil, rpc
from tests.helpers.stage import deployed

OWNER, STRANGER = cast.address("owner"), cast.address("trader")


@contextmanager
def managed(folder: Path) -> Iterator[tuple[Anvil, Target]]:
    """Its record is kept in the folder."""
    with deployed(Parameters(heartbeat_s=600)) as (anvil, chain):
        yield anvil, Target(chain.web3, record.write(chain, folder / "local.json"))


def send(target: Target, action: Action, sender: str = OWNER) -> None:
    call = target.contract(action.contract).functions[action.function](*action.arguments)
    receipt = target.web3.eth.wait_for_transaction_receipt(call.transact({"from": sender}))
    assert receipt["status"] == 1


def later(target: Target, seconds: int) -> None:
    url = str(target.web3.provider.endpoint_uri)
    rpc(url, "evm_increaseTime", seconds)
    rpc(url, "evm_mine")
