# SPDX-License-Identifier: AGPL-3.0-only
"""The code that every index runs, put in place: auction house, extension, core, factory."""

from __future__ import annotations

from typing import Any

from scripts.artifacts import compile_contract

from tests.helpers.contracts import deployer
from tests.helpers.revm import Chain, Contract


def deploy_implementation() -> Any:
    """In titanoboa."""
    house = deployer("AuctionHouse").deploy()
    extension = deployer("IndexVaultExtension").deploy(house.address)
    return deployer("IndexVault").deploy(extension.address)


def deploy_factory() -> Any:
    """In titanoboa; its indices ask `auction_house` for their house."""
    return deployer("IndexFactory").deploy(deploy_implementation().address)


def factory_on(chain: Chain) -> Contract:
    """In pyrevm."""
    house = chain.deploy(compile_contract("AuctionHouse"))
    extension = chain.deploy(compile_contract("IndexVaultExtension"), house.address)
    implementation = chain.deploy(compile_contract("IndexVault"), extension.address)
    return chain.deploy(compile_contract("IndexFactory"), implementation.address)
