# SPDX-License-Identifier: AGPL-3.0-only
"""A look at a healthy network, in full, to be changed by tests of what shows it."""

from __future__ import annotations

from typing import Any

AT_S = 1_795_244_680
VENUES = ("kraken", "binance", "coinbase")
FEEDS = {"BTC/USD": "64938.22195023", "USDC/USD": "0.99984800"}


def healthy(at_s: int = AT_S, btc: str = FEEDS["BTC/USD"]) -> dict[str, Any]:
    """Everything is there and well; a new one each time."""
    return {
        "wall_ms": at_s * 1000,
        "trouble": "",
        "block": 246,
        "at_s": at_s,
        "oracle": {
            "address": "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
            "epoch": 1,
            "period_s": 5,
            "paused": False,
            "owner": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "guardian": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "reporters": ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"] * 4,
            "round_id": 23,
            "round_at_s": at_s - 5,
            "round_age_s": 5,
            "feeds": [_feed("BTC/USD", btc, at_s), _feed("USDC/USD", FEEDS["USDC/USD"], at_s)],
            "rounds": [
                {"round_id": 23, "timestamp": at_s - 5, "relayer": "0x" + "aa" * 20, "block": 241, "tx_hash": "0x25"}
            ],
        },
        "vault": _vault(),
        "pool": {
            "address": "0x96d8BAA006BfE8593Da21198B43A639B8C66bee2",
            "quote": "USDC",
            "fee_bps": "5",
            "price_in_quote": "136.552843105163002394",
            "price": "136.532087073011017618",
            "reason": "",
            "band_low_ppm": -1000,
            "band_high_ppm": 1000,
            "premium_ppm": -723,
            "in_band": True,
        },
        "trades": {
            "count": 21,
            "quote": "USDC",
            "profit": "2196.895559",
            "recent": [
                {
                    "side": "discount",
                    "shares": "148.718501113379803899",
                    "profit": "298.522366",
                    "total": "2196.895559",
                    "at_s": at_s - 6,
                    "block": 234,
                    "tx_hash": "0xba",
                }
            ],
        },
        "observer": "reporter-1",
        "venues": [venue(name) for name in VENUES],
        "observed": [_observed("BTC/USD", btc, at_s), _observed("USDC/USD", FEEDS["USDC/USD"], at_s)],
        "reporters": [
            {
                "name": f"reporter-{index}",
                "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                "trouble": "",
                "round_at_s": at_s - 5,
                "off_bps": {"BTC/USD": 0.25 * (index - 2), "USDC/USD": 0.0},
            }
            for index in range(1, 5)
        ],
        "relayer": {"trouble": "", "unready": ""},
        "keeper": {"trouble": "", "unready": "", "outcome": "inside", "said": "the price is inside its band"},
        "attention": [],
    }


def venue(name: str, reason: str = "") -> dict[str, Any]:
    """Connected, unless there is a reason why not."""
    return {"name": name, "connected": not reason, "reason": reason, "trades": 395}


def auction(state: str = "open") -> dict[str, Any]:
    """Of a tenth of the USDC into EURC, half done."""
    bidding = state == "open"
    return {
        "house": "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
        "state": state,
        "starts_at_s": AT_S - 1_800,
        "ends_at_s": AT_S + 1_800,
        "left_s": 1_800,
        "start_bps": 10_050,
        "floor_bps": 9_950,
        "factor_bps": 10_012 if bidding else None,
        "paused": False,
        "bids": 3 if bidding else 0,
        "lots": [
            {"symbol": "USDC", "side": "leaves", "left": "1250.000000", "traded": "1250.000000", "filled_bps": 5_000},
            {"symbol": "EURC", "side": "comes", "left": "1157.000000", "traded": "1157.000000", "filled_bps": 5_000},
        ],
        "pairs": [{"sell": "USDC", "buy": "EURC", "sold": "1250.000000", "bought": "1158.500000", "reason": ""}]
        if bidding
        else [],
    }


def _feed(name: str, price: str, at_s: int) -> dict[str, Any]:
    return {
        "name": name,
        "decimals": 8,
        "quorum": 3,
        "heartbeat_s": 10,
        "deviation_bps": 10,
        "price": price,
        "reason": "",
        "round_id": 23,
        "at_s": at_s - 5,
        "age_s": 5,
        "notice": None,
    }


def _observed(name: str, price: str, at_s: int) -> dict[str, Any]:
    return {
        "name": name,
        "at_ms": at_s * 1000,
        "price": price,
        "reason": "",
        "contributions": [
            {
                "venue": each,
                "symbol": name,
                "price": price,
                "converted": price,
                "age_ms": 1_200,
                "included": True,
                "reason": "",
                "weight_bps": 3_333,
            }
            for each in VENUES
        ],
    }


def _vault() -> dict[str, Any]:
    return {
        "address": "0x32467b43BFa67273FC7dDda0999Ee9A12F2AaA08",
        "symbol": "PLUMB",
        "nav": "136.630830043389533889",
        "reason": "",
        "supply": "15078.891966971395966800",
        "supply_cap": "72057594037927935.000000000000000000",
        "pending_fees": "8.277793700835339518",
        "paused": False,
        "mint_fee_bps": 5,
        "redeem_fee_bps": 5,
        "streaming_fee_bps": 50,
        "auction": None,
        "components": [
            {
                "address": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
                "symbol": "WBTC",
                "decimals": 8,
                "feed": "BTC/USD",
                "per_share": "0.000999998372640000",
                "held": "15.07889019",
                "usd_per_share": "64.938213795887573064",
                "rate": None,
                "weight_bps": 4753,
                "claims": "0.00000000",
            }
        ],
    }
