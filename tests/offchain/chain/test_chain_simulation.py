# SPDX-License-Identifier: AGPL-3.0-only
"""A call tried on a node that knows `eth_simulateV1`, and on one that does not."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from plumbline.chain.rpc import Rpc, refusal
from plumbline.chain.simulation import Simulation
from plumbline.errors import ChainError, ChainUnreachable

WORD = "0x" + "00" * 31 + "07"
REVERT = "0x08c379a0" + "20".zfill(64) + "04".zfill(64) + b"loss".hex().ljust(64, "0")


class Node:
    """Answers by method; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def request(self, method: str, *params: Any) -> Any:
        self.asked.append(method)
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(node: Node, times: int = 1) -> tuple[bytes, int]:
    async def main() -> tuple[bytes, int]:
        simulation = Simulation(cast(Rpc, node))
        for _ in range(times):
            found = await simulation.run("0x1", "0x2", "0x")
        return found

    return asyncio.run(main())


def simulated(**call: Any) -> list[dict[str, Any]]:
    return [{"calls": [{"returnData": WORD, "gasUsed": "0x5208", "status": "0x1"} | call]}]


def test_run__node_that_can__is_one_question():
    node = Node(eth_simulateV1=simulated())
    assert run(node) == (bytes(31) + b"\7", 21_000)
    assert node.asked == ["eth_simulateV1"]


@pytest.mark.parametrize(
    "said", [{"returnData": REVERT}, {"returnData": "0x", "error": {"code": 3, "message": "reverted", "data": REVERT}}]
)
def test_run__would_revert__raises_the_contract_s_reason(said):
    with pytest.raises(ChainError) as caught:
        run(Node(eth_simulateV1=simulated(status="0x0", **said)))
    assert caught.value.reason == "loss"


def test_run__node_without_the_method__is_asked_the_older_questions_from_then_on():
    missing = ChainError("the method eth_simulateV1 does not exist")
    node = Node(eth_simulateV1=missing, eth_call=WORD, eth_estimateGas="0x7530")
    assert run(node, times=2) == (bytes(31) + b"\7", 30_000)
    assert node.asked == ["eth_simulateV1", *["eth_call", "eth_estimateGas"] * 2]


def test_run__refused_for_once__is_tried_again_the_next_time():
    node = Node(eth_simulateV1=ChainError("busy"), eth_call=WORD, eth_estimateGas="0x7530")
    run(node, times=2)
    assert node.asked.count("eth_simulateV1") == 2


def test_run__nobody_answers__is_not_asked_otherwise():
    node = Node(eth_simulateV1=ChainUnreachable("no"))
    with pytest.raises(ChainUnreachable):
        run(node)
    assert node.asked == ["eth_simulateV1"]


@pytest.mark.parametrize("said", [None, [], [{}], [{"calls": []}], simulated(gasUsed="many"), simulated(returnData=7)])
def test_run__node_says_nonsense__is_a_chain_error(said):
    with pytest.raises(ChainError, match="makes no sense"):
        run(Node(eth_simulateV1=said))


@pytest.mark.parametrize("data", ["0x", "0xe450d38c" + "00" * 96, "0x4e487b71" + "11".zfill(64)])
def test_run__would_revert_without_words__is_refused_all_the_same(data):
    """A token's custom error or a panic: the chain answers, and there is nothing to ask again at once."""
    said = simulated(status="0x0", returnData="0x", error={"code": 3, "message": "execution reverted", "data": data})
    without = {"eth_simulateV1": ChainError("the method does not exist"), "eth_estimateGas": "0x1"}
    reverts = refusal({"code": 3, "message": "execution reverted", "data": data})
    for node in (Node(eth_simulateV1=said), Node(eth_call=reverts, **without)):
        with pytest.raises(ChainError, match="reverted: without a reason") as caught:
            run(node)
        assert caught.value.reason == "without a reason"


def test_run__node_is_busy__is_no_refusal():
    node = Node(eth_simulateV1=ChainError("busy"), eth_call=ChainError("busy"), eth_estimateGas="0x1")
    with pytest.raises(ChainError, match="busy") as caught:
        run(node)
    assert caught.value.reason == ""
