# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Books
@license AGPL-3.0-only
@notice The accounts of one index, as its core and its extension both keep them: the ledger, the basket in force, what a
        mint costs and a redeem pays, and how a loss is shared.
@dev Kept in *base* {base}, which no fee ever moves: for each component the vault owes base * unit {tok} and holds at
     least that. Growth {share/base} says how many shares one base answers for (modules/streaming_fee.vy); base * growth
     is the total supply, and what of it is in nobody's balance is the pending fee.

     All state of an index lies in this module and in those it uses; the two contracts declare them in the same order and
     have none of their own, so they read the same slots (tests/unit/vault/test_storage_layout.py).
"""

from contracts.interfaces import IIndexVault
from contracts.modules import basket
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import keeper_float
from contracts.modules import overlay
from contracts.modules import reserves
from contracts.modules import share
from contracts.modules import streaming_fee

uses: share
uses: reserves
uses: keeper_float
uses: overlay

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY
MAX_BASE: constant(uint256) = basket.MAX_BASE

# Flags of the head.
PAUSED: constant(uint256) = 1 << 0
WOUND_DOWN: constant(uint256) = 1 << 1
IN_AUCTION: constant(uint256) = 1 << 2
PERMISSIONED: constant(uint256) = 1 << 3

_SEALED: constant(uint256) = max_value(uint256)
_CAP_AT: constant(uint256) = 8
_CAP_MASK: constant(uint256) = 2**56 - 1
_MOVED_AT: constant(uint256) = 64
_MOVED_MASK: constant(uint256) = 2**32 - 1
_DATA_AT: constant(uint256) = 96

struct Ledger:
    base: uint256       # {base} what the backing answers for
    held: uint256       # {share} the sum of all balances
    version: uint256    # of the basket


fee_recipient: public(address)
guardian: public(address)
# data contract of modules/basket.vy 160 | units moved since 32 | supply cap {whole share} 56 | 0 4 | flags 4
_head: uint256
# base 112 | held 112 | version 32: one slot, written once by every mint and redeem.
_ledger: uint256
# Whether shares were minted in this transaction.
minted_now: transient(bool)


@internal
def _seal():
    """
    @notice For a contract that is only ever run by clones.
    """
    self._head = _SEALED


@internal
def _open(data: address):
    assert self._head == 0, "vault: initialized"
    self._head = (convert(data, uint256) << _DATA_AT) | (_CAP_MASK << _CAP_AT)


@internal
@pure
def _data_of(head: uint256) -> address:
    return convert(head >> _DATA_AT, address)


@internal
@pure
def _cap(head: uint256) -> uint256:
    """
    @notice {share} the supply cap.
    """
    return ((head >> _CAP_AT) & _CAP_MASK) * WAD


@internal
def _set_cap(whole_shares: uint256):
    assert whole_shares <= _CAP_MASK, "vault: cap too large"
    self._head = (self._head & ~(_CAP_MASK << _CAP_AT)) | (whole_shares << _CAP_AT)


@internal
def _set_flag(mask: uint256, on: bool):
    head: uint256 = self._head & ~mask
    if on:
        head = head | mask
    self._head = head


@internal
@view
def _body(head: uint256) -> DynArray[uint256, MAX_BODY]:
    """
    @notice The basket as last written and as bids have moved it since.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(head))
    moved: uint256 = (head >> _MOVED_AT) & _MOVED_MASK
    if moved != 0:
        body = overlay._apply(body, moved)
    return body


@internal
@view
def _word(head: uint256, written: DynArray[uint256, MAX_BODY], i: uint256) -> uint256:
    """
    @notice One component of `_body`, for who needs no more.
    @param written the basket as last written
    """
    if (head >> (_MOVED_AT + i)) & 1 == 0:
        return written[i + 1]
    return basket._with_mantissa(written[i + 1], overlay._get(i))


@internal
def _write_body(body: DynArray[uint256, MAX_BODY]):
    """
    @notice A new data contract, with all that bids have moved in it.
    """
    data: address = basket._store(body)
    self._head = (convert(data, uint256) << _DATA_AT) | (self._head & (2**_MOVED_AT - 1))
    self._bump_version()


@internal
def _write_units(i: uint256, word: uint256, j: uint256, other_word: uint256):
    """
    @notice Two components that have moved: beside the data contract, unless one of them needs another exponent.
    """
    head: uint256 = self._head
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data_of(head))
    if basket._exponent(word) == basket._exponent(body[i + 1]) and (
        basket._exponent(other_word) == basket._exponent(body[j + 1])
    ):
        overlay._set(i, basket._mantissa(word))
        overlay._set(j, basket._mantissa(other_word))
        marks: uint256 = (1 << (_MOVED_AT + i)) | (1 << (_MOVED_AT + j))
        if head & marks != marks:
            self._head = head | marks
        self._bump_version()
    else:
        body = self._body(head)
        body[i + 1] = word
        body[j + 1] = other_word
        self._write_body(body)


@internal
def _moved(word: uint256, base: uint256, amount: uint256, comes_in: bool) -> uint256:
    """
    @notice The component after `amount` of it came into, or went out of, the backing of `base`; not zero. What is owed
            beside the backing stays as it is.
    @dev Rounded down: the dust stays with the vault. When float is mixed into the backing one base unit more is kept
         back, for what rounding does to the float's part.
    """
    kept_back: uint256 = convert(keeper_float.minted != 0, uint256)
    scale: uint256 = 10 ** basket._exponent(word)
    total: uint256 = base * basket._mantissa(word)
    if comes_in:
        total += (amount - kept_back) * scale
    else:
        gone: uint256 = (amount + kept_back) * scale
        assert gone <= total, "vault: more than the backing"
        total -= gone
    new_word: uint256 = basket._with_wide_mantissa(word, total // base)
    reserves._move_unit(basket._token(word), word, new_word, keeper_float.minted)
    return new_word


@internal
def _bump_version():
    ledger: Ledger = self._read_ledger()
    ledger.version = (ledger.version + 1) % 2**32
    self._write_ledger(ledger)


@internal
@view
def _mintable(deadline: uint256) -> uint256:
    """
    @return the head slot
    """
    assert block.timestamp <= deadline, "vault: expired"
    head: uint256 = self._head
    assert head & (PAUSED | WOUND_DOWN) == 0, "vault: paused"
    return head


@internal
def _issue(shares: uint256, receiver: address, base: uint256, fee: uint256, growth: uint256, head: uint256):
    """
    @notice Enter a mint that has been paid.
    """
    if head & PERMISSIONED != 0:
        share._check_movable(empty(address), receiver)
    ledger: Ledger = self._read_ledger()
    ledger.base += base
    ledger.held += shares
    assert fixed_point._mul_div_down(ledger.base, growth, WAD) <= self._cap(head), "vault: above supply cap"
    self._write_ledger(ledger)
    self.minted_now = True
    share._credit(receiver, shares)
    log IIndexVault.Minted(caller=msg.sender, receiver=receiver, shares=shares, fee_shares=fee)


@internal
def _retire(shares: uint256, base: uint256):
    """
    @notice Burn the caller's shares and write off the base they are paid.
    """
    share._debit(msg.sender, shares)
    ledger: Ledger = self._read_ledger()
    ledger.base -= base
    ledger.held -= shares
    self._write_ledger(ledger)


@internal
def _sync(component: address) -> uint256:
    """
    @notice D18{1} what is left of each promise in this token, after sharing a loss if there is one.
    """
    body: DynArray[uint256, MAX_BODY] = self._body(self._head)
    at: uint256 = basket._find(body, basket._unpack_terms(body[0]).count, component)
    word: uint256 = 0
    if at != 0:
        word = body[at]
    base_in: int256 = self._base_in()
    left: uint256 = reserves._left(component, word, base_in)
    if left != WAD:
        if at != 0:
            word = basket._cut(word, left)
            body[at] = word
            self._write_body(body)
        reserves._share_loss(component, word, base_in, left)
        log IIndexVault.LossShared(component=component, left=left)
    return left


@internal
def _checked_body(skip: uint256) -> DynArray[uint256, MAX_BODY]:
    """
    @notice The basket, after sharing the losses of the components declared rebasing, but those skipped: they are not
            called.
    """
    body: DynArray[uint256, MAX_BODY] = self._body(self._head)
    if body[0] & basket.ANY_REBASING == 0:
        return body
    for i: uint256 in range(basket._unpack_terms(body[0]).count, bound=MAX_COMPONENTS):
        if body[i + 1] & basket.REBASING != 0 and (skip >> i) & 1 == 0:
            self._sync(basket._token(body[i + 1]))
    return self._body(self._head)


@internal
@view
def _current_body() -> DynArray[uint256, MAX_BODY]:
    """
    @notice What `_checked_body` would give in this block, without writing it.
    """
    body: DynArray[uint256, MAX_BODY] = self._body(self._head)
    if body[0] & basket.ANY_REBASING != 0:
        for i: uint256 in range(basket._unpack_terms(body[0]).count, bound=MAX_COMPONENTS):
            body[i + 1] = self._after_loss(body[i + 1])
    return body


@internal
@view
def _after_loss(word: uint256) -> uint256:
    """
    @notice A component as it would be with its loss shared, if it is declared rebasing.
    """
    if word & basket.REBASING == 0:
        return word
    left: uint256 = reserves._left(basket._token(word), word, self._base_in())
    if left == WAD:
        return word
    return basket._cut(word, left)


@internal
@view
def _base_in() -> int256:
    """
    @notice {base} that tokens came in for, less what they went out for.
    """
    return convert(self._read_ledger().base, int256) - keeper_float.minted


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
    return Ledger(base=word >> 144, held=(word >> 32) & (2**112 - 1), version=word & (2**32 - 1))


@internal
def _write_ledger(ledger: Ledger):
    assert ledger.base < MAX_BASE and ledger.held < 2**112, "vault: supply too large"
    self._ledger = (ledger.base << 144) | (ledger.held << 32) | ledger.version
