# SPDX-License-Identifier: AGPL-3.0-only
"""Everything the package raises on purpose.

PlumblineError
|-- ConfigError        a file or setting is wrong: names the file, the key and what is expected
|-- SourceError        a venue could not be reached or understood
|-- ChainError         the node or the contract said no; `reason` is the revert reason when there is one
|   |-- ChainUnreachable   the RPC endpoint did not answer
|   |-- ChainUnfunded      the key cannot pay for its gas
|   `-- Spent              (chain/flight.py) a transaction was mined to no end, and its gas is paid: cancelled, or
|       `-- MinedRevert    (chain/tx.py) failed on chain
|-- JournalError       the journal refused (a second row for one round, a damaged file)
|-- SignerError        a remote signer did not answer, or not with a signature of the key it should hold
|-- BusError           the broker between a reporter's processes does not answer, or lost something
|-- PeerError          a peer did not answer, or not with a row; `kind` is one word for counters
`-- RowError           a signed row is malformed, foreign or wrongly signed; `kind` is one word for counters
"""

from __future__ import annotations


class PlumblineError(Exception):
    """Base of all; catch it at the edge of a process, nowhere else."""


class ConfigError(PlumblineError):
    pass


class SourceError(PlumblineError):
    pass


class ChainError(PlumblineError):
    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class ChainUnreachable(ChainError):
    pass


class ChainUnfunded(ChainError):
    pass


class JournalError(PlumblineError):
    pass


class SignerError(PlumblineError):
    pass


class BusError(PlumblineError):
    pass


class PeerError(PlumblineError):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class RowError(PlumblineError):
    def __init__(self, message: str, kind: str = "malformed") -> None:
        super().__init__(message)
        self.kind = kind
