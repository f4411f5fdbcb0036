# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-20 whose balances can fall
@license AGPL-3.0-only
@notice A token that can be taken from anybody (a slash, a negative rebase, a theft) and paused. Tests only.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

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


paused: public(bool)


@deploy
def __init__(name: String[64], symbol: String[32], decimals: uint8):
    mock_token.__init__(name, symbol, decimals)


@external
def slash(owner: address, amount: uint256):
    """
    @notice Take tokens from anybody.
    """
    mock_token._burn(owner, amount)


@external
def set_paused(paused: bool):
    self.paused = paused


@external
def transfer(to: address, amount: uint256) -> bool:
    assert not self.paused, "erc20: paused"
    mock_token._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    assert not self.paused, "erc20: paused"
    mock_token._spend(owner, amount)
    mock_token._move(owner, to, amount)
    return True
