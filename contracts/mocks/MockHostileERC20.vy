# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-20 that turned hostile
@license AGPL-3.0-only
@notice A token that behaves until it is told to burn all gas, or to answer with a flood of data. Tests only.
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
    mock_token.approve,
)

flag Mood:
    KIND
    GAS_BOMB
    RETURN_BOMB

mood: public(Mood)
steps: uint256


@deploy
def __init__(name: String[64], symbol: String[32], decimals: uint8):
    mock_token.__init__(name, symbol, decimals)
    self.mood = Mood.KIND


@external
def burn_gas():
    """
    @notice From now on a transfer uses all the gas it is given.
    """
    self.mood = Mood.GAS_BOMB


@external
def flood():
    """
    @notice From now on a transfer answers True, followed by 32 kB of nothing.
    """
    self.mood = Mood.RETURN_BOMB


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[32800]:
    mock_token._move(msg.sender, to, amount)
    return self._answer()


@external
@raw_return
def transferFrom(owner: address, to: address, amount: uint256) -> Bytes[32800]:
    mock_token._spend(owner, amount)
    mock_token._move(owner, to, amount)
    return self._answer()


@internal
def _answer() -> Bytes[32800]:
    if self.mood == Mood.GAS_BOMB:
        for i: uint256 in range(2**64):
            self.steps = i
    if self.mood == Mood.RETURN_BOMB:
        return abi_encode(True, empty(uint256[1024]))
    return abi_encode(True)
