# SPDX-License-Identifier: AGPL-3.0-only
"""The two kinds of venue: trade ids that grow, and ids that only tell one trade from another."""

from __future__ import annotations

from plumbline.core.models import Trade
from plumbline.sources.codec import MAX_SKEW_MS, Codec, Market, trade_of
from plumbline.sources.numbers import SHORT, UNIT


class NumberedCodec(Codec[int]):
    """A venue whose trade ids grow with every trade of a market."""

    def taken_one(
        self, native: str, trade_id: int, price: bytes, size: bytes, at_ms: int, now_ms: int, snapshot: bool = False
    ) -> list[Trade]:
        # The usual case, the next trade at a plain price, without a call: calls are half of what a trade costs.
        # Whatever is not usual, and all that is wrong, goes the whole way.
        if native in self.markets and 0 < at_ms <= now_ms + MAX_SKEW_MS and len(price) <= SHORT and len(size) <= SHORT:
            market = self.markets[native]
            whole, _, fraction = price.partition(b".")
            units, _, parts = size.partition(b".")
            digits, count = whole + fraction, units + parts
            if whole and units and digits.isdigit() and count.isdigit():
                price_wad, size_wad = int(digits) * UNIT[len(fraction)], int(count) * UNIT[len(parts)]
                passed = trade_id - market.last_id
                if price_wad and size_wad and (passed == 1 or (passed > 1 and not market.gapless)):
                    market.last_id, market.last_ms = trade_id, at_ms
                    return [trade_of(Trade, (market.venue, market.symbol, price_wad, size_wad, at_ms))]
        return super().taken_one(native, trade_id, price, size, at_ms, now_ms, snapshot)

    def _is_new(self, market: Market, trade_id: int, at_ms: int, now_ms: int, snapshot: bool) -> bool:
        last = market.last_id
        if at_ms > now_ms + MAX_SKEW_MS:
            self.dropped["future"] += 1
            return False
        if trade_id > last:
            if self.gapless and last >= 0:
                self.missed += trade_id - last - 1
        elif at_ms <= market.last_ms:
            known = "duplicate" if trade_id == last else "out of order"
            self.dropped["snapshot" if snapshot else known] += 1
            return False
        # A lower id at a later time: the venue numbers anew. Refusing it would silence the market for good.
        market.last_id, market.last_ms = trade_id, at_ms
        return True


class UnorderedCodec(Codec[str]):
    """A venue whose ids only tell a trade from others; order is by time."""

    def _is_new(self, market: Market, trade_id: str, at_ms: int, now_ms: int, snapshot: bool) -> bool:
        if at_ms > now_ms + MAX_SKEW_MS:
            self.dropped["future"] += 1
        elif market.seen.again(trade_id):
            self.dropped["snapshot" if snapshot else "duplicate"] += 1
        elif at_ms < market.last_ms:
            self.dropped["snapshot" if snapshot else "out of order"] += 1
        else:
            market.last_ms = at_ms
            return True
        return False
