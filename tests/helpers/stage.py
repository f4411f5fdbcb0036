# SPDX-License-Identifier: AGPL-3.0-only
"""A chain with everything deployed, as `ape run deploy` leaves one: `with deployed(parameters) as (anvil, chain): ...`

A process deploys once for each set of parameters; who comes later gets a chain of its own with the same state.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from scripts.deployment import steps
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain, Deployed
from web3 import HTTPProvider, Web3

from tests.helpers.anvil import Anvil, rpc

_dumps: dict[Parameters, tuple[str, dict[str, Deployed]]] = {}


@contextmanager
def connected(url: str) -> Iterator[Web3]:
    """A Web3 whose sockets are closed in the end."""
    with requests.Session() as session:
        yield Web3(HTTPProvider(url, request_kwargs={"timeout": 30}, session=session))


@contextmanager
def deployed(parameters: Parameters) -> Iterator[tuple[Anvil, Chain]]:
    """Everything deployed, the opening round signed, the pools open. A block for each transaction."""
    with Anvil() as anvil, connected(anvil.url) as web3:
        chain = Chain(web3)
        if parameters in _dumps:
            state, known = _dumps[parameters]
            assert rpc(anvil.url, "anvil_loadState", state)
            chain.deployed.update(known)
        else:
            steps.deploy(chain, parameters)
            steps.opening_round(chain, parameters)
            steps.open_market(chain, parameters)
            _dumps[parameters] = rpc(anvil.url, "anvil_dumpState"), dict(chain.deployed)
        yield anvil, chain


@contextmanager
def undone(url: str) -> Iterator[None]:
    """What happens on the chain inside is taken back."""
    before = rpc(url, "evm_snapshot")
    yield
    assert rpc(url, "evm_revert", before)
