# SPDX-License-Identifier: AGPL-3.0-only
"""IndexLens: a whole index in one call, and what is missing when something about it is broken."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.execution.conftest import open_pool
from tests.unit.periphery.market import BASKET, EURC, FOREVER, USDC, WAD, WBTC, ZERO, Trade, make_index

MAX_AGE_S = 120
NONE = 2**256 - 1
DAY_S = 86_400

# A token whose every answer is for the test to choose: right, or raw bytes, a revert, all gas, a flood.
_ODD_TOKEN = """
# pragma version 0.4.3
# pragma nonreentrancy on
decimals: public(constant(uint8)) = 6
mood: public(uint256)
raw: Bytes[128]

@external
def set_mood(mood: uint256, raw: Bytes[128]):
    self.mood = mood
    self.raw = raw

@external
@view
@raw_return
def symbol() -> Bytes[32800]:
    return self._answer(abi_encode("ODD"))

@external
@view
@raw_return
def balanceOf(account: address) -> Bytes[32800]:
    return self._answer(abi_encode(convert(7, uint256)))

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    return True

@internal
@view
def _answer(kind: Bytes[128]) -> Bytes[32800]:
    if self.mood == 1:
        return self.raw
    if self.mood == 2:
        raise "odd: no"
    if self.mood == 3:
        x: uint256 = 0
        for i: uint256 in range(2**64):
            x = unsafe_add(x, self.mood)
    if self.mood == 4:
        return abi_encode(convert(7, uint256), empty(uint256[1024]))
    return kind
"""
KIND, RAW, REVERTS, GAS_BOMB, FLOOD = range(5)


@pytest.fixture(scope="module")
def lens() -> Any:
    return deployer("IndexLens").deploy()


def snapshot(lens: Any, trade: Trade, **asked: Any) -> Any:
    question = {"account": ZERO, "pool": ZERO, "quote_feed": USDC, "max_age": MAX_AGE_S, **asked}
    return lens.snapshot(question.pop("index", trade.vault.address), *question.values())


def test_snapshot__tells_what_the_index_and_its_tokens_tell(lens: Any, held: Trade):
    boa.env.evm.patch.timestamp += 60
    vault = held.vault
    found = snapshot(lens, held)
    seen = found.overview
    assert (seen.index, seen.known, seen.name, seen.symbol) == (vault.address, True, "Index", "IDX")
    assert (seen.total_supply, seen.pending_fees, seen.supply_cap) == (
        vault.totalSupply(),
        vault.pending_fees(),
        vault.supply_cap(),
    )
    assert (seen.mint_fee_bps, seen.redeem_fee_bps, seen.streaming_fee_bps) == vault.fees() == (5, 5, 50)
    assert (seen.owner, seen.guardian, seen.fee_recipient) == (held.owner, ZERO, held.owner)
    assert (seen.registry, seen.oracle) == (ZERO, held.oracle.address)
    assert (seen.paused, seen.wound_down, seen.in_auction) == (False, False, False)
    assert (seen.nav, seen.nav_reason) == (vault.nav(MAX_AGE_S), "")

    tokens, units = vault.components()
    worths = [Fraction(unit * price, 10 ** (d + 8)) for unit, (_, d, _, price) in zip(units, BASKET, strict=True)]
    for i, component in enumerate(found.components):
        symbol, decimals, _, price = BASKET[i]
        assert (component.token, component.symbol, component.decimals) == (tokens[i], symbol, decimals)
        assert component.unit == units[i]
        assert component.balance == held.tokens[i].balanceOf(vault.address)
        assert 0 <= component.balance - component.backing <= 1
        assert (component.feed, component.price, component.price_decimals, component.reason) == (i, price, 8, "")
        assert component.worth == int(worths[i])
        assert component.weight_bps == int(worths[i] * 10_000 / sum(worths))
        assert not component.rebasing
    assert len(found.components) == 4
    assert found.market == (ZERO, 0, 0, "")
    assert found.holding == (0, [], [])


def test_snapshot__of_a_stale_oracle__tells_the_reason_and_the_rest(lens: Any, held: Trade):
    boa.env.evm.patch.timestamp += MAX_AGE_S + 1
    found = snapshot(lens, held)
    assert (found.overview.nav, found.overview.nav_reason) == (0, "oracle: stale")
    assert found.overview.known
    assert [c.reason for c in found.components] == ["oracle: stale"] * 4
    assert [(c.price, c.worth, c.weight_bps) for c in found.components] == [(0, 0, 0)] * 4
    assert [c.symbol for c in found.components] == [symbol for symbol, *_ in BASKET]


def test_snapshot__without_the_price_of_one__weighs_the_others(lens: Any, held: Trade):
    held.oracle.set_price(WBTC, 0)
    found = snapshot(lens, held)
    assert (found.overview.nav, found.overview.nav_reason) == (0, "oracle: no quorum yet")
    assert (found.components[WBTC].reason, found.components[WBTC].weight_bps) == ("oracle: no quorum yet", 0)
    assert 9_990 < sum(c.weight_bps for c in found.components) <= 10_000
    assert all(c.reason == "" and c.worth > 0 for c in found.components[1:])


def test_snapshot__of_an_oracle_without_code__tells_that_there_is_no_answer(lens: Any, held: Trade):
    boa.env.evm.vm.state.set_code(bytes.fromhex(held.oracle.address[2:]), b"")
    found = snapshot(lens, held)
    assert found.overview.known
    assert found.overview.nav == 0
    assert [c.reason for c in found.components] == ["no answer"] * 4


def test_snapshot__of_what_is_no_index__is_empty_and_says_so(lens: Any, held: Trade):
    for stranger in (held.usdc.address, held.depositor, ZERO):
        found = snapshot(lens, held, index=stranger)
        assert (found.overview.index, found.overview.known) == (stranger, False)
        assert found.components == []


# ---- odd tokens


@pytest.fixture
def odd_index(trade: Trade) -> Any:
    token = boa.loads(_ODD_TOKEN)
    vault = make_index(trade.factory, [token, trade.usdc], [1_000_000, 10_000_000], trade.oracle, trade.owner)
    vault.odd = token
    return vault


def words(*each: int) -> bytes:
    return b"".join(word.to_bytes(32) for word in each)


@pytest.mark.parametrize(
    ("mood", "raw", "symbol", "balance"),
    [
        (KIND, b"", "ODD", 7),
        (RAW, b"MKR".ljust(32, b"\0"), "MKR", int.from_bytes(b"MKR".ljust(32, b"\0"))),
        (RAW, b"X" * 32, "X" * 32, int.from_bytes(b"X" * 32)),
        (RAW, b"", "", NONE),
        (RAW, b"\x01" * 31, "", NONE),
        (RAW, words(32, 2**256 - 1) + b"LONG".ljust(32, b"-"), "LONG" + "-" * 28, 32),
        (RAW, words(32, 0), "", 32),
        (RAW, words(32, 3), "", 32),
        (RAW, words(2**256 - 1, 3, 5), "", 2**256 - 1),
        (REVERTS, b"", "", NONE),
        (GAS_BOMB, b"", "", NONE),
        (FLOOD, b"", "", 7),
    ],
)
def test_components__with_an_odd_token__tell_what_it_tells_and_the_other_whole(
    lens: Any, trade: Trade, odd_index: Any, mood: int, raw: bytes, symbol: str, balance: int
):
    odd_index.odd.set_mood(mood, raw)
    odd, usdc = lens.components(odd_index.address, MAX_AGE_S)
    assert (odd.symbol, odd.balance, odd.decimals) == (symbol, balance, 6)
    assert (odd.price, odd.weight_bps > 0) == (BASKET[WBTC][3], True)
    assert (usdc.symbol, usdc.balance, usdc.price) == ("USDC", 0, BASKET[USDC][3])
    assert snapshot(lens, trade, index=odd_index.address).components == [odd, usdc]


@pytest.mark.parametrize("mood", [REVERTS, GAS_BOMB])
def test_components__of_an_index_that_a_rebasing_token_stops__are_read_as_written(
    lens: Any, trade: Trade, odd_index: Any, mood: int
):
    odd_index.set_rebasing(odd_index.odd.address, True, sender=trade.owner)
    before = lens.components(odd_index.address, MAX_AGE_S)
    assert [c.rebasing for c in before] == [True, False]
    odd_index.odd.set_mood(mood, b"")
    found = snapshot(lens, trade, index=odd_index.address, account=trade.depositor)
    assert found.overview.known
    assert (found.overview.nav, found.overview.nav_reason != "") == (0, True)
    assert [c.unit for c in found.components] == [c.unit for c in before]
    assert found.holding.claims == [0, 0]


def test_snapshot__of_thirty_two_gas_bombs__fits_a_block(lens: Any, trade: Trade):
    bombs = [boa.loads(_ODD_TOKEN) for _ in range(32)]
    oracle = deployer("MockOracle").deploy([f"F{i}/USD" for i in range(32)], [8] * 32)
    for feed in range(32):
        oracle.set_price(feed, 10**8)
    vault = make_index(trade.factory, bombs, [1_000_000] * 32, oracle, trade.owner)
    for bomb in bombs:
        bomb.set_mood(GAS_BOMB, b"")
    found = snapshot(lens, trade, index=vault.address, account=trade.depositor)
    assert len(found.components) == 32
    assert all(c.price == 10**8 and c.balance == NONE for c in found.components)
    assert lens._computation.get_gas_used() < 30_000_000


# ---- markets


@pytest.mark.parametrize("share_is_token0", [True, False])
def test_market__is_the_pool_s_price_in_the_index_s_currency(lens: Any, held: Trade, share_is_token0: bool):
    vault = held.vault
    while share_is_token0 != (int(vault.address, 16) < int(held.usdc.address, 16)):
        vault = make_index(held.factory, held.tokens, [unit for _, _, unit, _ in BASKET], held.oracle, held.owner)
    if vault is not held.vault:
        for token in held.tokens:
            token.approve(vault.address, FOREVER, sender=held.depositor)
        vault.mint(1_000 * WAD, held.depositor, [FOREVER] * 4, FOREVER, sender=held.depositor)
    pool = open_pool(held.exchange.factory, vault, held.usdc, held.depositor, shares=500)
    sqrt_price = pool.slot0()[0]
    token1_per_token0 = Fraction(sqrt_price**2, 2**192)
    usdc_per_share = token1_per_token0 if share_is_token0 else 1 / token1_per_token0
    usd = usdc_per_share * 10**18 * Fraction(BASKET[USDC][3], 10**14) * 10**18
    asked = {"index": vault.address, "pool": pool.address}
    market = snapshot(lens, held, **asked).market
    assert market == lens.market(vault.address, pool.address, USDC, MAX_AGE_S)
    assert (market.pool, market.reason) == (pool.address, "")
    assert abs(market.price - usd) <= usd / 10**12
    assert abs(market.premium_bps) <= 1
    held.oracle.set_price(WBTC, BASKET[WBTC][3] * 9 // 10)
    nav = vault.nav(MAX_AGE_S)
    assert snapshot(lens, held, **asked).market.premium_bps == (market.price - nav) * 10_000 // nav > 300


def test_market__that_there_is_none_of__tells_the_reason_and_the_rest(lens: Any, held: Trade):
    found = snapshot(lens, held, pool=held.pools[0].address)
    assert found.market == (held.pools[0].address, 0, 0, "lens: not a pool of the share")
    assert len(found.components) == 4
    assert snapshot(lens, held, pool=held.depositor).market[1:3] == (0, 0)
    low, high = sorted((held.vault, held.usdc), key=lambda token: int(token.address, 16))
    held.exchange.factory.createPool(low.address, high.address, 500)
    empty = held.exchange.factory.getPool(low.address, high.address, 500)
    assert snapshot(lens, held, pool=empty).market.reason == "lens: pool has no price"
    assert snapshot(lens, held, pool=empty, quote_feed=9).market.reason in (
        "oracle: unknown feed",
        "lens: pool has no price",
    )


# ---- accounts, auctions, pages, yields


def test_holding__tells_shares_float_and_claims(lens: Any, held: Trade):
    vault, who = held.vault, held.depositor
    vault.deposit_float([10**6, 2 * 10**6, 0, 4 * 10**6], sender=who)
    left = vault.preview_redeem(10 * WAD)[EURC]
    vault.redeem_skipping(10 * WAD, who, [0] * 4, 1 << EURC, FOREVER, sender=who)
    held_now = snapshot(lens, held, account=who).holding
    assert held_now == (990 * WAD, [10**6, 2 * 10**6, 0, 4 * 10**6], [0, 0, 0, left])
    stranger = boa.env.generate_address("stranger")
    assert snapshot(lens, held, account=stranger).holding == (0, [0] * 4, [0] * 4)
    assert lens.claims(vault.address, who, [held.tokens[EURC].address, held.hub.address]) == [left, 0]


def test_auction__none__proposed__open__is_told_as_it_stands(lens: Any, held: Trade):
    vault = held.vault
    house = deployer("AuctionHouse").at(vault.auction_house())
    none = snapshot(lens, held).auction
    assert (none.house, none.state, none.surplus) == (house.address, 0, [])
    assert (none.rebalancer_floor_bps, none.rebalancer_delay) == house.limits(vault.address) == (9_800, DAY_S)
    house.set_limits(vault.address, 9_900, 7 * DAY_S, sender=held.owner)
    units = list(vault.components()[1])
    plan = ([units[WBTC] // 2, units[USDC] * 2, NONE, NONE], [], 0, 10_100, 9_900, 3_600, 600)
    house.propose(vault.address, plan, sender=held.owner)
    proposed = snapshot(lens, held).auction
    assert (proposed.state, proposed.factor_bps) == (1, 0)
    assert (proposed.rebalancer_floor_bps, proposed.rebalancer_delay) == (9_900, 7 * DAY_S)
    stands = house.auction(vault.address)
    assert (proposed.starts_at, proposed.ends_at) == (stands.starts_at, stands.ends_at)
    boa.env.evm.patch.timestamp = stands.starts_at
    house.open(vault.address, sender=held.owner)
    opened = snapshot(lens, held)
    assert opened.overview.in_auction
    surplus, deficit = house.lots(vault.address)
    assert (opened.auction.surplus, opened.auction.deficit) == (surplus, deficit)
    assert opened.auction.surplus[WBTC] > 0
    assert opened.auction.deficit[USDC] > 0
    assert opened.auction.factor_bps == house.factor_bps(vault.address) == 10_100
    assert (opened.auction.start_bps, opened.auction.floor_bps) == (10_100, 9_900)
    house.pause(vault.address, sender=held.owner)
    assert snapshot(lens, held).auction.paused


def test_overviews__page_by_page__whatever_is_broken_about_one(lens: Any, trade: Trade):
    made = [trade.vault]
    for _ in range(3):
        made.append(make_index(trade.factory, [trade.usdc], [10**6], trade.oracle, trade.owner))
    total = trade.factory.index_count()
    ends = [trade.factory.index_at(i) for i in range(total)]
    first, rest = lens.overviews(trade.factory.address, 0, 3, MAX_AGE_S), []
    rest = lens.overviews(trade.factory.address, 3, 32, MAX_AGE_S)
    assert [o.index for o in (*first, *rest)] == ends
    assert all(o.known and o.nav > 0 for o in (*first, *rest))
    assert lens.overviews(trade.factory.address, total, 32, MAX_AGE_S) == []
    assert lens.overviews(trade.factory.address, NONE - 40, 5, MAX_AGE_S) == []
    with boa.reverts("lens: page too long"):
        lens.overviews(trade.factory.address, 0, 33, MAX_AGE_S)
    boa.env.evm.vm.state.set_code(bytes.fromhex(ends[1][2:]), b"\xfe")
    page = lens.overviews(trade.factory.address, 0, 4, MAX_AGE_S)
    assert [o.known for o in page] == [True, False, True, True]
    assert page[1].index == ends[1]


def test_yields__are_what_the_rate_grew_since_its_checkpoint(lens: Any, trade: Trade):
    usd = trade.usdc
    saved = deployer("MockERC4626").deploy("Saved", "sUSDC", usd.address, 0, True)
    usd.approve(saved.address, FOREVER, sender=trade.depositor)
    saved.deposit(10**12, sender=trade.depositor)
    feeds = deployer("ERC4626Feeds").deploy(trade.oracle.address, 0, trade.owner, ZERO)
    spec = ("sUSDC/USD", saved.address, USDC, WAD // 2, 2 * WAD, 10, 2)
    feed = feeds.add_feed(spec, sender=trade.owner)
    start = boa.env.evm.patch.timestamp
    vault = make_index(trade.factory, [usd, saved], [10**6, 10**6], feeds, trade.owner, feeds=[USDC, feed])
    boa.env.evm.patch.timestamp += 73 * DAY_S
    usd.mint(saved.address, 10**10)
    plain, earning = lens.yields(vault.address)
    assert plain == (0, 0, 0, 0)
    assert earning[:3] == feeds.rate(feed)
    assert (earning.checkpoint_rate, earning.checkpoint_time) == (WAD, start)
    assert earning.bps_a_year == 499
    assert [row.rate for row in lens.yields(trade.vault.address)] == [0] * 4
