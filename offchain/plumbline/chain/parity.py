# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's `ParityVenue` over web3: a vault, the pools of its share and components, the keeper's arbitrageur."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from web3.logs import DISCARD
from web3.types import TxReceipt

from plumbline.chain.erc20 import ChainToken
from plumbline.chain.pool import Place, PoolBook, look_for_pool
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import GWEI, MinedRevert, Sender
from plumbline.chain.vault import ChainVault, VaultTerms, scale
from plumbline.config import KeeperConfig
from plumbline.core.arbitrage import Leg, ParityMarket, ParityTrade, Side, Token
from plumbline.core.curve import Market
from plumbline.core.cycle import Component, CycleMarket
from plumbline.core.uniswap_math import PoolState
from plumbline.errors import ChainError
from plumbline.ports import ParityReceipt, ParitySnapshot

_FUNCTIONS: Final = {
    (Side.PREMIUM, False): "mint_and_sell",
    (Side.DISCOUNT, False): "buy_and_redeem",
    (Side.PREMIUM, True): "take_premium",
    (Side.DISCOUNT, True): "take_discount",
}
_EVENTS: Final = {Side.PREMIUM: "PremiumTaken", Side.DISCOUNT: "DiscountTaken"}
_REST: Final = (1 << 128) - 1
"""As much as is left: what the last leg of each component takes."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """Who trades what where: asked once, and again when anything of it turns out to be otherwise."""

    vault: ChainVault
    terms: VaultTerms
    tokens: tuple[str, ...]
    """The components, then the quote token, even if it is one of them."""
    scales: tuple[int, ...]
    feeds: tuple[int, ...]
    book: PoolBook
    pools: tuple[tuple[str, ...], ...]
    """The share's pools against the quote, then each component's: none of the quote's own, or of an illiquid one."""

    def market(self, place: int, token: str, states: Mapping[str, PoolState]) -> Market:
        """Of the share (place 0), or of the component before that place."""
        pools = tuple(states[address] for address in self.pools[place])
        return Market(pools, int(token, 16) < int(self.tokens[-1], 16))


class ChainParity:
    """Reads and trades for `sender`, who must own the arbitrageur."""

    def __init__(self, rpc: Rpc, sender: Sender, config: KeeperConfig) -> None:
        self._rpc, self._sender, self._config = rpc, sender, config
        self._arbitrageur = rpc.contract("ParityArbitrageur", config.arbitrageur)
        self._oracle = rpc.contract("MedianOracle", config.chain.oracle)
        self._setting: _Setting | None = None
        self._seen_s = 0
        """Time of the block looked at last; deadlines count from it."""

    async def head(self) -> bytes:
        return bytes((await self._rpc.ask(self._rpc.w3.eth.get_block("latest")))["hash"])

    async def time_s(self) -> int:
        """Of the latest block."""
        return int((await self._rpc.ask(self._rpc.w3.eth.get_block("latest")))["timestamp"])

    async def vault(self) -> str:
        """The address of the vault that the arbitrageur is bound to."""
        return str(await self._bound("VAULT"))

    async def snapshot(self) -> ParitySnapshot:
        """Everything that decides the next trade, as of one block.

        Raises:
            ChainError: the chain did not answer, or the oracle serves no price (its reason).
        """
        try:
            header: Any = await self._rpc.ask(self._rpc.w3.eth.get_block("latest"))
            setting = self._setting = self._setting or await self._find()
            market, cycle = await self._markets(setting, header)
        except ChainError as error:
            if not error.reason:
                # No words of a contract of ours: whatever answers now may be another chain.
                self._setting = None
            raise
        self._seen_s = header["timestamp"]
        # The base fee rises by at most an eighth from one block to the next (EIP-1559).
        base_fee = -(-header["baseFeePerGas"] * 9 // 8)
        gas_price_wei = base_fee + self._config.tx.priority_fee_gwei * GWEI
        return ParitySnapshot(header["number"], header["timestamp"], gas_price_wei, market, cycle)

    async def simulate(self, trade: ParityTrade, min_profit: int) -> tuple[int, int]:
        """In the block it would land in."""
        call = self._call(trade, min_profit)
        sender: Any = {"from": self._sender.address}
        profit, gas = await asyncio.gather(
            self._rpc.ask(call.call(sender, block_identifier="pending")),
            self._rpc.ask(call.estimate_gas(sender, block_identifier="pending")),
        )
        return int(profit), int(gas)

    async def execute(self, trade: ParityTrade, min_profit: int, gas: int, tip_wei: int = 0) -> ParityReceipt:
        call = self._call(trade, min_profit)
        data = self._arbitrageur.encode_abi(call.abi_element_identifier, args=list(call.args))
        try:
            receipt = await self._sender.send(str(self._arbitrageur.address), data, gas=gas, tip_wei=tip_wei)
        except MinedRevert as error:
            return _receipt(error.receipt, trade.side, 0, 0, error.reason)
        return self._read_receipt(receipt)

    async def receipts_since(self, block: int) -> list[ParityReceipt]:
        head = await self._rpc.number(self._rpc.w3.eth.block_number)
        window = {"from_block": block if block <= head else 0, "to_block": head}
        asked = (self._rpc.ask(self._arbitrageur.events[name]().get_logs(**window)) for name in _EVENTS.values())
        logs = sorted((log for found in await asyncio.gather(*asked) for log in found), key=_place)
        receipts = [self._rpc.ask(self._rpc.w3.eth.get_transaction_receipt(log["transactionHash"])) for log in logs]
        return [self._read_receipt(receipt) for receipt in await asyncio.gather(*receipts)]

    def _read_receipt(self, receipt: TxReceipt) -> ParityReceipt:
        found = [
            (side, log["args"])
            for side, name in _EVENTS.items()
            for log in self._arbitrageur.events[name]().process_receipt(receipt, errors=DISCARD)
        ]
        if len(found) != 1:
            raise ChainError(
                f"transaction {receipt['transactionHash'].to_0x_hex()}: expected one trade, got {len(found)}"
            )
        side, said = found[0]
        return _receipt(receipt, side, said["shares"], said["profit"])

    def _call(self, trade: ParityTrade, min_profit: int) -> Any:
        deadline = self._seen_s + self._config.deadline_s
        share_legs = [_word(leg) for leg in trade.share_legs]
        arguments: tuple[Any, ...] = (share_legs, min_profit, self._config.max_age_s, deadline)
        if trade.flash:
            arguments = (share_legs, words_of(trade.legs), min_profit, deadline)
        return self._arbitrageur.functions[_FUNCTIONS[trade.side, trade.flash]](*arguments)

    async def _markets(self, setting: _Setting, header: Any) -> tuple[ParityMarket, CycleMarket | None]:
        block, at = Place(header["number"], bytes(header["hash"]), bytes(header["parentHash"])), header["number"]
        prices_asked = self._oracle.functions.prices(list(setting.feeds), self._config.max_age_s)
        states, units, prices, floats, quote_held, _ = await asyncio.gather(
            setting.book.states(block),
            setting.vault.units(at),
            self._rpc.ask(prices_asked.call(block_identifier=at)),
            setting.vault.float_of(str(self._arbitrageur.address), at),
            ChainToken(self._rpc, setting.tokens[-1]).balance(self._sender.address, at),
            self._sender.pin(at),
        )
        if tuple(token for token, _ in units) != setting.terms.components:
            self._setting = None
            raise ChainError("the basket has changed: it is read anew at the next look")
        share = setting.market(0, setting.vault.address, states)
        market = ParityMarket(
            share=share,
            tokens=tuple(map(Token, [*(unit for _, unit in units), 0], prices, setting.scales, [*floats, quote_held])),
            mint_fee_bps=setting.terms.mint_fee_bps,
            redeem_fee_bps=setting.terms.redeem_fee_bps,
        )
        components = tuple(
            Component(unit, None if token == setting.tokens[-1] else setting.market(place, token, states))
            for place, (token, unit) in enumerate(units, start=1)
        )
        if any(each.market is not None and not each.market.pools for each in components):
            return market, None
        return market, CycleMarket(share, components, market.mint_fee_bps, market.redeem_fee_bps)

    async def _find(self) -> _Setting:
        """Asks the arbitrageur what it is bound to, and refuses one that is not ours or trusts another oracle."""
        owner, vault_address, quote, quote_feed, oracle, factory = await asyncio.gather(
            *(self._bound(name) for name in ("OWNER", "VAULT", "QUOTE", "QUOTE_FEED", "ORACLE", "FACTORY"))
        )
        if owner != self._sender.address:
            raise ChainError(
                f"arbitrageur {self._config.arbitrageur} belongs to {owner}, not to {self._sender.address}"
            )
        vault = ChainVault(self._rpc, vault_address)
        terms = await vault.terms()
        if not int(oracle, 16) == int(terms.oracle, 16) == int(self._config.chain.oracle, 16):
            raise ChainError(
                f"three oracles: the config's {self._config.chain.oracle}, the arbitrageur's {oracle}, "
                f"the vault's {terms.oracle}"
            )
        pools = await asyncio.gather(
            *(self._pools(factory, token, quote) for token in (vault.address, *terms.components))
        )
        if not pools[0]:
            raise ChainError(f"no pool of the share and its quote token in any of the tiers {self._config.tiers}")
        book = PoolBook(self._rpc, [address for each in pools for address in each])
        tokens, feeds = (*terms.components, quote), (*terms.feeds, quote_feed)
        scales = (*terms.scales, await scale(self._rpc, quote, oracle, quote_feed))
        return _Setting(vault, terms, tokens, scales, feeds, book, tuple(pools))

    async def _pools(self, factory: str, token: str, quote: str) -> tuple[str, ...]:
        """The token's pools against the quote that hold any liquidity now, in lower case; none of the quote's own."""
        if token == quote:
            return ()
        asked = (look_for_pool(self._rpc, factory, token, quote, tier) for tier in self._config.tiers)
        return tuple(address.lower() for address in await asyncio.gather(*asked) if address is not None)

    async def _bound(self, name: str) -> Any:
        return await self._rpc.ask(self._arbitrageur.functions[name]().call())


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


def _place(log: Any) -> tuple[int, int]:
    return log["blockNumber"], log["logIndex"]
