# SPDX-License-Identifier: AGPL-3.0-only
"""How far apart a market's venues stand over time: the mean of their dispersion over the last hour.

A single observation's dispersion (`votes.dispersion_centibps`) is noise: one venue's last trade is a second older. An
hour of it is a state of the market: withdrawals that do not work, a currency off its peg, a venue on its own. Above
some tens of bps "the price" is a choice between camps, and readers should widen their margins.
"""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_MS: Final = 3_600_000


class Fragmentation:
    """Of one feed."""

    def __init__(self, window_ms: int = WINDOW_MS) -> None:
        self._window_ms = window_ms
        self._seen: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, at_ms: int, dispersion_centibps: int | None) -> None:
        """Take an observation's dispersion; of fewer than two venues there is none."""
        if dispersion_centibps is not None:
            self._seen.append((at_ms, dispersion_centibps))
            self._total += dispersion_centibps
        while self._seen and self._seen[0][0] <= at_ms - self._window_ms:
            self._total -= self._seen.popleft()[1]

    @property
    def centibps(self) -> int | None:
        """The mean over the window, in 1/100 bps, rounded down; None while there is nothing in it."""
        return self._total // len(self._seen) if self._seen else None
