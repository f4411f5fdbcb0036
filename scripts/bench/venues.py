# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-venues`: frame bytes to venue state, on one core, per venue; and the same over a loopback WebSocket.

Frames are those of the replay's sessions, one trade each, every price new; the decoders are the ones a reporter runs,
and what comes out is trades: parsed, checked, told from repeats and holes. All that is held against each other takes
turns, pass by pass, over the same frames, and of each the best pass counts, in processor time: other work on the
machine only ever adds.

  - "Bare JSON decode" can be read in two ways and both are shown, untyped and of the same bytes: by the standard
    library's `json`, and, the stricter one that the bound is held to, by the faster library used here.
  - ccxt reads the frames in an environment of its own (requirements/ccxt.txt, made once below .cache): its own JSON
    decoder and `handle_message`, to the trades in its store.
  - Bitfinex tells each execution twice, and both are read; its rate is in executions.

Over the socket, the sender is a process of its own, and what is counted is trades out of `WebSocketSource`.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.replay.tape import Tape
from plumbline.replay.venues import SESSIONS
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import Books, Codec
from plumbline.sources.websocket import WebSocketSource
from scripts.bench.ccxt_markets import MARKETS
from scripts.bench.report import ROOT, Bench

FRAMES = 20_000
PASSES = 12
TRADES = 10_000
"""Of a pass over a venue's frames."""
START_MS = 1_678_500_000_000
LATER_MS = START_MS + 1_000 * FRAMES
SYMBOLS = ["BTC/USD", "BTC/USDT"]


class LateClock:
    """No trade of the bench is ahead of it."""

    def now_ms(self) -> int:
        return LATER_MS

    async def sleep_until_ms(self, at_ms: int) -> None:
        raise AssertionError("a source never waits for market time")


def trade_frames(venue: str, count: int = FRAMES) -> list[bytes]:
    trades = [
        Trade(
            venue, SYMBOLS[n % 2], 27_123_45 * WAD // 100 + n * WAD // 100, (n % 997 + 1) * WAD // 10_000, START_MS + n
        )
        for n in range(count)
    ]
    prints = Tape(trades).until(LATER_MS)
    session, codec = SESSIONS[venue](SYMBOLS), codec_of(venue, SYMBOLS)
    for request in codec.subscribe_frames():
        session.receive(request, START_MS, lambda symbol: ())
    return [frame for p in prints for frame in session.updates([p], START_MS)]


def book_frames(venue: str, books: Books, count: int) -> list[bytes]:
    """A book's snapshot and its changes, each after a trade elsewhere in the book's range."""
    trades = [
        Trade(venue, SYMBOLS[0], 27_123_45 * WAD // 100 + (n * 37 % 400) * WAD // 10, WAD, START_MS + n)
        for n in range(count)
    ]
    prints = Tape(trades).until(LATER_MS)
    session, codec = SESSIONS[venue](SYMBOLS), codec_of(venue, SYMBOLS, books)
    answers = [
        answer
        for request in codec.subscribe_frames()
        for answer in session.receive(request, START_MS, lambda symbol: prints[:1] if symbol == SYMBOLS[0] else [])
    ]
    session.subscribed.clear()
    return answers + [frame for p in prints for frame in session.updates([p], START_MS)]


def booked_codec(venue: str, books: Books) -> Codec[Any]:
    codec = codec_of(venue, SYMBOLS, books)
    codec.subscribe_frames()
    return codec


def ccxt_python() -> Path:
    """ccxt in an environment of its own: it pins what the rest of us uses in other versions."""
    python = ROOT / ".cache" / "ccxt" / "bin" / "python"
    if not python.exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run(["uv", "venv", "--quiet", "--python", version, str(python.parent.parent)], check=True)
        lock = ROOT / "requirements" / "ccxt.txt"
        sync = ["uv", "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(lock)]
        if subprocess.run(sync, check=False).returncode != 0:
            shutil.rmtree(python.parent.parent)
            raise SystemExit(f"bench-venues: expected to install {lock.relative_to(ROOT)} for ccxt; uv says why above")
    return python


@contextmanager
def ccxt_passes(venue: str, frames: list[bytes]) -> Iterator[Callable[[], float]]:
    """What makes ccxt pass over the frames once, and says how long it took."""
    script = ROOT / "scripts" / "bench" / "ccxt_frames.py"
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(b"\n".join(frames))
        command = [str(ccxt_python()), str(script), venue, file.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            # For the type checker: both are pipes.
            assert process.stdin is not None
            assert process.stdout is not None
            told, asked = process.stdout, process.stdin

            def once() -> float:
                print("again", file=asked, flush=True)
                return float(told.readline())

            yield once


def subscribed_codec(venue: str) -> Codec[Any]:
    session, codec = SESSIONS[venue](SYMBOLS), codec_of(venue, SYMBOLS)
    for request in codec.subscribe_frames():
        for answer in session.receive(request, START_MS, lambda symbol: ()):
            codec.decode(answer, START_MS)
    return codec


def codec_s(codec: Codec[Any], frames: list[bytes]) -> float:
    decode = codec.decode
    began = time.process_time()
    for frame in frames:
        decode(frame, LATER_MS)
    return time.process_time() - began


def bare_s(decode: Callable[[bytes], object], frames: list[bytes]) -> float:
    began = time.process_time()
    for frame in frames:
        decode(frame)
    return time.process_time() - began


def best_s(passes: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The best of each, taken in turns."""
    best = dict.fromkeys(passes, float("inf"))
    for _ in range(PASSES):
        for name, once in passes.items():
            best[name] = min(best[name], once())
    return best


def add_venue(bench: Bench, venue: str) -> None:
    frames = trade_frames(venue, TRADES)
    passes: dict[str, Callable[[], float]] = {
        "ours": lambda: codec_s(subscribed_codec(venue), frames),
        "json": lambda: bare_s(json.loads, frames),
        "msgspec": lambda: bare_s(msgspec.json.Decoder().decode, frames),
    }
    if venue in MARKETS:
        with ccxt_passes(venue, frames) as theirs:
            best = best_s(passes | {"ccxt": theirs})
    else:
        best = best_s(passes)
    ours_s = best["ours"]
    bench.add(f"{venue}: frames to trades", int(TRADES / ours_s), "1/s", ">= 100000")
    bench.add(f"{venue}: times json.loads", round(ours_s / best["json"], 1), "x")
    bench.add(f"{venue}: times msgspec's bare decode", round(ours_s / best["msgspec"], 1), "x", "<= 6")
    if "ccxt" in best:
        rate = f"ccxt: {TRADES / best['ccxt']:,.0f}/s"
        bench.add(f"{venue}: times ccxt", round(best["ccxt"] / ours_s, 1), "x", ">= 10", rate)


def send_frames(venue: str, parent: Connection) -> None:
    """The other process: an exchange that answers a subscription with all its trades at once."""
    from websockets.asyncio.server import ServerConnection, serve

    frames = [frame.decode() for frame in trade_frames(venue)]

    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        for frame in frames:
            await connection.send(frame)
        await connection.wait_closed()

    async def main() -> None:
        async with serve(handler, "127.0.0.1", 0, compression=None) as server:
            parent.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.to_thread(parent.recv)

    asyncio.run(main())


async def receive(venue: str, port: int) -> tuple[float, float]:
    """(wall time, processor time of ours) of all frames but the first."""
    source = WebSocketSource(codec_of(venue, SYMBOLS), LateClock(), f"ws://127.0.0.1:{port}")
    trades = source.trades()
    await anext(trades)
    began, began_here = time.perf_counter(), time.process_time()
    for _ in range(FRAMES - 1):
        await anext(trades)
    took = time.perf_counter() - began, time.process_time() - began_here
    await trades.aclose()
    return took


def over_loopback(venue: str) -> tuple[float, float]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=send_frames, args=(venue, there))
    process.start()
    try:
        return asyncio.run(receive(venue, here.recv()))
    finally:
        here.send("done")
        process.join()


def main() -> int:
    bench = Bench("venues")
    # First, so that a machine that cannot fetch it says so before it measures for minutes.
    ccxt_python()
    for venue in sorted(CODECS):
        add_venue(bench, venue)
    for venue in sorted(CODECS):
        kinds: list[Books] = ["top", "depth"] if CODECS[venue].depth > 1 else ["top"]
        for kind in kinds:
            frames = book_frames(venue, kind, FRAMES // 4)
            took_s = min(codec_s(booked_codec(venue, kind), frames) for _ in range(PASSES // 2))
            bench.add(f"{venue}: frames to {kind} of book", int(len(frames) / took_s), "1/s")
    wall_s, here_s = map(min, zip(*[over_loopback("binance") for _ in range(3)], strict=True))
    bench.add("binance over a loopback WebSocket", int(FRAMES / wall_s), "1/s", ">= 20000")
    bench.add("binance over a loopback WebSocket, a core-second of the reader's", int(FRAMES / here_s), "1/s")
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
