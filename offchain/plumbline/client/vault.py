# SPDX-License-Identifier: Apache-2.0
"""An index vault: what a share holds and is worth, and minting and redeeming it.

    vault = Vault("http://127.0.0.1:8545", "0x...")
    shares = parse_units("1.5")
    print(*vault.preview_mint(shares))            # 0.00150075 WBTC 37.518750 USDC ...
    vault.mint(shares, account, approve=True)

`AsyncVault` is the same with `await`. Amounts are base units, shares have 18 decimals.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from plumbline.client.auctions import Auction
from plumbline.client.contract import AsyncContract, SyncContract
from plumbline.client.permit import Permit
from plumbline.client.positions import Basket, Nav, Quote, Settled
from plumbline.client.transactions import Account, Receipt, Signer
from plumbline.client.transport import TIMEOUT_S, AsyncRunner, Runner
from plumbline.client.values import Amount
from plumbline.client.vault_plans import DEADLINE_S, SLIPPAGE_BPS, VaultPlans


class Vault(SyncContract, VaultPlans):
    """An IndexVault, synchronously. `with Vault(url, address) as vault:` closes its connection."""

    def __init__(self, provider: object, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """provider: a URL, a Web3, a web3 provider, or Ape's `networks.active_provider`.

        Raises ValueError for what is no address or URL, TypeError for what is no provider.
        """
        super().__init__(address)
        self._runner = Runner(provider, timeout_s)

    def basket(self) -> Basket:
        """Components, fees, supply and cap, as of one block."""
        return self._runner.run(self._basket())

    def nav(self, max_age_s: int) -> Nav:
        """What a share is worth at the oracle's prices, none older than `max_age_s`. Raises NoPrice."""
        return self._runner.run(self._nav(max_age_s))

    def preview_mint(self, shares: int) -> tuple[Amount, ...]:
        """What `mint` would take in this block, fee included, to the wei."""
        return self._runner.run(self._preview("mint", shares))

    def preview_redeem(self, shares: int) -> tuple[Amount, ...]:
        """What `redeem` would pay in this block, net of the fee, to the wei."""
        return self._runner.run(self._preview("redeem", shares))

    def quote_mint(self, shares: int, max_age_s: int) -> Quote:
        """`preview_mint` with what it is worth. Raises NoPrice."""
        return self._runner.run(self._quote("mint", shares, max_age_s))

    def quote_redeem(self, shares: int, max_age_s: int) -> Quote:
        """`preview_redeem` with what it is worth. Raises NoPrice."""
        return self._runner.run(self._quote("redeem", shares, max_age_s))

    def mint(
        self,
        shares: int,
        account: Account,
        *,
        receiver: str | None = None,
        max_amounts: Sequence[int] | None = None,
        slippage_bps: int = SLIPPAGE_BPS,
        deadline_s: int = DEADLINE_S,
        approve: bool = False,
    ) -> Settled:
        """Exactly `shares` for the receiver (None: the account); pays at most `max_amounts` (None: preview + slippage).

        approve: first allow the vault exactly what it may take, where it may not yet.
        Raises VaultRefused, ShareRefused, TokenRefused, NotMined; a refusal that is foreseen costs nothing.
        """
        return self._runner.run(self._mint(shares, account, receiver, max_amounts, slippage_bps, deadline_s, approve))

    def redeem(
        self,
        shares: int,
        account: Account,
        *,
        receiver: str | None = None,
        min_amounts: Sequence[int] | None = None,
        slippage_bps: int = SLIPPAGE_BPS,
        deadline_s: int = DEADLINE_S,
        skip: Collection[str] = (),
    ) -> Settled:
        """Gives exactly `shares`; pays at least `min_amounts` (None: preview - slippage). Needs no oracle.

        skip: components not to touch, because their token is broken; their amounts become claims.
        """
        return self._runner.run(self._redeem(shares, account, receiver, min_amounts, slippage_bps, deadline_s, skip))

    def claims(self, owner: str) -> tuple[Amount, ...]:
        """What earlier redeems left behind for `owner`, by component."""
        return self._runner.run(self._claims(owner))

    def claim(self, token: str, account: Account, *, receiver: str | None = None) -> Receipt:
        """Pays the account's claim on a token out."""
        return self._runner.run(self._claim(token, account, receiver))

    def balance(self, owner: str) -> Amount:
        """Shares."""
        return self._runner.run(self._balance(owner))

    def auction(self) -> Auction | None:
        """The rebalance that is proposed or open, with what is left to trade; None: there is none."""
        return self._runner.run(self._auction())

    def permit(self, account: Signer, spender: str, shares: int, *, deadline_s: int = DEADLINE_S) -> Permit:
        """An ERC-2612 permit of the account's shares, signed; sends nothing. Whoever has it may use it."""
        return self._runner.run(self._permit(account, spender, shares, deadline_s))

    def use_permit(self, permit: Permit, account: Account) -> Receipt:
        """Brings a permit to the chain; anybody may. Raises PermitRefused."""
        return self._runner.run(self._use_permit(permit, account))


class AsyncVault(AsyncContract, VaultPlans):
    """`Vault` with `await`; its provider is a URL, an AsyncWeb3 or an async web3 provider."""

    def __init__(self, provider: object, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(address)
        self._runner = AsyncRunner(provider, timeout_s)

    async def basket(self) -> Basket:
        return await self._runner.run(self._basket())

    async def nav(self, max_age_s: int) -> Nav:
        return await self._runner.run(self._nav(max_age_s))

    async def preview_mint(self, shares: int) -> tuple[Amount, ...]:
        return await self._runner.run(self._preview("mint", shares))

    async def preview_redeem(self, shares: int) -> tuple[Amount, ...]:
        return await self._runner.run(self._preview("redeem", shares))

    async def quote_mint(self, shares: int, max_age_s: int) -> Quote:
        return await self._runner.run(self._quote("mint", shares, max_age_s))

    async def quote_redeem(self, shares: int, max_age_s: int) -> Quote:
        return await self._runner.run(self._quote("redeem", shares, max_age_s))

    async def mint(
        self,
        shares: int,
        account: Account,
        *,
        receiver: str | None = None,
        max_amounts: Sequence[int] | None = None,
        slippage_bps: int = SLIPPAGE_BPS,
        deadline_s: int = DEADLINE_S,
        approve: bool = False,
    ) -> Settled:
        return await self._runner.run(
            self._mint(shares, account, receiver, max_amounts, slippage_bps, deadline_s, approve)
        )

    async def redeem(
        self,
        shares: int,
        account: Account,
        *,
        receiver: str | None = None,
        min_amounts: Sequence[int] | None = None,
        slippage_bps: int = SLIPPAGE_BPS,
        deadline_s: int = DEADLINE_S,
        skip: Collection[str] = (),
    ) -> Settled:
        return await self._runner.run(
            self._redeem(shares, account, receiver, min_amounts, slippage_bps, deadline_s, skip)
        )

    async def claims(self, owner: str) -> tuple[Amount, ...]:
        return await self._runner.run(self._claims(owner))

    async def claim(self, token: str, account: Account, *, receiver: str | None = None) -> Receipt:
        return await self._runner.run(self._claim(token, account, receiver))

    async def balance(self, owner: str) -> Amount:
        return await self._runner.run(self._balance(owner))

    async def auction(self) -> Auction | None:
        return await self._runner.run(self._auction())

    async def permit(self, account: Signer, spender: str, shares: int, *, deadline_s: int = DEADLINE_S) -> Permit:
        return await self._runner.run(self._permit(account, spender, shares, deadline_s))

    async def use_permit(self, permit: Permit, account: Account) -> Receipt:
        return await self._runner.run(self._use_permit(permit, account))
