# SPDX-License-Identifier: AGPL-3.0-only
"""Nothing of an index can be entered from the middle of an operation but what helpers/doors.py names.

Every operation that calls somebody is played once for each function of the ABIs; whoever is called knocks there. A lock
refuses without a word and everything else with a reason, so a refusal for another reason is no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pytest
from scripts.artifacts import compile_contract

from tests.helpers.doors import doors, knock, signatures
from tests.helpers.revm import Contract, Reverted
from tests.regression.vault.rebalancing import HOLDER, KEEP, MAX_UINT, WAD, Rebalancing

HOOKED, PLAIN = 0, 1
ZEROS, ONES = [0] * 3, [1] * 3
HALF, TWICE = WAD * WAD // 2, 2 * WAD * WAD


class Stage(NamedTuple):
    index: Rebalancing
    bidder: Contract
    borrower: Contract


class Operation(NamedTuple):
    """What is played, by whom the knock comes ("token", or a contract of the stage), and the goals of its auction."""

    act: Callable[[Stage], object]
    caller: str = "token"
    goals: tuple[int, ...] = ()


def _call(name: str, *arguments: object) -> Operation:
    return Operation(lambda stage: stage.index.vault.call(name, *arguments, sender=HOLDER))


def _bid_with_callback(stage: Stage) -> None:
    index = stage.index
    pair = index.tokens[HOOKED].address, index.tokens[PLAIN].address
    stage.bidder.call("bid", index.house.address, index.vault.address, *pair, WAD)


OPERATIONS = {
    "mint": _call("mint", WAD, HOLDER, [MAX_UINT] * 3, MAX_UINT),
    "redeem": _call("redeem", WAD, HOLDER, ZEROS, MAX_UINT),
    "redeem_skipping": _call("redeem_skipping", WAD, HOLDER, ZEROS, 1 << PLAIN, MAX_UINT),
    "deposit_float": _call("deposit_float", ONES),
    "withdraw_float": _call("withdraw_float", ONES, HOLDER),
    "claim": Operation(lambda stage: stage.index.claim(HOOKED, HOLDER)),
    "flashLoan": Operation(
        lambda stage: stage.index.vault.call("flashLoan", stage.borrower.address, stage.index.vault.address, WAD, b""),
        "borrower",
    ),
    "bid that takes it": Operation(
        lambda stage: stage.index.bid(HOOKED, PLAIN, WAD, HOLDER), goals=(HALF, TWICE, KEEP)
    ),
    "bid that pays in it": Operation(
        lambda stage: stage.index.bid(PLAIN, HOOKED, WAD, HOLDER), goals=(TWICE, HALF, KEEP)
    ),
    "bid that calls the bidder": Operation(_bid_with_callback, "bidder", goals=(HALF, TWICE, KEEP)),
}
BIDS = [name for name, operation in OPERATIONS.items() if operation.goals]


@cache
def stage() -> Stage:
    """The holder has shares, float and a claim; the token with the hook is the first component."""
    index = Rebalancing(kinds=("MockReentrantERC20", "MockERC20", "MockERC20"))
    bidder, borrower = (index.chain.deploy(compile_contract(name)) for name in ("MockBidder", "MockFlashBorrower"))
    index.tokens[PLAIN].call("mint", bidder.address, 10**30)
    index.lend_shares(10**30)
    index.mint(100 * WAD, HOLDER)
    index.vault.call("deposit_float", [WAD] * 3, sender=HOLDER)
    index.redeem(WAD, HOLDER, skip=1 << HOOKED)
    return Stage(index, bidder, borrower)


def open_in_the_middle_of(operation: Operation, contract: str) -> list[str]:
    """Which functions of a contract were not locked when somebody who was called knocked at them."""
    index, chain = stage().index, stage().index.chain
    start, began_at = chain.evm.snapshot(), chain.timestamp
    if operation.goals:
        index.open(list(operation.goals))
    caller = index.tokens[HOOKED] if operation.caller == "token" else getattr(stage(), operation.caller)
    target = {"IndexVault": index.vault, "AuctionHouse": index.house}[contract].address
    pays = (True,) if operation.caller == "bidder" else ()
    opened = []
    for signature in signatures(contract):
        before = chain.evm.snapshot()
        caller.call("arm", target, knock(signature, index.vault.address), *pays)
        operation.act(stage())
        assert caller.call("calls") == 1
        if caller.call("successes") or caller.call("heard"):
            opened.append(signature)
        chain.evm.revert(before)
    chain.evm.revert(start)
    chain.set_time(began_at)
    return opened


def named_open(contract: str) -> list[str]:
    return [signature for signature in signatures(contract) if signature not in doors(contract)]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_index__in_the_middle_of_an_operation__is_locked_but_for_what_is_named(operation):
    assert open_in_the_middle_of(OPERATIONS[operation], "IndexVault") == named_open("IndexVault")


@pytest.mark.parametrize("operation", BIDS)
def test_house__in_the_middle_of_a_bid__is_locked_but_for_its_constants(operation):
    assert open_in_the_middle_of(OPERATIONS[operation], "AuctionHouse") == named_open("AuctionHouse")


@pytest.mark.parametrize("contract", ["IndexVault", "AuctionHouse"])
def test_doors__when_nothing_is_under_way__answer_or_give_a_reason(contract):
    """Else silence in the middle of an operation would prove nothing."""
    index = stage().index
    target = {"IndexVault": index.vault, "AuctionHouse": index.house}[contract].address
    silent = [signature for signature in signatures(contract) if is_silent(target, signature)]
    assert silent == []


def is_silent(target: str, signature: str) -> bool:
    index = stage().index
    before = index.chain.evm.snapshot()
    try:
        index.chain.send(target, knock(signature, index.vault.address))
    except Reverted as reverted:
        return str(reverted) == ""
    else:
        return False
    finally:
        index.chain.evm.revert(before)
