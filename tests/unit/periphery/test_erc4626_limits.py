# SPDX-License-Identifier: AGPL-3.0-only
"""ERC4626Feeds: how fast a rate may move, who may move its mark, and what moving it by force brings."""

from __future__ import annotations

from fractions import Fraction

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.periphery.market import FOREVER, WAD
from tests.unit.periphery.yields import BTC, DAY_S, DELAY_S, DOWN_BPS, FIRST, UP_BPS, USD, Yields, pass_days, rate_of
from tests.unit.vault.conftest import events


def test_price__after_honest_yield__is_served(yields: Yields):
    before = yields.feeds.price(FIRST, FOREVER)
    for _ in range(40):
        pass_days(1)
        yields.earn(3)
        yields.feeds.checkpoint(FIRST, sender=yields.keeper)
    assert yields.feeds.price(FIRST, FOREVER) == pytest.approx(before * 1.0003**40, rel=1e-6)


@pytest.mark.parametrize("days", [0, Fraction(1, 24), 1, Fraction(30, 24), 7])
def test_limits__rise_and_fall_in_proportion_to_time__a_day_at_least(yields: Yields, days: Fraction):
    mark = rate_of(yields)
    pass_days(days)
    seconds = int(max(days, 1) * DAY_S)
    low, high = yields.feeds.rate_limits(FIRST)
    assert low == mark - mark * DOWN_BPS * seconds // (10_000 * DAY_S)
    assert high == mark + mark * UP_BPS * seconds // (10_000 * DAY_S)


def test_dust__donated_right_after_or_in_front_of_a_checkpoint__stops_nothing(yields: Yields):
    """A bps in the block of a checkpoint, and another in front of the next."""
    pass_days(1)
    yields.earn(3)
    yields.feeds.checkpoint(FIRST, sender=yields.keeper)
    yields.earn(1)
    assert yields.feeds.price(FIRST, FOREVER) == 99_000_000 * rate_of(yields) // WAD
    pass_days(1)
    yields.earn(3)
    yields.earn(1)
    yields.feeds.checkpoint(FIRST, sender=yields.keeper)
    assert yields.feeds.price(FIRST, FOREVER) > 0


def test_checkpoint__within_a_day_of_the_last__reverts(yields: Yields):
    """Or the first day's room could be had again and again."""
    yields.earn(9)
    boa.env.evm.patch.timestamp += DAY_S - 1
    for who in (yields.keeper, yields.owner):
        with boa.reverts("feeds: checkpoint too young"):
            yields.feeds.checkpoint(FIRST, sender=who)
    boa.env.evm.patch.timestamp += 1
    yields.feeds.checkpoint(FIRST, sender=yields.keeper)
    with boa.reverts("feeds: checkpoint too young"):
        yields.feeds.checkpoint(FIRST, sender=yields.owner)


def test_rate__pushed_as_far_as_it_goes_at_every_checkpoint__walks_a_day_s_limit_a_day(yields: Yields):
    first, hours = rate_of(yields), 0
    for _ in range(24 * 5):
        boa.env.evm.patch.timestamp += 3_600
        hours += 1
        yields.earn(max(0, Fraction(yields.feeds.rate_limits(FIRST)[1] - rate_of(yields), rate_of(yields)) * 10_000))
        try:
            yields.feeds.checkpoint(FIRST, sender=yields.keeper)
        except boa.BoaError:
            continue
    assert hours == 24 * 5
    assert rate_of(yields) <= first * Fraction(10_000 + UP_BPS, 10_000) ** 6
    assert rate_of(yields) > first * Fraction(10_000 + UP_BPS, 10_000) ** 5 * Fraction(99_999, 100_000)


@pytest.mark.parametrize("days", [1, 7])
def test_price__when_the_rate_moved_faster_than_it_may__reverts(yields: Yields, days: int):
    """A hundredth of a bps inside each limit is served, as far outside is not; reads and checkpoints alike."""
    pass_days(days)
    hair = Fraction(1, 100)
    for act, most in ((yields.earn, UP_BPS * days), (yields.lose, DOWN_BPS * days)):
        with boa.env.anchor():
            act(most - hair)
            assert yields.feeds.price(FIRST, FOREVER) > 0
            yields.feeds.checkpoint(FIRST, sender=yields.keeper)
        with boa.env.anchor():
            act(most + hair)
            for call in (
                lambda: yields.feeds.price(FIRST, FOREVER),
                lambda: yields.feeds.prices([BTC, FIRST], FOREVER),
                lambda: yields.feeds.checkpoint(FIRST, sender=yields.keeper),
            ):
                with boa.reverts("feeds: rate out of limits"):
                    call()
            assert yields.feeds.price(USD, FOREVER) == 99_000_000


def test_price__of_a_rate_that_jumped__is_served_again_when_time_has_caught_up(yields: Yields):
    yields.earn(25)
    for _ in range(2):
        pass_days(1)
        with boa.reverts("feeds: rate out of limits"):
            yields.feeds.price(FIRST, FOREVER)
    pass_days(1)
    assert yields.feeds.price(FIRST, FOREVER) > 0


def test_price__outside_the_hard_bounds__reverts_however_slowly_it_came_there(yields: Yields):
    pass_days(365)
    yields.earn(500)
    assert yields.feeds.price(FIRST, FOREVER) > 0
    index = yields.feeds.add_feed(yields.spec(name="b", max_rate=rate_of(yields)), sender=yields.owner)
    pass_days(100)
    yields.earn(1)
    with boa.reverts("feeds: rate out of limits"):
        yields.feeds.price(index, FOREVER)


def test_checkpoint__counts_the_limits_from_now_on(yields: Yields):
    pass_days(1)
    yields.earn(5)
    old = yields.feeds.rate(FIRST)[1]
    for who in (yields.keeper, yields.owner):
        with boa.env.anchor():
            yields.feeds.checkpoint(FIRST, sender=who)
            [checkpointed] = events(yields.feeds, "Checkpointed")
            assert checkpointed[1:] == (FIRST, who, old, rate_of(yields))
            assert yields.feeds.rate(FIRST) == (rate_of(yields), rate_of(yields), boa.env.evm.patch.timestamp)
            mark = rate_of(yields)
            limits = (mark - mark * DOWN_BPS // 10_000, mark + mark * UP_BPS // 10_000)
            assert yields.feeds.rate_limits(FIRST) == limits


def test_checkpoint__by_anybody_else__reverts(yields: Yields):
    pass_days(1)
    with boa.reverts("feeds: not keeper or owner"):
        yields.feeds.checkpoint(FIRST, sender=yields.attacker)
    yields.feeds.set_keeper(yields.attacker, sender=yields.owner)
    [changed] = events(yields.feeds, "KeeperChanged")
    assert changed[1:] == (yields.keeper, yields.attacker)
    yields.feeds.checkpoint(FIRST, sender=yields.attacker)
    with boa.reverts("feeds: not keeper or owner"):
        yields.feeds.checkpoint(FIRST, sender=yields.keeper)
    with boa.reverts("owner: caller is not the owner"):
        yields.feeds.set_keeper(yields.keeper, sender=yields.attacker)


def test_donation__to_a_vault__moves_the_price_no_further_than_its_limit(yields: Yields):
    """Whoever bends the rate in one transaction: above the limit nothing is served, below it costs him the donation."""
    pass_days(1)
    honest = yields.feeds.price(FIRST, FOREVER)
    yields.usd.mint(yields.attacker, 10**13)
    served = []
    for bps in (1, 5, 9, 11, 100, 10_000):
        with boa.env.anchor():
            yields.usd.transfer(
                yields.vault.address, yields.vault.totalAssets() * bps // 10_000, sender=yields.attacker
            )
            try:
                served.append(yields.feeds.price(FIRST, FOREVER))
            except boa.BoaError:
                served.append(0)
    assert served[3:] == [0, 0, 0]
    assert all(honest < price <= honest * (10_000 + UP_BPS) // 10_000 for price in served[:3])


@pytest.mark.parametrize("is_virtual", [True, False])
def test_inflation__of_an_empty_vault__is_not_served(yields: Yields, is_virtual: bool):
    """The first depositor's donation, in a vault with and without virtual shares: the rate leaves its bounds."""
    vault = deployer("MockERC4626").deploy("Empty", "E", yields.usd.address, 0, is_virtual)
    feed = yields.feeds.add_feed(yields.spec(name="e", vault=vault.address), sender=yields.owner)
    assert yields.feeds.price(feed, 60) == 99_000_000
    yields.usd.mint(yields.attacker, 10**12)
    yields.usd.approve(vault.address, FOREVER, sender=yields.attacker)
    pass_days(30)
    vault.deposit(1, sender=yields.attacker)
    assert yields.feeds.price(feed, FOREVER) == 99_000_000
    yields.usd.transfer(vault.address, 10**11, sender=yields.attacker)
    with boa.reverts("feeds: rate out of limits"):
        yields.feeds.price(feed, FOREVER)


def test_bent_rate__cannot_be_walked_up_by_who_is_not_the_keeper(yields: Yields):
    """Bending the rate for a transaction at a time, as far as it is served, leaves no trace."""
    pass_days(1)
    _, high = yields.feeds.rate_limits(FIRST)
    for _ in range(5):
        with boa.env.anchor():
            yields.earn(9)
            with boa.reverts("feeds: not keeper or owner"):
                yields.feeds.checkpoint(FIRST, sender=yields.attacker)
    assert yields.feeds.rate_limits(FIRST)[1] == high


def test_anchor__after_a_real_loss__brings_the_price_back_after_the_delay(yields: Yields):
    yields.lose(3_000)
    pass_days(30)
    with boa.reverts("feeds: rate out of limits"):
        yields.feeds.price(FIRST, FOREVER)
    yields.feeds.propose_anchor(FIRST, WAD // 2, WAD, sender=yields.owner)
    [proposed] = events(yields.feeds, "AnchorProposed")
    assert proposed[1:] == (FIRST, WAD // 2, WAD, boa.env.evm.patch.timestamp + DELAY_S)
    boa.env.evm.patch.timestamp += DELAY_S - 1
    with boa.reverts("feeds: too early"):
        yields.feeds.execute_anchor(FIRST, sender=yields.owner)
    boa.env.evm.patch.timestamp += 1
    with boa.env.anchor():
        yields.earn(10_000)
        with boa.reverts("feeds: rate out of limits"):
            yields.feeds.execute_anchor(FIRST, sender=yields.owner)
    yields.feeds.execute_anchor(FIRST, sender=yields.owner)
    assert yields.feeds.price(FIRST, FOREVER) == 99_000_000 * rate_of(yields) // WAD
    assert tuple(yields.feeds.yield_feed(FIRST))[3:5] == (WAD // 2, WAD)
    with boa.reverts("feeds: nothing proposed"):
        yields.feeds.execute_anchor(FIRST, sender=yields.owner)


def test_anchor__after_its_week__is_void(yields: Yields):
    """An announcement is not kept in a drawer until a day when the rate is bent."""
    yields.feeds.propose_anchor(FIRST, WAD // 2, 2 * WAD, sender=yields.owner)
    boa.env.evm.patch.timestamp += DELAY_S + 7 * DAY_S
    with boa.env.anchor():
        yields.feeds.execute_anchor(FIRST, sender=yields.owner)
    boa.env.evm.patch.timestamp += 1
    with boa.reverts("feeds: anchor expired"):
        yields.feeds.execute_anchor(FIRST, sender=yields.owner)
    yields.feeds.propose_anchor(FIRST, WAD // 2, 2 * WAD, sender=yields.owner)
    boa.env.evm.patch.timestamp += DELAY_S
    yields.feeds.execute_anchor(FIRST, sender=yields.owner)


def test_anchor__cancelled_or_by_anybody_else__does_nothing(yields: Yields):
    with boa.reverts("feeds: nothing proposed"):
        yields.feeds.cancel_anchor(FIRST, sender=yields.owner)
    yields.feeds.propose_anchor(FIRST, 1, WAD, sender=yields.owner)
    for call in (
        lambda: yields.feeds.propose_anchor(FIRST, 1, WAD, sender=yields.keeper),
        lambda: yields.feeds.execute_anchor(FIRST, sender=yields.keeper),
        lambda: yields.feeds.cancel_anchor(FIRST, sender=yields.keeper),
    ):
        with boa.reverts("owner: caller is not the owner"):
            call()
    yields.feeds.cancel_anchor(FIRST, sender=yields.owner)
    boa.env.evm.patch.timestamp += DELAY_S
    with boa.reverts("feeds: nothing proposed"):
        yields.feeds.execute_anchor(FIRST, sender=yields.owner)
    with boa.reverts("feeds: bounds out of order"):
        yields.feeds.propose_anchor(FIRST, 2, 1, sender=yields.owner)
    with boa.reverts("feeds: unknown feed"):
        yields.feeds.propose_anchor(FIRST + 1, 1, 2, sender=yields.owner)
