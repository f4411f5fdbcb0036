# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's `ParityVenue` over web3: a vault, a pool of its share, and the keeper's own ParityArbitrageur."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from web3.logs import DISCARD
from web3.types import TxReceipt

from plumbline.chain.erc20 import ChainToken
from plumbline.chain.pool import ChainPool, find_pool
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import GWEI, MinedRevert, Sender
from plumbline.chain.vault import ChainVault, VaultTerms, scale
from plumbline.config import KeeperConfig
from plumbline.core.arbitrage import ParityMarket, ParityTrade, Side, Token
from plumbline.core.uniswap_math import PoolState
from plumbline.errors import ChainError
from plumbline.ports import ParityReceipt, ParitySnapshot

_FUNCTIONS: Final = {Side.PREMIUM: "mint_and_sell", Side.DISCOUNT: "buy_and_redeem"}
_EVENTS: Final = {Side.PREMIUM: "PremiumTaken", Side.DISCOUNT: "DiscountTaken"}
_LOOKS: Final = 3
"""Times a snapshot is begun anew because a block came in between."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """Who trades what where: asked once, and again when anything of it turns out to be otherwise."""

    vault: ChainVault
    pool: ChainPool
    terms: VaultTerms
    tokens: tuple[str, ...]
    """The components, then the quote token unless it is one."""
    scales: tuple[int, ...]
    feeds: tuple[int, ...]
    quote: int

    @property
    def share_is_token0(self) -> bool:
        return int(self.vault.address, 16) < int(self.tokens[self.quote], 16)


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

    async def snapshot(self) -> ParitySnapshot:
        """Everything that decides the next trade, as of one block.

        Raises:
            ChainError: the chain did not answer, the oracle serves no price (its reason), or blocks come too fast.
        """
        try:
            for _ in range(_LOOKS):
                header = await self._rpc.ask(self._rpc.w3.eth.get_block("latest"))
                setting = self._setting = self._setting or await self._find()
                market = await self._market(setting)
                if market is not None and await self.head() == bytes(header["hash"]):
                    break
            else:
                raise ChainError(f"no still moment in {_LOOKS} looks: blocks come faster than they can be read")
        except ChainError as error:
            if not error.reason:
                # No words of a contract of ours: whatever answers now may be another chain.
                self._setting = None
            raise
        self._seen_s = header["timestamp"]
        # The base fee rises by at most an eighth from one block to the next (EIP-1559).
        base_fee = -(-header["baseFeePerGas"] * 9 // 8)
        gas_price_wei = base_fee + self._config.tx.priority_fee_gwei * GWEI
        return ParitySnapshot(header["number"], header["timestamp"], gas_price_wei, market)

    async def simulate(self, trade: ParityTrade, min_profit: int) -> tuple[int, int]:
        call = self._call(trade, min_profit)
        sender: Any = {"from": self._sender.address}
        profit, gas = await asyncio.gather(self._rpc.ask(call.call(sender)), self._rpc.ask(call.estimate_gas(sender)))
        return int(profit), int(gas)

    async def execute(self, trade: ParityTrade, min_profit: int, gas: int) -> ParityReceipt:
        call = self._call(trade, min_profit)
        data = self._arbitrageur.encode_abi(call.abi_element_identifier, args=list(call.args))
        try:
            receipt = await self._sender.send(str(self._arbitrageur.address), data, gas=gas)
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
        config = self._config
        deadline = self._seen_s + config.deadline_s
        arguments = (config.fee_pips, trade.shares, min_profit, config.max_age_s, deadline)
        return self._arbitrageur.functions[_FUNCTIONS[trade.side]](*arguments)

    async def _market(self, setting: _Setting) -> ParityMarket | None:
        """None when the basket is no longer the one of `setting`."""
        holder = self._sender.address
        pool: PoolState
        pool, units, prices, held = await asyncio.gather(
            setting.pool.state(),
            setting.vault.units(),
            self._rpc.ask(self._oracle.functions.prices(list(setting.feeds), self._config.max_age_s).call()),
            asyncio.gather(*(ChainToken(self._rpc, token).balance(holder) for token in setting.tokens)),
        )
        if tuple(token for token, _ in units) != setting.terms.components:
            self._setting = None
            return None
        # A quote token that is no component has no unit.
        per_share = [unit for _, unit in units] + [0] * (len(setting.tokens) - len(units))
        return ParityMarket(
            pool=pool,
            share_is_token0=setting.share_is_token0,
            tokens=tuple(map(Token, per_share, prices, setting.scales, held)),
            quote=setting.quote,
            mint_fee_bps=setting.terms.mint_fee_bps,
            redeem_fee_bps=setting.terms.redeem_fee_bps,
        )

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
        tokens, scales, feeds = list(terms.components), list(terms.scales), list(terms.feeds)
        if quote not in tokens:
            tokens.append(quote)
            scales.append(await scale(self._rpc, quote, oracle, quote_feed))
            feeds.append(quote_feed)
        pool = ChainPool(self._rpc, await find_pool(self._rpc, factory, vault_address, quote, self._config.fee_pips))
        return _Setting(vault, pool, terms, tuple(tokens), tuple(scales), tuple(feeds), tokens.index(quote))

    async def _bound(self, name: str) -> Any:
        return await self._rpc.ask(self._arbitrageur.functions[name]().call())


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
