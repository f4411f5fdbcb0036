# SPDX-License-Identifier: AGPL-3.0-only
"""Gas of the oracle on Anvil, beside its peers: `make bench-oracle`.

`submit/feeds=K/reporters=N` is the gasUsed of one transaction that brings a round of K feeds with N signed rows, 60-bit
random prices, all guards on, when the ring has gone round once (the slots it writes are not fresh); for K > 1 a feed's
share of it. `submit_first_lap/...` is the same while the ring is still being filled. A read is what one cold STATICCALL
from another contract costs, call included, for the worst feed of ten that were served in the last round; `/absent`: for
one that was not.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import httpx
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from plumbline.chain.signing import LocalKey
from plumbline.chain.typed_data import domain_separator, pack, row_digest
from plumbline.core.models import Row
from plumbline.supervisor.anvil import CHAIN_ID, Anvil
from scripts.artifacts import compile_contract
from scripts.bench.report import Bench

PERIOD_S = 5
HISTORY = 4_096
MAX_LANE = 2**63 - 1
ZERO = "0x" + "00" * 20
TRANSACTION_GAS = 21_000
COLD_ACCOUNT_GAS = 2_600
REPORTERS = (4, 7, 13, 21, 31)

# Issue bounds: gas of a transaction with one feed, gas a feed-update with more.
ONE_FEED_BOUNDS = {4: 70_000, 7: 87_000, 13: 121_000, 21: 166_000, 31: 223_000}
TEN_FEEDS_BOUNDS = {4: 9_800, 5: 12_500, 7: 11_900, 13: 16_200, 21: 22_000, 31: 29_500}
THIRTY_TWO_FEEDS_BOUNDS = {13: 8_700}
ONE_FEED_PEERS = {
    4: "Maker 57.9k (3 sigs), RedStone 66.2k, Scribe 76.6k, OCR2 94.9k, API3 113k",
    7: "Maker 90.7k, RedStone 91.8k, Scribe 92.1k, OCR2 104.1k, API3 176k",
    13: "Maker 140.0k, RedStone 146.9k, OCR2 122.5k, Scribe 123.4k, Pyth 193.6k",
    21: "Maker 205.7k, RedStone 227.4k, OCR2 142.2k, Scribe 168.1k",
    31: "Maker 287.9k, RedStone 338.6k, OCR2 177.6k, Scribe 218.3k",
}
TEN_FEEDS_PEERS = {
    4: "RedStone 23.0k",
    7: "RedStone 32.2k",
    13: "RedStone 53.8k, Pyth 42.0k",
    21: "RedStone 88.0k",
    31: "RedStone 139.6k",
}
AGAIN_GAS = 3_000
"""What the second relayer of a round may pay beyond the price of its calldata."""
READ_BOUNDS = {
    "price": 7_500,
    "prices10": 18_000,
    "latestRoundData": 10_500,
    "twap_now": 50_000,
    "twap_window": 80_000,
}
READ_PEERS = {
    "price": "API3 5.2k, RedStone 5.6k, Scribe 7.8k, Pyth 10.6k",
    "latestRoundData": "OCR2 7.4k (10.0k with its access list)",
}


class Stage:
    """One chain and one unlocked caller; each round is mined at its own time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.web3 = web3 = Web3(HTTPProvider(url))
        self.caller = web3.eth.accounts[0]
        self.now = int(web3.eth.get_block("latest")["timestamp"]) // PERIOD_S * PERIOD_S + 1_000

    def rpc(self, method: str, *params: Any) -> None:
        self.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]

    def send(self, transaction: dict[str, Any]) -> Any:
        self.rpc("evm_setNextBlockTimestamp", self.now)
        sent = self.web3.eth.send_transaction({"from": self.caller, "gas": 16_000_000, **transaction})  # type: ignore[typeddict-item]
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.002)
        if receipt["status"] != 1:
            raise SystemExit(f"bench-oracle: a transaction to {transaction.get('to')} reverted")
        self.now += 1
        return receipt

    def deploy(self, name: str, *arguments: Any) -> Contract:
        artifact = compile_contract(name)
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        receipt = self.send({"data": factory.constructor(*arguments).data_in_transaction})
        return self.web3.eth.contract(address=receipt["contractAddress"], abi=artifact.abi)


class FeedSet:
    """An oracle with `feeds` feeds and `reporters` reporters, and the rounds brought to it."""

    def __init__(self, stage: Stage, feeds: int, reporters: int, *, twap: bool = False) -> None:
        self.stage = stage
        self.random = random.Random(1_000 * feeds + reporters)
        self.keys = [LocalKey(keccak(text=f"bench reporter {index}")) for index in range(reporters)]
        self.centers = [self.random.randrange(2**59, 2**60) for _ in range(feeds)]
        quorum, faulty = (reporters + 1) // 2, ((reporters + 1) // 2 - 1) // 2
        guards = (1, MAX_LANE, 1, MAX_LANE, 500, 100, 5_000, 3, 60)
        self.oracle = stage.deploy(
            "MedianOracle",
            [(f"F{index}/USD", 8, quorum, 60, 25, guards) for index in range(feeds)],
            [key.address for key in self.keys],
            faulty,
            (PERIOD_S, HISTORY, 60, 3_600, ZERO, twap, stage.deploy("FeedSetWriter").address),
            stage.caller,
            ZERO,
        )
        self.domain = domain_separator(CHAIN_ID, self.oracle.address)
        self.rounds = 0

    def submit(self, *, worst: bool = False) -> int:
        """Bring a round with a row of every reporter, around 1% apart; its gasUsed.

        worst: the first feed of every word trips, the second is absent.
        """
        timestamp = self.stage.now = self.stage.now // PERIOD_S * PERIOD_S + PERIOD_S
        scale = [(2, 0, 1, 1)[feed % 4] if worst else 1 for feed in range(len(self.centers))]
        vectors = [
            tuple(
                factor * (center - self.random.randrange(center // 100))
                for factor, center in zip(scale, self.centers, strict=True)
            )
            for _ in self.keys
        ]
        rows: list[int] = []
        signatures: list[int] = []
        for key, vector in zip(self.keys, vectors, strict=True):
            rows += pack(vector)
            signatures += key.sign(row_digest(self.domain, Row(1, timestamp, vector)))
        medians = pack([sorted(lane)[(len(lane) - 1) // 2] for lane in zip(*vectors, strict=True)])
        signers = sum((place + 1) << (8 * place) for place in range(len(self.keys)))
        self.data = self.oracle.encode_abi("submit", [timestamp, signers, list(medians), rows, signatures])
        self.rounds += 1
        return self.send()

    def send(self) -> int:
        """Send the last round's call, again if it was sent; its gasUsed."""
        return int(self.stage.send({"to": self.oracle.address, "data": self.data})["gasUsed"])

    def again(self) -> int:
        """What relaying the last round once more costs beyond its calldata at EIP-7623's floor."""
        data = bytes.fromhex(self.data[2:])
        return self.send() - TRANSACTION_GAS - sum(40 if byte else 10 for byte in data)

    def use_ring(self) -> None:
        """Make the ring look gone round: the slots the next round writes hold an older one's words."""
        slots = slots_of_round(self.rounds + 1, len(self.centers))
        self._put({slot: self.random.getrandbits(252) for slot in slots})

    def fill_ring(self, last: int) -> None:
        """As if it had gone on like this for a lap: each older round has a time, and price and sum of the last feed."""
        layout, feed = compile_contract("MedianOracle").layout["storage_layout"], len(self.centers) - 1
        # The last word of a round, which has its time, is here the one of the last feed, too.
        ring_at = layout["history"]["ring"]["slot"] + len(self.centers) // 4
        sums_at = layout["history"]["sums"]["slot"] + feed // 2
        bit = 128 * (feed % 2)
        gap = self._word(sums_at + (1 << 4)) >> bit + 96 & 2**32 - 1
        words = {layout["_meta"]["slot"]: self._word(layout["_meta"]["slot"]) + (HISTORY << 40)}
        for back in range(self.rounds, HISTORY):
            place = (self.rounds - back) % HISTORY << 4
            time, total = last - PERIOD_S * back, -self.centers[feed] * PERIOD_S * (back - self.rounds + 1)
            words[ring_at + place] = time << 192 | self.centers[feed] << 64 * (feed % 4)
            words[sums_at + place] = (gap << 96 | total % 2**96) << bit
        self._put(words)

    def _word(self, slot: int) -> int:
        return int.from_bytes(self.stage.web3.eth.get_storage_at(self.oracle.address, slot), "big")

    def _put(self, words: dict[int, int]) -> None:
        """All in one request: a whole ring has thousands."""
        address = self.oracle.address
        calls = [
            {
                "jsonrpc": "2.0",
                "id": slot,
                "method": "anvil_setStorageAt",
                "params": [address, hex(slot), f"0x{word:064x}"],
            }
            for slot, word in words.items()
        ]
        answers = httpx.post(self.stage.url, json=calls, timeout=60).json()
        if len(answers) != len(calls) or any("error" in answer for answer in answers):
            raise SystemExit("bench-oracle: the chain did not take its storage")

    def read(self, contract: Contract, function: str, *arguments: Any) -> int:
        """Gas of one cold STATICCALL: the transaction's, less what only transactions pay, plus the call's own."""
        data = bytes.fromhex(contract.encode_abi(function, list(arguments))[2:])
        used = self.stage.send({"to": contract.address, "data": data})["gasUsed"]
        return int(used) - TRANSACTION_GAS - sum(16 if byte else 4 for byte in data) + COLD_ACCOUNT_GAS


def slots_of_round(round_id: int, feeds: int) -> list[int]:
    """The storage slots that a round of so many feeds writes in the history, its sums included."""
    layout = compile_contract("MedianOracle").layout["storage_layout"]["history"]
    first = (round_id % HISTORY) << 4
    ring, sums = (layout[array]["slot"] + first for array in ("ring", "sums"))
    return [*range(ring, ring + feeds // 4 + 1), *range(sums, sums + (feeds + 1) // 2)]


def steady(feed_set: FeedSet, *, worst: bool = False) -> int:
    """Gas of a round in a ring that has gone round; tests/unit/oracle/test_gas.py plays a lap and says the same."""
    feed_set.use_ring()
    return feed_set.submit(worst=worst)


def main() -> int:
    bench = Bench("oracle")
    bench.add("runtime/MedianOracle", compile_contract("MedianOracle").runtime_size, "bytes", "<= 24576")
    plan = {1: (ONE_FEED_BOUNDS, ONE_FEED_PEERS), 10: (TEN_FEEDS_BOUNDS, TEN_FEEDS_PEERS)}
    plan[32] = (THIRTY_TWO_FEEDS_BOUNDS, {})
    with Anvil() as anvil:
        stage = Stage(anvil.url)
        for feeds, (bounds, peers) in plan.items():
            for reporters, limit in sorted(bounds.items()):
                measure(bench, stage, feeds, reporters, f"<= {limit}", peers.get(reporters, ""))
        measure_rest(bench, stage)
    return bench.finish()


def measure(bench: Bench, stage: Stage, feeds: int, reporters: int, bound: str, peer: str) -> None:
    """One size of a feed set: the ring's first lap, later laps, the worst round, and all with TWAPs."""
    plain, twap = FeedSet(stage, feeds, reporters), FeedSet(stage, feeds, reporters, twap=True)
    first_lap, _ = ([feed_set.submit() for _ in range(3)][-1] for feed_set in (plain, twap))
    figures = {
        "submit_first_lap": (first_lap, None, ""),
        "submit": (steady(plain), bound, peer),
        "submit_twap": (steady(twap), None, ""),
        "submit_worst": (steady(plain, worst=True), None, ""),
        "submit_worst_twap": (steady(twap, worst=True), None, ""),
    }
    for name, (gas, limit, beside) in figures.items():
        bench.add(f"{name}/feeds={feeds}/reporters={reporters}", gas // feeds, "gas", limit, beside)


def measure_rest(bench: Bench, stage: Stage) -> None:
    """Reads and the second relayer: ten feeds, five reporters, and every round of the ring there to be searched."""
    ten = FeedSet(stage, 10, 5, twap=True)
    for _ in range(3):
        ten.submit()
    last = stage.now - 1
    ten.fill_ring(last)
    facade = stage.deploy("AggregatorAdapter", ten.oracle.address, 9)
    times = [last - PERIOD_S * ten.random.randrange(2, HISTORY - 2) - 2 for _ in range(12)]
    windows = [(min(pair), max(pair)) for pair in zip(times[::2], times[1::2], strict=True)]
    reads: dict[str, tuple[Contract, str, list[tuple[Any, ...]]]] = {
        "price": (ten.oracle, "price", [(9, 60)]),
        "prices10": (ten.oracle, "prices", [(list(range(10)), 60)]),
        "fresh_price": (ten.oracle, "fresh_price", [(9,)]),
        "latestRoundData": (facade, "latestRoundData", [()]),
        "round_at": (ten.oracle, "round_at", [(9, time) for time in times]),
        "twap_now": (ten.oracle, "twap", [(9, time, last + 1) for time in times]),
        "twap_window": (ten.oracle, "twap", [(9, *window) for window in windows]),
    }
    for name, (contract, function, every) in reads.items():
        limit = READ_BOUNDS.get(name)
        gas = max(ten.read(contract, function, *arguments) for arguments in every)
        bench.add(f"read/{name}", gas, "gas", f"<= {limit}" if limit else None, READ_PEERS.get(name, ""))
    bench.add("submit_again/feeds=10/reporters=5", ten.again(), "gas", f"<= {AGAIN_GAS}")
    # Feed 9 is absent from this round: its last answer is read from its own slot.
    ten.submit(worst=True)
    for name in ("price", "fresh_price", "latestRoundData"):
        contract, function, (arguments,) = reads[name]
        bench.add(f"read/{name}/absent", ten.read(contract, function, *arguments), "gas")


if __name__ == "__main__":
    sys.exit(main())
