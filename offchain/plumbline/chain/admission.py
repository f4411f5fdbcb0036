# SPDX-License-Identifier: AGPL-3.0-only
"""Which rows of others a node believes: exactly those the contract will."""

from __future__ import annotations

from plumbline.chain.signing import recover
from plumbline.chain.typed_data import row_digest
from plumbline.core.models import SignedRow
from plumbline.errors import RowError
from plumbline.ports import OracleConfig


def admit(signed: SignedRow, timestamp: int, config: OracleConfig, domain: bytes) -> None:
    """Check a row that was asked for round `timestamp`; `domain` is the oracle's separator.

    Raises:
        RowError: `kind` is "timestamp", "epoch", "shape", "reporter" or "signature".
    """
    row = signed.row
    if row.timestamp != timestamp:
        raise RowError(f"timestamp: expected {timestamp}, got {row.timestamp}", "timestamp")
    if row.epoch != config.epoch:
        raise RowError(f"epoch: expected {config.epoch}, got {row.epoch}", "epoch")
    if len(row.prices) != len(config.feeds):
        raise RowError(f"prices: expected {len(config.feeds)}, got {len(row.prices)}", "shape")
    if not 1 <= signed.reporter <= len(config.reporters):
        raise RowError(f"reporter: expected 1 .. {len(config.reporters)}, got {signed.reporter}", "reporter")
    expected, signer = config.reporters[signed.reporter - 1], recover(row_digest(domain, row), signed.r, signed.vs)
    if signer != expected:
        raise RowError(f"signature: expected one of {expected}, got one of {signer}", "signature")
