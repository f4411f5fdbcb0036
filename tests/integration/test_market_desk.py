# SPDX-License-Identifier: AGPL-3.0-only
"""The desk and the market maker on a real chain: the real vault, oracle, router and Uniswap, real transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from scripts.artifacts import compile_contract
from scripts.bench import players
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain
from tests.helpers.anvil import Anvil
from tests.helpers.market import connect

from plumbline.chain.rpc import Rpc
from plumbline.clock import SystemClock
from plumbline.core.desk import Hedge
from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.keeper.desk import Desk
from plumbline.keeper.outcome import Outcome
from plumbline.store.desk import DeskJournal
from plumbline.store.trades import TradeJournal
from plumbline.trader.service import Trader

pytestmark = pytest.mark.anvil

MAX_AGE_S = 3_600
SETTINGS = {
    "position_shares": "400",
    "band_shares": "100",
    "hedge_from_shares": "25",
    "target_shares": "1000",
    "max_cost_bps": 100,
}


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[str, Chain]]:
    """The market, with a desk that has shares and quote for a thousand each."""
    with Anvil() as anvil:
        chain, parameters = Chain(connect(anvil.url)), cast.Parameters()
        steps.deploy(chain, parameters)
        steps.opening_round(chain, parameters)
        steps.open_market(chain, parameters)
        players.fund_desk(chain, 1_000, steps.quote_per_share(chain, MAX_AGE_S))
        yield anvil.url, chain


@dataclass
class Stage:
    desk: Desk
    trader: Trader
    journal: TradeJournal
    rpc: Rpc
    chain: Chain


@asynccontextmanager
async def staged(opened: tuple[str, Chain], path: Path, **settings: str | int) -> AsyncIterator[Stage]:
    url, chain = opened
    config = players.desk_config(chain, **SETTINGS | settings)
    with TradeJournal(path / "keeper.sqlite") as journal:
        async with Rpc([url], timeout_s=30) as rpc:
            desk = players.desk(rpc, chain, journal, config, gas_token_usd="1600", max_age_s=MAX_AGE_S)
            trader = Trader(
                players.swapper(rpc, chain, url), SystemClock(), seed=1, interval_s=60, min_bps=50, max_bps=300
            )
            yield Stage(desk, trader, journal, rpc, chain)


async def settle(desk: Desk) -> list[Outcome]:
    """Turns until nothing is left to do."""
    outcomes = []
    while (outcome := await desk.turn()) in (Outcome.HEDGED, Outcome.PLACED):
        outcomes.append(outcome)
        assert len(outcomes) < 6
    assert outcome is Outcome.NEUTRAL, desk.unready()
    return outcomes


def exposure(desk: Desk) -> int:
    assert desk.last is not None
    return desk.last.state.holdings()[0] - 1_000 * WAD


def test_desk__pushed_both_ways__comes_back_into_its_band_and_books_every_unit(opened, tmp_path):
    async def play() -> None:
        async with staged(opened, tmp_path) as stage:
            desk, trader = stage.desk, stage.trader
            assert await settle(desk) == [Outcome.PLACED]
            assert abs(exposure(desk)) < WAD
            for bps, outcome in ((900, Outcome.HEDGED), (-900, Outcome.HEDGED)):
                await trader.push(bps)
                assert await desk.turn() is outcome
                assert abs(exposure(desk)) <= 100 * WAD
            await settle(desk)
            # A second desk over the same journal knows all of it.
            earned = DeskJournal(stage.journal.database).total()
            assert earned == desk.earned
            assert earned.fees > 0 > earned.hedging
            assert earned.gas < 0

    asyncio.run(play())


def test_desk__its_key_sends_something_else_after_the_look__what_was_decided_is_never_mined(opened, tmp_path):
    """As another replica would: both decided on one block, and one of them acts."""

    async def play() -> None:
        async with staged(opened, tmp_path) as stage:
            desk, me = stage.desk, players.DESK_KEY.address
            await settle(desk)
            await stage.trader.push(900)
            venue = desk._venue
            state = (await venue.snapshot()).state
            share = stage.chain.at("vault", compile_contract("IndexVault").abi)
            stage.chain.send(share.functions.transfer(me, 0), stage.chain.web3.to_checksum_address(me))
            with pytest.raises(ChainError, match="nonce"):
                await venue.hedge(Hedge(10 * WAD), state.quote)
            # The next look starts from there.
            assert await desk.turn() is Outcome.HEDGED

    asyncio.run(play())
