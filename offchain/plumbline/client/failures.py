# SPDX-License-Identifier: Apache-2.0
"""What a question or a transaction can end with, whatever the contract; the whole tree is in `errors`."""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """Base of all."""


class Unreachable(ClientError):
    """No endpoint, or no answer in time."""


class RpcError(ClientError):
    """The node's own error: `code` and `message` of JSON-RPC, `data` as it came."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(f"the node said {code}: {message}")
        self.code, self.message, self.data = code, message, data


class BadAnswer(ClientError):
    """An answer that is none."""


class NoContract(ClientError):
    """No code at this address on this chain."""


class NotMined(ClientError):
    """Sent, and not in a block in time; it may still be."""

    def __init__(self, tx_hash: str, waited_s: float) -> None:
        super().__init__(f"{tx_hash} is in no block after {waited_s:g} s; it may still be mined")
        self.tx_hash = tx_hash


class Reverted(ClientError):
    """The contract said no. `tx_hash` is that of a transaction that failed on chain; empty when nothing was sent."""

    reasons: ClassVar[tuple[str, ...]] = ()
    """The contracts' words that mean this."""

    def __init__(self, reason: str, tx_hash: str = "") -> None:
        meaning = (type(self).__doc__ or "").strip().partition("\n")[0] if type(self) is not Reverted else ""
        super().__init__(": ".join(filter(None, (reason or "reverted without a reason", meaning))))
        self.reason, self.tx_hash = reason, tx_hash
