# SPDX-License-Identifier: AGPL-3.0-only
"""The chain's side of a look: oracle, vault, pool and the keeper's trades, all as of one block.

Amounts are exact decimal text. What the contracts refuse to tell is None, with their reason beside it.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Any, Final

from plumbline.client import Event, Reorganised, Reverted, format_units
from plumbline.client.codec import abi, erc20
from plumbline.client.events import Cursor
from plumbline.client.plans import Block, Call, Plan, head, read, read_all
from plumbline.core.units import MAX_BPS, WAD, WAD_DECIMALS
from plumbline.overview import auctions, rates
from plumbline.overview.auctions import AuctionLook
from plumbline.overview.settings import OverviewConfig

PPM: Final = 1_000_000
ANY_AGE_S: Final = 10**9
KEPT_ROUNDS: Final = 30
KEPT_TRADES: Final = 50
_PAGES: Final = 20
"""Of events read in one look: a first look at a long history takes several, and shows what it has."""
_PIPS_PER_BPS: Final = 100
EDGE_PPM: Final = 100
"""A keeper leaves the price on the band's edge, where the next share brings nothing: so near to it is inside."""

Table = dict[str, Any]


class ChainLook:
    """Looks again at each `plan`; keeps where it stopped reading events, and what never changes."""

    def __init__(self, config: OverviewConfig) -> None:
        self._config = config
        self._oracle, self._vault, self._pool = abi("MedianOracle"), abi("IndexVault"), abi("IUniswapV3Pool")
        self._feeds: tuple[int, list[Table]] = (0, [])
        self._tokens: dict[str, Table] = {}
        self._assets: dict[str, int | None] = {}
        """Decimals of the asset behind a token that is an ERC-4626 share."""
        self._house: str | None = None
        self._auctions = AuctionLook(config.vault or "")
        self.rounds: deque[Table] = deque(maxlen=KEPT_ROUNDS)
        self.trades: deque[Table] = deque(maxlen=KEPT_TRADES)
        self._forget()

    def _forget(self) -> None:
        """Reads all events anew: at the beginning, and when the chain took some back."""
        config = self._config
        self.rounds.clear()
        self.trades.clear()
        self._claims: dict[str, int] = {}
        self._trade_count, self._profit = 0, 0
        self._auctions.forget()
        self._cursors = [Cursor(config.oracle, self._oracle, ["RoundSubmitted"], config.since_block, 0)]
        if config.vault is not None:
            self._cursors.append(Cursor(config.vault, self._vault, ["ClaimKept", "ClaimPaid"], config.since_block, 0))
        if config.arbitrageur is not None:
            names = ["PremiumTaken", "DiscountTaken"]
            self._cursors.append(Cursor(config.arbitrageur, abi("ParityArbitrageur"), names, config.since_block, 0))
        if self._house is not None:
            self._follow_house(self._house)

    def _follow_house(self, house: str) -> None:
        self._house = house
        self._cursors.append(Cursor(house, abi("AuctionHouse"), auctions.EVENTS, self._config.since_block, 0))

    def plan(self) -> Plan[Table]:
        """Raises ClientError when the chain cannot be read, or no oracle is there."""
        block = yield from head()
        oracle = yield from self._read_oracle(block)
        vault = yield from self._read_vault(block, oracle)
        found = {"block": block.number, "at_s": block.timestamp, "oracle": oracle, "vault": vault}
        found["pool"] = yield from self._read_pool(block, oracle, vault)
        yield from self._read_events()
        oracle["rounds"] = list(self.rounds)
        if vault is not None:
            for component in vault["components"]:
                owed = self._claims.get(component["address"], 0)
                component["claims"] = format_units(owed, component["decimals"])
            vault["auction"] = yield from self._auctions.plan(str(self._house), vault["components"], block)
        found["trades"] = yield from self._told_trades()
        return found

    # -- oracle

    def _read_oracle(self, block: Block) -> Plan[Table]:
        at, where = block.tag, self._config.oracle
        names = ("epoch", "period", "latest_round", "paused", "reporters", "owner", "guardian")
        values = yield from read_all([Call(where, self._oracle[name]) for name in names], at)
        epoch, period_s, (round_id, stamp), paused, reporters, owner, guardian = values
        if self._feeds[0] != epoch:
            self._feeds = epoch, (yield from self._read_feeds(at))
        told = yield from self._notices(len(self._feeds[1]), at)
        feeds = []
        for index, feed in enumerate(self._feeds[1]):
            feeds.append(feed | (yield from self._answer(index, feed, block)) | {"notice": told.get(index)})
        return {
            "address": where,
            "epoch": epoch,
            "period_s": period_s,
            "paused": paused,
            "owner": owner,
            "guardian": guardian,
            "reporters": list(reporters),
            "round_id": round_id,
            "round_at_s": stamp or None,
            "round_age_s": max(0, block.timestamp - stamp) if round_id else None,
            "feeds": feeds,
        }

    def _read_feeds(self, at: str) -> Plan[list[Table]]:
        where = self._config.oracle
        count = yield from read(where, self._oracle["feed_count"], at=at)
        raw = yield from read_all([Call(where, self._oracle["feed"], (index,)) for index in range(count)], at)
        keys = ("name", "decimals", "quorum", "heartbeat_s", "deviation_bps")
        return [dict(zip(keys, each, strict=False)) for each in raw]

    def _notices(self, count: int, at: str) -> Plan[dict[int, Table]]:
        """What was said of feeds' ends, by index."""
        where, oracle = self._config.notices, self._config.oracle
        if where is None:
            return {}
        told = yield from read_all([Call(where, abi("FeedNotices")["notice"], (oracle, i)) for i in range(count)], at)
        found = {}
        for index, (announced_at, ends_at, successor, feed, reason) in enumerate(told):
            if announced_at:
                known = {"ends_at_s": ends_at, "reason": reason, "successor": None, "successor_feed": None}
                found[index] = known | ({"successor": successor, "successor_feed": feed} if int(successor, 16) else {})
        return found

    def _answer(self, index: int, feed: Table, block: Block) -> Plan[Table]:
        try:
            round_id, price, stamp = yield from read(self._config.oracle, self._oracle["latest"], index, at=block.tag)
        except Reverted as error:
            return {"price": None, "reason": error.reason, "round_id": None, "at_s": None, "age_s": None}
        return {
            "price": format_units(price, feed["decimals"]),
            "reason": "",
            "round_id": round_id,
            "at_s": stamp,
            "age_s": max(0, block.timestamp - stamp),
        }

    # -- vault

    def _read_vault(self, block: Block, oracle: Table) -> Plan[Table | None]:
        where, at = self._config.vault, block.tag
        if where is None:
            return None
        names = ("components", "price_feeds", "fees", "totalSupply", "pending_fees", "supply_cap", "paused", "symbol")
        values = yield from read_all([Call(where, self._vault[name]) for name in (*names, "auction_house")], at)
        (addresses, units), (_, feeds), fees, supply, pending, cap, paused, symbol, house = values
        if self._house is None:
            self._follow_house(house)
        nav, reason = yield from self._nav(at)
        held = yield from read_all([Call(each, erc20()["balanceOf"], (where,)) for each in addresses], at)
        components = []
        for address, unit, feed, has in zip(addresses, units, feeds, held, strict=True):
            token = yield from self._token(address)
            priced = oracle["feeds"][feed] if feed < len(oracle["feeds"]) else {"name": f"feed {feed}", "price": None}
            per_share = Fraction(unit, WAD * 10 ** token["decimals"])
            value = per_share * Fraction(priced["price"]) if priced["price"] is not None else None
            rate = yield from self._rate(token, block)
            components.append(
                token
                | {
                    "feed": priced["name"],
                    "per_share": format_units(unit, token["decimals"] + WAD_DECIMALS),
                    "held": format_units(has, token["decimals"]),
                    "usd_per_share": _text(value),
                    "rate": _text(rate),
                    "weight_bps": round(value * MAX_BPS * WAD / nav) if nav and value is not None else None,
                }
            )
        mint_bps, redeem_bps, streaming_bps = fees
        return {
            "address": where,
            "symbol": symbol,
            "nav": None if nav is None else format_units(nav, WAD_DECIMALS),
            "reason": reason,
            "supply": format_units(supply, WAD_DECIMALS),
            "supply_cap": format_units(cap, WAD_DECIMALS),
            "pending_fees": format_units(pending, WAD_DECIMALS),
            "paused": paused,
            "mint_fee_bps": mint_bps,
            "redeem_fee_bps": redeem_bps,
            "streaming_fee_bps": streaming_bps,
            "components": components,
        }

    def _nav(self, at: str) -> Plan[tuple[int | None, str]]:
        try:
            nav = yield from read(str(self._config.vault), self._vault["nav"], ANY_AGE_S, at=at)
        except Reverted as error:
            return None, error.reason
        return nav, ""

    def _token(self, address: str) -> Plan[Table]:
        if address not in self._tokens:
            symbol, decimals = yield from read_all(
                [Call(address, erc20()["symbol"]), Call(address, erc20()["decimals"])], "latest"
            )
            self._tokens[address] = {"address": address, "symbol": symbol, "decimals": decimals}
            self._assets[address] = yield from rates.asset_decimals(address)
        return self._tokens[address]

    def _rate(self, token: Table, block: Block) -> Plan[Fraction | None]:
        decimals = self._assets[token["address"]]
        if decimals is None:
            return None
        return (yield from rates.rate(token["address"], token["decimals"], decimals, block))

    # -- pool

    def _read_pool(self, block: Block, oracle: Table, vault: Table | None) -> Plan[Table | None]:
        """The pool's price of a share in USD, at the oracle's price of what it is quoted in."""
        where, at = self._config.pool, block.tag
        if where is None or vault is None:
            return None
        names = ("slot0", "token0", "token1", "fee")
        slot0, token0, token1, fee_pips = yield from read_all([Call(where, self._pool[name]) for name in names], at)
        share_first = token0.lower() == str(vault["address"]).lower()
        quote = yield from self._token(token1 if share_first else token0)
        ratio = Fraction(slot0[0] ** 2, 1 << 192)
        if not ratio:
            return {"address": where, "quote": quote["symbol"], "price": None, "reason": "never given a price"}
        per_share = (ratio if share_first else 1 / ratio) * WAD / 10 ** quote["decimals"]
        usd = _price_of(quote["address"], vault, oracle)
        price = per_share * usd if usd is not None else None
        fee_ppm, bps = fee_pips, _PIPS_PER_BPS
        found: Table = {
            "address": where,
            "quote": quote["symbol"],
            "fee_bps": str(Fraction(fee_pips, bps)) if fee_pips % bps else str(fee_pips // bps),
            "price_in_quote": _text(per_share),
            "price": _text(price),
            "reason": "" if price is not None else f"the oracle has no price of {quote['symbol']}",
            "band_low_ppm": -(fee_ppm + vault["redeem_fee_bps"] * bps),
            "band_high_ppm": fee_ppm + vault["mint_fee_bps"] * bps,
            "premium_ppm": None,
            "in_band": None,
        }
        if price is not None and vault["nav"] is not None:
            premium = round((price / Fraction(vault["nav"]) - 1) * PPM)
            found["premium_ppm"] = premium
            found["in_band"] = found["band_low_ppm"] - EDGE_PPM <= premium <= found["band_high_ppm"] + EDGE_PPM
        return found

    # -- events

    def _read_events(self) -> Plan[None]:
        for cursor in self._cursors:
            for _ in range(_PAGES):
                events = yield from cursor.page()
                if any(isinstance(event, Reorganised) for event in events):
                    self._forget()
                    return
                for event in events:
                    if isinstance(event, Event):
                        yield from self._take(event)
                if cursor.at_head:
                    break

    def _take(self, event: Event) -> Plan[None]:
        if event.name == "RoundSubmitted":
            fields = ("round_id", "timestamp", "relayer")
            self.rounds.append({key: event[key] for key in fields} | {"block": event.block, "tx_hash": event.tx_hash})
        elif event.name in ("ClaimKept", "ClaimPaid"):
            sign = 1 if event.name == "ClaimKept" else -1
            known = self._claims.get(event["component"], 0)
            self._claims[event["component"]] = known + sign * event["amount"]
        elif event.name in auctions.EVENTS:
            self._auctions.take(event)
        else:
            self._trade_count += 1
            self._profit += event["profit"]
            block = yield from head(hex(event.block))
            self.trades.append(
                {
                    "side": "premium" if event.name == "PremiumTaken" else "discount",
                    "shares": format_units(event["shares"], WAD_DECIMALS),
                    "profit": event["profit"],
                    "total": self._profit,
                    "at_s": block.timestamp,
                    "block": event.block,
                    "tx_hash": event.tx_hash,
                }
            )

    def _told_trades(self) -> Plan[Table | None]:
        """The keeper's trades by the arbitrageur's events; profits in the quote token, before gas."""
        where = self._config.arbitrageur
        if where is None:
            return None
        quote = yield from self._token((yield from read(where, abi("ParityArbitrageur")["QUOTE"])))
        decimals = quote["decimals"]
        recent = [
            trade | {key: format_units(trade[key], decimals) for key in ("profit", "total")} for trade in self.trades
        ]
        return {
            "count": self._trade_count,
            "quote": quote["symbol"],
            "profit": format_units(self._profit, decimals),
            "recent": recent,
        }


def _price_of(token: str, vault: Table, oracle: Table) -> Fraction | None:
    """USD of one whole token of the basket."""
    feed = next((each["feed"] for each in vault["components"] if each["address"] == token), None)
    price = next((each["price"] for each in oracle["feeds"] if each["name"] == feed), None)
    return None if price is None else Fraction(price)


def _text(value: Fraction | None) -> str | None:
    """With 18 decimals, rounded down: for showing."""
    return None if value is None else format_units(int(value * WAD), WAD_DECIMALS)
