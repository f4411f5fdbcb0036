# SPDX-License-Identifier: AGPL-3.0-only
"""The exchanges: one file each, a pure codec of its public trades and books; `websocket` runs any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plumbline.errors import SourceError
from plumbline.sources.binance import BinanceCodec
from plumbline.sources.bitfinex import BitfinexCodec
from plumbline.sources.bitstamp import BitstampCodec
from plumbline.sources.bybit import BybitCodec
from plumbline.sources.codec import Books, Codec
from plumbline.sources.coinbase import CoinbaseCodec
from plumbline.sources.cryptocom import CryptocomCodec
from plumbline.sources.gate import GateCodec
from plumbline.sources.gemini import GeminiCodec
from plumbline.sources.kraken import KrakenCodec
from plumbline.sources.okx import OkxCodec

CODECS: Final[dict[str, type[Codec[Any]]]] = {
    codec.venue: codec
    for codec in (
        BinanceCodec,
        BitfinexCodec,
        BitstampCodec,
        BybitCodec,
        CoinbaseCodec,
        CryptocomCodec,
        GateCodec,
        GeminiCodec,
        KrakenCodec,
        OkxCodec,
    )
}


def codec_of(venue: str, symbols: Sequence[str], books: Books = "none") -> Codec[Any]:
    """The codec of a venue for these canonical symbols, with their books if asked for.

    Raises:
        SourceError: no adapter of that name, a symbol the venue has no market for, or depth where only the top is read.
    """
    codec = CODECS.get(venue)
    if codec is None:
        raise SourceError(f"no adapter for venue {venue!r}; there are: {', '.join(sorted(CODECS))}")
    return codec(symbols, books)
