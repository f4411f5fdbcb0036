# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Vault
@license AGPL-3.0-only
@notice One ERC-20 share over a basket of up to 32 tokens, fully backed in kind. Anyone mints by bringing the
        components and redeems by taking them out; neither reads a price. This is the core: what moves shares and
        components. All else is in the extension (vault/IndexVaultExtension.vy), which the core delegates to.
@dev The accounts are those of modules/books.vy: what is owed comes from the ledger alone, never from a token balance, so
     a donation changes nothing; mint and redeem fees, the streaming fee and every rounding go to the pending fees by
     themselves, and no operation accrues anything.

     Runs behind EIP-1167 clones: no state but what `initialize` sets, and one immutable, the extension. Core and
     extension use one storage layout and one transient lock; a call that is delegated takes the lock at its own door.
@custom:security Components are chosen by the owner and trusted to be tokens, not to be kind: what arrives is
                 measured, transfers in are exact or revert, every entry and every price view is locked while a
                 token is being called. The oracle can only make `nav` wrong or revert; it cannot stop a redeem.
@custom:kill Owner or guardian calls `pause`: no mints. Nothing stops a redeem; see `redeem_skipping`.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IBidder
from contracts.interfaces import IIndexVault
from contracts.modules import basket
from contracts.modules import books
from contracts.modules import constants as c
from contracts.modules import delays
from contracts.modules import flash_mint
from contracts.modules import keeper_float
from contracts.modules import overlay
from contracts.modules import ownable
from contracts.modules import reserves
from contracts.modules import share
from contracts.modules import token

implements: IERC20

# The same modules in the same order as in the extension: this is the storage layout.
initializes: ownable
initializes: share
initializes: reserves
initializes: keeper_float[reserves := reserves]
initializes: overlay
initializes: delays
initializes: books[share := share, reserves := reserves, keeper_float := keeper_float, overlay := overlay]
initializes: flash_mint[share := share]

# ERC-20, ERC-2612, ERC-5267
exports: (
    share.name,
    share.symbol,
    share.decimals,
    share.balanceOf,
    share.allowance,
    share.transfer,
    share.transferFrom,
    share.approve,
    share.permit,
    share.nonces,
    share.DOMAIN_SEPARATOR,
    share.eip712Domain,
)

interface IExtension:
    def auction_house() -> address: view

MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY

# The longest answer of the extension: two arrays of MAX_COMPONENTS words.
_MAX_ANSWER: constant(uint256) = 32 * (2 * MAX_COMPONENTS + 4)

_CHANGED: constant(String[32]) = "vault: basket changed"

EXTENSION: public(immutable(address))
HOUSE: immutable(address)


@deploy
def __init__(extension: address):
    """
    @notice Deploys the implementation, which can never be initialized and belongs to nobody.
    @param extension a deployed IndexVaultExtension
    """
    assert extension.is_contract, "vault: no extension"
    EXTENSION = extension
    HOUSE = staticcall IExtension(extension).auction_house()
    ownable.__init__(self)
    books._seal()


@external
@reentrant
@raw_return
def __default__() -> Bytes[_MAX_ANSWER]:
    """
    @notice What the core does not know is the extension's, in this storage. Not locked here: the extension's functions
            take the lock, the same one, themselves.
    """
    return raw_call(EXTENSION, msg.data, max_outsize=_MAX_ANSWER, is_delegate_call=True)


@external
def mint(
    shares: uint256,
    receiver: address,
    max_amounts: DynArray[uint256, MAX_COMPONENTS],
    deadline: uint256,
) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice Bring the components of `shares` and the mint fee, get exactly `shares`.
    @param shares {share}
    @param receiver who gets them
    @param max_amounts {tok} the most the caller pays of each component
    @param deadline {s} the last block time at which this may happen
    @return {tok} what was paid of each component
    """
    head: uint256 = books._mintable(deadline)
    body: DynArray[uint256, MAX_BODY] = books._checked_body(0)
    terms: basket.Terms = basket._unpack_terms(body[0])
    basket._check_length(len(max_amounts), terms.count)
    growth: uint256 = books._growth(terms)
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = books._base_to_mint(shares, terms.mint_fee_bps, growth)

    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        word: uint256 = body[i + 1]
        amount: uint256 = basket._amount_up(base, word)
        assert amount <= max_amounts[i], "vault: above limit"
        token._pull(basket._token(word), msg.sender, amount)
        amounts.append(amount)

    # Credited only now: a token's hook must not find shares that are not yet paid for.
    books._issue(shares, receiver, base, fee, growth, head)
    return amounts


@external
def redeem(
    shares: uint256,
    receiver: address,
    min_amounts: DynArray[uint256, MAX_COMPONENTS],
    deadline: uint256,
) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice Give exactly `shares`, get the components of them net of the redeem fee.
    @param shares {share} of the caller
    @param receiver who gets the components
    @param min_amounts {tok} the least the receiver gets of each component
    @param deadline {s} the last block time at which this may happen
    @return {tok} what was paid out of each component
    """
    return self._redeem(shares, receiver, min_amounts, 0, deadline)


@external
def redeem_skipping(
    shares: uint256,
    receiver: address,
    min_amounts: DynArray[uint256, MAX_COMPONENTS],
    skip: uint256,
    deadline: uint256,
) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice Redeem past components that cannot be moved now: a skipped token is not called at all. What it owes becomes
            a claim of the caller, to be paid by `claim`.
    @dev The fee is the same. The claim is a fixed amount of the token, worth what it is worth whenever it is paid, so
         skipping is no option on anything; it shares in a shortfall like the backing it was taken from.
    @param skip bit i set: leave component i behind
    @return {tok} what was paid out, or is now claimed, of each component
    """
    return self._redeem(shares, receiver, min_amounts, skip, deadline)


@external
def deposit_float(amounts: DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice Bring components once, to mint from them later without moving a token.
    @param amounts {tok} of each component; zero leaves it alone
    """
    body: DynArray[uint256, MAX_BODY] = books._body(books._head)
    terms: basket.Terms = basket._unpack_terms(body[0])
    basket._check_length(len(amounts), terms.count)
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        if amounts[i] != 0:
            component: address = basket._token(body[i + 1])
            # A loss that is already there is not the depositor's.
            books._sync(component)
            token._pull(component, msg.sender, amounts[i])
            keeper_float._deposit(terms.generation, msg.sender, i, component, amounts[i])
            log IIndexVault.FloatDeposited(owner=msg.sender, component=component, amount=amounts[i])


@external
def withdraw_float(amounts: DynArray[uint256, MAX_COMPONENTS], receiver: address):
    """
    @notice Take float out, at any time.
    @param amounts {tok} of each component; zero does not call the token
    """
    share._check_receiver(receiver)
    body: DynArray[uint256, MAX_BODY] = books._body(books._head)
    terms: basket.Terms = basket._unpack_terms(body[0])
    basket._check_length(len(amounts), terms.count)
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        if amounts[i] != 0:
            component: address = basket._token(body[i + 1])
            books._sync(component)
            keeper_float._withdraw(terms.generation, msg.sender, i, component, amounts[i])
            token._push(component, receiver, amounts[i])
            log IIndexVault.FloatWithdrawn(
                owner=msg.sender, receiver=receiver, component=component, amount=amounts[i]
            )


@external
def mint_from_float(shares: uint256, receiver: address, version_seen: uint256, deadline: uint256):
    """
    @notice `mint`, paid from the caller's float.
    @param version_seen the `basket_version` the caller knew: with it, what a share costs can only have fallen
    """
    head: uint256 = books._mintable(deadline)
    body: DynArray[uint256, MAX_BODY] = books._checked_body(0)
    assert books._read_ledger().version == version_seen, _CHANGED
    terms: basket.Terms = basket._unpack_terms(body[0])
    growth: uint256 = books._growth(terms)
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = books._base_to_mint(shares, terms.mint_fee_bps, growth)
    keeper_float._mint(terms.generation, msg.sender, body, terms.count, base)
    books._issue(shares, receiver, base, fee, growth, head)


@external
def redeem_to_float(shares: uint256, version_seen: uint256, deadline: uint256):
    """
    @notice `redeem`, paid into the caller's float.
    @param version_seen the `basket_version` the caller knew
    """
    assert block.timestamp <= deadline, "vault: expired"
    body: DynArray[uint256, MAX_BODY] = books._checked_body(0)
    assert books._read_ledger().version == version_seen, _CHANGED
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = books._base_to_redeem(shares, terms.redeem_fee_bps, books._growth(terms))
    books._retire(shares, base)
    keeper_float._redeem(terms.generation, msg.sender, body, terms.count, base)
    log IIndexVault.Redeemed(caller=msg.sender, receiver=msg.sender, shares=shares, fee_shares=fee)


@external
def claim(component: address, receiver: address) -> uint256:
    """
    @notice Pay out what the caller left behind of a token.
    @param component the token, whether or not the index still holds it
    @return {tok} what was paid
    """
    share._check_receiver(receiver)
    books._sync(component)
    amount: uint256 = reserves._end_claim(msg.sender, component)
    token._push(component, receiver, amount)
    log IIndexVault.ClaimPaid(owner=msg.sender, receiver=receiver, component=component, amount=amount)
    return amount


@external
def sync(component: address) -> uint256:
    """
    @notice Anyone may: when the vault holds less of a token than it owes, cut what it owes, backing, claims and float
            alike, to what is there.
    @return D18{1} what is left of each promise: 1e18 when nothing was short
    """
    return books._sync(component)


@external
def settle(
    bidder: address,
    sell: uint256,
    sold: uint256,
    buy: uint256,
    bought: uint256,
    data: Bytes[1024],
):
    """
    @notice Auction house only: exchange one component for another with a bidder.
    @param bidder who gets `sold` and pays `bought`, out of its allowance to this index
    @param sell the place of what leaves
    @param sold {tok} not zero
    @param buy the place of what comes in
    @param bought {tok} not zero
    @param data when there is any, for the bidder's `on_bid`, which is called in between
    """
    assert msg.sender == HOUSE, "vault: not the auction house"
    head: uint256 = books._head
    assert head & books.IN_AUCTION != 0, "vault: not in auction"
    written: DynArray[uint256, MAX_BODY] = basket._load(books._data_of(head))
    if written[0] & basket.ANY_REBASING != 0:
        books._checked_body(0)
        head = books._head
        written = basket._load(books._data_of(head))
    sell_word: uint256 = books._word(head, written, sell)
    buy_word: uint256 = books._word(head, written, buy)
    # Claims and float are owed in these tokens, too: a loss is theirs and the backing's alike before any backing leaves
    # it to them, or comes in and shares it.
    base_in: int256 = books._base_in()
    assert (
        reserves._left(basket._token(sell_word), sell_word, base_in) == c.WAD
        and reserves._left(basket._token(buy_word), buy_word, base_in) == c.WAD
    ), "vault: sync first"
    # Claims and float of a token that was once lost altogether are worth nothing for good: it must not be owed again.
    assert buy_word & basket.CUT == 0 or reserves._index(basket._token(buy_word)) != 0, "reserves: token is worthless"
    token._push(basket._token(sell_word), bidder, sold)
    if len(data) != 0:
        extcall IBidder(bidder).on_bid(basket._token(sell_word), sold, basket._token(buy_word), bought, data)
    token._pull(basket._token(buy_word), bidder, bought)

    # The lock was held all the while: this is still the basket.
    base: uint256 = books._read_ledger().base
    books._write_units(
        sell, books._moved(sell_word, base, sold, False), buy, books._moved(buy_word, base, bought, True)
    )
    log IIndexVault.Settled(
        bidder=bidder,
        sell=basket._token(sell_word),
        buy=basket._token(buy_word),
        sold=sold,
        bought=bought,
    )


@external
@view
def preview_mint(shares: uint256) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} what `mint` takes in this block, fee included, to the wei.
    """
    body: DynArray[uint256, MAX_BODY] = books._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = books._base_to_mint(shares, terms.mint_fee_bps, books._growth(terms))[0]
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        amounts.append(basket._amount_up(base, body[i + 1]))
    return amounts


@external
@view
def preview_redeem(shares: uint256) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} what `redeem` pays in this block, net of the fee, to the wei.
    """
    body: DynArray[uint256, MAX_BODY] = books._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = books._base_to_redeem(shares, terms.redeem_fee_bps, books._growth(terms))[0]
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        amounts.append(basket._amount_down(base, body[i + 1]))
    return amounts


@external
@view
def float_of(owner: address) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} of each component that `owner` could withdraw.
    """
    body: DynArray[uint256, MAX_BODY] = books._body(books._head)
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    terms: basket.Terms = basket._unpack_terms(body[0])
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        amounts.append(keeper_float._amount(terms.generation, owner, i, basket._token(body[i + 1])))
    return amounts


@external
@view
def totalSupply() -> uint256:
    """
    @notice {share} all that the backing answers for: every balance and the pending fees.
    """
    return books._total_shares(books._read_ledger())


@internal
def _redeem(
    shares: uint256,
    receiver: address,
    min_amounts: DynArray[uint256, MAX_COMPONENTS],
    skip: uint256,
    deadline: uint256,
) -> DynArray[uint256, MAX_COMPONENTS]:
    assert block.timestamp <= deadline, "vault: expired"
    share._check_receiver(receiver)
    body: DynArray[uint256, MAX_BODY] = books._checked_body(skip)
    terms: basket.Terms = basket._unpack_terms(body[0])
    basket._check_length(len(min_amounts), terms.count)
    assert skip >> terms.count == 0, "vault: skips what is not there"
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = books._base_to_redeem(shares, terms.redeem_fee_bps, books._growth(terms))

    # Burnt before anything leaves.
    books._retire(shares, base)
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        word: uint256 = body[i + 1]
        amount: uint256 = basket._amount_down(base, word)
        assert amount >= min_amounts[i], "vault: below limit"
        if (skip >> i) & 1 == 0:
            token._push(basket._token(word), receiver, amount)
        else:
            reserves._keep_claim(msg.sender, basket._token(word), amount)
            log IIndexVault.ClaimKept(owner=msg.sender, component=basket._token(word), amount=amount)
        amounts.append(amount)
    log IIndexVault.Redeemed(caller=msg.sender, receiver=receiver, shares=shares, fee_shares=fee)
    return amounts
