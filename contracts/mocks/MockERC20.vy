# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-20
@license AGPL-3.0-only
@notice A plain, well-behaved token that anybody may mint. For tests, benches and local chains only.
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


@deploy
def __init__(name: String[64], symbol: String[32], decimals: uint8):
    mock_token.__init__(name, symbol, decimals)


@external
def transfer(to: address, amount: uint256) -> bool:
    mock_token._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    mock_token._spend(owner, amount)
    mock_token._move(owner, to, amount)
    return True
