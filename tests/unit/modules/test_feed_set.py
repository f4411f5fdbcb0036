# SPDX-License-Identifier: AGPL-3.0-only
"""modules/feed_set.vy: what FeedSetWriter wrote is read back field by field."""

from __future__ import annotations

import pytest

from tests.helpers import rows
from tests.helpers.contracts import deployer
from tests.helpers.feeds import ZERO, Feed, Guards

ADDRESSES = [signer.address for signer in rows.signers(4)]
FULL = Guards(2, 2**63 - 1, 3, 2**63 - 2, 2**16 - 2, 2**16 - 1, 2**16 - 1, 255, 2**32 - 1)
ODD = Feed("A name of thirty-two characters.", 18, 4, 2**32 - 1, 2**16 - 1, FULL)
PLAIN = Feed("B", 0, 3, 1, 1, Guards(1, 4, 2, 3, 1, 0, 1, 2, 0))


@pytest.fixture(scope="module")
def feed_set():
    return deployer("feed_set").deploy().internal


@pytest.fixture(scope="module")
def config():
    return (
        deployer("FeedSetWriter").deploy().write(ZERO, [ODD, PLAIN, *[Feed(f"C{i}") for i in range(4)]], ADDRESSES, 1)
    )


@pytest.mark.parametrize(("index", "feed"), [(0, ODD), (1, PLAIN), (5, Feed("C3"))])
def test_feed__is_as_it_was_registered(feed_set, config, index, feed):
    found = feed_set._feed(config, index)
    assert tuple(found[:5]) == tuple(feed[:5])
    assert tuple(found[5]) == tuple(feed.guards)
    assert feed_set._heartbeat(config, index) == feed.heartbeat


@pytest.mark.parametrize(("index", "guards"), [(0, FULL), (1, PLAIN.guards)])
def test_packed_guards__hold_the_step_rules_where_the_breaker_looks_for_them(feed_set, config, index, guards):
    packed = feed_set._packed_guards(config, index)
    assert packed == feed_set._pack_guards(tuple(guards))
    fields = [(0, 16), (16, 16), (32, 16), (48, 8), (64, 32), (128, 64), (192, 64)]
    found = [(packed >> at) & (2**bits - 1) for at, bits in fields]
    assert found == [*guards[4:7], guards.confirm_rounds, guards.confirm_seconds, *guards[2:4]]


def test_read__of_a_set__is_what_all_its_feeds_share(feed_set, config):
    found = feed_set._read(config)
    assert tuple(found[:4]) == (1, 1, 6, 4)
    assert list(found[4]) == [int(address, 16) for address in ADDRESSES] + [2**256 - 1] * 27
    assert [tuple(word)[1:] for word in found[5]][2:] == [(0, 0, 0, 1)] * 6
