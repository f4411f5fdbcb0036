# SPDX-License-Identifier: AGPL-3.0-only
"""ERC4626Feeds: ERC-4626 shares priced by their asset's feed and a rate that may move so fast and no faster."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.oracle.conftest import PRICES, Rounds
from tests.unit.periphery.market import FOREVER, WAD, ZERO, deploy_factory, make_index
from tests.unit.periphery.yields import BTC, DAY_S, FIRST, UP_BPS, USD, Yields, pass_days, rate_of
from tests.unit.vault.conftest import events


def test_price__is_the_asset_s_price_times_the_rate(yields: Yields):
    assets = Fraction(yields.vault.totalAssets() + 1, yields.vault.totalSupply() + 10**12) * 10**18 / 10**6
    assert Fraction(105, 100) - Fraction(1, 10**11) < assets < Fraction(105, 100)
    assert rate_of(yields) == floor(assets * 10**12) * 10**6
    assert yields.feeds.price(FIRST, 60) == 99_000_000 * rate_of(yields) // WAD == 103_949_999
    assert yields.feeds.prices([BTC, FIRST, USD, FIRST], 60) == [20_000 * 10**8, 103_949_999, 99_000_000, 103_949_999]


def test_latest__is_the_base_feed_s_last_answer_at_the_rate_however_old(yields: Yields):
    """An auction house asks for its time: a feed that cannot say is taken for one that has had no price for days."""
    for feed, base in ((BTC, BTC), (USD, USD), (FIRST, USD)):
        round_id, price, timestamp = yields.oracle.latest(base)
        expected = price * rate_of(yields) // WAD if feed == FIRST else price
        assert yields.feeds.latest(feed) == (round_id, expected, timestamp)
    asked = yields.feeds.latest(FIRST)
    pass_days(30)
    assert yields.feeds.latest(FIRST) == asked
    with boa.reverts("oracle: stale"):
        yields.feeds.price(FIRST, 60)
    yields.lose(3_000)
    with boa.reverts("feeds: rate out of limits"):
        yields.feeds.latest(FIRST)
    yields.oracle.set_price(USD, 0)
    with boa.reverts("oracle: no quorum yet"):
        yields.feeds.latest(FIRST)


def test_base_feeds__are_passed_on(yields: Yields):
    assert yields.feeds.price(BTC, 60) == yields.oracle.price(BTC, 60)
    assert yields.feeds.feed(BTC) == yields.oracle.feed(BTC)
    assert (yields.feeds.feed_index("BTC/USD"), yields.feeds.feed_index("sUSD/USD")) == (BTC, FIRST)
    for call in (lambda: yields.feeds.price(2, 60), lambda: yields.feeds.feed(2), lambda: yields.feeds.feed_index("X")):
        with boa.reverts("oracle: unknown feed"):
            call()


def test_feed__of_a_yield_feed__is_its_asset_s_under_its_own_name(yields: Yields):
    described, base = yields.feeds.feed(FIRST), yields.oracle.feed(USD)
    assert described[0] == "sUSD/USD"
    assert described[1:] == base[1:]
    assert tuple(yields.feeds.yield_feed(FIRST)) == yields.spec()
    assert yields.feeds.feed_count() == FIRST + 1


def test_feed_count__without_yield_feeds__is_the_base_oracle_s(yields: Yields):
    assert deployer("ERC4626Feeds").deploy(yields.oracle.address, 0, yields.owner, ZERO).feed_count() == 2


@pytest.mark.parametrize("feed", [FIRST + 1, FIRST - 1, 255])
def test_unknown_feed__reverts(yields: Yields, feed: int):
    reason = "feeds: unknown feed" if feed >= FIRST else "oracle: unknown feed"
    for call in (lambda: yields.feeds.price(feed, 60), lambda: yields.feeds.prices([BTC, feed], 60)):
        with boa.reverts(reason):
            call()
    for call in (yields.feeds.rate, yields.feeds.rate_limits, yields.feeds.yield_feed):
        with boa.reverts("feeds: unknown feed"):
            call(feed)
    with boa.reverts(reason):
        yields.feeds.latest(feed)
    with boa.reverts("feeds: unknown feed"):
        yields.feeds.checkpoint(feed, sender=yields.keeper)


def test_price__of_a_stale_or_silent_base_feed__reverts(yields: Yields):
    boa.env.evm.patch.timestamp += 61
    with boa.reverts("oracle: stale"):
        yields.feeds.price(FIRST, 60)
    yields.oracle.set_price(USD, 0)
    with boa.reverts("oracle: no quorum yet"):
        yields.feeds.prices([FIRST], 60)


def test_fresh_price__of_the_real_oracle__goes_by_the_asset_feed_s_heartbeat(yields: Yields):
    rounds = Rounds()
    rounds.agree(*PRICES)
    feeds = deployer("ERC4626Feeds").deploy(rounds.oracle.address, 0, yields.owner, ZERO)
    feed = feeds.add_feed(yields.spec(asset_feed=USD), sender=yields.owner)
    assert feeds.fresh_price(BTC) == PRICES[BTC]
    assert feeds.fresh_price(feed) == PRICES[USD] * rate_of(yields) // WAD == feeds.price(feed, 60)
    boa.env.evm.patch.timestamp += rounds.feeds[USD].heartbeat + rounds.terms.max_lateness + 6
    with boa.reverts("oracle: stale"):
        feeds.fresh_price(feed)


def test_price__that_does_not_fit_a_lane__reverts(yields: Yields):
    yields.oracle.set_price(USD, 2**63 - 1)
    with boa.reverts("feeds: price out of range"):
        yields.feeds.price(FIRST, 60)


def test_vault_that_reverts__stops_its_own_feed_only(yields: Yields):
    broken = deployer("MockERC4626").deploy("Broken", "B", yields.usd.address, 0, True)
    feed = yields.feeds.add_feed(yields.spec(name="x", vault=broken.address), sender=yields.owner)
    boa.env.evm.vm.state.set_code(bytes.fromhex(broken.address[2:]), b"\xfe")
    with boa.reverts():
        yields.feeds.price(feed, 60)
    assert yields.feeds.price(FIRST, 60) > 0


# ---- the owner's


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"asset_feed": 2}, "oracle: unknown feed"),
        ({"asset_feed": FIRST}, "feeds: unknown feed"),
        ({"min_rate": 0}, "feeds: bounds out of order"),
        ({"min_rate": 2 * WAD + 1}, "feeds: bounds out of order"),
        ({"max_rate": WAD}, "feeds: rate out of limits"),
        ({"min_rate": WAD * 106 // 100}, "feeds: rate out of limits"),
        ({"up_bps": 1_001}, "feeds: limit too large"),
        ({"down_bps": 1_001}, "feeds: limit too large"),
        ({"name": "sUSD/USD"}, "feeds: name is taken"),
        ({"name": "BTC/USD"}, "feeds: name is taken"),
    ],
)
def test_add_feed__with_one_thing_wrong__reverts(yields: Yields, change: dict[str, Any], reason: str):
    with boa.env.anchor():
        index = yields.feeds.add_feed(yields.spec(name="good"), sender=yields.owner)
        [added] = events(yields.feeds, "FeedAdded")
        assert added[1:] == (index, yields.vault.address, rate_of(yields))
        assert index == FIRST + 1
    if "asset_feed" in change and change["asset_feed"] == 2:
        index = yields.feeds.add_feed(yields.spec(**{"name": "good", **change}), sender=yields.owner)
        with boa.reverts(reason):
            yields.feeds.price(index, 60)
        return
    with boa.reverts(reason):
        yields.feeds.add_feed(yields.spec(**{"name": "good", **change}), sender=yields.owner)


def test_add_feed__by_anybody_else__reverts(yields: Yields):
    with boa.reverts("owner: caller is not the owner"):
        yields.feeds.add_feed(yields.spec(name="good"), sender=yields.keeper)


def test_deploy__without_an_oracle_or_with_a_long_delay__reverts(yields: Yields):
    with boa.reverts("feeds: no oracle"):
        deployer("ERC4626Feeds").deploy(yields.keeper, 0, yields.owner, ZERO)
    with boa.reverts("feeds: delay above 30 days"):
        deployer("ERC4626Feeds").deploy(yields.oracle.address, 30 * DAY_S + 1, yields.owner, ZERO)


# ---- decimals, and an index over it


@pytest.mark.parametrize(
    ("asset_decimals", "offset"), [(0, 0), (0, 18), (6, 0), (6, 12), (8, 6), (18, 0), (18, 6), (18, 9), (27, 0)]
)
@pytest.mark.parametrize("feed_decimals", [2, 8, 18])
def test_price__whatever_the_decimals__is_price_times_assets_of_one_share(
    yields: Yields, asset_decimals: int, offset: int, feed_decimals: int
):
    asset = deployer("MockERC20").deploy("A", "A", asset_decimals)
    vault = deployer("MockERC4626").deploy("V", "V", asset.address, offset, True)
    oracle = deployer("MockOracle").deploy(["A/USD"], [feed_decimals])
    price = 3 * 10**feed_decimals + 7
    oracle.set_price(0, price)
    asset.mint(yields.owner, 10 ** (asset_decimals + 9))
    asset.approve(vault.address, FOREVER, sender=yields.owner)
    vault.deposit(10 ** (asset_decimals + 8), sender=yields.owner)
    asset.mint(vault.address, 37 * 10 ** (asset_decimals + 6))
    feeds = deployer("ERC4626Feeds").deploy(oracle.address, 0, yields.owner, ZERO)
    feeds.add_feed(yields.spec(vault=vault.address, asset_feed=0), sender=yields.owner)
    # 1.37 but for the virtual asset and what six more decimals than the asset's can tell.
    rate = Fraction(vault.convertToAssets(10 ** (vault.decimals() + 6)), 10 ** (asset_decimals + 6))
    assert abs(rate - Fraction(137, 100)) <= Fraction(1, 10**6)
    assert feeds.price(FIRST, 60) == floor(price * floor(rate * WAD) / Fraction(WAD))


def test_index__over_plain_and_yield_components__has_a_nav_and_loses_only_that(yields: Yields):
    """The factory reads decimals from here and the vault its NAV; a rate out of limits stops NAV, no exit."""
    oracle = deployer("MockOracle").deploy(["BTC/USD"], [8])
    oracle.set_price(0, 2 * 10**8)
    feeds = deployer("ERC4626Feeds").deploy(oracle.address, 0, yields.owner, yields.keeper)
    index_of = feeds.add_feed(yields.spec(asset_feed=0), sender=yields.owner)
    plain = deployer("MockERC20").deploy("Plain", "P", 8)
    index = make_index(deploy_factory(), [plain, yields.vault], [10**8, WAD], feeds, yields.owner, feeds=[0, index_of])
    for token in (plain, yields.vault):
        token.approve(index.address, FOREVER, sender=yields.owner)
    plain.mint(yields.owner, 10**12)
    index.mint(100 * WAD, yields.owner, [FOREVER] * 2, FOREVER, sender=yields.owner)
    assert index.nav(60) == 2 * WAD + feeds.price(index_of, 60) * 10**10
    yields.earn(UP_BPS + 1)
    with boa.reverts("feeds: rate out of limits"):
        index.nav(60)
    index.redeem(100 * WAD, yields.owner, [0, 0], FOREVER, sender=yields.owner)
