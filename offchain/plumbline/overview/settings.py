# SPDX-License-Identifier: AGPL-3.0-only
"""Which network to look at: the config of `plumbline status`, `top`, `web` and `report`."""

from __future__ import annotations

from pathlib import Path

from plumbline.config import HttpConfig, LogConfig, PeerConfig
from plumbline.sections import Address, Positive, Seconds, Section, check_unique, check_url


class OverviewConfig(Section, frozen=True):
    """Only the chain and the oracle are needed; what else is named is looked at too."""

    rpc_url: str
    oracle: Address
    vault: Address | None = None
    pool: Address | None = None
    """A Uniswap v3 pool of the share."""
    arbitrageur: Address | None = None
    """A keeper's ParityArbitrageur: its trades are read from its events."""
    notices: Address | None = None
    """The chain's FeedNotices: where the oracle's owner says that a feed will end."""
    reporters: tuple[PeerConfig, ...] = ()
    """The first one that answers is the one whose venues are shown."""
    relayer: str | None = None
    keeper: str | None = None
    since_block: int = 0
    """Events are read from here on: the block of the deployment."""
    every_s: Seconds = 1.0
    """Wall time between two looks."""
    timeout_s: Seconds = 2.0
    http: HttpConfig = HttpConfig(port=8080)
    history: Path | None = None
    """Where `plumbline web` keeps what it saw; None: in memory, for this run only."""
    keep_days: Positive = 30
    log: LogConfig = LogConfig()

    def __post_init__(self) -> None:
        check_url("rpc_url", self.rpc_url, ("http", "https"))
        check_unique("reporters", [peer.name for peer in self.reporters])
        for key in ("relayer", "keeper"):
            if (url := getattr(self, key)) is not None:
                check_url(key, url, ("http", "https"))
        if self.pool is not None and self.vault is None:
            raise ValueError("vault: expected an address beside pool: a premium is a pool's price over a share's value")
