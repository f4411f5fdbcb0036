# SPDX-License-Identifier: AGPL-3.0-only
"""What a relayer shows of its state."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from plumbline.errors import JournalError
from plumbline.ports import Answer
from plumbline.relayer.service import Relayer
from plumbline.store.relays import Evidence
from plumbline.transport.pages import asked_time, json_response, node_routes
from plumbline.transport.rows import encode_row, encode_rows

log = structlog.get_logger(__name__)


def relayer_app(relayer: Relayer) -> Starlette:
    """The pages of every node; `GET /evidence`: who signed two rows for one round, with both signatures;
    `GET /seen/{timestamp}`: the rows that were kept of a round, for other relayers to compare with theirs.
    """

    async def seen(request: Request) -> Response:
        if (timestamp := asked_time(request)) is None:
            return PlainTextResponse("expected /seen/{seconds since the epoch}\n", 400)
        try:
            rows = relayer.seen(timestamp)
        except JournalError as error:
            log.error("journal not readable", reason=str(error))
            return PlainTextResponse("journal not readable\n", 503)
        return Response(encode_rows(rows), media_type="application/json")

    async def evidence(request: Request) -> Response:
        try:
            return json_response([evidence_json(each) for each in relayer.journal.evidence()])
        except JournalError as error:
            log.error("journal not readable", reason=str(error))
            return PlainTextResponse("journal not readable\n", 503)

    routes = node_routes(relayer.metrics, relayer.unready, lambda: relayer_status(relayer))
    return Starlette(routes=[Route("/evidence", evidence), Route("/seen/{timestamp}", seen), *routes])


def evidence_json(found: Evidence) -> dict[str, Any]:
    """Everything needed to check it without us: rows as they go over the wire, and what they were signed for."""
    rows = [msgspec.json.decode(encode_row(signed)) for signed in found.rows]
    return {"chain_id": found.chain_id, "oracle": found.oracle, "rows": rows, "served_by": list(found.peers)}


def relayer_status(relayer: Relayer) -> dict[str, Any]:
    """The whole state as plain JSON values; prices are decimal text in the feed's decimals.

    {"service", "address", "dry_run", "chain_trouble", "unready", "balance_wei", "unsettled", "chain": {...} | null,
     "last": {...} | null,
     "peers": [{"name", "timestamp", "trouble"}],
     "feeds": [{"name", "decimals", "quorum", "heartbeat_s", "deviation_bps", "median", "answer": {...} | null}]}
    """
    chain, last = relayer.chain, relayer.last
    return {
        "service": "relayer",
        "address": relayer.address,
        "dry_run": relayer.dry_run,
        "chain_trouble": relayer.chain_trouble,
        "unready": relayer.unready(),
        "balance_wei": None if relayer.balance_wei is None else str(relayer.balance_wei),
        "unsettled": relayer.unsettled,
        "chain": chain
        and {
            "chain_id": chain.config.chain_id,
            "oracle": chain.config.address,
            "epoch": chain.config.epoch,
            "period_s": chain.config.period_s,
            "round_id": chain.round_id,
            "timestamp": chain.timestamp,
        },
        "last": last
        and {
            "timestamp": last.timestamp,
            "outcome": last.word,
            "why": list(last.why),
            "detail": last.detail,
            "reporters": list(last.reporters),
        },
        "peers": [
            {"name": state.name, "timestamp": state.timestamp, "trouble": state.trouble}
            for state in relayer.collector.asked
        ],
        "feeds": _feeds(relayer),
    }


def _feeds(relayer: Relayer) -> list[dict[str, Any]]:
    if relayer.chain is None:
        return []
    rows = zip_longest(relayer.chain.config.feeds, relayer.chain.answers, relayer.medians)
    return [
        {
            "name": feed.name,
            "decimals": feed.decimals,
            "quorum": feed.quorum,
            "heartbeat_s": feed.heartbeat_s,
            "deviation_bps": feed.deviation_bps,
            "median": str(median) if median else None,
            "answer": {"round_id": answer.round_id, "price": str(answer.price), "timestamp": answer.timestamp}
            if isinstance(answer, Answer)
            else None,
        }
        for feed, answer, median in rows
    ]
