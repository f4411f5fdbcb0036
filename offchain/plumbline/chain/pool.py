# SPDX-License-Identifier: AGPL-3.0-only
"""Uniswap v3 pools as sizing sees them: read once, then kept up to date from their own events.

One `eth_getLogs` a block tells all of it, for any number of pools: a swap says price, tick and liquidity after it, a
position says which ticks it changed. What is known stands on a block's hash. A block that does not descend from it (a
reorganisation, a restarted chain) makes everything be read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from eth_utils.crypto import keccak

from plumbline.chain.rpc import Rpc, hex_bytes, nonsense, quantity
from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, WORD_TICKS, PoolState, sqrt_price_at_tick
from plumbline.errors import ChainError

NO_POOL: Final = "0x" + "00" * 20
_SWAP: Final = keccak(text="Swap(address,address,int256,int256,uint160,uint128,int24)")
_MINT: Final = keccak(text="Mint(address,address,int24,int24,uint128,uint256,uint256)")
_BURN: Final = keccak(text="Burn(address,int24,int24,uint128,uint256,uint256)")
_SIZES: Final = {_SWAP: (3, 5), _MINT: (4, 4), _BURN: (4, 3)}
"""Topics and words of each."""
_MOST_BLOCKS: Final = 500
"""A longer gap is cheaper to read anew than to follow."""


@dataclass(frozen=True, slots=True)
class Place:
    """A block, and the one before it."""

    number: int
    hash: bytes
    parent: bytes


class PoolLog(NamedTuple):
    """What a pool said. In the order of a chain: by block, then by place."""

    block: int
    place: int
    address: str
    """Lower case."""
    topics: tuple[bytes, ...]
    data: bytes

    @classmethod
    def of(cls, raw: Any) -> PoolLog:
        """From a node's own answer. Raises ChainError."""
        try:
            topics = tuple(hex_bytes(topic) for topic in raw["topics"])
            where = quantity(raw["blockNumber"]), quantity(raw["logIndex"]), str(raw["address"]).lower()
            return cls(*where, topics, hex_bytes(raw["data"]))
        except (KeyError, TypeError) as error:
            raise nonsense(error) from None


async def find_pool(rpc: Rpc, factory: str, token_a: str, token_b: str, fee_pips: int) -> str:
    """Address of the pool of two tokens at one fee tier. Raises ChainError when there is none."""
    address = await look_for_pool(rpc, factory, token_a, token_b, fee_pips)
    if address is None:
        raise ChainError(f"no pool of {token_a} and {token_b} at fee tier {fee_pips}")
    return address


async def look_for_pool(rpc: Rpc, factory: str, token_a: str, token_b: str, fee_pips: int) -> str | None:
    functions = rpc.contract("IUniswapV3Factory", factory).functions
    address = str(await rpc.ask(functions.getPool(token_a, token_b, fee_pips).call()))
    return None if address == NO_POOL else address


class ChainPool:
    """One pool. What never changes is read once."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self._rpc = rpc
        self._contract = rpc.contract("IUniswapV3Pool", address)
        self.address = str(self._contract.address)
        self._terms: tuple[int, int] | None = None

    async def state(self, words: int = 1, block: int | None = None) -> PoolState:
        """The state with every initialised tick of the bitmap word of the price and `words` on each side.

        A word spans 256 tick spacings: at spacing 10 the price may move by 29 % before the known range ends.
        block: its number; None is the latest.
        """
        at: Any = "latest" if block is None else block
        if self._terms is None:
            self._terms = await self._read("fee"), await self._read("tickSpacing")
        fee_pips, spacing = self._terms
        (sqrt_price_x96, tick, *_), liquidity = await asyncio.gather(
            self._read("slot0", at=at), self._read("liquidity", at=at)
        )
        if not sqrt_price_x96:
            raise ChainError(f"pool {self.address} was never given a price")
        word = tick // spacing // WORD_TICKS
        low, high = max(word - words, _word(MIN_TICK, spacing)), min(word + words, _word(MAX_TICK, spacing))
        state = PoolState(
            sqrt_price_x96=sqrt_price_x96,
            tick=tick,
            liquidity=liquidity,
            fee_pips=fee_pips,
            tick_spacing=spacing,
            ticks=await self._ticks(low, high, spacing, at),
            low_tick=max(low * WORD_TICKS * spacing, MIN_TICK),
            high_tick=min((high * WORD_TICKS + WORD_TICKS - 1) * spacing, MAX_TICK),
        )
        return _sound(state, self.address)

    async def _ticks(self, low: int, high: int, spacing: int, at: Any) -> tuple[tuple[int, int], ...]:
        words = range(low, high + 1)
        bitmaps = await asyncio.gather(*(self._read("tickBitmap", word, at=at) for word in words))
        ticks = [
            (word * WORD_TICKS + bit) * spacing
            for word, bitmap in zip(words, bitmaps, strict=True)
            for bit in range(bitmap.bit_length())
            if bitmap >> bit & 1
        ]
        found = await asyncio.gather(*(self._read("ticks", tick, at=at) for tick in ticks))
        return tuple((tick, net) for tick, (_, net, *_) in zip(ticks, found, strict=True))

    async def _read(self, function: str, *arguments: Any, at: Any = "latest") -> Any:
        return await self._rpc.ask(self._contract.functions[function](*arguments).call(block_identifier=at))


class PoolBook:
    """The states of some pools at the block last asked for."""

    def __init__(self, rpc: Rpc, addresses: Sequence[str]) -> None:
        self._rpc = rpc
        self._pools = {address.lower(): ChainPool(rpc, address) for address in addresses}
        self._states: dict[str, PoolState] = {}
        self._at: Place | None = None

    def mark(self) -> tuple[Place | None, dict[str, PoolState]]:
        """What is known now, to `reset` to."""
        return self._at, dict(self._states)

    def reset(self, mark: tuple[Place | None, dict[str, PoolState]]) -> None:
        self._at, self._states = mark[0], dict(mark[1])

    async def states(self, block: Place) -> dict[str, PoolState]:
        """By address in lower case, as of `block`, which must be the latest or near it."""
        if self._at is not None and block.hash == self._at.hash:
            return dict(self._states)
        if self._at is None or not await self._descends(block, self._at):
            await self._read_all(block)
        else:
            start, self._at = self._at, None
            for entry in await self._logs(start, block):
                self._states[entry.address] = apply(self._states[entry.address], entry)
            await self._widen(block)
        self._at = block
        return dict(self._states)

    async def _descends(self, block: Place, known: Place) -> bool:
        if block.parent == known.hash:
            return True
        if not 0 < block.number - known.number <= _MOST_BLOCKS:
            return False
        return (await self._rpc.header(known.number)).hash == known.hash

    async def _logs(self, start: Place, block: Place) -> list[PoolLog]:
        wanted: dict[str, Any] = {"address": list(self._pools)}
        if block.parent == start.hash:
            # By its hash: no other block of that number can answer.
            wanted["blockHash"] = "0x" + block.hash.hex()
        else:
            wanted |= {"fromBlock": hex(start.number + 1), "toBlock": hex(block.number)}
        found = await self._rpc.request("eth_getLogs", wanted)
        if not isinstance(found, list):
            raise ChainError("the node's answer makes no sense: expected a list of logs")
        return sorted(log for log in map(PoolLog.of, found) if log.address in self._pools)

    async def _read_all(self, block: Place) -> None:
        self._at = None
        found = await asyncio.gather(*(pool.state(block=block.number) for pool in self._pools.values()))
        self._states = dict(zip(self._pools, found, strict=True))

    async def _widen(self, block: Place) -> None:
        """Reads a pool anew whose price has left the middle third of the ticks that are known."""
        for address, state in self._states.items():
            span = state.high_tick - state.low_tick
            if not state.low_tick + span // 6 < state.tick < state.high_tick - span // 6:
                self._states[address] = await self._pools[address].state(block=block.number)


def apply(state: PoolState, entry: PoolLog) -> PoolState:
    """The state after one of the pool's events; those that move no price and no liquidity change nothing."""
    topics, data = entry.topics, entry.data
    words = [int.from_bytes(data[i : i + 32], "big") for i in range(0, len(data), 32)]
    said = topics[0] if topics else b""
    if (len(topics), len(words)) != _SIZES.get(said, (len(topics), len(words))):
        raise ChainError(f"the node's answer makes no sense: an event of pool {entry.address} has another size")
    if said == _SWAP:
        moved = replace(state, sqrt_price_x96=words[2], liquidity=words[3], tick=_signed(words[4]))
        return _sound(moved, entry.address)
    if said in (_MINT, _BURN):
        # A mint names its sender before the amount.
        change = words[1] if said == _MINT else -words[0]
        low, high = (_signed(int.from_bytes(topic, "big")) for topic in topics[2:4])
        nets = dict(state.ticks)
        for tick, net in ((low, change), (high, -change)):
            if state.low_tick <= tick <= state.high_tick:
                nets[tick] = nets.get(tick, 0) + net
        active = change if low <= state.tick < high else 0
        # A tick whose net is zero but that is still initialised changes no amount: only a rounding could differ.
        ticks = tuple(sorted((tick, net) for tick, net in nets.items() if net))
        return _sound(replace(state, liquidity=state.liquidity + active, ticks=ticks), entry.address)
    return state


def _sound(state: PoolState, address: str) -> PoolState:
    """Raises ChainError for what no pool can be in: sizing would divide by it."""
    price, tick = state.sqrt_price_x96, state.tick
    possible = MIN_TICK <= tick < MAX_TICK and state.liquidity >= 0
    # A pool that stopped on a tick's own price has that tick, or the one below it.
    if not possible or not sqrt_price_at_tick(tick) <= price <= sqrt_price_at_tick(tick + 1):
        where = f"price {price}, tick {tick}, liquidity {state.liquidity}"
        raise ChainError(f"the node's answer makes no sense: pool {address} at {where}")
    return state


def _signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word


def _word(tick: int, spacing: int) -> int:
    return tick // spacing // WORD_TICKS
