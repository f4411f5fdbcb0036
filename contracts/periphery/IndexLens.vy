# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Lens
@license AGPL-3.0-only
@notice A whole index in one call, and pages of a factory's indices, whatever is broken about them.
@dev Whatever is not the index's own code is asked with `_ask`: bounded gas, bounded answer, and a failure is an answer.
     A part of a snapshot is asked of this contract itself, in a call of its own, so one that fails leaves the rest.
     For display. No state and no privileges.
"""

from contracts.interfaces import IAuctionHouse
from contracts.interfaces import IERC4626Feeds
from contracts.interfaces import IIndexFactory
from contracts.interfaces import IIndexLens
from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.interfaces import IUniswapV3Pool
from contracts.modules import basket
from contracts.modules import constants as c
from contracts.modules import uniswap_v3_swap

implements: IIndexLens

# What the share adds to IIndexVault as an ERC-20, as long as it writes it.
interface IShare:
    def name() -> String[64]: view
    def symbol() -> String[16]: view
    def balanceOf(account: address) -> uint256: view

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
YEAR_SECONDS: constant(uint256) = c.YEAR_SECONDS
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY
MAX_PAGE: constant(uint256) = 32

# What each question may cost at most, so that a gas bomb burns its own share only.
TOKEN_GAS: public(constant(uint256)) = 60_000       # to a token
PRICE_GAS: public(constant(uint256)) = 300_000      # to an oracle, of one feed
INDEX_GAS: public(constant(uint256)) = 3_000_000    # to an index, or of one index on a page
PART_GAS: public(constant(uint256)) = 18_000_000    # of one part of a snapshot: every component a bomb, and answered

_UNKNOWN: constant(uint256) = max_value(uint256)
_Q96: constant(uint256) = 2**96
_ANSWER: constant(uint256) = 320                    # {bytes} kept of an answer
_PART: constant(uint256) = 24_576                   # {bytes} of a part of a snapshot; more than its largest
_QUESTION: constant(uint256) = 164                  # {bytes} selector and five words


@external
@view
def snapshot(
    index: address, account: address, pool: address, quote_feed: uint256, max_age: uint256
) -> IIndexLens.Snapshot:
    """
    @notice All of an index.
    @param account whose holding; zero: nobody's
    @param pool a Uniswap v3 pool of the share; zero: none
    @param quote_feed the index's oracle's feed of the pool's other token
    @param max_age {s} the oldest price that counts
    """
    found: IIndexLens.Snapshot = empty(IIndexLens.Snapshot)
    found.overview = self._overview_or_nothing(index, max_age)
    if not found.overview.known:
        return found
    success: bool = False
    part: Bytes[_PART] = b""
    success, part = self._part(abi_encode(index, max_age, method_id=method_id("components(address,uint256)")))
    if success:
        found.components = abi_decode(part, DynArray[IIndexLens.Component, MAX_COMPONENTS])
    success, part = self._part(abi_encode(index, method_id=method_id("auction(address)")))
    if success:
        found.auction = abi_decode(part, IIndexLens.Auction)
    if account != empty(address):
        success, part = self._part(abi_encode(index, account, method_id=method_id("holding(address,address)")))
        if success:
            found.holding = abi_decode(part, IIndexLens.Holding)
    if pool != empty(address):
        success, part = self._part(
            abi_encode(index, pool, quote_feed, max_age, method_id=method_id("market(address,address,uint256,uint256)"))
        )
        if success:
            found.market = abi_decode(part, IIndexLens.Market)
        else:
            found.market = IIndexLens.Market(pool=pool, price=0, premium_bps=0, reason=self._reason(part))
    return found


@external
@view
def overviews(
    factory: address, start: uint256, count: uint256, max_age: uint256
) -> DynArray[IIndexLens.Overview, MAX_PAGE]:
    """
    @notice A page of the factory's indices.
    @param start the first one's number, from 0
    @param count how many, at most 32; fewer are there at the end
    """
    assert count <= MAX_PAGE, "lens: page too long"
    total: uint256 = staticcall IIndexFactory(factory).index_count()
    page: DynArray[IIndexLens.Overview, MAX_PAGE] = []
    for i: uint256 in range(count, bound=MAX_PAGE):
        if start + i >= total:
            break
        page.append(self._overview_or_nothing(staticcall IIndexFactory(factory).index_at(start + i), max_age))
    return page


@external
@view
def overview(index: address, max_age: uint256) -> IIndexLens.Overview:
    """
    @notice What an index says of itself, and what a share of it is worth.
    """
    vault: IIndexVault = IIndexVault(index)
    mint_fee_bps: uint256 = 0
    redeem_fee_bps: uint256 = 0
    streaming_fee_bps: uint256 = 0
    mint_fee_bps, redeem_fee_bps, streaming_fee_bps = staticcall vault.fees()
    nav: uint256 = 0
    reason: String[32] = ""
    nav, reason = self._number_or_reason(index, abi_encode(max_age, method_id=method_id("nav(uint256)")), INDEX_GAS)
    return IIndexLens.Overview(
        index=index,
        known=True,
        name=staticcall IShare(index).name(),
        symbol=staticcall IShare(index).symbol(),
        total_supply=staticcall vault.totalSupply(),
        supply_cap=staticcall vault.supply_cap(),
        pending_fees=staticcall vault.pending_fees(),
        mint_fee_bps=mint_fee_bps,
        redeem_fee_bps=redeem_fee_bps,
        streaming_fee_bps=streaming_fee_bps,
        owner=staticcall vault.owner(),
        guardian=staticcall vault.guardian(),
        fee_recipient=staticcall vault.fee_recipient(),
        registry=staticcall vault.registry(),
        oracle=(staticcall vault.price_feeds())[0],
        paused=staticcall vault.paused(),
        wound_down=staticcall vault.wound_down(),
        in_auction=staticcall vault.in_auction(),
        nav=nav,
        nav_reason=reason,
    )


@external
@view
def components(index: address, max_age: uint256) -> DynArray[IIndexLens.Component, MAX_COMPONENTS]:
    """
    @notice The components, with what each is worth where the oracle has a price.
    @dev Units are the index's own, as of now. An index that cannot tell them (a component it has to ask, a rebasing one,
         does not answer) is read as it was last written.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(staticcall IIndexVault(index).basket_data())
    count: uint256 = basket._unpack_terms(body[0]).count
    units: DynArray[uint256, MAX_COMPONENTS] = self._units(index, body, count)
    oracle: address = basket._oracle(body, count)
    supply: uint256 = staticcall IIndexVault(index).totalSupply()
    found: DynArray[IIndexLens.Component, MAX_COMPONENTS] = []
    total: uint256 = 0
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        token: address = basket._token(body[i + 1])
        lane: uint256 = basket._pricing(body, count, i)
        component: IIndexLens.Component = empty(IIndexLens.Component)
        component.token = token
        component.symbol = self._symbol(token)
        component.decimals = (lane >> 16) & 255
        component.unit = units[i]
        component.backing = units[i] * supply // (WAD * WAD)    # for display: rounded down
        component.balance = self._number(token, abi_encode(index, method_id=method_id("balanceOf(address)")), TOKEN_GAS)
        component.rebasing = body[i + 1] & basket.REBASING != 0
        component.feed = lane & 255
        component.price_decimals = (lane >> 8) & 255
        component.price, component.reason = self._number_or_reason(
            oracle,
            abi_encode(component.feed, max_age, method_id=method_id("price(uint256,uint256)")),
            PRICE_GAS,
        )
        component.worth = self._worth(units[i], component.price, component.decimals + component.price_decimals)
        total += component.worth
        found.append(component)
    if total != 0:
        for i: uint256 in range(count, bound=MAX_COMPONENTS):
            found[i].weight_bps = found[i].worth * MAX_BPS // total
    return found


@external
@view
def holding(index: address, account: address) -> IIndexLens.Holding:
    """
    @notice What an account has in an index: shares, float, and claims on the components of now.
    """
    tokens: DynArray[address, MAX_COMPONENTS] = self._tokens(index)
    floats: DynArray[uint256, MAX_COMPONENTS] = []
    success: bool = False
    answer: Bytes[_PART] = b""
    success, answer = self._ask_long(
        index, abi_encode(account, method_id=method_id("float_of(address)")), INDEX_GAS
    )
    if success:
        floats = abi_decode(answer, DynArray[uint256, MAX_COMPONENTS])
    return IIndexLens.Holding(
        shares=staticcall IShare(index).balanceOf(account),
        floats=floats,
        claims=self._claims(index, account, tokens),
    )


@external
@view
def claims(
    index: address, account: address, tokens: DynArray[address, MAX_COMPONENTS]
) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} of an account's claims on any tokens, those that have left the index too.
    """
    return self._claims(index, account, tokens)


@external
@view
def market(index: address, pool: address, quote_feed: uint256, max_age: uint256) -> IIndexLens.Market:
    """
    @notice What the share costs in a pool at this moment, and its premium over NAV, in the currency of the feeds.
    @dev The present price of a pool is what the last trade left: anybody can move it for a block.
    """
    token0: address = staticcall IUniswapV3Pool(pool).token0()
    token1: address = staticcall IUniswapV3Pool(pool).token1()
    assert index == token0 or index == token1, "lens: not a pool of the share"
    sqrt_price: uint256 = convert((staticcall IUniswapV3Pool(pool).slot0())[0], uint256)
    assert sqrt_price != 0, "lens: pool has no price"
    quote: address = token0
    if index == token0:
        quote = token1
    oracle: IMedianOracle = IMedianOracle((staticcall IIndexVault(index).price_feeds())[0])
    quote_price: uint256 = staticcall oracle.price(quote_feed, max_age)
    decimals: uint256 = self._number(quote, method_id("decimals()"), TOKEN_GAS)
    assert decimals <= 77, "lens: quote has no decimals"
    decimals += convert((staticcall oracle.feed(quote_feed)).decimals, uint256)

    # D18{quote wei/share} = 1e36 * token1/token0, or its inverse; the price squared is kept in Q64.96 to fit a word.
    price_x96: uint256 = uniswap_v3_swap._mul_div(sqrt_price, sqrt_price, _Q96)
    rate: uint256 = 0
    if index == token0:
        rate = uniswap_v3_swap._mul_div(price_x96, WAD * WAD, _Q96)
    else:
        assert price_x96 != 0, "lens: pool has no price"
        rate = uniswap_v3_swap._mul_div(_Q96, WAD * WAD, price_x96)
    price: uint256 = uniswap_v3_swap._mul_div(rate, quote_price, 10**decimals)
    nav: uint256 = staticcall IIndexVault(index).nav(max_age)
    assert nav != 0, "lens: NAV is zero"
    difference: int256 = convert(price, int256) - convert(nav, int256)
    return IIndexLens.Market(
        pool=pool,
        price=price,
        premium_bps=difference * convert(MAX_BPS, int256) // convert(nav, int256),
        reason="",
    )


@external
@view
def auction(index: address) -> IIndexLens.Auction:
    """
    @notice Where the rebalance of an index stands.
    """
    house: IAuctionHouse = IAuctionHouse(staticcall IIndexVault(index).auction_house())
    found: IIndexLens.Auction = empty(IIndexLens.Auction)
    found.house = house.address
    if house.address == empty(address):
        return found
    stands: IAuctionHouse.Auction = staticcall house.auction(index)
    found.state = stands.state
    found.starts_at = stands.starts_at
    found.ends_at = stands.ends_at
    found.start_bps = stands.start_bps
    found.floor_bps = stands.floor_bps
    found.paused = staticcall house.paused(index)
    found.rebalancer = staticcall house.rebalancer(index)
    found.rebalancer_floor_bps, found.rebalancer_delay = staticcall house.limits(index)
    if stands.state != 0:
        # Both revert when there is no bidding.
        found.factor_bps = self._number_or_reason(
            house.address, abi_encode(index, method_id=method_id("factor_bps(address)")), INDEX_GAS
        )[0]
        success: bool = False
        answer: Bytes[_PART] = b""
        success, answer = self._ask_long(
            house.address, abi_encode(index, method_id=method_id("lots(address)")), INDEX_GAS
        )
        if success:
            found.surplus, found.deficit = abi_decode(
                answer, (DynArray[uint256, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS])
            )
    return found


@external
@view
def yields(index: address) -> DynArray[IIndexLens.Earning, MAX_COMPONENTS]:
    """
    @notice What each component's rate of assets per share has grown since its checkpoint, a year.
    """
    oracle: address = empty(address)
    feeds: DynArray[uint256, MAX_COMPONENTS] = []
    oracle, feeds = staticcall IIndexVault(index).price_feeds()
    found: DynArray[IIndexLens.Earning, MAX_COMPONENTS] = []
    for feed: uint256 in feeds:
        earned: IIndexLens.Earning = empty(IIndexLens.Earning)
        success: bool = False
        answer: Bytes[_ANSWER] = b""
        success, answer = self._ask(oracle, abi_encode(feed, method_id=method_id("rate(uint256)")), PRICE_GAS)
        if success and len(answer) == 96:
            earned.rate = extract32(answer, 0, output_type=uint256)
            earned.checkpoint_rate = extract32(answer, 32, output_type=uint256)
            earned.checkpoint_time = extract32(answer, 64, output_type=uint256)
            if earned.checkpoint_rate != 0 and block.timestamp > earned.checkpoint_time:
                grown: int256 = convert(earned.rate, int256) - convert(earned.checkpoint_rate, int256)
                elapsed: uint256 = (block.timestamp - earned.checkpoint_time) * earned.checkpoint_rate
                earned.bps_a_year = grown * convert(MAX_BPS * YEAR_SECONDS, int256) // convert(elapsed, int256)
        found.append(earned)
    return found


@internal
@view
def _overview_or_nothing(index: address, max_age: uint256) -> IIndexLens.Overview:
    success: bool = False
    answer: Bytes[_PART] = b""
    success, answer = self._ask_long(
        self, abi_encode(index, max_age, method_id=method_id("overview(address,uint256)")), 2 * INDEX_GAS
    )
    if success:
        return abi_decode(answer, IIndexLens.Overview)
    nothing: IIndexLens.Overview = empty(IIndexLens.Overview)
    nothing.index = index
    return nothing


@internal
@view
def _units(
    index: address, body: DynArray[uint256, MAX_BODY], count: uint256
) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @return D18{tok/share}
    """
    success: bool = False
    answer: Bytes[_PART] = b""
    success, answer = self._ask_long(index, method_id("components()"), INDEX_GAS)
    units: DynArray[uint256, MAX_COMPONENTS] = []
    if success:
        tokens: DynArray[address, MAX_COMPONENTS] = []
        tokens, units = abi_decode(
            answer, (DynArray[address, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS])
        )
    else:
        for i: uint256 in range(count, bound=MAX_COMPONENTS):
            units.append(basket._unit(body[i + 1]))
    return units


@internal
@view
def _tokens(index: address) -> DynArray[address, MAX_COMPONENTS]:
    """
    @notice The components, as they were last written: no token is asked.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(staticcall IIndexVault(index).basket_data())
    tokens: DynArray[address, MAX_COMPONENTS] = []
    for i: uint256 in range(basket._unpack_terms(body[0]).count, bound=MAX_COMPONENTS):
        tokens.append(basket._token(body[i + 1]))
    return tokens


@internal
@view
def _claims(
    index: address, account: address, tokens: DynArray[address, MAX_COMPONENTS]
) -> DynArray[uint256, MAX_COMPONENTS]:
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for token: address in tokens:
        amounts.append(staticcall IIndexVault(index).claim_of(account, token))
    return amounts


@internal
@pure
def _worth(unit: uint256, price: uint256, decimals: uint256) -> uint256:
    """
    @return D18{currency/share}, rounded down
    """
    if unit == 0 or price == 0:
        return 0
    return uniswap_v3_swap._mul_div(unit, price, 10**decimals)


@internal
@view
def _symbol(token: address) -> String[32]:
    """
    @notice A token's symbol, cut to 32 characters; of the old kind (bytes32) too. Empty when it tells none.
    """
    success: bool = False
    answer: Bytes[_ANSWER] = b""
    success, answer = self._ask(token, method_id("symbol()"), TOKEN_GAS)
    if not success:
        return ""
    if len(answer) == 32:
        size: uint256 = 0
        for i: uint256 in range(32):
            if slice(answer, i, 1) == x"00":
                break
            size = i + 1
        return self._text(answer, 0, size)
    if len(answer) < 96 or extract32(answer, 0, output_type=uint256) != 32:
        return ""
    return self._text(answer, 64, extract32(answer, 32, output_type=uint256))


@internal
@pure
def _reason(answer: Bytes[_PART]) -> String[32]:
    """
    @notice What a call reverted with, cut to 32 characters.
    """
    # Selector of Error(string), offset, size, text.
    if len(answer) < 100 or slice(answer, 0, 4) != method_id("Error(string)"):
        return "reverted without a reason"
    return self._text(slice(answer, 0, 100), 68, extract32(answer, 36, output_type=uint256))


@internal
@pure
def _text(answer: Bytes[_ANSWER], at: uint256, size: uint256) -> String[32]:
    if size == 0:
        return ""
    return slice(convert(slice(answer, at, 32), String[32]), 0, min(size, 32))


@internal
@view
def _number(target: address, question: Bytes[_QUESTION], allowance: uint256) -> uint256:
    """
    @return the answer, or max_value(uint256) when there is none
    """
    success: bool = False
    answer: Bytes[_ANSWER] = b""
    success, answer = self._ask(target, question, allowance)
    if success and len(answer) >= 32:
        return extract32(answer, 0, output_type=uint256)
    return _UNKNOWN


@internal
@view
def _number_or_reason(target: address, question: Bytes[_QUESTION], allowance: uint256) -> (uint256, String[32]):
    """
    @return (the answer, "") or (0, why there is none)
    """
    success: bool = False
    answer: Bytes[_ANSWER] = b""
    success, answer = self._ask(target, question, allowance)
    if success and len(answer) >= 32:
        return extract32(answer, 0, output_type=uint256), ""
    if success:
        return 0, "no answer"
    return 0, self._reason(answer)


@internal
@view
def _ask(target: address, question: Bytes[_QUESTION], allowance: uint256) -> (bool, Bytes[_ANSWER]):
    return raw_call(
        target,
        question,
        max_outsize=_ANSWER,
        gas=allowance,
        is_static_call=True,
        revert_on_failure=False,
    )


@internal
@view
def _ask_long(target: address, question: Bytes[_QUESTION], allowance: uint256) -> (bool, Bytes[_PART]):
    return raw_call(
        target,
        question,
        max_outsize=_PART,
        gas=allowance,
        is_static_call=True,
        revert_on_failure=False,
    )


@internal
@view
def _part(question: Bytes[_QUESTION]) -> (bool, Bytes[_PART]):
    return self._ask_long(self, question, PART_GAS)
