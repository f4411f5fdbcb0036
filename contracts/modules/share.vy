# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Share
@license AGPL-3.0-only
@notice ERC-20 balances with ERC-2612 permits, made to live in a clone: nothing is immutable, the domain separator is
        computed from storage. The contract that uses it answers `totalSupply` and decides who is credited.
@dev Transfers do not take the contract's lock: they touch nothing but balances.
"""

from ethereum.ercs import IERC20

_PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
_DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_VERSION_HASH: constant(bytes32) = keccak256("1")
_HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

name: public(String[64])
symbol: public(String[16])
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
nonces: public(HashMap[address, uint256])


@external
@pure
def decimals() -> uint8:
    return 18


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "share: insufficient allowance"
        self.allowance[owner][msg.sender] = allowed - amount
    self._transfer(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice ERC-2612: `owner` allows by signature.
    """
    assert block.timestamp <= deadline, "share: permit expired"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    message: bytes32 = keccak256(abi_encode(_PERMIT_TYPEHASH, owner, spender, amount, nonce, deadline))
    digest: bytes32 = keccak256(concat(x"1901", self._domain_separator(), message))
    assert convert(s, uint256) <= _HALF_ORDER, "share: signature not low-s"
    signer: address = ecrecover(digest, v, r, s)
    # ecrecover answers zero for a malformed signature, and nobody owns zero's shares.
    assert signer == owner and signer != empty(address), "share: invalid signature"
    self._approve(owner, spender, amount)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain_separator()


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(abi_encode(_DOMAIN_TYPEHASH, keccak256(self.name), _VERSION_HASH, chain.id, self))


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)


@internal
def _transfer(sender: address, receiver: address, amount: uint256):
    self._check_receiver(receiver)
    held: uint256 = self.balanceOf[sender]
    assert held >= amount, "share: insufficient balance"
    self.balanceOf[sender] = held - amount
    self.balanceOf[receiver] += amount
    log IERC20.Transfer(sender=sender, receiver=receiver, value=amount)


@internal
def _credit(receiver: address, amount: uint256):
    """
    @notice New shares; the user of the module answers for the total.
    """
    self._check_receiver(receiver)
    self.balanceOf[receiver] += amount
    log IERC20.Transfer(sender=empty(address), receiver=receiver, value=amount)


@internal
def _debit(owner: address, amount: uint256):
    """
    @notice Shares that cease to be; the user of the module answers for the total.
    """
    held: uint256 = self.balanceOf[owner]
    assert held >= amount, "share: insufficient balance"
    self.balanceOf[owner] = held - amount
    log IERC20.Transfer(sender=owner, receiver=empty(address), value=amount)


@internal
@view
def _check_receiver(receiver: address):
    """
    @dev Whatever is sent to the contract itself would belong to nobody.
    """
    assert receiver != empty(address) and receiver != self, "share: invalid receiver"
