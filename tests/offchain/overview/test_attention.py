# SPDX-License-Identifier: AGPL-3.0-only
"""What needs attention is said in a sentence that names it; what does not is not said."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.looks import AT_S, auction, healthy, venue

from plumbline.config import PeerConfig
from plumbline.overview.attention import attention
from plumbline.overview.settings import OverviewConfig

ADDRESS = "0x" + "11" * 20
CONFIG = OverviewConfig(
    rpc_url="http://127.0.0.1:8545",
    oracle=ADDRESS,
    vault=ADDRESS,
    pool=ADDRESS,
    reporters=tuple(PeerConfig(f"reporter-{index}", "http://127.0.0.1:1") for index in range(1, 5)),
)


def told(look: dict[str, Any], config: OverviewConfig = CONFIG) -> list[tuple[str, str]]:
    return [(each["level"], each["what"]) for each in attention(look, config)]


def test_healthy__says_nothing() -> None:
    assert told(healthy()) == []


def test_chain_silent__is_the_first_thing_said__and_nothing_is_said_of_what_is_unknown() -> None:
    look = healthy() | {"trouble": "http://127.0.0.1:1: ConnectError", "oracle": None, "vault": None, "pool": None}
    assert told(look) == [("bad", "The chain cannot be read: http://127.0.0.1:1: ConnectError.")]


def test_paused__is_said_once__not_for_each_feed() -> None:
    look = healthy()
    look["oracle"]["paused"] = True
    for feed in look["oracle"]["feeds"]:
        feed |= {"price": None, "reason": "oracle: paused", "age_s": None}
    assert told(look) == [("bad", "The oracle is paused: it takes no round and serves no price.")]


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        (
            {"ends_at_s": AT_S + 86_400, "reason": "few trade it\x1b[2J", "successor": None, "successor_feed": None},
            "USDC/USD ends on 2026-11-22 07:04 UTC, its owner says: few trade it?[2J.",
        ),
        (
            {"ends_at_s": AT_S, "reason": "", "successor": ADDRESS, "successor_feed": 4},
            f"USDC/USD ended on 2026-11-21 07:04 UTC, its owner says: feed 4 of {ADDRESS} takes its place.",
        ),
    ],
)
def test_feed_that_ends__is_a_warning__with_the_owners_words_harmless(notice: dict[str, Any], said: str) -> None:
    look = healthy()
    look["oracle"]["feeds"][1]["notice"] = notice
    assert told(look) == [("warn", said)]


def test_rebalance__is_said_only_when_somebody_should_act() -> None:
    look = healthy()
    for state in ("proposed", "open"):
        look["vault"]["auction"] = auction(state)
        assert told(look) == []
    look["vault"]["auction"] = auction("over")
    assert told(look) == [("warn", "A rebalance takes no bids any more and is not closed: anybody may close it.")]
    look["vault"]["auction"] = auction("open") | {"paused": True}
    [(level, what)] = told(look)
    assert (level, "auctions are paused" in what) == ("warn", True)


def test_no_round_yet__is_said() -> None:
    look = healthy()
    look["oracle"] |= {"round_id": 0}
    assert ("bad", "The oracle has no round yet.") in told(look)


@pytest.mark.parametrize(("age_s", "level"), [(15, None), (16, "warn"), (20, "warn"), (21, "bad")])
def test_age__of_a_feed_beyond_its_heartbeat__is_late_then_bad(age_s: int, level: str | None) -> None:
    look = healthy()
    look["oracle"]["feeds"][0]["age_s"] = age_s
    expected = [] if level is None else [(level, f"BTC/USD is {age_s} s old; its heartbeat is 10 s.")]
    assert told(look) == expected


def test_tripped__is_said_in_the_oracles_words() -> None:
    look = healthy()
    look["oracle"]["feeds"][1] |= {"price": None, "reason": "oracle: tripped", "age_s": None}
    assert told(look) == [("bad", "USDC/USD is not served: tripped.")]


def test_a_dead_venue__is_said_with_its_reason() -> None:
    look = healthy() | {"venues": [venue("kraken", "Connect call failed"), venue("binance")]}
    assert told(look) == [("warn", "kraken is out: Connect call failed.")]


def test_reporters__one_silent_is_a_warning__fewer_than_the_quorum_is_bad_and_first() -> None:
    look = healthy()
    look["reporters"][0]["trouble"] = "does not answer"
    assert told(look) == [("warn", "reporter-1: does not answer.")]
    look["reporters"][1]["trouble"] = "does not answer"
    assert told(look)[0] == ("bad", "Fewer reporters answer than the quorum of 3: no round can be made.")
    assert len(told(look)) == 3


def test_premium__outside_the_band__is_said_with_its_side() -> None:
    look = healthy()
    look["pool"] |= {"premium_ppm": -2_345, "in_band": False}
    assert told(look) == [("warn", "The pool trades at a discount of 23.4 bps, outside its band.")]
    # Outside, and no farther than what pays nobody for gas and risk: nothing to act on.
    look["pool"] |= {"premium_ppm": look["pool"]["band_low_ppm"] - 1_000}
    assert told(look) == []


def test_vault__paused_or_without_value__is_said() -> None:
    look = healthy()
    look["vault"] |= {"paused": True, "nav": None, "reason": "oracle: stale"}
    assert told(look) == [
        ("bad", "The share has no value: oracle: stale."),
        ("warn", "The vault is paused: no mints; redeems and claims go on."),
    ]


def test_nodes__unready_or_silent__are_said_by_name() -> None:
    look = healthy()
    look["relayer"]["unready"] = "kill switch: stop exists"
    look["keeper"] = {"trouble": "does not answer"}
    assert told(look) == [("warn", "relayer: kill switch: stop exists."), ("warn", "keeper: does not answer.")]


def test_no_price_seen__is_said_only_after_the_first_observation() -> None:
    look = healthy()
    look["observed"][0] |= {"price": None, "reason": "2 of 3 venues"}
    look["observed"][1] |= {"price": None, "reason": "not observed yet", "at_ms": None}
    assert told(look) == [("warn", "reporter-1 sees no price of BTC/USD: 2 of 3 venues.")]
