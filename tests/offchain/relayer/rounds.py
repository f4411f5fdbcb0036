# SPDX-License-Identifier: AGPL-3.0-only
"""One relayer against fakes, some rounds long: what its tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.offchain.fakes import PERIOD_S, START_S, FakeClock, FakeOracle, FakePayer, FakePeer

from plumbline.core.models import SignedRow
from plumbline.metrics import RelayerMetrics
from plumbline.relayer.collect import Collector
from plumbline.relayer.service import Outcome, Relayer, Terms
from plumbline.store.relays import RelayJournal

T = START_S + PERIOD_S
USDC = 99_000_000


def relay(
    folder: Path,
    peers: Sequence[FakePeer],
    oracle: FakeOracle,
    timestamps: Sequence[int] = (T,),
    *,
    dry_run: bool = False,
    late_s: float = 0.02,
    over: bool = True,
    terms: Terms | None = None,
    payer: FakePayer | None = None,
    address: str = "",
) -> tuple[list[Outcome], Relayer]:
    """Run these rounds one after the other; with `over` a round that is still gathering is over a little later."""

    async def main() -> tuple[list[Outcome], Relayer]:
        clock, metrics = FakeClock(), RelayerMetrics()
        with RelayJournal(folder / "relayer.sqlite") as journal:
            collector = Collector(peers, journal, clock, metrics, poll_s=0.001, late_s=late_s)
            relayer = Relayer(
                oracle,
                collector,
                journal,
                clock,
                metrics,
                payer or FakePayer(),
                terms or Terms(),
                address=address,
                dry_run=dry_run,
            )
            outcomes = []
            for timestamp in timestamps:
                task = asyncio.create_task(relayer.round(timestamp))
                if over:
                    await asyncio.wait([task], timeout=0.2)
                    await clock.advance_to((timestamp + PERIOD_S) * 1000)
                outcomes.append(await asyncio.wait_for(task, 5))
            return outcomes, relayer

    return asyncio.run(main())


def peers_of(*rows: SignedRow | Exception | None, timestamp: int = T) -> list[FakePeer]:
    return [FakePeer(f"p{i}", {timestamp: row} if row else {}) for i, row in enumerate(rows, 1)]


def metric(relayer: Relayer, line: str) -> bool:
    return line.encode() in relayer.metrics.render()
