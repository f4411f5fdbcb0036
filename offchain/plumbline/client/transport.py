# SPDX-License-Identifier: Apache-2.0
"""Carries plans to a node: through any web3 provider (a Web3, an AsyncWeb3, Ape's), or by itself from a URL.

Nothing is logged, ever; of a URL only the host is shown, since paths, queries and user names hold API keys.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Generator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from plumbline.client.errors import BadAnswer, ClientError, RpcError, Unreachable
from plumbline.client.plans import Pause, Plan, Request

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
TIMEOUT_S: Final = 10.0
_ids = count(1)


class Provider(Protocol):
    """What web3 calls a provider; `make_request` may be a coroutine."""

    def make_request(self, method: Any, params: Any) -> Any: ...


class Runner:
    """Runs plans, one question after the other."""

    def __init__(self, where: object, timeout_s: float = TIMEOUT_S) -> None:
        """where: a URL, a Web3, a web3 provider, or Ape's `networks.active_provider`."""
        self._provider: Provider = HttpProvider(where, timeout_s) if isinstance(where, str) else provider_of(where)

    def run(self, plan: Plan[T]) -> T:
        step = _Step(plan)
        while not step.done:
            try:
                answer = self._answer(step.question)
            except ClientError as error:
                step.fail(error)
            else:
                step.answer(answer)
        return step.result  # type: ignore[no-any-return]

    def _answer(self, question: Request | Sequence[Request] | Pause) -> Any:
        if isinstance(question, Pause):
            time.sleep(question.seconds)
            return None
        if isinstance(question, Request):
            return self._ask(question)
        if isinstance(self._provider, HttpProvider):
            return [result_of(raw) for raw in self._provider.make_requests(question)]
        return [self._ask(each) for each in question]

    def _ask(self, request: Request) -> Any:
        try:
            raw = self._provider.make_request(request.method, list(request.params))
        except ClientError:
            raise
        except Exception as error:  # noqa: BLE001 - each HTTP library has its own, and their words may hold the URL
            raise _unreachable(request, error) from None
        return result_of(raw)

    def close(self) -> None:
        if isinstance(self._provider, HttpProvider):
            self._provider.close()


class AsyncRunner:
    """Runs plans; questions that may be asked together are."""

    def __init__(self, where: object, timeout_s: float = TIMEOUT_S) -> None:
        """where: a URL, an AsyncWeb3, or one of its providers."""
        self._provider: Any = AsyncHttpProvider(where, timeout_s) if isinstance(where, str) else provider_of(where)

    async def run(self, plan: Plan[T]) -> T:
        step = _Step(plan)
        while not step.done:
            try:
                answer = await self._answer(step.question)
            except ClientError as error:
                step.fail(error)
            else:
                step.answer(answer)
        return step.result  # type: ignore[no-any-return]

    async def _answer(self, question: Request | Sequence[Request] | Pause) -> Any:
        if isinstance(question, Pause):
            return await asyncio.sleep(question.seconds)
        if isinstance(question, Request):
            return await self._ask(question)
        if isinstance(self._provider, AsyncHttpProvider):
            return [result_of(raw) for raw in await self._provider.make_requests(question)]
        return await asyncio.gather(*(self._ask(each) for each in question))

    async def _ask(self, request: Request) -> Any:
        try:
            raw = await self._provider.make_request(request.method, list(request.params))
        except ClientError:
            raise
        except Exception as error:  # noqa: BLE001 - each HTTP library has its own, and their words may hold the URL
            raise _unreachable(request, error) from None
        return result_of(raw)

    async def close(self) -> None:
        if isinstance(self._provider, AsyncHttpProvider):
            await self._provider.close()


class _Step:
    """A plan, one question at a time."""

    def __init__(self, plan: Generator[Any, Any, Any]) -> None:
        self._plan = plan
        self.question: Any = None
        self.result: Any = None
        self.done = False
        self._go(lambda: next(plan))

    def answer(self, value: Any) -> None:
        self._go(lambda: self._plan.send(value))

    def fail(self, error: ClientError) -> None:
        self._go(lambda: self._plan.throw(error))

    def _go(self, on: Any) -> None:
        try:
            self.question = on()
        except StopIteration as stop:
            self.result, self.done = stop.value, True


def provider_of(where: Any) -> Any:
    """Ape's provider has a Web3 as `web3`, a Web3 has a provider as `provider`. Raises TypeError for anything else."""
    for name in ("web3", "provider"):
        where = getattr(where, name, where)
    if not callable(getattr(where, "make_request", None)):
        raise TypeError(f"expected a URL, a Web3, a web3 provider or Ape's provider, got {type(where).__name__}")
    return where


def result_of(raw: Any) -> Any:
    """Of a JSON-RPC answer. Raises RpcError with the node's error, BadAnswer for what is no answer."""
    error = raw.get("error") if isinstance(raw, dict) else None
    if isinstance(error, dict):
        code = error.get("code")
        raise RpcError(code if isinstance(code, int) else 0, str(error.get("message", "")), error.get("data"))
    if error is not None:
        raise RpcError(0, str(error))
    if not isinstance(raw, dict) or "result" not in raw:
        raise BadAnswer("expected a JSON-RPC answer")
    return raw["result"]


def _unreachable(request: Request, error: Exception) -> Unreachable:
    # The name only: a library's message may hold the whole URL, and so a key.
    return Unreachable(f"{request.method}: {type(error).__name__}")


class HttpProvider:
    """JSON-RPC by HTTP, without web3."""

    def __init__(self, url: str, timeout_s: float) -> None:
        import httpx

        self._url, self._host, self._batches = url, host_of(url), True
        self._client = httpx.Client(timeout=timeout_s, verify=_verified(url))
        # Who never closes an Oracle or a Vault leaves no socket open behind it.
        weakref.finalize(self, self._client.close)

    def make_request(self, method: str, params: Any) -> Any:
        return self._post(_question(method, params))

    def make_requests(self, requests: Sequence[Request]) -> list[Any]:
        """The raw answers, in order: of one batch, or one by one of a node that takes no batches."""
        questions = _questions(requests)
        if len(questions) > 1 and self._batches:
            if (answers := _in_order(questions, self._post(questions))) is not None:
                return answers
            self._batches = False
        return [self._post(each) for each in questions]

    def _post(self, body: Any) -> Any:
        import httpx

        try:
            return _body(self._client.post(self._url, json=body), self._host)
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"{self._host}: {type(error).__name__}") from None

    def close(self) -> None:
        self._client.close()

    def __repr__(self) -> str:
        return f"HttpProvider({self._host})"


class AsyncHttpProvider:
    """The same, without blocking."""

    def __init__(self, url: str, timeout_s: float) -> None:
        import httpx

        self._url, self._host, self._batches = url, host_of(url), True
        self._client = httpx.AsyncClient(timeout=timeout_s, verify=_verified(url))

    async def make_request(self, method: str, params: Any) -> Any:
        return await self._post(_question(method, params))

    async def make_requests(self, requests: Sequence[Request]) -> list[Any]:
        questions = _questions(requests)
        if len(questions) > 1 and self._batches:
            if (answers := _in_order(questions, await self._post(questions))) is not None:
                return answers
            self._batches = False
        return await asyncio.gather(*map(self._post, questions))

    async def _post(self, body: Any) -> Any:
        import httpx

        try:
            return _body(await self._client.post(self._url, json=body), self._host)
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"{self._host}: {type(error).__name__}") from None

    async def close(self) -> None:
        await self._client.aclose()

    def __repr__(self) -> str:
        return f"AsyncHttpProvider({self._host})"


def host_of(url: str) -> str:
    """Scheme, host and port. Raises ValueError, without the address, for what is no http(s) URL."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        sound, port = False, ""
    if not sound:
        raise ValueError("expected an http:// or https:// address of a node (what was given is not shown)")
    return f"{parts.scheme}://{parts.hostname}{port}"


def _question(method: str, params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params}


def _questions(requests: Sequence[Request]) -> list[dict[str, Any]]:
    return [_question(each.method, list(each.params)) for each in requests]


def _in_order(questions: Sequence[dict[str, Any]], raw: Any) -> list[Any] | None:
    """Answers of a batch come in any order (JSON-RPC 2.0, section 6). None for one error in their place: no batches."""
    if isinstance(raw, dict) and raw.get("error") is not None:
        return None
    answers = {each.get("id"): each for each in raw if isinstance(each, dict)} if isinstance(raw, list) else {}
    missing = [question["method"] for question in questions if question["id"] not in answers]
    if missing:
        raise BadAnswer(f"a batch of {len(questions)}: expected an answer to each, found none to {missing[0]}")
    return [answers[question["id"]] for question in questions]


def _verified(url: str) -> bool:
    """Whether there is a certificate to verify: loading those of the system takes longer than a local node's answer."""
    return url.startswith("https:")


def _body(response: httpx.Response, host: str) -> Any:
    try:
        return response.json()
    except ValueError:
        raise Unreachable(f"{host}: HTTP {response.status_code}, and no JSON-RPC answer") from None
