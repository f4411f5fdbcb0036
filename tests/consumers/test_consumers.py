# SPDX-License-Identifier: AGPL-3.0-only
"""The three consumers of docs/integrating.md: compiled, and run against the oracle, as they are printed there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boa
import pytest
from eth.exceptions import Revert
from eth_utils import keccak
from scripts.artifacts import EVM_VERSION, ROOT, compile_contract
from web3 import HTTPProvider, Web3

from tests.consumers.watch import Feed as WatchedFeed
from tests.helpers import rows
from tests.helpers.anvil import Anvil, deploy_oracle
from tests.helpers.feeds import CAST, GUARDIAN, OWNER, Terms
from tests.unit.oracle.conftest import PRICES, START_S, Rounds

HERE = Path(__file__).parent
PAGE = (ROOT / "docs" / "integrating.md").read_text()
BTC, WBTC = 20_000_00000000, 10**8


@pytest.mark.parametrize("name", ["Lender.vy", "Settlement.sol", "watch.py"])
def test_page__prints_the_consumer_that_is_tested(name):
    assert (HERE / name).read_text() in PAGE


def test_page__lists_every_event_to_watch():
    """Whoever watches them misses nothing that people do, and nothing that stops a price."""
    watched = re.search(r"^6\. .*?(?=^7\.)", PAGE, re.DOTALL | re.MULTILINE)
    assert watched is not None
    events = {entry["name"] for entry in compile_contract("MedianOracle").abi if entry["type"] == "event"}
    assert set(re.findall(r"`([A-Z]\w+)`", watched.group())) == events


@pytest.fixture
def rounds() -> Iterator[Rounds]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield Rounds()


# ------------------------------------------------------------------ Vyper


@pytest.fixture
def lender(rounds: Rounds) -> Any:
    return boa.load(str(HERE / "Lender.vy"), rounds.oracle.address, compiler_args={"evm_version": EVM_VERSION})


def test_lender__on_a_fresh_price__lends_four_fifths(rounds, lender):
    rounds.agree(*PRICES)
    assert lender.max_debt(WBTC) == 16_000_000000
    assert lender.max_debt(1) == 160
    assert lender.max_debt(0) == 0


def test_lender__without_a_price__reverts_with_the_oracles_reason(rounds, lender):
    with boa.reverts("oracle: no quorum yet"):
        lender.max_debt(WBTC)
    rounds.agree(*PRICES)
    boa.env.evm.patch.timestamp += 121
    with boa.reverts("oracle: stale"):
        lender.max_debt(WBTC)
    rounds.oracle.pause(sender=GUARDIAN)
    with boa.reverts("oracle: paused"):
        lender.max_debt(WBTC)


# --------------------------------------------------------------- Solidity

SETTLE_AT = START_S + 10


@pytest.fixture(scope="session")
def settlement_build() -> dict[str, Any]:
    source = {"Settlement.sol": {"content": (HERE / "Settlement.sol").read_text()}}
    outputs = {"*": {"*": ["abi", "evm.bytecode.object"]}}
    wanted = {
        "language": "Solidity",
        "sources": source,
        "settings": {"evmVersion": EVM_VERSION, "outputSelection": outputs},
    }
    compiler = ROOT / "node_modules" / "solc" / "solc.js"
    done = subprocess.run(
        ["node", str(compiler), "--standard-json"], input=json.dumps(wanted), capture_output=True, text=True, check=True
    )
    # solcjs says before the document which callbacks it has.
    built = json.loads(done.stdout[done.stdout.index("{") :])
    assert built.get("errors", []) == []
    return dict(built["contracts"]["Settlement.sol"]["Settlement"])


@pytest.fixture
def settlement(rounds: Rounds, settlement_build: dict[str, Any]) -> Any:
    return deploy_settlement(settlement_build, rounds, SETTLE_AT)


def deploy_settlement(build: dict[str, Any], rounds: Rounds, settle_at: int) -> Any:
    arguments = Web3().codec.encode(["address", "string", "uint256"], [rounds.oracle.address, "BTC/USD", settle_at])
    code = bytes.fromhex(build["evm"]["bytecode"]["object"]) + arguments
    address, _ = boa.env.deploy_code(bytecode=code)
    return boa.loads_abi(json.dumps(build["abi"]), name="Settlement").at(address)


def quotes(rounds: Rounds, at: int, price: int = BTC) -> rows.Bundle:
    return rounds.bundle(*[[price, *PRICES[1:]]] * 3, at=at)


def reverts_with(error: str, call: Callable[..., Any], *arguments: Any) -> None:
    with pytest.raises(boa.BoaError) as raised:
        call(*arguments)
    assert raised.value.call_trace.output[:4] == keccak(text=error)[:4]


def test_settlement__with_the_round_of_its_time__delivers_and_settles_at_once(rounds, settlement):
    boa.env.evm.patch.timestamp = SETTLE_AT
    settlement.deliverAndSettle(quotes(rounds, SETTLE_AT).args)
    assert settlement.settledPrice() == BTC
    assert rounds.oracle.latest_round() == (1, SETTLE_AT)


def test_settlement__when_somebody_was_quicker_with_the_round__settles_all_the_same(rounds, settlement):
    rounds.submit(quotes(rounds, SETTLE_AT))
    settlement.deliverAndSettle(quotes(rounds, SETTLE_AT).args)
    assert settlement.settledPrice() == BTC


@pytest.mark.parametrize("beside_s", [-5, 5])
def test_settlement__with_the_round_of_another_time__reverts(rounds, settlement, beside_s):
    boa.env.evm.patch.timestamp = SETTLE_AT + 5
    bundle = quotes(rounds, SETTLE_AT + beside_s, BTC * 2)
    reverts_with("WrongTime(uint256)", settlement.deliverAndSettle, bundle.args)
    assert settlement.settledPrice() == 0


def test_settlement__before_its_time__reverts(rounds, settlement):
    rounds.submit(quotes(rounds, SETTLE_AT - 5))
    with boa.reverts("oracle: time not reached"):
        settlement.settle()


def test_settlement__after_later_rounds__settles_at_the_round_of_its_time(rounds, settlement):
    for at, price in ((SETTLE_AT, BTC), (SETTLE_AT + 5, BTC + 1)):
        rounds.submit(quotes(rounds, at, price))
    with boa.reverts("oracle: round not newer"):
        settlement.deliverAndSettle(quotes(rounds, SETTLE_AT).args)
    settlement.settle()
    assert settlement.settledPrice() == BTC
    reverts_with("AlreadySettled()", settlement.settle)


def test_settlement__when_nobody_brought_the_round__settles_at_the_answer_that_stood(rounds, settlement):
    for at, price in ((SETTLE_AT - 5, BTC), (SETTLE_AT + 5, BTC + 1)):
        rounds.submit(quotes(rounds, at, price))
    settlement.settle()
    assert settlement.settledPrice() == BTC


def test_settlement__when_the_last_answer_is_too_old__reverts(rounds, settlement_build):
    rounds.submit(quotes(rounds, SETTLE_AT))
    late = deploy_settlement(settlement_build, rounds, SETTLE_AT + 3_605)
    in_time = deploy_settlement(settlement_build, rounds, SETTLE_AT + 3_600)
    rounds.submit(quotes(rounds, SETTLE_AT + 3_610, BTC + 1))
    reverts_with("TooOld(uint256)", late.settle)
    in_time.settle()
    assert in_time.settledPrice() == BTC


def test_settlement__at_a_time_that_is_no_round__cannot_be_made(rounds, settlement_build):
    with pytest.raises(Revert) as error:
        deploy_settlement(settlement_build, rounds, SETTLE_AT + 1)
    assert error.value.args[0] == keccak(text="OffTheGrid()")[:4]


# ---------------------------------------------------------------- web3.py


def test_watch__reads_price_reason_and_history(anvil: Anvil):
    web3 = Web3(HTTPProvider(anvil.url))
    sender = web3.eth.accounts[0]
    artifact = compile_contract("MedianOracle")
    signers = rows.signers(5)
    addresses = [signer.address for signer in signers]
    feeds = [(*feed[:5], tuple(feed.guards)) for feed in CAST]
    address = deploy_oracle(web3, feeds, addresses, Terms(), OWNER, GUARDIAN)
    oracle = web3.eth.contract(address, abi=artifact.abi)
    feed = WatchedFeed(anvil.url, address, artifact.abi, "EUR/USD")
    assert (feed.index, feed.decimals) == (3, 8)
    with pytest.raises(Exception, match="oracle: no quorum yet"):
        feed.price(120)
    assert list(feed.history(10)) == []

    domain = rows.domain_separator(web3.eth.chain_id, address)
    at = web3.eth.get_block("latest")["timestamp"] // 5 * 5
    for place, lane in enumerate((PRICES[3], 0, PRICES[3] + 1)):
        vectors = dict.fromkeys(signers[:3], (*PRICES[:3], lane))
        bundle = rows.bundle(domain, 1, at + 5 * place, vectors, [3] * 4)
        sent = oracle.functions.submit(*bundle.args).transact({"from": sender})
        assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1
    assert feed.price(120) == Decimal("1.06000001")
    assert list(feed.history(10)) == [(at + 10, Decimal("1.06000001")), (at, Decimal("1.06"))]
