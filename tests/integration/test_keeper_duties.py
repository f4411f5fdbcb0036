# SPDX-License-Identifier: AGPL-3.0-only
"""What a keeper does beside trading, on a real chain: fees, float of what left the index, alarms about the oracle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from scripts.artifacts import compile_contract
from scripts.bench import players
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain
from tests.helpers.anvil import rpc
from tests.helpers.stage import deployed, undone

from plumbline.chain.chores import ChainChores
from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.chain.typed_data import domain_separator, row_digest
from plumbline.core.models import Row, SignedRow
from plumbline.core.units import WAD
from plumbline.keeper.chores import Chores
from plumbline.keeper.oracle_watch import OracleWatch
from plumbline.metrics import KeeperMetrics

pytestmark = pytest.mark.anvil
PARAMETERS = cast.QUIET
KEEP = 2**256 - 1
DAY_S = 86_400
MONTH_S = 30 * DAY_S
MIN_FEES = 100 * WAD


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[str, Chain]]:
    with deployed(PARAMETERS) as (anvil, chain):
        yield anvil.url, chain


@pytest.fixture
def stage(opened: tuple[str, Chain]) -> Iterator[tuple[str, Chain]]:
    with undone(opened[0]):
        yield opened


def wait(url: str, seconds: int) -> None:
    rpc(url, "evm_increaseTime", seconds)
    rpc(url, "evm_mine")


def functions(chain: Chain, key: str, name: str) -> Any:
    return chain.at(key, compile_contract(name).abi).functions


def token(chain: Chain, symbol: str) -> Any:
    return functions(chain, f"token {symbol}", "MockERC20")


@asynccontextmanager
async def doing_chores(url: str, chain: Chain) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """A look at what is due, as if it were time for one."""
    async with Rpc([url], timeout_s=20) as client:

        async def vault() -> str:
            return chain.address("vault")

        sender = players.sender(client, "keeper")
        chores = Chores(ChainChores(client, sender, vault, DAY_S, chain.address("arbitrageur")), MIN_FEES)

        async def look() -> str:
            chores._blocks = 0
            return await chores.turn()

        yield look


def test_chores__a_month_of_fees__is_minted_to_their_recipient_once_the_index_has_a_price(stage):
    async def main() -> None:
        url, chain = stage
        vault = functions(chain, "vault", "IndexVault")
        async with doing_chores(url, chain) as look:
            # Of the shares that were minted at the beginning.
            assert await look() == "done"
            wait(url, MONTH_S)
            # Worth collecting, but nobody knows: the last price is a month old.
            assert await look() == "nothing due"
            steps.opening_round(chain, PARAMETERS)
            before = vault.balanceOf(cast.address("owner")).call()
            assert await look() == "done"
            assert vault.balanceOf(cast.address("owner")).call() - before >= MIN_FEES // vault.nav(DAY_S).call()
            assert await look() == "nothing due"

    asyncio.run(main())


def drop_eurc(url: str, chain: Chain) -> None:
    """A rebalance sells all of it for USDC."""
    owner, bidder = cast.address("owner"), cast.address("liquidity-provider")
    house, vault = functions(chain, "auction house", "AuctionHouse"), chain.address("vault")
    units = [KEEP, cast.component("USDC").per_share * 2 * WAD, KEEP, 0]
    chain.send(house.propose(vault, (units, [], 0, 10_100, 9_900, 3_600, 3_600)), owner)
    wait(url, DAY_S)
    steps.opening_round(chain, PARAMETERS)
    chain.send(house.open(vault), owner)
    chain.send(token(chain, "USDC").approve(vault, KEEP), bidder)
    pair = chain.address("token EURC"), chain.address("token USDC")
    chain.send(house.bid(vault, *pair, KEEP // 2, 0, KEEP, b""), bidder)
    chain.send(house.close(vault), owner)
    assert chain.read(functions(chain, "vault", "IndexVault").float_generation()) == 1


def test_chores__component_leaves_the_index__its_float_comes_home_and_the_rest_is_float_again(stage):
    async def main() -> None:
        url, chain = stage
        arbitrageur = chain.address("arbitrageur")
        vault = functions(chain, "vault", "IndexVault")
        floats = vault.float_of(arbitrageur).call()
        held = token(chain, "EURC").balanceOf(cast.address("keeper")).call()
        drop_eurc(url, chain)
        assert vault.float_of(arbitrageur).call() == [0, 0, 0]
        async with doing_chores(url, chain) as look:
            assert await look() == "done"
            assert vault.float_of(arbitrageur).call() == floats[:3]
            assert await look() == "done"
            assert token(chain, "EURC").balanceOf(cast.address("keeper")).call() - held == floats[3]
            sent = chain.web3.eth.get_transaction_count(cast.address("keeper"))
            assert await look() == "nothing due"
        # Started anew, it finds in the events that all of it is done.
        async with doing_chores(url, chain) as look:
            assert await look() == "nothing due"
            assert chain.web3.eth.get_transaction_count(cast.address("keeper")) == sent

    asyncio.run(main())


def test_chores__own_claim_on_what_has_left__is_paid(stage):
    """Kept by a redeem that skipped it, while it was still a component."""

    async def main() -> None:
        url, chain = stage
        keeper, vault = cast.address("keeper"), functions(chain, "vault", "IndexVault")
        chain.send(vault.transfer(keeper, 10 * WAD), cast.address("trader"))
        chain.send(vault.redeem_skipping(10 * WAD, keeper, [0] * 4, 1 << 3, KEEP), keeper)
        owed = vault.claim_of(keeper, chain.address("token EURC")).call()
        assert owed > 0
        drop_eurc(url, chain)
        before = token(chain, "EURC").balanceOf(keeper).call()
        async with doing_chores(url, chain) as look:
            assert await look() == "done"
        assert token(chain, "EURC").balanceOf(keeper).call() - before == owed

    asyncio.run(main())


def test_chores__a_component_has_lost_a_part__the_loss_is_shared_once(stage):
    """Half of what the index holds of a token is gone: taken out by the token itself, here by who may be the index."""

    async def main() -> None:
        url, chain = stage
        vault, where = functions(chain, "vault", "IndexVault"), chain.address("vault")
        async with doing_chores(url, chain) as look:
            # Fees that are pending from the beginning.
            await look()
            place = [str(each) for each in vault.components().call()[0]].index(chain.address("token EURC"))
            unit = vault.components().call()[1][place]
            rpc(url, "anvil_setBalance", where, hex(10**18))
            rpc(url, "anvil_impersonateAccount", where)
            half = token(chain, "EURC").balanceOf(where).call() // 2
            chain.send(token(chain, "EURC").transfer(cast.address("trader"), half), where)
            assert await look() == "done"
            assert vault.components().call()[1][place] == pytest.approx(unit / 2, rel=1e-6)
            assert vault.sync(chain.address("token EURC")).call() == WAD
            assert await look() == "nothing due"

    asyncio.run(main())


async def publish(client: Rpc, chain: Chain, btc_percent: int) -> None:
    """A round of this moment in which bitcoin stands at so much of its opening price."""
    oracle = ChainOracle(client, chain.address("oracle"), players.sender(client, "relayer"))
    config, now_s = await oracle.config(), (await client.header()).timestamp
    prices = [feed.opening for feed in cast.FEEDS]
    prices[0] = prices[0] * btc_percent // 100
    row = Row(config.epoch, now_s // config.period_s * config.period_s, tuple(prices))
    digest = row_digest(domain_separator(config.chain_id, config.address), row)
    signed = [SignedRow(i, row, *players.key(role).sign(digest)) for i, role in enumerate(cast.REPORTERS[:3], start=1)]
    await oracle.submit(row.timestamp, signed)


def test_oracle_watch__feed_is_tripped_then_stale__alarms_until_each_is_over(stage):
    async def main() -> None:
        url, chain = stage
        async with Rpc([url], timeout_s=20) as client:

            async def now_s() -> int:
                return (await client.header()).timestamp

            metrics = KeeperMetrics()
            watch = OracleWatch(ChainOracle(client, chain.address("oracle")), now_s, metrics)
            assert await watch.turn() == "quiet"

            # A jump of half trips the breaker; the guardian is woken by the log, the page and the metric.
            wait(url, 2 * PARAMETERS.period_s)
            await publish(client, chain, 150)
            assert await watch.turn() == "alarm"
            assert watch.unready() == "BTC/USD is tripped"
            assert 'plumbline_keeper_alarms{strategy="oracle-watch"} 1.0' in metrics.render().decode()
            # Further rounds confirm the level.
            for _ in range(3):
                wait(url, 2 * PARAMETERS.period_s)
                await publish(client, chain, 150)
            assert await watch.turn() == "quiet"

            wait(url, PARAMETERS.heartbeat_s * 3 // 2 + 60)
            assert await watch.turn() == "alarm"
            assert watch.unready().count("with a heartbeat of 86400 s") == len(cast.FEEDS)
            await publish(client, chain, 150)
            assert await watch.turn() == "quiet"
            assert watch.unready() == ""

    asyncio.run(main())
