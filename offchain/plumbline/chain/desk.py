# SPDX-License-Identifier: AGPL-3.0-only
"""The desk's `DeskVenue` over web3: a range at Uniswap's position manager, hedged through the index router."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import structlog
from web3.contract import AsyncContract
from web3.logs import DISCARD
from web3.types import TxReceipt

from plumbline.chain.erc20 import ChainToken
from plumbline.chain.pool import Place as BlockPlace
from plumbline.chain.pool import PoolBook, find_pool
from plumbline.chain.rpc import Header, Rpc, everything
from plumbline.chain.tx import GWEI, Sender, Spent
from plumbline.chain.vault import ChainVault, scale
from plumbline.config_keeper import DeskConfig
from plumbline.core.arbitrage import Token
from plumbline.core.desk import DeskState, Hedge, Place, Range
from plumbline.core.desk_books import Flows
from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.ports import DeskReceipt, DeskSnapshot

_ALL: Final = (1 << 128) - 1
_FEE_BYTES: Final = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Setting:
    """What never changes: asked once, and again when the chain answers nonsense."""

    vault: ChainVault
    components: tuple[str, ...]
    quote: str
    quote_feed: int
    quote_scale: int
    oracle: AsyncContract
    book: PoolBook
    pool: str
    """Lower case."""

    @property
    def share_is_token0(self) -> bool:
        return int(self.vault.address, 16) < int(self.quote, 16)

    @property
    def tokens(self) -> tuple[str, str]:
        pair = (self.vault.address, self.quote)
        return pair if self.share_is_token0 else pair[::-1]


class ChainDesk:
    """Acts for `sender`, who has approved the position manager and the index router for shares and quote."""

    def __init__(
        self, rpc: Rpc, sender: Sender, config: DeskConfig, arbitrageur: str, max_age_s: int, deadline_s: int
    ) -> None:
        """arbitrageur: anybody's; it names vault, quote token and exchange."""
        self._rpc, self._sender, self._config = rpc, sender, config
        self._max_age_s, self._deadline_s = max_age_s, deadline_s
        self._arbitrageur = rpc.contract("ParityArbitrageur", arbitrageur)
        self._manager = rpc.contract("IUniswapV3Positions", config.position_manager)
        self._router = rpc.contract("IndexRouter", config.router)
        self._quoter = rpc.contract("IndexQuoter", config.quoter)
        self._setting: _Setting | None = None
        self._seen_s = 0
        self._placed_id: int | None = None
        """The position this process made last."""
        self._positions = 0
        """In the pool, when it looked last."""

    async def snapshot(self) -> DeskSnapshot:
        """As of the latest block; the sender's nonce is pinned to it.

        Raises:
            ChainError: the chain did not answer, its endpoints disagree, or the oracle serves no price.
        """
        await self._rpc.agree()
        try:
            header = await self._rpc.header()
            setting = self._setting = self._setting or await self._find()
            state, quote = await self._state(setting, header)
        except ChainError as error:
            if not error.reason:
                self._setting = None
            raise
        self._seen_s = header.timestamp
        gas_price_wei = header.base_fee_wei + self._sender.config.priority_fee_gwei * GWEI
        return DeskSnapshot(header.number, self._seen_s, gas_price_wei, state, quote)

    async def price_of(self, hedge: Hedge) -> int:
        setting = self._known()
        name = "quote_mint" if hedge.shares > 0 else "quote_redeem"
        asset, _ = await self._rpc.ask(self._quoter.functions[name](self._order(setting, hedge, 0)).call())
        return int(asset)

    async def hedge(self, hedge: Hedge, limit: int) -> DeskReceipt:
        setting, minting = self._known(), hedge.shares > 0
        data = self._router.encode_abi("mint" if minting else "redeem", args=[self._order(setting, hedge, limit), []])
        mined = await self._send(str(self._router.address), data)
        if isinstance(mined, DeskReceipt):
            return mined
        event = self._router.events["Minted" if minting else "Redeemed"]()
        (told,) = event.process_receipt(mined, errors=DISCARD)
        moved = -told["args"]["asset_paid"] if minting else told["args"]["asset_got"]
        return _receipt(mined, Flows(hedged=(hedge.shares, int(moved))))

    async def place(self, state: DeskState, place: Place) -> DeskReceipt:
        setting, calls = self._known(), []
        deadline = self._seen_s + self._deadline_s
        if (old := state.range) is not None:
            calls.append(self._encode("decreaseLiquidity", (old.token_id, old.liquidity, 0, 0, deadline)))
            calls.append(self._encode("collect", (old.token_id, self._sender.address, _ALL, _ALL)))
            calls.append(self._manager.encode_abi("burn", args=[old.token_id]))
        terms = (*setting.tokens, self._config.fee_pips, place.low, place.high, *place.amounts, *place.least)
        calls.append(self._encode("mint", (*terms, self._sender.address, deadline)))
        data = self._manager.encode_abi("multicall", args=[[bytes.fromhex(call[2:]) for call in calls]])
        mined = await self._send(str(self._manager.address), data)
        return mined if isinstance(mined, DeskReceipt) else _receipt(mined, self._placed(setting, mined))

    async def _send(self, to: str, data: str) -> TxReceipt | DeskReceipt:
        """The receipt as web3 gives it; of a transaction that reverted or was cancelled on chain, ours."""
        try:
            return await self._sender.send(to, data)
        except Spent as failed:
            return _receipt(failed.receipt, Flows(), failed.reason or str(failed))

    def _encode(self, function: str, argument: tuple[Any, ...]) -> str:
        return str(self._manager.encode_abi(function, args=[argument]))

    def _placed(self, setting: _Setting, mined: TxReceipt) -> Flows:
        """What went into the new range less what the old one gave back, and the fees that came with that."""
        found = {
            name: [each["args"] for each in self._manager.events[name]().process_receipt(mined, errors=DISCARD)]
            for name in ("IncreaseLiquidity", "DecreaseLiquidity", "Collect")
        }
        self._placed_id = int(found["IncreaseLiquidity"][-1]["tokenId"])
        into, out_of, collected = (
            tuple(sum(int(each[side]) for each in args) for side in ("amount0", "amount1")) for args in found.values()
        )
        ranged = (into[0] - out_of[0], into[1] - out_of[1])
        fees = (collected[0] - out_of[0], collected[1] - out_of[1])
        in_order = setting.share_is_token0
        return Flows(ranged=ranged if in_order else ranged[::-1], collected=fees if in_order else fees[::-1])

    def _order(self, setting: _Setting, hedge: Hedge, limit: int) -> tuple[Any, ...]:
        minting, count = hedge.shares > 0, len(setting.components)
        # Each component is bounded by the one limit on the quote; what passes through in kind is the quote itself.
        limits = [(1 << 256) - 1 if minting else 0] * count
        routes = [
            b"" if int(token, 16) == int(setting.quote, 16) else _route(token, fee, setting.quote)
            for token, fee in zip(setting.components, self._tiers(count), strict=True)
        ]
        deadline = self._seen_s + self._deadline_s
        terms = (setting.vault.address, abs(hedge.shares), setting.quote, limit, limits, routes)
        return (*terms, self._sender.address, deadline)

    def _tiers(self, count: int) -> tuple[int, ...]:
        tiers = self._config.component_fee_pips
        if len(tiers) not in (1, count):
            raise ChainError(f"component_fee_pips: expected one tier, or one for each of {count} components")
        return tiers * count if len(tiers) == 1 else tiers

    def _known(self) -> _Setting:
        if self._setting is None:
            raise ChainError("the chain was not looked at yet")
        return self._setting

    async def _state(self, setting: _Setting, header: Header) -> tuple[DeskState, Token]:
        at: Any = header.number
        block = BlockPlace(at, header.hash, header.parent)
        price = setting.oracle.functions.price(setting.quote_feed, self._max_age_s)
        states, nav_wad, quote_price, shares, quote, found, _ = await everything(
            setting.book.states(block),
            setting.vault.nav_wad(self._max_age_s, at),
            self._rpc.ask(price.call(block_identifier=at)),
            ChainToken(self._rpc, setting.vault.address).balance(self._sender.address, at),
            ChainToken(self._rpc, setting.quote).balance(self._sender.address, at),
            self._range(setting, at),
            # What is decided on this block is never mined after another transaction of the key's.
            self._sender.pin(header),
        )
        token = Token(0, quote_price, setting.quote_scale, quote)
        nav_in_quote = Fraction(nav_wad, WAD * WAD) / token.usd
        state = DeskState(states[setting.pool], setting.share_is_token0, nav_in_quote, shares, quote, found)
        return state, token

    async def _range(self, setting: _Setting, at: Any) -> Range | None:
        """The key's position in the pool: the chain knows it, whatever the journal missed."""
        functions, me = self._manager.functions, self._sender.address
        count = await self._rpc.number(functions.balanceOf(me).call(block_identifier=at))
        ids = await asyncio.gather(
            *(self._rpc.ask(functions.tokenOfOwnerByIndex(me, i).call(block_identifier=at)) for i in range(count))
        )
        told = await asyncio.gather(*(self._rpc.ask(functions.positions(i).call(block_identifier=at)) for i in ids))
        wanted = ([int(token, 16) for token in setting.tokens], self._config.fee_pips)
        own = [
            (token_id, each)
            for token_id, each in zip(ids, told, strict=True)
            if ([int(token, 16) for token in each[2:4]], each[4]) == wanted
        ]
        if not own:
            return None
        if len(own) > max(self._positions, 1):
            log.warning("more positions in the pool than the desk's", ids=[token_id for token_id, _ in own])
        self._positions = len(own)
        token_id, (*_, low, high, liquidity, _, _, _, _) = main_position(own, self._placed_id)
        owed = functions.collect((token_id, me, _ALL, _ALL))
        fees = tuple(await self._rpc.ask(owed.call({"from": me}, block_identifier=at)))
        return Range(int(token_id), low, high, liquidity, *(fees if setting.share_is_token0 else fees[::-1]))

    async def _find(self) -> _Setting:
        names = ("VAULT", "QUOTE", "QUOTE_FEED", "ORACLE", "FACTORY")
        vault_address, quote, feed, oracle, factory = await asyncio.gather(
            *(self._rpc.ask(self._arbitrageur.functions[name]().call()) for name in names)
        )
        vault = ChainVault(self._rpc, vault_address)
        terms = await vault.terms()
        pool = await find_pool(self._rpc, factory, vault.address, quote, self._config.fee_pips)
        await self._check_allowances(vault.address, quote)
        return _Setting(
            vault,
            terms.components,
            str(quote),
            int(feed),
            await scale(self._rpc, quote, oracle, feed),
            self._rpc.contract("MedianOracle", oracle),
            PoolBook(self._rpc, [pool]),
            pool.lower(),
        )

    async def _check_allowances(self, *tokens: str) -> None:
        """Without them every transaction would fail with words that tell nobody why."""
        for token in tokens:
            for spender in (str(self._manager.address), str(self._router.address)):
                allowed, held = await asyncio.gather(
                    ChainToken(self._rpc, token).allowance(self._sender.address, spender),
                    ChainToken(self._rpc, token).balance(self._sender.address),
                )
                if allowed < held or not allowed:
                    raise ChainError(
                        f"token {token}: expected {self._sender.address} to have approved {spender} for what it "
                        f"holds ({held}), found {allowed}"
                    )


def main_position(own: Sequence[tuple[int, Any]], placed_id: int | None) -> tuple[int, Any]:
    """(id, what the manager tells of it) of the one that was placed, else of the most liquidity over the most ticks.

    Anybody may give the key a position in the pool, of next to nothing: it is left alone, and stops nobody.
    """

    def weight(each: tuple[int, Any]) -> tuple[bool, int]:
        token_id, (*_, low, high, liquidity, _, _, _, _) = each
        return token_id == placed_id, liquidity * (high - low)

    return max(own, key=weight)


def _route(component: str, fee_pips: int, quote: str) -> bytes:
    return bytes.fromhex(component[2:]) + fee_pips.to_bytes(_FEE_BYTES, "big") + bytes.fromhex(quote[2:])


def _receipt(mined: TxReceipt, flows: Flows, reverted: str = "") -> DeskReceipt:
    tx_hash, gas_price = mined["transactionHash"].to_0x_hex(), mined["effectiveGasPrice"]
    return DeskReceipt(tx_hash, mined["blockNumber"], flows, mined["gasUsed"], gas_price, reverted)
