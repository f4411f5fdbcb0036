# SPDX-License-Identifier: AGPL-3.0-only
"""How a signed row looks on the wire: strict JSON, prices as decimal text so that no reader rounds them.

{"reporter": 1, "epoch": 1, "timestamp": 1678492800, "prices": ["2012345000000", "0"], "r": "0x...", "vs": "0x...",
 "method": "0123456789abcdef"}

`method` is said, not signed: a hash of what the reporter runs, for whoever wonders why a row differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from plumbline.core.models import Row, SignedRow
from plumbline.core.units import MAX_LANE
from plumbline.errors import RowError

MAX_ROW_BYTES = 4_096
"""32 prices of 19 digits and the rest need 1,100."""

MAX_ROWS_BYTES = 62 * MAX_ROW_BYTES
"""Two rows of each of 31 reporters."""

_Word = Annotated[str, Meta(pattern=r"^0x[0-9a-f]{64}\Z")]
_Price = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,18})\Z")]


_Method = Annotated[str, Meta(pattern=r"^([0-9a-f]{16})?\Z")]


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    reporter: Annotated[int, Meta(ge=1, le=31)]
    epoch: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    timestamp: Annotated[int, Meta(ge=0, lt=2**40)]
    prices: Annotated[list[_Price], Meta(min_length=1, max_length=32)]
    r: _Word
    vs: _Word
    method: _Method = ""


_decoder = msgspec.json.Decoder(_Wire)
_list_decoder = msgspec.json.Decoder(list[_Wire])


def encode_row(signed: SignedRow) -> bytes:
    return msgspec.json.encode(_wire(signed))


def encode_rows(rows: Sequence[SignedRow]) -> bytes:
    return msgspec.json.encode([_wire(signed) for signed in rows])


def _wire(signed: SignedRow) -> _Wire:
    return _Wire(
        reporter=signed.reporter,
        epoch=signed.row.epoch,
        timestamp=signed.row.timestamp,
        prices=[str(price) for price in signed.row.prices],
        r=f"0x{signed.r:064x}",
        vs=f"0x{signed.vs:064x}",
        method=signed.method,
    )


def decode_row(body: bytes) -> SignedRow:
    """Its shape only: whose signature it is is for `plumbline.chain.admission` to say. Raises RowError."""
    if len(body) > MAX_ROW_BYTES:
        raise RowError(f"row: expected at most {MAX_ROW_BYTES} bytes, got {len(body)}")
    try:
        wire = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RowError(f"row: {str(error)[:200]}") from None
    return _row(wire)


def decode_rows(body: bytes) -> list[SignedRow]:
    """The same of a list of rows. Raises RowError."""
    try:
        wires = _list_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RowError(f"rows: {str(error)[:200]}") from None
    return [_row(wire) for wire in wires]


def _row(wire: _Wire) -> SignedRow:
    prices = tuple(int(price) for price in wire.prices)
    if max(prices) > MAX_LANE:
        raise RowError(f"row: expected prices of at most 2**63 - 1, got {max(prices)}")
    row = Row(wire.epoch, wire.timestamp, prices)
    return SignedRow(wire.reporter, row, int(wire.r, 16), int(wire.vs, 16), wire.method)
