# SPDX-License-Identifier: AGPL-3.0-only
"""Bids on a real chain: the real auction house and index, real Uniswap pools, the bidder's contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from scripts.bench import players
from scripts.bench.arena import ASSETS, FOREVER, HEARTBEAT_S, NOBODY, Arena
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.stage import connected

from plumbline.chain.bids import ChainBids
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.config import ChainConfig, HttpConfig, KeeperConfig, KeyConfig
from plumbline.core.bids import best_bid, fill
from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.keeper.bids import Bids
from plumbline.keeper.limits import Limits
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.rules import KeeperRules
from plumbline.metrics import KeeperMetrics
from plumbline.store.trades import BID, TradeJournal

pytestmark = pytest.mark.anvil
KEEPER = LocalKey(bytes([5] * 32))
KEEP = 2**256 - 1
WBTC, WETH, USDT = 0, 1, 2
START_BPS, FLOOR_BPS, DURATION_S = 10_300, 9_800, 3_600
GAS_TOKEN_USD_WAD = 1_600 * WAD
FREE = {1: Fraction(), 2: Fraction()}


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[str, Arena]]:
    """An auction has just opened: a hundredth of the WETH for USDT, through pools of both tokens and the quote."""
    with Anvil() as anvil, connected(anvil.url) as web3:
        rpc(anvil.url, "anvil_setBalance", KEEPER.address, hex(10**20))
        rpc(anvil.url, "anvil_impersonateAccount", KEEPER.address)
        arena = Arena(web3, web3.eth.accounts[0], web3.to_checksum_address(KEEPER.address))
        arena.open()
        arena.open_pool(arena.vault, 500, 1_000_000)
        for token, tier, usd in ((WETH, 500, 20_000_000), (WETH, 3_000, 10_000_000), (USDT, 500, 50_000_000)):
            arena.open_pool(arena.tokens[token], tier, usd)
        arena.open_pool(arena.tokens[WETH], 3_000, 2_000_000, against=arena.tokens[USDT])
        units = [KEEP, ASSETS[WETH].unit * WAD * 99 // 100, ASSETS[USDT].unit * WAD * 2, KEEP, KEEP]
        plan = (units, [], 0, START_BPS, FLOOR_BPS, DURATION_S, 600)
        arena.send(arena.house.functions.propose(arena.vault.address, plan))
        wait(anvil.url, 86_400)
        arena.publish()
        arena.send(arena.house.functions.open(arena.vault.address))
        yield anvil.url, arena


def wait(url: str, seconds: int) -> None:
    rpc(url, "evm_increaseTime", seconds)
    rpc(url, "evm_mine")


@dataclass
class Street:
    url: str
    arena: Arena
    venue: ChainBids
    bids: Bids
    journal: TradeJournal

    def pass_to(self, seconds: int) -> None:
        """So long after the auction's beginning, at fresh prices."""
        starts_at = self.auction()[1]
        now = self.arena.web3.eth.get_block("latest")["timestamp"]
        wait(self.url, max(starts_at + seconds - now, 1))
        self.arena.publish()

    def auction(self) -> Any:
        return self.arena.house.functions.auction(self.arena.vault.address).call()

    def lots(self) -> tuple[int, int]:
        """({WETH} for sale, {USDT} wanted)"""
        above, below = self.arena.house.functions.lots(self.arena.vault.address).call()
        return above[WETH], below[USDT]

    def held(self) -> int:
        """{WETH} the keeper's."""
        return int(self.arena.tokens[WETH].functions.balanceOf(self.arena.keeper).call())

    def left_behind(self) -> list[int]:
        bidder, found = self.arena.bidder.address, []
        for token in self.arena.tokens:
            found.append(token.functions.balanceOf(bidder).call())
            found.append(token.functions.allowance(bidder, self.arena.vault.address).call())
        return found


@asynccontextmanager
async def bidding(url: str, arena: Arena, folder: Path, *, oracle: str = "", **rules: Any) -> AsyncIterator[Street]:
    config = KeeperConfig(
        chain=ChainConfig(rpc_url=url, oracle=oracle or arena.oracle.address),
        key=KeyConfig(keystore=Path("unused"), password_env="UNUSED"),
        http=HttpConfig(port=0),
        journal=Path("unused"),
        arbitrageur=arena.arbitrageur.address,
        gas_token_usd="1600",
        max_age_s=HEARTBEAT_S,
        tx=players.NO_TIP,
    )
    with TradeJournal(folder / "keeper.sqlite") as journal:
        async with Rpc([url], timeout_s=20) as client:
            venue = ChainBids(client, players.sender_of(client, KEEPER), config, arena.bidder.address)
            bids = Bids(venue, journal, KeeperRules(GAS_TOKEN_USD_WAD, **rules), KeeperMetrics())
            yield Street(url, arena, venue, bids, journal)


@pytest.fixture
def stage(opened: tuple[str, Arena]) -> Iterator[tuple[str, Arena]]:
    url, arena = opened
    before = rpc(url, "evm_snapshot")
    yield url, arena
    assert rpc(url, "evm_revert", before)


def test_bids__price_falls__takes_what_pays_then_the_rest_and_earns_what_it_journals(stage, tmp_path):
    async def main() -> None:
        async with bidding(*stage, tmp_path) as street:
            lot, _ = street.lots()
            street.pass_to(600)
            # Two percent above the oracle's price: nobody pays that.
            assert await street.bids.turn() is Outcome.WAITING
            street.pass_to(2_500)
            before, made = street.held(), 0
            # Below it by a little: a part pays, until the pools have come down as far.
            while await street.bids.turn() is Outcome.BID:
                made += 1
            left, _ = street.lots()
            assert made >= 1
            assert 0 < left < lot
            street.pass_to(3_500)
            while await street.bids.turn() is Outcome.BID:
                made += 1
            assert street.lots()[0] == 0

            records = street.journal.trades()
            assert [record.side for record in records] == [BID] * made
            assert min(record.net for record in records) > 0
            # What is left of the WETH, at 2,500 dollars; the quote is at exactly one. Each is rounded down.
            gained = (street.held() - before) * 2_500 * 10**6 // WAD
            assert 0 <= gained - sum(record.profit for record in records) <= made
            assert all(abs(record.profit - record.expected) <= record.expected // 1_000 + 2 for record in records)
            assert street.left_behind() == [0] * 12

    asyncio.run(main())


def test_bids__sizing__is_the_houses_and_the_pools_own_to_the_unit(stage, tmp_path):
    async def main() -> None:
        async with bidding(*stage, tmp_path) as street:
            street.pass_to(3_000)
            seen = await street.venue.snapshot()
            assert seen is not None
            pair = street.arena.tokens[WETH].address, street.arena.tokens[USDT].address
            for amount in (1, 10**15, 7 * WAD + 3, street.lots()[0], FOREVER // 2):
                told = street.arena.house.functions.quote(street.arena.vault.address, *pair, amount)
                assert list(fill(seen.market, WETH, USDT, amount)) == told.call(block_identifier=seen.block)
            best = best_bid(seen.market, FREE)
            assert best is not None
            # As of the block that was looked at: in the next one the index asks for less.
            call = {"from": street.arena.keeper, "to": street.arena.bidder.address, "data": street.venue._call(best, 0)}
            assert int.from_bytes(street.arena.web3.eth.call(call, seen.block)) == best.profit
            profit, _ = await street.venue.simulate(best, 0)
            assert profit >= best.profit

    asyncio.run(main())


def test_bids__min_edge_above_what_is_left__does_not_bid(stage, tmp_path):
    async def main() -> None:
        async with bidding(*stage, tmp_path, min_edge_usd_wad=10**9 * WAD) as street:
            street.pass_to(3_500)
            assert await street.bids.turn() is Outcome.WAITING

    asyncio.run(main())


def test_bids__limits_and_dry_run__send_nothing(stage, tmp_path):
    async def main() -> None:
        switch = tmp_path / "stop"
        switch.touch()
        for rules, outcome in (
            ({"limits": Limits(kill_switch=switch)}, Outcome.FORBIDDEN),
            ({"dry_run": True}, Outcome.DRY),
        ):
            async with bidding(*stage, tmp_path, **rules) as street:
                street.pass_to(3_500)
                sent = street.arena.web3.eth.get_transaction_count(street.arena.keeper)
                assert await street.bids.turn() is outcome
                assert street.arena.web3.eth.get_transaction_count(street.arena.keeper) == sent
                assert (street.bids.unready() != "") == (outcome is Outcome.FORBIDDEN)

    asyncio.run(main())


def test_bids__somebody_takes_the_lot_between_look_and_bid__is_refused_by_the_simulation(stage, tmp_path):
    async def main() -> None:
        async with bidding(*stage, tmp_path) as street:
            street.pass_to(3_500)
            seen = await street.venue.snapshot()
            assert seen is not None
            bid = best_bid(seen.market, FREE)
            assert bid is not None
            arena = street.arena
            call = arena.house.functions.bid(
                arena.vault.address, arena.tokens[WETH].address, arena.tokens[USDT].address, FOREVER // 2, 0, KEEP, b""
            )
            arena.send(call)
            with pytest.raises(ChainError, match="auction: "):
                await street.venue.simulate(bid, 1)
            assert await street.bids.turn() in (Outcome.WAITING, Outcome.BID)

    asyncio.run(main())


def test_bids__auction_over_or_paused__has_nothing_to_do(stage, tmp_path):
    async def main() -> None:
        async with bidding(*stage, tmp_path) as street:
            street.arena.send(street.arena.house.functions.pause(street.arena.vault.address))
            assert await street.bids.turn() is Outcome.NO_AUCTION
            street.arena.send(street.arena.house.functions.unpause(street.arena.vault.address))
            wait(street.url, DURATION_S + 60)
            assert await street.bids.turn() is Outcome.NO_AUCTION
            assert street.bids.unready() == ""

    asyncio.run(main())


def test_bids__journal_lost_its_last_bid__finds_it_in_the_contracts_events(stage, tmp_path):
    async def main() -> None:
        async with bidding(*stage, tmp_path) as street:
            street.pass_to(2_600)
            assert await street.bids.turn() is Outcome.BID
            (made,) = street.journal.trades()
        (tmp_path / "kept").mkdir()
        async with bidding(*stage, tmp_path / "kept") as street:
            street.bids._complete_to = made.block
            await street.bids.turn()
            found = street.journal.trades()[0]
            assert (found.tx_hash, found.profit, found.gas_used) == (made.tx_hash, made.profit, made.gas_used)

    asyncio.run(main())


def test_bids__bidder_of_somebody_else__refuses_to_start(stage, tmp_path):
    async def main() -> None:
        async with bidding(*stage, tmp_path) as street:
            other = street.arena.deploy("RebalanceBidder", street.arena.house.address, NOBODY, b"\0" * 32)
            street.venue._contract = other.address
            with pytest.raises(ChainError, match="belongs to"):
                await street.venue.snapshot()

    asyncio.run(main())


def test_bids__config_names_another_oracle_than_the_index__refuses_to_bid(stage, tmp_path):
    """As of an index with yield feeds, and the oracle beneath them: half of its prices would be missing."""

    async def main() -> None:
        async with bidding(*stage, tmp_path, oracle=stage[1].house.address) as street:
            street.pass_to(2_500)
            with pytest.raises(ChainError, match="two oracles"):
                await street.venue.snapshot()

    asyncio.run(main())
