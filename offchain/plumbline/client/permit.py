# SPDX-License-Identifier: Apache-2.0
"""ERC-2612 permits of the index share: an allowance by signature instead of by transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from plumbline.client.errors import BadAnswer

VERSION: Final = "1"
_DOMAIN: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@dataclass(frozen=True, slots=True)
class Permit:
    """`value` base units of `owner` for `spender`, until `deadline` {s}."""

    owner: str
    spender: str
    value: int
    nonce: int
    deadline: int
    v: int
    # As good as the shares it names until it is used: kept out of logs.
    r: bytes = field(repr=False)
    s: bytes = field(repr=False)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Of the contract's `permit`."""
        return self.owner, self.spender, self.value, self.deadline, self.v, self.r, self.s

    @classmethod
    def signed(cls, account: Any, document: Mapping[str, Any]) -> Self:
        """account: anything with eth-account's `sign_typed_data(full_message=...)`."""
        signature = account.sign_typed_data(full_message=document)
        message = document["message"]
        return cls(
            owner=message["owner"],
            spender=message["spender"],
            value=message["value"],
            nonce=message["nonce"],
            deadline=message["deadline"],
            v=signature.v,
            r=signature.r.to_bytes(32, "big"),
            s=signature.s.to_bytes(32, "big"),
        )


def permit_document(
    name: str,
    chain_id: int,
    vault: str,
    separator: bytes,
    owner: str,
    spender: str,
    value: int,
    nonce: int,
    deadline: int,
) -> dict[str, Any]:
    """What a wallet shows. Raises BadAnswer when the contract's own domain is not the one that would be signed: then
    the signature would be worthless, or the node lies about the chain."""
    words = [*(bytes(keccak(text=text)) for text in (_DOMAIN, name, VERSION)), chain_id, vault]
    if keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], words)) != separator:
        raise BadAnswer(f"{vault}: its permit domain is not {name!r}, version {VERSION}, chain {chain_id}")
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Permit": [
                {"name": "owner", "type": "address"},
                {"name": "spender", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ],
        },
        "primaryType": "Permit",
        "domain": {"name": name, "version": VERSION, "chainId": chain_id, "verifyingContract": vault},
        "message": {"owner": owner, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline},
    }
