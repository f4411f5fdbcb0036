# SPDX-License-Identifier: AGPL-3.0-only
"""ERC-165, ERC-5267, ERC-1271 signers, and the core that hands on what it does not know."""

from __future__ import annotations

from functools import reduce
from typing import Any

import boa
import pytest
from eth.exceptions import Revert
from eth_abi import encode
from eth_utils import keccak

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import START_S, WAD

STANDARDS = {
    "ERC-165": ["supportsInterface(bytes4)"],
    "ERC-20": [
        "totalSupply()",
        "balanceOf(address)",
        "transfer(address,uint256)",
        "allowance(address,address)",
        "approve(address,uint256)",
        "transferFrom(address,address,uint256)",
    ],
    "ERC-2612": [
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
        "nonces(address)",
        "DOMAIN_SEPARATOR()",
    ],
    "ERC-5267": ["eip712Domain()"],
    "ERC-3156": ["maxFlashLoan(address)", "flashFee(address,uint256)", "flashLoan(address,address,uint256,bytes)"],
}


def interface_id(signatures: list[str]) -> bytes:
    """ERC-165: the exclusive or of the selectors."""
    return reduce(lambda one, two: bytes(a ^ b for a, b in zip(one, two, strict=True)), map(selector, signatures))


def selector(signature: str) -> bytes:
    return bytes(keccak(text=signature)[:4])


@pytest.mark.parametrize("standard", STANDARDS)
def test_supports_interface__of_what_it_implements(held, standard):
    assert held.supportsInterface(interface_id(STANDARDS[standard]))


@pytest.mark.parametrize("other", [b"\xff" * 4, b"\x00" * 4, bytes.fromhex("c9c80f73")])
def test_supports_interface__of_nothing_else(held, other):
    """The last is ERC-7621, whose units are not ours."""
    assert not held.supportsInterface(other)


def test_eip712_domain__is_the_one_that_permits_are_signed_for(held):
    fields, name, version, chain_id, contract, salt, extensions = held.eip712Domain()
    assert (fields, name, version, contract) == (b"\x0f", "Plumbline Index", "1", held.address)
    assert (chain_id, salt, extensions) == (boa.env.evm.patch.chain_id, bytes(32), [])
    kind = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    domain = encode(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"],
        [kind, keccak(text=name), keccak(text=version), chain_id, contract],
    )
    assert held.DOMAIN_SEPARATOR() == keccak(domain)


@pytest.fixture
def wallet(held: Any, receiver: str) -> Any:
    """A contract that has signed one permit: a share to the receiver."""
    wallet = deployer("MockWallet").deploy()
    kind = keccak(text="Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
    types = ["bytes32", "address", "address", "uint256", "uint256", "uint256"]
    message = keccak(encode(types, [kind, wallet.address, receiver, WAD, 0, START_S]))
    wallet.sign(keccak(b"\x19\x01" + held.DOMAIN_SEPARATOR() + message), SIGNATURE)
    return wallet


SIGNATURE = b"\x01" * 32 + b"\xff" * 32 + b"\x1c"


def permit(vault: Any, wallet: Any, spender: str, value: int = WAD) -> None:
    vault.permit(wallet.address, spender, value, START_S, SIGNATURE[64], SIGNATURE[:32], SIGNATURE[32:64])


def test_permit__of_a_contract__asks_the_contract(held, wallet, receiver):
    permit(held, wallet, receiver)
    assert held.allowance(wallet.address, receiver) == WAD
    # The nonce has moved on, and so has the digest.
    with boa.reverts("share: invalid signature"):
        permit(held, wallet, receiver)


def test_permit__that_the_contract_does_not_know__reverts(held, wallet, receiver):
    with boa.reverts("share: invalid signature"):
        permit(held, wallet, receiver, WAD + 1)
    wallet.answer_with(b"\x00" * 4)
    with boa.reverts("share: invalid signature"):
        permit(held, wallet, receiver)


def test_permit__of_a_contract_that_signs_nothing__reverts(held, tokens, receiver):
    with boa.reverts():
        permit(held, tokens[0], receiver)
    assert held.allowance(tokens[0].address, receiver) == 0


def test_core__hands_on_what_it_does_not_know_and_its_reverts(held):
    boa.env.set_balance(boa.env.eoa, 1)
    for call in ({"data": selector("nothing()")}, {"data": b""}, {"data": selector("owner()"), "value": 1}):
        with pytest.raises(Revert):
            boa.env.raw_call(held.address, **call)


def test_core__hands_on_the_longest_answer_there_is(create, params):
    tokens = [deployer("MockERC20").deploy(f"Token {i}", f"T{i}", 18) for i in range(32)]
    addresses = tuple(token.address for token in tokens)
    index = create(params.but(tokens=addresses, units=tuple((i + 1) * WAD for i in range(32)), feeds=(0,) * 32))
    assert index.components() == (list(addresses), [(i + 1) * WAD for i in range(32)])
    assert len(index.book()[1]) == 38


def test_extension__called_directly__does_nothing_for_anybody(implementation, interface, attacker, tokens):
    extension = interface.at(implementation.EXTENSION())
    for name, arguments in (
        ("pause", ()),
        ("unpause", ()),
        ("set_guardian", (attacker,)),
        ("set_supply_cap", (1,)),
        ("collect_fees", ()),
        ("set_fee_recipient", (attacker,)),
        ("set_rebasing", (tokens[0].address, True)),
        ("begin_auction", ([], [])),
        ("end_auction", (0,)),
        ("sweep_surplus", (tokens[0].address,)),
        ("carry_float", (attacker, 0)),
        ("announce", (b"",)),
        ("retract", (b"",)),
        ("wind_down", ()),
        ("set_fees", (0, 0, 0)),
        ("set_registry", (attacker,)),
        ("set_flash_terms", (0, 0)),
        ("flashLoan", (attacker, extension.address, 1, b"")),
        ("transfer_ownership", (attacker,)),
        ("accept_ownership", ()),
        ("initialize", ("X", "X", attacker, attacker, attacker)),
    ):
        with boa.reverts():
            getattr(extension, name)(*arguments, sender=attacker)
