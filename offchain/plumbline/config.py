# SPDX-License-Identifier: AGPL-3.0-only
"""The config of every process: one TOML file each, typed, read once.

`load(path, ReporterConfig)` raises ConfigError naming the file, the key and what is expected:
`reporter.toml: feeds[0].decimals: expected int, got str`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from plumbline.config_feeds import FeedConfig, SelectionConfig, check_conversions
from plumbline.config_keeper import DeskConfig, LeaseConfig, RelayConfig
from plumbline.config_venues import FaultConfig, PoolConfig, TapeConfig, VenueConfig
from plumbline.core.units import MAX_BPS
from plumbline.errors import ConfigError
from plumbline.sections import (
    Address,
    Decimal,
    Name,
    NonNegative,
    PoolFee,
    Port,
    Positive,
    Seconds,
    check_unique,
    check_url,
)
from plumbline.sections import Section as Section
from plumbline.sections import load as load


class ClockConfig(Section, frozen=True):
    """`kind = "market"`: market ms = market_origin_ms + (wall ms - wall_origin_ms) * speed."""

    kind: Literal["system", "market"] = "system"
    market_origin_ms: NonNegative | None = None
    wall_origin_ms: NonNegative | None = None
    speed: Annotated[float, Meta(gt=0, le=100_000)] = 1.0

    def __post_init__(self) -> None:
        if self.kind == "market":
            for key in ("market_origin_ms", "wall_origin_ms"):
                if getattr(self, key) is None:
                    raise ValueError(f'{key}: expected int beside kind = "market", got nothing')


class LogConfig(Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"
    """auto: text on a terminal, else JSON."""


class ChainConfig(Section, frozen=True):
    rpc_url: str
    oracle: Address
    fallback_rpc_urls: tuple[str, ...] = ()
    """Asked in this order while `rpc_url` does not answer."""
    chain_id: Positive | None = None
    """The only chain an endpoint may show; None: any."""
    timeout_s: Seconds = 5.0

    def __post_init__(self) -> None:
        check_url("rpc_url", self.rpc_url, ("http", "https"))
        for i, url in enumerate(self.fallback_rpc_urls):
            check_url(f"fallback_rpc_urls[{i}]", url, ("http", "https"))

    @property
    def rpc_urls(self) -> tuple[str, ...]:
        return (self.rpc_url, *self.fallback_rpc_urls)


class KeyConfig(Section, frozen=True):
    """An encrypted keystore file; its password is never in the config itself."""

    keystore: Path
    password_file: Path | None = None
    password_env: Name | None = None

    def __post_init__(self) -> None:
        if (self.password_file is None) == (self.password_env is None):
            raise ValueError("password_file: expected exactly one of password_file and password_env")

    def password(self) -> str:
        """Raises ConfigError when the file or the variable is missing or empty."""
        if self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{self.password_file}: expected a readable password file: {error}") from None
            where = str(self.password_file)
        else:
            where = f"environment variable {self.password_env}"
            password = os.environ.get(self.password_env or "", "")
        if not password:
            raise ConfigError(f"{where}: expected the keystore's password, got nothing")
        return password


class SignerConfig(Section, frozen=True):
    """A remote signer that holds the node's key: Web3Signer's eth1 API, or any that speaks it."""

    url: str
    address: Address
    """Whose signatures it must give; anything else is refused."""
    identifier: Annotated[str, Meta(pattern=r"^(0x)?[0-9a-fA-F]{1,128}\Z")] | None = None
    """What the signer knows the key by. None: it is asked for its public keys, and one must be the address's."""
    timeout_s: Seconds = 2.0

    def __post_init__(self) -> None:
        check_url("url", self.url, ("http", "https"))


class BusConfig(Section, frozen=True):
    """NATS JetStream between the processes of one reporter (`run --role`)."""

    url: str = "nats://127.0.0.1:4222"
    stream: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")] = "plumbline"
    """Begins the name of every stream, bucket and subject: one for each reporter."""
    lease_s: Annotated[float, Meta(ge=0.5, le=60)] = 2.0
    """A process that is silent for so long has lost its work to the others, who look for it five times as often."""
    wait_ms: NonNegative = 150
    """Clock time after `delay_ms` in which a feed's price may reach the signer; then the row goes without it."""

    def __post_init__(self) -> None:
        check_url("url", self.url, ("nats", "tls"))


class HttpConfig(Section, frozen=True):
    """Where a node listens. Port 0 takes a free one."""

    port: Port
    host: str = "127.0.0.1"


class TxConfig(Section, frozen=True):
    """How transactions are paid for and followed."""

    max_fee_gwei: Positive = 200
    """Never pay more than this for a unit of gas."""
    priority_fee_gwei: NonNegative = 1
    replace_after_blocks: Positive = 3
    """Not mined after so many blocks, it is sent again with fees raised by an eighth, up to the cap."""
    deadline_blocks: Positive = 12
    """Not mined after so many blocks, it has failed; the next one outbids it."""
    cancel: bool = False
    """What has failed is replaced by a transfer of nothing to oneself, so that it cannot be mined later."""


class KeeperTxConfig(TxConfig, frozen=True):
    """Nothing else may follow a keeper's trade for long, and one that comes late costs gas for nothing."""

    cancel: bool = True


class PolicyConfig(Section, frozen=True):
    """When a relayer pays; nothing here holds back a heartbeat, a first answer or a round that confirms a level."""

    relayers: tuple[Address, ...] = ()
    """All who take turns by round, this one included, in the same order in everybody's config; empty: no others."""
    min_interval_s: NonNegative = 0
    """A round that only a move calls for comes no sooner than this after the last one."""
    dear_gwei: Positive | None = None
    """From this price of gas on a move must be larger to be worth a round ..."""
    dear_percent: Annotated[int, Meta(ge=100)] = 200
    """... namely this much of the feed's deviation threshold."""
    confirmations: Positive = 12
    """Blocks after which a round is settled."""
    low_balance: Decimal = "0.01"
    """Not ready with less of the chain's coin."""

    def __post_init__(self) -> None:
        check_unique("relayers", [address.lower() for address in self.relayers])


class PeerConfig(Section, frozen=True):
    """Whose rows are fetched."""

    name: Name
    url: str

    def __post_init__(self) -> None:
        check_url("url", self.url, ("http", "https"))


def _check_holder(key: KeyConfig | None, signer: SignerConfig | None) -> None:
    if (key is None) == (signer is None):
        raise ValueError("key: expected exactly one of key and signer")


class ReporterConfig(Section, frozen=True):
    chain: ChainConfig
    http: HttpConfig
    journal: Path
    venues: Annotated[tuple[VenueConfig, ...], Meta(min_length=1)]
    feeds: Annotated[tuple[FeedConfig, ...], Meta(min_length=1, max_length=32)]
    pools: Annotated[tuple[PoolConfig, ...], Meta(max_length=8)] = ()
    """Uniswap v3 pools read beside the exchanges."""
    key: KeyConfig | None = None
    signer: SignerConfig | None = None
    """Exactly one of the two holds the key."""
    selection: SelectionConfig | None = None
    """None: every venue is listened to."""
    peers: Annotated[tuple[PeerConfig, ...], Meta(max_length=31)] = ()
    """Other reporters, whose rows this one's are compared with."""
    off_median_bps: Positive = 100
    """So far off the median of its peers a price is an alarm."""
    retention_days: Positive = 30
    """How long the journal keeps trades, observations and rows; nothing older than that is signed."""
    bus: BusConfig | None = None
    """What ties the processes together when this reporter runs as several."""
    clock: ClockConfig = ClockConfig()
    log: LogConfig = LogConfig()
    delay_ms: NonNegative = 100
    """Market time between a grid time and its observation: lets the last trades before it arrive."""
    chain_poll_s: Seconds = 2.0
    """Wall time between two looks at the oracle's epoch."""
    kill_switch: Path | None = None
    """While this file exists nothing is signed."""

    def __post_init__(self) -> None:
        _check_holder(self.key, self.signer)
        check_unique("peers", [peer.name for peer in self.peers])
        known = [venue.name for venue in self.venues] + [pool.name for pool in self.pools]
        check_unique("venues", known)
        check_unique("feeds", [feed.name for feed in self.feeds])
        for i, feed in enumerate(self.feeds):
            for key, words in (("markets", feed.markets), ("crosses", feed.crosses)):
                for j, word in enumerate(words):
                    if (venue := word.partition(":")[0]) not in known:
                        where = f"feeds[{i}].{key}[{j}]"
                        raise ValueError(f"{where}: expected a venue of [[venues]] or [[pools]], got {venue!r}")
        check_conversions(self.feeds)
        if self.selection is not None:
            self.selection.check([feed.rule() for feed in self.feeds], self.regulated)

    @property
    def regulated(self) -> frozenset[str]:
        """The venues that are marked as regulated."""
        everyone: tuple[VenueConfig | PoolConfig, ...] = (*self.venues, *self.pools)
        return frozenset(venue.name for venue in everyone if venue.regulated)


class RelayerConfig(Section, frozen=True):
    chain: ChainConfig
    http: HttpConfig
    journal: Path
    peers: Annotated[tuple[PeerConfig, ...], Meta(min_length=1, max_length=31)]
    key: KeyConfig | None = None
    signer: SignerConfig | None = None
    """Exactly one of the two holds the key that pays."""
    witnesses: Annotated[tuple[PeerConfig, ...], Meta(max_length=31)] = ()
    """Other relayers: what reporters told them is compared with what they told us."""
    clock: ClockConfig = ClockConfig()
    log: LogConfig = LogConfig()
    tx: TxConfig = TxConfig()
    policy: PolicyConfig = PolicyConfig()
    retention_days: Positive = 30
    """How long the journal keeps rows and submissions; evidence against a reporter stays (of its first 100 rounds)."""
    poll_ms: Positive = 50
    """Wall time between two questions to a peer that has not served the round yet."""
    late_ms: NonNegative = 500
    """Wall time a quorum waits for the rows still missing; then the round goes on without them."""
    request_timeout_s: Seconds = 1.0
    kill_switch: Path | None = None
    """While this file exists nothing is submitted."""

    def __post_init__(self) -> None:
        _check_holder(self.key, self.signer)
        check_unique("peers", [peer.name for peer in self.peers])


class ReplayConfig(Section, frozen=True):
    """The exchanges' local stand-ins. A recorded tape needs a market clock: its day is not today."""

    listen: HttpConfig
    clock: ClockConfig = ClockConfig()
    tape: TapeConfig = TapeConfig()
    faults: tuple[FaultConfig, ...] = ()
    log: LogConfig = LogConfig()

    def __post_init__(self) -> None:
        if self.tape.kind == "recorded" and self.clock.kind != "market":
            raise ValueError(f'clock.kind: expected "market" beside a recorded tape, got "{self.clock.kind}"')


class KeeperConfig(Section, frozen=True):
    chain: ChainConfig
    key: KeyConfig
    http: HttpConfig
    journal: Path
    arbitrageur: Address
    """A ParityArbitrageur that this key deployed: it names vault, quote token and exchange."""
    gas_token_usd: Decimal
    """USD price of the token that gas is paid in."""
    tiers: Annotated[tuple[PoolFee, ...], Meta(min_length=1)] = (100, 500, 3_000, 10_000)
    """Fee tiers whose pools are traded in, of the share and of the components: those that exist at the start."""
    funding: Annotated[tuple[Literal["float", "flash"], ...], Meta(min_length=1)] = ("float", "flash")
    """What trades are paid with; the one that leaves more is made."""
    max_age_s: Positive = 90
    """The oldest oracle price a trade is made on."""
    min_edge_usd: Decimal = "0"
    """Least profit after gas that is worth a trade."""
    tip_percent: Annotated[int, Meta(ge=0, le=100)] = 0
    """Of the profit above gas and edge, at most so much is added to the tip."""
    max_fee_percent: Annotated[int, Meta(ge=1, le=100)] = 50
    """Of the profit, at most so much goes to gas, tip and replacements included."""
    max_daily_loss_usd: Decimal | None = None
    """Nothing is sent while the trades of the last 24 hours have lost more, gas included."""
    max_float_usd: Decimal | None = None
    """Float is not bought beyond this worth."""
    kill_switch: Path | None = None
    """While this file exists nothing is sent."""
    dry_run: bool = False
    """Log what would be sent, and send nothing."""
    strategies: Annotated[
        tuple[Literal["parity", "bids", "oracle-watch", "chores", "desk"], ...], Meta(min_length=1)
    ] = ("parity",)
    """What is done at each block, in this order."""
    bidder: Address | None = None
    """bids: a RebalanceBidder that this key deployed, for the auction house of the arbitrageur's index."""
    min_fees_usd: Decimal = "100"
    """chores: fees that have accrued are minted to their recipient from this worth on."""
    desk: DeskConfig | None = None
    """desk: where it makes its market, and how."""
    ws_url: str | None = None
    """Where new blocks are subscribed to; None: they are looked for."""
    poll_ms: Positive = 200
    """Wall time between two looks for a new block; ten times as long while they are subscribed to."""
    deadline_s: Positive = 60
    """Chain time after which a trade that was not mined is no longer wanted."""
    relay: RelayConfig | None = None
    """Where transactions are sent to, and nowhere else; None: to the chain's endpoints."""
    lease: LeaseConfig | None = None
    """What ties replicas with this key together; None: there is only this one."""
    log: LogConfig = LogConfig()
    tx: KeeperTxConfig = KeeperTxConfig()

    def __post_init__(self) -> None:
        check_unique("strategies", self.strategies)
        if "bids" in self.strategies and self.bidder is None:
            raise ValueError("bidder: expected an address beside the strategy bids, got nothing")
        if ("desk" in self.strategies) != (self.desk is not None):
            raise ValueError("desk: expected this section beside the strategy of that name, and only then")
        if {"desk", "parity"} <= set(self.strategies):
            raise ValueError("strategies: expected a key of its own for desk: parity trades with all the key holds")
        if self.ws_url is not None:
            check_url("ws_url", self.ws_url, ("ws", "wss"))


class TraderConfig(Section, frozen=True):
    """Somebody who moves a pool at random, for demos and tests. Not for real money: it buys dear and sells cheap."""

    rpc_url: str
    key: KeyConfig
    router: Address
    """Uniswap's SwapRouter; the trader has approved it for both tokens."""
    vault: Address
    quote: Address
    fee_pips: PoolFee = 500
    seed: int = 1
    interval_s: Positive = 60
    """One push in each interval of the clock's time."""
    min_push_bps: Annotated[int, Meta(ge=1, lt=MAX_BPS)] = 50
    max_push_bps: Annotated[int, Meta(ge=1, lt=MAX_BPS)] = 300
    timeout_s: Seconds = 5.0
    clock: ClockConfig = ClockConfig()
    log: LogConfig = LogConfig()
    tx: TxConfig = TxConfig()

    def __post_init__(self) -> None:
        check_url("rpc_url", self.rpc_url, ("http", "https"))
        if self.min_push_bps > self.max_push_bps:
            limit = f"at most max_push_bps ({self.max_push_bps})"
            raise ValueError(f"min_push_bps: expected {limit}, got {self.min_push_bps}")
