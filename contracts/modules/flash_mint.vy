# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Flash mint
@license AGPL-3.0-only
@notice ERC-3156 over the share itself: shares out of nothing for the length of one call, for a fee. Off until terms are set.
@dev The user holds its lock around `_lend`: while shares are out that nothing stands behind, they can be moved about and
     nothing else. The fee is burnt from the borrower's balance; the user takes it off the sum of all balances.
"""

from contracts.modules import checks
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import share

uses: share

interface IFlashBorrower:
    def onFlashLoan(
        initiator: address, token: address, amount: uint256, fee: uint256, data: Bytes[1024]
    ) -> bytes32: nonpayable

MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_FEE_BPS: constant(uint256) = 100
MAX_CAP: constant(uint256) = 2**112 - 1
_ANSWER: constant(bytes32) = keccak256("ERC3156FlashBorrower.onFlashLoan")

# fee {bps} 16 | cap {share} 112
_flash_terms: uint256


@internal
def _set(fee_bps: uint256, cap: uint256):
    checks._that(fee_bps <= MAX_FEE_BPS, "flash: fee too high")
    checks._that(cap <= MAX_CAP, "flash: cap too large")
    self._flash_terms = (fee_bps << 112) | cap


@internal
@view
def _cap(token: address) -> uint256:
    if token != self:
        return 0
    return self._flash_terms & MAX_CAP


@internal
@view
def _fee(token: address, amount: uint256) -> uint256:
    """
    @return {share}, rounded up
    """
    checks._that(token == self, "flash: not this token")
    return fixed_point._mul_div_up(amount, self._flash_terms >> 112, MAX_BPS)


@internal
def _lend(receiver: address, token: address, amount: uint256, data: Bytes[1024]) -> uint256:
    """
    @return {share} the fee that was burnt
    """
    checks._that(amount <= self._cap(token), "flash: above cap")
    fee: uint256 = self._fee(token, amount)
    share._credit(receiver, amount)
    answer: bytes32 = extcall IFlashBorrower(receiver).onFlashLoan(msg.sender, token, amount, fee, data)
    checks._that(answer == _ANSWER, "flash: refused")
    share._spend_allowance(receiver, self, amount + fee)
    share._debit(receiver, amount + fee)
    return fee
