# SPDX-License-Identifier: AGPL-3.0-only
"""How questions travel: any provider, every way a node can fail, and nothing that holds a key in any message."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from eth_abi import encode
from eth_utils import to_checksum_address

from plumbline.client import AsyncOracle, Oracle, StalePrice, Unreachable, Vault
from plumbline.client.errors import BadAnswer, NoContract, Reverted, RpcError
from plumbline.client.plans import Request
from plumbline.client.transport import AsyncRunner, Runner

ORACLE = to_checksum_address("0xc0ffee254729296a45a3885639ac7e10f9d54979")
SECRET = "https://user:pass@node.example/v3/0123456789abcdef?key=hunter2"
STALE = "0x08c379a0" + encode(["string"], ["oracle: stale"]).hex()


class FakeProvider:
    """Answers everything alike."""

    def __init__(self, answer: Callable[[str, Any], Any]) -> None:
        self._answer = answer

    def make_request(self, method: str, params: Any) -> Any:
        return self._answer(method, params)


class AsyncProvider(FakeProvider):
    async def make_request(self, method: str, params: Any) -> Any:
        return self._answer(method, params)


def failing(error: dict[str, Any]) -> FakeProvider:
    return FakeProvider(lambda method, params: {"error": error})


def raising(error: Exception) -> FakeProvider:
    def answer(method: str, params: Any) -> Any:
        raise error

    return FakeProvider(answer)


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted: oracle: stale", "data": STALE},
        {"code": -32000, "message": "execution reverted: oracle: stale"},
        {"code": -32015, "message": "VM execution error.", "data": STALE},
        {"code": -32603, "message": "reverted", "data": {"message": "reverted", "data": STALE}},
    ],
    ids=["geth and anvil", "words only", "data only", "nested data"],
)
def test_revert__however_the_node_tells_it__is_typed(error: dict[str, Any]) -> None:
    with pytest.raises(StalePrice):
        Oracle(failing(error), ORACLE).feed("BTC/USD")


def test_revert__without_a_reason__says_so() -> None:
    with pytest.raises(Reverted, match="reverted without a reason") as caught:
        Oracle(failing({"code": 3, "message": "execution reverted", "data": "0x"}), ORACLE).feed("BTC/USD")
    assert type(caught.value) is Reverted


def test_node_error__that_is_no_revert__keeps_its_code_and_words() -> None:
    with pytest.raises(RpcError, match="the node said -32005: limit exceeded") as caught:
        Oracle(failing({"code": -32005, "message": "limit exceeded"}), ORACLE).feeds()
    assert caught.value.code == -32005


def test_no_code_at_the_address__is_told_with_the_address() -> None:
    with pytest.raises(NoContract, match=f"{ORACLE}: expected a contract with feed_count"):
        Oracle(FakeProvider(lambda method, params: {"result": "0x"}), ORACLE).feeds()


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"result": "0x1234"}, {"result": "zz"}, {"error": "why"}])
def test_nonsense__is_a_bad_answer_never_a_value(answer: Any) -> None:
    with pytest.raises((BadAnswer, RpcError)):
        Oracle(FakeProvider(lambda method, params: answer), ORACLE).feeds()


@pytest.mark.parametrize("kind", [OSError, TimeoutError, RuntimeError])
def test_a_provider_that_raises_with_its_url__is_unreachable_without_it(kind: type[Exception]) -> None:
    with pytest.raises(Unreachable) as caught:
        Oracle(raising(kind(f"cannot reach {SECRET}")), ORACLE).feeds()
    assert str(caught.value) == f"eth_call: {kind.__name__}"
    assert caught.value.__cause__ is None


def test_url_with_secrets__is_in_no_message_and_no_repr() -> None:
    url = "http://user:hunter2@127.0.0.1:1/v3/hunter2?key=hunter2"
    oracle = Oracle(url, ORACLE, timeout_s=1)
    with pytest.raises(Unreachable) as caught:
        oracle.feeds()
    assert str(caught.value) == "http://127.0.0.1:1: ConnectError"
    told = f"{oracle!r} {vars(oracle)!r} {oracle._runner._provider!r} {caught.value!r}"
    assert "hunter2" not in told
    with pytest.raises(ValueError, match="not shown") as refused:
        Oracle("ftp://hunter2", ORACLE)
    assert "hunter2" not in str(refused.value)


def test_async__asks_the_same_and_fails_the_same() -> None:
    async def ask() -> None:
        provider = AsyncProvider(lambda method, params: {"error": {"code": 3, "message": "x", "data": STALE}})
        await AsyncOracle(provider, ORACLE).feed("BTC/USD")

    with pytest.raises(StalePrice):
        asyncio.run(ask())


def test_provider__is_found_in_a_web3_and_in_apes_provider() -> None:
    class Holder:
        pass

    inner, web3, ape = failing({"code": 1, "message": "asked"}), Holder(), Holder()
    web3.provider, ape.web3 = inner, web3
    for each in (inner, web3, ape):
        with pytest.raises(RpcError, match="asked"):
            Oracle(each, ORACLE).feeds()


@pytest.mark.parametrize("nothing", [None, 7, object()])
def test_provider__that_is_none__is_refused(nothing: object) -> None:
    with pytest.raises(TypeError, match="expected a URL, a Web3, a web3 provider or Ape's provider"):
        Runner(nothing)


@pytest.mark.parametrize("kind", [Oracle, Vault])
@pytest.mark.parametrize("where", ["", "0x12", "vitalik.eth", ORACLE[:-1] + "g"])
def test_address__that_is_none__is_refused(kind: type, where: str) -> None:
    with pytest.raises(ValueError):
        kind(failing({}), where)


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_plumbline__gives_the_client_lazily() -> None:
    code = (
        "import sys, plumbline; print('eth_abi' in sys.modules); from plumbline import Oracle; print(Oracle.__module__)"
    )
    assert run_python(code).split() == ["False", "plumbline.client.oracle"]


def test_client__needs_nothing_else_of_the_package_and_no_web3() -> None:
    """It is Apache-2.0; the rest is not."""
    code = "import sys, plumbline.client; print(*sys.modules)"
    modules = [name for name in run_python(code).split() if name.startswith(("plumbline", "web3"))]
    assert {name for name in modules if not name.startswith("plumbline.client")} == {"plumbline"}


class BatchNode:
    """A node behind both runners' own HTTP clients; `answer` makes the body of what was posted."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.posted: list[Any] = []

        def handle(request: httpx.Request) -> httpx.Response:
            self.posted.append(json.loads(request.content))
            return httpx.Response(200, json=answer(self.posted[-1]))

        self._transport = httpx.MockTransport(handle)

    def ask(self, count: int) -> Any:
        runner = Runner("http://node.example")
        runner._provider._client = httpx.Client(transport=self._transport)
        return runner.run(_several(count))

    def ask_without_blocking(self, count: int) -> Any:
        async def ask() -> Any:
            runner = AsyncRunner("http://node.example")
            runner._provider._client = httpx.AsyncClient(transport=self._transport)
            return await runner.run(_several(count))

        return asyncio.run(ask())


def _several(count: int) -> Any:
    """Twice, to see what a node's first answer teaches."""
    first = yield [Request("eth_call", (number,)) for number in range(count)]
    second = yield [Request("eth_call", (number,)) for number in range(count)]
    return first, second


def _echo(question: Any) -> Any:
    return {"jsonrpc": "2.0", "id": question["id"], "result": question["params"][0]}


WAYS = pytest.mark.parametrize("way", ["ask", "ask_without_blocking"])


@WAYS
def test_questions_together__are_one_batch_whose_answers_may_come_in_any_order(way: str) -> None:
    node = BatchNode(lambda body: [_echo(each) for each in reversed(body)])
    assert getattr(node, way)(3) == ([0, 1, 2], [0, 1, 2])
    assert [len(body) for body in node.posted] == [3, 3]


@WAYS
def test_node_without_batches__is_asked_one_by_one_and_no_batch_again(way: str) -> None:
    refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not supported"}}
    node = BatchNode(lambda body: refusal if isinstance(body, list) else _echo(body))
    assert getattr(node, way)(2) == ([0, 1], [0, 1])
    assert [isinstance(body, list) for body in node.posted] == [True, False, False, False, False]


@WAYS
@pytest.mark.parametrize("answer", [[], [{"id": 0, "result": 1}], {}, "text", [None, 7]])
def test_batch__with_an_answer_missing__is_a_bad_answer(way: str, answer: Any) -> None:
    with pytest.raises(BadAnswer, match="a batch of 2: expected an answer to each, found none to eth_call"):
        getattr(BatchNode(lambda body: answer), way)(2)


@WAYS
def test_batch__with_one_error__is_that_error(way: str) -> None:
    def answer(body: Any) -> Any:
        return [_echo(body[0]), {"id": body[1]["id"], "error": {"code": 3, "message": "execution reverted"}}]

    with pytest.raises(RpcError, match="execution reverted"):
        getattr(BatchNode(answer), way)(2)
