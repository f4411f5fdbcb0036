# SPDX-License-Identifier: AGPL-3.0-only
"""Recorded one-minute bars as exact integers: the tape of a replay, and the data of the index bench.

A recording is a Parquet file with the columns exchange, symbol, t (seconds, when the bar opens), open, high, low,
close, volume (base units) and optionally trades; nothing in it is cleaned here. Exchanges keep their recorded names
("binanceus" is Binance.US, "binance" is binance.com), symbols get their canonical ones.

The recordings hold doubles. A double's shortest decimal is what the exchange printed ("22121.61"), so the integer is
taken from that decimal and never from the binary fraction; what float addition left behind the 18th decimal of a
volume is rounded away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any, Final

from plumbline.core.models import Trade
from plumbline.core.units import WAD_DECIMALS
from plumbline.errors import ConfigError

MINUTE_S: Final = 60
COLUMNS: Final = ("exchange", "symbol", "t", "open", "high", "low", "close", "volume")
BASES: Final = {"XBT": "BTC"}
"""Exchanges' own names of a currency -> the one used everywhere here."""
QUOTES: Final = ("USDT", "USDC", "USD", "EUR")
"""The quote currencies a run-together symbol can end in."""
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of one venue's market; prices in quote units and volume in base units, times 1e18."""

    venue: str
    symbol: str
    start_s: int
    open_wad: int
    high_wad: int
    low_wad: int
    close_wad: int
    volume_wad: int

    @property
    def end_s(self) -> int:
        """The first second after the bar: its close is known from then on, not before."""
        return self.start_s + MINUTE_S

    def trade(self) -> Trade | None:
        """The bar as one trade of its whole volume at its close, in its last millisecond.

        None for a bar without volume: nothing was traded, the bar is a forward fill.
        """
        if self.volume_wad == 0:
            return None
        return Trade(self.venue, self.symbol, self.close_wad, self.volume_wad, self.end_s * 1000 - 1)


def canonical_symbol(symbol: str) -> str:
    """ "XBTUSDT", "BTC-USDT" and "BTC_USDT" are all "BTC/USDT".

    Raises:
        ValueError: the quote currency is none of those known here.
    """
    joined = symbol.replace("-", "").replace("_", "").replace("/", "")
    quote = next((q for q in QUOTES if joined.endswith(q) and joined != q), None)
    if quote is None:
        raise ValueError(f"cannot tell the quote currency of {symbol!r}; known: {', '.join(QUOTES)}")
    base = joined.removesuffix(quote)
    return f"{BASES.get(base, base)}/{quote}"


def wad_of_double(value: float) -> int:
    """A recorded double's shortest decimal, times 1e18, half to even behind the 18th decimal."""
    return int(Decimal(repr(value)).scaleb(WAD_DECIMALS, _WIDE).to_integral_value(ROUND_HALF_EVEN, _WIDE))


def read_bars(path: Path, start_s: int, end_s: int) -> list[Bar]:
    """The bars that open in [start_s, end_s), by time, venue and symbol.

    Raises:
        ConfigError: no such file, no Parquet reader installed, or not a recording of bars.
    """
    table = _read_table(path, COLUMNS, [("t", ">=", start_s), ("t", "<", end_s)])
    columns: list[list[Any]] = [table.column(name).to_pylist() for name in COLUMNS]
    try:
        symbols = {symbol: canonical_symbol(symbol) for symbol in set(columns[1])}
        bars = [
            Bar(venue, symbols[symbol], t, *(wad_of_double(value) for value in values))
            for venue, symbol, t, *values in zip(*columns, strict=True)
        ]
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ConfigError(f"{path}: expected known symbols and finite numbers in every bar: {error}") from error
    return sorted(bars, key=lambda bar: (bar.start_s, bar.venue, bar.symbol))


def covered_s(path: Path) -> tuple[int, int]:
    """When the first bar of a recording opens, and when its last one does.

    Raises:
        ConfigError: as `read_bars`, or a recording without any bar.
    """
    opened = _read_table(path, ("t",)).column("t")
    if not len(opened):
        raise ConfigError(f"{path}: expected at least one bar")
    from pyarrow import compute  # type: ignore[import-untyped]

    found = compute.min_max(opened).as_py()
    return found["min"], found["max"]


def trades_by_minute(bars: Iterable[Bar]) -> dict[int, list[Trade]]:
    """The trades known at each bar end, keyed by that second; minutes without any trade are absent."""
    minutes: dict[int, list[Trade]] = defaultdict(list)
    for bar in bars:
        trade = bar.trade()
        if trade is not None:
            minutes[bar.end_s].append(trade)
    return dict(minutes)


def _read_table(path: Path, columns: Sequence[str], filters: list[tuple[str, str, int]] | None = None) -> Any:
    if not path.is_file():
        raise ConfigError(f"{path}: no such recording; expected a Parquet file of one-minute bars")
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise ConfigError(
            f"{path}: expected pyarrow to read it with (pip install 'plumbline[recorded]'): {error}"
        ) from error
    try:
        return parquet.read_table(path, columns=list(columns), filters=filters)
    except ArrowInvalid as error:
        raise ConfigError(f"{path}: expected Parquet with the columns {', '.join(COLUMNS)}: {error}") from error
