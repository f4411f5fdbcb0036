# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Overlay
@license AGPL-3.0-only
@notice Units that bids have moved since the basket was last written: three 80-bit mantissas a slot, so that a bid writes
        two slots and not a data contract. Which of them count is said by a bitmap that the user keeps (bit i: place i);
        what is not marked is left over from an earlier auction and means nothing.
@dev Only mantissas: the exponent is the one in the data contract. Whoever writes a new data contract writes what is here
     into it and clears the bitmap.
"""

from contracts.modules import basket

MAX_BODY: constant(uint256) = basket.MAX_BODY

_PER_SLOT: constant(uint256) = 3
_SLOTS: constant(uint256) = 11    # 32 / 3, rounded up
_MASK_3: constant(uint256) = 2**3 - 1
_MASK_80: constant(uint256) = 2**80 - 1

_mantissas: uint256[_SLOTS]


@internal
@view
def _apply(body: DynArray[uint256, MAX_BODY], moved: uint256) -> DynArray[uint256, MAX_BODY]:
    """
    @notice The basket as bids have left it.
    @param moved the bitmap
    """
    merged: DynArray[uint256, MAX_BODY] = body
    for j: uint256 in range(_SLOTS):
        marks: uint256 = moved >> (_PER_SLOT * j)
        if marks == 0:
            break
        if marks & _MASK_3 == 0:
            continue
        slot: uint256 = self._mantissas[j]
        for k: uint256 in range(_PER_SLOT):
            if (marks >> k) & 1 != 0:
                at: uint256 = _PER_SLOT * j + k + 1
                merged[at] = basket._with_mantissa(merged[at], (slot >> (80 * k)) & _MASK_80)
    return merged


@internal
@view
def _get(i: uint256) -> uint256:
    """
    @return the mantissa of place i, if it is marked
    """
    return (self._mantissas[i // _PER_SLOT] >> (80 * (i % _PER_SLOT))) & _MASK_80


@internal
def _set(i: uint256, mantissa: uint256):
    """
    @param i the place
    @param mantissa below 2**80
    """
    lane: uint256 = 80 * (i % _PER_SLOT)
    slot: uint256 = self._mantissas[i // _PER_SLOT]
    self._mantissas[i // _PER_SLOT] = (slot & ~(_MASK_80 << lane)) | (mantissa << lane)
