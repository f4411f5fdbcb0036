# SPDX-License-Identifier: AGPL-3.0-only
"""What a relayer shows of its state."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from starlette.applications import Starlette

from plumbline.ports import Answer
from plumbline.relayer.service import Relayer
from plumbline.transport.pages import node_routes


def relayer_app(relayer: Relayer) -> Starlette:
    return Starlette(routes=node_routes(relayer.metrics, relayer.unready, lambda: relayer_status(relayer)))


def relayer_status(relayer: Relayer) -> dict[str, Any]:
    """The whole state as plain JSON values; prices are decimal text in the feed's decimals.

    {"service", "address", "dry_run", "chain_trouble", "unready", "chain": {...} | null, "last": {...} | null,
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
