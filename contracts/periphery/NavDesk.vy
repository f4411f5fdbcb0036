# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title NAV Desk
@license AGPL-3.0-only
@notice One maker buys and sells the share of one index at NAV plus a spread, by request: at the prices of the first
        complete round of the oracle after the request.
@dev Why nobody holds an option:
     - The price is of one round, fixed by rule: the first that is stamped DELAY after the request or later and has
       every feed. DELAY is longer than the oracle lets a round lie ahead of its block, so that round can neither be on
       chain nor be signed when the request is made.
     - Neither side can leave. What the maker would owe is set aside at the request, so inventory cannot be withdrawn
       from under it; the requester has no cancel. Whoever gains settles, and anyone can, so waiting wins nothing.
     - A request dies unsettled only by its limits, at that one round's prices, or when it expires because the oracle
       gave no such round or would not show it: then both have back what they set aside.
     Inventory is the maker's credit, and the desk's float in the vault, from which shares are minted when a request wants
     more of them. Settlement moves credit, not tokens: no receiver can make it fail. Amounts: {share} 18 decimals, {asset} the
     asset's own, NAV D18{currency/share}.
@custom:security Trusts its oracle for the price, its vault for the units and its asset to be a plain token. The maker
        can change nothing about requests that are open. Whoever relays the oracle's rounds may hold one back, as long as
        nobody else brings it: the spread has to be worth that. See docs/periphery.md.
@custom:kill The maker sets `max_shares` to 0: no new requests. Nothing stops withdrawals, settlements or expiry.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.interfaces import INavDesk
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import token

implements: INavDesk

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS

MAX_SPREAD_BPS: public(constant(uint256)) = 500
MIN_DELAY: public(constant(uint256)) = 30           # {s} twice what the oracle lets a round lie ahead of its block
MAX_DELAY: public(constant(uint256)) = 3_600
MIN_LIFE: public(constant(uint256)) = 300           # {s}
MAX_LIFE: public(constant(uint256)) = 86_400
HEADROOM_BPS: public(constant(uint256)) = 12_500    # the most of today's value that a seller has the maker set aside
ROOM_BPS: public(constant(uint256)) = 100           # how far the price has to go at least before a limit kills a request
# Of a proof that a round is the first complete one. Each is a search of the ring, 14 cold slots at the most: all fit a block.
MAX_WITNESSES: public(constant(uint256)) = 256

VAULT: public(immutable(address))
ASSET: public(immutable(address))
ASSET_FEED: public(immutable(uint256))
MAKER: public(immutable(address))
ORACLE: public(immutable(address))
DELAY: public(immutable(uint256))                   # {s} from a request to the earliest round that counts
LIFE: public(immutable(uint256))                    # {s} from there to the last time of a settlement
MAX_AGE: public(immutable(uint256))                 # {s} of the prices that a request is measured by
ASSET_SCALE: immutable(uint256)                     # 10**(asset decimals + asset feed decimals)

_MASK_16: constant(uint256) = 2**16 - 1
_MASK_40: constant(uint256) = 2**40 - 1
_MASK_128: constant(uint256) = 2**128 - 1

# A request as it is kept, in the fewest slots.
struct Packed:
    terms: uint256            # owner 160 | 0 39 | selling 1 | spread 16 | settles from 40
    amounts: uint256          # shares 128 | assets 128
    min_assets: uint256

credit: public(HashMap[address, HashMap[address, uint256]])    # account -> token -> amount
request_count: public(uint256)
_requests: HashMap[uint256, Packed]
_spread_bps: uint256
_min_shares: uint256
_max_shares: uint256


@deploy
def __init__(
    vault: address, asset: address, asset_feed: uint256, maker: address, delay: uint256, life: uint256, max_age: uint256
):
    """
    @param vault the index; its oracle is bound for good, and must be a MedianOracle
    @param asset what shares are paid in; a plain token
    @param asset_feed the asset's own price in that oracle, in the currency of the components' prices
    @param maker whose inventory it is
    @param delay {s} at least as long as the prices look back: an average of the last minute wants a minute
    @param life {s} how long a request can be settled; the oracle's history must be longer
    @param max_age {s} of the prices that a request is measured by; none of them is ever paid
    """
    assert asset != vault and maker != empty(address), "desk: invalid asset or maker"
    assert MIN_DELAY <= delay and delay <= MAX_DELAY, "desk: delay out of range"
    assert MIN_LIFE <= life and life <= MAX_LIFE, "desk: life out of range"
    VAULT = vault
    ASSET = asset
    ASSET_FEED = asset_feed
    MAKER = maker
    DELAY = delay
    LIFE = life
    MAX_AGE = max_age
    oracle: address = (staticcall IIndexVault(vault).price_feeds())[0]
    ORACLE = oracle
    decimals: uint8 = staticcall IERC20Detailed(asset).decimals()
    feed_decimals: uint8 = (staticcall IMedianOracle(oracle).feed(asset_feed)).decimals
    ASSET_SCALE = 10 ** (convert(decimals, uint256) + convert(feed_decimals, uint256))


@external
def request_buy(shares: uint256, max_assets: uint256, max_spread_bps: uint256) -> uint256:
    """
    @notice Ask to buy exactly `shares`.
    @param max_assets {asset} pulled from the caller now; at least what the shares cost at today's prices and ROOM_BPS more
    @param max_spread_bps the most the spread may be
    @return the request's id
    """
    spread_bps: uint256 = self._check_terms(shares, max_spread_bps)
    today: uint256 = self._assets_up(shares, self._nav_now(), self._asset_price_now(), spread_bps)
    # With no room the next tick kills the request, and locking inventory costs nothing.
    assert max_assets >= fixed_point._mul_div_up(today, MAX_BPS + ROOM_BPS, MAX_BPS), "desk: limits too tight"
    token._pull(ASSET, msg.sender, max_assets)
    held: uint256 = self.credit[MAKER][VAULT]
    if held < shares:
        # Minted in the request, as a promise to mint later could be broken by then: paused, capped, wound down.
        vault: IIndexVault = IIndexVault(VAULT)
        extcall vault.mint_from_float(shares - held, self, staticcall vault.basket_version(), block.timestamp)
        self.credit[MAKER][VAULT] = shares
    self._debit(MAKER, VAULT, shares)
    return self._enter(False, shares, max_assets, 0, spread_bps)


@external
def request_sell(shares: uint256, min_assets: uint256, max_assets: uint256, max_spread_bps: uint256) -> uint256:
    """
    @notice Ask to sell exactly `shares`, pulled from the caller now.
    @param min_assets {asset} the least for them; at most what they would bring at today's prices less ROOM_BPS
    @param max_assets {asset} what the maker sets aside; above it the request is not filled. At least today's and ROOM_BPS
           more, at most HEADROOM_BPS of today's
    @param max_spread_bps the most the spread may be
    @return the request's id
    """
    spread_bps: uint256 = self._check_terms(shares, max_spread_bps)
    today: uint256 = self._assets_down(shares, self._nav_now(), self._asset_price_now(), spread_bps)
    assert min_assets <= today * (MAX_BPS - ROOM_BPS) // MAX_BPS, "desk: limits too tight"
    assert max_assets >= fixed_point._mul_div_up(today, MAX_BPS + ROOM_BPS, MAX_BPS), "desk: limits too tight"
    assert max_assets <= today * HEADROOM_BPS // MAX_BPS, "desk: sets too much aside"
    token._pull(VAULT, msg.sender, shares)
    self._debit(MAKER, ASSET, max_assets)
    return self._enter(True, shares, max_assets, min_assets, spread_bps)


@external
def settle(id: uint256, round_id: uint256, witnesses: DynArray[uint256, MAX_WITNESSES]):
    """
    @notice Anyone: settle a request at its round.
    @dev The units are those of the vault now, as the shares that change hands are shares of now.
    @param round_id the first round from `settles_from` on that has every feed
    @param witnesses places of feeds that prove it, see `_check_first`; the last place is the asset's
    """
    request: INavDesk.Request = self._end(id)
    assert block.timestamp <= request.expires_at, "desk: expired"
    oracle: address = empty(address)
    feeds: DynArray[uint256, MAX_COMPONENTS] = []
    oracle, feeds = staticcall IIndexVault(VAULT).price_feeds()
    # A feed's index may name another thing in another oracle.
    assert oracle == ORACLE, "desk: oracle changed"
    asset_price: uint256 = 0
    timestamp: uint256 = 0
    asset_price, timestamp = staticcall IMedianOracle(ORACLE).round_data(ASSET_FEED, round_id)
    assert timestamp >= request.settles_from, "desk: round too early"
    self._check_first(request.settles_from, timestamp, feeds, witnesses)
    nav: uint256 = self._nav_at(feeds, round_id, not request.selling)
    assets: uint256 = 0
    if request.selling:
        assets = self._assets_down(request.shares, nav, asset_price, request.spread_bps)
    else:
        assets = self._assets_up(request.shares, nav, asset_price, request.spread_bps)
    if assets < request.min_assets or assets > request.assets:
        self._give_back(request)
        log INavDesk.Unfilled(id=id, round_id=round_id, assets=assets)
        return
    buyer: address = request.owner
    seller: address = MAKER
    if request.selling:
        buyer = MAKER
        seller = request.owner
    self.credit[buyer][VAULT] += request.shares
    self.credit[seller][ASSET] += assets
    self.credit[buyer][ASSET] += request.assets - assets
    log INavDesk.Settled(id=id, round_id=round_id, assets=assets)


@external
def expire(id: uint256):
    """
    @notice Anyone: give both sides back what they set aside for a request that can no longer be settled.
    """
    request: INavDesk.Request = self._end(id)
    assert block.timestamp > request.expires_at, "desk: not expired yet"
    self._give_back(request)
    log INavDesk.Expired(id=id)


@external
def deposit(asset: address, amount: uint256):
    """
    @notice Bring the asset or shares; for the maker, inventory.
    """
    assert asset == ASSET or asset == VAULT, "desk: neither asset nor share"
    token._pull(asset, msg.sender, amount)
    self.credit[msg.sender][asset] += amount
    log INavDesk.Deposited(account=msg.sender, token=asset, amount=amount)


@external
def withdraw(asset: address, amount: uint256, receiver: address):
    """
    @notice Take credit out, at any time.
    """
    assert receiver != empty(address) and receiver != self, "desk: invalid receiver"
    self._debit(msg.sender, asset, amount)
    token._push(asset, receiver, amount)
    log INavDesk.Withdrawn(account=msg.sender, receiver=receiver, token=asset, amount=amount)


@external
def withdraw_in_kind(
    shares: uint256, receiver: address, min_amounts: DynArray[uint256, MAX_COMPONENTS], deadline: uint256
):
    """
    @notice Redeem credit in shares at the vault, for who may not receive shares any more.
    @dev To the receiver only: components that came here would be nobody's.
    """
    assert receiver != self, "desk: invalid receiver"
    self._debit(msg.sender, VAULT, shares)
    extcall IIndexVault(VAULT).redeem(shares, receiver, min_amounts, deadline)
    log INavDesk.Withdrawn(account=msg.sender, receiver=receiver, token=VAULT, amount=shares)


@external
def deposit_float(amounts: DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice Maker only: bring components, to mint the shares that requests buy from.
    @param amounts {tok} of each component; zero leaves it alone
    """
    self._check_maker()
    tokens: DynArray[address, MAX_COMPONENTS] = (staticcall IIndexVault(VAULT).components())[0]
    assert len(amounts) == len(tokens), "desk: wrong number of amounts"
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        if amounts[i] != 0:
            token._pull(tokens[i], MAKER, amounts[i])
            assert extcall IERC20(tokens[i]).approve(
                VAULT, amounts[i], default_return_value=True
            ), "desk: approve failed"
    # Takes them all, to the wei, or reverts.
    extcall IIndexVault(VAULT).deposit_float(amounts)


@external
def withdraw_float(amounts: DynArray[uint256, MAX_COMPONENTS], receiver: address):
    """
    @notice Maker only: take components out of the float. None of it is set aside by requests: those hold shares.
    """
    self._check_maker()
    assert receiver != self, "desk: invalid receiver"
    extcall IIndexVault(VAULT).withdraw_float(amounts, receiver)


@external
def redeem_to_float(shares: uint256):
    """
    @notice Maker only: turn credit in shares, such as those bought, into float.
    """
    self._check_maker()
    self._debit(MAKER, VAULT, shares)
    vault: IIndexVault = IIndexVault(VAULT)
    extcall vault.redeem_to_float(shares, staticcall vault.basket_version(), block.timestamp)


@external
def claim_float(component: address, receiver: address) -> uint256:
    """
    @notice Maker only: float of a component that has left the index is a claim of the desk's, and there is no other.
    @return {tok} what was paid
    """
    self._check_maker()
    assert receiver != self, "desk: invalid receiver"
    return extcall IIndexVault(VAULT).claim(component, receiver)


@external
def set_terms(spread_bps: uint256, min_shares: uint256, max_shares: uint256):
    """
    @notice Maker only, for requests to come. A `max_shares` of 0 takes no more.
    """
    self._check_maker()
    assert spread_bps <= MAX_SPREAD_BPS, "desk: spread too large"
    self._spread_bps = spread_bps
    self._min_shares = min_shares
    self._max_shares = max_shares
    log INavDesk.TermsChanged(spread_bps=spread_bps, min_shares=min_shares, max_shares=max_shares)


@external
@view
def terms() -> (uint256, uint256, uint256):
    """
    @return (spread {bps}, smallest request {share}, largest request {share})
    """
    return self._spread_bps, self._min_shares, self._max_shares


@external
@view
def request(id: uint256) -> INavDesk.Request:
    """
    @notice An open request; all zeros when it has been settled, has expired or never was.
    """
    return self._unpacked(id)


@external
@view
def quote(shares: uint256) -> (uint256, uint256):
    """
    @notice {asset} (what `shares` would cost, what they would bring) at today's prices: to set limits by.
    """
    nav: uint256 = self._nav_now()
    price: uint256 = self._asset_price_now()
    return (
        self._assets_up(shares, nav, price, self._spread_bps),
        self._assets_down(shares, nav, price, self._spread_bps),
    )


@internal
@view
def _check_maker():
    assert msg.sender == MAKER, "desk: not the maker"


@internal
@view
def _check_terms(shares: uint256, max_spread_bps: uint256) -> uint256:
    """
    @return {bps} the spread of the request
    """
    assert shares != 0 and shares >= self._min_shares, "desk: request too small"
    assert shares <= self._max_shares, "desk: request too large"
    assert self._spread_bps <= max_spread_bps, "desk: spread above limit"
    return self._spread_bps


@internal
def _enter(selling: bool, shares: uint256, assets: uint256, min_assets: uint256, spread_bps: uint256) -> uint256:
    id: uint256 = self.request_count
    self.request_count = id + 1
    settles_from: uint256 = block.timestamp + DELAY
    assert max(shares, assets) <= _MASK_128, "desk: amount too large"
    self._requests[id] = Packed(
        terms=(convert(msg.sender, uint256) << 96)
        | (convert(selling, uint256) << 56) | (spread_bps << 40) | settles_from,
        amounts=(shares << 128) | assets,
        min_assets=min_assets,
    )
    log INavDesk.Requested(
        id=id,
        owner=msg.sender,
        selling=selling,
        shares=shares,
        assets=assets,
        min_assets=min_assets,
        spread_bps=spread_bps,
        settles_from=settles_from,
    )
    return id


@internal
def _end(id: uint256) -> INavDesk.Request:
    """
    @notice Take a request off the books.
    """
    request: INavDesk.Request = self._unpacked(id)
    assert request.owner != empty(address), "desk: no such request"
    self._requests[id] = empty(Packed)
    return request


@internal
@view
def _unpacked(id: uint256) -> INavDesk.Request:
    packed: Packed = self._requests[id]
    if packed.terms == 0:
        return empty(INavDesk.Request)
    settles_from: uint256 = packed.terms & _MASK_40
    return INavDesk.Request(
        owner=convert(packed.terms >> 96, address),
        selling=(packed.terms >> 56) & 1 == 1,
        shares=packed.amounts >> 128,
        assets=packed.amounts & _MASK_128,
        min_assets=packed.min_assets,
        spread_bps=(packed.terms >> 40) & _MASK_16,
        settles_from=settles_from,
        expires_at=settles_from + LIFE,
    )


@internal
@view
def _check_first(
    settles_from: uint256,
    timestamp: uint256,
    feeds: DynArray[uint256, MAX_COMPONENTS],
    witnesses: DynArray[uint256, MAX_WITNESSES],
):
    """
    @notice No round from `settles_from` on and before `timestamp` has every feed.
    @dev Always true: every round stamped after `reached` and before `timestamp` lacks a feed. At first there is none. A
         witness that last answered by `reached` at r answered in no round of (r, reached], so r is the next `reached`.
         The round at r itself has that witness, so it is not proved yet: the next witness is asked at r, not before it,
         and gets further only if it did not answer there. One that did proves nothing and moves nothing. A round is in
         the way only if it has every feed, so where there is no such round there is a chain.
    """
    reached: uint256 = timestamp - 1
    for witness: uint256 in witnesses:
        assert witness <= len(feeds), "desk: unknown witness"
        watched: uint256 = ASSET_FEED
        if witness < len(feeds):
            watched = feeds[witness]
        reached = (staticcall IMedianOracle(ORACLE).round_at(watched, reached))[2]
    assert reached < settles_from, "desk: not the first round"


@internal
def _give_back(request: INavDesk.Request):
    """
    @notice To each side what it set aside.
    """
    buyer: address = request.owner
    seller: address = MAKER
    if request.selling:
        buyer = MAKER
        seller = request.owner
    self.credit[buyer][ASSET] += request.assets
    self.credit[seller][VAULT] += request.shares


@internal
def _debit(account: address, asset: address, amount: uint256):
    held: uint256 = self.credit[account][asset]
    assert held >= amount, "desk: insufficient credit"
    self.credit[account][asset] = held - amount


@internal
@view
def _nav_now() -> uint256:
    """
    @return D18{currency/share}
    """
    return staticcall IIndexVault(VAULT).nav(MAX_AGE)


@internal
@view
def _asset_price_now() -> uint256:
    return staticcall IMedianOracle(ORACLE).price(ASSET_FEED, MAX_AGE)


@internal
@view
def _nav_at(feeds: DynArray[uint256, MAX_COMPONENTS], round_id: uint256, round_up: bool) -> uint256:
    """
    @notice What a share is worth at a round's prices. Reverts when a feed has no answer in that very round.
    @return D18{currency/share}
    """
    tokens: DynArray[address, MAX_COMPONENTS] = []
    units: DynArray[uint256, MAX_COMPONENTS] = []
    tokens, units = staticcall IIndexVault(VAULT).components()
    value: uint256 = 0
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        price: uint256 = (staticcall IMedianOracle(ORACLE).round_data(feeds[i], round_id))[0]
        feed_decimals: uint8 = (staticcall IMedianOracle(ORACLE).feed(feeds[i])).decimals
        decimals: uint8 = staticcall IERC20Detailed(tokens[i]).decimals()
        scale: uint256 = 10 ** (convert(decimals, uint256) + convert(feed_decimals, uint256))
        if round_up:
            value += fixed_point._mul_div_up(units[i], price, scale)
        else:
            value += fixed_point._mul_div_down(units[i], price, scale)
    return value


@internal
@view
def _assets_up(shares: uint256, nav: uint256, asset_price: uint256, spread_bps: uint256) -> uint256:
    """
    @notice {asset} that a buyer pays, rounded up.
    """
    worth: uint256 = fixed_point._mul_div_up(shares, nav, WAD)    # D18{currency}
    at_nav: uint256 = fixed_point._mul_div_up(worth, ASSET_SCALE, asset_price * WAD)
    return fixed_point._mul_div_up(at_nav, MAX_BPS + spread_bps, MAX_BPS)


@internal
@view
def _assets_down(shares: uint256, nav: uint256, asset_price: uint256, spread_bps: uint256) -> uint256:
    """
    @notice {asset} that a seller gets, rounded down.
    """
    worth: uint256 = fixed_point._mul_div_down(shares, nav, WAD)
    at_nav: uint256 = fixed_point._mul_div_down(worth, ASSET_SCALE, asset_price * WAD)
    return fixed_point._mul_div_down(at_nav, MAX_BPS - spread_bps, MAX_BPS)
