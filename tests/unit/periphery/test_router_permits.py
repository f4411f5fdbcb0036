# SPDX-License-Identifier: AGPL-3.0-only
"""IndexRouter with ERC-2612 permits: of the asset and components for a mint, of the share for a redeem."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.helpers.contracts import deployer
from tests.unit.periphery.market import FOREVER, WAD, Order, Trade, make_index
from tests.unit.vault.test_permit import FIELDS

SIGNER = Account.from_key(b"\x02" * 32)


def sign(token: Any, spender: str, value: int, *, nonce: int = 0, deadline: int = FOREVER) -> tuple[Any, ...]:
    """IIndexRouter.Permit, signed by SIGNER."""
    signable = encode_typed_data(
        {
            "name": token.name(),
            "version": "1",
            "chainId": boa.env.evm.patch.chain_id,
            "verifyingContract": token.address,
        },
        {"Permit": FIELDS},
        {"owner": SIGNER.address, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline},
    )
    signed = SIGNER.sign_message(signable)
    return token.address, value, deadline, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)


def use(token: Any, spender: str, permit: tuple[Any, ...], sender: str) -> None:
    _, value, deadline, *signature = permit
    token.permit(SIGNER.address, spender, value, deadline, *signature, sender=sender)


@pytest.fixture
def index(trade: Trade) -> Any:
    """Two tokens with permits, both in kind; the signer holds them and has allowed nobody anything."""
    tokens = [deployer("MockPermitERC20").deploy(name, name.upper(), 6) for name in ("One", "Two")]
    vault = make_index(trade.factory, tokens, [10_000_000, 20_000_000], trade.oracle, trade.owner)
    for token in tokens:
        token.mint(SIGNER.address, 10**12)
    vault.tokens = tokens
    return vault


def order(trade: Trade, index: Any, *, minting: bool) -> Order:
    limits = (FOREVER,) * 2 if minting else (0, 0)
    first = index.tokens[0].address
    base = trade.order(WAD, minting=minting)
    return base.but(index=index.address, routes=(b"", b""), asset=first, limits=limits, receiver=SIGNER.address)


def test_mint__with_permits__needs_no_approval_before(trade: Trade, index: Any):
    amounts = index.preview_mint(WAD)
    permits = [sign(token, trade.router.address, amount) for token, amount in zip(index.tokens, amounts, strict=True)]
    trade.mint(order(trade, index, minting=True), permits, sender=SIGNER.address)
    assert index.balanceOf(SIGNER.address) == WAD
    assert [token.allowance(SIGNER.address, trade.router.address) for token in index.tokens] == [0, 0]


def test_mint__with_one_permit_missing__reverts(trade: Trade, index: Any):
    amounts = index.preview_mint(WAD)
    with boa.reverts("erc20: insufficient allowance"):
        trade.mint(
            order(trade, index, minting=True),
            [sign(index.tokens[0], trade.router.address, amounts[0])],
            sender=SIGNER.address,
        )


def test_mint__with_permits_that_somebody_used_first__goes_on(trade: Trade, index: Any, attacker: str):
    amounts = index.preview_mint(WAD)
    permits = [sign(token, trade.router.address, amount) for token, amount in zip(index.tokens, amounts, strict=True)]
    use(index.tokens[1], trade.router.address, permits[1], attacker)
    trade.mint(order(trade, index, minting=True), permits, sender=SIGNER.address)
    assert index.balanceOf(SIGNER.address) == WAD


def test_mint__with_somebody_else_s_permits__takes_nothing_of_theirs(trade: Trade, index: Any, attacker: str):
    permits = [sign(token, trade.router.address, 10**9) for token in index.tokens]
    for token in index.tokens:
        use(token, trade.router.address, sign(token, trade.router.address, 10**9), attacker)
    before = [token.balanceOf(SIGNER.address) for token in index.tokens]
    with boa.reverts("erc20: insufficient allowance"):
        trade.mint(order(trade, index, minting=True), permits, sender=attacker)
    assert [token.balanceOf(SIGNER.address) for token in index.tokens] == before


def test_redeem__with_a_permit_of_the_share__needs_no_approval_before(trade: Trade, index: Any, attacker: str):
    amounts = index.preview_mint(WAD)
    permits = [sign(token, trade.router.address, amount) for token, amount in zip(index.tokens, amounts, strict=True)]
    trade.mint(order(trade, index, minting=True), permits, sender=SIGNER.address)
    permit = sign(index, trade.router.address, WAD)
    with boa.env.anchor():
        trade.redeem(order(trade, index, minting=False), [permit], sender=SIGNER.address)
        assert index.balanceOf(SIGNER.address) == 0
    with boa.reverts("share: insufficient allowance"):
        trade.redeem(order(trade, index, minting=False), [], sender=SIGNER.address)
    use(index, trade.router.address, permit, attacker)
    trade.redeem(order(trade, index, minting=False), [permit], sender=SIGNER.address)
    assert index.balanceOf(SIGNER.address) == 0


def test_permit__for_what_is_no_token__is_passed_over(trade: Trade, index: Any):
    """An address without code, a token without permits: what counts is the allowance."""
    for token in index.tokens:
        token.approve(trade.router.address, FOREVER, sender=SIGNER.address)
    _, *rest = sign(index.tokens[0], trade.router.address, 1)
    strangers = ("0x" + "12" * 20, trade.usdc.address, trade.router.address)
    permits = [(stranger, *rest) for stranger in strangers]
    trade.mint(order(trade, index, minting=True), permits, sender=SIGNER.address)
    assert index.balanceOf(SIGNER.address) == WAD
