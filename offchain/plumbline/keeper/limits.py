# SPDX-License-Identifier: AGPL-3.0-only
"""What a keeper may not do, whatever it could earn. A limit that is reached is an alarm and a pause, never a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

from plumbline.core.units import WAD

DAY_S: Final = 86_400


class Earned(Protocol):
    """Something that brought or cost money: a trade, an hour of a desk's books."""

    @property
    def at_s(self) -> int: ...

    @property
    def net(self) -> int:
        """{quote} after gas."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    kill_switch: Path | None = None
    """While this file exists nothing new is sent, by any strategy; what is on its way is seen through."""
    max_daily_loss_usd_wad: int | None = None
    """Of all trades of the last 24 hours, gas and reverted ones included."""
    max_float_usd_wad: int | None = None
    """Float is not bought beyond this worth."""

    def forbids(self, trades: Callable[[], Iterable[Earned]], now_s: int, quote_usd: Fraction) -> str:
        """Why nothing may be sent now; empty when something may. `trades` is asked only with a limit on losses;
        `now_s` is the time of the latest block."""
        if stopped := self.stopped():
            return stopped
        if self.max_daily_loss_usd_wad is not None:
            net = sum(trade.net for trade in trades() if trade.at_s > now_s - DAY_S) * quote_usd
            if -net * WAD > self.max_daily_loss_usd_wad:
                limit = self.max_daily_loss_usd_wad / WAD
                return f"lost {float(-net):,.2f} USD in 24 hours, more than the limit of {limit:,.2f}"
        return ""

    def stopped(self) -> str:
        """Why nothing may be sent, whatever it is worth: the kill switch. One that cannot be looked for is there."""
        if self.kill_switch is None:
            return ""
        try:
            return f"kill switch {self.kill_switch.name} is there" if self.kill_switch.exists() else ""
        except OSError as error:
            return f"kill switch {self.kill_switch.name} cannot be looked for: {type(error).__name__}"


NO_LIMITS: Final = Limits()
