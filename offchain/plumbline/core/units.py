# SPDX-License-Identifier: AGPL-3.0-only
"""Exact scaled integers: parsing, rescaling, rounding. No float ever touches a price."""

from __future__ import annotations

import re
from typing import Final

WAD_DECIMALS: Final = 18
WAD: Final = 10**WAD_DECIMALS
MAX_BPS: Final = 10_000
MAX_LANE: Final = 2**63 - 1
"""The largest price a 64-bit lane of the oracle holds (its top bit is a flag)."""

_DECIMAL = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,60}))?(?:[eE]([+-]?[0-9]{1,3}))?")


def parse_wad(text: str) -> int:
    """Parse an unsigned decimal ("27123.45", "1e-5") to an integer times 1e18, exactly.

    Digits beyond the 18th decimal must be zero: nothing is rounded silently.

    Raises:
        ValueError: not a plain unsigned decimal, or finer than 1e-18.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"not an unsigned decimal: {text[:40]!r}")
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    digits, shift = int(whole + fraction), WAD_DECIMALS - len(fraction) + exponent
    if shift >= 0:
        return int(digits * 10**shift)
    quotient, rest = divmod(digits, 10**-shift)
    if rest:
        raise ValueError(f"finer than 1e-18: {text[:40]!r}")
    return int(quotient)


def format_wad(value_wad: int, places: int = 2) -> str:
    """Show a WAD integer with `places` decimals, rounded half up: for people, never for computing."""
    sign, value = ("-", -value_wad) if value_wad < 0 else ("", value_wad)
    scaled = (value * 10**places + WAD // 2) // WAD
    whole, fraction = divmod(scaled, 10**places)
    return f"{sign}{whole:,}" + (f".{fraction:0{places}d}" if places else "")


def rescale(value: int, decimals_from: int, decimals_to: int) -> int:
    """Change the decimals of a non-negative integer, rounding half up when precision is lost."""
    if decimals_to >= decimals_from:
        return int(value * 10 ** (decimals_to - decimals_from))
    unit = 10 ** (decimals_from - decimals_to)
    return int((value + unit // 2) // unit)
