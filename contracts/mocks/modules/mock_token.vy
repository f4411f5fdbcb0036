# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title What the mock tokens have in common
@license AGPL-3.0-only
@notice Books, metadata, an open `mint`. How a transfer behaves is what each mock is about. Tests, benches and local
        chains only.
@dev Costs what OpenZeppelin's ERC20 costs: one plain mapping for balances, one for allowances, zero-address checks,
     and no allowance write when the allowance is infinite.
"""

from ethereum.ercs import IERC20

name: public(String[64])
symbol: public(String[32])
decimals: public(immutable(uint8))
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(name: String[64], symbol: String[32], decimals_: uint8):
    self.name = name
    self.symbol = symbol
    decimals = decimals_


@external
def mint(to: address, amount: uint256):
    """
    @notice Anybody may make tokens out of nothing.
    """
    assert to != empty(address), "erc20: zero address"
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@internal
def _approve(owner: address, spender: address, amount: uint256):
    assert spender != empty(address), "erc20: zero address"
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)


@internal
def _spend(owner: address, amount: uint256):
    """
    @notice Uses up the caller's allowance.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "erc20: insufficient allowance"
        self.allowance[owner][msg.sender] = allowed - amount


@internal
def _move(owner: address, to: address, amount: uint256):
    assert owner != empty(address) and to != empty(address), "erc20: zero address"
    assert self.balanceOf[owner] >= amount, "erc20: insufficient balance"
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)


@internal
def _burn(owner: address, amount: uint256):
    assert self.balanceOf[owner] >= amount, "erc20: insufficient balance"
    self.balanceOf[owner] -= amount
    self.totalSupply -= amount
    log IERC20.Transfer(sender=owner, receiver=empty(address), value=amount)
