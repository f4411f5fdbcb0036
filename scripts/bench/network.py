# SPDX-License-Identifier: AGPL-3.0-only
"""A network of real processes for `bench.node`: a chain, replayed exchanges, reporters, a relayer, all on loopback."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import httpx
from web3 import HTTPProvider, Web3

from plumbline.chain.keystore import write_keystore
from plumbline.supervisor import feeds, toml
from plumbline.supervisor.anvil import Anvil
from plumbline.supervisor.configs import free_port
from plumbline.supervisor.processes import Processes
from scripts.artifacts import compile_contract

PERIOD_S = 1
FAULTY = 4
GUARDS = (1, 2**63 - 1, 1, 2**63 - 1, 2_000, 0, 2_000, 3, 60)
"""Wide: the oracle's breakers are not what is measured."""
TERMS = (PERIOD_S, 4_096, 60, 3_600, "0x" + "00" * 20, False)
FAST_SCRYPT = 2


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "plumbline.cli", *arguments]


@dataclass(frozen=True, slots=True)
class Run:
    """One run's folder, and where its processes listen."""

    folder: Path
    processes: Processes
    anvil: Anvil
    oracle: str
    urls: dict[str, str]
    """Of the nodes' pages, by name."""

    async def start(self, name: str) -> None:
        """Start a process, or start it again, with the config of its name."""
        config = str(self.folder / f"{name}.toml")
        await self.processes.start(name, program(name.partition("-")[0], "run", "--config", config))

    def memory_mib(self) -> list[float]:
        """Resident memory of each reporter."""
        pids = [child.process.pid for name, child in self.processes.children.items() if name.startswith("reporter")]
        return [_resident_mib(pid) for pid in pids]

    def rounds_on_chain(self) -> int:
        web3 = Web3(HTTPProvider(self.anvil.url, request_kwargs={"timeout": 10}))
        oracle = web3.eth.contract(address=self.oracle, abi=compile_contract("MedianOracle").abi)
        return int(oracle.functions.latest_round().call()[0])

    async def rounds(self) -> int:
        """On chain, as the relayer knows; 0 while it does not answer yet."""
        try:
            async with httpx.AsyncClient() as client:
                chain = (await client.get(f"{self.urls['relayer-1']}/status", timeout=5)).json()["chain"]
        except httpx.HTTPError:
            return 0
        return int(chain["round_id"]) if chain else 0


@asynccontextmanager
async def network(folder: Path, *, faulty: int = FAULTY, relayers: int = 1) -> AsyncIterator[Run]:
    """3 * faulty + 1 reporters and so many relayers are running inside; nothing is left of them outside."""
    reporters = [f"reporter-{index}" for index in range(1, 3 * faulty + 2)]
    payers = [f"relayer-{index}" for index in range(1, relayers + 1)]
    with Anvil() as anvil:
        addresses = {
            name: write_keystore(folder / f"{name}.json", os.urandom(32), "bench", scrypt_n=FAST_SCRYPT)
            for name in [*reporters, *payers]
        }
        (folder / "password").write_text("bench\n", encoding="utf-8")
        oracle = _deploy(
            anvil.url, [addresses[name] for name in reporters], [addresses[name] for name in payers], faulty
        )
        ports = {name: free_port() for name in ["replay", *addresses]}
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}

        def node(name: str) -> dict[str, object]:
            return {
                "journal": f"{name}.sqlite",
                "chain": {"rpc_url": anvil.url, "oracle": oracle},
                "key": {"keystore": f"{name}.json", "password_file": "password"},
                "http": {"port": ports[name]},
                "log": {"level": "warning"},
            }

        venues = [{"name": venue, "url": f"ws://127.0.0.1:{ports['replay']}/{venue}"} for venue in feeds.LIVE]
        sources = {"venues": venues, "feeds": feeds.feeds(feeds.LIVE, max_age_s=180, peg_venues=2)}
        peers = [{"name": name, "url": urls[name]} for name in reporters]
        policy = {"relayers": [addresses[name] for name in payers]}
        documents: dict[str, dict[str, object]] = {
            "replay": {"listen": {"port": ports["replay"]}, "tape": {"kind": "simulated", "seed": 1}},
            **{name: node(name) | sources for name in reporters},
            **{name: node(name) | {"peers": peers, "policy": policy} for name in payers},
        }
        run = Run(folder, Processes(folder / "logs", os.environ), anvil, oracle, urls)
        try:
            for name, document in documents.items():
                (folder / f"{name}.toml").write_text(toml.dumps(document), encoding="utf-8")
                await run.start(name)
            yield run
        finally:
            await run.processes.stop()


def quorum_times_ms(journal: Path, from_s: int, to_s: int, quorum: int = 2 * FAULTY + 1) -> list[float | None]:
    """For each round of `from_s` .. `to_s`: from its grid time to its quorum-th row at the relayer; None: lost."""
    seen: defaultdict[int, list[int]] = defaultdict(list)
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        for timestamp, seen_ms in connection.execute("SELECT timestamp, seen_ms FROM rows"):
            seen[timestamp].append(seen_ms)
    times: list[float | None] = []
    for timestamp in range(from_s, to_s + 1, PERIOD_S):
        rows = sorted(seen[timestamp])
        times.append(rows[quorum - 1] - timestamp * 1000 if len(rows) >= quorum else None)
    return times


def submitted(journal: Path) -> dict[str, int]:
    """Submissions by what became of them."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT outcome, count(*) FROM submissions GROUP BY outcome"))


def last_words(run: Run) -> str:
    """What the processes had to say: warnings and errors only."""
    found = [
        json.loads(line).get("event", "")
        for path in run.folder.glob("logs/*.log")
        for line in path.open()
        if "{" in line
    ]
    return ", ".join(f"{found.count(event)} x {event}" for event in sorted(set(found))) or "nothing"


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: list[float]) -> float:
    return statistics.median(values)


def _deploy(url: str, reporters: list[str], relayers: list[str], faulty: int) -> str:
    web3 = Web3(HTTPProvider(url))
    owner, artifact = web3.eth.accounts[0], compile_contract("MedianOracle")
    names = [str(feed["name"]) for feed in feeds.feeds(feeds.LIVE, max_age_s=180, peg_venues=2)]
    registered = [(name, feeds.DECIMALS, 2 * faulty + 1, 60, 25, GUARDS) for name in names]
    writer = compile_contract("FeedSetWriter")
    sent = web3.eth.contract(abi=writer.abi, bytecode=writer.bytecode).constructor().transact({"from": owner})
    terms = (*TERMS, web3.eth.wait_for_transaction_receipt(sent)["contractAddress"])
    contract = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    sent = contract.constructor(registered, reporters, faulty, terms, owner, owner).transact({"from": owner})
    address = str(web3.eth.wait_for_transaction_receipt(sent)["contractAddress"])
    for relayer in relayers:
        paid = web3.eth.send_transaction({"from": owner, "to": relayer, "value": 10**20})
        web3.eth.wait_for_transaction_receipt(paid)
    return address


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
