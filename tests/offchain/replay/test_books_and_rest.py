# SPDX-License-Identifier: AGPL-3.0-only
"""Books and REST of every venue against its stand-in: whole, out of step, and while there is no socket."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import pytest
from tests.helpers.ports import free_port
from tests.helpers.streams import reading, run, until
from tests.helpers.tapes import few_trades

from plumbline.clock import MarketClock
from plumbline.core.models import Trade
from plumbline.replay.books import book_around
from plumbline.replay.faults import Fault, FaultKind, Faults
from plumbline.replay.server import ReplayServer
from plumbline.replay.tape import Print, Tape, markets_of
from plumbline.replay.venues import SESSIONS
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import Books, FrameError
from plumbline.sources.rest import RestClient
from plumbline.sources.websocket import WebSocketSource

SPEED = 10
ORIGIN_MS = 1_678_492_800_000
VENUES = sorted(CODECS)
DEPTH_VENUES = ["bitfinex", "bitstamp", "coinbase", "kraken", "okx"]


def clock_from_now() -> MarketClock:
    return MarketClock(ORIGIN_MS, time.time_ns() // 1_000_000, SPEED)


def tape_of(venues: Sequence[str], seconds: int = 20) -> list[Trade]:
    """Ten trades a second of market time on each venue, from before the origin on."""
    trades = [t for v in venues for t in few_trades(v, count=10 * (seconds + 5), start_ms=ORIGIN_MS - 5_000)]
    return sorted(trades, key=lambda t: t.at_ms)


def sources(
    server: ReplayServer, clock: MarketClock, told: list[Trade], books: Books = "none", *, rest: bool = False
) -> dict[str, WebSocketSource]:
    found = {}
    for venue, symbols in markets_of(told).items():
        codec = codec_of(venue, symbols, books)
        client = RestClient(codec, clock, server.rest_url(venue), pause_s=0.01) if rest else None
        found[venue] = WebSocketSource(codec, clock, server.url(venue), rest=client)
    return found


def is_true_book(source: WebSocketSource, told: list[Trade], levels: int) -> bool:
    """Whether each book of a source is the one that the tape's last trade of the market makes."""
    lasts = {t.symbol: t for t in told if t.venue == source.venue}
    for symbol, last in lasts.items():
        true, book = book_around(Print(last, 1)), source.book(symbol)
        if book is None or (book.bids, book.asks) != (true.bids[:levels], true.asks[:levels]):
            return False
        assert (book.venue, book.symbol) == (source.venue, symbol)
    return True


@pytest.mark.parametrize(("books", "venues", "levels"), [("top", VENUES, 1), ("depth", DEPTH_VENUES, 12)])
def test_books__every_venue_that_has_them__are_the_venues_own(books: Books, venues: list[str], levels: int):
    told = tape_of(venues)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, markets_of(told), 0) as server:
            found = sources(server, clock, told, books)
            async with reading(*found.values()):
                await until(lambda: all(is_true_book(source, told, levels) for source in found.values()))
                for source in found.values():
                    assert source.stats.connections == 1
                    assert not source.stats.rejected
                    assert set(source._codec.confirmed) == set(source._codec.wanted())
            assert all(source.book("BTC/USD") is None for source in found.values()), "no connection, no book"

    run(test())


@pytest.mark.parametrize("venue", ["bitfinex", "coinbase", "kraken", "okx"])
@pytest.mark.parametrize("kind", ["loss", "reorder"])
def test_books__frames_lost_or_overtaken__are_asked_for_again_until_they_are_true(venue: str, kind: FaultKind):
    """Without sockets: what is lost must not depend on how busy the machine is."""
    told = tape_of([venue], seconds=120)
    fault = Fault(kind, venue, ORIGIN_MS + 5_000, ORIGIN_MS + 20_000, bps=1_000)
    tape = Tape(told, Faults([fault], seed=4))
    symbols, last = markets_of(told)[venue], {}
    session, codec = SESSIONS[venue](symbols), codec_of(venue, symbols, "depth")

    def recent(symbol: str) -> list[Print]:
        return [last[symbol]] if symbol in last else []

    def converse(line: list[bytes], now_ms: int) -> None:
        """Frames go out in turn; what is answered to the codec's requests comes after those already on the way."""
        for frame in line:
            with suppress(FrameError):
                codec.decode(frame, now_ms)
            for request in [*codec.replies, *codec.retry_books(now_ms)]:
                line += session.receive(request, now_ms, recent)
            codec.replies.clear()

    for request in codec.subscribe_frames():
        converse(session.receive(request, ORIGIN_MS, recent), ORIGIN_MS)
    for now_ms in range(ORIGIN_MS - 5_000, ORIGIN_MS + 120_000, 100):
        prints = tape.until(now_ms)
        last |= {p.trade.symbol: p for p in prints}
        converse(tape.faults.frames(venue, session.updates(prints, now_ms), now_ms, session.held), now_ms)
        if now_ms < fault.start_ms and len(last) == len(symbols):
            assert not codec.dropped

    assert any(why.startswith("book") for why in codec.dropped)
    for symbol in symbols:
        book, true = codec.book(symbol), book_around(last[symbol])
        assert book is not None
        assert (book.bids, book.asks) == true


def test_books__one_that_never_gets_into_step__is_given_up_and_said_while_trades_go_on():
    told = tape_of(["okx"], seconds=30)
    faults = Faults([Fault("loss", "okx", 0, 1 << 60, bps=5_000)], seed=1)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told, faults), clock, markets_of(told), 0) as server:
            source = sources(server, clock, told, "depth")["okx"]
            async with reading(source) as got:
                await until(lambda: "BTC/USD book" in source.stats.refused)
                assert "out of step 6 times" in source.stats.refused["BTC/USD book"]
                await until(lambda: "BTC/USD book" in source.stats.reason)
                assert source.stats.rejected["subscription refused"] >= 1
                assert source.book("BTC/USD") is None
                before = len(got)
                await until(lambda: len(got) > before)
                assert source.stats.connections == 1

    run(test())


def test_rest__no_venue_has_a_socket__trades_and_books_come_from_it():
    told = tape_of(VENUES, seconds=5)

    async def test() -> None:
        clock, nowhere = clock_from_now(), f"ws://127.0.0.1:{free_port()}"
        async with ReplayServer(Tape(told), clock, markets_of(told), 0) as server:
            found = sources(server, clock, told, "top", rest=True)
            for source in found.values():
                source._url = nowhere
            async with reading(*found.values()) as got:
                await until(lambda: {(t.venue, t.symbol, t.at_ms) for t in got} >= last_of_each(told), 25)
                for source in found.values():
                    await until(lambda source=source: is_true_book(source, told, 1))
                    assert not source.stats.connected
                    assert source.stats.polled == source.stats.trades > 0
                    assert not source.stats.rejected
        for venue in VENUES:
            for symbol in markets_of(told)[venue]:
                ours = [t for t in got if (t.venue, t.symbol) == (venue, symbol)]
                assert len(set(ours)) == len(ours)
                assert set(map(seconds_of(venue), ours)) <= {
                    seconds_of(venue)(t) for t in told if (t.venue, t.symbol) == (venue, symbol)
                }

    run(test())


def last_of_each(told: list[Trade]) -> set[tuple[str, str, int]]:
    """Of each market, its last trade; Bitstamp's REST tells whole seconds only."""
    lasts = {(t.venue, t.symbol): t.at_ms for t in told}
    return {(*market, at_ms // 1000 * 1000 if market[0] == "bitstamp" else at_ms) for market, at_ms in lasts.items()}


def seconds_of(venue: str):
    return lambda t: t._replace(at_ms=t.at_ms // 1000 * 1000) if venue == "bitstamp" else t


def test_books__socket_lost_and_rest_silent__none_is_known():
    told = tape_of(["kraken"])

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, markets_of(told), 0) as server:
            codec = codec_of("kraken", markets_of(told)["kraken"], "depth")
            rest = RestClient(codec, clock, f"http://127.0.0.1:{free_port()}")
            source = WebSocketSource(codec, clock, server.url("kraken"), rest=rest)
            async with reading(source):
                await until(lambda: source.book("BTC/USD"))
                source._url = f"ws://127.0.0.1:{free_port()}"
                for connection in list(server._clients["kraken"]):
                    connection.transport.abort()
                await until(lambda: "REST unreachable" in source.stats.reason, 20)
                assert source.book("BTC/USD") is None

    run(test())


def test_rest__socket_lost_and_found__what_traded_meanwhile_comes_once_and_in_order():
    told = tape_of(["binance", "gate"], seconds=40)

    async def test() -> None:
        clock, port = clock_from_now(), free_port()
        tape = Tape(told)
        async with ReplayServer(tape, clock, markets_of(told), port) as server:
            found = sources(server, clock, told, rest=True)
            async with reading(*found.values()) as got:
                await until(lambda: len({t.venue for t in got if t.at_ms >= ORIGIN_MS + 5_000}) == 2)
                for connections in server._clients.values():
                    for connection in list(connections):
                        connection.transport.abort()
                await until(lambda: len({t.venue for t in got if t.at_ms >= ORIGIN_MS + 39_900}) == 2, 20)
                assert all(source.stats.connections == 2 for source in found.values())
                assert all(source._codec.missed == 0 for source in found.values())
        for venue in found:
            for symbol in markets_of(told)[venue]:
                ours = [t for t in got if (t.venue, t.symbol) == (venue, symbol)]
                theirs = [t for t in told if (t.venue, t.symbol) == (venue, symbol)]
                assert ours == theirs[theirs.index(ours[0]) :][: len(ours)]

    run(test())


@pytest.mark.parametrize("venue", VENUES)
def test_rest__market_that_is_not_listed__the_venues_own_refusal(venue: str):
    told = tape_of([venue], seconds=1)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, {venue: ["BTC/EUR"]}, 0) as server:
            source = sources(server, clock, told, rest=True)[venue]
            source._url = f"ws://127.0.0.1:{free_port()}"
            async with reading(source) as got:
                await until(lambda: "; " in source.stats.reason)
                assert venue in source.stats.reason
            assert not got

    run(test())
