# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Mock flash borrower
@license AGPL-3.0-only
@notice Borrows shares, makes one call of anybody's choice with them and remembers how it went, and pays back or does not.
        Tests only.
"""

from ethereum.ercs import IERC20

from contracts.mocks.modules import knocker

initializes: knocker

exports: (
    knocker.calls,
    knocker.successes,
    knocker.heard,
)

pays: public(bool)
answer: public(bytes32)
held: public(uint256)
initiator: public(address)
fee: public(uint256)


@deploy
def __init__():
    self.pays = True
    self.answer = keccak256("ERC3156FlashBorrower.onFlashLoan")


@external
def arm(target: address, data: Bytes[1024]):
    """
    @notice From now on each loan calls `target` with `data`; the zero address: nobody.
    """
    knocker._arm(target, data)


@external
def behave(pays: bool, answer: bytes32):
    self.pays = pays
    self.answer = answer


@external
def onFlashLoan(initiator: address, token: address, amount: uint256, fee: uint256, data: Bytes[1024]) -> bytes32:
    self.initiator = initiator
    self.fee = fee
    self.held = staticcall IERC20(token).balanceOf(self)
    knocker._knock()
    if self.pays:
        extcall IERC20(token).approve(token, amount + fee)
    return self.answer
