# SPDX-License-Identifier: AGPL-3.0-only
"""The sections of a keeper's config."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from plumbline.sections import Section, check_url


class RelayConfig(Section, frozen=True):
    """A private relay: takes raw transactions (`eth_sendRawTransaction`) and shows them to nobody but block makers."""

    url: str
    blocks: Annotated[int, Meta(ge=1)] = 5
    """Not mined after so many blocks, it has failed ..."""
    then_public: bool = False
    """... and the transaction goes to the chain's endpoints; else it is given up."""

    def __post_init__(self) -> None:
        check_url("url", self.url, ("http", "https"))


class LeaseConfig(Section, frozen=True):
    """NATS JetStream between the replicas of one keeper: all of one key, of which one acts."""

    url: str = "nats://127.0.0.1:4222"
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")] = "plumbline-keeper"
    """Begins the names of the buckets: the same in all replicas; another one on another chain."""
    lease_s: Annotated[float, Meta(ge=0.5, le=4)] = 3.0
    """A replica that is silent for so long does not act any more: the next one takes over in less than 5 s."""

    def __post_init__(self) -> None:
        check_url("url", self.url, ("nats", "tls"))
