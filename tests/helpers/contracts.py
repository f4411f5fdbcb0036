# SPDX-License-Identifier: AGPL-3.0-only
"""Contracts for titanoboa by name: `deployer("MockERC20").deploy("Name", "SYM", 18)`; compiled once per process."""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import Any

import boa
from boa.contracts.vyper.vyper_contract import VyperContract, VyperDeployer
from scripts.artifacts import EVM_VERSION, ROOT, sources
from vyper.compiler.phases import CompilerData
from vyper.compiler.settings import anchor_settings
from vyper.ir.compile_ir import assembly_to_evm

boa.interpret.set_search_paths([str(ROOT)])
# Left to itself it would write into the home of whoever runs the tests.
boa.interpret.set_cache_dir(os.environ.get("TITANOBOA_CACHE", ROOT / ".cache" / "titanoboa"))


@cache
def deployer(name: str) -> VyperDeployer:
    # Compiled contracts are some hundred thousand objects that all stay: walking them again and again, looking for
    # garbage, was three quarters of what loading took, and seconds of every test file after it.
    gc.disable()
    try:
        return boa.load_partial(str(sources()[name]), compiler_args={"evm_version": EVM_VERSION})
    finally:
        gc.enable()
        gc.freeze()


@cache
def _deployment_source_map(compiled: CompilerData) -> Any:
    with anchor_settings(compiled.settings):
        return assembly_to_evm(compiled.assembly)[1]


# titanoboa assembles the same code anew for each deployment of it, which was half of the time of most tests.
VyperContract._deployment_source_map = property(lambda self: _deployment_source_map(self.compiler_data))
