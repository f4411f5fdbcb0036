# SPDX-License-Identifier: AGPL-3.0-only
"""Is this reporter the odd one out? What its peers' rows say, and what a bad peer cannot make them say."""

from __future__ import annotations

import asyncio

import pytest
from tests.offchain.fakes import START_S, FakePeer, oracle_config, signed_row

from plumbline.core.models import Row
from plumbline.errors import PeerError
from plumbline.metrics import ReporterMetrics
from plumbline.reporter.peers import PeerWatch, off_median_bps

OWN = signed_row(2)
PRICE, USDC = OWN.row.prices


def watch(*answers: object) -> PeerWatch:
    peers = [FakePeer(f"p{i}", {START_S: answer} if answer else {}) for i, answer in enumerate(answers)]
    built = PeerWatch(peers, ReporterMetrics([]), off_bps=100)
    asyncio.run(built.look(oracle_config(), OWN))
    return built


def test_look__near_the_others__is_no_alarm():
    near = watch(signed_row(1, prices=(PRICE * 1_009 // 1_000, USDC)), signed_row(3), signed_row(4))
    assert near.off == {}


def test_look__one_percent_off__is_an_alarm_of_that_feed_until_it_is_near_again():
    away = (PRICE * 100 // 99 + 1, USDC)
    off = watch(*(signed_row(i, prices=away) for i in (1, 3, 4)))
    assert off.off == {"BTC/USD": 100}
    off.peers = tuple(FakePeer(f"p{i}", {START_S: signed_row(i)}) for i in (1, 3))
    asyncio.run(off.look(oracle_config(), OWN))
    assert off.off == {}


@pytest.mark.parametrize("lie", [signed_row(4, prices=(1, 1)), signed_row(4, prices=(2**63 - 1, 2**63 - 1))])
def test_look__one_peer_of_three_lies__is_no_alarm(lie):
    assert watch(signed_row(1), signed_row(3), lie).off == {}


@pytest.mark.parametrize(
    "other",
    [
        None,
        PeerError("unreachable", "ConnectError"),
        signed_row(7, prices=(1, 1)),
        signed_row(3, prices=(1, 1), epoch=2),
        signed_row(2, prices=(1, 1)),
        signed_row(3, prices=(0, 0)),
    ],
)
def test_look__a_single_other_row_that_holds__says_nothing(other):
    assert watch(signed_row(1, prices=(1, 1)), other).off == {}


def test_off_median_bps__own_lane_empty__says_nothing_about_it():
    rows = [Row(1, START_S, (100, 100)), Row(1, START_S, (102, 100)), Row(1, START_S, (104, 100))]
    assert off_median_bps(Row(1, START_S, (0, 101)), rows) == [None, 100]
