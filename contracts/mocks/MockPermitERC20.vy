# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-20 with permits
@license AGPL-3.0-only
@notice A plain token that knows ERC-2612, in the manner of USDC. Anybody may mint. For tests, benches and local chains only.
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

_PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
_DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)

nonces: public(HashMap[address, uint256])


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


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    assert block.timestamp <= deadline, "erc20: permit expired"
    message: bytes32 = keccak256(
        abi_encode(_PERMIT_TYPEHASH, owner, spender, amount, self.nonces[owner], deadline)
    )
    self.nonces[owner] += 1
    signer: address = ecrecover(keccak256(concat(x"1901", self._domain_separator(), message)), v, r, s)
    assert signer == owner and signer != empty(address), "erc20: invalid signature"
    mock_token._approve(owner, spender, amount)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain_separator()


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(abi_encode(_DOMAIN_TYPEHASH, keccak256(mock_token.name), keccak256("1"), chain.id, self))
