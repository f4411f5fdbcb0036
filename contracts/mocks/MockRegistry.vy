# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Mock holder registry
@license AGPL-3.0-only
@notice Says yes about the accounts it was told of, or breaks in the ways a registry can break. Tests only.
"""

flag Mood:
    SOUND
    REVERTS
    GAS_BOMB

mood: public(Mood)
allowed: public(HashMap[address, bool])


@deploy
def __init__():
    self.mood = Mood.SOUND
    # The sender of a mint.
    self.allowed[empty(address)] = True


@external
def allow(account: address, allowed: bool):
    self.allowed[account] = allowed


@external
def fail():
    """
    @notice From now on every question reverts.
    """
    self.mood = Mood.REVERTS


@external
def burn_gas():
    """
    @notice From now on every question uses all the gas it is given.
    """
    self.mood = Mood.GAS_BOMB


@external
@view
def may_move(sender: address, receiver: address) -> bool:
    assert self.mood != Mood.REVERTS, "mock: broken"
    if self.mood == Mood.GAS_BOMB:
        for i: uint256 in range(2**64):
            assert self.allowed[convert(i, address)] or i >= 0, "mock: never"
    return self.allowed[sender] and self.allowed[receiver]
