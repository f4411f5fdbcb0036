# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-20 with a fee on transfer
@license AGPL-3.0-only
@notice A token that burns part of what is sent, in the manner of STA. Anybody may mint and set the fee. Tests only.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from contracts.modules import constants as c
from contracts.mocks.modules import mock_token

implements: IERC20
implements: IERC20Detailed

initializes: mock_token

exports: (
    mock_token.name,
    mock_token.symbol,
    mock_token.decimals,
    mock_token.totalSupply,
    mock_token.balanceOf,
    mock_token.allowance,
    mock_token.mint,
    mock_token.approve,
)

MAX_BPS: constant(uint256) = c.MAX_BPS

fee_bps: public(uint256)


@deploy
def __init__(name: String[64], symbol: String[32], decimals: uint8):
    mock_token.__init__(name, symbol, decimals)


@external
def set_fee(fee_bps: uint256):
    """
    @param fee_bps {bps} of the amount; the receiver gets the rest
    """
    assert fee_bps <= MAX_BPS, "mock: fee"
    self.fee_bps = fee_bps


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    mock_token._spend(owner, amount)
    self._transfer(owner, to, amount)
    return True


@internal
def _transfer(owner: address, to: address, amount: uint256):
    fee: uint256 = amount * self.fee_bps // MAX_BPS
    mock_token._burn(owner, fee)
    mock_token._move(owner, to, amount - fee)
