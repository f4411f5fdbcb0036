# SPDX-License-Identifier: AGPL-3.0-only
"""What `ape console` finds ready: `oracle`, `vault`, `pool`, `feeds["BTC/USD"]`, `tokens["USDC"]`, and who is who.

Reads deployments/<network>.json, or the record that $PLUMBLINE_DEPLOYMENT names (a demo's).
"""

from __future__ import annotations

from typing import Any

from ethpm_types import ContractType
from scripts.artifacts import compile_contract
from scripts.deployment import cast, record

from plumbline.chain.abi import load_abi
from plumbline.chain.uniswap import artifact


def ape_init_extras(networks: Any, accounts: Any, Contract: Any) -> dict[str, Any]:
    """Called by Ape when the console opens."""
    provider = networks.active_provider
    try:
        deployment = record.read(record.path_of(provider.network.name), provider.web3)
    except record.RecordError as error:
        print(f"plumbline: {error}")  # noqa: T201 - the console opens without the names, and says why
        return {}

    def contract(key: str, abi: list[dict[str, Any]]) -> Any:
        known = deployment.contracts[key]
        return Contract(known.address, contract_type=ContractType(contractName=known.contract, abi=abi))

    def family(kind: str, abi: list[dict[str, Any]]) -> dict[str, Any]:
        keys = [key for key in deployment.contracts if key.startswith(f"{kind} ")]
        return {key.removeprefix(f"{kind} "): contract(key, abi) for key in keys}

    return {
        "oracle": contract("oracle", load_abi("MedianOracle")),
        "vault": contract("vault", load_abi("IndexVault")),
        "pool": contract("pool", artifact("UniswapV3Pool")["abi"]),
        "arbitrageur": contract("arbitrageur", load_abi("ParityArbitrageur")),
        "feeds": family("feed", load_abi("AggregatorAdapter")),
        # The mocks' ABI: on a local chain anybody may `tokens["WBTC"].mint(...)`.
        "tokens": family("token", compile_contract("MockERC20").abi),
        **{role.replace("-", "_"): accounts.test_accounts[i] for i, role in enumerate(cast.ROLES)},
    }
