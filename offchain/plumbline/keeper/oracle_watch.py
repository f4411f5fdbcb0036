# SPDX-License-Identifier: AGPL-3.0-only
"""The oracle watch: an alarm when a feed is tripped, held, or older than its heartbeat allows. It sends nothing.

An alarm is a log line at the level of an error, when it begins and when it ends, a metric, and a page that is not
ready: whoever can pause a vault or clear a breaker is woken by those, by the means of the house.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from plumbline.errors import ChainError
from plumbline.metrics import KeeperMetrics
from plumbline.ports import Answer, OracleClient

log = structlog.get_logger(__name__)


class OracleWatch:
    name = "oracle-watch"

    def __init__(
        self,
        oracle: OracleClient,
        now_s: Callable[[], Awaitable[int]],
        metrics: KeeperMetrics,
        grace_percent: int = 150,
    ) -> None:
        """now_s: the chain's own time. grace_percent: how much of its heartbeat a feed may be old."""
        self._oracle, self._now_s, self._metrics, self._grace_percent = oracle, now_s, metrics, grace_percent
        self.alarms: dict[str, str] = {}
        """Feed -> what is wrong with it."""

    async def turn(self) -> str:
        try:
            found = await self._wrong()
        except ChainError as error:
            if not error.reason:
                raise
            found = {"oracle": f"refuses: {error.reason}"}
        self._tell(found)
        return "alarm" if found else "quiet"

    async def _wrong(self) -> dict[str, str]:
        """Feed -> what is wrong with it."""
        config, answers, now_s = await self._oracle.config(), await self._oracle.answers(), await self._now_s()
        if len(config.feeds) != len(answers):
            raise ChainError("the oracle's feeds changed while they were read")
        found: dict[str, str] = {}
        for feed, answer in zip(config.feeds, answers, strict=True):
            if not isinstance(answer, Answer):
                found[feed.name] = str(answer)
            elif (age_s := now_s - answer.timestamp) * 100 > feed.heartbeat_s * self._grace_percent:
                found[feed.name] = f"is {age_s} s old, with a heartbeat of {feed.heartbeat_s} s"
        return found

    def _tell(self, found: Mapping[str, str]) -> None:
        """Says what begins and what ends; an age that only grows is one alarm."""
        for feed in found.keys() - self.alarms.keys():
            log.error("oracle alarm", feed=feed, what=found[feed])
        for feed in self.alarms.keys() - found.keys():
            log.info("oracle alarm is over", feed=feed)
        self.alarms = dict(found)
        self._metrics.alarms.labels(self.name).set(len(found))

    def lost_touch(self) -> None:
        pass

    def unready(self) -> str:
        return "; ".join(f"{feed} {what}" for feed, what in sorted(self.alarms.items()))

    def status(self) -> Mapping[str, Any]:
        return {"alarms": dict(sorted(self.alarms.items()))}
