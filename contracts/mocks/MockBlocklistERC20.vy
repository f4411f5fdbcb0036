# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-20 with a blocklist
@license AGPL-3.0-only
@notice A token that neither leaves nor reaches whom it has blocked, in the manner of USDC. Anybody may block. Tests only.
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

blocked: public(HashMap[address, bool])


@deploy
def __init__(name: String[64], symbol: String[32], decimals: uint8):
    mock_token.__init__(name, symbol, decimals)


@external
def block(account: address, blocked: bool):
    self.blocked[account] = blocked


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
    assert not self.blocked[owner] and not self.blocked[to], "erc20: blocked"
    mock_token._move(owner, to, amount)
