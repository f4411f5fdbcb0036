# SPDX-License-Identifier: Apache-2.0
"""Reads a feed of MedianOracle over JSON-RPC: its price, or why there is none, and its last rounds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError


class Feed:
    def __init__(self, rpc_url: str, oracle: str, abi: list[dict], name: str) -> None:
        web3 = Web3(HTTPProvider(rpc_url))
        self._functions = web3.eth.contract(Web3.to_checksum_address(oracle), abi=abi).functions
        self.index = self._functions.feed_index(name).call()
        self.decimals = self._functions.feed(self.index).call()[1]

    def price(self, max_age_s: int) -> Decimal:
        """Raises ContractLogicError with the oracle's reason when it serves no price this young."""
        return self._scaled(self._functions.price(self.index, max_age_s).call())

    def history(self, rounds: int) -> Iterator[tuple[int, Decimal]]:
        """(timestamp, price) of up to so many rounds, the newest first; rounds that the feed missed are left out."""
        last, _ = self._functions.latest_round().call()
        for round_id in range(last, max(0, last - rounds), -1):
            try:
                price, timestamp = self._functions.round_data(self.index, round_id).call()
            except ContractLogicError:
                continue
            yield timestamp, self._scaled(price)

    def _scaled(self, price: int) -> Decimal:
        return Decimal(price).scaleb(-self.decimals)


def main() -> None:
    rpc_url, oracle, abi_file, name = sys.argv[1:]
    feed = Feed(rpc_url, oracle, json.loads(Path(abi_file).read_text()), name)
    try:
        said = f"{feed.price(max_age_s=120)}"
    except ContractLogicError as error:
        said = f"no price: {error.message}"
    history = [f"{timestamp} {price}" for timestamp, price in feed.history(10)]
    sys.stdout.write("\n".join([f"{name} {said}", *history, ""]))


if __name__ == "__main__":
    main()
