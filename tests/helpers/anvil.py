# SPDX-License-Identifier: AGPL-3.0-only
"""A chain for a test: `with Anvil() as anvil: ... anvil.url`, and raw JSON-RPC for what web3 has no name for."""

from __future__ import annotations

from itertools import count
from typing import Any

import httpx

from plumbline.supervisor.anvil import Anvil

__all__ = ["Anvil", "rpc"]

_ids = count(1)


def rpc(url: str, method: str, *params: Any) -> Any:
    """One JSON-RPC call; an error of the node fails the test with the node's own words."""
    body = {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": list(params)}
    answer = httpx.post(url, json=body, timeout=30).json()
    assert "error" not in answer, f"{method}: {answer['error']}"
    return answer["result"]
