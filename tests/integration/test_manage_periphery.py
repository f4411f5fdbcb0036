# SPDX-License-Identifier: AGPL-3.0-only
"""`ape run manage` of what is no part of a deployment: desks, yield feeds, registries of holders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripts.deployment.chain import Chain
from scripts.management import actions, periphery, vault
from scripts.management.actions import ActionError, Target
from tests.helpers.managed import OWNER, STRANGER, later, managed, send
from tests.helpers.stage import undone

from plumbline.client import errors

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Target]]:
    """A deployment, and beside it a desk, yield feeds over the oracle and a registry, known by their addresses."""
    with managed(tmp_path_factory.mktemp("deployment")) as (anvil, target):
        chain = Chain(target.web3, {})
        usdc, index, base = (target.record.address(key) for key in ("token USDC", "vault", "oracle"))
        made = {
            "desk": chain.deploy("desk", "NavDesk", index, usdc, 1, OWNER, 60, 86_400, 600, sender=OWNER),
            "yields": chain.deploy("yields", "ERC4626Feeds", base, 3_600, OWNER, OWNER, sender=OWNER),
            "registry": chain.deploy("registry", "HolderRegistry", OWNER, sender=OWNER),
        }
        given = {key: contract.address for key, contract in made.items()}
        yield anvil.url, Target(target.web3, target.record, given)


@pytest.fixture
def beside(opened: tuple[str, Target]) -> Iterator[Target]:
    """As it was made: what a test does is undone."""
    url, target = opened
    with undone(url):
        yield target


def test_contract_that_is_not_the_deployments__without_its_address__is_asked_for(beside: Target) -> None:
    with pytest.raises(ActionError, match="no desk: give its address"):
        periphery.desk_terms(Target(beside.web3, beside.record), 20, 1, 100)


def test_desk_and_registry__terms_registrars_and_holders(beside: Target) -> None:
    send(beside, periphery.desk_terms(beside, 20, 1, 100))
    assert beside.read("desk", "terms") == [20, 10**18, 100 * 10**18]
    with pytest.raises(errors.NotAllowed):
        actions.simulate(beside, periphery.desk_terms(beside, 20, 1, 0), STRANGER)
    held = periphery.register(beside, (STRANGER,), 2_000_000_000)
    with pytest.raises(errors.NotAllowed):
        actions.simulate(beside, held, OWNER)
    send(beside, periphery.set_registrar(beside, OWNER, True))
    send(beside, held)
    assert beside.read("registry", "registered_until", STRANGER) == 2_000_000_000
    with pytest.raises(ActionError, match="one address at least"):
        periphery.register(beside, (), 0)
    send(beside, vault.transfer_ownership(beside, "registry", STRANGER))
    send(beside, vault.accept_ownership(beside, "registry"), sender=STRANGER)
    assert beside.read("registry", "owner") == STRANGER


def test_yield_feed__is_added_checkpointed_and_anchored_anew(beside: Target) -> None:
    eurc = beside.record.address("token EURC")
    shares = (
        Chain(beside.web3, {}).deploy("shares", "MockERC4626", "Yield", "yEURC", eurc, 0, True, sender=OWNER).address
    )
    send(beside, periphery.add_yield_feed(beside, "yEURC/USD", shares, "EUR/USD", "0.9", "1.5", 20, 10))
    index = beside.read("yields", "feed_index", "yEURC/USD")
    assert beside.read("yields", "yield_feed", index) == ("yEURC/USD", shares, 3, 9 * 10**17, 15 * 10**17, 20, 10)
    with pytest.raises(errors.TooEarly):
        actions.simulate(beside, periphery.checkpoint(beside, "yEURC/USD"), OWNER)
    later(beside, 86_401)
    send(beside, periphery.set_yield_keeper(beside, STRANGER))
    send(beside, periphery.checkpoint(beside, "yEURC/USD"), sender=STRANGER)
    send(beside, periphery.propose_anchor(beside, "yEURC/USD", "0.5", "1.5"))
    send(beside, periphery.cancel_anchor(beside, "yEURC/USD"))
    with pytest.raises(errors.NothingProposed):
        actions.simulate(beside, periphery.execute_anchor(beside, "yEURC/USD"), OWNER)
    send(beside, periphery.propose_anchor(beside, "yEURC/USD", "0.5", "1.5"))
    later(beside, 3_601)
    send(beside, periphery.execute_anchor(beside, "yEURC/USD"))
    assert beside.read("yields", "yield_feed", index)[3] == 5 * 10**17
    with pytest.raises(ActionError, match="expected a yield feed of yEURC/USD, got 'EUR/USD'"):
        periphery.checkpoint(beside, "EUR/USD")
    with pytest.raises(ActionError, match="rate: expected assets a share"):
        periphery.propose_anchor(beside, "yEURC/USD", "half", "1")
