# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Parity Arbitrageur
@license AGPL-3.0-only
@notice One keeper's atomic trade between a vault and the Uniswap v3 pools of its share and of its components. Two ways:

        flash        take_premium: sell shares -> buy components with the quote -> mint -> deliver the shares
                     take_discount: buy shares -> redeem -> sell components for quote -> pay for the shares
                     No capital, no oracle, no exposure: begins and ends in the quote token.
        with float   mint_and_sell, buy_and_redeem: the components never move, they are the keeper's float in the vault.
                     A third of the gas; profit is counted at the oracle's prices.
@dev A v3 pool pays first and asks for its due in a callback, so the pools of the share are the flash loan, at no fee
     beyond the swap's own: their callbacks are nested, the trade is made inside the innermost, and each is paid from it.
     A *leg* is one swap of a route in one word: limit << 160 | place << 152 | fee << 128 | amount. `place` is the
     component's in the basket (0 in legs of the share), `fee` the pool's tier {1e-6}, `amount` the most of the share or
     the component that goes through it. `limit`, in legs of the share, is the last tick of the pool at which the trade
     is wanted, plus 2**23; 0: none. A pool beyond it reverts the call before anything is done: who is beaten pays for
     a look. It saves gas and guards nothing: what a trade may lose is `min_profit`'s.
     Amounts are in each token's smallest unit; shares have 18 decimals; USD values are D18{USD}.
@custom:security Only the owner trades. A callback is taken from the one pool that was just called, once, and what it is
        paid in was written down before the call; pools are derived from the factory. Profit is measured as balances,
        and below `min_profit` all reverts, so whatever a pool, a token or a sandwich takes is missing from it.
@custom:kill The owner withdraws its float, claims what has left the index, and ends its approval of quote; the flash
        trades need none of them.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.interfaces import IParityArbitrageur
from contracts.interfaces import IUniswapV3Pool
from contracts.modules import constants as c
from contracts.modules import token
from contracts.modules import uniswap_v3

implements: IParityArbitrageur

WAD: constant(uint256) = c.WAD
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_SHARE_LEGS: constant(uint256) = 4                   # each a nested callback
MAX_LEGS: constant(uint256) = 2 * MAX_COMPONENTS

_DRY: constant(String[32]) = "arbitrageur: pool ran dry"
_LEFT: constant(String[32]) = "arbitrageur: component left"
_NOT_OWNER: constant(String[32]) = "arbitrageur: not the owner"
_TOO_SMALL: constant(String[32]) = "arbitrageur: profit too small"

OWNER: public(immutable(address))
VAULT: public(immutable(IIndexVault))
QUOTE: public(immutable(IERC20))
QUOTE_FEED: public(immutable(uint256))
ORACLE: public(immutable(IMedianOracle))
FACTORY: public(immutable(address))
POOL_CODE_HASH: public(immutable(bytes32))
SHARE: immutable(IERC20)                                # the vault, as the token it is

# How the pool that is being called will be paid.
flag Payment:
    HELD        # from what lies here
    OWNERS      # from the owner's pocket
    EARNED      # from what the rest of a flash trade brings: it is made first

# What a float was worth: to be compared with what it is worth after the trade.
struct Book:
    floats: DynArray[uint256, MAX_COMPONENTS]           # {tok}
    prices: DynArray[uint256, MAX_COMPONENTS]           # in the decimals of each feed
    scales: DynArray[uint256, MAX_COMPONENTS]           # 10**(token decimals + feed decimals): amount * price / scale is USD
    quote_price: uint256
    quote_scale: uint256

# The pool whose callback is awaited, what it is owed in, and from where; empty outside a swap.
_awaited: transient(address)
_owed: transient(address)
_payment: transient(Payment)

# A flash trade under way: callbacks are told nothing, they read it here.
_minting: transient(bool)
_shares: transient(uint256)
_deadline: transient(uint256)
_called: transient(uint256)                             # how many of the share's pools
_share_legs: transient(DynArray[uint256, MAX_SHARE_LEGS])
_legs: transient(DynArray[uint256, MAX_LEGS])


@deploy
def __init__(vault: IIndexVault, quote: IERC20, quote_feed: uint256, factory: address, pool_code_hash: bytes32):
    """
    @notice Binds one vault and one quote token to the deployer, for good.
    @param vault The vault whose share is held to its value.
    @param quote The token the share and the components are traded against.
    @param quote_feed The index of the quote token's own USD price in the vault's oracle.
    @param factory The Uniswap v3 factory whose pools are trusted.
    @param pool_code_hash The keccak of the creation code of that factory's pools.
    """
    assert quote.address != vault.address, "arbitrageur: quote is the share"
    OWNER = msg.sender
    VAULT = vault
    SHARE = IERC20(vault.address)
    QUOTE = quote
    QUOTE_FEED = quote_feed
    FACTORY = factory
    POOL_CODE_HASH = pool_code_hash
    oracle: address = empty(address)
    feeds: DynArray[uint256, MAX_COMPONENTS] = []
    oracle, feeds = staticcall vault.price_feeds()
    ORACLE = IMedianOracle(oracle)
    assert quote_feed < staticcall IMedianOracle(oracle).feed_count(), "arbitrageur: unknown quote feed"


@external
def take_premium(
    share_legs: DynArray[uint256, MAX_SHARE_LEGS],
    legs: DynArray[uint256, MAX_LEGS],
    min_profit: uint256,
    deadline: uint256,
) -> uint256:
    """
    @notice Sells shares before there are any, buys what they are made of with the quote, mints and delivers them.
    @param share_legs Where to sell how many shares; their sum is minted.
    @param legs Where to buy the components; of each, legs are used in order until enough is bought. The quote token,
           where it is a component, needs none.
    @param min_profit {quote} the least that must be left, before gas.
    @param deadline {s} the last block time at which the trade is wanted.
    @return The profit {quote}, sent to the owner.
    """
    return self._take(True, share_legs, legs, min_profit, deadline)


@external
def take_discount(
    share_legs: DynArray[uint256, MAX_SHARE_LEGS],
    legs: DynArray[uint256, MAX_LEGS],
    min_profit: uint256,
    deadline: uint256,
) -> uint256:
    """
    @notice Buys shares on credit, redeems them, sells the components and pays with the quote they bring.
    @param share_legs Where to buy how many shares; their sum is redeemed.
    @param legs Where to sell the components; of each, legs are used in order until nothing is left.
    @param min_profit {quote} the least that must be left, before gas.
    @param deadline {s} the last block time at which the trade is wanted.
    @return The profit {quote}, sent to the owner.
    """
    return self._take(False, share_legs, legs, min_profit, deadline)


@external
def mint_and_sell(
    share_legs: DynArray[uint256, MAX_SHARE_LEGS], min_profit: uint256, max_age: uint256, deadline: uint256
) -> uint256:
    """
    @notice Takes a premium with float: mints from it and sells the shares; the quote goes to the owner.
    @param share_legs Where to sell how many shares; their sum is minted.
    @param min_profit {quote} the least profit at oracle prices, before gas.
    @param max_age {s} the oldest oracle price that counts.
    @param deadline {s} the last block time at which the trade is wanted.
    @return The profit {quote}.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    self._check_unmoved(True, share_legs)
    book: Book = self._open(max_age)
    held: uint256 = staticcall QUOTE.balanceOf(OWNER)

    shares: uint256 = self._sum(share_legs)
    extcall VAULT.mint_from_float(shares, self, staticcall VAULT.basket_version(), deadline)
    for leg: uint256 in share_legs:
        self._swap(SHARE.address, QUOTE.address, self._fee(leg), convert(self._amount(leg), int256), OWNER, Payment.HELD)

    gained: uint256 = staticcall QUOTE.balanceOf(OWNER) - held
    spent: uint256 = self._float_change(book, True)
    assert gained >= spent, "arbitrageur: loss"
    profit: uint256 = gained - spent
    assert profit >= min_profit, _TOO_SMALL
    log IParityArbitrageur.PremiumTaken(shares=shares, profit=profit, flash=False)
    return profit


@external
def buy_and_redeem(
    share_legs: DynArray[uint256, MAX_SHARE_LEGS], min_profit: uint256, max_age: uint256, deadline: uint256
) -> uint256:
    """
    @notice Takes a discount with float: buys shares with the owner's quote and redeems them to the float.
    @param share_legs Where to buy how many shares; their sum is redeemed.
    @param min_profit {quote} the least profit at oracle prices, before gas.
    @param max_age {s} the oldest oracle price that counts.
    @param deadline {s} the last block time at which the trade is wanted.
    @return The profit {quote}.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    self._check_unmoved(False, share_legs)
    book: Book = self._open(max_age)
    held: uint256 = staticcall QUOTE.balanceOf(OWNER)

    for leg: uint256 in share_legs:
        self._swap(QUOTE.address, SHARE.address, self._fee(leg), -convert(self._amount(leg), int256), self, Payment.OWNERS)
    shares: uint256 = self._sum(share_legs)
    extcall VAULT.redeem_to_float(shares, staticcall VAULT.basket_version(), deadline)

    spent: uint256 = held - staticcall QUOTE.balanceOf(OWNER)
    gained: uint256 = self._float_change(book, False)
    assert gained >= spent, "arbitrageur: loss"
    profit: uint256 = gained - spent
    assert profit >= min_profit, _TOO_SMALL
    log IParityArbitrageur.DiscountTaken(shares=shares, profit=profit, flash=False)
    return profit


@external
def deposit_float(amounts: DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice Moves components of the owner's into the float that `mint_and_sell` mints from.
    @param amounts {tok} of each component.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    tokens: DynArray[address, MAX_COMPONENTS] = self._components()
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        if amounts[i] != 0:
            token._pull(tokens[i], OWNER, amounts[i])
    self._approve(tokens, amounts)
    extcall VAULT.deposit_float(amounts)
    self._check_no_approval(tokens)


@external
def withdraw_float(amounts: DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice Moves float back to the owner.
    @param amounts {tok} of each component.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    extcall VAULT.withdraw_float(amounts, OWNER)


@external
def claim_float(component: address) -> uint256:
    """
    @notice Pays the owner what was float in a component that has left the index, once anybody has carried it over
            (`carry_float`): it is a claim of this contract's then, and no other way leads to it.
    @param component The token that has left.
    @return {tok} what was paid.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    return extcall VAULT.claim(component, OWNER)


@external
@reentrant
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[32]):
    """
    @notice Pays the pool that this contract has just called.
    @dev Open while the lock is held, because the pool calls in the middle of our own call. The awaited pool is
         forgotten first, so one swap is paid once; what it is owed in, and from where, was settled before the call.
    @param amount0_delta {token0} owed if positive.
    @param amount1_delta {token1} owed if positive.
    @param data Unused.
    """
    assert msg.sender == self._awaited, "arbitrageur: not the pool called"
    self._awaited = empty(address)
    owed: address = self._owed
    payment: Payment = self._payment
    # One of the two is owed, the other was given.
    amount: uint256 = convert(max(amount0_delta, amount1_delta), uint256)
    if payment == Payment.OWNERS:
        # The pool itself measures what arrived.
        assert extcall IERC20(owed).transferFrom(
            OWNER, msg.sender, amount, default_return_value=True
        ), "arbitrageur: transferFrom failed"
        return
    if payment == Payment.EARNED:
        self._go_on()
    token._push(owed, msg.sender, amount)


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
def _take(
    minting: bool,
    share_legs: DynArray[uint256, MAX_SHARE_LEGS],
    legs: DynArray[uint256, MAX_LEGS],
    min_profit: uint256,
    deadline: uint256,
) -> uint256:
    assert msg.sender == OWNER, _NOT_OWNER
    self._check_unmoved(minting, share_legs)
    # What lies here by mistake is neither used nor counted.
    held: uint256 = staticcall QUOTE.balanceOf(self)
    shares: uint256 = self._sum(share_legs)
    self._minting = minting
    self._shares = shares
    self._deadline = deadline
    self._called = 0
    self._share_legs = share_legs
    self._legs = legs

    self._go_on()

    after: uint256 = staticcall QUOTE.balanceOf(self)
    assert after >= held, "arbitrageur: loss"
    profit: uint256 = after - held
    assert profit >= min_profit, _TOO_SMALL
    token._push(QUOTE.address, OWNER, profit)
    if minting:
        log IParityArbitrageur.PremiumTaken(shares=shares, profit=profit, flash=True)
    else:
        log IParityArbitrageur.DiscountTaken(shares=shares, profit=profit, flash=True)
    return profit


@internal
def _go_on():
    """
    @dev The next pool of the share; its callback comes here again. When all of them have paid, and wait for theirs: the
         trade itself.
    """
    at: uint256 = self._called
    if at == len(self._share_legs):
        if self._minting:
            self._buy_and_mint()
        else:
            self._redeem_and_sell()
        return
    self._called = at + 1
    leg: uint256 = self._share_legs[at]
    amount: int256 = convert(self._amount(leg), int256)
    if self._minting:
        self._swap(SHARE.address, QUOTE.address, self._fee(leg), amount, self, Payment.EARNED)
    else:
        self._swap(QUOTE.address, SHARE.address, self._fee(leg), -amount, self, Payment.EARNED)


@internal
def _buy_and_mint():
    tokens: DynArray[address, MAX_COMPONENTS] = self._components()
    # The preview is what the mint takes, to the wei: bought, approved and used up exactly.
    amounts: DynArray[uint256, MAX_COMPONENTS] = staticcall VAULT.preview_mint(self._shares)
    self._trade(tokens, amounts)
    self._approve(tokens, amounts)
    extcall VAULT.mint(self._shares, self, amounts, self._deadline)
    self._check_no_approval(tokens)


@internal
def _redeem_and_sell():
    tokens: DynArray[address, MAX_COMPONENTS] = self._components()
    # No minimum per component: the profit counts what each was sold for.
    no_minimum: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        no_minimum.append(0)
    self._trade(tokens, extcall VAULT.redeem(self._shares, self, no_minimum, self._deadline))


@internal
def _trade(tokens: DynArray[address, MAX_COMPONENTS], amounts: DynArray[uint256, MAX_COMPONENTS]):
    """
    @dev Buys (minting) or sells exactly `amounts` along the legs, but of the quote token itself.
    """
    left: DynArray[uint256, MAX_COMPONENTS] = amounts
    for j: uint256 in range(len(self._legs), bound=MAX_LEGS):
        leg: uint256 = self._legs[j]
        place: uint256 = (leg >> 152) & 255
        amount: uint256 = min(self._amount(leg), left[place])
        if amount == 0:
            continue
        left[place] -= amount
        if self._minting:
            self._swap(
                QUOTE.address, tokens[place], self._fee(leg), -convert(amount, int256), self, Payment.HELD
            )
        else:
            self._swap(tokens[place], QUOTE.address, self._fee(leg), convert(amount, int256), self, Payment.HELD)
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        assert left[i] == 0 or tokens[i] == QUOTE.address, _LEFT


@internal
def _swap(
    token_in: address, token_out: address, fee: uint24, specified: int256, recipient: address, payment: Payment
):
    """
    @dev Sells exactly `specified` of token_in, or buys exactly `-specified` of token_out.
    """
    zero_for_one: bool = uniswap_v3._zero_for_one(token_in, token_out)
    pool: address = uniswap_v3._derived(FACTORY, POOL_CODE_HASH, token_in, token_out, fee)
    self._awaited = pool
    self._owed = token_in
    self._payment = payment
    amount0: int256 = 0
    amount1: int256 = 0
    amount0, amount1 = extcall IUniswapV3Pool(pool).swap(
        recipient, zero_for_one, specified, uniswap_v3._limit(zero_for_one), b""
    )
    moved: int256 = amount1
    if zero_for_one == (specified > 0):
        moved = amount0
    assert moved == specified, _DRY


@internal
@view
def _check_unmoved(selling: bool, share_legs: DynArray[uint256, MAX_SHARE_LEGS]):
    """
    @dev That nobody has been quicker: each pool of the share is where the caller saw it, or not further than its limit.
    """
    token_in: address = QUOTE.address
    token_out: address = SHARE.address
    if selling:
        token_in = SHARE.address
        token_out = QUOTE.address
    zero_for_one: bool = uniswap_v3._zero_for_one(token_in, token_out)
    for leg: uint256 in share_legs:
        pool: address = uniswap_v3._derived(FACTORY, POOL_CODE_HASH, token_in, token_out, self._fee(leg))
        assert not uniswap_v3._has_moved(pool, zero_for_one, leg >> 160), "arbitrageur: pool has moved"


@internal
@view
def _open(max_age: uint256) -> Book:
    oracle: address = empty(address)
    feeds: DynArray[uint256, MAX_COMPONENTS] = []
    oracle, feeds = staticcall VAULT.price_feeds()
    # QUOTE_FEED is an index in the oracle of the deployment; in another oracle it may name another thing.
    assert oracle == ORACLE.address, "arbitrageur: oracle changed"
    book: Book = empty(Book)
    book.floats = staticcall VAULT.float_of(self)
    book.prices = staticcall ORACLE.prices(feeds, max_age)
    tokens: DynArray[address, MAX_COMPONENTS] = self._components()
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        book.scales.append(self._scale(tokens[i], feeds[i]))
    book.quote_price = staticcall ORACLE.price(QUOTE_FEED, max_age)
    book.quote_scale = self._scale(QUOTE.address, QUOTE_FEED)
    return book


@internal
@view
def _float_change(book: Book, spent: bool) -> uint256:
    """
    @dev {quote} what the float has lost, rounded up, or gained, rounded down; of each component in D18{USD}, then all.
    """
    floats: DynArray[uint256, MAX_COMPONENTS] = staticcall VAULT.float_of(self)
    usd: uint256 = 0
    quote_price: uint256 = book.quote_price * WAD
    for i: uint256 in range(len(floats), bound=MAX_COMPONENTS):
        price: uint256 = book.prices[i] * WAD
        if spent:
            usd += ((book.floats[i] - floats[i]) * price + book.scales[i] - 1) // book.scales[i]
        else:
            usd += (floats[i] - book.floats[i]) * price // book.scales[i]
    if spent:
        return (usd * book.quote_scale + quote_price - 1) // quote_price
    return usd * book.quote_scale // quote_price


@internal
@view
def _scale(asset: address, feed: uint256) -> uint256:
    feed_decimals: uint8 = (staticcall ORACLE.feed(feed)).decimals
    return 10 ** convert(staticcall IERC20Detailed(asset).decimals() + feed_decimals, uint256)


@internal
@view
def _components() -> DynArray[address, MAX_COMPONENTS]:
    tokens: DynArray[address, MAX_COMPONENTS] = []
    units: DynArray[uint256, MAX_COMPONENTS] = []
    tokens, units = staticcall VAULT.components()
    return tokens


@internal
def _approve(tokens: DynArray[address, MAX_COMPONENTS], amounts: DynArray[uint256, MAX_COMPONENTS]):
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        if amounts[i] != 0:
            assert extcall IERC20(tokens[i]).approve(
                VAULT.address, amounts[i], default_return_value=True
            ), "arbitrageur: approve failed"


@internal
@view
def _check_no_approval(tokens: DynArray[address, MAX_COMPONENTS]):
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        assert staticcall IERC20(tokens[i]).allowance(self, VAULT.address) == 0, "arbitrageur: approval left"


@internal
@pure
def _sum(share_legs: DynArray[uint256, MAX_SHARE_LEGS]) -> uint256:
    shares: uint256 = 0
    for leg: uint256 in share_legs:
        shares += self._amount(leg)
    return shares


@internal
@pure
def _fee(leg: uint256) -> uint24:
    return convert((leg >> 128) & (2**24 - 1), uint24)


@internal
@pure
def _amount(leg: uint256) -> uint256:
    return leg & (2**128 - 1)
