# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Typed Data
@license AGPL-3.0-only
@notice What reporters sign: EIP-712 rows in the domain of one contract on one chain. docs/oracle.md has the type.
"""

DOMAIN_TYPE: constant(String[82]) = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(DOMAIN_TYPE)
ROW_TYPEHASH: constant(bytes32) = keccak256("Row(uint256 epoch,uint256 timestamp,uint256[] words)")
NAME_HASH: constant(bytes32) = keccak256("Plumbline")
VERSION_HASH: constant(bytes32) = keccak256("1")


@internal
@view
def _domain_separator(chain_id: uint256) -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain_id, self))
