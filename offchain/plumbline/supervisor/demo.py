# SPDX-License-Identifier: AGPL-3.0-only
"""The whole path on one machine: chain, contracts, exchanges, reporters, relayer, pools, keeper, market maker, trader.

    Anvil -> deploy -> replay + reporters + relayer -> first round -> pools -> keeper, maker, trader -> watch -> stop

Nothing is restarted: a process that dies ends the run, and the run has failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from plumbline.chain.rpc import Rpc
from plumbline.clock import MarketClock
from plumbline.errors import ChainError, PlumblineError
from plumbline.ports import Clock
from plumbline.supervisor import view
from plumbline.supervisor.anvil import Anvil
from plumbline.supervisor.block_clock import BlockClock
from plumbline.supervisor.configs import Run, reporters
from plumbline.supervisor.processes import ProcessDied, Processes
from plumbline.supervisor.scenario import MarketKind, Scenario
from plumbline.supervisor.watch import Snapshot, Watch

HEADROOM_S: Final = 600
"""The chain begins so much before the market, and its contracts are deployed in that time."""
STEP_TIMEOUT_S: Final = 120
FIRST_ROUND_TIMEOUT_S: Final = 60
SETTLE_S: Final = 8
"""At the end the trader stops first; the keeper usually brings the price home in so long on the wall ..."""
SETTLE_LIMIT_S: Final = 20
"""... and at most in so long, on a machine that is busy with other things."""
LOOK_S: Final = 0.5
_STEPS: Final = {"deploy": "deploying the contracts", "open-market": "opening the pool at NAV"}
"""What a step of `scripts.deployment` does, in words."""

Show = Callable[[Snapshot, dict[str, str]], None]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    rounds: int
    trades: int
    profit: int
    gas_wei: int
    premium_ppm: int | None
    in_band: bool
    fault: str = ""
    """What ended the run before its time; empty for a run that was asked to end."""
    venues_out: str = ""
    """The venues that were not connected at the end, and why."""

    def failures(self) -> list[str]:
        """Why the run is no success; empty when it is. What only follows from a fault or from no round is not said."""
        if self.fault or self.rounds == 0:
            reasons = [self.fault or "no round was published"]
            if self.rounds == 0 and self.venues_out:
                reasons.append(f"venues out: {self.venues_out}")
            return reasons
        reasons = [] if self.trades else ["no arbitrage was made"]
        if self.premium_ppm is None:
            reasons.append("no premium was seen")
        elif not self.in_band:
            reasons.append("the premium ended more than 10 bps outside the band")
        return reasons


class DemoError(PlumblineError):
    """The run cannot go on; says why."""


class AskedToEnd(PlumblineError):
    """`stop` was set in the middle of a step that is not worth finishing."""


class Demo:
    """One run. `stop` may be set at any time, from anywhere: the run then ends in order."""

    def __init__(self, scenario: Scenario, folder: Path, *, port: int | None, say: Say, show: Show) -> None:
        self.scenario, self.folder = scenario, folder
        self.stop = asyncio.Event()
        self._port, self._say, self._show = port, say, show
        self._checkout = checkout()
        self._processes = Processes(folder / "logs", os.environ)
        self._last = Snapshot()
        self._begun = 0.0
        self._deadline: float | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, seconds: float | None) -> Outcome:
        """Plays until `seconds` have passed since the call (None: for ever), `stop` is set, or something dies."""
        self._begun = time.monotonic()
        self._deadline = self._begun + seconds if seconds is not None else None
        fault = ""
        origin_s = (self.scenario.start_ms or time.time_ns() // 1_000_000) // 1000
        with Anvil("--timestamp", str(origin_s - HEADROOM_S), port=self._port) as anvil:
            try:
                async with self._network(anvil) as (run, watch):
                    await self._first_round(watch)
                    await self._open_market(run, watch)
                    while not self._over(SETTLE_S):
                        await self._look(watch)
                    await self._settle(watch)
            except AskedToEnd:
                pass
            except (DemoError, ProcessDied, ChainError) as error:
                fault = str(error)
            finally:
                await self._end()
        return self._outcome(fault)

    def _outcome(self, fault: str) -> Outcome:
        last = self._last
        return Outcome(
            rounds=last.rounds,
            trades=last.trades,
            profit=last.profit,
            gas_wei=last.gas_wei,
            premium_ppm=last.premium_ppm,
            in_band=last.in_band,
            fault=fault,
            venues_out=view.venues_out(last),
        )

    @contextlib.asynccontextmanager
    async def _network(self, anvil: Anvil) -> AsyncIterator[tuple[Run, Watch]]:
        """Everything up to the first round is running inside."""
        self._say(f"chain on {anvil.url}; files of this run in {self.folder}")
        await self._deploy(anvil.url, "deploy", "--keys", str(self.folder / "keys"))
        await _rpc(anvil.url, "evm_setAutomine", False)
        clock, section = self._start_clock()
        self._background(BlockClock(anvil.url, clock, self.scenario.block_s).run())
        run = Run(self.folder, self.scenario, anvil.url, section, self._contracts())
        (self.folder / "journals").mkdir(exist_ok=True)
        if self.scenario.kind is not MarketKind.LIVE:
            await self._start("replay", run.replay())
        await self._start("reporter", *(run.reporter(name) for name in reporters()))
        await self._start("relayer", run.relayer())
        async with Rpc([anvil.url], timeout_s=10) as rpc, httpx.AsyncClient(timeout=2) as http:
            yield run, Watch(rpc, http, run.contracts, run.url(reporters()[0]))

    async def _first_round(self, watch: Watch) -> None:
        self._say("waiting for the first round")
        give_up = time.monotonic() + FIRST_ROUND_TIMEOUT_S
        while not self._last.nav_wad and not self._over():
            if time.monotonic() > give_up:
                missing = [f"{feed['name']}: {feed['reason']}" for feed in self._last.feeds if feed["reason"]]
                why = "; ".join(missing) or "nobody says why"
                raise DemoError(f"no NAV within {FIRST_ROUND_TIMEOUT_S} s ({why}); logs: {self.folder}/logs")
            await self._look(watch)
        if self._last.nav_wad:
            self._say(f"first round with every price after {time.monotonic() - self._begun:.1f} s")

    async def _open_market(self, run: Run, watch: Watch) -> None:
        """The pool at NAV, then those who trade in it."""
        if self._over():
            return
        await self._deploy(run.rpc_url, "open-market")
        run.contracts = self._contracts()
        watch.found_pool(run.contracts["pool"])
        await self._start("keeper", run.keeper())
        await self._start("maker", run.maker())
        await self._start("trader", run.trader())
        await self._start("web", run.web())
        console = f"APE_FOUNDRY_HOST={run.rpc_url} PLUMBLINE_DEPLOYMENT={self._record} scripts/run ape console"
        self._say(f"market open; the page: {run.url('web')}/; to look inside: {console}")

    async def _settle(self, watch: Watch) -> None:
        """The trader goes first, so that its last push is answered; then looks until the price is home."""
        if "trader" not in self._processes.children:
            return
        await self._processes.stop(["trader"])
        limit = time.monotonic() + SETTLE_LIMIT_S
        await self._look(watch)
        while not self._last.in_band and time.monotonic() < limit:
            await self._look(watch)

    def _over(self, margin_s: float = 0) -> bool:
        """Whether it is time to end: asked to, or within `margin_s` of the deadline."""
        return self.stop.is_set() or (self._deadline is not None and time.monotonic() > self._deadline - margin_s)

    async def _look(self, watch: Watch) -> None:
        """One look, shown; waits its time. Raises what ended a process or a task of ours."""
        self._processes.check()
        for task in self._tasks:
            if task.done():
                task.result()
        self._last = await watch.look()
        self._show(self._last, {name: child.status for name, child in self._processes.children.items()})
        await asyncio.sleep(LOOK_S)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._processes.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self, group: str, *configs: Path) -> None:
        """A process per config, named like its file."""
        self._say(f"starting {', '.join(config.stem for config in configs)}")
        for config in configs:
            command = [sys.executable, "-m", "plumbline.cli", group, "run", "--config", str(config)]
            await self._processes.start(config.stem, command)

    async def _deploy(self, rpc_url: str, step: str, *arguments: str) -> None:
        self._say(_STEPS[step])
        scenario = self.scenario
        sets = {name: getattr(scenario, name) for name in ("period_s", "heartbeat_s", "deviation_bps")}
        command = [sys.executable, "-m", "scripts.deployment", step, "--rpc-url", rpc_url]
        command += ["--record", str(self._record), *arguments]
        command += [f"--set={name}={value}" for name, value in sets.items()]
        await self._unless_asked_to_end(self._processes.run(step, command, STEP_TIMEOUT_S, cwd=self._checkout))

    async def _unless_asked_to_end(self, step: Coroutine[Any, Any, None]) -> None:
        """Raises AskedToEnd, with nothing of the step left running."""
        running, asked = asyncio.create_task(step), asyncio.create_task(self.stop.wait())
        await asyncio.wait((running, asked), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))
            raise AskedToEnd("asked to end")
        await running

    @property
    def _record(self) -> Path:
        return self.folder / "deployment.json"

    def _contracts(self) -> dict[str, str]:
        contracts = json.loads(self._record.read_text(encoding="utf-8"))["contracts"]
        return {name: deployed["address"] for name, deployed in contracts.items()}

    def _start_clock(self) -> tuple[Clock, dict[str, object]]:
        """Market time begins now. Every process gets the same three numbers, and so the same time."""
        wall_ms = time.time_ns() // 1_000_000
        origin_ms, speed = self.scenario.start_ms or wall_ms, self.scenario.speed
        section: dict[str, object] = {"kind": "market", "market_origin_ms": origin_ms, "wall_origin_ms": wall_ms}
        return MarketClock(origin_ms, wall_ms, speed), section | {"speed": speed}

    def _background(self, work: object) -> None:
        self._tasks.append(asyncio.create_task(work))  # type: ignore[arg-type]


def checkout() -> Path:
    """The repository this package runs from: a demo compiles and deploys the contracts. Raises DemoError."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "scripts" / "deployment" / "__main__.py").is_file():
            return parent
    raise DemoError("plumbline demo deploys the contracts of a checkout of the repository: run `make demo` there")


async def _rpc(url: str, method: str, *params: object) -> None:
    async with httpx.AsyncClient(timeout=10) as http:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = (await http.post(url, json=body)).json()
    if "error" in answer:
        raise ChainError(f"{method}: {answer['error'].get('message')}")
