# SPDX-License-Identifier: AGPL-3.0-only
"""ERC4626Feeds: ERC-4626 shares priced by their asset's feed and a rate that may move so fast and no faster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.oracle.conftest import PRICES, Rounds
from tests.unit.periphery.market import FOREVER, START_S, WAD, ZERO, deploy_factory, make_index
from tests.unit.vault.conftest import events

DAY_S = 86_400
DELAY_S = 3_600
UP_BPS, DOWN_BPS = 10, 2
FIRST = 32
BTC, USD = 0, 1


@dataclass
class Feeds:
    oracle: Any
    usd: Any
    vault: Any
    feeds: Any
    owner: str
    keeper: str
    attacker: str

    def spec(self, **changes: Any) -> tuple[Any, ...]:
        good = {
            "name": "sUSD/USD",
            "vault": self.vault.address,
            "asset_feed": USD,
            "min_rate": WAD // 2,
            "max_rate": 2 * WAD,
            "up_bps": UP_BPS,
            "down_bps": DOWN_BPS,
        }
        return tuple({**good, **changes}.values())

    def earn(self, bps: Fraction | int) -> None:
        """The vault's assets grow by so many bps; so does the rate, but for the virtual share."""
        self.usd.mint(self.vault.address, floor(self.vault.totalAssets() * Fraction(bps) / 10_000))

    def lose(self, bps: Fraction | int) -> None:
        self.usd.slash(self.vault.address, floor(self.vault.totalAssets() * Fraction(bps) / 10_000))


@pytest.fixture
def stage() -> Iterator[Feeds]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        owner, keeper, attacker = (boa.env.generate_address(name) for name in ("owner", "keeper", "attacker"))
        oracle = deployer("MockOracle").deploy(["BTC/USD", "USD/USD"], [8, 8])
        oracle.set_price(BTC, 20_000 * 10**8)
        oracle.set_price(USD, 99_000_000)
        usd = deployer("MockSlashableERC20").deploy("USD", "USD", 6)
        vault = deployer("MockERC4626").deploy("Saved USD", "sUSD", usd.address, 12, True)
        usd.mint(owner, 10**15)
        usd.approve(vault.address, FOREVER, sender=owner)
        vault.deposit(10**12, sender=owner)
        feeds = deployer("ERC4626Feeds").deploy(oracle.address, DELAY_S, owner, keeper)
        made = Feeds(oracle, usd, vault, feeds, owner, keeper, attacker)
        made.earn(500)
        feeds.add_feed(made.spec(), sender=owner)
        yield made


def pass_days(days: Fraction | int) -> None:
    boa.env.evm.patch.timestamp += int(days * DAY_S)


def rate_of(stage: Feeds) -> int:
    return int(stage.feeds.rate(FIRST)[0])


def test_price__is_the_asset_s_price_times_the_rate(stage: Feeds):
    assets = Fraction(stage.vault.totalAssets() + 1, stage.vault.totalSupply() + 10**12) * 10**18 / 10**6
    assert Fraction(105, 100) - Fraction(1, 10**11) < assets < Fraction(105, 100)
    assert rate_of(stage) == floor(assets * 10**12) * 10**6
    assert stage.feeds.price(FIRST, 60) == 99_000_000 * rate_of(stage) // WAD == 103_949_999
    assert stage.feeds.prices([BTC, FIRST, USD, FIRST], 60) == [20_000 * 10**8, 103_949_999, 99_000_000, 103_949_999]


def test_latest__is_the_base_feed_s_last_answer_at_the_rate_however_old(stage: Feeds):
    """An auction house asks for its time: a feed that cannot say is taken for one that has had no price for days."""
    for feed, base in ((BTC, BTC), (USD, USD), (FIRST, USD)):
        round_id, price, timestamp = stage.oracle.latest(base)
        expected = price * rate_of(stage) // WAD if feed == FIRST else price
        assert stage.feeds.latest(feed) == (round_id, expected, timestamp)
    asked = stage.feeds.latest(FIRST)
    pass_days(30)
    assert stage.feeds.latest(FIRST) == asked
    with boa.reverts("oracle: stale"):
        stage.feeds.price(FIRST, 60)
    stage.lose(3_000)
    with boa.reverts("feeds: rate out of limits"):
        stage.feeds.latest(FIRST)
    stage.oracle.set_price(USD, 0)
    with boa.reverts("oracle: no quorum yet"):
        stage.feeds.latest(FIRST)


def test_base_feeds__are_passed_on(stage: Feeds):
    assert stage.feeds.price(BTC, 60) == stage.oracle.price(BTC, 60)
    assert stage.feeds.feed(BTC) == stage.oracle.feed(BTC)
    assert (stage.feeds.feed_index("BTC/USD"), stage.feeds.feed_index("sUSD/USD")) == (BTC, FIRST)
    for call in (lambda: stage.feeds.price(2, 60), lambda: stage.feeds.feed(2), lambda: stage.feeds.feed_index("X")):
        with boa.reverts("oracle: unknown feed"):
            call()


def test_feed__of_a_yield_feed__is_its_asset_s_under_its_own_name(stage: Feeds):
    described, base = stage.feeds.feed(FIRST), stage.oracle.feed(USD)
    assert described[0] == "sUSD/USD"
    assert described[1:] == base[1:]
    assert tuple(stage.feeds.yield_feed(FIRST)) == stage.spec()
    assert stage.feeds.feed_count() == FIRST + 1


def test_feed_count__without_yield_feeds__is_the_base_oracle_s(stage: Feeds):
    assert deployer("ERC4626Feeds").deploy(stage.oracle.address, 0, stage.owner, ZERO).feed_count() == 2


@pytest.mark.parametrize("feed", [FIRST + 1, FIRST - 1, 255])
def test_unknown_feed__reverts(stage: Feeds, feed: int):
    reason = "feeds: unknown feed" if feed >= FIRST else "oracle: unknown feed"
    for call in (lambda: stage.feeds.price(feed, 60), lambda: stage.feeds.prices([BTC, feed], 60)):
        with boa.reverts(reason):
            call()
    for call in (stage.feeds.rate, stage.feeds.rate_limits, stage.feeds.yield_feed):
        with boa.reverts("feeds: unknown feed"):
            call(feed)
    with boa.reverts(reason):
        stage.feeds.latest(feed)
    with boa.reverts("feeds: unknown feed"):
        stage.feeds.checkpoint(feed, sender=stage.keeper)


def test_price__of_a_stale_or_silent_base_feed__reverts(stage: Feeds):
    boa.env.evm.patch.timestamp += 61
    with boa.reverts("oracle: stale"):
        stage.feeds.price(FIRST, 60)
    stage.oracle.set_price(USD, 0)
    with boa.reverts("oracle: no quorum yet"):
        stage.feeds.prices([FIRST], 60)


def test_fresh_price__of_the_real_oracle__goes_by_the_asset_feed_s_heartbeat(stage: Feeds):
    rounds = Rounds()
    rounds.agree(*PRICES)
    feeds = deployer("ERC4626Feeds").deploy(rounds.oracle.address, 0, stage.owner, ZERO)
    feed = feeds.add_feed(stage.spec(asset_feed=USD), sender=stage.owner)
    assert feeds.fresh_price(BTC) == PRICES[BTC]
    assert feeds.fresh_price(feed) == PRICES[USD] * rate_of(stage) // WAD == feeds.price(feed, 60)
    boa.env.evm.patch.timestamp += rounds.feeds[USD].heartbeat + rounds.terms.max_lateness + 6
    with boa.reverts("oracle: stale"):
        feeds.fresh_price(feed)


def test_price__after_honest_yield__is_served(stage: Feeds):
    before = stage.feeds.price(FIRST, FOREVER)
    for _ in range(40):
        pass_days(1)
        stage.earn(3)
        stage.feeds.checkpoint(FIRST, sender=stage.keeper)
    assert stage.feeds.price(FIRST, FOREVER) == pytest.approx(before * 1.0003**40, rel=1e-6)


@pytest.mark.parametrize("days", [0, Fraction(1, 24), 1, Fraction(30, 24), 7])
def test_limits__rise_and_fall_in_proportion_to_time__a_day_at_least(stage: Feeds, days: Fraction):
    mark = rate_of(stage)
    pass_days(days)
    seconds = int(max(days, 1) * DAY_S)
    low, high = stage.feeds.rate_limits(FIRST)
    assert low == mark - mark * DOWN_BPS * seconds // (10_000 * DAY_S)
    assert high == mark + mark * UP_BPS * seconds // (10_000 * DAY_S)


def test_dust__donated_right_after_or_in_front_of_a_checkpoint__stops_nothing(stage: Feeds):
    """A bps in the block of a checkpoint, and another in front of the next."""
    pass_days(1)
    stage.earn(3)
    stage.feeds.checkpoint(FIRST, sender=stage.keeper)
    stage.earn(1)
    assert stage.feeds.price(FIRST, FOREVER) == 99_000_000 * rate_of(stage) // WAD
    pass_days(1)
    stage.earn(3)
    stage.earn(1)
    stage.feeds.checkpoint(FIRST, sender=stage.keeper)
    assert stage.feeds.price(FIRST, FOREVER) > 0


def test_checkpoint__within_a_day_of_the_last__reverts(stage: Feeds):
    """Or the first day's room could be had again and again."""
    stage.earn(9)
    boa.env.evm.patch.timestamp += DAY_S - 1
    for who in (stage.keeper, stage.owner):
        with boa.reverts("feeds: checkpoint too young"):
            stage.feeds.checkpoint(FIRST, sender=who)
    boa.env.evm.patch.timestamp += 1
    stage.feeds.checkpoint(FIRST, sender=stage.keeper)
    with boa.reverts("feeds: checkpoint too young"):
        stage.feeds.checkpoint(FIRST, sender=stage.owner)


def test_rate__pushed_as_far_as_it_goes_at_every_checkpoint__walks_a_day_s_limit_a_day(stage: Feeds):
    first, hours = rate_of(stage), 0
    for _ in range(24 * 5):
        boa.env.evm.patch.timestamp += 3_600
        hours += 1
        stage.earn(max(0, Fraction(stage.feeds.rate_limits(FIRST)[1] - rate_of(stage), rate_of(stage)) * 10_000))
        try:
            stage.feeds.checkpoint(FIRST, sender=stage.keeper)
        except boa.BoaError:
            continue
    assert hours == 24 * 5
    assert rate_of(stage) <= first * Fraction(10_000 + UP_BPS, 10_000) ** 6
    assert rate_of(stage) > first * Fraction(10_000 + UP_BPS, 10_000) ** 5 * Fraction(99_999, 100_000)


@pytest.mark.parametrize("days", [1, 7])
def test_price__when_the_rate_moved_faster_than_it_may__reverts(stage: Feeds, days: int):
    """A hundredth of a bps inside each limit is served, as far outside is not; reads and checkpoints alike."""
    pass_days(days)
    hair = Fraction(1, 100)
    for act, most in ((stage.earn, UP_BPS * days), (stage.lose, DOWN_BPS * days)):
        with boa.env.anchor():
            act(most - hair)
            assert stage.feeds.price(FIRST, FOREVER) > 0
            stage.feeds.checkpoint(FIRST, sender=stage.keeper)
        with boa.env.anchor():
            act(most + hair)
            for call in (
                lambda: stage.feeds.price(FIRST, FOREVER),
                lambda: stage.feeds.prices([BTC, FIRST], FOREVER),
                lambda: stage.feeds.checkpoint(FIRST, sender=stage.keeper),
            ):
                with boa.reverts("feeds: rate out of limits"):
                    call()
            assert stage.feeds.price(USD, FOREVER) == 99_000_000


def test_price__of_a_rate_that_jumped__is_served_again_when_time_has_caught_up(stage: Feeds):
    stage.earn(25)
    for _ in range(2):
        pass_days(1)
        with boa.reverts("feeds: rate out of limits"):
            stage.feeds.price(FIRST, FOREVER)
    pass_days(1)
    assert stage.feeds.price(FIRST, FOREVER) > 0


def test_price__outside_the_hard_bounds__reverts_however_slowly_it_came_there(stage: Feeds):
    pass_days(365)
    stage.earn(500)
    assert stage.feeds.price(FIRST, FOREVER) > 0
    index = stage.feeds.add_feed(stage.spec(name="b", max_rate=rate_of(stage)), sender=stage.owner)
    pass_days(100)
    stage.earn(1)
    with boa.reverts("feeds: rate out of limits"):
        stage.feeds.price(index, FOREVER)


def test_price__that_does_not_fit_a_lane__reverts(stage: Feeds):
    stage.oracle.set_price(USD, 2**63 - 1)
    with boa.reverts("feeds: price out of range"):
        stage.feeds.price(FIRST, 60)


def test_checkpoint__counts_the_limits_from_now_on(stage: Feeds):
    pass_days(1)
    stage.earn(5)
    old = stage.feeds.rate(FIRST)[1]
    for who in (stage.keeper, stage.owner):
        with boa.env.anchor():
            stage.feeds.checkpoint(FIRST, sender=who)
            [checkpointed] = events(stage.feeds, "Checkpointed")
            assert checkpointed[1:] == (FIRST, who, old, rate_of(stage))
            assert stage.feeds.rate(FIRST) == (rate_of(stage), rate_of(stage), boa.env.evm.patch.timestamp)
            mark = rate_of(stage)
            limits = (mark - mark * DOWN_BPS // 10_000, mark + mark * UP_BPS // 10_000)
            assert stage.feeds.rate_limits(FIRST) == limits


def test_checkpoint__by_anybody_else__reverts(stage: Feeds):
    pass_days(1)
    with boa.reverts("feeds: not keeper or owner"):
        stage.feeds.checkpoint(FIRST, sender=stage.attacker)
    stage.feeds.set_keeper(stage.attacker, sender=stage.owner)
    [changed] = events(stage.feeds, "KeeperChanged")
    assert changed[1:] == (stage.keeper, stage.attacker)
    stage.feeds.checkpoint(FIRST, sender=stage.attacker)
    with boa.reverts("feeds: not keeper or owner"):
        stage.feeds.checkpoint(FIRST, sender=stage.keeper)
    with boa.reverts("owner: caller is not the owner"):
        stage.feeds.set_keeper(stage.keeper, sender=stage.attacker)


# ---- attacks on the vault's rate


def test_donation__to_a_vault__moves_the_price_no_further_than_its_limit(stage: Feeds):
    """Whoever bends the rate in one transaction: above the limit nothing is served, below it costs him the donation."""
    pass_days(1)
    honest = stage.feeds.price(FIRST, FOREVER)
    stage.usd.mint(stage.attacker, 10**13)
    served = []
    for bps in (1, 5, 9, 11, 100, 10_000):
        with boa.env.anchor():
            stage.usd.transfer(stage.vault.address, stage.vault.totalAssets() * bps // 10_000, sender=stage.attacker)
            try:
                served.append(stage.feeds.price(FIRST, FOREVER))
            except boa.BoaError:
                served.append(0)
    assert served[3:] == [0, 0, 0]
    assert all(honest < price <= honest * (10_000 + UP_BPS) // 10_000 for price in served[:3])


@pytest.mark.parametrize("is_virtual", [True, False])
def test_inflation__of_an_empty_vault__is_not_served(stage: Feeds, is_virtual: bool):
    """The first depositor's donation, in a vault with and without virtual shares: the rate leaves its bounds."""
    vault = deployer("MockERC4626").deploy("Empty", "E", stage.usd.address, 0, is_virtual)
    feed = stage.feeds.add_feed(stage.spec(name="e", vault=vault.address), sender=stage.owner)
    assert stage.feeds.price(feed, 60) == 99_000_000
    stage.usd.mint(stage.attacker, 10**12)
    stage.usd.approve(vault.address, FOREVER, sender=stage.attacker)
    pass_days(30)
    vault.deposit(1, sender=stage.attacker)
    assert stage.feeds.price(feed, FOREVER) == 99_000_000
    stage.usd.transfer(vault.address, 10**11, sender=stage.attacker)
    with boa.reverts("feeds: rate out of limits"):
        stage.feeds.price(feed, FOREVER)


def test_bent_rate__cannot_be_walked_up_by_who_is_not_the_keeper(stage: Feeds):
    """Bending the rate for a transaction at a time, as far as it is served, leaves no trace."""
    pass_days(1)
    _, high = stage.feeds.rate_limits(FIRST)
    for _ in range(5):
        with boa.env.anchor():
            stage.earn(9)
            with boa.reverts("feeds: not keeper or owner"):
                stage.feeds.checkpoint(FIRST, sender=stage.attacker)
    assert stage.feeds.rate_limits(FIRST)[1] == high


def test_vault_that_reverts__stops_its_own_feed_only(stage: Feeds):
    broken = deployer("MockERC4626").deploy("Broken", "B", stage.usd.address, 0, True)
    feed = stage.feeds.add_feed(stage.spec(name="x", vault=broken.address), sender=stage.owner)
    boa.env.evm.vm.state.set_code(bytes.fromhex(broken.address[2:]), b"\xfe")
    with boa.reverts():
        stage.feeds.price(feed, 60)
    assert stage.feeds.price(FIRST, 60) > 0


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
def test_add_feed__with_one_thing_wrong__reverts(stage: Feeds, change: dict[str, Any], reason: str):
    with boa.env.anchor():
        index = stage.feeds.add_feed(stage.spec(name="good"), sender=stage.owner)
        [added] = events(stage.feeds, "FeedAdded")
        assert added[1:] == (index, stage.vault.address, rate_of(stage))
        assert index == FIRST + 1
    if "asset_feed" in change and change["asset_feed"] == 2:
        index = stage.feeds.add_feed(stage.spec(**{"name": "good", **change}), sender=stage.owner)
        with boa.reverts(reason):
            stage.feeds.price(index, 60)
        return
    with boa.reverts(reason):
        stage.feeds.add_feed(stage.spec(**{"name": "good", **change}), sender=stage.owner)


def test_add_feed__by_anybody_else__reverts(stage: Feeds):
    with boa.reverts("owner: caller is not the owner"):
        stage.feeds.add_feed(stage.spec(name="good"), sender=stage.keeper)


def test_anchor__after_a_real_loss__brings_the_price_back_after_the_delay(stage: Feeds):
    stage.lose(3_000)
    pass_days(30)
    with boa.reverts("feeds: rate out of limits"):
        stage.feeds.price(FIRST, FOREVER)
    stage.feeds.propose_anchor(FIRST, WAD // 2, WAD, sender=stage.owner)
    [proposed] = events(stage.feeds, "AnchorProposed")
    assert proposed[1:] == (FIRST, WAD // 2, WAD, boa.env.evm.patch.timestamp + DELAY_S)
    boa.env.evm.patch.timestamp += DELAY_S - 1
    with boa.reverts("feeds: too early"):
        stage.feeds.execute_anchor(FIRST, sender=stage.owner)
    boa.env.evm.patch.timestamp += 1
    with boa.env.anchor():
        stage.earn(10_000)
        with boa.reverts("feeds: rate out of limits"):
            stage.feeds.execute_anchor(FIRST, sender=stage.owner)
    stage.feeds.execute_anchor(FIRST, sender=stage.owner)
    assert stage.feeds.price(FIRST, FOREVER) == 99_000_000 * rate_of(stage) // WAD
    assert tuple(stage.feeds.yield_feed(FIRST))[3:5] == (WAD // 2, WAD)
    with boa.reverts("feeds: nothing proposed"):
        stage.feeds.execute_anchor(FIRST, sender=stage.owner)


def test_anchor__after_its_week__is_void(stage: Feeds):
    """An announcement is not kept in a drawer until a day when the rate is bent."""
    stage.feeds.propose_anchor(FIRST, WAD // 2, 2 * WAD, sender=stage.owner)
    boa.env.evm.patch.timestamp += DELAY_S + 7 * DAY_S
    with boa.env.anchor():
        stage.feeds.execute_anchor(FIRST, sender=stage.owner)
    boa.env.evm.patch.timestamp += 1
    with boa.reverts("feeds: anchor expired"):
        stage.feeds.execute_anchor(FIRST, sender=stage.owner)
    stage.feeds.propose_anchor(FIRST, WAD // 2, 2 * WAD, sender=stage.owner)
    boa.env.evm.patch.timestamp += DELAY_S
    stage.feeds.execute_anchor(FIRST, sender=stage.owner)


def test_anchor__cancelled_or_by_anybody_else__does_nothing(stage: Feeds):
    with boa.reverts("feeds: nothing proposed"):
        stage.feeds.cancel_anchor(FIRST, sender=stage.owner)
    stage.feeds.propose_anchor(FIRST, 1, WAD, sender=stage.owner)
    for call in (
        lambda: stage.feeds.propose_anchor(FIRST, 1, WAD, sender=stage.keeper),
        lambda: stage.feeds.execute_anchor(FIRST, sender=stage.keeper),
        lambda: stage.feeds.cancel_anchor(FIRST, sender=stage.keeper),
    ):
        with boa.reverts("owner: caller is not the owner"):
            call()
    stage.feeds.cancel_anchor(FIRST, sender=stage.owner)
    boa.env.evm.patch.timestamp += DELAY_S
    with boa.reverts("feeds: nothing proposed"):
        stage.feeds.execute_anchor(FIRST, sender=stage.owner)
    with boa.reverts("feeds: bounds out of order"):
        stage.feeds.propose_anchor(FIRST, 2, 1, sender=stage.owner)
    with boa.reverts("feeds: unknown feed"):
        stage.feeds.propose_anchor(FIRST + 1, 1, 2, sender=stage.owner)


def test_deploy__without_an_oracle_or_with_a_long_delay__reverts(stage: Feeds):
    with boa.reverts("feeds: no oracle"):
        deployer("ERC4626Feeds").deploy(stage.keeper, 0, stage.owner, ZERO)
    with boa.reverts("feeds: delay above 30 days"):
        deployer("ERC4626Feeds").deploy(stage.oracle.address, 30 * DAY_S + 1, stage.owner, ZERO)


# ---- decimals, and an index over it


@pytest.mark.parametrize(
    ("asset_decimals", "offset"), [(0, 0), (0, 18), (6, 0), (6, 12), (8, 6), (18, 0), (18, 6), (18, 9), (27, 0)]
)
@pytest.mark.parametrize("feed_decimals", [2, 8, 18])
def test_price__whatever_the_decimals__is_price_times_assets_of_one_share(
    stage: Feeds, asset_decimals: int, offset: int, feed_decimals: int
):
    asset = deployer("MockERC20").deploy("A", "A", asset_decimals)
    vault = deployer("MockERC4626").deploy("V", "V", asset.address, offset, True)
    oracle = deployer("MockOracle").deploy(["A/USD"], [feed_decimals])
    price = 3 * 10**feed_decimals + 7
    oracle.set_price(0, price)
    asset.mint(stage.owner, 10 ** (asset_decimals + 9))
    asset.approve(vault.address, FOREVER, sender=stage.owner)
    vault.deposit(10 ** (asset_decimals + 8), sender=stage.owner)
    asset.mint(vault.address, 37 * 10 ** (asset_decimals + 6))
    feeds = deployer("ERC4626Feeds").deploy(oracle.address, 0, stage.owner, ZERO)
    feeds.add_feed(stage.spec(vault=vault.address, asset_feed=0), sender=stage.owner)
    # 1.37 but for the virtual asset and what six more decimals than the asset's can tell.
    rate = Fraction(vault.convertToAssets(10 ** (vault.decimals() + 6)), 10 ** (asset_decimals + 6))
    assert abs(rate - Fraction(137, 100)) <= Fraction(1, 10**6)
    assert feeds.price(FIRST, 60) == floor(price * floor(rate * WAD) / Fraction(WAD))


def test_index__over_plain_and_yield_components__has_a_nav_and_loses_only_that(stage: Feeds):
    """The factory reads decimals from here and the vault its NAV; a rate out of limits stops NAV, no exit."""
    oracle = deployer("MockOracle").deploy(["BTC/USD"], [8])
    oracle.set_price(0, 2 * 10**8)
    feeds = deployer("ERC4626Feeds").deploy(oracle.address, 0, stage.owner, stage.keeper)
    index_of = feeds.add_feed(stage.spec(asset_feed=0), sender=stage.owner)
    plain = deployer("MockERC20").deploy("Plain", "P", 8)
    index = make_index(deploy_factory(), [plain, stage.vault], [10**8, WAD], feeds, stage.owner, feeds=[0, index_of])
    for token in (plain, stage.vault):
        token.approve(index.address, FOREVER, sender=stage.owner)
    plain.mint(stage.owner, 10**12)
    index.mint(100 * WAD, stage.owner, [FOREVER] * 2, FOREVER, sender=stage.owner)
    assert index.nav(60) == 2 * WAD + feeds.price(index_of, 60) * 10**10
    stage.earn(UP_BPS + 1)
    with boa.reverts("feeds: rate out of limits"):
        index.nav(60)
    index.redeem(100 * WAD, stage.owner, [0, 0], FOREVER, sender=stage.owner)
