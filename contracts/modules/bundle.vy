# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Bundle
@license AGPL-3.0-only
@notice The call of MedianOracle.submit, read as bytes: that it is in canonical encoding, that its signers are a set, and
        the hash of each row.
@dev The call is: selector; timestamp, signers, the offsets of three arrays; then medians, rows and signatures, each its
     length and its words.
"""

# A byte each: a reporter's index is 1 .. 31, so the upper three bits of none are ever set.
BYTE_ONES: constant(uint256) = max_value(uint256) // 255
BYTE_FLAGS: constant(uint256) = BYTE_ONES << 7
NOT_INDICES: constant(uint256) = BYTE_ONES * 224


@internal
@view
def _check_calldata(words: uint256, count: uint256, medians: uint256, rows: uint256, signatures: uint256):
    """
    @notice Lengths fit each other, and the call is in the one encoding every ABI library writes: no gaps, no shared
            or reordered arrays, no trailing bytes.
    """
    row_words: uint256 = unsafe_mul(words, count)
    assert medians == words and rows == row_words and signatures == count << 1, "oracle: lengths"
    offsets: Bytes[96] = slice(msg.data, 68, 96)
    rows_at: uint256 = unsafe_add(192, words << 5)
    signatures_at: uint256 = unsafe_add(unsafe_add(rows_at, 32), row_words << 5)
    assert (
        extract32(offsets, 0, output_type=uint256) == 160
        and extract32(offsets, 32, output_type=uint256) == rows_at
        and extract32(offsets, 64, output_type=uint256) == signatures_at
        and len(msg.data) == unsafe_add(unsafe_add(signatures_at, 36), count << 6)
    ), "oracle: calldata"


@internal
@pure
def _check_signers(signers: uint256, count: uint256):
    """
    @notice `count` indices of 1 .. 31, strictly ascending, so that nobody counts twice; all compared at once.
    @dev Index i + 1 is the larger one where (index i + 1, with the byte's top bit set) - (index i) - 1 keeps that bit.
    """
    ascends: uint256 = unsafe_sub(signers >> 8 | BYTE_FLAGS, unsafe_add(signers, BYTE_ONES))
    in_order: bool = (~ascends & BYTE_FLAGS) << unsafe_sub(264, count << 3) == 0
    assert (
        count != 0
        and signers & 255 != 0
        and signers >> (count << 3) == 0
        and signers & NOT_INDICES == 0
        and in_order
    ), "oracle: signers"


@internal
@view
def _hash_row(at: uint256, words: uint256) -> bytes32:
    """
    @notice keccak256 of the row at byte `at` of the call.
    @dev A slice of the call must have a literal length; reading `rows` word by word costs 50 gas a word more.
    """
    if words == 1:
        return keccak256(slice(msg.data, at, 32))
    if words == 2:
        return keccak256(slice(msg.data, at, 64))
    if words == 3:
        return keccak256(slice(msg.data, at, 96))
    if words == 4:
        return keccak256(slice(msg.data, at, 128))
    if words == 5:
        return keccak256(slice(msg.data, at, 160))
    if words == 6:
        return keccak256(slice(msg.data, at, 192))
    if words == 7:
        return keccak256(slice(msg.data, at, 224))
    return keccak256(slice(msg.data, at, 256))
