# SPDX-License-Identifier: AGPL-3.0-only
"""ERC-2612: permit, nonces, DOMAIN_SEPARATOR, checked against eth-account's own hashing."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.unit.vault.conftest import START_S, WAD, events

SIGNER = Account.from_key(b"\x01" * 32)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FIELDS = [
    {"name": "owner", "type": "address"},
    {"name": "spender", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "nonce", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
]


def sign(vault: Any, spender: str, *, value: int = WAD, nonce: int = 0, deadline: int = START_S, **domain: Any) -> Any:
    signable = encode_typed_data(
        {
            "name": "Plumbline Index",
            "version": "1",
            "chainId": boa.env.evm.patch.chain_id,
            "verifyingContract": vault.address,
            **domain,
        },
        {"Permit": FIELDS},
        {"owner": SIGNER.address, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline},
    )
    return SIGNER.sign_message(signable)


def permit(vault: Any, spender: str, signed: Any, *, value: int = WAD, deadline: int = START_S) -> None:
    r, s = signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    vault.permit(SIGNER.address, spender, value, deadline, signed.v, r, s)


def test_permit__sets_the_allowance_once(vault, receiver):
    signed = sign(vault, receiver)
    permit(vault, receiver, signed)
    [approval] = events(vault, "Approval")
    assert (approval.owner, approval.spender, approval.value) == (SIGNER.address, receiver, WAD)
    assert vault.allowance(SIGNER.address, receiver) == WAD
    assert vault.nonces(SIGNER.address) == 1
    with boa.reverts("share: invalid signature"):
        permit(vault, receiver, signed)


def test_permit__expired__reverts(vault, receiver):
    with boa.reverts("share: permit expired"):
        permit(vault, receiver, sign(vault, receiver, deadline=START_S - 1), deadline=START_S - 1)


def test_permit__for_another_value__reverts(vault, receiver):
    with boa.reverts("share: invalid signature"):
        permit(vault, receiver, sign(vault, receiver), value=WAD + 1)


@pytest.mark.parametrize("domain", [{"chainId": 999}, {"name": "Other"}, {"version": "2"}])
def test_permit__of_another_domain__reverts(vault, receiver, domain):
    with boa.reverts("share: invalid signature"):
        permit(vault, receiver, sign(vault, receiver, **domain))


def test_permit__with_a_high_s__reverts(vault, receiver):
    signed = sign(vault, receiver)
    twin = signed._replace(s=ORDER - signed.s, v=55 - signed.v)
    with boa.reverts("share: signature not low-s"):
        permit(vault, receiver, twin)


def test_permit__for_the_zero_address__reverts_although_ecrecover_answers_zero(vault, receiver):
    with boa.reverts("share: invalid signature"):
        vault.permit("0x" + "00" * 20, receiver, WAD, START_S, 26, b"\x01" * 32, b"\x01" * 32)
