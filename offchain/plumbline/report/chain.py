# SPDX-License-Identifier: AGPL-3.0-only
"""What a report takes from the chain: rounds and what they cost whom, shares minted and redeemed, fees, rebalances, and
what collateral earned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from plumbline.client import Event, Reorganised
from plumbline.client.codec import Abi, abi, erc20, number
from plumbline.client.events import Cursor
from plumbline.client.plans import Block, Call, Plan, Request, head, read, read_all
from plumbline.overview.settings import OverviewConfig
from plumbline.report.rebalancing import Bid, Rebalancing, value_bids

_TOGETHER: Final = 50
_STEPS: Final = ("RebalanceProposed", "RebalanceCancelled", "AuctionOpened", "AuctionClosed")


@dataclass
class Gas:
    """Of one caller."""

    transactions: int = 0
    used: int = 0
    wei: int = 0

    def __add__(self, other: Gas) -> Gas:
        return Gas(self.transactions + other.transactions, self.used + other.used, self.wei + other.wei)


@dataclass(frozen=True)
class Swept:
    """Of one component: what it earned beyond what the index owed, and became backing."""

    symbol: str
    decimals: int
    amount: int
    """{tok}"""
    held: int
    """{tok} in the index now."""


@dataclass
class ChainReport:
    """Everything within the period; shares with 18 decimals."""

    rounds: int = 0
    gas: dict[str, Gas] = field(default_factory=dict)
    """By who sent a round, a keeper's trade, a bid or a step of a rebalance."""
    minted: int = 0
    redeemed: int = 0
    fee_shares: int = 0
    """Taken by mints and redeems, into the recipient's pending fees."""
    collected: dict[str, int] = field(default_factory=dict)
    """Shares paid out to each fee recipient: what mints, redeems and the streaming fee earned."""
    rebalancing: Rebalancing = field(default_factory=Rebalancing)
    step_gas: Gas = field(default_factory=Gas)
    """Of proposals, openings and closings."""
    bid_gas: Gas = field(default_factory=Gas)
    """Of bids, which their bidders paid."""
    swept: tuple[Swept, ...] = ()
    quote: tuple[str, int] | None = None
    """Symbol and decimals of what the keeper counts its profit in."""


class _Period:
    """Events between two times, each with its own; blocks are asked for their time once."""

    def __init__(self, config: OverviewConfig, from_s: int, to_s: int) -> None:
        self._since, self._from_s, self._to_s = config.since_block, from_s, to_s
        self._times: dict[int, int] = {}

    def events(self, where: str, known: Abi, names: Sequence[str]) -> Plan[list[tuple[int, Event]]]:
        """[(second, event)]. Reads every event from `since_block` on and keeps those of the period."""
        found = []
        for event in (yield from _events(where, known, names, self._since)):
            if event.block not in self._times:
                block: Block = yield from head(hex(event.block))
                self._times[event.block] = block.timestamp
            if self._from_s <= self._times[event.block] <= self._to_s:
                found.append((self._times[event.block], event))
        return found


def read_chain(config: OverviewConfig, from_s: int, to_s: int) -> Plan[ChainReport]:
    """Raises ClientError."""
    report, period = ChainReport(), _Period(config, from_s, to_s)
    rounds = yield from period.events(config.oracle, abi("MedianOracle"), ["RoundSubmitted"])
    report.rounds = len(rounds)
    paying = [event.tx_hash for _, event in rounds]
    if config.arbitrageur is not None:
        names = ["PremiumTaken", "DiscountTaken"]
        trades = yield from period.events(config.arbitrageur, abi("ParityArbitrageur"), names)
        paying += [event.tx_hash for _, event in trades]
        quote = yield from read(config.arbitrageur, abi("ParityArbitrageur")["QUOTE"])
        symbol, decimals = yield from read_all(
            [Call(quote, erc20()["symbol"]), Call(quote, erc20()["decimals"])], "latest"
        )
        report.quote = symbol, decimals
    steps: list[str] = []
    bids: list[str] = []
    if config.vault is not None:
        yield from _read_vault(report, period, config.vault)
        steps, bids = yield from _read_house(report, period, config.vault)
    spent = yield from _read_gas({*paying, *steps, *bids})
    for caller, gas in spent.values():
        report.gas[caller] = report.gas.get(caller, Gas()) + gas
    report.step_gas = sum((spent[each][1] for each in {*steps} & spent.keys()), Gas())
    report.bid_gas = sum((spent[each][1] for each in {*bids} & spent.keys()), Gas())
    return report


def _read_vault(report: ChainReport, period: _Period, vault: str) -> Plan[None]:
    names = ["Minted", "Redeemed", "FeesCollected", "SurplusSwept"]
    swept: defaultdict[str, int] = defaultdict(int)
    for _, event in (yield from period.events(vault, abi("IndexVault"), names)):
        if event.name == "FeesCollected":
            recipient = event["recipient"]
            report.collected[recipient] = report.collected.get(recipient, 0) + event["shares"]
        elif event.name == "SurplusSwept":
            swept[event["component"]] += event["amount"]
        else:
            report.fee_shares += event["fee_shares"]
            if event.name == "Minted":
                report.minted += event["shares"]
            else:
                report.redeemed += event["shares"]
    found = []
    for token, amount in swept.items():
        calls = [Call(token, erc20()["symbol"]), Call(token, erc20()["decimals"])]
        symbol, decimals, held = yield from read_all([*calls, Call(token, erc20()["balanceOf"], (vault,))], "latest")
        found.append(Swept(symbol, decimals, amount, held))
    report.swept = tuple(found)


def _read_house(report: ChainReport, period: _Period, vault: str) -> Plan[tuple[list[str], list[str]]]:
    """Hashes of the steps' transactions and of the bids'; other indices of the house are not looked at."""
    house = yield from read(vault, abi("IndexVault")["auction_house"])
    events = yield from period.events(house, abi("AuctionHouse"), [*_STEPS, "Bid"])
    mine = [(at_s, event) for at_s, event in events if event["index"].lower() == vault.lower()]
    bids = [(at_s, event) for at_s, event in mine if event.name == "Bid"]
    told = [Bid(at_s, event["sell"], event["sold"], event["factor_bps"]) for at_s, event in bids]
    report.rebalancing = yield from value_bids(vault, told)
    return [event.tx_hash for _, event in mine if event.name != "Bid"], [event.tx_hash for _, event in bids]


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


def _read_gas(hashes: Collection[str]) -> Plan[dict[str, tuple[str, Gas]]]:
    """Transaction -> (who sent it, what it cost)."""
    spent: dict[str, tuple[str, Gas]] = {}
    wanted = sorted(hashes)
    for start in range(0, len(wanted), _TOGETHER):
        some = wanted[start : start + _TOGETHER]
        receipts: list[Any] = yield [Request("eth_getTransactionReceipt", (each,)) for each in some]
        for tx_hash, receipt in zip(some, receipts, strict=True):
            if receipt is not None:
                used = number(receipt["gasUsed"])
                wei = used * number(receipt.get("effectiveGasPrice") or "0x0")
                spent[tx_hash] = str(receipt["from"]), Gas(1, used, wei)
    return spent
