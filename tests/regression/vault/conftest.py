# SPDX-License-Identifier: AGPL-3.0-only
"""The stage of the vault's unit tests, for the findings that are about the vault."""

from __future__ import annotations

from tests.unit.vault.conftest import (
    attacker,
    create,
    depositor,
    factory,
    fee_recipient,
    held,
    house,
    implementation,
    interface,
    oracle,
    owner,
    params,
    receiver,
    stage,
    stranger,
    tokens,
    vault,
)

__all__ = [
    "attacker",
    "create",
    "depositor",
    "factory",
    "fee_recipient",
    "held",
    "house",
    "implementation",
    "interface",
    "oracle",
    "owner",
    "params",
    "receiver",
    "stage",
    "stranger",
    "tokens",
    "vault",
]
