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

import httpx
import msgspec
import structlog
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from plumbline.errors import ChainUnreachable
from plumbline.http_client import FAILURES, OversizedError, no_cookies, read_bounded
from plumbline.log import redacted

_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_LOOK_S: Final = 10.0
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
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            cookies=no_cookies(),
            headers={"content-type": "application/json", "accept-encoding": "identity"},
        )

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        body = self.encode_rpc_request(method, params)
        failures = [f"{redacted(url)}: on another chain" for url in self.wrong]
        # Stable: the one that answered last is first among equals.
        for url in sorted((url for url in self._urls if url not in self.wrong), key=lambda url: url in self.behind):
            try:
                answer = await self.post(url, body)
            except ChainUnreachable as error:
                failures.append(str(error))
            else:
                self._urls.remove(url)
                self._urls.insert(0, url)
                return answer
        raise ChainUnreachable(f"{method}: {'; '.join(failures)}")

    async def post(self, url: str, body: bytes) -> RPCResponse:
        where = redacted(url)
        try:
            # httpx bounds each read; only a bound on the whole passes on from an endpoint that sends a byte a second.
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", url, content=body) as response,
            ):
                content = await read_bounded(response, _MAX_ANSWER_BYTES)
        except (*FAILURES, OversizedError) as error:
            raise ChainUnreachable(f"{where}: {type(error).__name__}") from None
        try:
            answer = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
            raise ChainUnreachable(f"{where}: HTTP {response.status_code}, and no JSON-RPC answer")
        return cast(RPCResponse, answer)

    async def disconnect(self) -> None:
        await self._client.aclose()


class Endpoints:
    """Compares what the endpoints of one provider show of the chain."""

    def __init__(self, provider: HttpProvider, urls: Sequence[str], chain_id: int | None) -> None:
        """chain_id: an endpoint on another chain is never asked; None takes the first endpoint's for the right one."""
        self._provider, self._urls, self._chain_id = provider, tuple(urls), chain_id
        self._looked_s = float("-inf")
        self.trouble = ""

    async def look(self) -> str:
        """Why they cannot all be right, in words; empty when they can, or when there is only one.

        An endpoint that does not answer is not in disagreement: it is simply passed over.
        """
        if len(self._urls) > 1 and time.monotonic() - self._looked_s >= _LOOK_S:
            self._looked_s = time.monotonic()
            trouble = await self._compare()
            if trouble != self.trouble:
                log.warning("endpoints disagree", reason=trouble) if trouble else log.info("endpoints agree")
            self.trouble = trouble
        return self.trouble

    async def _compare(self) -> str:
        states = await asyncio.gather(*(self._state(url) for url in self._urls))
        known = {url: state for url, state in zip(self._urls, states, strict=True) if state is not None}
        if not known:
            return ""
        right = self._chain_id if self._chain_id is not None else next(iter(known.values()))[0]
        wrong = {url for url, (chain_id, _) in known.items() if chain_id != right}
        heads = {url: head for url, (_, head) in known.items() if url not in wrong}
        behind = {url for url, head in heads.items() if max(heads.values()) - head > _BEHIND_BLOCKS}
        self._provider.wrong, self._provider.behind = wrong, behind
        found = [f"{redacted(url)} is on chain {known[url][0]}, expected {right}" for url in sorted(wrong)]
        found += [f"{redacted(url)} is {max(heads.values()) - heads[url]} blocks behind" for url in sorted(behind)]
        return "; ".join([*found, *await self._forks({url: heads[url] for url in heads if url not in behind})])

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
