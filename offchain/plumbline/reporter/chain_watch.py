# SPDX-License-Identifier: AGPL-3.0-only
"""What a reporter knows of its chain: whether it may sign, for which epoch, and whether anybody relays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import structlog

from plumbline.core.rules import FeedRule
from plumbline.errors import ChainError
from plumbline.metrics import ReporterMetrics
from plumbline.ports import OracleClient, OracleConfig
from plumbline.reporter.agreement import disagreement

log = structlog.get_logger(__name__)


class ChainWatch:
    """Looks at the oracle again and again; while it does not answer, what was last seen stands."""

    def __init__(self, oracle: OracleClient, rules: Sequence[FeedRule], address: str, metrics: ReporterMetrics) -> None:
        self._oracle, self._rules, self._address, self._metrics = oracle, rules, address, metrics
        self.known = asyncio.Event()
        """Set once the chain was read."""
        self.config: OracleConfig | None = None
        """The chain's, as last read."""
        self.refusal = "the chain was not read yet"
        """Why nothing is signed; empty while rows are."""
        self.trouble = ""
        """Why the chain could not be read the last time; empty when it could."""
        self.disagreement = ""
        """Why the chain's endpoints cannot all be right; empty when they can."""
        self.timestamp = 0
        """Of the chain's last round; 0 while there is none."""

    async def look(self) -> None:
        try:
            self._agree(await self._oracle.config())
            _, self.timestamp = await self._oracle.latest_round()
            self.disagreement = await self._oracle.disagreement()
            self._metrics.endpoints_agree.set(not self.disagreement)
        except ChainError as error:
            self._metrics.chain_errors.inc()
            if not self.trouble:
                log.warning("chain not readable", reason=str(error))
            self.trouble = str(error)

    def _agree(self, config: OracleConfig) -> None:
        refusal = disagreement(config, self._rules, self._address)
        if self.trouble or config != self.config or refusal != self.refusal:
            log.log(
                logging.WARNING if refusal else logging.INFO,
                "will not sign" if refusal else "agrees with the chain",
                epoch=config.epoch,
                feeds=len(config.feeds),
                reporters=len(config.reporters),
                reason=refusal,
            )
        self.config, self.refusal, self.trouble = config, refusal, ""
        self._metrics.epoch.set(config.epoch)
        self._metrics.agrees.set(not refusal)
        self.known.set()

    def late(self, now_s: int, spare_periods: int) -> str:
        """Why nobody seems to relay; empty while rounds come, or before the first one."""
        if self.config is None or not self.timestamp:
            return ""
        age_s = now_s - self.timestamp
        limit_s = max(feed.heartbeat_s for feed in self.config.feeds) + spare_periods * self.config.period_s
        return f"the chain's last round is {age_s} s old, expected at most {limit_s} s" if age_s > limit_s else ""
