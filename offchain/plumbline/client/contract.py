# SPDX-License-Identifier: Apache-2.0
"""What every contract here has: an address, an ABI, its events as a stream, and a connection to close."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from types import TracebackType
from typing import Any, Final, Self

from plumbline.client.codec import Abi, address
from plumbline.client.events import Cursor, Event, Reorganised, astream, stream
from plumbline.client.plans import Call, Plan, read
from plumbline.client.transport import AsyncRunner, Runner

POLL_S: Final = 1.0
PATIENCE_S: Final = 60.0


class Contract:
    """One contract; how its questions travel is the subclass's affair."""

    def __init__(self, where: str, abi: Abi) -> None:
        """Raises ValueError for what is no address."""
        self.address = address(where)
        self._abi = abi

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    def _call(self, name: str, *arguments: Any) -> Call:
        return Call(self.address, self._abi[name], arguments)

    def _read(self, name: str, *arguments: Any, at: str = "latest") -> Plan[Any]:
        return (yield from read(self.address, self._abi[name], *arguments, at=at))

    def _cursor(self, names: Collection[str], since_block: int | None, confirmations: int) -> Cursor:
        return Cursor(self.address, self._abi, names, since_block, confirmations)


class SyncContract(Contract):
    """`with Oracle(...) as oracle:` closes its connection."""

    _runner: Runner

    def events(
        self,
        *names: str,
        since_block: int | None = None,
        follow: bool = True,
        confirmations: int = 0,
        poll_s: float = POLL_S,
        patience_s: float = PATIENCE_S,
    ) -> Iterator[Event | Reorganised]:
        """Events of these names (none: all), from a block on (None: new ones only); see `plumbline.client.events`."""
        cursor = self._cursor(names, since_block, confirmations)
        return stream(self._runner, cursor, follow=follow, poll_s=poll_s, patience_s=patience_s)

    def close(self) -> None:
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncContract(Contract):
    """`async with AsyncOracle(...) as oracle:` closes its connection."""

    _runner: AsyncRunner

    def events(
        self,
        *names: str,
        since_block: int | None = None,
        follow: bool = True,
        confirmations: int = 0,
        poll_s: float = POLL_S,
        patience_s: float = PATIENCE_S,
    ) -> AsyncIterator[Event | Reorganised]:
        cursor = self._cursor(names, since_block, confirmations)
        return astream(self._runner, cursor, follow=follow, poll_s=poll_s, patience_s=patience_s)

    async def close(self) -> None:
        await self._runner.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
