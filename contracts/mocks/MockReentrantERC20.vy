# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Mock ERC-20 with a hook
@license AGPL-3.0-only
@notice A token that makes one call of anybody's choice in the middle of a transfer, and remembers how it went. For
        tests of re-entry only.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from contracts.mocks.modules import knocker
from contracts.mocks.modules import mock_token

implements: IERC20
implements: IERC20Detailed

initializes: knocker
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
    knocker.target,
    knocker.calls,
    knocker.successes,
    knocker.heard,
)


@deploy
def __init__(name: String[64], symbol: String[32], decimals: uint8):
    mock_token.__init__(name, symbol, decimals)


@external
def arm(target: address, data: Bytes[1024]):
    """
    @notice From now on each transfer calls `target` with `data`; the zero address disarms.
    """
    knocker._arm(target, data)


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
    mock_token._move(owner, to, amount)
    knocker._knock()
