# SPDX-License-Identifier: AGPL-3.0-only
"""A chain for a test: `with Anvil() as anvil: ... anvil.url`, an oracle on it, and raw JSON-RPC."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import httpx
from scripts.artifacts import compile_contract
from web3 import Web3

from plumbline.supervisor.anvil import Anvil
from tests.helpers.feeds import Terms

__all__ = ["Anvil", "deploy_oracle", "rpc"]

_ids = count(1)


def rpc(url: str, method: str, *params: Any) -> Any:
    """One JSON-RPC call; an error of the node fails the test with the node's own words."""
    body = {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": list(params)}
    answer = httpx.post(url, json=body, timeout=30).json()
    assert "error" not in answer, f"{method}: {answer['error']}"
    return answer["result"]


def deploy_oracle(web3: Web3, feeds: Any, reporters: Sequence[str], terms: Terms, owner: str, guardian: str) -> str:
    """The address of a MedianOracle for one faulty reporter, with a writer of its own; the first account pays."""
    terms = terms._replace(writer=_deploy(web3, "FeedSetWriter"))
    return _deploy(web3, "MedianOracle", feeds, reporters, 1, tuple(terms), owner, guardian)


def _deploy(web3: Web3, name: str, *arguments: Any) -> str:
    artifact = compile_contract(name)
    constructor = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode).constructor(*arguments)
    sent = constructor.transact({"from": web3.eth.accounts[0]})
    return str(web3.eth.wait_for_transaction_receipt(sent)["contractAddress"])
