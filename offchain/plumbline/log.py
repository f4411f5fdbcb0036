# SPDX-License-Identifier: AGPL-3.0-only
"""Structured logs to stderr: key=value on a terminal, one JSON object a line elsewhere.

Keys and passwords never reach a logger; addresses of endpoints do, so `redacted` takes the part that may hold a token.
"""

from __future__ import annotations

import logging
import sys
from typing import Any
from urllib.parse import urlsplit

import structlog

from plumbline.config import LogConfig


def setup(config: LogConfig, **context: Any) -> None:
    """Configure this process's logs; `context` is on every line ("service": "reporter", "name": ...)."""
    as_text = config.format == "text" or (config.format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, config.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        # Not cached: a reloaded config may change the level.
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**context)


def redacted(url: str) -> str:
    """Scheme, host and port only: paths, queries and user names of endpoints hold API keys."""
    parts = urlsplit(url)
    host = parts.hostname or "?"
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
