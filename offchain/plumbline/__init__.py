# SPDX-License-Identifier: AGPL-3.0-only
"""Plumbline: an index-price oracle, an index vault, and the people who keep them true.

`from plumbline import Oracle, Vault` is the client library (`plumbline.client`), loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plumbline.client import AsyncOracle, AsyncVault, Oracle, Vault

__all__ = ["AsyncOracle", "AsyncVault", "Oracle", "Vault"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from plumbline import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
