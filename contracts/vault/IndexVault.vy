# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Vault
@license AGPL-3.0-only
@notice One ERC-20 share over a basket of up to 32 tokens, fully backed in kind. Anyone mints by bringing the
        components and redeems by taking them out; neither reads a price.
@dev The accounts are kept in *base* {base}, which no fee ever moves: for each component the vault owes
     base * unit {tok} and holds at least that. Growth {share/base} says how many shares one base answers for
     (modules/streaming_fee.vy); base * growth is the total supply, and what of it is in nobody's balance is the
     pending fee. So mint and redeem fees, the streaming fee and every rounding go to the pending fees by
     themselves, and no operation accrues anything.

     What the vault owes comes from this ledger alone, never from a token balance: a donation changes nothing.

     Runs behind EIP-1167 clones: no immutables, all state set by `initialize`.
@custom:security Components are chosen at creation and trusted to be tokens, not to be kind: what arrives is
                 measured, transfers in are exact or revert, every entry and every price view is locked while a
                 token is being called. The oracle can only make `nav` wrong or revert; it cannot stop a redeem.
@custom:kill Owner or guardian calls `pause`: no mints. Nothing stops a redeem; see `redeem_skipping`.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.modules import basket
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import keeper_float
from contracts.modules import ownable
from contracts.modules import reserves
from contracts.modules import share
from contracts.modules import streaming_fee
from contracts.modules import token

implements: IERC20

initializes: ownable
initializes: share
initializes: reserves
initializes: keeper_float[reserves := reserves]

# ERC-20 and ERC-2612
exports: (
    share.name,
    share.symbol,
    share.decimals,
    share.balanceOf,
    share.allowance,
    share.nonces,
    share.transfer,
    share.transferFrom,
    share.approve,
    share.permit,
    share.DOMAIN_SEPARATOR,
)
# two-step owner
exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.transfer_ownership,
    ownable.accept_ownership,
)
# claims
exports: reserves.claim_of

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY
MAX_BASE: constant(uint256) = basket.MAX_BASE

_SEALED: constant(uint256) = max_value(uint256)
_PAUSED: constant(uint256) = 1
_CAP_AT: constant(uint256) = 8
_CAP_MASK: constant(uint256) = 2**56 - 1
_DATA_AT: constant(uint256) = 96

struct Ledger:
    base: uint256     # {base} what the backing answers for
    held: uint256     # {share} the sum of all balances


fee_recipient: public(address)
guardian: public(address)
# data contract of modules/basket.vy 160 | 0 32 | supply cap {whole share} 56 | 0 7 | paused 1
_head: uint256
# base 112 | held 112 | 0 32: one slot, written once by every mint and redeem.
_ledger: uint256


@deploy
def __init__():
    """
    @notice Deploys the implementation, which can never be initialized and belongs to nobody.
    """
    ownable.__init__(self)
    self._head = _SEALED


@external
def initialize(name: String[64], symbol: String[16], data: address, owner: address, recipient: address):
    """
    @notice Makes a fresh clone an index. The factory calls it in the transaction that makes the clone.
    @param data the data contract that holds the basket; the factory has checked and written it
    """
    assert self._head == 0, "vault: initialized"
    share._check_receiver(recipient)
    share.name = name
    share.symbol = symbol
    ownable._set_owner(owner)
    self.fee_recipient = recipient
    self._head = (convert(data, uint256) << _DATA_AT) | (_CAP_MASK << _CAP_AT)
    log IIndexVault.Initialized(owner=owner, fee_recipient=recipient, basket=data)


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
    head: uint256 = self._mintable(deadline)
    body: DynArray[uint256, MAX_BODY] = self._checked_body(head, 0)
    terms: basket.Terms = basket._unpack_terms(body[0])
    self._check_length(len(max_amounts), terms.count)
    growth: uint256 = self._growth(terms)
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = self._base_to_mint(shares, terms.mint_fee_bps, growth)

    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        word: uint256 = body[i + 1]
        amount: uint256 = basket._amount_up(base, word)
        assert amount <= max_amounts[i], "vault: above limit"
        token._pull(basket._token(word), msg.sender, amount)
        amounts.append(amount)

    # Credited only now: a token's hook must not find shares that are not yet paid for.
    self._issue(shares, receiver, base, fee, growth, self._cap(head))
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
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(self._head))
    self._check_length(len(amounts), basket._unpack_terms(body[0]).count)
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        if amounts[i] != 0:
            component: address = basket._token(body[i + 1])
            # A loss that is already there is not the depositor's.
            self._sync(component)
            token._pull(component, msg.sender, amounts[i])
            keeper_float._deposit(msg.sender, i, component, amounts[i])
            log IIndexVault.FloatDeposited(owner=msg.sender, component=component, amount=amounts[i])


@external
def withdraw_float(amounts: DynArray[uint256, MAX_COMPONENTS], receiver: address):
    """
    @notice Take float out, at any time.
    @param amounts {tok} of each component; zero does not call the token
    """
    share._check_receiver(receiver)
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(self._head))
    self._check_length(len(amounts), basket._unpack_terms(body[0]).count)
    for i: uint256 in range(len(amounts), bound=MAX_COMPONENTS):
        if amounts[i] != 0:
            component: address = basket._token(body[i + 1])
            self._sync(component)
            keeper_float._withdraw(msg.sender, i, component, amounts[i])
            token._push(component, receiver, amounts[i])
            log IIndexVault.FloatWithdrawn(
                owner=msg.sender, receiver=receiver, component=component, amount=amounts[i]
            )


@external
def mint_from_float(shares: uint256, receiver: address, basket_seen: address, deadline: uint256):
    """
    @notice `mint`, paid from the caller's float.
    @param basket_seen the `basket_data` the caller knew: with it, what a share costs can only have fallen
    """
    head: uint256 = self._mintable(deadline)
    body: DynArray[uint256, MAX_BODY] = self._checked_body(head, 0)
    assert self._data_of(self._head) == basket_seen, "vault: basket changed"
    terms: basket.Terms = basket._unpack_terms(body[0])
    growth: uint256 = self._growth(terms)
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = self._base_to_mint(shares, terms.mint_fee_bps, growth)
    keeper_float._mint(msg.sender, body, terms.count, base)
    self._issue(shares, receiver, base, fee, growth, self._cap(head))


@external
def redeem_to_float(shares: uint256, basket_seen: address, deadline: uint256):
    """
    @notice `redeem`, paid into the caller's float.
    @param basket_seen the `basket_data` the caller knew
    """
    assert block.timestamp <= deadline, "vault: expired"
    body: DynArray[uint256, MAX_BODY] = self._checked_body(self._head, 0)
    assert self._data_of(self._head) == basket_seen, "vault: basket changed"
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = self._base_to_redeem(shares, terms.redeem_fee_bps, self._growth(terms))
    self._retire(shares, base)
    keeper_float._redeem(msg.sender, body, terms.count, base)
    log IIndexVault.Redeemed(caller=msg.sender, receiver=msg.sender, shares=shares, fee_shares=fee)


@external
def claim(component: address, receiver: address) -> uint256:
    """
    @notice Pay out what the caller left behind of a token.
    @param component the token, whether or not the index still holds it
    @return {tok} what was paid
    """
    share._check_receiver(receiver)
    self._sync(component)
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
    return self._sync(component)


@external
def set_rebasing(component: address, rebasing: bool):
    """
    @notice Owner only. The balance of a component declared rebasing is checked inside each mint and redeem.
    """
    ownable._check_owner()
    head: uint256 = self._head
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(head))
    count: uint256 = basket._unpack_terms(body[0]).count
    at: uint256 = self._find(body, count, component)
    assert at != 0, "vault: not a component"
    body[at] = (body[at] & ~basket.REBASING) | (basket.REBASING * convert(rebasing, uint256))
    body[0] = body[0] & ~basket.ANY_REBASING
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        if body[i + 1] & basket.REBASING != 0:
            body[0] = body[0] | basket.ANY_REBASING
    self._write_body(head, body)
    log IIndexVault.RebasingChanged(component=component, rebasing=rebasing)


@external
def pause():
    """
    @notice Owner or guardian: stop mints. Redeems and claims go on.
    """
    assert msg.sender == self.guardian or msg.sender == ownable.owner, "vault: not owner or guardian"
    self._head = self._head | _PAUSED
    log IIndexVault.Paused(caller=msg.sender)


@external
def unpause():
    """
    @notice Owner only.
    """
    ownable._check_owner()
    self._head = self._head & ~_PAUSED
    log IIndexVault.Unpaused(caller=msg.sender)


@external
def set_guardian(guardian: address):
    """
    @notice Owner only. The zero address: nobody but the owner may pause.
    """
    ownable._check_owner()
    log IIndexVault.GuardianChanged(old_guardian=self.guardian, new_guardian=guardian)
    self.guardian = guardian


@external
def set_supply_cap(whole_shares: uint256):
    """
    @notice Owner only. Mints that would bring the total supply above it revert; nobody is forced out.
    """
    ownable._check_owner()
    assert whole_shares <= _CAP_MASK, "vault: cap too large"
    head: uint256 = self._head
    log IIndexVault.SupplyCapChanged(old_cap=self._cap(head), new_cap=whole_shares * WAD)
    self._head = (head & ~(_CAP_MASK << _CAP_AT)) | (whole_shares << _CAP_AT)


@external
def collect_fees() -> uint256:
    """
    @notice Mint the pending fees to the fee recipient. Anyone may.
    @return {share}
    """
    return self._collect_fees()


@external
def set_fee_recipient(recipient: address):
    """
    @notice Owner only. What is pending was earned by the old recipient and goes there first.
    """
    ownable._check_owner()
    share._check_receiver(recipient)
    self._collect_fees()
    log IIndexVault.FeeRecipientChanged(old_recipient=self.fee_recipient, new_recipient=recipient)
    self.fee_recipient = recipient


@external
@view
def preview_mint(shares: uint256) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} what `mint` takes in this block, fee included, to the wei.
    """
    body: DynArray[uint256, MAX_BODY] = self._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = self._base_to_mint(shares, terms.mint_fee_bps, self._growth(terms))[0]
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
    body: DynArray[uint256, MAX_BODY] = self._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = self._base_to_redeem(shares, terms.redeem_fee_bps, self._growth(terms))[0]
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        amounts.append(basket._amount_down(base, body[i + 1]))
    return amounts


@external
@view
def components() -> (DynArray[address, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice (tokens, D18{tok/share} rounded down) as of now.
    """
    body: DynArray[uint256, MAX_BODY] = self._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    growth: uint256 = self._growth(terms)
    tokens: DynArray[address, MAX_COMPONENTS] = []
    units: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        tokens.append(basket._token(body[i + 1]))
        units.append(fixed_point._mul_div_down(basket._unit(body[i + 1]), WAD, growth))
    return tokens, units


@external
@view
def nav(max_age: uint256) -> uint256:
    """
    @notice What one share is worth at the oracle's prices.
    @param max_age {s} the oldest price the caller accepts; the oracle reverts past it
    @return D18{currency/share}, rounded down
    """
    body: DynArray[uint256, MAX_BODY] = self._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    prices: DynArray[uint256, MAX_COMPONENTS] = staticcall IMedianOracle(
        basket._oracle(body, terms.count)
    ).prices(basket._feeds(body, terms.count), max_age)
    value: uint256 = 0    # D18{currency/base}
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        value += basket._value(body[i + 1], basket._pricing(body, terms.count, i), prices[i])
    return fixed_point._mul_div_down(value, WAD, self._growth(terms))


@external
@view
def price_feeds() -> (address, DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice (oracle, feed index of each component)
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(self._head))
    count: uint256 = basket._unpack_terms(body[0]).count
    return basket._oracle(body, count), basket._feeds(body, count)


@external
@view
def fees() -> (uint256, uint256, uint256):
    """
    @notice (mint fee {bps}, redeem fee {bps}, streaming fee {bps/year})
    """
    terms: basket.Terms = self._terms()
    return terms.mint_fee_bps, terms.redeem_fee_bps, terms.streaming_fee_bps


@external
@view
def float_of(owner: address) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} of each component that `owner` could withdraw.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(self._head))
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(basket._unpack_terms(body[0]).count, bound=MAX_COMPONENTS):
        amounts.append(keeper_float._amount(owner, i, basket._token(body[i + 1])))
    return amounts


@external
@view
def basket_data() -> address:
    """
    @notice The data contract in force: another one means other units, fees or flags.
    """
    return self._data_of(self._head)


@external
@view
def paused() -> bool:
    """
    @notice Whether mints are stopped.
    """
    return self._head & _PAUSED != 0


@external
@view
def supply_cap() -> uint256:
    """
    @notice {share}
    """
    return self._cap(self._head)


@external
@view
def totalSupply() -> uint256:
    """
    @notice {share} all that the backing answers for: every balance and the pending fees.
    """
    return self._total_shares(self._read_ledger())


@external
@view
def pending_fees() -> uint256:
    """
    @notice {share} earned by the fee recipient and not collected yet.
    """
    ledger: Ledger = self._read_ledger()
    return self._total_shares(ledger) - ledger.held


@internal
@pure
def _check_length(given: uint256, count: uint256):
    assert given == count, "vault: wrong number of amounts"


@internal
@view
def _mintable(deadline: uint256) -> uint256:
    """
    @return the head slot
    """
    assert block.timestamp <= deadline, "vault: expired"
    head: uint256 = self._head
    assert head & _PAUSED == 0, "vault: paused"
    return head


@internal
def _issue(shares: uint256, receiver: address, base: uint256, fee: uint256, growth: uint256, cap: uint256):
    """
    @notice Enter a mint that has been paid.
    """
    ledger: Ledger = self._read_ledger()
    ledger.base += base
    ledger.held += shares
    assert fixed_point._mul_div_down(ledger.base, growth, WAD) <= cap, "vault: above supply cap"
    self._write_ledger(ledger)
    share._credit(receiver, shares)
    log IIndexVault.Minted(caller=msg.sender, receiver=receiver, shares=shares, fee_shares=fee)


@internal
def _retire(shares: uint256, base: uint256):
    """
    @notice Burn the caller's shares and write off the base they are paid.
    """
    share._debit(msg.sender, shares)
    ledger: Ledger = self._read_ledger()
    self._write_ledger(Ledger(base=ledger.base - base, held=ledger.held - shares))


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
    body: DynArray[uint256, MAX_BODY] = self._checked_body(self._head, skip)
    terms: basket.Terms = basket._unpack_terms(body[0])
    self._check_length(len(min_amounts), terms.count)
    assert skip >> terms.count == 0, "vault: skips what is not there"
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = self._base_to_redeem(shares, terms.redeem_fee_bps, self._growth(terms))

    # Burnt before anything leaves.
    self._retire(shares, base)
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


@internal
def _sync(component: address) -> uint256:
    """
    @notice D18{1} what is left of each promise in this token, after sharing a loss if there is one.
    """
    head: uint256 = self._head
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(head))
    at: uint256 = self._find(body, basket._unpack_terms(body[0]).count, component)
    word: uint256 = 0
    if at != 0:
        word = body[at]
    left: uint256 = reserves._left(component, word, self._base_in())
    if left != WAD:
        reserves._share_loss(component, left)
        if at != 0:
            body[at] = basket._cut(word, left)
            self._write_body(head, body)
        log IIndexVault.LossShared(component=component, left=left)
    return left


@internal
def _checked_body(head: uint256, skip: uint256) -> DynArray[uint256, MAX_BODY]:
    """
    @notice The basket, after sharing the losses of the components declared rebasing, but those skipped: they are not
            called.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(head))
    if body[0] & basket.ANY_REBASING == 0:
        return body
    for i: uint256 in range(basket._unpack_terms(body[0]).count, bound=MAX_COMPONENTS):
        if body[i + 1] & basket.REBASING != 0 and (skip >> i) & 1 == 0:
            self._sync(basket._token(body[i + 1]))
    return basket._load(self._data_of(self._head))


@internal
@view
def _current_body() -> DynArray[uint256, MAX_BODY]:
    """
    @notice What `_checked_body` would give in this block, without writing it.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(self._head))
    if body[0] & basket.ANY_REBASING != 0:
        for i: uint256 in range(basket._unpack_terms(body[0]).count, bound=MAX_COMPONENTS):
            word: uint256 = body[i + 1]
            if word & basket.REBASING != 0:
                left: uint256 = reserves._left(basket._token(word), word, self._base_in())
                if left != WAD:
                    body[i + 1] = basket._cut(word, left)
    return body


@internal
@pure
def _find(body: DynArray[uint256, MAX_BODY], count: uint256, component: address) -> uint256:
    """
    @notice Where in the body a token stands; 0: nowhere.
    """
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        if basket._token(body[i + 1]) == component:
            return i + 1
    return 0


@internal
@view
def _base_in() -> int256:
    """
    @notice {base} that tokens came in for, less what they went out for.
    """
    return convert(self._read_ledger().base, int256) - keeper_float.minted


@internal
@pure
def _data_of(head: uint256) -> address:
    return convert(head >> _DATA_AT, address)


@internal
def _write_body(head: uint256, body: DynArray[uint256, MAX_BODY]):
    data: address = basket._store(body)
    self._head = (convert(data, uint256) << _DATA_AT) | (head & (2**_DATA_AT - 1))


@internal
@pure
def _cap(head: uint256) -> uint256:
    """
    @notice {share} the supply cap.
    """
    return ((head >> _CAP_AT) & _CAP_MASK) * WAD


@internal
def _collect_fees() -> uint256:
    ledger: Ledger = self._read_ledger()
    pending: uint256 = self._total_shares(ledger) - ledger.held
    if pending != 0:
        recipient: address = self.fee_recipient
        ledger.held += pending
        self._write_ledger(ledger)
        share._credit(recipient, pending)
        log IIndexVault.FeesCollected(caller=msg.sender, recipient=recipient, shares=pending)
    return pending


@internal
@view
def _base_to_mint(shares: uint256, fee_bps: uint256, growth: uint256) -> (uint256, uint256):
    """
    @notice ({base} to bring in for `shares`, {share} fee), both rounded up. The one place that says what a mint costs.
    """
    assert shares != 0 and shares < MAX_BASE, "vault: shares out of range"
    fee: uint256 = fixed_point._mul_div_up(shares, fee_bps, MAX_BPS)
    return fixed_point._mul_div_up(shares + fee, WAD, growth), fee


@internal
@view
def _base_to_redeem(shares: uint256, fee_bps: uint256, growth: uint256) -> (uint256, uint256):
    """
    @notice ({base} to pay out for `shares`, rounded down; {share} fee, rounded up). The one place that says what a
            redeem pays.
    """
    assert shares != 0 and shares < MAX_BASE, "vault: shares out of range"
    fee: uint256 = fixed_point._mul_div_up(shares, fee_bps, MAX_BPS)
    return fixed_point._mul_div_down(shares - fee, WAD, growth), fee


@internal
@view
def _terms() -> basket.Terms:
    return basket._unpack_terms(basket._load(self._data_of(self._head))[0])


@internal
@view
def _growth(terms: basket.Terms) -> uint256:
    """
    @notice D18{share/base} now.
    """
    return streaming_fee._growth(terms.growth_0, block.timestamp - terms.since, terms.streaming_fee_bps)


@internal
@view
def _total_shares(ledger: Ledger) -> uint256:
    """
    @dev Never below `ledger.held`: mint adds base rounded up, redeem takes base rounded down, growth never falls.
    """
    return fixed_point._mul_div_down(ledger.base, self._growth(self._terms()), WAD)


@internal
@view
def _read_ledger() -> Ledger:
    word: uint256 = self._ledger
    return Ledger(base=word >> 144, held=(word >> 32) & (2**112 - 1))


@internal
def _write_ledger(ledger: Ledger):
    assert ledger.base < MAX_BASE and ledger.held < 2**112, "vault: supply too large"
    self._ledger = (ledger.base << 144) | (ledger.held << 32)
