# SPDX-License-Identifier: AGPL-3.0-only
"""Whatever bytes come, a codec gives sane trades or a SourceError, never anything else."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.tapes import NOW_MS, SYMBOLS, few_trades

from plumbline.errors import SourceError
from plumbline.replay.tape import Print, Tape
from plumbline.replay.venues import SESSIONS
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import MAX_SKEW_MS
from plumbline.sources.numbers import MAX_VALUE_WAD

VENUES = sorted(CODECS)
DEPTH = 20 if os.environ.get("PLUMBLINE_FUZZ") == "long" else 1
numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, -0.0, 1e308, 1e-320])
texts = st.text(max_size=12) | st.sampled_from(["BTC/USD", "BTC-USD", "BTCUSD", "BTC_USD", "trade", "1e9", "-1", "NaN"])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def honest_frames(venue: str) -> list[bytes]:
    """Everything the exchange's side says in a short conversation."""
    session, codec = SESSIONS[venue](SYMBOLS), codec_of(venue, SYMBOLS)
    prints: list[Print] = Tape(few_trades(venue)).until(NOW_MS)
    frames = session.greeting(NOW_MS)
    for request in codec.subscribe_frames():
        frames += session.receive(request, NOW_MS, lambda symbol: prints[:1])
    return frames + session.heartbeat(NOW_MS) + session.updates(prints, NOW_MS)


HONEST = {venue: honest_frames(venue) for venue in VENUES}


def survives(venue: str, frame: bytes) -> None:
    codec = codec_of(venue, SYMBOLS)
    codec.subscribe_frames()
    try:
        trades = codec.decode(frame, NOW_MS)
    except SourceError:
        return
    for trade in trades:
        assert trade.venue == venue
        assert trade.symbol in SYMBOLS
        assert 0 < trade.price_wad <= MAX_VALUE_WAD
        assert 0 < trade.size_wad <= MAX_VALUE_WAD
        assert 0 < trade.at_ms <= NOW_MS + MAX_SKEW_MS


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=60 * DEPTH, derandomize=True, deadline=None)
@given(frame=st.binary(max_size=200))
def test_decode__any_bytes__trades_or_source_error(venue: str, frame: bytes):
    survives(venue, frame)


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=150 * DEPTH, derandomize=True, deadline=None)
@given(data=st.data())
def test_decode__honest_frame_with_cuts_and_pastes__trades_or_source_error(venue: str, data: st.DataObject):
    frame = data.draw(st.sampled_from(HONEST[venue]))
    at = data.draw(st.integers(0, len(frame)))
    until = data.draw(st.integers(at, min(len(frame), at + 20)))
    survives(venue, frame[:at] + data.draw(st.binary(max_size=20)) + frame[until:])


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=150 * DEPTH, derandomize=True, deadline=None)
@given(data=st.data())
def test_decode__honest_frame_with_any_value_anywhere__trades_or_source_error(venue: str, data: st.DataObject):
    message = json.loads(data.draw(st.sampled_from(HONEST[venue])))
    spots = list(places(message))
    holder, key = data.draw(st.sampled_from(spots))
    holder[key] = data.draw(values)
    survives(venue, json.dumps(message).encode("utf-8", "surrogatepass"))


def places(node: Any) -> Any:
    """Every (container, key) of a JSON value."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from places(value)
