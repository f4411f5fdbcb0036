# SPDX-License-Identifier: AGPL-3.0-only
"""`ape run manage`: each action previews, simulates and asks; verify tells a true deployment from a changed one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from scripts import manage
from scripts.deployment import cast, record
from scripts.deployment.cast import Parameters
from scripts.management import actions
from scripts.management.actions import Action, ActionError, Target
from scripts.management.verify import verify
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.stage import deployed as deployed_chain
from tests.helpers.stage import undone

from plumbline.client import errors

pytestmark = pytest.mark.anvil
OWNER, STRANGER = cast.address("owner"), cast.address("trader")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Anvil, Target]]:
    with deployed_chain(Parameters(heartbeat_s=600)) as (anvil, chain):
        written = record.write(chain, tmp_path_factory.mktemp("deployment") / "local.json")
        yield anvil, Target(chain.web3, written)


@pytest.fixture
def target(deployed: tuple[Anvil, Target]) -> Iterator[Target]:
    """As it was deployed: what a test does is undone."""
    anvil, target = deployed
    with undone(anvil.url):
        yield target


def send(target: Target, action: Action, sender: str = OWNER) -> None:
    call = target.contract(action.contract).functions[action.function](*action.arguments)
    receipt = target.web3.eth.wait_for_transaction_receipt(call.transact({"from": sender}))
    assert receipt["status"] == 1


def test_verify__a_deployment_of_this_repository__is_sound_in_every_part(target: Target) -> None:
    findings = verify(target)
    assert [finding for finding in findings if not finding.sound] == []
    told = {finding.what: finding.told for finding in findings}
    assert told["oracle"].startswith("MedianOracle: compiled here to the same code")
    assert told["vault"] == "clone of vault implementation"
    assert told["reporters"] == "5"
    assert told["feed BTC/USD"] == "8 decimals, quorum 3, heartbeat 600 s, deviation 25 bps"


def test_verify__other_code_a_pause_and_a_pending_owner__are_found(
    deployed: tuple[Anvil, Target], target: Target
) -> None:
    anvil, _ = deployed
    send(target, actions.transfer_ownership(target, "vault", STRANGER))
    send(target, actions.pause(target, "vault"))
    oracle = target.record.address("oracle")
    code = rpc(anvil.url, "eth_getCode", target.record.address("token USDC"), "latest")
    rpc(anvil.url, "anvil_setCode", target.record.address("token WBTC"), code[:-2] + "00")
    failed = {finding.what for finding in verify(target) if not finding.sound}
    assert failed == {"token WBTC", "vault pending owner", "vault paused"}
    assert oracle


@pytest.mark.parametrize(
    ("build", "what", "after"),
    [
        (lambda t: actions.pause(t, "oracle"), lambda t: t.read("oracle", "paused"), True),
        (lambda t: actions.pause(t, "vault"), lambda t: t.read("vault", "paused"), True),
        (lambda t: actions.trip(t, "EUR/USD"), lambda t: t.read("oracle", "breaker_state", 3)[4], True),
        (
            lambda t: actions.remove_reporter(t, cast.address("reporter-5")),
            lambda t: (t.read("oracle", "epoch"), len(t.read("oracle", "reporters"))),
            (2, 4),
        ),
        (lambda t: actions.set_guardian(t, "oracle", STRANGER), lambda t: t.read("oracle", "guardian"), STRANGER),
        (
            lambda t: actions.transfer_ownership(t, "oracle", STRANGER),
            lambda t: t.read("oracle", "pending_owner"),
            STRANGER,
        ),
        (lambda t: actions.set_supply_cap(t, 1_000), lambda t: t.read("vault", "supply_cap"), 1_000 * 10**18),
        (lambda t: actions.set_fee_recipient(t, STRANGER), lambda t: t.read("vault", "fee_recipient"), STRANGER),
    ],
    ids=["pause oracle", "pause vault", "trip", "remove reporter", "guardian", "ownership", "cap", "recipient"],
)
def test_action__does_what_its_preview_says__and_a_stranger_may_not(target: Target, build, what, after) -> None:
    action = build(target)
    with pytest.raises(errors.NotAllowed):
        actions.simulate(target, action, STRANGER)
    assert actions.simulate(target, action, OWNER) > 20_000
    assert what(target) != after
    shown = "\n".join(actions.page(action, OWNER))
    assert all(f"{change.before} -> {change.after}" in shown for change in action.changes)
    send(target, action)
    assert what(target) == after


def test_add_reporter__is_announced_then_started_after_the_delay(
    deployed: tuple[Anvil, Target], target: Target
) -> None:
    send(target, actions.add_reporter(target, STRANGER, faulty=1))
    with pytest.raises(errors.TooEarly):
        actions.simulate(target, actions.execute_epoch(target), OWNER)
    rpc(deployed[0].url, "evm_increaseTime", 3_700)
    rpc(deployed[0].url, "evm_mine")
    send(target, actions.execute_epoch(target))
    assert target.read("oracle", "reporters")[-1] == STRANGER
    findings = {finding.what: finding for finding in verify(target)}
    assert not findings["reporters"].sound


def test_clear__is_announced_then_done__and_cancel_takes_an_epoch_back(
    deployed: tuple[Anvil, Target], target: Target
) -> None:
    send(target, actions.trip(target, "EUR/USD"))
    send(target, actions.propose_clear(target, "EUR/USD"))
    rpc(deployed[0].url, "evm_increaseTime", 3_700)
    rpc(deployed[0].url, "evm_mine")
    send(target, actions.execute_clear(target, "EUR/USD"))
    assert target.read("oracle", "breaker_state", 3)[4] is False
    send(target, actions.add_reporter(target, STRANGER, faulty=1))
    send(target, actions.cancel_epoch(target))
    with pytest.raises(errors.NothingProposed):
        actions.simulate(target, actions.execute_epoch(target), OWNER)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda t: actions.trip(t, "DOGE/USD"), "expected a feed of BTC/USD, .*, got 'DOGE/USD'"),
        (lambda t: actions.remove_reporter(t, STRANGER), "expected one of the reporters"),
        (lambda t: actions.add_reporter(t, cast.address("reporter-1"), 1), "is a reporter already"),
        (lambda t: actions.set_guardian(t, "vault", "0x12"), "expected an address, got '0x12'"),
    ],
)
def test_action__an_argument_that_cannot_be__says_what_is_expected(target: Target, build, said: str) -> None:
    with pytest.raises(ActionError, match=said):
        build(target)


class FakeAccount:
    address = OWNER


def run_pause(monkeypatch: pytest.MonkeyPatch, target: Target, answer: str) -> Result:
    """The command as Ape runs it, up to the question; nothing is sent when the answer is no."""
    monkeypatch.setattr(manage, "_target", lambda: target)
    monkeypatch.setattr(manage, "_sender", lambda alias: FakeAccount())
    runner = CliRunner()

    @manage.click.command()
    def command() -> None:
        manage._carry_out(lambda t: actions.pause(t, "oracle"), None, False)

    return runner.invoke(command, input=answer)


def test_command__shows_and_simulates__no_means_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    done = run_pause(monkeypatch, target, "n\n")
    assert done.exit_code == 1
    assert "oracle.pause()" in done.output
    assert "oracle paused  False -> True" in done.output
    assert "simulated: goes through" in done.output
    assert not target.read("oracle", "paused")


def test_command__refused_in_the_simulation__asks_nothing(monkeypatch: pytest.MonkeyPatch, target: Target) -> None:
    monkeypatch.setattr(FakeAccount, "address", STRANGER)
    done = run_pause(monkeypatch, target, "y\n")
    assert done.exit_code == 1
    assert "refused in the simulation, nothing was sent: oracle: not guardian or owner" in done.output
    assert "send it?" not in done.output


def test_every_action__is_a_command() -> None:
    assert {"pause", "unpause", "trip", "remove-reporter", "add-reporter", "verify"} <= manage.cli.commands.keys()
