# SPDX-License-Identifier: AGPL-3.0-only
"""Nodes that are silent, foreign or hostile are told apart; rows are compared as the oracle would."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from plumbline.keeper.outcome import Outcome
from plumbline.overview.look import KEEPER_SAYS
from plumbline.overview.nodes import against_median, status_page


@pytest.fixture(autouse=True)
def recursion_as_in_a_node() -> Iterator[None]:
    """Python's own limit: a compiler that some tests load raises it to where nested JSON ends the process."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(raised)


def answered(body: bytes, status: int = 200) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(body))


def page_of(handler: Any) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            return await status_page(client, "http://node", "reporter")

    return asyncio.run(ask())


def test_page__of_the_right_service__comes_as_it_is() -> None:
    found = page_of(lambda request: answered(b'{"service": "reporter", "unready": "late"}'))
    assert found == {"service": "reporter", "unready": "late", "trouble": ""}


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (answered(b"", 500), "HTTP 500"),
        (answered(b"<html>"), "answers, but not as a reporter"),
        (answered(b"[]"), "answers, but not as a reporter"),
        (answered(b'{"service": "relayer"}'), "answers, but not as a reporter"),
        (answered(b"[" * 100_000), "answers, but not as a reporter"),
        (answered(b" " * (1024 * 1024 + 1)), "OversizedError"),
    ],
    ids=["500", "html", "list", "relayer", "deep", "large"],
)
def test_page__that_is_none__is_told_in_a_few_words(answer: httpx.Response, trouble: str) -> None:
    assert page_of(lambda request: answer) == {"trouble": trouble}


def test_page__of_nobody__does_not_answer() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert page_of(refuse) == {"trouble": "does not answer"}


def row(timestamp: int, *prices: int) -> dict[str, Any]:
    return {"trouble": "", "address": "0x1", "row": {"timestamp": timestamp, "prices": [str(each) for each in prices]}}


def test_against_median__is_the_oracles_lower_median_of_the_same_round() -> None:
    pages = {"a": row(5, 10_000, 1), "b": row(5, 10_010, 1), "c": row(5, 10_020, 1), "d": row(5, 10_100, 1)}
    off = {each["name"]: each["off_bps"]["BTC/USD"] for each in against_median(pages, ["BTC/USD", "X/USD"])}
    assert off == {"a": -9.99, "b": 0.0, "c": 9.99, "d": 89.91}


def test_against_median__another_round_is_another_median() -> None:
    pages = {"a": row(5, 10_000), "b": row(10, 20_000)}
    assert [each["off_bps"] for each in against_median(pages, ["BTC/USD"])] == [{"BTC/USD": 0.0}] * 2


def test_against_median__no_row_or_no_price__is_none_not_zero() -> None:
    pages = {"a": row(5, 0), "b": {"trouble": "does not answer"}, "c": row(5, 7)}
    found = {each["name"]: each for each in against_median(pages, ["BTC/USD"])}
    assert found["a"]["off_bps"] == found["b"]["off_bps"] == {"BTC/USD": None}
    assert found["b"]["trouble"] == "does not answer"
    assert found["c"]["off_bps"] == {"BTC/USD": 0.0}


def test_keeper__every_outcome_of_a_trade_has_words() -> None:
    others = "no auction", "waiting", "bid", "neutral", "hedged", "placed", "too dear", "short of quote"
    assert {*KEEPER_SAYS, *others} == {str(outcome) for outcome in Outcome}
