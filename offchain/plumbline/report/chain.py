# SPDX-License-Identifier: AGPL-3.0-only
"""What a report takes from the chain: rounds and what they cost whom, shares minted and redeemed, fees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from plumbline.client import Event, Reorganised
from plumbline.client.codec import Abi, abi, number
from plumbline.client.events import Cursor
from plumbline.client.plans import Block, Plan, Request, head
from plumbline.overview.settings import OverviewConfig

_TOGETHER: Final = 50


@dataclass
class Gas:
    """Of one caller."""

    transactions: int = 0
    used: int = 0
    wei: int = 0


@dataclass
class ChainReport:
    """Everything within the period; shares with 18 decimals."""

    rounds: int = 0
    gas: dict[str, Gas] = field(default_factory=dict)
    """By who sent a round or a keeper's trade."""
    minted: int = 0
    redeemed: int = 0
    fee_shares: int = 0
    """Taken by mints and redeems, into the recipient's pending fees."""
    collected: dict[str, int] = field(default_factory=dict)
    """Shares paid out to each fee recipient: what mints, redeems and the streaming fee earned."""


def read_chain(config: OverviewConfig, from_s: int, to_s: int) -> Plan[ChainReport]:
    """Raises ClientError. Reads every event from `since_block` on and keeps those of the period."""
    report = ChainReport()
    times: dict[int, int] = {}
    contracts = [(config.oracle, abi("MedianOracle"), ["RoundSubmitted"])]
    if config.vault is not None:
        vault = abi("IndexVault")
        contracts.append((config.vault, vault, ["Minted", "Redeemed", "FeesCollected"]))
    if config.arbitrageur is not None:
        contracts.append((config.arbitrageur, abi("ParityArbitrageur"), ["PremiumTaken", "DiscountTaken"]))
    paying: set[str] = set()
    for where, known, names in contracts:
        for event in (yield from _events(where, known, names, config.since_block)):
            if event.block not in times:
                block: Block = yield from head(hex(event.block))
                times[event.block] = block.timestamp
            if from_s <= times[event.block] <= to_s:
                _take(report, event, paying)
    yield from _read_gas(report, sorted(paying))
    return report


def _events(where: str, known: Abi, names: Sequence[str], since: int) -> Plan[list[Event]]:
    cursor = Cursor(where, known, names, since, 0)
    found: list[Event] = []
    while not cursor.at_head:
        for event in (yield from cursor.page()):
            if isinstance(event, Reorganised):
                found = [kept for kept in found if kept.block < event.block]
            else:
                found.append(event)
    return found


def _take(report: ChainReport, event: Event, paying: set[str]) -> None:
    if event.name in ("RoundSubmitted", "PremiumTaken", "DiscountTaken"):
        report.rounds += event.name == "RoundSubmitted"
        paying.add(event.tx_hash)
    elif event.name == "Minted":
        report.minted += event["shares"]
        report.fee_shares += event["fee_shares"]
    elif event.name == "Redeemed":
        report.redeemed += event["shares"]
        report.fee_shares += event["fee_shares"]
    else:
        recipient = event["recipient"]
        report.collected[recipient] = report.collected.get(recipient, 0) + event["shares"]


def _read_gas(report: ChainReport, hashes: Sequence[str]) -> Plan[None]:
    spent: defaultdict[str, Gas] = defaultdict(Gas)
    for start in range(0, len(hashes), _TOGETHER):
        receipts: list[Any] = yield [
            Request("eth_getTransactionReceipt", (each,)) for each in hashes[start : start + _TOGETHER]
        ]
        for receipt in receipts:
            if receipt is None:
                continue
            caller = spent[str(receipt["from"])]
            used = number(receipt["gasUsed"])
            caller.transactions += 1
            caller.used += used
            caller.wei += used * number(receipt.get("effectiveGasPrice") or "0x0")
    report.gas = dict(spent)
