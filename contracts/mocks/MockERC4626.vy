# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock ERC-4626 vault
@license AGPL-3.0-only
@notice A vault that counts its balance of the asset, as OpenZeppelin's does: with virtual shares (10**offset of them, and
        one virtual asset), or in the old manner without, where whoever is first and donates owns the second's deposit.
        What is sent to it is yield. For tests, benches and local chains only.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from ethereum.ercs import IERC4626

from contracts.mocks.modules import mock_token

implements: IERC20
implements: IERC4626

initializes: mock_token

exports: (
    mock_token.name,
    mock_token.symbol,
    mock_token.decimals,
    mock_token.totalSupply,
    mock_token.balanceOf,
    mock_token.allowance,
    mock_token.approve,
)

asset: public(immutable(address))
VIRTUAL_SHARES: immutable(uint256)    # 0: none, and no virtual asset
ONE_TO_ONE: immutable(uint256)        # 10**offset


@deploy
def __init__(name: String[64], symbol: String[32], underlying: address, offset: uint8, is_virtual: bool):
    """
    @param offset decimals of the share beyond the asset's
    """
    mock_token.__init__(name, symbol, staticcall IERC20Detailed(underlying).decimals() + offset)
    asset = underlying
    ONE_TO_ONE = 10 ** convert(offset, uint256)
    VIRTUAL_SHARES = 10 ** convert(offset, uint256) if is_virtual else 0


@external
def transfer(to: address, amount: uint256) -> bool:
    mock_token._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    mock_token._spend(owner, amount)
    mock_token._move(owner, to, amount)
    return True


@external
def deposit(assets: uint256, receiver: address = msg.sender) -> uint256:
    shares: uint256 = self._to_shares(assets, False)
    self._enter(assets, shares, receiver)
    return shares


@external
def mint(shares: uint256, receiver: address = msg.sender) -> uint256:
    assets: uint256 = self._to_assets(shares, True)
    self._enter(assets, shares, receiver)
    return assets


@external
def withdraw(assets: uint256, receiver: address = msg.sender, owner: address = msg.sender) -> uint256:
    shares: uint256 = self._to_shares(assets, True)
    self._leave(assets, shares, receiver, owner)
    return shares


@external
def redeem(shares: uint256, receiver: address = msg.sender, owner: address = msg.sender) -> uint256:
    assets: uint256 = self._to_assets(shares, False)
    self._leave(assets, shares, receiver, owner)
    return assets


@external
@view
def totalAssets() -> uint256:
    return self._total_assets()


@external
@view
def convertToShares(assets: uint256) -> uint256:
    return self._to_shares(assets, False)


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    return self._to_assets(shares, False)


@external
@view
def previewDeposit(assets: uint256) -> uint256:
    return self._to_shares(assets, False)


@external
@view
def previewMint(shares: uint256) -> uint256:
    return self._to_assets(shares, True)


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    return self._to_shares(assets, True)


@external
@view
def previewRedeem(shares: uint256) -> uint256:
    return self._to_assets(shares, False)


@external
@view
def maxDeposit(owner: address) -> uint256:
    return max_value(uint256)


@external
@view
def maxMint(owner: address) -> uint256:
    return max_value(uint256)


@external
@view
def maxWithdraw(owner: address) -> uint256:
    return self._to_assets(mock_token.balanceOf[owner], False)


@external
@view
def maxRedeem(owner: address) -> uint256:
    return mock_token.balanceOf[owner]


@internal
@view
def _total_assets() -> uint256:
    return staticcall IERC20(asset).balanceOf(self)


@internal
@view
def _to_shares(assets: uint256, round_up: bool) -> uint256:
    supply: uint256 = mock_token.totalSupply + VIRTUAL_SHARES
    if supply == 0:
        return assets * ONE_TO_ONE
    total: uint256 = self._total_assets() + convert(VIRTUAL_SHARES != 0, uint256)
    if round_up:
        return (assets * supply + total - 1) // total
    return assets * supply // total


@internal
@view
def _to_assets(shares: uint256, round_up: bool) -> uint256:
    supply: uint256 = mock_token.totalSupply + VIRTUAL_SHARES
    if supply == 0:
        return shares // ONE_TO_ONE
    total: uint256 = self._total_assets() + convert(VIRTUAL_SHARES != 0, uint256)
    if round_up:
        return (shares * total + supply - 1) // supply
    return shares * total // supply


@internal
def _enter(assets: uint256, shares: uint256, receiver: address):
    assert extcall IERC20(asset).transferFrom(msg.sender, self, assets), "erc4626: transferFrom failed"
    mock_token.totalSupply += shares
    mock_token.balanceOf[receiver] += shares
    log IERC20.Transfer(sender=empty(address), receiver=receiver, value=shares)
    log IERC4626.Deposit(sender=msg.sender, owner=receiver, assets=assets, shares=shares)


@internal
def _leave(assets: uint256, shares: uint256, receiver: address, owner: address):
    if msg.sender != owner:
        mock_token._spend(owner, shares)
    mock_token._burn(owner, shares)
    assert extcall IERC20(asset).transfer(receiver, assets), "erc4626: transfer failed"
    log IERC4626.Withdraw(sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=shares)
