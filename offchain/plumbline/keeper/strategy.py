# SPDX-License-Identifier: AGPL-3.0-only
"""What a keeper does at each block: any number of strategies, each behind one small Protocol.

A new one is a file in this folder with a class of this shape, and its name in the config's `strategies`, which
`plumbline.commands.keeper` maps to what it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Strategy(Protocol):
    name: str

    async def turn(self) -> str:
        """One look at the latest block, and what follows from it; returns what became of it, in a word or two.

        Raises ChainError when the chain does not answer: the turn is taken again at the next look.
        """
        ...

    def lost_touch(self) -> None:
        """The chain was silent: something may have been mined that nobody saw."""
        ...

    def unready(self) -> str:
        """Why it cannot do its work now; empty when it can."""
        ...

    def status(self) -> Mapping[str, Any]:
        """For the page."""
        ...
