# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.initialize and IndexFactory: what makes an index, and what is refused."""

from __future__ import annotations

import boa
import pytest
import rlp
from eth_utils import keccak, to_checksum_address

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, events, fund

ZERO = "0x" + "00" * 20
CLONE_OF = (
    bytes.fromhex("3d602d80600a3d3981f3363d3d373d3d3d363d73")
    + b"?" * 20
    + bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
)
"""EIP-1167: what deploys a minimal clone of the address that takes the place of the question marks."""


def test_create__gives_a_working_index(create, factory, implementation, params, oracle, owner, fee_recipient, stranger):
    index = create(params.as_tuple(), stranger)
    [created] = [log for log in factory.get_logs() if type(log).__name__ == "IndexCreated"]
    assert (created.index, created.creator, created.owner) == (index.address, stranger, owner)
    assert (index.name(), index.symbol(), index.decimals()) == ("Plumbline Index", "PLUMB", 18)
    assert index.components() == (list(params.tokens), list(params.units))
    assert index.price_feeds() == (oracle.address, [0, 1, 2, 3])
    assert (index.owner(), index.pending_owner(), index.fee_recipient()) == (owner, ZERO, fee_recipient)
    assert index.totalSupply() == index.pending_fees() == 0
    assert factory.implementation() == implementation.address
    assert (factory.index_count(), factory.index_at(0)) == (1, index.address)
    assert factory.is_index(index.address)
    assert not factory.is_index(implementation.address)


def test_create__twice__gives_two_indices_that_know_nothing_of_each_other(create, factory, params, stranger):
    first, second = create(params.as_tuple()), create(params.but(name="Other", owner=stranger))
    assert (first.name(), second.name()) == ("Plumbline Index", "Other")
    assert (first.owner(), second.owner()) == (params.owner, stranger)
    assert [factory.index_at(i) for i in range(factory.index_count())] == [first.address, second.address]
    assert first.DOMAIN_SEPARATOR() != second.DOMAIN_SEPARATOR()


@pytest.fixture
def clone(implementation, interface):
    """What the factory makes, before it has made an index of it."""
    address, _ = boa.env.deploy_code(bytecode=CLONE_OF.replace(b"?" * 20, bytes.fromhex(implementation.address[2:])))
    return interface.at(address)


# titanoboa looks for the implementation's code behind the clone and wonders.
@pytest.mark.filterwarnings("ignore:casted bytecode does not match")
def test_initialize__says_whose_it_is_and_what_it_holds(clone, stranger, owner, fee_recipient):
    clone.initialize("Name", "SYM", stranger, owner, fee_recipient)
    [told] = events(clone, "Initialized")
    assert (told.owner, told.fee_recipient, told.basket) == (owner, fee_recipient, stranger)
    assert (clone.name(), clone.symbol(), clone.owner(), clone.basket_data()) == ("Name", "SYM", owner, stranger)
    assert clone.fee_recipient() == fee_recipient


@pytest.mark.filterwarnings("ignore:casted bytecode does not match")
def test_initialize__for_nobody_or_with_fees_to_nobody_or_itself__reverts(clone, stranger, owner, fee_recipient):
    with boa.reverts("owner: zero address"):
        clone.initialize("Name", "SYM", stranger, ZERO, fee_recipient)
    for recipient in (ZERO, clone.address):
        with boa.reverts("share: invalid receiver"):
            clone.initialize("Name", "SYM", stranger, owner, recipient)
    clone.initialize("Name", "SYM", stranger, owner, fee_recipient)


def test_initialize__a_second_time__reverts(create, params, attacker):
    with boa.reverts("vault: initialized"):
        create(params.as_tuple()).initialize("X", "X", attacker, attacker, attacker, sender=attacker)


def test_initialize__of_the_implementation_or_the_extension__reverts(implementation, interface, attacker):
    for address in (implementation.address, implementation.EXTENSION()):
        code = interface.at(address)
        with boa.reverts("vault: initialized"):
            code.initialize("X", "X", attacker, attacker, attacker, sender=attacker)
        assert code.owner() == address


def test_factory_core_and_extension__without_what_they_stand_on__revert(stranger):
    with boa.reverts("factory: no implementation"):
        deployer("IndexFactory").deploy(stranger)
    with boa.reverts("vault: no extension"):
        deployer("IndexVault").deploy(stranger)
    with boa.reverts("vault: no auction house"):
        deployer("IndexVaultExtension").deploy(stranger)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mint_fee_bps": 501}, "basket: mint fee too high"),
        ({"redeem_fee_bps": 501}, "basket: redeem fee too high"),
        ({"streaming_fee_bps": 1_001}, "basket: streaming fee too high"),
        ({"fee_recipient": ZERO}, "share: invalid receiver"),
        ({"owner": ZERO}, "owner: zero address"),
        ({"tokens": ()}, "factory: no components"),
        ({"units": (WAD,)}, "factory: wrong number of units"),
        ({"feeds": (0, 1, 2)}, "factory: wrong number of feeds"),
        ({"feeds": (0, 1, 2, 4)}, "oracle: unknown feed"),
        ({"units": (WAD, WAD, WAD, 0)}, "basket: unit is zero"),
        ({"units": (WAD, WAD, WAD, 2**80 + 1)}, "basket: unit has too many digits"),
        ({"units": (WAD, WAD, WAD, 10**77)}, "basket: unit too large"),
    ],
)
def test_create__with_unsound_parameters__reverts_with_the_reason(create, params, changes, reason):
    with boa.reverts(reason):
        create(params.but(**changes))


def test_create__at_the_caps__works(create, params):
    index = create(params.but(mint_fee_bps=500, redeem_fee_bps=500, streaming_fee_bps=1_000))
    assert index.fees() == (500, 500, 1_000)


def test_create__with_a_duplicate_component__reverts(create, params):
    tokens = (*params.tokens[:3], params.tokens[0])
    with boa.reverts("factory: duplicate component"):
        create(params.but(tokens=tokens))


def test_create__with_a_component_that_is_no_token__reverts(create, params, stranger):
    with boa.reverts():
        create(params.but(tokens=(*params.tokens[:3], stranger)))


@pytest.mark.parametrize(("decimals", "sound"), [(0, True), (27, True), (28, False)])
def test_create__takes_tokens_of_0_to_27_decimals(create, params, decimals, sound):
    tokens = (*params.tokens[:3], deployer("MockERC20").deploy("Odd", "ODD", decimals).address)
    if sound:
        assert create(params.but(tokens=tokens)).components()[0] == list(tokens)
    else:
        with boa.reverts("factory: too many token decimals"):
            create(params.but(tokens=tokens))


def test_create__with_32_components__mints_and_redeems(create, params, depositor):
    tokens = [deployer("MockERC20").deploy(f"Token {i}", f"T{i}", i % 19) for i in range(32)]
    units = tuple((i + 1) * 10 ** (i % 19) * WAD for i in range(32))
    index = create(
        params.but(tokens=tuple(token.address for token in tokens), units=units, feeds=tuple(i % 4 for i in range(32)))
    )
    fund(tokens, index, depositor, 10**30)
    paid = index.mint(2 * WAD, depositor, [MAX_UINT] * 32, MAX_UINT, sender=depositor)
    assert paid == [-(-units[i] * 2_001 // (1_000 * WAD)) for i in range(32)]
    index.redeem(WAD, depositor, [0] * 32, MAX_UINT, sender=depositor)
    assert index.price_feeds()[1] == [i % 4 for i in range(32)]
    assert index.nav(0) > 0


def test_create__with_the_index_itself_as_a_component__reverts(create, factory, params):
    # The first contract a contract creates has nonce 1.
    itself = to_checksum_address(keccak(rlp.encode([bytes.fromhex(factory.address[2:]), 1]))[12:])
    with boa.env.anchor():
        assert create(params.as_tuple()).address == itself
    with boa.reverts("factory: component is itself"):
        create(params.but(tokens=(*params.tokens[:3], itself)))
