# SPDX-License-Identifier: AGPL-3.0-only
"""Deploys oracles, each with a writer of its own: on pyrevm and on titanoboa."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.artifacts import compile_contract

from tests.helpers.contracts import deployer
from tests.helpers.feeds import GUARDIAN, OWNER, Feed, Terms
from tests.helpers.revm import Chain, Contract


def on_revm(chain: Chain, feeds: Sequence[Feed], reporters: Sequence[str], faulty: int, terms: Terms) -> Contract:
    writer = chain.deploy(compile_contract("FeedSetWriter")).address
    artifact = compile_contract("MedianOracle")
    return chain.deploy(artifact, feeds, reporters, faulty, terms._replace(writer=writer), OWNER, GUARDIAN)


def on_boa(
    feeds: Sequence[Feed], reporters: Sequence[str], faulty: int, terms: Terms, owner: str = OWNER, **at: Any
) -> Any:
    """at: `override_address=` of the oracle."""
    terms = terms._replace(writer=deployer("FeedSetWriter").deploy().address)
    return deployer("MedianOracle").deploy(feeds, reporters, faulty, terms, owner, GUARDIAN, **at)
