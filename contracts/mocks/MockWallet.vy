# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Mock wallet
@license AGPL-3.0-only
@notice A contract that signs by ERC-1271: for one digest and one signature it was told of. Tests only.
"""

digest: public(bytes32)
signature: public(Bytes[65])
answer: public(bytes4)


@deploy
def __init__():
    self.answer = 0x1626ba7e


@external
def sign(digest: bytes32, signature: Bytes[65]):
    self.digest = digest
    self.signature = signature


@external
def answer_with(answer: bytes4):
    self.answer = answer


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[65]) -> bytes4:
    if digest == self.digest and keccak256(signature) == keccak256(self.signature):
        return self.answer
    return 0xffffffff
