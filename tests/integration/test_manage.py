# SPDX-License-Identifier: AGPL-3.0-only
"""`ape run manage`: each action previews, simulates and asks; verify tells a true deployment from a changed one."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scripts import manage
from scripts.deployment import cast, record
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain
from scripts.management import actions, oracle, periphery, rebalance, vault
from scripts.management.actions import Action, ActionError, Target
from scripts.management.verify import verify
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.stage import deployed as deployed_chain
from tests.helpers.stage import undone

from plumbline.chain.abi import load_abi
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


def later(target: Target, seconds: int) -> None:
    url = str(target.web3.provider.endpoint_uri)
    rpc(url, "evm_increaseTime", seconds)
    rpc(url, "evm_mine")


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


@pytest.fixture
def beside(deployed: tuple[Anvil, Target], target: Target) -> Target:
    """What is no part of a deployment, known by its address: a desk, yield feeds over the oracle, a registry."""
    chain, owner = Chain(target.web3, {}), OWNER
    usdc, vault, base = (target.record.address(key) for key in ("token USDC", "vault", "oracle"))
    made = {
        "desk": chain.deploy("desk", "NavDesk", vault, usdc, 1, owner, 60, 86_400, 600, sender=owner),
        "yields": chain.deploy("yields", "ERC4626Feeds", base, 3_600, owner, owner, sender=owner),
        "registry": chain.deploy("registry", "HolderRegistry", owner, sender=owner),
    }
    return Target(target.web3, target.record, {key: contract.address for key, contract in made.items()})


def test_contract_that_is_not_the_deployments__without_its_address__is_asked_for(target: Target) -> None:
    with pytest.raises(ActionError, match="no desk: give its address"):
        periphery.desk_terms(target, 20, 1, 100)


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


MODULES = (oracle, vault, rebalance, periphery)
NO_ROLE = {
    "MedianOracle": {"submit"},
    "IndexVault": {
        *("approve", "transfer", "transferFrom", "permit", "flashLoan", "mint", "redeem", "redeem_skipping", "claim"),
        *(
            "deposit_float",
            "withdraw_float",
            "mint_from_float",
            "redeem_to_float",
            "carry_float",
            "sync",
            "sweep_surplus",
        ),
        # Of the factory and the auction house, which are code.
        *("initialize", "begin_auction", "settle", "end_auction"),
    },
    "AuctionHouse": {"bid"},
    "NavDesk": {
        *("request_buy", "request_sell", "settle", "expire", "deposit", "withdraw", "withdraw_in_kind"),
        # The maker's, with its own money: a program's work, not a person's.
        *("deposit_float", "withdraw_float", "redeem_to_float", "claim_float"),
    },
}
"""What changes something and is for anybody, or for code."""


def reached() -> set[tuple[str, str]]:
    """(contract, function) of every call that scripts/management can build, read from its source."""
    found = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1):
                continue
            first, second = node.args[:2]
            if not isinstance(second, ast.Constant):
                continue
            if node.func.id in ("_action", "_waiting"):
                keys = [rebalance.HOUSE if node.func.id == "_action" else "vault"]
            elif node.func.id != "Action":
                continue
            elif isinstance(first, ast.Constant):
                keys = [first.value]
            elif hasattr(module, first.id):
                keys = [getattr(module, first.id)]
            else:
                # Of several contracts: those that the command takes.
                command = manage.cli.commands[second.value.replace("_", "-")]
                keys = next(each for each in command.params if each.name == first.id).type.choices
            found |= {(actions.KINDS[key], second.value) for key in keys}
    return found


def test_every_function_of_a_role__has_an_action() -> None:
    """A new one has to get an action, or to be named above as for anybody."""
    there = {
        (kind, entry["name"])
        for kind in actions.KINDS.values()
        for entry in load_abi(kind)
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    nobodys = {(kind, name) for kind, names in NO_ROLE.items() for name in names}
    assert there - nobodys == reached()
    assert nobodys <= there


def test_every_action__is_a_command() -> None:
    """Each public function of the modules that gives an Action can be reached by somebody who types."""
    made = [
        (module.__name__, name)
        for module in MODULES
        for name, built in vars(module).items()
        if getattr(built, "__annotations__", {}).get("return") == "Action" and not name.startswith("_")
    ]
    assert len(manage.cli.commands) == len(made) + len({"verify"})
