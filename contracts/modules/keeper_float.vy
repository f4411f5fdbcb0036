# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Keeper float
@license AGPL-3.0-only
@notice Components a keeper has deposited once, to mint from and redeem to without moving a token.
@dev Kept as two 128-bit *points* a slot, by the component's place in the basket: amount = points * index, where the
     index falls only when a loss is shared (modules/reserves.vy), so float is cut with everything else.

     A place belongs to one token for a *generation* of the basket. When places are given anew, the float of the older
     generation stays where it is until `_carry` brings it over: to the token's new place, or, when the token has left,
     to its owner's claims, which are points of the same index.

     What all keepers have deposited is in the reserves. A mint from float turns deposits into backing without touching
     the reserves of each token; `minted` remembers how much base came about that way, once for all tokens:

         owed = (base - minted) * unit + reserves
"""

from contracts.modules import basket
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import reserves

uses: reserves

WAD: constant(uint256) = c.WAD
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY

_MASK: constant(uint256) = 2**128 - 1
_INSUFFICIENT: constant(String[32]) = "float: insufficient"

_points: HashMap[uint256, HashMap[address, uint256[16]]]    # generation -> owner -> places
_baskets: HashMap[uint256, address]    # generation -> its last basket, once it is over
minted: int256    # {base} minted from float, less redeemed to it


@internal
def _deposit(generation: uint256, owner: address, at: uint256, token: address, amount: uint256):
    """
    @notice `amount` has come in for `owner`'s float in the component at place `at`.
    """
    index: uint256 = self._live_index(token)
    slot: uint256 = self._points[generation][owner][at // 2]
    self._points[generation][owner][at // 2] = self._added(slot, at, fixed_point._mul_div_down(amount, WAD, index))
    reserves._receive(token, amount)


@internal
def _withdraw(generation: uint256, owner: address, at: uint256, token: address, amount: uint256):
    """
    @notice `amount` is about to leave `owner`'s float.
    """
    index: uint256 = self._live_index(token)
    slot: uint256 = self._points[generation][owner][at // 2]
    self._points[generation][owner][at // 2] = self._taken(slot, at, fixed_point._mul_div_up(amount, WAD, index))
    reserves._pay(token, amount)


@internal
def _mint(
    generation: uint256, owner: address, body: DynArray[uint256, MAX_BODY], count: uint256, base: uint256
):
    """
    @notice Turn float into backing for `base`, rounded up.
    """
    for j: uint256 in range(MAX_COMPONENTS // 2):
        i: uint256 = unsafe_mul(2, j)
        if i >= count:
            break
        slot: uint256 = self._points[generation][owner][j]
        low: uint256 = self._cost(base, body[unsafe_add(i, 1)])
        high: uint256 = 0
        if unsafe_add(i, 1) < count:
            high = self._cost(base, body[unsafe_add(i, 2)])
        assert low <= slot & _MASK and high <= slot >> 128, _INSUFFICIENT
        # Neither half borrows, and high fits 128 bits: both have just been checked.
        self._points[generation][owner][j] = unsafe_sub(slot, (high << 128) | low)
    self.minted += convert(base, int256)


@internal
def _redeem(
    generation: uint256, owner: address, body: DynArray[uint256, MAX_BODY], count: uint256, base: uint256
):
    """
    @notice Turn the backing of `base` into float, rounded down.
    """
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        word: uint256 = body[i + 1]
        points: uint256 = basket._amount_down(base, word)
        if word & basket.CUT != 0 and points != 0:
            points = fixed_point._mul_div_down(points, WAD, reserves._index(basket._token(word)))
        self._points[generation][owner][i // 2] = self._added(self._points[generation][owner][i // 2], i, points)
    self.minted -= convert(base, int256)


@internal
def _end_generation(generation: uint256, last_basket: address):
    """
    @param last_basket a data contract that has every place of the generation
    """
    self._baskets[generation] = last_basket


@internal
def _carry(generation: uint256, owner: address, body: DynArray[uint256, MAX_BODY], terms: basket.Terms):
    """
    @notice Bring the float of an older generation over to the basket in force.
    """
    old_basket: address = self._baskets[generation]
    assert old_basket != empty(address), "float: generation not over"
    old: DynArray[uint256, MAX_BODY] = basket._load(old_basket)
    for i: uint256 in range(basket._unpack_terms(old[0]).count, bound=MAX_COMPONENTS):
        points: uint256 = (self._points[generation][owner][i // 2] >> (128 * (i % 2))) & _MASK
        if points == 0:
            continue
        token: address = basket._token(old[i + 1])
        at: uint256 = basket._find(body, terms.count, token)
        if at == 0:
            reserves._add_claim(owner, token, points)
        else:
            slot: uint256 = self._points[terms.generation][owner][(at - 1) // 2]
            self._points[terms.generation][owner][(at - 1) // 2] = self._added(slot, at - 1, points)
    self._points[generation][owner] = empty(uint256[16])


@internal
@view
def _cost(base: uint256, word: uint256) -> uint256:
    """
    @notice Points that pay for `base`, rounded up. Only a component that has shared a loss has an index worth reading.
    """
    amount: uint256 = basket._amount_up(base, word)
    if word & basket.CUT == 0 or amount == 0:
        return amount
    return fixed_point._mul_div_up(amount, WAD, reserves._index(basket._token(word)))


@internal
@view
def _live_index(token: address) -> uint256:
    index: uint256 = reserves._index(token)
    assert index != 0, "float: token is worthless"
    return index


@internal
@view
def _amount(generation: uint256, owner: address, at: uint256, token: address) -> uint256:
    """
    @notice {tok} what `owner` could withdraw, rounded down.
    """
    points: uint256 = (self._points[generation][owner][at // 2] >> (128 * (at % 2))) & _MASK
    return fixed_point._mul_div_down(points, reserves._index(token), WAD)


@internal
@pure
def _added(slot: uint256, at: uint256, points: uint256) -> uint256:
    lane: uint256 = 128 * (at % 2)
    total: uint256 = ((slot >> lane) & _MASK) + points
    assert total <= _MASK, "float: too large"
    return (slot & ~(_MASK << lane)) | (total << lane)


@internal
@pure
def _taken(slot: uint256, at: uint256, points: uint256) -> uint256:
    lane: uint256 = 128 * (at % 2)
    total: uint256 = (slot >> lane) & _MASK
    assert total >= points, _INSUFFICIENT
    return (slot & ~(_MASK << lane)) | ((total - points) << lane)
