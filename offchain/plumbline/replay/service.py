# SPDX-License-Identifier: AGPL-3.0-only
"""From a `ReplayConfig` to running servers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from datetime import datetime

import structlog

from plumbline.clock import make_clock
from plumbline.config import ReplayConfig
from plumbline.config_venues import FaultConfig
from plumbline.core.models import Trade
from plumbline.errors import ConfigError
from plumbline.replay.faults import Fault, Faults
from plumbline.replay.frames import FrameServer, recorded_frames
from plumbline.replay.server import ReplayServer
from plumbline.replay.simulation import simulated_markets, simulated_outages, simulated_trades
from plumbline.replay.tape import Tape, markets_of, recorded_trades
from plumbline.replay.venues import SESSIONS

LOOK_BACK_S = 600
"""How much of a recording before the clock's origin is read: the past that snapshots show."""
_log = structlog.get_logger(__name__)


async def serve(config: ReplayConfig) -> None:
    """Until SIGINT or SIGTERM.

    Raises:
        ConfigError: the recording cannot be read, a fault names no venue of the tape, or the port is taken.
    """
    server = _frame_server(config) if config.tape.kind == "frames" else _replay_server(config)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with server:
            _log.info("serving", urls=server.urls, tape=config.tape.kind)
            stopped = asyncio.create_task(stop.wait())
            running = asyncio.create_task(server.run())
            try:
                await asyncio.wait((stopped, running), return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    # It never ends by itself: say what broke it.
                    running.result()
            finally:
                stopped.cancel()
                running.cancel()
    except OSError as error:
        raise ConfigError(f"listen.port: expected a free port, got {config.listen.port}: {error}") from None


def _frame_server(config: ReplayConfig) -> FrameServer:
    if config.faults:
        raise ConfigError("faults: expected none beside a tape of frames, which are told as they were received")
    assert config.tape.file is not None  # checked when the config was read
    frames = recorded_frames(config.tape.file)
    return FrameServer(frames, config.listen.port, speed=config.clock.speed, host=config.listen.host)


def _replay_server(config: ReplayConfig) -> ReplayServer:
    clock = make_clock(config.clock)
    markets, trades, faults = _market(config, clock.now_ms())
    for i, fault in enumerate(config.faults):
        if fault.venue not in markets:
            known = ", ".join(sorted(markets))
            raise ConfigError(f"faults[{i}].venue: expected one of {known}, got {fault.venue!r}")
        faults.append(_fault(fault))
    tape = Tape(trades, Faults(faults, config.tape.seed))
    return ReplayServer(tape, clock, markets, config.listen.port, config.listen.host)


def _market(config: ReplayConfig, now_ms: int) -> tuple[dict[str, list[str]], Iterable[Trade], list[Fault]]:
    """What is listed, what is traded, and the faults that belong to the tape itself."""
    origin_ms = config.clock.market_origin_ms or now_ms
    if config.tape.file is None:
        seed = config.tape.seed
        return simulated_markets(), simulated_trades(seed, origin_ms), simulated_outages(seed, origin_ms)
    origin_s = origin_ms // 1000
    end_s = origin_s + config.tape.hours * 3600
    trades = list(recorded_trades(config.tape.file, origin_s - LOOK_BACK_S, end_s))
    if not trades or trades[-1].at_ms < now_ms:
        raise ConfigError(f"clock.market_origin_ms: expected a time that {config.tape.file} covers, got {origin_ms}")
    return {venue: symbols for venue, symbols in markets_of(trades).items() if venue in SESSIONS}, trades, []


def _fault(fault: FaultConfig) -> Fault:
    return Fault(fault.kind, fault.venue, _ms(fault.start), _ms(fault.end), fault.bps, fault.delay_ms)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
