# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ERC-4626 Feeds
@license AGPL-3.0-only
@notice Prices ERC-4626 shares for indices: the oracle's price of the asset times the vault's own rate of assets per
        share, served only while that rate moves no faster than it may. Passes the base oracle's other feeds on.
@dev A rate is D18{asset/share}. It may have moved from its last checkpoint by `up_bps` a day up and `down_bps` a day
     down, in proportion to the time since, a day at least, and lies inside hard bounds. Outside, reads revert: a rate is
     never clamped to a limit, as nobody ever reported that number. Without that first day a donation of next to nothing
     would stop a feed whose checkpoint is young. Checkpoints are a day apart or more, so it is never counted twice. A
     rate that jumped honestly is served again when enough time has passed for it, or from the owner's anchor.
@custom:security Whoever can move a vault's rate in one transaction (a donation to one that counts its balance) can move
        the price by at most a day's limits, or those since the last checkpoint if that is older: make one every day. Making
        one is for the keeper alone: if anybody could, a rate bent for one transaction at a time could be walked up, limit
        by limit. The keeper chooses the moment, never the rate. Which vaults are priced, and by which feed, is the owner's
        word. Losing the keeper's key: as if anybody made checkpoints. Losing the owner's: wrong prices for indices that
        use feeds added or anchored since, the latter after the delay.
@custom:kill The base oracle's guardian: what it does not serve is not served here.
"""

from ethereum.ercs import IERC20Detailed
from ethereum.ercs import IERC4626

from contracts.interfaces import IERC4626Feeds
from contracts.interfaces import IMedianOracle
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import ownable

implements: IERC4626Feeds
initializes: ownable
exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.transfer_ownership,
    ownable.accept_ownership,
)

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_LANE: constant(uint256) = c.MAX_LANE

_DAY: constant(uint256) = 86_400

FIRST: public(constant(uint256)) = c.MAX_FEEDS        # feeds below are the base oracle's
MAX_YIELD_FEEDS: public(constant(uint256)) = 128
MAX_LIMIT_BPS: public(constant(uint256)) = 1_000      # a day
MAX_DELAY: public(constant(uint256)) = 30 * 86_400    # {s}
CHECKPOINT_INTERVAL: public(constant(uint256)) = _DAY  # {s} at least, and the least time that limits are counted for
ANCHOR_WINDOW: public(constant(uint256)) = 7 * _DAY   # {s} from when an anchor is ready to when it is void

# A rate is asked for a million shares, so that an asset of 6 decimals still tells it to 12.
_SAMPLE_DECIMALS: constant(uint256) = 6

_UNKNOWN: constant(String[32]) = "feeds: unknown feed"
_OUT_OF_LIMITS: constant(String[32]) = "feeds: rate out of limits"

struct Checkpoint:
    rate: uint256             # D18{asset/share}
    timestamp: uint256        # {s}

# What a vault is asked, and what its answer is divided by.
struct Sample:
    shares: uint256
    one_asset: uint256        # of as many assets as there are whole shares in the sample

struct Anchor:
    min_rate: uint256
    max_rate: uint256
    ready_at: uint256         # {s} 0: none is proposed


base: public(immutable(address))
DELAY: public(immutable(uint256))                     # {s} between an anchor's proposal and its effect

keeper: public(address)
_count: uint256
_feeds: HashMap[uint256, IERC4626Feeds.YieldFeed]
_samples: HashMap[uint256, Sample]
_checkpoints: HashMap[uint256, Checkpoint]
_anchors: HashMap[uint256, Anchor]


@deploy
def __init__(base_oracle: address, delay: uint256, owner: address, initial_keeper: address):
    """
    @param base_oracle an IMedianOracle
    @param delay {s} between an anchor's proposal and its effect, for good
    @param initial_keeper who makes checkpoints beside the owner; zero: nobody
    """
    assert base_oracle.is_contract, "feeds: no oracle"
    assert delay <= MAX_DELAY, "feeds: delay above 30 days"
    base = base_oracle
    DELAY = delay
    self.keeper = initial_keeper
    ownable.__init__(owner)


@external
@view
def price(feed: uint256, max_age: uint256) -> uint256:
    """
    @notice One feed's price; reverts when the base price is older than max_age {s} or the rate is out of its limits.
    """
    return self._times_rate(feed, staticcall IMedianOracle(base).price(self._base_feed(feed), max_age))


@external
@view
def fresh_price(feed: uint256) -> uint256:
    """
    @notice The same, by the base feed's own heartbeat.
    """
    return self._times_rate(feed, staticcall IMedianOracle(base).fresh_price(self._base_feed(feed)))


@external
@view
def latest(feed: uint256) -> (uint256, uint256, uint256):
    """
    @return (round id, price, timestamp {s}) of the base feed's last answer, however old, times the rate of now; reverts
            when that is out of its limits
    """
    round_id: uint256 = 0
    base_price: uint256 = 0
    timestamp: uint256 = 0
    round_id, base_price, timestamp = staticcall IMedianOracle(base).latest(self._base_feed(feed))
    return round_id, self._times_rate(feed, base_price), timestamp


@external
@view
def prices(feeds: DynArray[uint256, 32], max_age: uint256) -> DynArray[uint256, 32]:
    """
    @notice All or nothing, with one call to the base oracle.
    """
    base_feeds: DynArray[uint256, 32] = []
    for feed: uint256 in feeds:
        base_feeds.append(self._base_feed(feed))
    answers: DynArray[uint256, 32] = staticcall IMedianOracle(base).prices(base_feeds, max_age)
    for i: uint256 in range(len(feeds), bound=32):
        answers[i] = self._times_rate(feeds[i], answers[i])
    return answers


@external
@view
def feed(index: uint256) -> IMedianOracle.Feed:
    """
    @notice A feed as registered. Of a yield feed: its asset's, under its own name; the guards are the asset's.
    """
    described: IMedianOracle.Feed = staticcall IMedianOracle(base).feed(self._base_feed(index))
    if index >= FIRST:
        described.name = self._feeds[index].name
    return described


@external
@view
def feed_count() -> uint256:
    """
    @notice One more than the highest index there is; not every index below it names a feed.
    """
    if self._count == 0:
        return staticcall IMedianOracle(base).feed_count()
    return FIRST + self._count


@external
@view
def feed_index(name: String[32]) -> uint256:
    """
    @notice The index of a feed by its name.
    """
    for i: uint256 in range(self._count, bound=MAX_YIELD_FEEDS):
        if self._feeds[FIRST + i].name == name:
            return FIRST + i
    return staticcall IMedianOracle(base).feed_index(name)


@external
@view
def yield_feed(feed: uint256) -> IERC4626Feeds.YieldFeed:
    """
    @notice A feed that was added here.
    """
    self._check_yield(feed)
    return self._feeds[feed]


@external
@view
def rate(feed: uint256) -> (uint256, uint256, uint256):
    """
    @return (D18{asset/share} now, within its limits or not; that of the checkpoint; {s} the checkpoint's time)
    """
    self._check_yield(feed)
    mark: Checkpoint = self._checkpoints[feed]
    return self._rate(feed), mark.rate, mark.timestamp


@external
@view
def rate_limits(feed: uint256) -> (uint256, uint256):
    """
    @return (lowest, highest) D18{asset/share} that is served now
    """
    self._check_yield(feed)
    return self._limits(feed)


@external
def checkpoint(feed: uint256):
    """
    @notice Keeper or owner, a day after the last at the earliest: limits are counted from the rate of now, from now on.
    """
    assert msg.sender == self.keeper or msg.sender == ownable.owner, "feeds: not keeper or owner"
    self._check_yield(feed)
    assert block.timestamp >= self._checkpoints[feed].timestamp + CHECKPOINT_INTERVAL, "feeds: checkpoint too young"
    new_rate: uint256 = self._limited_rate(feed)
    log IERC4626Feeds.Checkpointed(
        feed=feed, caller=msg.sender, old_rate=self._checkpoints[feed].rate, new_rate=new_rate
    )
    self._checkpoints[feed] = Checkpoint(rate=new_rate, timestamp=block.timestamp)


@external
def add_feed(yield_feed: IERC4626Feeds.YieldFeed) -> uint256:
    """
    @notice Owner only: one more feed. The rate of now, inside the hard bounds, is its first checkpoint.
    @dev That `asset_feed` is the price of the vault's asset is the owner's word: no token says which feed is its own.
    @return its index, which never changes meaning
    """
    ownable._check_owner()
    count: uint256 = self._count
    assert count < MAX_YIELD_FEEDS, "feeds: too many"
    assert yield_feed.asset_feed < FIRST, _UNKNOWN
    assert yield_feed.min_rate != 0 and yield_feed.min_rate <= yield_feed.max_rate, "feeds: bounds out of order"
    assert max(yield_feed.up_bps, yield_feed.down_bps) <= MAX_LIMIT_BPS, "feeds: limit too large"
    for i: uint256 in range(count, bound=MAX_YIELD_FEEDS):
        assert self._feeds[FIRST + i].name != yield_feed.name, "feeds: name is taken"
    for i: uint256 in range(staticcall IMedianOracle(base).feed_count(), bound=c.MAX_FEEDS):
        assert (staticcall IMedianOracle(base).feed(i)).name != yield_feed.name, "feeds: name is taken"

    index: uint256 = FIRST + count
    self._count = count + 1
    self._feeds[index] = yield_feed
    vault: IERC4626 = IERC4626(yield_feed.vault)
    share_decimals: uint256 = convert(staticcall IERC20Detailed(yield_feed.vault).decimals(), uint256)
    asset_decimals: uint256 = convert(staticcall IERC20Detailed(staticcall vault.asset()).decimals(), uint256)
    self._samples[index] = Sample(
        shares=10 ** (share_decimals + _SAMPLE_DECIMALS),
        one_asset=10 ** (asset_decimals + _SAMPLE_DECIMALS),
    )
    first_rate: uint256 = self._start(index, yield_feed.min_rate, yield_feed.max_rate)
    log IERC4626Feeds.FeedAdded(feed=index, vault=yield_feed.vault, rate=first_rate)
    return index


@external
def propose_anchor(feed: uint256, min_rate: uint256, max_rate: uint256):
    """
    @notice Owner only: announce that limits are to be counted anew from the rate there will be after the delay, whatever
            it was before: a vault has made a loss that is real, and nothing else would bring its price back.
    @param min_rate D18{asset/share} the new hard bounds; the rate must lie between them then
    @param max_rate D18{asset/share}
    """
    ownable._check_owner()
    self._check_yield(feed)
    assert min_rate != 0 and min_rate <= max_rate, "feeds: bounds out of order"
    ready_at: uint256 = block.timestamp + DELAY
    self._anchors[feed] = Anchor(min_rate=min_rate, max_rate=max_rate, ready_at=ready_at)
    log IERC4626Feeds.AnchorProposed(feed=feed, min_rate=min_rate, max_rate=max_rate, ready_at=ready_at)


@external
def execute_anchor(feed: uint256):
    """
    @notice Owner only: do what was announced, within ANCHOR_WINDOW: who was warned of it need not watch for ever.
    """
    ownable._check_owner()
    anchor: Anchor = self._anchors[feed]
    assert anchor.ready_at != 0, "feeds: nothing proposed"
    assert block.timestamp >= anchor.ready_at, "feeds: too early"
    assert block.timestamp <= anchor.ready_at + ANCHOR_WINDOW, "feeds: anchor expired"
    self._anchors[feed] = empty(Anchor)
    old_rate: uint256 = self._checkpoints[feed].rate
    self._feeds[feed].min_rate = anchor.min_rate
    self._feeds[feed].max_rate = anchor.max_rate
    new_rate: uint256 = self._start(feed, anchor.min_rate, anchor.max_rate)
    log IERC4626Feeds.Checkpointed(feed=feed, caller=msg.sender, old_rate=old_rate, new_rate=new_rate)


@external
def cancel_anchor(feed: uint256):
    """
    @notice Owner only.
    """
    ownable._check_owner()
    assert self._anchors[feed].ready_at != 0, "feeds: nothing proposed"
    self._anchors[feed] = empty(Anchor)
    log IERC4626Feeds.AnchorCancelled(feed=feed)


@external
def set_keeper(new_keeper: address):
    """
    @notice Owner only. Zero: only the owner makes checkpoints.
    """
    ownable._check_owner()
    log IERC4626Feeds.KeeperChanged(old_keeper=self.keeper, new_keeper=new_keeper)
    self.keeper = new_keeper


@internal
@view
def _check_yield(feed: uint256):
    assert feed >= FIRST and feed < FIRST + self._count, _UNKNOWN


@internal
@view
def _base_feed(feed: uint256) -> uint256:
    """
    @notice The base oracle's feed that a feed's price comes from.
    """
    if feed < FIRST:
        return feed
    self._check_yield(feed)
    return self._feeds[feed].asset_feed


@internal
@view
def _times_rate(feed: uint256, base_price: uint256) -> uint256:
    """
    @notice A base price as the price of what the feed is about, in the same decimals, rounded down.
    """
    if feed < FIRST:
        return base_price
    answer: uint256 = fixed_point._mul_div_down(base_price, self._limited_rate(feed), WAD)
    assert answer != 0 and answer <= MAX_LANE, "feeds: price out of range"
    return answer


@internal
@view
def _rate(feed: uint256) -> uint256:
    """
    @return D18{asset/share} as the vault tells it now, rounded down
    """
    sample: Sample = self._samples[feed]
    assets: uint256 = staticcall IERC4626(self._feeds[feed].vault).convertToAssets(sample.shares)
    return fixed_point._mul_div_down(assets, WAD, sample.one_asset)


@internal
@view
def _limited_rate(feed: uint256) -> uint256:
    """
    @return D18{asset/share} now; reverts when it is outside its limits
    """
    now: uint256 = self._rate(feed)
    low: uint256 = 0
    high: uint256 = 0
    low, high = self._limits(feed)
    assert low <= now and now <= high, _OUT_OF_LIMITS
    return now


@internal
@view
def _limits(feed: uint256) -> (uint256, uint256):
    """
    @return (lowest, highest) D18{asset/share} that the rate may be now; both bounds are rounded inwards
    """
    mark: Checkpoint = self._checkpoints[feed]
    registered: IERC4626Feeds.YieldFeed = self._feeds[feed]
    elapsed: uint256 = max(block.timestamp - mark.timestamp, CHECKPOINT_INTERVAL)
    rise: uint256 = fixed_point._mul_div_down(mark.rate, registered.up_bps * elapsed, MAX_BPS * _DAY)
    fall: uint256 = fixed_point._mul_div_down(mark.rate, registered.down_bps * elapsed, MAX_BPS * _DAY)
    low: uint256 = mark.rate - min(fall, mark.rate)
    return max(low, registered.min_rate), min(mark.rate + rise, registered.max_rate)


@internal
def _start(feed: uint256, min_rate: uint256, max_rate: uint256) -> uint256:
    """
    @notice Count the limits from the rate of now, wherever it was before, inside bounds.
    @return D18{asset/share}
    """
    first_rate: uint256 = self._rate(feed)
    assert min_rate <= first_rate and first_rate <= max_rate, _OUT_OF_LIMITS
    self._checkpoints[feed] = Checkpoint(rate=first_rate, timestamp=block.timestamp)
    return first_rate
