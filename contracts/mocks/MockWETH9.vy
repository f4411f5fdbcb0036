# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock WETH9
@license AGPL-3.0-only
@notice Wrapped ether for a local chain: Uniswap's periphery wants its address, but its packages hold only the interface.
@dev Only what IWETH9 asks for: ether in and out one to one, and an ERC-20 over it.
"""

from ethereum.ercs import IERC20

implements: IERC20

name: public(constant(String[13])) = "Wrapped Ether"
symbol: public(constant(String[4])) = "WETH"
decimals: public(constant(uint8)) = 18
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
@payable
def __default__():
    self._deposit()


@external
@payable
def deposit():
    self._deposit()


@external
def withdraw(amount: uint256):
    self.balanceOf[msg.sender] -= amount
    log IERC20.Transfer(sender=msg.sender, receiver=empty(address), value=amount)
    raw_call(msg.sender, b"", value=amount)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    self._move(sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log IERC20.Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@external
@view
def totalSupply() -> uint256:
    return self.balance


@internal
@payable
def _deposit():
    self.balanceOf[msg.sender] += msg.value
    log IERC20.Transfer(sender=empty(address), receiver=msg.sender, value=msg.value)


@internal
def _move(sender: address, receiver: address, amount: uint256):
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log IERC20.Transfer(sender=sender, receiver=receiver, value=amount)
