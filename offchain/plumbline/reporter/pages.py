# SPDX-License-Identifier: AGPL-3.0-only
"""What a reporter shows: its rows, to relayers; its state, to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from plumbline.core.models import Contribution, IndexPrice, SignedRow
from plumbline.errors import JournalError
from plumbline.metrics import Metrics
from plumbline.ports import TradeSource
from plumbline.reporter.service import Reporter
from plumbline.transport.pages import asked_time, node_routes
from plumbline.transport.rows import encode_row

if TYPE_CHECKING:
    # These need the extra `nats`; a reporter in one process does not.
    from plumbline.reporter.assemble import Assembler
    from plumbline.reporter.shares import Shares

log = structlog.get_logger(__name__)


def reporter_app(reporter: Reporter) -> Starlette:
    """Its rows, and the pages of every node."""
    routes = node_routes(reporter.metrics, reporter.unready, lambda: reporter_status(reporter))
    return Starlette(routes=[rows_route(reporter.row), *routes])


def assembler_app(assembler: Assembler) -> Starlette:
    """The same of the signing part of a reporter in several processes."""

    def status() -> dict[str, Any]:
        last, chain = assembler.desk.last, assembler.chain
        return {
            "service": "reporter",
            "address": assembler.address,
            "method": assembler.desk.method,
            "refusal": chain.refusal,
            "chain_trouble": chain.trouble,
            "unready": assembler.unready(),
            "off_median_bps": assembler.watch.off,
            "signs": bool(assembler.shares.held),
            "row": last and _row(last),
        }

    routes = node_routes(assembler.metrics, assembler.unready, status)
    return Starlette(routes=[rows_route(assembler.row), *routes])


def shares_app(shares: Shares, metrics: Metrics) -> Starlette:
    """Of a process that ingests or aggregates: what it works on."""
    return Starlette(
        routes=node_routes(metrics, lambda: "", lambda: {"service": "reporter", "holds": list(shares.held)})
    )


def rows_route(row_of: Callable[[int], SignedRow | None]) -> Route:
    """`GET /rows/{timestamp}`: the signed row of that round, 404 while there is none."""

    async def row(request: Request) -> Response:
        if (timestamp := asked_time(request)) is None:
            return PlainTextResponse("expected /rows/{seconds since the epoch}\n", 400)
        try:
            signed = row_of(timestamp)
        except JournalError as error:
            log.error("journal not readable", reason=str(error))
            return PlainTextResponse("journal not readable\n", 503)
        if signed is None:
            return PlainTextResponse("no row for this round\n", 404)
        return Response(encode_row(signed), media_type="application/json")

    return Route("/rows/{timestamp}", row)


def reporter_status(reporter: Reporter) -> dict[str, Any]:
    """The whole state as plain JSON values; every price is decimal text: WAD for the index, feed decimals in the row.

    {"service", "address", "method", "refusal", "chain_trouble", "unready", "off_median_bps",
     "chain": {...} | null, "row": {...} | null,
     "venues": [{"name", "connected", "reason", "trades", "connections", "rejected", "dropped"}],
     "feeds": [{"name", "decimals", "at_ms", "price_wad", "reason", "contributions": [...]}]}
    """
    config, last = reporter.config, reporter.last
    return {
        "service": "reporter",
        "address": reporter.address,
        "refusal": reporter.refusal,
        "method": reporter.method,
        "chain_trouble": reporter.chain.trouble,
        "off_median_bps": reporter.watch.off,
        "unready": reporter.unready(),
        "chain": config
        and {
            "chain_id": config.chain_id,
            "oracle": config.address,
            "epoch": config.epoch,
            "period_s": config.period_s,
            "reporters": len(config.reporters),
        },
        "row": last and _row(last),
        "venues": [_venue(source) for source in reporter.sources],
        "feeds": [
            {"name": rule.name, "decimals": rule.decimals} | _price(reporter.prices.get(rule.name))
            for rule in reporter.rules
        ],
    }


def _row(signed: SignedRow) -> dict[str, Any]:
    return {
        "reporter": signed.reporter,
        "epoch": signed.row.epoch,
        "timestamp": signed.row.timestamp,
        "prices": [str(price) for price in signed.row.prices],
    }


def _venue(source: TradeSource) -> dict[str, Any]:
    stats = source.stats
    return {
        "name": source.venue,
        "connected": stats.connected,
        "reason": stats.reason,
        "trades": stats.trades,
        "connections": stats.connections,
        "rejected": dict(stats.rejected),
        "dropped": dict(stats.dropped),
    }


def _price(price: IndexPrice | None) -> dict[str, Any]:
    if price is None:
        return {"at_ms": None, "price_wad": None, "reason": "not observed yet", "contributions": []}
    return {
        "at_ms": price.at_ms,
        "price_wad": _text(price.price_wad),
        "confidence_wad": _text(price.confidence_wad),
        "dispersion_centibps": price.dispersion_centibps,
        "reason": price.reason,
        "contributions": [_contribution(each) for each in price.contributions],
    }


def _contribution(each: Contribution) -> dict[str, Any]:
    return {
        "venue": each.venue,
        "symbol": each.symbol,
        "price_wad": _text(each.price_wad),
        "converted_wad": _text(each.converted_wad),
        "age_ms": each.age_ms,
        "included": each.included,
        "reason": each.reason,
        "through": list(each.via),
        "weight_bps": each.weight_bps,
    }


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
