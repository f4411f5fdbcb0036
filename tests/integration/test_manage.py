# SPDX-License-Identifier: AGPL-3.0-only
"""`ape run manage`: each action previews, simulates and asks; verify tells a true deployment from a changed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scripts import manage
from scripts.deployment import cast, record
from scripts.deployment.chain import Chain
from scripts.management import actions, oracle, rebalance, vault
from scripts.management.actions import ActionError, Target
from scripts.management.verify import verify
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.managed import OWNER, STRANGER, later, managed, send
from tests.helpers.stage import undone

from plumbline.client import errors

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Anvil, Target]]:
    with managed(tmp_path_factory.mktemp("deployment")) as found:
        yield found


@pytest.fixture
def target(deployed: tuple[Anvil, Target]) -> Iterator[Target]:
    """As it was deployed: what a test does is undone."""
    anvil, target = deployed
    with undone(anvil.url):
        yield target


def test_verify__a_deployment_of_this_repository__is_sound_in_every_part(target: Target) -> None:
    findings = verify(target)
    assert [finding for finding in findings if not finding.sound] == []
    told = {finding.what: finding.told for finding in findings}
    assert told["oracle"].startswith("MedianOracle: compiled here to the same code")
    assert told["vault"] == "clone of vault implementation"
    assert (told["reporters"], told["faulty reporters"]) == ("5", "1 bad ones are survived")
    assert told["feed BTC/USD"] == "8 decimals, quorum 3, heartbeat 600 s, deviation 25 bps"


def test_verify__other_code_a_pause_and_a_pending_owner__are_found(
    deployed: tuple[Anvil, Target], target: Target
) -> None:
    anvil, _ = deployed
    send(target, vault.transfer_ownership(target, "vault", STRANGER))
    send(target, vault.pause(target, "vault"))
    code = rpc(anvil.url, "eth_getCode", target.record.address("token USDC"), "latest")
    rpc(anvil.url, "anvil_setCode", target.record.address("token WBTC"), code[:-2] + "00")
    failed = {finding.what for finding in verify(target) if not finding.sound}
    assert failed == {"token WBTC", "vault pending owner", "vault paused"}


@pytest.mark.parametrize(
    ("build", "what", "after"),
    [
        (lambda t: vault.pause(t, "oracle"), lambda t: t.read("oracle", "paused"), True),
        (lambda t: vault.pause(t, "vault"), lambda t: t.read("vault", "paused"), True),
        (lambda t: oracle.trip(t, "EUR/USD"), lambda t: t.read("oracle", "breaker_state", 3)[4], True),
        (
            lambda t: oracle.remove_reporter(t, cast.address("reporter-5")),
            lambda t: (t.read("oracle", "epoch"), len(t.read("oracle", "reporters"))),
            (2, 4),
        ),
        (lambda t: vault.set_guardian(t, "oracle", STRANGER), lambda t: t.read("oracle", "guardian"), STRANGER),
        (
            lambda t: vault.transfer_ownership(t, "oracle", STRANGER),
            lambda t: t.read("oracle", "pending_owner"),
            STRANGER,
        ),
        (lambda t: vault.set_supply_cap(t, 1_000), lambda t: t.read("vault", "supply_cap"), 1_000 * 10**18),
        (lambda t: vault.set_fee_recipient(t, STRANGER), lambda t: t.read("vault", "fee_recipient"), STRANGER),
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
    added = oracle.add_reporter(target, STRANGER, None)
    assert added.arguments[2] == 1
    send(target, added)
    with pytest.raises(errors.TooEarly):
        actions.simulate(target, oracle.execute_epoch(target), OWNER)
    rpc(deployed[0].url, "evm_increaseTime", 3_700)
    rpc(deployed[0].url, "evm_mine")
    send(target, oracle.execute_epoch(target))
    assert target.read("oracle", "reporters")[-1] == STRANGER
    findings = {finding.what: finding for finding in verify(target)}
    assert not findings["reporters"].sound


def test_clear__is_announced_then_done__and_cancel_takes_an_epoch_back(
    deployed: tuple[Anvil, Target], target: Target
) -> None:
    send(target, oracle.trip(target, "EUR/USD"))
    send(target, oracle.propose_clear(target, "EUR/USD"))
    rpc(deployed[0].url, "evm_increaseTime", 3_700)
    rpc(deployed[0].url, "evm_mine")
    send(target, oracle.execute_clear(target, "EUR/USD"))
    assert target.read("oracle", "breaker_state", 3)[4] is False
    send(target, oracle.add_reporter(target, STRANGER, faulty=1))
    send(target, oracle.cancel_epoch(target))
    with pytest.raises(errors.NothingProposed):
        actions.simulate(target, oracle.execute_epoch(target), OWNER)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda t: oracle.trip(t, "DOGE/USD"), "expected a feed of BTC/USD, .*, got 'DOGE/USD'"),
        (lambda t: oracle.remove_reporter(t, STRANGER), "expected one of the reporters"),
        (lambda t: oracle.add_reporter(t, cast.address("reporter-1"), 1), "is a reporter already"),
        (lambda t: vault.set_guardian(t, "vault", "0x12"), "expected an address, got '0x12'"),
        (lambda t: oracle.change_feed(t, "EUR/USD", ("decimals=6",), 1), "expected NAME=NUMBER with a NAME of quorum"),
        (lambda t: oracle.change_feed(t, "EUR/USD", ("step_bps=-1",), 1), "expected NAME=NUMBER"),
        (lambda t: oracle.change_feed(t, "EUR/USD", (), 1), "--set: expected NAME=NUMBER"),
        (lambda t: rebalance.propose(t, ("DOGE=1",), (), 1, 1, 1, 1), "expected a component of WBTC, .*, got 'DOGE'"),
        (lambda t: rebalance.propose(t, ("USDC",), (), 1, 1, 1, 1), "--unit USDC: expected TOKEN=BASE_UNITS"),
        (lambda t: rebalance.propose(t, ("USDC=1", "USDC=2"), (), 1, 1, 1, 1), "each token once"),
        (lambda t: rebalance.propose(t, (), (), 1, 1, 1, 1), "--unit: expected"),
        (lambda t: vault.set_fees(t, 1, 1, 1, "later"), "expected one of announce, do, retract"),
    ],
)
def test_action__an_argument_that_cannot_be__says_what_is_expected(target: Target, build, said: str) -> None:
    with pytest.raises(ActionError, match=said):
        build(target)


def test_change_feed_and_add_feed__are_announced_then_started(target: Target) -> None:
    changed = oracle.change_feed(target, "EUR/USD", ("heartbeat=900", "step_bps=500"), faulty=1)
    assert [(change.what, change.before, change.after) for change in changed.changes] == [
        ("EUR/USD heartbeat", "600", "900"),
        ("EUR/USD step_bps", "1000", "500"),
    ]
    send(target, changed)
    # A proposal takes the place of the one before.
    send(target, oracle.add_feed(target, "GBP/USD", "EUR/USD", None, ("heartbeat=300",), faulty=1))
    later(target, 3_700)
    send(target, oracle.execute_epoch(target))
    feeds = {feed[0]: feed for feed in target.feeds()}
    assert list(feeds) == [*(feed.name for feed in cast.FEEDS), "GBP/USD"]
    assert (feeds["EUR/USD"][3], feeds["GBP/USD"][3]) == (600, 300)
    assert feeds["GBP/USD"][5] == feeds["EUR/USD"][5]


def test_end_of_a_feed__is_announced_and_withdrawn(target: Target) -> None:
    soon = oracle.announce_end(target, "EUR/USD", 13, "why", None, 0)
    with pytest.raises(errors.NoticeRefused, match="too soon"):
        actions.simulate(target, soon, OWNER)
    announced = oracle.announce_end(target, "EUR/USD", 30, "few trade it", target.record.address("oracle"), 1)
    with pytest.raises(errors.NotAllowed):
        actions.simulate(target, announced, STRANGER)
    send(target, announced)
    notice = target.read("feed notices", "notice", target.record.address("oracle"), 3)
    assert notice[1:] == (announced.arguments[2], target.record.address("oracle"), 1, "few trade it")
    withdrawn = oracle.withdraw_end(target, "EUR/USD")
    assert withdrawn.changes[0].before == str(notice[1])
    send(target, withdrawn)
    assert target.read("feed notices", "notice", target.record.address("oracle"), 3)[1] == 0


@pytest.mark.parametrize(
    ("build", "what", "after"),
    [
        (lambda t, step: vault.set_fees(t, 4, 3, 40, step), lambda t: t.read("vault", "fees"), [4, 3, 40]),
        (lambda t, step: vault.wind_down(t, step), lambda t: t.read("vault", "wound_down"), True),
        (
            lambda t, step: vault.set_registry(t, t.record.address("weth"), step),
            lambda t: t.read("vault", "registry"),
            lambda t: t.record.address("weth"),
        ),
        (
            lambda t, step: vault.set_flash_terms(t, 9, 500, step),
            lambda t: t.read("vault", "maxFlashLoan", t.record.address("vault")),
            500 * 10**18,
        ),
    ],
    ids=["fees", "wind down", "registry", "flash terms"],
)
def test_what_waits__is_announced_to_the_byte__then_done_or_retracted(target: Target, build, what, after) -> None:
    expected = after(target) if callable(after) else after
    with pytest.raises(errors.NothingProposed):
        actions.simulate(target, build(target, "do"), OWNER)
    send(target, build(target, "announce"))
    send(target, build(target, "retract"))
    send(target, build(target, "announce"))
    with pytest.raises(errors.TooEarly):
        actions.simulate(target, build(target, "do"), OWNER)
    later(target, 3 * 86_400 + 1)
    with pytest.raises(errors.NotAllowed):
        actions.simulate(target, build(target, "do"), STRANGER)
    done = build(target, "do")
    assert any("-> " in line for line in actions.page(done, OWNER))
    send(target, done)
    assert what(target) == expected


def test_rebalance__is_proposed_opened_paused_and_closed(target: Target) -> None:
    proposed = rebalance.propose(target, ("USDC=22500000", "EURC=22300000"), (), 10_100, 9_950, 3_600, 3_600)
    assert [(change.what, change.after) for change in proposed.changes] == [
        ("USDC, base units a share", "22,500,000"),
        ("EURC, base units a share", "22,300,000"),
    ]
    with pytest.raises(errors.NotAllowed):
        actions.simulate(target, proposed, STRANGER)
    send(target, rebalance.set_rebalancer(target, STRANGER))
    send(target, proposed, sender=STRANGER)
    with pytest.raises(errors.TooEarly):
        actions.simulate(target, rebalance.open_rebalance(target), OWNER)
    with pytest.raises(errors.AuctionRefused, match="nothing to contest"):
        actions.simulate(target, rebalance.contest(target), STRANGER)
    send(target, rebalance.cancel(target))
    send(target, proposed)
    later(target, 86_401)
    send(target, rebalance.pause(target))
    with pytest.raises(errors.AuctionsPaused):
        actions.simulate(target, rebalance.open_rebalance(target), OWNER)
    send(target, rebalance.unpause(target))
    opened = rebalance.open_rebalance(target)
    assert (opened.changes[0].before, opened.changes[0].after) == ("proposed", "open")
    send(target, opened)
    assert target.read("vault", "in_auction") is True
    closed = rebalance.close(target)
    assert closed.changes[0].before == "open"
    send(target, closed)
    assert target.read("vault", "in_auction") is False


def test_component__is_approved_and_revoked__and_rebasing_declared(target: Target) -> None:
    weth, index = target.record.address("weth"), target.record.address("vault")
    send(target, rebalance.approve_component(target, weth, "BTC/USD"))
    feed, valid_from = target.read("auction house", "approval", index, weth)
    assert (feed, valid_from - target.now()) == (0, 3 * 86_400)
    send(target, rebalance.revoke_component(target, weth))
    assert target.read("auction house", "approval", index, weth) == [0, 0]
    send(target, vault.set_rebasing(target, "EURC", True))
    assert target.contract("vault").events.RebasingChanged().get_logs()[0]["args"]["rebasing"] is True


def test_limits_of_the_rebalancer__are_set_shown_and_verified(target: Target) -> None:
    action = rebalance.set_limits(target, 9_900, 7)
    assert [(change.before, change.after) for change in action.changes] == [("9800", "9900"), ("86,400", "604,800")]
    with pytest.raises(errors.NotAllowed):
        actions.simulate(target, action, STRANGER)
    with pytest.raises(errors.InvalidRebalance):
        actions.simulate(target, rebalance.set_limits(target, 9_900, 31), OWNER)
    send(target, action)
    told = {finding.what: finding.told for finding in verify(target)}
    assert told["rebalancer's limits"].startswith("not below 9900 bps of the oracle's price, opened 604,800 s")


def test_ownership__is_taken_by_who_it_was_offered_to(target: Target) -> None:
    send(target, vault.transfer_ownership(target, "vault", STRANGER))
    taken = vault.accept_ownership(target, "vault")
    assert (taken.changes[0].before, taken.changes[0].after) == (OWNER, STRANGER)
    with pytest.raises(errors.NotAllowed):
        actions.simulate(target, taken, OWNER)
    send(target, taken, sender=STRANGER)
    assert target.read("vault", "owner") == STRANGER


# Ape tries a node it was given by address over IPC first, and web3 forgets the socket that found nobody there.
web3_leaves_a_socket = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")


@pytest.fixture
def ape(deployed: tuple[Anvil, Target], target: Target, tmp_path: Path) -> Callable[..., Result]:
    """`ape run manage ARGUMENTS` as Ape runs it: its own connection, its own test accounts. (The tutorials send.)"""
    anvil, _ = deployed
    written = tmp_path / "local.json"
    record.write(Chain(target.web3, dict(target.record.contracts)), written)
    where = ("--deployment", str(written), "--network", f"ethereum:local:{anvil.url}")

    def run(*arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(manage.cli, [*arguments, *where], input=answer)

    return run


@web3_leaves_a_socket
def test_command__shows_simulates_and_asks__no_sends_nothing(ape: Callable[..., Result], target: Target) -> None:
    refused = ape("pause", "oracle", answer="n\n")
    assert refused.exit_code == 1
    for words in ("oracle.pause()", f"sent by  {OWNER}", "oracle paused  False -> True", "simulated: goes through"):
        assert words in refused.output
    assert not target.read("oracle", "paused")


@web3_leaves_a_socket
def test_command__refused_in_the_simulation_or_wrong__asks_nothing(ape: Callable[..., Result]) -> None:
    done = ape("execute-epoch", answer="y\n")
    assert done.exit_code == 1
    assert "refused in the simulation, nothing was sent: epoch: nothing proposed" in done.output
    assert "send it?" not in done.output
    wrong = ape("trip", "DOGE/USD", answer="y\n")
    assert wrong.exit_code == 2
    assert "expected a feed of BTC/USD, USDC/USD, USDT/USD, EUR/USD, got 'DOGE/USD'" in wrong.output
