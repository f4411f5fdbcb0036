# SPDX-License-Identifier: Apache-2.0
"""What is asked of a vault and sent to it, for `Vault` and `AsyncVault` alike: every method here gives a plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from plumbline.client.auctions import Auction, read_auction
from plumbline.client.codec import abi, address, erc20
from plumbline.client.contract import Contract
from plumbline.client.errors import BadAnswer, NotAComponent, Reverted
from plumbline.client.permit import Permit, permit_document
from plumbline.client.plans import Call, Plan, head, read, read_all, read_chain_id
from plumbline.client.positions import Basket, Component, Nav, Quote, Settled
from plumbline.client.transactions import Account, Receipt, Signer, Transaction, address_of, send, transaction
from plumbline.client.values import SHARE_DECIMALS, Amount, Token

DEADLINE_S: Final = 600
SLIPPAGE_BPS: Final = 1
"""Between the preview and the block: the streaming fee moves amounts by far less."""
_MAX_BPS: Final = 10_000


class VaultPlans(Contract):
    """One vault; what never changes is read once."""

    def __init__(self, where: str) -> None:
        super().__init__(where, abi("IndexVault"))
        self._tokens: tuple[Token, ...] = ()
        self._share: Token | None = None

    def _share_token(self) -> Plan[Token]:
        if self._share is None:
            self._share = Token(self.address, (yield from self._read("symbol")), SHARE_DECIMALS)
        return self._share

    def _components(self, at: str = "latest") -> Plan[tuple[tuple[Token, ...], tuple[int, ...]]]:
        """The tokens and D18{tok/share} of each."""
        addresses, units = yield from self._read("components", at=at)
        if tuple(token.address for token in self._tokens) != addresses:
            found = []
            for each in addresses:
                found.append((yield from _token(each)))
            self._tokens = tuple(found)
        return self._tokens, tuple(units)

    def _amounts(self, values: Sequence[int]) -> Plan[tuple[Amount, ...]]:
        tokens, _ = yield from self._components()
        return tuple(Amount(token, value) for token, value in zip(tokens, values, strict=True))

    def _preview(self, act: str, shares: int) -> Plan[tuple[Amount, ...]]:
        return (yield from self._amounts((yield from self._read(f"preview_{act}", shares))))

    def _basket(self) -> Plan[Basket]:
        block = yield from head()
        tokens, units = yield from self._components(block.tag)
        share = yield from self._share_token()
        names = ("price_feeds", "fees", "totalSupply", "pending_fees", "supply_cap", "paused")
        calls = [Call(self.address, self._abi[name]) for name in names]
        values = yield from read_all(calls, block.tag)
        (oracle, feeds), (mint_bps, redeem_bps, streaming_bps), supply, pending, cap, paused = values
        described = yield from read_all(
            [Call(oracle, abi("MedianOracle")["feed"], (each,)) for each in feeds], "latest"
        )
        return Basket(
            share=share,
            components=tuple(
                Component(token, unit, feed[0]) for token, unit, feed in zip(tokens, units, described, strict=True)
            ),
            oracle=oracle,
            mint_fee_bps=mint_bps,
            redeem_fee_bps=redeem_bps,
            streaming_fee_bps=streaming_bps,
            supply=Amount(share, supply),
            pending_fees=Amount(share, pending),
            supply_cap=Amount(share, cap),
            paused=paused,
            block=block.number,
            read_at=block.timestamp,
        )

    def _nav(self, max_age_s: int, at: str = "latest") -> Plan[Nav]:
        block = yield from head(at)
        share = yield from self._share_token()
        return Nav(share, (yield from self._read("nav", max_age_s, at=block.tag)), max_age_s, block.timestamp)

    def _quote(self, act: str, shares: int, max_age_s: int) -> Plan[Quote]:
        """Amounts, and what they are worth at the oracle's prices: all of one block."""
        block = yield from head()
        tokens, _ = yield from self._components(block.tag)
        values, (oracle, feeds) = yield from read_all(
            [
                Call(self.address, self._abi[f"preview_{act}"], (shares,)),
                Call(self.address, self._abi["price_feeds"]),
            ],
            block.tag,
        )
        nav = yield from self._nav(max_age_s, block.tag)
        prices = abi("MedianOracle")
        amounts_usd, *described = yield from read_all(
            [
                Call(oracle, prices["prices"], (list(feeds), max_age_s)),
                *(Call(oracle, prices["feed"], (feed,)) for feed in feeds),
            ],
            block.tag,
        )
        amounts = tuple(Amount(token, value) for token, value in zip(tokens, values, strict=True))
        worth = tuple(
            amount.value * price / 10 ** feed[1]
            for amount, price, feed in zip(amounts, amounts_usd, described, strict=True)
        )
        return Quote(act, Amount(nav.share, shares), amounts, worth, nav)

    # -- sending

    def _mint(
        self,
        shares: int,
        account: Account,
        receiver: str | None,
        max_amounts: Sequence[int] | None,
        slippage_bps: int,
        deadline_s: int,
        approve: bool,
    ) -> Plan[Settled]:
        if max_amounts is None:
            preview = yield from self._read("preview_mint", shares)
            max_amounts = [amount + -(-amount * slippage_bps // _MAX_BPS) for amount in preview]
        if approve:
            yield from self._approve_components(account, max_amounts)
        deadline = (yield from head()).timestamp + deadline_s
        to = receiver or address_of(account)
        what = transaction(self.address, self._abi["mint"], shares, to, list(max_amounts), deadline)
        return (yield from self._settle("Minted", account, what, paid_by_vault=False))

    def _redeem(
        self,
        shares: int,
        account: Account,
        receiver: str | None,
        min_amounts: Sequence[int] | None,
        slippage_bps: int,
        deadline_s: int,
        skip: Collection[str],
    ) -> Plan[Settled]:
        """Skipped components become a claim: `claim` pays it later."""
        bits = yield from self._skip_bits(skip)
        if min_amounts is None:
            preview = yield from self._read("preview_redeem", shares)
            min_amounts = [amount - -(-amount * slippage_bps // _MAX_BPS) for amount in preview]
        deadline = (yield from head()).timestamp + deadline_s
        to, limits = receiver or address_of(account), list(min_amounts)
        if bits:
            what = transaction(self.address, self._abi["redeem_skipping"], shares, to, limits, bits, deadline)
        else:
            what = transaction(self.address, self._abi["redeem"], shares, to, limits, deadline)
        return (yield from self._settle("Redeemed", account, what, paid_by_vault=True))

    def _skip_bits(self, skip: Collection[str]) -> Plan[int]:
        tokens, _ = yield from self._components()
        known = [token.address for token in tokens]
        for each in skip:
            if address(each) not in known:
                raise NotAComponent(f"{each} is none of {', '.join(known)}")
        return sum(1 << known.index(address(each)) for each in skip)

    def _settle(self, event: str, account: Account, what: Transaction, *, paid_by_vault: bool) -> Plan[Settled]:
        """Send, and read from the receipt what really moved."""
        receipt = yield from send(account, what)
        share = yield from self._share_token()
        tokens, _ = yield from self._components()
        found = [
            kind.decode(log["topics"], log["data"])
            for log in receipt.logs
            for kind in [self._abi.events[event]]
            if address(log["address"]) == self.address and log["topics"][0] == kind.topic
        ]
        if len(found) != 1:
            raise BadAnswer(f"{receipt.tx_hash}: expected one {event} in its receipt, got {len(found)}")
        moved = [_moved(receipt, token.address, self.address, out=paid_by_vault) for token in tokens]
        return Settled(
            receipt=receipt,
            shares=Amount(share, found[0]["shares"]),
            fee_shares=Amount(share, found[0]["fee_shares"]),
            amounts=tuple(Amount(token, amount) for token, amount in zip(tokens, moved, strict=True)),
        )

    def _approve_components(self, account: Account, amounts: Sequence[int]) -> Plan[None]:
        """Exactly what is needed, and only where less is allowed now."""
        tokens, _ = yield from self._components()
        owner, functions = address_of(account), erc20()
        allowed = yield from read_all(
            [Call(token.address, functions["allowance"], (owner, self.address)) for token in tokens], "latest"
        )
        for token, amount, has in zip(tokens, amounts, allowed, strict=True):
            if has >= amount:
                continue
            if has:
                # Some tokens refuse to change an allowance that is not zero.
                yield from send(account, transaction(token.address, functions["approve"], self.address, 0))
            yield from send(account, transaction(token.address, functions["approve"], self.address, amount))

    def _claim(self, token: str, account: Account, receiver: str | None) -> Plan[Receipt]:
        to = receiver or address_of(account)
        return (yield from send(account, transaction(self.address, self._abi["claim"], address(token), to)))

    def _claims(self, owner: str) -> Plan[tuple[Amount, ...]]:
        tokens, _ = yield from self._components()
        function = self._abi["claim_of"]
        calls = [Call(self.address, function, (address(owner), token.address)) for token in tokens]
        return (yield from self._amounts((yield from read_all(calls, "latest"))))

    def _balance(self, owner: str) -> Plan[Amount]:
        share = yield from self._share_token()
        return Amount(share, (yield from self._read("balanceOf", address(owner))))

    def _auction(self) -> Plan[Auction | None]:
        block = yield from head()
        tokens, _ = yield from self._components(block.tag)
        house = yield from self._read("auction_house", at=block.tag)
        return (yield from read_auction(house, self.address, tokens, block))

    def _permit(self, account: Signer, spender: str, shares: int, deadline_s: int) -> Plan[Permit]:
        block = yield from head()
        chain_id = yield from read_chain_id()
        name, nonce, separator = yield from read_all(
            [
                Call(self.address, self._abi["name"]),
                Call(self.address, self._abi["nonces"], (account.address,)),
                Call(self.address, self._abi["DOMAIN_SEPARATOR"]),
            ],
            block.tag,
        )
        owner, deadline = str(account.address), block.timestamp + deadline_s
        document = permit_document(
            name, chain_id, self.address, separator, owner, address(spender), shares, nonce, deadline
        )
        return Permit.signed(account, document)

    def _use_permit(self, permit: Permit, account: Account) -> Plan[Receipt]:
        return (yield from send(account, transaction(self.address, self._abi["permit"], *permit.arguments)))

    # -- for senders of one's own (Ape, a wallet, a multisig)

    def mint_transaction(self, shares: int, receiver: str, max_amounts: Sequence[int], deadline: int) -> Transaction:
        """Unsigned. `deadline` {s} is a time, not a duration."""
        return transaction(self.address, self._abi["mint"], shares, address(receiver), list(max_amounts), deadline)

    def redeem_transaction(self, shares: int, receiver: str, min_amounts: Sequence[int], deadline: int) -> Transaction:
        """Unsigned. `deadline` {s} is a time, not a duration."""
        return transaction(self.address, self._abi["redeem"], shares, address(receiver), list(min_amounts), deadline)


def _token(where: str) -> Plan[Token]:
    """A token without a readable symbol goes by its address."""
    decimals = yield from read(where, erc20()["decimals"])
    try:
        symbol = yield from read(where, erc20()["symbol"])
    except (Reverted, BadAnswer):
        symbol = where
    return Token(where, symbol, decimals)


_TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""Transfer(address,address,uint256)"""


def _moved(receipt: Receipt, token: str, vault: str, *, out: bool) -> int:
    """What the token says moved to the vault, or out of it."""
    place = 1 if out else 2
    return sum(
        int(log["data"], 16)
        for log in receipt.logs
        if address(log["address"]) == token
        and len(log["topics"]) == 3
        and log["topics"][0] == _TRANSFER
        and int(log["topics"][place], 16) == int(vault, 16)
    )
