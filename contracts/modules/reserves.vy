# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Reserves
@license AGPL-3.0-only
@notice What the vault owes beside its backing, token by token: the claims of those who left a token behind, and what
        keepers deposited. Backing and reserves of a token share one fate: when the balance falls short, each is cut
        by the same ratio.
@dev Owed in all, of one token {tok}:

         owed = base_in * unit + amount

     where base_in is the base that tokens came in for, less what they went out for, and `amount` is what else came
     in, went out, or ceased to be backing. A claim is kept in *points*: claim = points * (WAD - loss) / WAD, so that
     one write cuts every claim at once. Keyed by token, not by place in the basket: a claim outlives the component.
"""

from ethereum.ercs import IERC20

from contracts.modules import basket
from contracts.modules import checks
from contracts.modules import constants as c
from contracts.modules import fixed_point

WAD: constant(uint256) = c.WAD
DRIP_PERIOD: constant(uint256) = 14 * 86_400    # {s}
DRIP_STEP: constant(uint256) = 600              # {s}

struct Reserve:
    amount: int256    # {tok}, of the formula above
    loss: uint256     # D18{1} of what was once promised; 0: whole, WAD: gone

_reserves: HashMap[address, Reserve]
_claims: HashMap[address, HashMap[address, uint256]]    # owner -> token -> points
_swept_at: HashMap[address, uint256]                     # token -> {s} when surplus last became backing


@external
@view
def claim_of(owner: address, token: address) -> uint256:
    """
    @notice {tok} what `claim` would pay if the balance is whole.
    """
    return self._worth(token, self._claims[owner][token])


@internal
def _keep_claim(owner: address, token: address, amount: uint256):
    """
    @notice `amount`, until now part of the backing, is from now on owed to `owner`.
    """
    index: uint256 = self._index(token)
    # A token that is gone altogether is owed to nobody; its amounts are zero.
    if amount != 0 and index != 0:
        self._add_claim(owner, token, fixed_point._mul_div_down(amount, WAD, index))
        self._receive(token, amount)


@internal
def _add_claim(owner: address, token: address, points: uint256):
    self._claims[owner][token] += points


@internal
def _end_claim(owner: address, token: address) -> uint256:
    """
    @return {tok} to be paid now
    """
    amount: uint256 = self._worth(token, self._claims[owner][token])
    self._claims[owner][token] = 0
    self._pay(token, amount)
    return amount


@internal
def _receive(token: address, amount: uint256):
    self._reserves[token].amount += convert(amount, int256)


@internal
def _pay(token: address, amount: uint256):
    self._reserves[token].amount -= convert(amount, int256)


@internal
def _move_unit(token: address, old_word: uint256, new_word: uint256, minted: int256):
    """
    @notice The unit of a token has moved by something other than a loss. What is owed beside the backing stays what it
            was: the part of it that the formula hides in base_in * unit is moved along, rounded up.
    @param minted {base} that came in from float: base - base_in
    """
    if minted != 0:
        spread: uint256 = 10 ** (basket._exponent(old_word) - basket._exponent(new_word))
        moved: int256 = minted * (
            convert(basket._mantissa(new_word) * spread, int256) - convert(basket._mantissa(old_word), int256)
        )
        divisor: int256 = convert(10 ** basket._exponent(old_word), int256)
        if moved > 0:
            moved += divisor - 1
        self._reserves[token].amount += moved // divisor    # cut towards zero


@internal
@view
def _cut_flag(token: address) -> uint256:
    """
    @notice For a token that is to become a component: whether claims on it have shared a loss once.
    """
    loss: uint256 = self._reserves[token].loss
    checks._that(loss != WAD, "reserves: token is worthless")
    return basket.CUT * convert(loss != 0, uint256)


@internal
def _drip(token: address, word: uint256, base_in: int256) -> uint256:
    """
    @notice {tok} of what is held beyond what is owed that may become backing now; 0 when this is the first call, which
            starts the clock.
    @dev A part of what is over for each second since, and never for more than DRIP_STEP: whoever mints before a call and
         redeems after it gains next to nothing, and a balance that is only shown for a moment gives next to nothing.
    """
    last: uint256 = self._swept_at[token]
    if last == 0:
        self._swept_at[token] = block.timestamp
        return 0
    owed: uint256 = self._owed(token, word, base_in)
    balance: uint256 = staticcall IERC20(token).balanceOf(self)
    checks._that(balance > owed, "reserves: nothing over")
    part: uint256 = fixed_point._mul_div_down(
        balance - owed, min(block.timestamp - last, DRIP_STEP), DRIP_PERIOD
    )
    # One base unit is what rounding may need; the clock is not set back for nothing.
    checks._that(part > 1, "reserves: too little yet")
    self._swept_at[token] = block.timestamp
    return part


@internal
@view
def _index(token: address) -> uint256:
    """
    @return D18{1} what a point is worth, in base units
    """
    return WAD - self._reserves[token].loss


@internal
@view
def _worth(token: address, points: uint256) -> uint256:
    return fixed_point._mul_div_down(points, self._index(token), WAD)


@internal
@view
def _owed(token: address, word: uint256, base_in: int256) -> uint256:
    """
    @notice {tok} all that is owed of a token, rounded up.
    @param word its component, or 0 when it is none
    """
    return convert(max(self._reserves[token].amount + self._backing(word, base_in), 0), uint256)


@internal
@pure
def _backing(word: uint256, base_in: int256) -> int256:
    """
    @return {tok} base_in * unit, rounded up
    """
    if base_in >= 0:
        return convert(basket._amount_up(convert(base_in, uint256), word), int256)
    return -convert(basket._amount_down(convert(-base_in, uint256), word), int256)


@internal
@view
def _left(token: address, word: uint256, base_in: int256) -> uint256:
    """
    @notice D18{1} what is left of each promise made in this token: WAD while the balance covers them.
    @dev A real shortfall keeps one base unit back, so that each of the parts is covered alone.
    """
    owed: uint256 = self._owed(token, word, base_in)
    balance: uint256 = staticcall IERC20(token).balanceOf(self)
    if balance >= owed:
        return WAD
    return fixed_point._mul_div_down(max(balance, 1) - 1, WAD, owed)


@internal
def _share_loss(token: address, word: uint256, base_in: int256, left: uint256):
    """
    @notice Cut every claim and all float, and owe from now on just what is there: whatever rounding has left of the parts
            is owed to nobody, and adds up to nothing over many losses.
    @param word the component after its own cut, or 0
    @param left D18{1} as `_left` said
    """
    balance: int256 = convert(staticcall IERC20(token).balanceOf(self), int256)
    self._reserves[token] = Reserve(
        amount=balance - self._backing(word, base_in),
        loss=WAD - fixed_point._mul_div_down(WAD - self._reserves[token].loss, left, WAD),
    )
