# SPDX-License-Identifier: AGPL-3.0-only
"""HolderRegistry: who may hold, until when; and a permissioned index that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.periphery.desk import Desk
from tests.unit.periphery.market import FOREVER, START_S, WAD, ZERO, Trade
from tests.unit.vault.conftest import events

WEEK_S = 7 * 86_400


@pytest.fixture
def registry() -> Iterator[Any]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        owner, registrar = boa.env.generate_address("owner"), boa.env.generate_address("registrar")
        made = deployer("HolderRegistry").deploy(owner)
        made.set_registrar(registrar, True, sender=owner)
        made.registrar = registrar
        yield made


@pytest.fixture
def holder() -> str:
    return boa.env.generate_address("holder")


@pytest.fixture
def other() -> str:
    return boa.env.generate_address("other")


def test_register__lets_accounts_in_until_the_last_second(registry: Any, holder: str, other: str):
    registry.register([holder, other], START_S + 10, sender=registry.registrar)
    assert [log[1:] for log in events(registry, "Registered")] == [
        (holder, registry.registrar, 0, START_S + 10),
        (other, registry.registrar, 0, START_S + 10),
    ]
    for at, may in ((START_S, True), (START_S + 10, True), (START_S + 11, False)):
        boa.env.evm.patch.timestamp = at
        assert registry.may_move(holder, other) is may
        assert registry.may_move(ZERO, holder) is may
    assert registry.registered_until(holder) == START_S + 10


def test_may_move__needs_both_ends__and_only_the_receiver_of_a_mint(registry: Any, holder: str, other: str):
    registry.register([holder], FOREVER, sender=registry.registrar)
    assert registry.may_move(ZERO, holder)
    assert not registry.may_move(ZERO, other)
    assert not registry.may_move(holder, other)
    assert not registry.may_move(other, holder)
    assert not registry.may_move(holder, ZERO)
    assert not registry.may_move(ZERO, ZERO)


def test_register__in_the_past__takes_an_account_out(registry: Any, holder: str):
    registry.register([holder], FOREVER, sender=registry.registrar)
    registry.register([holder], 0, sender=registry.registrar)
    assert not registry.may_move(ZERO, holder)


def test_register__by_anybody_else_or_of_nobody__reverts(registry: Any, holder: str):
    for who in (registry.owner(), holder):
        with boa.reverts("registry: not a registrar"):
            registry.register([holder], FOREVER, sender=who)
    with boa.reverts("registry: zero address"):
        registry.register([holder, ZERO], FOREVER, sender=registry.registrar)
    registry.set_registrar(registry.registrar, False, sender=registry.owner())
    [changed] = events(registry, "RegistrarChanged")
    assert changed[1:] == (registry.registrar, False)
    with boa.reverts("registry: not a registrar"):
        registry.register([holder], FOREVER, sender=registry.registrar)


def test_set_registrar__by_anybody_but_the_owner__reverts(registry: Any, holder: str):
    for who in (registry.registrar, holder):
        with boa.reverts("owner: caller is not the owner"):
            registry.set_registrar(holder, True, sender=who)


# ---- an index that asks


def permission(vault: Any, owner: str, registry: Any) -> None:
    call = vault.set_registry.prepare_calldata(registry.address)
    vault.announce(call, sender=owner)
    boa.env.evm.patch.timestamp = vault.ready_at(call)
    vault.set_registry(registry.address, sender=owner)


def test_permissioned_index__asks_on_mint_and_transfer__and_never_on_redeem(held: Trade, registry: Any, other: str):
    vault, holder = held.vault, held.depositor
    permission(vault, held.owner, registry)
    registry.register([holder], boa.env.evm.patch.timestamp + WEEK_S, sender=registry.registrar)
    vault.mint(WAD, holder, [FOREVER] * 4, FOREVER, sender=holder)
    with boa.reverts("share: not registered"):
        vault.mint(WAD, other, [FOREVER] * 4, FOREVER, sender=holder)
    with boa.reverts("share: not registered"):
        vault.transfer(other, 1, sender=holder)
    registry.register([other], FOREVER, sender=registry.registrar)
    vault.transfer(other, WAD, sender=holder)
    boa.env.evm.patch.timestamp += WEEK_S + 1
    for call in (
        lambda: vault.transfer(other, 1, sender=holder),
        lambda: vault.transfer(holder, 1, sender=other),
        lambda: vault.mint(WAD, holder, [FOREVER] * 4, FOREVER, sender=holder),
    ):
        with boa.reverts("share: not registered"):
            call()
    vault.redeem(1_000 * WAD, holder, [0] * 4, FOREVER, sender=holder)
    assert vault.balanceOf(holder) == 0


def test_permissioned_index__through_the_router__needs_the_router_registered(held: Trade, registry: Any):
    permission(held.vault, held.owner, registry)
    registry.register([held.depositor], FOREVER, sender=registry.registrar)
    order = held.order(WAD, minting=True).but(receiver=held.depositor)
    held.mint(order)
    with boa.reverts("share: not registered"):
        held.redeem(held.order(WAD, minting=False))
    registry.register([held.router.address], FOREVER, sender=registry.registrar)
    held.redeem(held.order(WAD, minting=False))


def test_permissioned_index__an_expired_seller_at_the_desk__gets_out_in_kind(desk: Desk, registry: Any):
    """What a request gives back is credit; who may not receive shares any more redeems it."""
    permission(desk.vault, desk.owner, registry)
    desk.round(after_s=5 * (-(-(desk.now() - desk.rounds.timestamp) // 5)))
    registry.register([desk.desk.address], FOREVER, sender=registry.registrar)
    registry.register([desk.requester], desk.now() + 60, sender=registry.registrar)
    id_ = desk.sell()
    boa.env.evm.patch.timestamp = desk.desk.request(id_).expires_at + 1
    desk.desk.expire(id_)
    with boa.reverts("share: not registered"):
        desk.desk.withdraw(desk.vault.address, WAD, desk.requester, sender=desk.requester)
    before = [token.balanceOf(desk.requester) for token in desk.tokens]
    expected = desk.vault.preview_redeem(WAD)
    desk.desk.withdraw_in_kind(WAD, desk.requester, expected, FOREVER, sender=desk.requester)
    after = [token.balanceOf(desk.requester) for token in desk.tokens]
    assert [now - was for was, now in zip(before, after, strict=True)] == expected
