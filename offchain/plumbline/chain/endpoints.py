# SPDX-License-Identifier: AGPL-3.0-only
"""Several endpoints of one chain: asked in turn while one does not answer, and compared now and then.

What an endpoint alone says of the chain is believed only as far as it harms nobody: a node that reads a stale or
foreign chain signs and pays for nothing that another chain would take (epoch, chain id and nonce are in what is
signed). The comparison is for the operator, and for the order in which endpoints are asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, cast
from urllib.request import getproxies

import aiohttp
import msgspec
import structlog
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCRequest, RPCResponse

from plumbline.errors import ChainUnreachable
from plumbline.log import redacted

_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_FAILURES: Final = (aiohttp.ClientError, OSError)
"""All that a request can end with; a timeout is an OSError."""
_HEADERS: Final = {"content-type": "application/json", "accept-encoding": "identity"}
_BATCH: Final = 50
"""Requests that travel together; endpoints have bounds of 100 and more."""
LOOK_EVERY_S: Final = 10.0
"""Wall time between two comparisons."""
_BEHIND_BLOCKS: Final = 5
"""An endpoint so far behind the others is asked last."""
_SETTLED_BLOCKS: Final = 3
"""Hashes are compared so far below the lowest head: nearer to it endpoints may differ for a moment, and be right."""

log = structlog.get_logger(__name__)


class HttpProvider(AsyncJSONBaseProvider):
    """Posts requests to the first endpoint that answers, beginning with the one that answered last."""

    def __init__(self, urls: Sequence[str], timeout_s: float) -> None:
        super().__init__()
        if not urls:
            raise ValueError("expected at least one RPC endpoint")
        self._urls = list(urls)
        self._timeout_s = timeout_s
        self.wrong: set[str] = set()
        """On another chain: never asked."""
        self.behind: set[str] = set()
        """Asked only when the others do not answer."""
        self._one_by_one: set[str] = set()
        """Endpoints that know no batches."""
        self._waiting: list[tuple[RPCRequest, asyncio.Future[RPCResponse]]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None
        """Made where the first request is, in its event loop."""

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """What is asked in one turn of the loop travels together: all feeds' answers are one request, of one moment."""
        answer: asyncio.Future[RPCResponse] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send_waiting)
        self._waiting.append((self.form_request(method, params), answer))
        return await answer

    def _send_waiting(self) -> None:
        asked, self._waiting = self._waiting, []
        for first in range(0, len(asked), _BATCH):
            task = asyncio.create_task(self._deliver(asked[first : first + _BATCH]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, asked: Sequence[tuple[RPCRequest, asyncio.Future[RPCResponse]]]) -> None:
        try:
            answers = await self._first_that_answers([request for request, _ in asked])
        except ChainUnreachable as error:
            for _, waiting in asked:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(asked, answers, strict=True):
            # Whoever asked may have given up meanwhile.
            if not waiting.done():
                waiting.set_result(answer)

    async def _first_that_answers(self, requests: Sequence[RPCRequest]) -> list[RPCResponse]:
        failures = [f"{redacted(url)}: on another chain" for url in self.wrong]
        # Stable: the one that answered last is first among equals.
        for url in sorted((url for url in self._urls if url not in self.wrong), key=lambda url: url in self.behind):
            try:
                answers = await self._ask(url, requests)
            except ChainUnreachable as error:
                failures.append(str(error))
            else:
                self._urls.remove(url)
                self._urls.insert(0, url)
                return answers
        raise ChainUnreachable(f"{requests[0]['method']}: {'; '.join(failures)}")

    async def _ask(self, url: str, requests: Sequence[RPCRequest]) -> list[RPCResponse]:
        bodies = [self.encode_rpc_dict(request) for request in requests]
        if len(requests) > 1 and url not in self._one_by_one:
            answers = _matched(await self._post(url, b"[" + b",".join(bodies) + b"]"), requests)
            if answers is not None:
                return answers
        singly = list(await asyncio.gather(*(self.post(url, body) for body in bodies)))
        if len(requests) > 1:
            # It answers each alone: it knows no batches.
            self._one_by_one.add(url)
        return singly

    async def post(self, url: str, body: bytes) -> RPCResponse:
        """One request's answer. Raises ChainUnreachable."""
        answer = await self._post(url, body)
        if not _is_answer(answer):
            raise ChainUnreachable(f"{redacted(url)}: no JSON-RPC answer")
        return cast(RPCResponse, answer)

    async def _post(self, url: str, body: bytes) -> Any:
        """What it says; None when that is no JSON. Raises ChainUnreachable."""
        try:
            # A bound on the whole: it passes on from an endpoint that sends a byte a second.
            async with (
                asyncio.timeout(self._timeout_s),
                self._session().post(url, data=body, allow_redirects=False) as response,
            ):
                content = await _read_bounded(response)
        except _FAILURES as error:
            raise ChainUnreachable(f"{redacted(url)}: {type(error).__name__}") from None
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _session(self) -> aiohttp.ClientSession:
        """Kept-alive connections without cookies. aiohttp, not httpx: a keeper asks four times between a block and its
        trade, and httpx takes over a millisecond each time."""
        if self._client is None:
            self._client = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_HEADERS,
                auto_decompress=False,
                # Looked for at every request, which takes three times as long as all the rest of it.
                trust_env=bool(getproxies()),
            )
        return self._client

    async def disconnect(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._client is not None:
            await self._client.close()


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises ClientPayloadError as soon as it is too long."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MAX_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError(f"more than {_MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _is_answer(answer: Any) -> bool:
    return isinstance(answer, dict) and ("result" in answer or "error" in answer)


def _matched(said: Any, requests: Sequence[RPCRequest]) -> list[RPCResponse] | None:
    """The answers of a batch in the order of its requests; None when that is not what was said."""
    if not isinstance(said, list):
        return None
    by_id = {answer["id"]: answer for answer in said if _is_answer(answer) and isinstance(answer.get("id"), int)}
    answers = [by_id.get(request["id"]) for request in requests]
    return None if None in answers else cast(list[RPCResponse], answers)


class Endpoints:
    """Compares what the endpoints of one provider show of the chain."""

    def __init__(self, provider: HttpProvider, urls: Sequence[str], chain_id: int | None, every_s: float) -> None:
        """chain_id: an endpoint on another chain is never asked; None takes the first endpoint's for the right one."""
        self._provider, self._urls, self._chain_id, self._every_s = provider, tuple(urls), chain_id, every_s
        self._looked_s = float("-inf")
        self.trouble = ""
        self.forked = ""
        """What of the trouble leaves it open which of them is right: another block at one height."""

    async def look(self) -> str:
        """Why they cannot all be right, in words; empty when they can, or when there is only one.

        An endpoint that does not answer is not in disagreement: it is simply passed over.
        """
        if len(self._urls) > 1 and time.monotonic() - self._looked_s >= self._every_s:
            self._looked_s = time.monotonic()
            trouble = await self._compare()
            if trouble != self.trouble:
                log.warning("endpoints disagree", reason=trouble) if trouble else log.info("endpoints agree")
            self.trouble = trouble
        return self.trouble

    async def _compare(self) -> str:
        states = await asyncio.gather(*(self._state(url) for url in self._urls))
        known = {url: state for url, state in zip(self._urls, states, strict=True) if state is not None}
        self.forked = ""
        if not known:
            return ""
        right = self._chain_id if self._chain_id is not None else next(iter(known.values()))[0]
        wrong = {url for url, (chain_id, _) in known.items() if chain_id != right}
        heads = {url: head for url, (_, head) in known.items() if url not in wrong}
        behind = {url for url, head in heads.items() if max(heads.values()) - head > _BEHIND_BLOCKS}
        self._provider.wrong, self._provider.behind = wrong, behind
        found = [f"{redacted(url)} is on chain {known[url][0]}, expected {right}" for url in sorted(wrong)]
        found += [f"{redacted(url)} is {max(heads.values()) - heads[url]} blocks behind" for url in sorted(behind)]
        self.forked = "; ".join(await self._forks(heads))
        return "; ".join([*found, self.forked] if self.forked else found)

    async def _forks(self, heads: dict[str, int]) -> list[str]:
        """Who shows another block than the first endpoint, at a height all of them have."""
        height = min(heads.values(), default=0) - _SETTLED_BLOCKS
        if height < 0:
            return []
        blocks = await asyncio.gather(*(self._ask(url, "eth_getBlockByNumber", [hex(height), False]) for url in heads))
        hashes = {
            url: block["hash"]
            for url, block in zip(heads, blocks, strict=True)
            if isinstance(block, dict) and "hash" in block
        }
        first = next(iter(hashes.values()), None)
        return [f"{redacted(url)} shows another block {height}" for url, found in hashes.items() if found != first]

    async def _state(self, url: str) -> tuple[int, int] | None:
        """(chain id, head); None when it gives no sound answer."""
        chain_id, head = await self._ask(url, "eth_chainId", []), await self._ask(url, "eth_blockNumber", [])
        try:
            return int(chain_id, 16), int(head, 16)
        except (TypeError, ValueError):
            return None

    async def _ask(self, url: str, method: str, params: list[Any]) -> Any:
        try:
            answer = await self._provider.post(url, self._provider.encode_rpc_request(RPCEndpoint(method), params))
        except ChainUnreachable:
            return None
        return answer.get("result")
