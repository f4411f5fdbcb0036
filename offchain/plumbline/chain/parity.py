# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's `ParityVenue`: a vault, the pools of its share and components, the keeper's arbitrageur.

What is asked at every block is worded and read without web3, and travels together: all of it is one request, as of one
block, known by its hash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from eth_utils.address import to_checksum_address
from web3.types import TxReceipt

from plumbline.chain.abi import Function, event_topic
from plumbline.chain.fees import GWEI
from plumbline.chain.parity_setting import Setting, bound, find_setting
from plumbline.chain.pool import Place
from plumbline.chain.receipts import receipt_of
from plumbline.chain.rpc import Header, Rpc, quantity
from plumbline.chain.simulation import Simulation
from plumbline.chain.tx import MinedRevert, Sender
from plumbline.config import KeeperConfig
from plumbline.core.arbitrage import Leg, ParityMarket, ParityTrade, Side, Token, tick_limits
from plumbline.core.cycle import Component, CycleMarket
from plumbline.core.uniswap_math import TICK_OFFSET
from plumbline.errors import ChainError
from plumbline.ports import ParityReceipt, ParitySnapshot

_TRADES: Final = {
    (Side.PREMIUM, False): Function("ParityArbitrageur", "mint_and_sell"),
    (Side.DISCOUNT, False): Function("ParityArbitrageur", "buy_and_redeem"),
    (Side.PREMIUM, True): Function("ParityArbitrageur", "take_premium"),
    (Side.DISCOUNT, True): Function("ParityArbitrageur", "take_discount"),
}
_EVENTS: Final = {
    event_topic("ParityArbitrageur", "PremiumTaken"): Side.PREMIUM,
    event_topic("ParityArbitrageur", "DiscountTaken"): Side.DISCOUNT,
}
_PRICES: Final = Function("MedianOracle", "prices")
_COMPONENTS: Final = Function("IndexVault", "components")
_FLOAT_OF: Final = Function("IndexVault", "float_of")
_BALANCE_OF: Final = Function("IndexVault", "balanceOf")
"""As of any ERC-20."""
_REST: Final = (1 << 128) - 1
"""As much as is left: what the last leg of each component takes."""


def _nothing_announced() -> None:
    return None


class ChainParity:
    """Reads and trades for `sender`, who must own the arbitrageur."""

    def __init__(
        self,
        rpc: Rpc,
        sender: Sender,
        config: KeeperConfig,
        announced: Callable[[], Header | None] = _nothing_announced,
    ) -> None:
        """announced: the latest block as somebody says; a guess, that saves asking for it first."""
        self._rpc, self._sender, self._config, self._announced = rpc, sender, config, announced
        self._simulation = Simulation(rpc)
        self._arbitrageur = str(to_checksum_address(config.arbitrageur))
        self._setting: Setting | None = None
        self._guess: Header | None = None
        self._seen: ParitySnapshot | None = None
        """Deadlines count from its time, and how far the pools may move from its state."""

    async def head(self) -> bytes:
        self._guess = self._announced() or await self._rpc.header()
        return self._guess.hash

    async def time_s(self) -> int:
        """Of the latest block."""
        return (await self._rpc.header()).timestamp

    async def vault(self) -> str:
        """The address of the vault that the arbitrageur is bound to."""
        return str(await bound(self._rpc, self._arbitrageur, "VAULT"))

    async def snapshot(self) -> ParitySnapshot:
        """Everything that decides the next trade, as of one block; the sender's nonce is pinned to it.

        Raises:
            ChainError: the chain did not answer, its endpoints disagree, or the oracle serves no price (its reason).
        """
        await self._rpc.agree()
        try:
            guess, self._guess = self._guess or await self._rpc.header(), None
            if self._setting is None:
                self._setting = await find_setting(self._rpc, self._config, self._sender.address)
            header, (market, cycle) = await self._latest(self._setting, guess)
        except ChainError as error:
            if not error.reason:
                # No words of a contract of ours: whatever answers now may be another chain.
                self._setting = None
            raise
        # The base fee rises by at most an eighth from one block to the next (EIP-1559).
        gas_price_wei = -(-header.base_fee_wei * 9 // 8) + self._config.tx.priority_fee_gwei * GWEI
        self._seen = ParitySnapshot(header.number, header.timestamp, gas_price_wei, market, cycle)
        return self._seen

    async def simulate(self, trade: ParityTrade, min_profit: int) -> tuple[int, int]:
        """In the block it would land in."""
        data = self._call(trade, min_profit)
        output, gas = await self._simulation.run(self._sender.address, self._arbitrageur, data)
        (profit,) = _TRADES[trade.side, trade.flash].decode(output)
        return int(profit), gas

    async def execute(
        self, trade: ParityTrade, min_profit: int, gas: int, tip_wei: int, max_fee_wei: int
    ) -> ParityReceipt:
        data = self._call(trade, min_profit)
        try:
            receipt = await self._sender.send(
                self._arbitrageur, data, gas=gas, tip_wei=tip_wei, max_fee_wei=max_fee_wei
            )
        except MinedRevert as error:
            return _receipt(error.receipt, trade.side, 0, 0, error.reason)
        return self._read_receipt(receipt)

    async def receipts_since(self, block: int) -> list[ParityReceipt]:
        head = quantity(await self._rpc.request("eth_blockNumber"))
        window = {"fromBlock": hex(block if block <= head else 0), "toBlock": hex(head)}
        topics = ["0x" + topic.hex() for topic in _EVENTS]
        logs = await self._rpc.request("eth_getLogs", {"address": self._arbitrageur, "topics": [topics], **window})
        found = await asyncio.gather(*(receipt_of(self._rpc, log["transactionHash"]) for log in logs))
        # None: reorganised away between the two questions.
        return [self._read_receipt(receipt) for receipt in found if receipt is not None]

    def _read_receipt(self, receipt: TxReceipt) -> ParityReceipt:
        own = [log for log in receipt["logs"] if log["address"] == self._arbitrageur]
        found = [(side, bytes(log["data"])) for log in own if (side := _EVENTS.get(bytes(log["topics"][0])))]
        if len(found) != 1:
            raise ChainError(
                f"transaction {receipt['transactionHash'].to_0x_hex()}: expected one trade, got {len(found)}"
            )
        side, data = found[0]
        return _receipt(receipt, side, int.from_bytes(data[:32]), int.from_bytes(data[32:64]))

    def _call(self, trade: ParityTrade, min_profit: int) -> str:
        seen = self._seen
        if seen is None:
            raise ChainError("the chain was not looked at yet")
        deadline = seen.at_s + self._config.deadline_s
        limits = tick_limits(seen.market.share, trade, min_profit)
        share_legs = [
            tick + TICK_OFFSET << 160 | _word(leg) for tick, leg in zip(limits, trade.share_legs, strict=True)
        ]
        function = _TRADES[trade.side, trade.flash]
        if trade.flash:
            return function.encode(share_legs, words_of(trade.legs), min_profit, deadline)
        return function.encode(share_legs, min_profit, self._config.max_age_s, deadline)

    async def _latest(self, setting: Setting, guess: Header) -> tuple[Header, tuple[ParityMarket, CycleMarket | None]]:
        """As of the latest block, asked for in the same request as all that is to be known if it is the guessed one."""
        before = setting.book.mark()
        header, found = await asyncio.gather(self._rpc.header(), self._markets(setting, guess), return_exceptions=True)
        if isinstance(header, BaseException):
            raise header
        if header != guess:
            # Another one has come, or what was announced is not true: nothing of it is kept.
            setting.book.reset(before)
            return header, await self._markets(setting, header)
        if isinstance(found, BaseException):
            raise found
        return header, found

    async def _markets(self, setting: Setting, header: Header) -> tuple[ParityMarket, CycleMarket | None]:
        at, asked = header.hash, self._rpc.call
        states, basket, priced, floated, held, _ = await _all(
            setting.book.states(Place(header.number, at, header.parent)),
            asked(setting.vault, _COMPONENTS.encode(), at),
            asked(self._config.chain.oracle, _PRICES.encode(setting.feeds, self._config.max_age_s), at),
            asked(setting.vault, _FLOAT_OF.encode(self._arbitrageur), at),
            asked(setting.tokens[-1], _BALANCE_OF.encode(self._sender.address), at),
            self._sender.pin(header),
        )
        (tokens, units), (prices,) = _COMPONENTS.decode(basket), _PRICES.decode(priced)
        if tokens != tuple(token.lower() for token in setting.terms.components):
            self._setting = None
            raise ChainError("the basket has changed: it is read anew at the next look")
        (floats,), (quote_held,) = _FLOAT_OF.decode(floated), _BALANCE_OF.decode(held)
        share = setting.market(0, setting.vault, states)
        market = ParityMarket(
            share=share,
            tokens=tuple(map(Token, [*units, 0], prices, setting.scales, [*floats, quote_held])),
            mint_fee_bps=setting.terms.mint_fee_bps,
            redeem_fee_bps=setting.terms.redeem_fee_bps,
        )
        return market, _cycle(setting, market, states, units)


async def _all(*questions: Awaitable[Any]) -> Sequence[Any]:
    """Their answers, once all have ended: none goes on after another one has failed, and tells of a block given up."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


def _cycle(setting: Setting, market: ParityMarket, states: dict[str, Any], units: Sequence[int]) -> CycleMarket | None:
    """None: some component has no pool."""
    quote = setting.tokens[-1]
    components = tuple(
        Component(unit, None if token == quote else setting.market(place, token, states))
        for place, (token, unit) in enumerate(zip(setting.terms.components, units, strict=True), start=1)
    )
    if any(each.market is not None and not each.market.pools for each in components):
        return None
    return CycleMarket(market.share, components, market.mint_fee_bps, market.redeem_fee_bps)


def words_of(legs: tuple[Leg, ...]) -> list[int]:
    """Legs as the contract reads them; the last of each component takes what the others leave."""
    last = {leg.place: i for i, leg in enumerate(legs)}
    return [_word(leg, _REST if last[leg.place] == i else leg.amount) for i, leg in enumerate(legs)]


def _word(leg: Leg, amount: int | None = None) -> int:
    return leg.place << 152 | leg.fee_pips << 128 | (leg.amount if amount is None else amount)


def _receipt(mined: TxReceipt, side: Side, shares: int, profit: int, reverted: str = "") -> ParityReceipt:
    return ParityReceipt(
        tx_hash=mined["transactionHash"].to_0x_hex(),
        block=mined["blockNumber"],
        side=side,
        shares=shares,
        profit=profit,
        gas_used=mined["gasUsed"],
        gas_price_wei=mined["effectiveGasPrice"],
        reverted=reverted,
    )
