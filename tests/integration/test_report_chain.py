# SPDX-License-Identifier: AGPL-3.0-only
"""What a report takes from a real chain: the cost of a rebalance, what collateral earned, gas by who paid it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
from scripts.deployment import cast
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain
from tests.helpers.rebalance import bid_a_quarter, functions, open_usdc_into_eurc, pass_time
from tests.helpers.stage import deployed

from plumbline.client.transport import Runner
from plumbline.overview.settings import OverviewConfig
from plumbline.report.chain import ChainReport, read_chain
from plumbline.report.gather import gather

pytestmark = pytest.mark.anvil
PARAMETERS = Parameters(heartbeat_s=600)
OWNER = cast.address("owner")


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    """A surplus was swept; a rebalance was proposed, opened, bid for twice and closed."""
    with deployed(PARAMETERS) as (_, chain):
        vault, sweep = chain.address("vault"), functions(chain, "vault").sweep_surplus
        chain.send(functions(chain, "token EURC").mint(vault, 10**12), OWNER)
        for _ in range(2):
            chain.send(sweep(chain.address("token EURC")), OWNER)
            pass_time(chain, 700)
        open_usdc_into_eurc(chain, PARAMETERS)
        bid_a_quarter(chain)
        pass_time(chain, 2_400)
        bid_a_quarter(chain)
        chain.send(functions(chain, "auction house").close(vault), OWNER)
        yield chain


def report(chain: Chain, from_s: int = 0, to_s: int = 10**10) -> ChainReport:
    named = {name: chain.address(name) for name in ("oracle", "vault", "arbitrageur")}
    config = OverviewConfig(rpc_url=str(chain.web3.provider.endpoint_uri), **named)
    runner = Runner(config.rpc_url, 10)
    try:
        return runner.run(read_chain(config, from_s, to_s))
    finally:
        runner.close()


def bids(chain: Chain) -> list[dict[str, int]]:
    house = chain.at("auction house", functions(chain, "auction house").abi)
    return [log["args"] for log in house.events.Bid().get_logs(from_block=0)]


def test_rebalancing__is_each_bid_against_the_oracle_of_its_second(chain: Chain) -> None:
    found = report(chain).rebalancing
    first, second = bids(chain)
    assert first["factor_bps"] > 10_000 > second["factor_bps"]
    # A USDC is a dollar to the oracle; what was paid beyond it is the factor.
    sold = [Fraction(bid["sold"], 10**6) for bid in (first, second)]
    assert (found.bids, found.unpriced, found.turnover) == (2, 0, sum(sold))
    factors = [Fraction(bid["factor_bps"] - 10_000, 10_000) for bid in (first, second)]
    assert found.gained == sum(worth * factor for worth, factor in zip(sold, factors, strict=True))


def test_gas__of_steps_and_bids__is_what_their_receipts_say(chain: Chain) -> None:
    found = report(chain)
    house = chain.at("auction house", functions(chain, "auction house").abi)
    spent = {}
    for name in ("RebalanceProposed", "AuctionOpened", "AuctionClosed", "Bid"):
        logs = house.events[name]().get_logs(from_block=0)
        receipts = [chain.web3.eth.get_transaction_receipt(log["transactionHash"]) for log in logs]
        spent[name] = sum(receipt["gasUsed"] * receipt["effectiveGasPrice"] for receipt in receipts)
    assert (found.bid_gas.transactions, found.bid_gas.wei) == (2, spent.pop("Bid"))
    assert (found.step_gas.transactions, found.step_gas.wei) == (3, sum(spent.values()))
    assert found.gas[OWNER.lower()].transactions == 5
    assert found.gas[cast.address("relayer").lower()].transactions == found.rounds == 2


def test_collateral__that_was_swept__is_told_by_component(chain: Chain) -> None:
    [swept] = report(chain).swept
    vault = chain.at("vault", functions(chain, "vault").abi)
    moved = sum(log["args"]["amount"] for log in vault.events.SurplusSwept().get_logs(from_block=0))
    assert (swept.symbol, swept.decimals, swept.amount) == ("EURC", 6, moved)
    assert moved > 0
    told = {section.title: section for section in gather([], lambda name: [], None, report(chain), 0, 1).sections}
    assert [each.name for each in told["Collateral yield"].figures] == ["EURC, swept into the backing"]
    assert "paid against the oracle, of turnover" in [each.name for each in told["Cost of rebalancing"].figures]


def test_period__before_anything__is_empty_and_says_so(chain: Chain) -> None:
    found = report(chain, to_s=1)
    assert (found.rebalancing.bids, found.swept, found.gas, found.rounds) == (0, (), {}, 0)
    told = {section.title: section.missing for section in gather([], lambda name: [], None, found, 0, 1).sections}
    assert told["Cost of rebalancing"].startswith("nothing was proposed")
    assert told["Collateral yield"].startswith("no component with a rate was seen")
