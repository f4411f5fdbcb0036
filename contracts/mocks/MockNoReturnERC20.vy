# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-20 without return values
@license AGPL-3.0-only
@notice A token in the manner of USDT on Ethereum: `transfer`, `transferFrom` and `approve` return nothing, and an
        allowance can only be changed from or to zero. Anybody may mint. For tests, benches and local chains only.
"""

from contracts.mocks.modules import mock_token

initializes: mock_token

exports: (
    mock_token.name,
    mock_token.symbol,
    mock_token.decimals,
    mock_token.totalSupply,
    mock_token.balanceOf,
    mock_token.allowance,
    mock_token.mint,
)


@deploy
def __init__(name: String[64], symbol: String[32], decimals: uint8):
    mock_token.__init__(name, symbol, decimals)


@external
def approve(spender: address, amount: uint256):
    assert amount == 0 or mock_token.allowance[msg.sender][spender] == 0, "erc20: approve from non-zero"
    mock_token._approve(msg.sender, spender, amount)


@external
def transfer(to: address, amount: uint256):
    mock_token._move(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256):
    mock_token._spend(owner, amount)
    mock_token._move(owner, to, amount)
