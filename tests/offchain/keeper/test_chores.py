# SPDX-License-Identifier: AGPL-3.0-only
"""The chores: done when they are worth it, not before, and not given up after a refusal."""

from __future__ import annotations

import asyncio

import pytest

from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.keeper.chores import LOOK_EVERY, MIN_LOSS_WAD, Chores
from plumbline.keeper.limits import Limits
from plumbline.ports import Due

WORTH = 100 * WAD


class FakeIndex:
    def __init__(self) -> None:
        self.fees_usd_wad = 0
        self.claims: tuple[tuple[str, int], ...] = ()
        self.stranded: tuple[int, ...] = ()
        self.float_claims: tuple[tuple[str, int], ...] = ()
        self.losses: tuple[tuple[str, int], ...] = ()
        self.frozen = ""
        self.trouble: ChainError | None = None
        self.done: list[str] = []

    async def due(self) -> Due:
        if self.trouble is not None:
            raise self.trouble
        return Due(self.fees_usd_wad, self.claims, self.stranded, self.float_claims, self.losses)

    async def collect_fees(self) -> None:
        self.done.append("fees")
        self.fees_usd_wad = 0

    async def sync(self, token: str) -> None:
        self.done.append(f"sync {token}")

    async def claim(self, token: str) -> None:
        if token == self.frozen:
            raise ChainError("reverted", "token: transfer failed")
        self.done.append(token)
        self.claims = ()

    async def carry(self, generation: int) -> None:
        self.done.append(f"carry {generation}")

    async def claim_float(self, token: str) -> None:
        self.done.append(f"float {token}")


@pytest.fixture
def index() -> FakeIndex:
    return FakeIndex()


def turns(chores: Chores, count: int) -> list[str]:
    return [asyncio.run(chores.turn()) for _ in range(count)]


def test_turn__fees_worth_their_gas__are_collected(index):
    index.fees_usd_wad = WORTH
    chores = Chores(index, WORTH)
    assert turns(chores, 1) == ["done"]
    assert index.done == ["fees"]
    assert chores.status() == {"done": 1, "refusal": ""}


def test_turn__fees_a_wei_below__wait(index):
    index.fees_usd_wad = WORTH - 1
    assert turns(Chores(index, WORTH), 1) == ["nothing due"]
    assert index.done == []


def test_turn__claims_that_can_be_paid__are_paid(index):
    index.claims = (("0xa", 5), ("0xb", 7))
    assert turns(Chores(index, WORTH), 1) == ["done"]
    assert index.done == ["0xa", "0xb"]


def test_turn__float_of_what_left__is_carried_and_claimed(index):
    index.stranded, index.float_claims = (0, 1), (("0xa", 5),)
    assert turns(Chores(index, WORTH), 1) == ["done"]
    assert index.done == ["carry 0", "carry 1", "float 0xa"]


def test_turn__a_loss_of_a_basis_point__is_shared_before_anything_is_paid(index):
    index.losses, index.fees_usd_wad, index.claims = (("0xa", MIN_LOSS_WAD),), WORTH, (("0xa", 5),)
    assert turns(Chores(index, WORTH), 1) == ["done"]
    assert index.done == ["sync 0xa", "fees", "0xa"]


def test_turn__a_loss_smaller_than_that__waits(index):
    index.losses = (("0xa", MIN_LOSS_WAD - 1),)
    assert turns(Chores(index, WORTH), 1) == ["nothing due"]
    assert index.done == []


def test_turn__one_token_stands_still__the_others_are_claimed_all_the_same(index):
    index.claims, index.frozen = (("0xa", 5), ("0xb", 7)), "0xa"
    chores = Chores(index, WORTH)
    assert turns(chores, 1) == ["refused"]
    assert index.done == ["0xb"]
    assert chores.status() == {"done": 1, "refusal": "token: transfer failed"}


def test_turn__between_looks__asks_nothing(index):
    index.fees_usd_wad = WORTH
    chores = Chores(index, WORTH)
    turns(chores, 1)
    index.fees_usd_wad = WORTH
    assert set(turns(chores, LOOK_EVERY - 1)) == {"idle"}
    assert turns(chores, 1) == ["done"]


def test_turn__dry_run__sends_nothing(index):
    index.fees_usd_wad = WORTH
    assert turns(Chores(index, WORTH, dry_run=True), 1) == ["dry run"]
    assert index.done == []


def test_turn__contract_refuses__says_why_and_tries_again_later(index):
    index.trouble = ChainError("reverted", "oracle: stale")
    chores = Chores(index, WORTH)
    assert turns(chores, 1) == ["refused"]
    assert chores.status()["refusal"] == "oracle: stale"
    index.trouble, index.fees_usd_wad = None, WORTH
    assert turns(chores, LOOK_EVERY)[-1] == "done"


def test_turn__chain_does_not_answer__looks_again_at_once(index):
    index.trouble = ChainUnreachable("connection refused")
    chores = Chores(index, WORTH)
    with pytest.raises(ChainUnreachable):
        turns(chores, 1)
    index.trouble, index.fees_usd_wad = None, WORTH
    assert turns(chores, 1) == ["done"]


def test_turn__kill_switch__sends_nothing_while_it_is_there(index, tmp_path):
    switch = tmp_path / "stop"
    switch.touch()
    index.fees_usd_wad, index.claims = WORTH, (("0xa", 5),)
    chores = Chores(index, WORTH, limits=Limits(kill_switch=switch))
    assert turns(chores, 1) == ["forbidden"]
    assert (index.done, chores.status()["refusal"]) == ([], "kill switch stop is there")
    assert chores.unready() == "kill switch stop is there"
    switch.unlink()
    assert turns(chores, LOOK_EVERY)[-1] == "done"
    assert (index.done, chores.status()["refusal"]) == (["fees", "0xa"], "")
