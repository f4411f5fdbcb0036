# SPDX-License-Identifier: AGPL-3.0-only
"""Keeper and trader on a real chain: the real vault, oracle, arbitrageur and Uniswap, real transactions."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from scripts.artifacts import compile_contract
from scripts.bench import players
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.market import connect

from plumbline.chain.keystore import write_keystore
from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Header, Rpc
from plumbline.chain.swapper import ChainSwapper
from plumbline.clock import SystemClock
from plumbline.config import KeeperConfig
from plumbline.core.arbitrage import Side, band, best_trade, evaluate
from plumbline.errors import ChainError
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.parity import Parity
from plumbline.keeper.rules import KeeperRules
from plumbline.keeper.service import Keeper
from plumbline.store.trades import TradeJournal
from plumbline.trader.service import Trader

pytestmark = pytest.mark.anvil

GAS_TOKEN_USD = "1600"
MAX_AGE_S = 3_600
DUST = 25
"""{quote units} The streaming fee of the seconds between a look and the block that follows it, on some thousand USD."""


def open_market(url: str) -> Chain:
    """Everything deployed, the opening prices published, the pool at NAV."""
    chain, parameters = Chain(connect(url)), cast.Parameters()
    steps.deploy(chain, parameters)
    steps.opening_round(chain, parameters)
    steps.open_market(chain, parameters)
    return chain


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[str, Chain]]:
    with Anvil() as anvil:
        yield anvil.url, open_market(anvil.url)


@pytest.fixture
def stage(opened: tuple[str, Chain]) -> Iterator[tuple[str, Chain]]:
    """The same chain for every test, as it was when it opened."""
    url, chain = opened
    before = rpc(url, "evm_snapshot")
    yield url, chain
    assert rpc(url, "evm_revert", before)


@dataclass
class Cast:
    """Keeper and trader, ready to act on one chain."""

    chain: Chain
    rpc: Rpc
    venue: ChainParity
    swapper: ChainSwapper
    keeper: Parity
    loop: Keeper
    trader: Trader
    journal: TradeJournal
    config: KeeperConfig

    def wealth(self) -> list[int]:
        """The keeper's components, float included."""
        arbitrageur = self.chain.address("arbitrageur")
        floats = self.chain.at("vault", compile_contract("IndexVault").abi).functions.float_of(arbitrageur).call()
        held = [self.token(token.symbol).balanceOf(cast.address("keeper")).call() for token in cast.COMPONENTS]
        return [one + other for one, other in zip(held, floats, strict=True)]

    def token(self, symbol: str):
        return self.chain.at(f"token {symbol}", compile_contract("MockERC20").abi).functions

    def left_behind(self) -> list[int]:
        """What the arbitrageur holds and what it still allows the vault to take."""
        arbitrageur, vault = self.chain.address("arbitrageur"), self.chain.address("vault")
        shares = self.chain.at("vault", compile_contract("IndexVault").abi).functions
        left = [shares.balanceOf(arbitrageur).call()]
        for token in cast.COMPONENTS:
            functions = self.token(token.symbol)
            left += [functions.balanceOf(arbitrageur).call(), functions.allowance(arbitrageur, vault).call()]
        return left


@asynccontextmanager
async def playing(
    url: str, chain: Chain, folder: Path, *funding: str, fallback: str | None = None
) -> AsyncIterator[Cast]:
    config = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    with TradeJournal(folder / "keeper.sqlite") as journal:
        urls = [url] if fallback is None else [url, fallback]
        async with Rpc([url], timeout_s=20) as other, Rpc(urls, timeout_s=20, compare_every_s=0.0) as client:
            venue, swapper = players.parity(client, config), players.swapper(other, chain, url)
            rules = KeeperRules(int(GAS_TOKEN_USD) * 10**18, funding=funding or ("float",))
            keeper = Parity(venue, journal, rules)
            loop = Keeper(venue.head, [keeper], keeper.metrics)
            trader = Trader(swapper, SystemClock(), seed=1, interval_s=60, min_bps=50, max_bps=300)
            yield Cast(chain, client, venue, swapper, keeper, loop, trader, journal, config)


@pytest.mark.parametrize("funding", ["float", "flash"])
@pytest.mark.parametrize(("bps", "side"), [(200, Side.PREMIUM), (-200, Side.DISCOUNT)])
def test_keeper__after_a_push__brings_the_price_home_and_earns_what_it_journals(stage, tmp_path, bps, side, funding):
    async def main() -> None:
        async with playing(*stage, tmp_path, funding) as market:
            await market.trader.push(bps)
            before = market.wealth()
            assert await market.keeper.turn() is Outcome.TRADED
            after = market.wealth()

            (trade,) = market.journal.trades()
            assert trade.side is side
            assert abs(trade.profit - trade.expected) <= DUST
            usd = sum(
                (now - was) * feed.opening * 10**4 // 10 ** (token.decimals + feed.decimals)
                for was, now, token, feed in zip(before, after, cast.COMPONENTS, cast.FEEDS, strict=True)
            )
            # In hundredths of a cent, each component rounded down; the quote opens at exactly one dollar.
            assert abs(usd - trade.profit // 100) <= len(before)
            assert market.left_behind() == [0] * 9

            # Without float the components' own pools take their fee, too.
            slack_bps = {"float": 1, "flash": 25}[funding]
            low, high = band((await market.venue.snapshot()).market, slack_bps)
            premium = (await market.venue.snapshot()).market.premium
            assert low <= premium <= high
            assert await market.keeper.turn() in (Outcome.INSIDE, Outcome.TOO_SMALL)

    asyncio.run(main())


def test_keeper__an_hour_of_pushes__never_loses_and_never_leaves_anything_behind(stage, tmp_path):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            rng = random.Random(60)
            for _ in range(15):
                await market.trader.push(rng.choice((-1, 1)) * rng.randint(50, 300))
                assert await market.keeper.turn() is Outcome.TRADED
                assert market.left_behind() == [0] * 9
            trades = market.journal.trades()
            assert len(trades) == 15
            assert min(trade.net for trade in trades) > 0

    asyncio.run(main())


@pytest.mark.parametrize("bps", [250, -250])
def test_sizing__every_other_size_on_the_real_contracts__earns_no_more(stage, tmp_path, bps):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            await market.trader.push(bps)
            seen = (await market.venue.snapshot()).market
            best = best_trade(seen)
            assert best is not None
            profit, _ = await market.venue.simulate(best, 0)
            for percent in (10, 50, 80, 95, 99, 101, 105, 120, 150):
                legs = tuple(replace(leg, amount=leg.amount * percent // 100) for leg in best.share_legs)
                other = evaluate(seen, best.side, legs)
                # Down to a loss: the contract refuses those, whatever is asked.
                if other.profit > DUST:
                    real, _ = await market.venue.simulate(other, 0)
                    assert real <= profit
                    assert abs(real - other.profit) <= DUST

    asyncio.run(main())


def test_execute__reverts_when_mined__tells_the_gas_and_the_reason(stage, tmp_path):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            await market.trader.push(200)
            trade = best_trade((await market.venue.snapshot()).market)
            before_wei = market.chain.web3.eth.get_balance(cast.address("keeper"))
            lost = await market.venue.execute(trade, 10**30, 1_000_000, 0, 10**12)
            assert (lost.what, lost.amount, lost.profit) == ("", 0, 0)
            assert lost.reverted == "arbitrageur: profit too small"
            paid_wei = before_wei - market.chain.web3.eth.get_balance(cast.address("keeper"))
            assert lost.gas_used * lost.gas_price_wei == paid_wei > 0

    asyncio.run(main())


def test_keeper__oracle_grows_stale__stops_trading_until_the_next_round(stage, tmp_path):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            await market.trader.push(200)
            rpc(stage[0], "evm_increaseTime", MAX_AGE_S + 60)
            rpc(stage[0], "evm_mine")
            sent = market.chain.web3.eth.get_transaction_count(cast.address("keeper"))
            assert await market.keeper.turn() is Outcome.NO_PRICE
            assert market.chain.web3.eth.get_transaction_count(cast.address("keeper")) == sent
            steps.opening_round(market.chain, cast.Parameters())
            assert await market.keeper.turn() is Outcome.TRADED

    asyncio.run(main())


def test_keeper__one_component_short__trades_what_the_rest_allows(stage, tmp_path):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            await market.trader.push(300)
            rich = best_trade((await market.venue.snapshot()).market)
            arbitrageur = market.chain.at("arbitrageur", compile_contract("ParityArbitrageur").abi).functions
            spare = (cast.Parameters().inventory_shares - 10) * cast.component("EURC").per_share
            market.chain.send(arbitrageur.withdraw_float([0, 0, 0, spare]), cast.address("keeper"))
            assert await market.keeper.turn() is Outcome.TRADED
            (trade,) = market.journal.trades()
            assert 9 * 10**18 < trade.shares < 10 * 10**18 < rich.shares
            assert await market.keeper.turn() is Outcome.NO_INVENTORY

    asyncio.run(main())


def test_keeper__journal_lost_its_last_trade__finds_it_in_the_contract_s_events(stage, tmp_path):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            await market.loop.look()
            for bps in (200, -200):
                await market.trader.push(bps)
                await market.loop.look()
            first, last = market.journal.trades()
        (tmp_path / "kept").mkdir()
        async with playing(*stage, tmp_path / "kept") as market:
            market.journal.append(first)
            restarted = Parity(market.venue, market.journal, KeeperRules(int(GAS_TOKEN_USD) * 10**18))
            await restarted.turn()
            # The quote token's price and the gas are the same, so all of it is; but nobody knows what was expected.
            found = market.journal.trades()[1]
            assert found == replace(last, expected=None, at_s=found.at_s)

    asyncio.run(main())


def test_keeper__cannot_pay_for_gas__is_an_alarm_until_it_can(stage, tmp_path):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            await market.trader.push(200)
            keeper = cast.address("keeper")
            rpc(stage[0], "anvil_setBalance", keeper, "0x1")
            await market.loop.look()
            assert market.keeper.outcome is Outcome.NO_GAS
            assert market.loop.unready() == f"no gas: {keeper} cannot pay for its gas"
            rpc(stage[0], "anvil_setBalance", keeper, hex(10**20))
            rpc(stage[0], "evm_mine")
            await market.loop.look()
            assert market.keeper.outcome is Outcome.TRADED
            assert market.loop.unready() == ""

    asyncio.run(main())


def test_keeper__its_trade_is_reorganised_away__sees_the_pools_as_they_are_and_trades_again(stage, tmp_path):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            await market.loop.look()
            await market.trader.push(200)
            before = rpc(stage[0], "evm_snapshot")
            await market.loop.look()
            assert market.keeper.outcome is Outcome.TRADED
            assert rpc(stage[0], "evm_revert", before)
            # Another block in the place of that of the trade.
            rpc(stage[0], "evm_mine")
            await market.loop.look()
            assert market.keeper.outcome is Outcome.TRADED
            nonces = market.chain.web3.eth.get_transaction_count(cast.address("keeper"))
            await market.loop.look()
            assert market.keeper.outcome in (Outcome.INSIDE, Outcome.TOO_SMALL)
            assert market.chain.web3.eth.get_transaction_count(cast.address("keeper")) == nonces

    asyncio.run(main())


def test_keeper__an_endpoint_shows_other_blocks__sends_nothing_until_they_agree(stage, tmp_path):
    url, chain = stage

    async def main(liar: Anvil) -> None:
        async with playing(url, chain, tmp_path, fallback=liar.url) as market:
            await market.trader.push(200)
            sent = chain.web3.eth.get_transaction_count(cast.address("keeper"))
            await market.loop.look()
            height = chain.web3.eth.block_number - 3
            assert market.loop.unready() == f"endpoints disagree: {liar.url} shows another block {height}"
            assert chain.web3.eth.get_transaction_count(cast.address("keeper")) == sent
            await asyncio.to_thread(liar.stop)
            await market.loop.look()
            assert market.keeper.outcome is Outcome.TRADED

    with Anvil() as liar:
        rpc(liar.url, "anvil_mine", hex(chain.web3.eth.block_number + 1))
        asyncio.run(main(liar))


@pytest.mark.parametrize("lie", ["hash", "parent", "time and fee"])
def test_snapshot__told_of_a_block_that_is_none__is_of_the_one_that_is(stage, tmp_path, lie):
    async def main() -> None:
        async with playing(*stage, tmp_path) as market:
            told: list[Header] = []
            sender = players.sender(market.rpc, "keeper")
            venue = ChainParity(market.rpc, sender, market.config, lambda: told.pop() if told else None)
            await venue.head()
            known = await venue.snapshot()
            for bps in (100, -50):
                await market.trader.push(bps)
            head = await market.rpc.header()
            lies = {
                "hash": replace(head, hash=b"\1" * 32),
                # As if no block had come between: one of the two swaps would never be seen.
                "parent": replace(head, parent=(await market.rpc.header(known.block)).hash),
                "time and fee": replace(head, timestamp=1, base_fee_wei=10**18),
            }
            told.append(lies[lie])
            assert await venue.head() == lies[lie].hash
            seen, honest = await venue.snapshot(), await market.venue.snapshot()
            assert (seen.block, seen.at_s, seen.gas_price_wei) == (honest.block, honest.at_s, honest.gas_price_wei)
            assert seen.market.share == honest.market.share != known.market.share
            assert seen.cycle == honest.cycle

    asyncio.run(main())


def test_keeper__arbitrageur_of_somebody_else__refuses_to_start(stage):
    url, chain = stage
    config = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)

    async def main() -> None:
        async with Rpc([url], timeout_s=20) as client:
            venue = ChainParity(client, players.sender(client, "trader"), config)
            with pytest.raises(ChainError, match="belongs to"):
                await venue.snapshot()

    asyncio.run(main())


def test_keeper__config_names_another_oracle__refuses_to_start(stage):
    url, chain = stage
    config = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    chain_section = type(config.chain)(rpc_url=url, oracle=chain.address("vault"))
    fields = {name: getattr(config, name) for name in config.__struct_fields__} | {"chain": chain_section}

    async def main() -> None:
        async with Rpc([url], timeout_s=20) as client:
            with pytest.raises(ChainError, match="three oracles"):
                await players.parity(client, type(config)(**fields)).snapshot()

    asyncio.run(main())


def test_keeper__chain_is_restarted__finds_everything_again_and_trades(tmp_path):
    with Anvil() as anvil:
        chain = open_market(anvil.url)

        async def main() -> None:
            async with playing(anvil.url, chain, tmp_path) as market:
                await market.trader.push(200)
                await market.loop.look()
                assert market.keeper.outcome is Outcome.TRADED
                anvil.stop()
                await market.loop.look()
                assert market.loop.unready() != ""
                anvil.start()
                await market.loop.look()
                assert market.loop.unready() != ""
                open_market(anvil.url)
                await market.trader.push(-200)
                await market.loop.look()
                assert market.loop.unready() == ""
                assert [trade.side for trade in market.journal.trades()] == [Side.PREMIUM, Side.DISCOUNT]

        asyncio.run(main())


def test_keeper_process__on_a_pushed_pool__trades_and_stops_cleanly(stage, tmp_path):
    url, chain = stage
    write_keystore(tmp_path / "keeper.json", bytes(cast.account("keeper").key), "secret", scrypt_n=2)
    (tmp_path / "keeper.toml").write_text(
        f"""
        arbitrageur = "{chain.address("arbitrageur")}"
        gas_token_usd = "{GAS_TOKEN_USD}"
        max_age_s = {MAX_AGE_S}
        poll_ms = 50
        journal = "keeper.sqlite"
        chain = {{ rpc_url = "{url}", oracle = "{chain.address("oracle")}" }}
        key = {{ keystore = "keeper.json", password_env = "KEEPER_PASSWORD" }}
        http = {{ port = 0 }}
        tx = {{ priority_fee_gwei = 0 }}
        """
    )
    environment = os.environ | {"KEEPER_PASSWORD": "secret"}
    command = [sys.executable, "-m", "plumbline.cli", "keeper"]
    arguments = ["--config", str(tmp_path / "keeper.toml")]
    checked = subprocess.run([*command, "check", *arguments], env=environment, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "4 components; premium" in checked.stdout

    async def push() -> None:
        async with playing(url, chain, tmp_path / "own") as market:
            await market.trader.push(200)

    asyncio.run(push())
    with subprocess.Popen([*command, "run", *arguments], env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            traded = next(line for line in process.stderr if json.loads(line)["event"] == "traded")
            assert json.loads(traded)["side"] == "premium"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
