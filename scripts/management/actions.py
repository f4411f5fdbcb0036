# SPDX-License-Identifier: AGPL-3.0-only
"""An action as data: the call, what of the state it changes, and what that will be; simulated and shown, never sent.

What owner and guardian can do is in `oracle`, `vault`, `rebalance` and `periphery`: a function each, which gives an
Action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError

from plumbline.chain.abi import load_abi
from plumbline.client.errors import reverted
from scripts.deployment.record import Record

WHOLE_SHARE = 10**18
NOBODY = "0x" + "00" * 20
KINDS = {
    "oracle": "MedianOracle",
    "vault": "IndexVault",
    "auction house": "AuctionHouse",
    "feed notices": "FeedNotices",
    "desk": "NavDesk",
    "yields": "ERC4626Feeds",
    "registry": "HolderRegistry",
}
"""Contract by its key in a deployment's record; of the last three there may be many, and their address is given."""


class ActionError(Exception):
    """An argument that cannot be, or a role the sender does not have; says what is expected."""


@dataclass(frozen=True)
class Change:
    """One thing the action changes."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Action:
    """A call that is ready to be simulated and sent."""

    contract: str
    """One of KINDS."""
    function: str
    arguments: tuple[Any, ...]
    changes: tuple[Change, ...]
    note: str = ""
    """What to know before saying yes."""


@dataclass(frozen=True)
class Target:
    """The contracts of a deployment, for reading."""

    web3: Web3
    record: Record
    given: Mapping[str, str] = field(default_factory=dict)
    """Addresses by key, of contracts that the deployment does not have, or that are meant instead of its own."""
    _made: dict[str, Contract] = field(default_factory=dict, repr=False, compare=False)
    """By key: web3 takes long to make one of a large ABI."""

    def contract(self, key: str) -> Contract:
        if key not in self._made:
            self._made[key] = self._make(key)
        return self._made[key]

    def _make(self, key: str) -> Contract:
        address = self.web3.to_checksum_address(self.where(key))
        return self.web3.eth.contract(address=address, abi=load_abi(KINDS[key]))

    def where(self, key: str) -> str:
        """Its address."""
        if key in self.given:
            return self.address(self.given[key])
        if key not in self.record.contracts:
            raise ActionError(f"the deployment's record has no {key}: give its address (--at), or deploy anew")
        return self.record.address(key)

    def read(self, key: str, function: str, *arguments: Any) -> Any:
        return self.contract(key).functions[function](*arguments).call()

    def feeds(self) -> list[tuple[Any, ...]]:
        """As the oracle has them now, in the order of IMedianOracle.Feed."""
        return [self.read("oracle", "feed", index) for index in range(self.read("oracle", "feed_count"))]

    def feed_index(self, name: str) -> int:
        names = [feed[0] for feed in self.feeds()]
        if name not in names:
            raise ActionError(f"expected a feed of {', '.join(names)}, got {name!r}")
        return names.index(name)

    def component(self, text: str) -> int:
        """The place of a component, given by address or by its token's key in the record ("USDC")."""
        tokens, _ = self.read("vault", "components")
        known = {key.removeprefix("token "): each.address for key, each in self.record.contracts.items()}
        address = known.get(text, text)
        if address not in tokens:
            names = [next((name for name, each in known.items() if each == token), token) for token in tokens]
            raise ActionError(f"expected a component of {', '.join(names)}, got {text!r}")
        return int(tokens.index(address))

    def now(self) -> int:
        """{s} of the last block."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    @staticmethod
    def address(text: str) -> str:
        if not Web3.is_address(text):
            raise ActionError(f"expected an address, got {text!r}")
        return str(Web3.to_checksum_address(text))


def simulate(target: Target, action: Action, sender: str) -> int:
    """Gas it would take. Raises Reverted (the client's types) with the contract's reason; sends nothing."""
    call = target.contract(action.contract).functions[action.function](*action.arguments)
    try:
        return int(call.estimate_gas({"from": target.web3.to_checksum_address(sender)}))
    except ContractLogicError as error:
        words = str(error.message or "").partition("execution reverted")[2].lstrip(":, ")
        raise reverted(words) from None


def page(action: Action, sender: str) -> list[str]:
    """What is shown before the question."""
    lines = [f"{action.contract}.{action.function}({', '.join(_short(each) for each in action.arguments)})"]
    lines.append(f"  sent by  {sender}")
    width = max((len(change.what) for change in action.changes), default=0)
    lines += [f"  {change.what:{width}}  {change.before} -> {change.after}" for change in action.changes]
    return [*lines, f"  {action.note}"] if action.note else lines


def _short(value: Any) -> str:
    return f"[{len(value)}]" if isinstance(value, Sequence) and not isinstance(value, str | bytes) else str(value)
