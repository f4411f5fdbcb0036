# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Parity Arbitrageur
@license AGPL-3.0-only
@notice One keeper's atomic trade between a vault and a Uniswap v3 pool of its share: mint and sell at a premium, buy
        and redeem at a discount. It profits at the oracle's prices or it reverts.
@dev The inventory stays with the owner: tokens are pulled inside the transaction and what comes out goes straight back.
     Profit is the change of what the owner holds (components and quote, measured by balance, each token once), valued in
     one currency: the quote token has a price of its own, a stablecoin is not a dollar.
     Amounts are in each token's own smallest unit; shares have 18 decimals; USD values are D18{USD}.
@custom:security The owner approves this contract, so only the owner may trade with it; the pool comes from the factory,
        and the callback pays that pool alone, once per swap. Neither a token nor an approval is left behind.
        Slippage needs no limit of its own: whatever a sandwich takes is missing from the profit.
@custom:kill The owner withdraws its approvals; there is nothing else to take.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.interfaces import IParityArbitrageur
from contracts.interfaces import IUniswapV3Factory
from contracts.interfaces import IUniswapV3Pool
from contracts.modules import constants as c
from contracts.modules import token

implements: IParityArbitrageur

WAD: constant(uint256) = c.WAD
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_TOKENS: constant(uint256) = MAX_COMPONENTS + 1      # and the quote, when it is not a component
# The pool's own bounds, exclusive: a swap with these limits ends only when it is filled or the pool is dry.
MIN_SQRT_RATIO: constant(uint160) = 4295128739
MAX_SQRT_RATIO: constant(uint160) = 1461446703485210103287273052203988822378723970342

_DRY: constant(String[32]) = "arbitrageur: pool ran dry"
_NOT_OWNER: constant(String[32]) = "arbitrageur: not the owner"

OWNER: public(immutable(address))
VAULT: public(immutable(IIndexVault))
QUOTE: public(immutable(IERC20))
QUOTE_FEED: public(immutable(uint256))
ORACLE: public(immutable(IMedianOracle))
FACTORY: public(immutable(IUniswapV3Factory))
SHARE: immutable(IERC20)                                # the vault, as the token it is
SHARE_IS_TOKEN0: immutable(bool)

# What the owner held before the trade, and what each token is worth.
struct Book:
    components: uint256                                 # {1} how many of the tokens the vault is made of
    tokens: DynArray[address, MAX_TOKENS]
    balances: DynArray[uint256, MAX_TOKENS]
    prices: DynArray[uint256, MAX_TOKENS]               # in the decimals of the token's feed
    scales: DynArray[uint256, MAX_TOKENS]               # 10**(token decimals + feed decimals): amount * price / scale is USD

# The pool whose callback is awaited; empty outside a swap.
_awaited: transient(address)


@deploy
def __init__(vault: IIndexVault, quote: IERC20, quote_feed: uint256, factory: IUniswapV3Factory):
    """
    @notice Binds one vault and one quote token to the deployer, for good.
    @param vault The vault whose share is held to its value.
    @param quote The token the share is traded against.
    @param quote_feed The index of the quote token's own USD price in the vault's oracle.
    @param factory The Uniswap v3 factory whose pools are trusted.
    """
    assert quote.address != vault.address, "arbitrageur: quote is the share"
    OWNER = msg.sender
    VAULT = vault
    SHARE = IERC20(vault.address)
    QUOTE = quote
    QUOTE_FEED = quote_feed
    FACTORY = factory
    SHARE_IS_TOKEN0 = convert(vault.address, uint160) < convert(quote.address, uint160)
    oracle: address = empty(address)
    feeds: DynArray[uint256, MAX_COMPONENTS] = []
    oracle, feeds = staticcall vault.price_feeds()
    ORACLE = IMedianOracle(oracle)
    assert quote_feed < staticcall IMedianOracle(oracle).feed_count(), "arbitrageur: unknown quote feed"


@external
def mint_and_sell(fee: uint24, shares: uint256, min_profit: uint256, max_age: uint256, deadline: uint256) -> uint256:
    """
    @notice Takes a premium: mints `shares` from the owner's components and sells all of them for quote.
    @param fee The pool's fee tier {1e-6}.
    @param shares {share} to mint and sell.
    @param min_profit {quote} the least profit at oracle prices, before gas.
    @param max_age {s} the oldest oracle price that counts.
    @param deadline {s} the last block time at which the trade is wanted.
    @return The profit {quote}.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    pool: address = self._pool(fee)
    book: Book = self._open(max_age)

    # The preview is what the mint takes, to the wei: pulled, approved and used up exactly.
    amounts: DynArray[uint256, MAX_COMPONENTS] = staticcall VAULT.preview_mint(shares)
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        token._pull(book.tokens[i], OWNER, amounts[i])
        assert extcall IERC20(book.tokens[i]).approve(
            VAULT.address, amounts[i], default_return_value=True
        ), "arbitrageur: approve failed"
    extcall VAULT.mint(shares, self, amounts, deadline)
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        assert staticcall IERC20(book.tokens[i]).allowance(self, VAULT.address) == 0, "arbitrageur: approval left"

    self._swap(pool, True, shares)

    profit: uint256 = self._close(book, min_profit)
    log IParityArbitrageur.PremiumTaken(pool=pool, shares=shares, profit=profit)
    return profit


@external
def buy_and_redeem(fee: uint24, shares: uint256, min_profit: uint256, max_age: uint256, deadline: uint256) -> uint256:
    """
    @notice Takes a discount: buys exactly `shares` with the owner's quote and redeems them to the owner.
    @param fee The pool's fee tier {1e-6}.
    @param shares {share} to buy and redeem.
    @param min_profit {quote} the least profit at oracle prices, before gas.
    @param max_age {s} the oldest oracle price that counts.
    @param deadline {s} the last block time at which the trade is wanted.
    @return The profit {quote}.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    pool: address = self._pool(fee)
    book: Book = self._open(max_age)

    self._swap(pool, False, shares)
    # No minimum per component: the profit counts what arrived of each, at its price.
    min_amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(book.components, bound=MAX_COMPONENTS):
        min_amounts.append(0)
    extcall VAULT.redeem(shares, OWNER, min_amounts, deadline)

    profit: uint256 = self._close(book, min_profit)
    log IParityArbitrageur.DiscountTaken(pool=pool, shares=shares, profit=profit)
    return profit


@external
@reentrant
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[32]):
    """
    @notice Pays the pool that this contract has just called: minted shares, or the owner's quote.
    @dev Open while the lock is held, because the pool calls in the middle of our own call. The awaited pool is
         forgotten first, so one swap is paid once.
    @param amount0_delta {token0} owed if positive.
    @param amount1_delta {token1} owed if positive.
    @param data Unused.
    """
    assert msg.sender == self._awaited, "arbitrageur: not the pool called"
    self._awaited = empty(address)
    share_delta: int256 = amount0_delta if SHARE_IS_TOKEN0 else amount1_delta
    quote_delta: int256 = amount1_delta if SHARE_IS_TOKEN0 else amount0_delta
    if share_delta > 0:
        token._push(SHARE.address, msg.sender, convert(share_delta, uint256))
    else:
        # The pool itself measures what arrived.
        assert extcall QUOTE.transferFrom(
            OWNER, msg.sender, convert(quote_delta, uint256), default_return_value=True
        ), "arbitrageur: transferFrom failed"


@external
def rescue(asset: address, amount: uint256):
    """
    @notice Sends a token that was sent here by mistake to the owner.
    @param asset The token.
    @param amount How much of it {tok}.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    token._push(asset, OWNER, amount)
    log IParityArbitrageur.Rescued(asset=asset, amount=amount)


@internal
@view
def _pool(fee: uint24) -> address:
    pool: address = staticcall FACTORY.getPool(SHARE.address, QUOTE.address, fee)
    assert pool != empty(address), "arbitrageur: no such pool"
    return pool


@internal
@view
def _open(max_age: uint256) -> Book:
    """
    @dev The owner's holdings before the trade and each token's price and scale: the components in the vault's order,
         then the quote unless it is one of them (counted twice, its gains would double).
    """
    components: DynArray[address, MAX_COMPONENTS] = []
    units: DynArray[uint256, MAX_COMPONENTS] = []
    components, units = staticcall VAULT.components()
    oracle: address = empty(address)
    feeds: DynArray[uint256, MAX_COMPONENTS] = []
    oracle, feeds = staticcall VAULT.price_feeds()
    # QUOTE_FEED is an index in the oracle of the deployment; in another oracle it may name another thing.
    assert oracle == ORACLE.address, "arbitrageur: oracle changed"

    book: Book = empty(Book)
    book.components = len(components)
    prices: DynArray[uint256, MAX_COMPONENTS] = staticcall ORACLE.prices(feeds, max_age)
    for i: uint256 in range(len(components), bound=MAX_COMPONENTS):
        book.tokens.append(components[i])
        book.balances.append(staticcall IERC20(components[i]).balanceOf(OWNER))
        book.prices.append(prices[i])
        book.scales.append(self._scale(components[i], feeds[i]))
    if QUOTE.address not in components:
        book.tokens.append(QUOTE.address)
        book.balances.append(staticcall QUOTE.balanceOf(OWNER))
        book.prices.append(staticcall ORACLE.price(QUOTE_FEED, max_age))
        book.scales.append(self._scale(QUOTE.address, QUOTE_FEED))
    return book


@internal
@view
def _close(book: Book, min_profit: uint256) -> uint256:
    """
    @dev What the trade gained {quote}: gains are rounded down and costs up, token by token, in D18{USD}.
    """
    gained: uint256 = 0
    spent: uint256 = 0
    usd_per_quote: uint256 = 0                          # D18{USD/quote} = usd_per_quote / quote_scale
    quote_scale: uint256 = 0
    for i: uint256 in range(len(book.tokens), bound=MAX_TOKENS):
        price_wad: uint256 = book.prices[i] * WAD
        held: uint256 = staticcall IERC20(book.tokens[i]).balanceOf(OWNER)
        if held >= book.balances[i]:
            gained += (held - book.balances[i]) * price_wad // book.scales[i]
        else:
            spent += ((book.balances[i] - held) * price_wad + book.scales[i] - 1) // book.scales[i]
        if book.tokens[i] == QUOTE.address:
            usd_per_quote = price_wad
            quote_scale = book.scales[i]
    assert gained >= spent, "arbitrageur: loss"
    profit: uint256 = (gained - spent) * quote_scale // usd_per_quote
    assert profit >= min_profit, "arbitrageur: profit too small"
    return profit


@internal
@view
def _scale(asset: address, feed: uint256) -> uint256:
    feed_decimals: uint8 = (staticcall ORACLE.feed(feed)).decimals
    return 10 ** convert(staticcall IERC20Detailed(asset).decimals() + feed_decimals, uint256)


@internal
def _swap(pool: address, selling: bool, shares: uint256):
    """
    @dev Sells exactly `shares` held here for quote to the owner, or buys exactly `shares` to here.
    """
    zero_for_one: bool = selling == SHARE_IS_TOKEN0
    limit: uint160 = MAX_SQRT_RATIO - 1
    if zero_for_one:
        limit = MIN_SQRT_RATIO + 1
    recipient: address = self
    specified: int256 = -convert(shares, int256)        # negative: an exact output
    if selling:
        recipient = OWNER
        specified = convert(shares, int256)

    self._awaited = pool
    amount0: int256 = 0
    amount1: int256 = 0
    amount0, amount1 = extcall IUniswapV3Pool(pool).swap(recipient, zero_for_one, specified, limit, b"")
    share_delta: int256 = amount1
    if SHARE_IS_TOKEN0:
        share_delta = amount0
    assert share_delta == specified, _DRY
