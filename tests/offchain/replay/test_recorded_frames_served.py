# SPDX-License-Identifier: AGPL-3.0-only
"""The real sources on what exchanges really sent, over sockets: the recorded bytes, or older ones translated."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.helpers import recordings
from tests.helpers.ports import free_port
from tests.helpers.recordings import Told
from tests.helpers.streams import reading, run, until

from plumbline.config import ClockConfig, HttpConfig, ReplayConfig
from plumbline.config_venues import FaultConfig, TapeConfig
from plumbline.core.units import WAD
from plumbline.errors import ConfigError
from plumbline.replay.frames import Frame, FrameServer, recorded_frames
from plumbline.replay.service import serve
from plumbline.sources import codec_of
from plumbline.sources.websocket import WebSocketSource

FOLDER = "ws-raw-2021-04-17"
LATER_MS = 2_000_000_000_000


class LaterClock:
    def now_ms(self) -> int:
        return LATER_MS

    async def sleep_until_ms(self, at_ms: int) -> None:
        raise AssertionError("a source never waits for market time")


def market(native: str, quote_length: int = 3) -> str:
    return f"{native[:-quote_length]}/{native[-quote_length:]}".upper()


@pytest.mark.data
def test_bitstamp__its_recorded_bytes_untouched__every_trade(market_data: Path):
    """Bytes of a subscription that asked for more than we do: what we know nothing of is counted, not fatal."""
    path = market_data / FOLDER / "BITSTAMP.ws.19.0.gz"
    told = [trade for _, trades in recordings.bitstamp(path) for trade in trades]
    symbols = sorted({market(trade.native) for trade in told})

    async def test() -> None:
        async with FrameServer(recorded_frames(path), speed=1_000) as server:
            source = WebSocketSource(codec_of("bitstamp", symbols), LaterClock(), server.url)
            async with reading(source) as got:
                await until(lambda: server.told == len(list(recorded_frames(path))))
                await until(lambda: len(got) == len(told))
                assert source.stats.connections == 1
                assert set(source.stats.rejected) <= {"unknown message", "unknown market"}
        assert [(t.price_wad, t.size_wad, t.at_ms) for t in got] == [
            (int(t.price * WAD), int(t.size * WAD), t.at_ms) for t in told
        ]

    run(test())


@pytest.mark.data
@pytest.mark.parametrize(
    ("venue", "file", "translate", "symbol_of"),
    [
        ("binance", "BINANCE_US.ws.3.0.gz", recordings.binance, lambda n: market(n, 4 if n.endswith("USDT") else 3)),
        ("coinbase", "COINBASE.ws.28.0.gz", recordings.coinbase, lambda native: native.replace("-", "/")),
        ("kraken", "KRAKEN.ws.48.0.gz", recordings.kraken, lambda native: native),
        ("gemini", "GEMINI.ws.36.0.gz", recordings.gemini, market),
        ("gate", "GATEIO.ws.64.0.gz", recordings.gate, lambda native: native.replace("_", "/")),
    ],
)
def test_older_generations__translated_and_served__every_trade(
    market_data: Path,
    venue: str,
    file: str,
    translate: Callable[[Path], Iterator[tuple[bytes, list[Told]]]],
    symbol_of: Callable[[str], str],
):
    frames = list(translate(market_data / FOLDER / file))
    told = [trade for _, trades in frames for trade in trades]
    symbols = sorted({symbol_of(trade.native) for trade in told})

    async def test() -> None:
        async with FrameServer([Frame(0.0, frame) for frame, _ in frames]) as server:
            codec = codec_of(venue, symbols)
            codec.settle_s = 0.0  # type: ignore[misc]
            source = WebSocketSource(codec, LaterClock(), server.url)
            async with reading(source) as got:
                await until(lambda: len(got) == len(told))
                assert not source.stats.rejected
        assert [(t.price_wad, t.size_wad) for t in got] == [(int(t.price * WAD), int(t.size * WAD)) for t in told]

    run(test())


@pytest.mark.data
def test_kraken__recorded_books_served__are_the_venues_at_the_end(market_data: Path):
    from plumbline.sources.kraken import KrakenCodec

    frames = list(recordings.kraken_books(market_data / FOLDER / "KRAKEN.ws.50.0.gz"))
    models = {native: model for _, native, model in frames}

    class Deep(KrakenCodec):
        depth = 1000

    async def test() -> None:
        async with FrameServer([Frame(0.0, frame) for frame, _, _ in frames]) as server:
            source = WebSocketSource(Deep(sorted(models), "depth"), LaterClock(), server.url)
            async with reading(source):
                await until(lambda: source.stats.frames == len(frames), 20)
                for native, model in models.items():
                    book = source.book(native)
                    assert book is not None
                    assert list(book.bids[:10]) == model.best("bids", 10)
                assert not source.stats.dropped

    run(test())


def test_pace__is_the_recordings(tmp_path: Path):
    path = tmp_path / "recording.gz"
    with gzip.open(path, "wt") as file:
        file.write('wss://x <-> 1.0\nwss://x <- 1.5: {"subscribe":1}\n10.0: {"a":1}\n10.25: {"b":2}\n12.5: [3]\n')
    assert list(recorded_frames(path)) == [Frame(0.0, b'{"a":1}'), Frame(0.25, b'{"b":2}'), Frame(2.5, b"[3]")]


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"nothing of use\n", mtime=0), gzip.compress(b"1.0: {}", mtime=0)[:-9]],
    ids=["empty", "no gzip", "of nothing", "cut short"],
)
def test_recording__that_is_none__is_said(tmp_path: Path, content: bytes):
    path = tmp_path / "recording.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"recording\.gz: expected"):
        list(recorded_frames(path))


def test_frames_as_a_tape__are_served_at_the_clocks_speed_from_the_config(tmp_path: Path):
    path = tmp_path / "recording.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(
            f'{100 + n}.0: {{"e":"trade","s":"BTCUSDT","t":{n},"p":"5","q":"1","T":{n + 1}}}\n' for n in range(9)
        )

    async def test() -> None:
        port = free_port()
        listen, clock = HttpConfig(port=port), ClockConfig(speed=1_000)
        serving = asyncio.create_task(serve(ReplayConfig(listen, clock, TapeConfig("frames", file=path))))
        source = WebSocketSource(codec_of("binance", ["BTC/USDT"]), LaterClock(), f"ws://127.0.0.1:{port}")
        async with reading(source) as got:
            await until(lambda: len(got) == 9)
        assert [trade.at_ms for trade in got] == list(range(1, 10))
        serving.cancel()
        await asyncio.wait([serving])

    run(test())


def test_frames_as_a_tape__with_faults__is_refused():
    tape = TapeConfig("frames", file=Path("recording.gz"))
    fault = FaultConfig("freeze", "kraken", datetime(2021, 4, 17, tzinfo=UTC), datetime(2021, 4, 18, tzinfo=UTC))
    with pytest.raises(ConfigError, match="faults: expected none beside a tape of frames"):
        asyncio.run(serve(ReplayConfig(HttpConfig(port=1), tape=tape, faults=(fault,))))
