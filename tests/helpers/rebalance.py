# SPDX-License-Identifier: AGPL-3.0-only
"""A rebalance of the deployed index, for tests of what shows and counts it."""

from __future__ import annotations

from typing import Any

from scripts.artifacts import compile_contract
from scripts.deployment import cast, steps
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain

from tests.helpers.anvil import rpc

KEEP = 2**256 - 1
WAD = 10**18


def functions(chain: Chain, key: str) -> Any:
    """Of one of our contracts in the deployment."""
    return chain.at(key, compile_contract(chain.deployed[key].contract).abi).functions


def open_usdc_into_eurc(chain: Chain, parameters: Parameters) -> None:
    """Four of the 25 USDC of a share are to become EURC: proposed, opened a day later, with a round to bid at."""
    house, vault, owner = functions(chain, "auction house"), chain.address("vault"), cast.address("owner")
    units = [KEEP, 21_000_000 * WAD, KEEP, 30_000_000 * WAD]
    chain.send(house.propose(vault, (units, [], 0, 10_050, 9_950, 3_600, 3_600)), owner)
    pass_time(chain, 86_401)
    chain.send(house.open(vault), owner)
    steps.opening_round(chain, parameters)
    eurc = functions(chain, "token EURC")
    for step in (eurc.mint(owner, 10**15), eurc.approve(vault, KEEP)):
        chain.send(step, owner)


def bid_a_quarter(chain: Chain) -> None:
    """The owner takes a quarter of the USDC that is left to be sold."""
    house, vault = functions(chain, "auction house"), chain.address("vault")
    left = house.lots(vault).call()[0][1]
    tokens = chain.address("token USDC"), chain.address("token EURC")
    chain.send(house.bid(vault, *tokens, left // 4, 0, KEEP, b""), cast.address("owner"))


def pass_time(chain: Chain, seconds: int) -> None:
    url = str(chain.web3.provider.endpoint_uri)
    rpc(url, "evm_increaseTime", seconds)
    rpc(url, "evm_mine")
