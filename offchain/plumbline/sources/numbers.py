# SPDX-License-Identifier: AGPL-3.0-only
"""From a frame's own characters to exact integers; no float is ever made of a price or a size."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from plumbline.core.units import WAD, WAD_DECIMALS, parse_wad
from plumbline.errors import SourceError

MAX_VALUE_WAD: Final = 10**15 * WAD
"""No price and no size is larger; what is, is an exponent or unit gone wrong."""
UNIT: Final[tuple[int, ...]] = tuple(10 ** (WAD_DECIMALS - places) for places in range(WAD_DECIMALS + 1))
"""By the number of decimals: what the last of them is worth, times 1e18."""
SHORT: Final = 15
"""With no more characters a value is below the largest, and not too fine."""
_ZEROS: Final = frozenset({"0", *(f"0.{'0' * places}" for places in range(1, WAD_DECIMALS + 1))})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An RFC 3339 time; one without a zone is refused."""


class Wire(msgspec.Struct, gc=False):
    """Part of a venue's frame. It lives for one frame and holds no cycle: the collector need not know of it."""


class FrameError(SourceError):
    """`reason` is one of a few words, fit for a metric's label; the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def positive(text: str, what: str) -> int:
    """A price or size, times 1e18: above 0 and at most 1e15. Raises FrameError(what)."""
    # What venues send is a plain decimal, read here in a third of the time that the full grammar takes below.
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if len(text) <= SHORT and whole and digits.isdigit() and digits.isascii():
        value_wad = int(digits) * UNIT[len(fraction)]
        if value_wad:
            return value_wad
    try:
        value_wad = parse_wad(text)
    except ValueError as error:
        raise FrameError(what, str(error)) from None
    if not 0 < value_wad <= MAX_VALUE_WAD:
        raise FrameError(what, f"expected more than 0 and at most {MAX_VALUE_WAD // WAD}, got {text[:40]!r}")
    return value_wad


def both_positive(price: bytes, size: bytes) -> tuple[int, int]:
    """A trade's price and size, each as `positive` reads it."""
    if len(price) <= SHORT and len(size) <= SHORT:
        whole, _, fraction = price.partition(b".")
        units, _, parts = size.partition(b".")
        digits, count = whole + fraction, units + parts
        if whole and units and digits.isdigit() and count.isdigit():
            price_wad, size_wad = int(digits) * UNIT[len(fraction)], int(count) * UNIT[len(parts)]
            if price_wad and size_wad:
                return price_wad, size_wad
    return positive(price.decode(), "price"), positive(size.decode(), "size")


def not_negative(text: str, what: str) -> int:
    """The same where 0 means that nothing is there."""
    return 0 if text in _ZEROS else positive(text, what)


def milliseconds(at: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    since = at - _EPOCH
    return since.days * _DAY_MS + since.seconds * 1_000 + since.microseconds // 1_000


def whole(text: str, what: str) -> int:
    """A count, an id or a time that a venue sends as text. Raises FrameError unless it is a plain number."""
    if len(text) > 20 or not (text.isascii() and text.isdigit()):
        raise FrameError("malformed", f"{what} {text[:40]!r}, expected a number")
    return int(text)


def number_text(raw: msgspec.Raw) -> str:
    """The characters of a JSON number as the venue wrote them: exact, where a float would not be.

    Raises:
        UnicodeDecodeError: no number: text beyond ASCII. `Codec.decode` counts it as malformed.
    """
    return str(raw, "ascii")


def seconds_text_ms(text: str, what: str) -> int:
    """ "1762795433.9717445" seconds as milliseconds, rounded down."""
    seconds, _, fraction = text.partition(".")
    return whole(seconds, what) * 1_000 + whole(f"{fraction:0<3}"[:3], what)
