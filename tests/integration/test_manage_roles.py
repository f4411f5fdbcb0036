# SPDX-License-Identifier: AGPL-3.0-only
"""Every function that takes a role has an action of `ape run manage`, and every action a command. No chain is asked."""

from __future__ import annotations

import ast
import inspect

from scripts import manage
from scripts.management import actions, oracle, periphery, rebalance, vault

from plumbline.chain.abi import load_abi

MODULES = (oracle, vault, rebalance, periphery)
NO_ROLE = {
    "MedianOracle": {"submit"},
    "IndexVault": {
        *("approve", "transfer", "transferFrom", "permit", "flashLoan", "mint", "redeem", "redeem_skipping", "claim"),
        *(
            "deposit_float",
            "withdraw_float",
            "mint_from_float",
            "redeem_to_float",
            "carry_float",
            "sync",
            "sweep_surplus",
        ),
        # Of the factory and the auction house, which are code.
        *("initialize", "begin_auction", "settle", "end_auction"),
    },
    "AuctionHouse": {"bid"},
    "NavDesk": {
        *("request_buy", "request_sell", "settle", "expire", "deposit", "withdraw", "withdraw_in_kind"),
        # The maker's, with its own money: a program's work, not a person's.
        *("deposit_float", "withdraw_float", "redeem_to_float", "claim_float"),
    },
}
"""What changes something and is for anybody, or for code."""


def reached() -> set[tuple[str, str]]:
    """(contract, function) of every call that scripts/management can build, read from its source."""
    found = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1):
                continue
            first, second = node.args[:2]
            if not isinstance(second, ast.Constant):
                continue
            if node.func.id in ("_action", "_waiting"):
                keys = [rebalance.HOUSE if node.func.id == "_action" else "vault"]
            elif node.func.id != "Action":
                continue
            elif isinstance(first, ast.Constant):
                keys = [first.value]
            elif hasattr(module, first.id):
                keys = [getattr(module, first.id)]
            else:
                # Of several contracts: those that the command takes.
                command = manage.cli.commands[second.value.replace("_", "-")]
                keys = next(each for each in command.params if each.name == first.id).type.choices
            found |= {(actions.KINDS[key], second.value) for key in keys}
    return found


def test_every_function_of_a_role__has_an_action() -> None:
    """A new one has to get an action, or to be named above as for anybody."""
    there = {
        (kind, entry["name"])
        for kind in actions.KINDS.values()
        for entry in load_abi(kind)
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    nobodys = {(kind, name) for kind, names in NO_ROLE.items() for name in names}
    assert there - nobodys == reached()
    assert nobodys <= there


def test_every_action__is_a_command() -> None:
    """Each public function of the modules that gives an Action can be reached by somebody who types."""
    made = [
        (module.__name__, name)
        for module in MODULES
        for name, built in vars(module).items()
        if getattr(built, "__annotations__", {}).get("return") == "Action" and not name.startswith("_")
    ]
    assert len(manage.cli.commands) == len(made) + len({"verify"})
