# SPDX-License-Identifier: AGPL-3.0-only
"""Contracts for titanoboa by name: `deployer("MockERC20").deploy("Name", "SYM", 18)`; compiled once per process."""

from __future__ import annotations

from functools import cache

import boa
from boa.contracts.vyper.vyper_contract import VyperDeployer
from scripts.artifacts import EVM_VERSION, ROOT, sources

boa.interpret.set_search_paths([str(ROOT)])


@cache
def deployer(name: str) -> VyperDeployer:
    return boa.load_partial(str(sources()[name]), compiler_args={"evm_version": EVM_VERSION})
