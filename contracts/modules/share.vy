# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Share
@license AGPL-3.0-only
@notice ERC-20 balances with ERC-2612 permits, made to live in a clone: nothing is immutable, the domain separator is
        computed from storage. The contract that uses it answers `totalSupply` and decides who is credited.
@dev Transfers do not take the contract's lock: they touch nothing but balances. A permissioned share asks its registry
     before shares come to somebody; nothing is asked when they are burnt.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IHolderRegistry

interface IERC1271:
    def isValidSignature(digest: bytes32, signature: Bytes[65]) -> bytes4: view

_PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
_DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_VERSION_HASH: constant(bytes32) = keccak256("1")
_VALID_1271: constant(bytes4) = 0x1626ba7e
_INVALID_SIGNATURE: constant(String[32]) = "share: invalid signature"
_HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

name: public(String[64])
symbol: public(String[16])
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
nonces: public(HashMap[address, uint256])
registry: public(address)    # an IHolderRegistry, or zero: everybody may hold


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
    self._spend_allowance(owner, msg.sender, amount)
    self._transfer(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice ERC-2612: `owner` allows by signature; a contract is asked by ERC-1271.
    """
    assert block.timestamp <= deadline, "share: permit expired"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    message: bytes32 = keccak256(abi_encode(_PERMIT_TYPEHASH, owner, spender, amount, nonce, deadline))
    digest: bytes32 = keccak256(concat(x"1901", self._domain_separator(), message))
    signer: address = ecrecover(digest, v, r, s)
    if owner.is_contract and signer != owner:
        signature: Bytes[65] = concat(r, s, convert(v, bytes1))
        assert staticcall IERC1271(owner).isValidSignature(digest, signature) == _VALID_1271, _INVALID_SIGNATURE
    else:
        assert convert(s, uint256) <= _HALF_ORDER, "share: signature not low-s"
        # ecrecover answers zero for a malformed signature, and nobody owns zero's shares.
        assert signer == owner and signer != empty(address), _INVALID_SIGNATURE
    self._approve(owner, spender, amount)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain_separator()


@external
@view
def eip712Domain() -> (bytes1, String[64], String[1], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice ERC-5267: name, version, chain and contract; no salt, no extensions.
    """
    return 0x0f, self.name, "1", chain.id, self, empty(bytes32), []


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(abi_encode(_DOMAIN_TYPEHASH, keccak256(self.name), _VERSION_HASH, chain.id, self))


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)


@internal
def _spend_allowance(owner: address, spender: address, amount: uint256):
    allowed: uint256 = self.allowance[owner][spender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "share: insufficient allowance"
        self.allowance[owner][spender] = allowed - amount


@internal
def _transfer(sender: address, receiver: address, amount: uint256):
    self._check_receiver(receiver)
    if self.registry != empty(address):
        self._check_movable(sender, receiver)
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


@internal
@view
def _check_movable(sender: address, receiver: address):
    """
    @param sender zero: a mint
    """
    assert staticcall IHolderRegistry(self.registry).may_move(sender, receiver), "share: not registered"
