# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Auction House
@license AGPL-3.0-only
@notice Rebalances indices by Dutch auction: propose -> delay -> open -> bids -> close. One house for every index; it holds
        no token, gets no allowance and has no owner.
@dev What an index is to become is kept as target units {tok/base}, which no fee, mint or redeem moves; so sizes are per
     share by themselves. A component above its target is a surplus, one below it a deficit; a bid exchanges one for the
     other at

         bought = sold * price(surplus) / price(deficit) * factor,      rounded up

     with both prices read in the bid, and a factor that falls in a straight line from start to floor. The index moves
     its units by what it has measured (`settle`), rounded down; the house sees to it that no unit passes its target.

     State of an auction in one word:
         target 160 | since 36 | duration 17 | start 14 | floor 14 | max age 12 | state 2 | paused 1
     and the target in a data contract:
         [0]       how many tokens are to be added 224 | bits of what is abandoned 32
         [1 ..]    units to reach, two a word: (mantissa 80 | exponent 8) twice; all ones: none
         then the tokens that are to be added
@custom:security A rebalancer can move an index only into components its owner has approved (after APPROVAL_DELAY), only
        DELAY after it said so, and at worst at the floor; the owner may hold it to more (`set_limits`). A wrong price makes
        a wrong floor: the oracle is trusted here.
        A call from an index that is none harms nobody but itself: all state is the caller's own.
@custom:kill The index's guardian or owner calls `pause`: no bids. Exits never come through here.
"""

from ethereum.ercs import IERC20Detailed

from contracts.interfaces import IAuctionHouse
from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.modules import basket
from contracts.modules import checks
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import streaming_fee

implements: IAuctionHouse

MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY

DELAY: public(constant(uint256)) = 86_400               # {s} from proposal to opening, at least
MAX_DELAY: public(constant(uint256)) = 30 * 86_400      # {s} the longest an owner may ask of its rebalancer
OPEN_WINDOW: public(constant(uint256)) = 7 * 86_400     # {s} in which it may be opened; then it is void
APPROVAL_DELAY: public(constant(uint256)) = 3 * 86_400  # {s} from the approval of a token to its first use
ABANDON_AGE: public(constant(uint256)) = 3 * 86_400     # {s} without an answer: a component has no price
MAX_START_BPS: public(constant(uint256)) = 12_000
MIN_FLOOR_BPS: public(constant(uint256)) = 9_800
MIN_DURATION: public(constant(uint256)) = 600           # {s}
MAX_DURATION: public(constant(uint256)) = 86_400        # {s}
MAX_PRICE_AGE: public(constant(uint256)) = 3_600        # {s}
MAX_ADDITIONS: constant(uint256) = 16                   # at once
MAX_TOKEN_DECIMALS: constant(uint256) = 27

IDLE: constant(uint256) = 0
PROPOSED: constant(uint256) = 1
OPEN: constant(uint256) = 2
KEEP: constant(uint256) = max_value(uint256)
_GOAL_BITS: constant(uint256) = 88                      # mantissa 80 | exponent 8
_NO_GOAL: constant(uint256) = (2**88 - 1) << 168        # of a component that is left as it is
_UNIT_EXPONENT: constant(uint256) = 54                  # of D18{tok/share} * D18{share/base}, in base units per wei

# An index as one call finds it.
struct Book:
    base: uint256                       # {base}
    body: DynArray[uint256, MAX_BODY]
    count: uint256
    target: DynArray[uint256, MAX_BODY]

struct Approval:
    feed: uint256
    valid_from: uint256                 # {s} 0: not approved

# What an index's owner holds its rebalancer to; the owner itself is held to the constants above alone, so it can gain
# nothing by loosening them and need not wait.
struct Limits:
    floor_bps: uint256                  # {bps} the lowest floor it may propose; 0: MIN_FLOOR_BPS
    delay: uint256                      # {s} from its proposals to their opening, at least; 0: DELAY

rebalancer: public(HashMap[address, address])           # index -> who proposes
_limits: HashMap[address, Limits]                       # index -> of its rebalancer
_approvals: HashMap[address, HashMap[address, Approval]]
_auctions: HashMap[address, uint256]                    # index -> the word above


@external
def propose(index: address, rebalance: IAuctionHouse.Rebalance):
    """
    @notice Rebalancer or owner: say what an index is to become. Takes the place of a proposal that is not open yet.
    """
    self._check_rebalancer(index)
    limits: Limits = Limits(floor_bps=MIN_FLOOR_BPS, delay=DELAY)
    if msg.sender == self.rebalancer[index]:
        limits = self._limits_of(index)
    word: uint256 = self._auctions[index]
    checks._that(self._state(word) != OPEN, "auction: is open")
    checks._that(rebalance.start_bps > MAX_BPS and rebalance.start_bps <= MAX_START_BPS, "auction: start out of range")
    checks._that(rebalance.floor_bps >= limits.floor_bps and rebalance.floor_bps <= MAX_BPS, "auction: floor out of range")
    checks._that(
        rebalance.duration >= MIN_DURATION and rebalance.duration <= MAX_DURATION, "auction: duration out of range"
    )
    checks._that(rebalance.max_age != 0 and rebalance.max_age <= MAX_PRICE_AGE, "auction: max age out of range")
    delay: uint256 = limits.delay
    if rebalance.abandoned != 0:
        # Between the two moments at which there must be no price.
        delay = max(delay, ABANDON_AGE)
    opens_at: uint256 = block.timestamp + delay
    auction: IAuctionHouse.Auction = IAuctionHouse.Auction(
        state=PROPOSED,
        starts_at=opens_at,
        ends_at=opens_at + rebalance.duration,
        start_bps=rebalance.start_bps,
        floor_bps=rebalance.floor_bps,
        max_age=rebalance.max_age,
        abandoned=rebalance.abandoned,
        target=basket._store(self._target(index, rebalance)),
    )
    self._auctions[index] = self._pack(auction, word)
    log IAuctionHouse.RebalanceProposed(
        index=index,
        caller=msg.sender,
        target=auction.target,
        opens_at=auction.starts_at,
        units=rebalance.units,
        tokens=rebalance.tokens,
        abandoned=rebalance.abandoned,
    )


@external
def cancel(index: address):
    """
    @notice Rebalancer, owner or guardian: take a proposal back.
    """
    checks._that(self._has_role(index), "auction: no role")
    word: uint256 = self._auctions[index]
    checks._that(self._state(word) == PROPOSED, "auction: nothing proposed")
    self._auctions[index] = self._paused_bit(word)
    log IAuctionHouse.RebalanceCancelled(index=index, caller=msg.sender)


@external
def contest(index: address):
    """
    @notice Anyone: take back a proposal that abandons a component which has a price now.
    @dev Only until it is opened: at close a component with a price stays whatever was proposed.
    """
    word: uint256 = self._auctions[index]
    checks._that(self._state(word) == PROPOSED, "auction: nothing proposed")
    book: Book = self._book(index, self._unpack(word).target)
    priced: bool = False
    for i: uint256 in range(book.count, bound=MAX_COMPONENTS):
        if (book.target[0] >> i) & 1 != 0:
            priced = priced or not self._is_unpriced_at(book.body, book.count, i)
    checks._that(priced, "auction: nothing to contest")
    self._auctions[index] = self._paused_bit(word)
    log IAuctionHouse.RebalanceCancelled(index=index, caller=msg.sender)


@external
def open(index: address):
    """
    @notice Rebalancer or owner: begin the auction, DELAY after its proposal and within OPEN_WINDOW.
    """
    self._check_rebalancer(index)
    word: uint256 = self._auctions[index]
    checks._that(self._paused_bit(word) == 0, "auction: paused")
    checks._that(self._state(word) == PROPOSED, "auction: nothing proposed")
    auction: IAuctionHouse.Auction = self._unpack(word)
    checks._that(block.timestamp >= auction.starts_at, "auction: not yet")
    checks._that(block.timestamp <= auction.starts_at + OPEN_WINDOW, "auction: too late")
    auction.ends_at = block.timestamp + auction.ends_at - auction.starts_at
    auction.starts_at = block.timestamp
    auction.state = OPEN
    self._auctions[index] = self._pack(auction, word)
    self._begin(index, auction.target)
    log IAuctionHouse.AuctionOpened(
        index=index,
        caller=msg.sender,
        starts_at=auction.starts_at,
        ends_at=auction.ends_at,
        start_bps=auction.start_bps,
        floor_bps=auction.floor_bps,
    )


@external
def bid(
    index: address,
    sell: address,
    buy: address,
    max_sold: uint256,
    min_sold: uint256,
    max_bought: uint256,
    data: Bytes[1024],
) -> (uint256, uint256):
    """
    @notice Anyone: take some of a surplus and pay in a deficit, from the caller's allowance to the index.
    @param index whose components they are
    @param sell the component the index sells
    @param buy the component the index is paid in
    @param max_sold {tok} the most the caller takes
    @param min_sold {tok} the least
    @param max_bought {tok} the most the caller pays for `max_sold`; for less, proportionally less; max_value(uint256):
           whatever it costs
    @param data when there is any, the caller's `on_bid` gets it, with what was sold and before it is paid for
    @return ({tok} sold, {tok} bought)
    """
    pair: IIndexVault.Pair = staticcall IIndexVault(index).pair(sell, buy)
    sold: uint256 = 0
    bought: uint256 = 0
    factor: uint256 = 0
    sold, bought, factor = self._fill(index, pair, max_sold)
    assert sold != 0, "auction: nothing to trade"
    assert sold >= min_sold, "auction: less than wanted"
    if max_bought != max_value(uint256):
        assert bought <= fixed_point._mul_div_up(max_bought, sold, max_sold), "auction: above limit"
    extcall IIndexVault(index).settle(
        msg.sender, pair.sell.place, sold, pair.buy.place, bought, data
    )
    log IAuctionHouse.Bid(
        index=index, bidder=msg.sender, sell=sell, buy=buy, sold=sold, bought=bought, factor_bps=factor
    )
    return sold, bought


@external
def close(index: address):
    """
    @notice Anyone, once bids are over or there is only dust to trade; rebalancer, owner and guardian at any time.
    """
    word: uint256 = self._auctions[index]
    checks._that(self._state(word) == OPEN, "auction: not open")
    auction: IAuctionHouse.Auction = self._unpack(word)
    book: Book = self._book(index, auction.target)
    checks._that(
        block.timestamp > auction.ends_at or self._has_role(index) or self._only_dust(book), "auction: not over"
    )
    dropped: uint256 = self._dropped(book)
    self._auctions[index] = self._paused_bit(word)
    extcall IIndexVault(index).end_auction(dropped)
    log IAuctionHouse.AuctionClosed(index=index, caller=msg.sender, dropped=dropped)


@external
def pause(index: address):
    """
    @notice Guardian or owner of the index: no bids, and nothing is opened.
    """
    checks._that(
        msg.sender == staticcall IIndexVault(index).guardian() or msg.sender == staticcall IIndexVault(index).owner(),
        "auction: not owner or guardian",
    )
    self._auctions[index] = self._auctions[index] | 1
    log IAuctionHouse.AuctionsPaused(index=index, caller=msg.sender)


@external
def unpause(index: address):
    """
    @notice Owner of the index only.
    """
    self._check_owner(index)
    self._auctions[index] = self._auctions[index] & ~1
    log IAuctionHouse.AuctionsUnpaused(index=index, caller=msg.sender)


@external
def set_rebalancer(index: address, rebalancer: address):
    """
    @notice Owner of the index only. Who may propose beside the owner; zero: nobody.
    """
    self._check_owner(index)
    log IAuctionHouse.RebalancerChanged(
        index=index, old_rebalancer=self.rebalancer[index], new_rebalancer=rebalancer
    )
    self.rebalancer[index] = rebalancer


@external
def set_limits(index: address, floor_bps: uint256, delay: uint256):
    """
    @notice Owner of the index only. What its rebalancer, not the owner, is held to from the next proposal on; one that is
            made already stands.
    @dev With a key that is lost, one auction gives away at most 1 - floor of what is turned over, at the prices the oracle
         tells, up to max_age old; and one can begin at most once in `delay`. Not bounded by it: what the market says by
         then, and a component without a price that is abandoned; against these there are `cancel`, `contest` and `pause`.
    @param floor_bps {bps} the lowest floor it may propose
    @param delay {s} from its proposals to their opening, at least
    """
    self._check_owner(index)
    checks._that(floor_bps >= MIN_FLOOR_BPS and floor_bps <= MAX_BPS, "auction: floor out of range")
    checks._that(delay >= DELAY and delay <= MAX_DELAY, "auction: delay out of range")
    old: Limits = self._limits_of(index)
    self._limits[index] = Limits(floor_bps=floor_bps, delay=delay)
    log IAuctionHouse.LimitsChanged(
        index=index,
        old_floor_bps=old.floor_bps,
        old_delay=old.delay,
        new_floor_bps=floor_bps,
        new_delay=delay,
    )


@external
def approve_component(index: address, token: address, feed: uint256):
    """
    @notice Owner of the index only: APPROVAL_DELAY from now on the token may be proposed.
    @param feed its feed in the index's oracle, in the currency of the others
    """
    self._check_owner(index)
    checks._that(token.is_contract and token != index, "auction: not a token")
    checks._that(feed <= basket.MAX_FEED, "auction: unknown feed")
    approval: Approval = Approval(feed=feed, valid_from=block.timestamp + APPROVAL_DELAY)
    self._approvals[index][token] = approval
    log IAuctionHouse.ComponentApproved(index=index, token=token, feed=feed, valid_from=approval.valid_from)


@external
def revoke_component(index: address, token: address):
    """
    @notice Owner of the index only. What is in the index already stays.
    """
    self._check_owner(index)
    self._approvals[index][token] = empty(Approval)
    log IAuctionHouse.ComponentRevoked(index=index, token=token)


@external
@view
def quote(index: address, sell: address, buy: address, max_sold: uint256) -> (uint256, uint256):
    """
    @notice ({tok} sold, {tok} bought): what a bid exchanges that goes through in this block, to the wei.
    @dev The index and the tokens have their say after it: a bid for nothing, in a component with a loss that nobody has
         shared yet or that was lost altogether, or that cannot be paid, reverts where this answers.
    """
    sold: uint256 = 0
    bought: uint256 = 0
    factor: uint256 = 0
    sold, bought, factor = self._fill(index, staticcall IIndexVault(index).pair(sell, buy), max_sold)
    return sold, bought


@external
@view
def lots(index: address) -> (DynArray[uint256, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice ({tok} above target, {tok} below target) of each component, as bids may trade them.
    """
    word: uint256 = self._auctions[index]
    checks._that(self._state(word) != IDLE, "auction: nothing proposed")
    book: Book = self._book(index, self._unpack(word).target)
    above: DynArray[uint256, MAX_COMPONENTS] = []
    below: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(book.count, bound=MAX_COMPONENTS):
        above.append(self._surplus(book.base, book.body[i + 1], self._goal_of(book.target, i)))
        below.append(self._deficit(book.base, book.body[i + 1], self._goal_of(book.target, i)))
    return above, below


@external
@view
def auction(index: address) -> IAuctionHouse.Auction:
    """
    @notice Where the rebalance of an index stands.
    """
    auction: IAuctionHouse.Auction = self._unpack(self._auctions[index])
    if auction.state != IDLE:
        auction.abandoned = basket._load(auction.target)[0] & (2**MAX_COMPONENTS - 1)
    if auction.state == PROPOSED:
        auction.ends_at = auction.starts_at + OPEN_WINDOW
    return auction


@external
@view
def factor_bps(index: address) -> uint256:
    """
    @notice {bps} of the oracle's price that a bid in this block pays.
    """
    return self._factor(self._bidding(self._auctions[index]))


@external
@view
def paused(index: address) -> bool:
    """
    @notice Whether bids and openings are stopped.
    """
    return self._paused_bit(self._auctions[index]) != 0


@external
@view
def limits(index: address) -> (uint256, uint256):
    """
    @notice ({bps} the lowest floor, {s} the shortest delay) of the rebalancer's proposals.
    """
    limits: Limits = self._limits_of(index)
    return limits.floor_bps, limits.delay


@external
@view
def approval(index: address, token: address) -> (uint256, uint256):
    """
    @notice (feed, {s} valid from); (0, 0): not approved.
    """
    approval: Approval = self._approvals[index][token]
    return approval.feed, approval.valid_from


@internal
@view
def _check_owner(index: address):
    checks._that(msg.sender == staticcall IIndexVault(index).owner(), "auction: not the owner")


@internal
@view
def _check_rebalancer(index: address):
    checks._that(
        msg.sender == self.rebalancer[index] or msg.sender == staticcall IIndexVault(index).owner(),
        "auction: not the rebalancer",
    )


@internal
@view
def _has_role(index: address) -> bool:
    return (
        msg.sender == self.rebalancer[index]
        or msg.sender == staticcall IIndexVault(index).owner()
        or msg.sender == staticcall IIndexVault(index).guardian()
    )


@internal
@view
def _limits_of(index: address) -> Limits:
    limits: Limits = self._limits[index]
    return Limits(floor_bps=max(limits.floor_bps, MIN_FLOOR_BPS), delay=max(limits.delay, DELAY))


@internal
@view
def _target(index: address, rebalance: IAuctionHouse.Rebalance) -> DynArray[uint256, MAX_BODY]:
    """
    @notice What goes into the target's data contract.
    """
    body: DynArray[uint256, MAX_BODY] = (staticcall IIndexVault(index).book())[1]
    terms: basket.Terms = basket._unpack_terms(body[0])
    count: uint256 = terms.count + len(rebalance.tokens)
    checks._that(count <= MAX_COMPONENTS, "auction: too many components")
    checks._that(len(rebalance.tokens) <= MAX_ADDITIONS, "auction: too many additions")
    checks._that(len(rebalance.units) == count, "auction: wrong number of units")
    checks._that(rebalance.abandoned >> terms.count == 0, "auction: abandons nothing")
    growth: uint256 = streaming_fee._growth(
        terms.growth_0, block.timestamp - terms.since, terms.streaming_fee_bps
    )
    target: DynArray[uint256, MAX_BODY] = [(len(rebalance.tokens) << MAX_COMPONENTS) | rebalance.abandoned]
    stays: bool = False
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        unit: uint256 = rebalance.units[i]
        word: uint256 = 0
        if i >= terms.count:
            self._check_addition(index, body, rebalance, i - terms.count)
            checks._that(unit != 0 and unit != KEEP, "auction: added without a unit")
        if unit == KEEP:
            word = _NO_GOAL
        else:
            word = basket._with_wide_mantissa(_UNIT_EXPONENT << basket.EXPONENT_AT, unit * growth)
        if (rebalance.abandoned >> i) & 1 != 0:
            checks._that(unit == 0, "auction: abandons what stays")
            checks._that(self._is_unpriced_at(body, terms.count, i), "auction: abandons a price")
        stays = stays or unit != 0
        if i % 2 == 0:
            target.append(word >> basket.EXPONENT_AT)
        else:
            target[i // 2 + 1] |= (word >> basket.EXPONENT_AT) << _GOAL_BITS
    checks._that(stays, "auction: removes everything")
    for added: address in rebalance.tokens:
        target.append(convert(added, uint256))
    return target


@internal
@view
def _check_addition(
    index: address, body: DynArray[uint256, MAX_BODY], rebalance: IAuctionHouse.Rebalance, at: uint256
):
    """
    @param at the place among those to be added
    """
    added: address = rebalance.tokens[at]
    valid_from: uint256 = self._approvals[index][added].valid_from
    checks._that(valid_from != 0 and block.timestamp >= valid_from, "auction: token not approved")
    checks._that(basket._find(body, basket._unpack_terms(body[0]).count, added) == 0, "auction: is a component")
    for j: uint256 in range(at, bound=MAX_COMPONENTS):
        checks._that(rebalance.tokens[j] != added, "auction: token twice")


@internal
def _begin(index: address, target: address):
    """
    @notice Tell the index, with what is to be added; what a token and a feed say of their decimals is read here, once.
    """
    book: Book = self._book(index, target)
    words: DynArray[uint256, MAX_COMPONENTS] = []
    lanes: DynArray[uint256, MAX_COMPONENTS] = []
    oracle: address = basket._oracle(book.body, book.count)
    first: uint256 = len(book.target) - (book.target[0] >> MAX_COMPONENTS)
    for i: uint256 in range(first, len(book.target), bound=MAX_COMPONENTS):
        added: address = convert(book.target[i], address)
        approval: Approval = self._approvals[index][added]
        # Approved; and if anew since it was proposed, then its feed has been known for as long as of a token that is new.
        checks._that(
            approval.valid_from != 0 and block.timestamp >= approval.valid_from + DELAY, "auction: token not approved"
        )
        token_decimals: uint256 = convert(staticcall IERC20Detailed(added).decimals(), uint256)
        checks._that(token_decimals <= MAX_TOKEN_DECIMALS, "auction: too many token decimals")
        feed: IMedianOracle.Feed = staticcall IMedianOracle(oracle).feed(approval.feed)
        goal: uint256 = self._goal_of(book.target, book.count + i - first)
        words.append(basket._with_mantissa(goal, 0) | book.target[i])
        lanes.append(basket._pack_pricing(approval.feed, convert(feed.decimals, uint256), token_decimals))
    extcall IIndexVault(index).begin_auction(words, lanes)


@internal
@view
def _book(index: address, target: address) -> Book:
    book: Book = empty(Book)
    book.base, book.body = staticcall IIndexVault(index).book()
    book.count = basket._unpack_terms(book.body[0]).count
    book.target = basket._load(target)
    return book


@internal
@view
def _bidding(word: uint256) -> IAuctionHouse.Auction:
    """
    @notice The auction, if bids are taken now.
    """
    assert self._paused_bit(word) == 0, "auction: paused"
    assert self._state(word) == OPEN, "auction: not open"
    auction: IAuctionHouse.Auction = self._unpack(word)
    assert block.timestamp <= auction.ends_at, "auction: over"
    return auction


@internal
@view
def _factor(auction: IAuctionHouse.Auction) -> uint256:
    """
    @return {bps} falling from start to floor, rounded up
    """
    fall: uint256 = (auction.start_bps - auction.floor_bps) * (block.timestamp - auction.starts_at)
    return auction.start_bps - fall // (auction.ends_at - auction.starts_at)


@internal
@view
def _fill(index: address, pair: IIndexVault.Pair, max_sold: uint256) -> (uint256, uint256, uint256):
    """
    @notice What a bid does now.
    @return ({tok} sold, {tok} bought, {bps} factor)
    """
    auction: IAuctionHouse.Auction = self._bidding(self._auctions[index])
    target: DynArray[uint256, MAX_BODY] = basket._load(auction.target)
    prices: DynArray[uint256, MAX_COMPONENTS] = staticcall IMedianOracle(pair.oracle).prices(
        [basket._feed(pair.sell.lane), basket._feed(pair.buy.lane)], auction.max_age
    )
    factor: uint256 = self._factor(auction)
    # sold * over / under is what a bid pays: one power of ten on the side where it belongs.
    over: uint256 = prices[0] * factor
    under: uint256 = prices[1] * MAX_BPS
    sell_scale: uint256 = basket._scale(pair.sell.lane)
    buy_scale: uint256 = basket._scale(pair.buy.lane)
    if buy_scale >= sell_scale:
        over *= 10 ** (buy_scale - sell_scale)
    else:
        under *= 10 ** (sell_scale - buy_scale)
    sold: uint256 = min(max_sold, self._surplus(pair.base, pair.sell.word, self._goal_of(target, pair.sell.place)))
    bought: uint256 = fixed_point._mul_div_up(sold, over, under)
    room: uint256 = self._deficit(pair.base, pair.buy.word, self._goal_of(target, pair.buy.place))
    if bought > room:
        sold = fixed_point._mul_div_down(sold, room, bought)
        bought = fixed_point._mul_div_up(sold, over, under)
    return sold, bought, factor


@internal
@pure
def _surplus(base: uint256, word: uint256, target: uint256) -> uint256:
    """
    @return {tok} of a component that may be sold: one base unit less than what is above its target, for the index's
            rounding
    """
    if target == _NO_GOAL:
        return 0
    mantissa: uint256 = basket._mantissa(word)
    goal: uint256 = self._goal(word, target, True)
    if goal >= mantissa:
        return 0
    amount: uint256 = base * (mantissa - goal) // 10 ** basket._exponent(word)
    return max(amount, 1) - 1


@internal
@pure
def _deficit(base: uint256, word: uint256, target: uint256) -> uint256:
    """
    @return {tok} of a component that may be bought, rounded down
    """
    if target == _NO_GOAL:
        return 0
    mantissa: uint256 = basket._mantissa(word)
    goal: uint256 = self._goal(word, target, False)
    if goal <= mantissa:
        return 0
    return base * (goal - mantissa) // 10 ** basket._exponent(word)


@internal
@pure
def _goal_of(target: DynArray[uint256, MAX_BODY], i: uint256) -> uint256:
    """
    @return the unit that component i is to reach, placed as in a word of the basket
    """
    goal: uint256 = (target[i // 2 + 1] >> (_GOAL_BITS * (i % 2))) & (2**_GOAL_BITS - 1)
    return goal << basket.EXPONENT_AT


@internal
@pure
def _goal(word: uint256, target: uint256, up: bool) -> uint256:
    """
    @notice The target's mantissa, in the exponent the component has now: a loss may have changed it since.
    """
    mantissa: uint256 = basket._mantissa(target)
    exponent: uint256 = basket._exponent(word)
    target_exponent: uint256 = basket._exponent(target)
    if exponent >= target_exponent:
        return mantissa * 10 ** (exponent - target_exponent)
    divisor: uint256 = 10 ** (target_exponent - exponent)
    if up:
        return fixed_point._mul_div_up(mantissa, 1, divisor)
    return mantissa // divisor


@internal
@pure
def _only_dust(book: Book) -> bool:
    """
    @notice Whether no surplus, or no deficit, is more than a ten-thousandth of its component.
    """
    to_sell: bool = False
    to_buy: bool = False
    for i: uint256 in range(book.count, bound=MAX_COMPONENTS):
        word: uint256 = book.body[i + 1]
        target: uint256 = self._goal_of(book.target, i)
        mantissa: uint256 = basket._mantissa(word)
        if self._surplus(book.base, word, target) != 0:
            to_sell = to_sell or (mantissa - self._goal(word, target, True)) * MAX_BPS > mantissa
        if self._deficit(book.base, word, target) != 0:
            goal: uint256 = self._goal(word, target, False)
            to_buy = to_buy or (goal - mantissa) * MAX_BPS > goal
    return not (to_sell and to_buy)


@internal
@view
def _dropped(book: Book) -> uint256:
    """
    @notice Which components leave at close: those of which nothing is there, or one base unit of what was to be removed,
            and those abandoned that still have no price.
    """
    dropped: uint256 = 0
    for i: uint256 in range(book.count, bound=MAX_COMPONENTS):
        word: uint256 = book.body[i + 1]
        leaves: bool = basket._mantissa(word) == 0
        if basket._mantissa(self._goal_of(book.target, i)) == 0:
            leaves = leaves or basket._amount_down(book.base, word) <= 1
            if (book.target[0] >> i) & 1 != 0:
                leaves = leaves or self._is_unpriced_at(book.body, book.count, i)
        if leaves:
            dropped |= 1 << i
    if dropped == (1 << book.count) - 1:
        # An index of nothing could not go on.
        return 0
    return dropped


@internal
@view
def _is_unpriced_at(body: DynArray[uint256, MAX_BODY], count: uint256, i: uint256) -> bool:
    return self._is_unpriced(basket._oracle(body, count), basket._feed(basket._pricing(body, count, i)))


@internal
@view
def _is_unpriced(oracle: address, feed: uint256) -> bool:
    """
    @notice Whether a feed's last answer is older than ABANDON_AGE, or its oracle does not tell one.
    @dev A refusal alone proves nothing about yesterday: a trip or a pause may last a moment. So this is asked when
         something is proposed to be abandoned and again, ABANDON_AGE later at the least, at close; in between anyone
         who sees a price may `contest`. To fail for want of gas it would have to leave too little for what `close` has
         yet to do.
    """
    success: bool = False
    answer: Bytes[96] = b""
    success, answer = raw_call(
        oracle,
        abi_encode(feed, method_id=method_id("latest(uint256)")),
        max_outsize=96,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(answer) != 96:
        return True
    return convert(slice(answer, 64, 32), uint256) + ABANDON_AGE <= block.timestamp


@internal
@pure
def _pack(auction: IAuctionHouse.Auction, old_word: uint256) -> uint256:
    return (
        (convert(auction.target, uint256) << 96)
        | (auction.starts_at << 60)
        | ((auction.ends_at - auction.starts_at) << 43)
        | (auction.start_bps << 29)
        | (auction.floor_bps << 15)
        | (auction.max_age << 3)
        | (auction.state << 1)
        | self._paused_bit(old_word)
    )


@internal
@pure
def _unpack(word: uint256) -> IAuctionHouse.Auction:
    """
    @dev Without what is abandoned, which the target's data contract has.
    """
    starts_at: uint256 = (word >> 60) & (2**36 - 1)
    return IAuctionHouse.Auction(
        state=self._state(word),
        starts_at=starts_at,
        ends_at=starts_at + ((word >> 43) & (2**17 - 1)),
        start_bps=(word >> 29) & (2**14 - 1),
        floor_bps=(word >> 15) & (2**14 - 1),
        max_age=(word >> 3) & (2**12 - 1),
        abandoned=0,
        target=convert(word >> 96, address),
    )


@internal
@pure
def _state(word: uint256) -> uint256:
    return (word >> 1) & 3


@internal
@pure
def _paused_bit(word: uint256) -> uint256:
    return word & 1
