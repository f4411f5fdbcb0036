# SPDX-License-Identifier: AGPL-3.0-only
"""Whatever bytes come, a codec gives sane trades and books or a SourceError, never anything else."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.tapes import NOW_MS, SYMBOLS, few_trades

from plumbline.core.models import Trade
from plumbline.errors import SourceError
from plumbline.replay.tape import Print, Tape
from plumbline.replay.venues import SESSIONS
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import MAX_SKEW_MS, Books, Codec
from plumbline.sources.numbers import MAX_VALUE_WAD

VENUES = sorted(CODECS)
DEPTH = 20 if os.environ.get("PLUMBLINE_FUZZ") == "long" else 1
numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, -0.0, 1e308, 1e-320])
texts = st.text(max_size=12) | st.sampled_from(
    [
        "BTC/USD",
        "BTC-USD",
        "BTCUSD",
        "BTC_USD",
        "trade",
        "snapshot",
        "1e9",
        "-1",
        "0",
        "0.0",
        "NaN",
        "\u0661",
        "9" * 400,
    ]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


DEPTH_VENUES = [venue for venue in VENUES if CODECS[venue].depth > 1]
KINDS: list[tuple[str, Books]] = [(venue, "top") for venue in VENUES] + [(venue, "depth") for venue in DEPTH_VENUES]


def honest_frames(venue: str, books: Books) -> list[bytes]:
    """Everything the exchange's side says in a short conversation."""
    session, codec = SESSIONS[venue](SYMBOLS), codec_of(venue, SYMBOLS, books)
    prints: list[Print] = Tape(few_trades(venue)).until(NOW_MS)
    frames = session.greeting(NOW_MS)
    for request in codec.subscribe_frames():
        frames += session.receive(request, NOW_MS, lambda symbol: prints[:1])
    return frames + session.heartbeat(NOW_MS) + session.updates(prints, NOW_MS) + session.maintenance()


def honest_answers(venue: str) -> list[tuple[str, bytes]]:
    """("trades" or "book", body) as the exchange's REST gives them."""
    codec, session = codec_of(venue, SYMBOLS), SESSIONS[venue](SYMBOLS)
    prints: list[Print] = Tape(few_trades(venue)).until(NOW_MS)
    native = codec.native(SYMBOLS[0])
    answers = []
    for kind, path in (("trades", codec.trades_path(native)), ("book", codec.book_path(native))):
        where, _, query = path.partition("?")
        _, body = session.answer(where, dict(parse_qsl(query)), lambda symbol: prints, NOW_MS)
        answers.append((kind, body))
    return answers


HONEST = {kind: honest_frames(*kind) for kind in KINDS}
ANSWERS = {venue: honest_answers(venue) for venue in VENUES}


def survives(kind: tuple[str, Books], frames: list[bytes]) -> None:
    """The frames come one after the other, as on one connection."""
    codec = codec_of(kind[0], SYMBOLS, kind[1])
    codec.subscribe_frames()
    for frame in frames:
        try:
            trades = codec.decode(frame, NOW_MS)
        except SourceError:
            continue
        assert_sane(codec, trades)


def survives_answer(venue: str, what: str, body: bytes) -> None:
    codec = codec_of(venue, SYMBOLS, "top")
    native = codec.native(SYMBOLS[0])
    try:
        if what == "trades":
            assert_sane(codec, codec.decode_trades(native, body, NOW_MS))
        else:
            codec.decode_book(native, body, NOW_MS)
            assert_sane(codec, [])
    except SourceError:
        pass


def assert_sane(codec: Codec, trades: list[Trade]) -> None:
    for trade in trades:
        assert trade.venue == codec.venue
        assert trade.symbol in SYMBOLS
        assert 0 < trade.price_wad <= MAX_VALUE_WAD
        assert 0 < trade.size_wad <= MAX_VALUE_WAD
        assert 0 < trade.at_ms <= NOW_MS + MAX_SKEW_MS
    for symbol in SYMBOLS:
        book = codec.book(symbol)
        if book is None:
            continue
        assert book.bids[0][0] < book.asks[0][0]
        assert 0 < book.at_ms <= NOW_MS + MAX_SKEW_MS
        for side, sign in ((book.bids, -1), (book.asks, 1)):
            assert all(sign * (after[0] - before[0]) > 0 for before, after in pairwise(side))
            assert all(0 < price <= MAX_VALUE_WAD and 0 < size <= MAX_VALUE_WAD for price, size in side)


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=60 * DEPTH, derandomize=True, deadline=None)
@given(frame=st.binary(max_size=200))
def test_decode__any_bytes__trades_or_source_error(venue: str, frame: bytes):
    survives((venue, "top"), [frame])
    for what in ("trades", "book"):
        survives_answer(venue, what, frame)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@settings(max_examples=80 * DEPTH, derandomize=True, deadline=None)
@given(data=st.data())
def test_decode__honest_frame_with_cuts_and_pastes__trades_or_source_error(
    kind: tuple[str, Books], data: st.DataObject
):
    frames = list(HONEST[kind])
    place = data.draw(st.integers(0, len(frames) - 1))
    frames[place] = cut_and_pasted(frames[place], data)
    survives(kind, frames)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@settings(max_examples=100 * DEPTH, derandomize=True, deadline=None)
@given(data=st.data())
def test_decode__honest_frame_with_any_value_anywhere__trades_or_source_error(
    kind: tuple[str, Books], data: st.DataObject
):
    frames = list(HONEST[kind])
    place = data.draw(st.integers(0, len(frames) - 1))
    frames[place] = with_any_value(frames[place], data)
    survives(kind, frames)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@settings(max_examples=30 * DEPTH, derandomize=True, deadline=None)
@given(data=st.data())
def test_decode__honest_frames_in_any_order_with_repeats_and_holes__trades_or_source_error(
    kind: tuple[str, Books], data: st.DataObject
):
    survives(kind, data.draw(st.lists(st.sampled_from(HONEST[kind]), max_size=30)))


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=60 * DEPTH, derandomize=True, deadline=None)
@given(data=st.data())
def test_decode__honest_answer_with_anything_wrong__trades_or_source_error(venue: str, data: st.DataObject):
    what, body = data.draw(st.sampled_from(ANSWERS[venue]))
    survives_answer(venue, what, data.draw(st.sampled_from([cut_and_pasted, with_any_value]))(body, data))


def cut_and_pasted(frame: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(frame)))
    until = data.draw(st.integers(at, min(len(frame), at + 20)))
    return frame[:at] + data.draw(st.binary(max_size=20)) + frame[until:]


def with_any_value(frame: bytes, data: st.DataObject) -> bytes:
    message = json.loads(frame)
    holder, key = data.draw(st.sampled_from(list(places(message))))
    holder[key] = data.draw(values)
    return json.dumps(message).encode("utf-8", "surrogatepass")


def places(node: Any) -> Any:
    """Every (container, key) of a JSON value."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from places(value)
