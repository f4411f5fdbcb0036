# SPDX-License-Identifier: Apache-2.0
"""What a vault says no with; the whole tree is in `errors`."""

from __future__ import annotations

from typing import ClassVar

from plumbline.client.failures import Reverted


class VaultRefused(Reverted):
    """The vault does not do this."""


class VaultPaused(VaultRefused):
    """No mints while the vault is paused; redeems and claims go on."""

    reasons = ("vault: paused",)


class AboveSupplyCap(VaultRefused):
    """The mint would bring the total supply above the cap."""

    reasons = ("vault: above supply cap",)


class AmountLimit(VaultRefused):
    """An amount is outside of the limits you gave: ask for a preview again, or allow more slippage."""

    reasons = ("vault: above limit", "vault: below limit")


class DeadlinePassed(VaultRefused):
    """The transaction was mined after its deadline."""

    reasons = ("vault: expired",)


class SharesOutOfRange(VaultRefused):
    """No shares, or more than the vault can hold."""

    reasons = ("vault: shares out of range", "vault: supply too large")


class BasketChanged(VaultRefused):
    """The basket is not the one you knew: read it again."""

    reasons = ("vault: basket changed",)


class InAuction(VaultRefused):
    """The basket is being rebalanced, or is not and would have to be."""

    reasons = ("vault: in auction", "vault: not in auction", "vault: no auction now", "vault: no auction house")


class LossNotShared(VaultRefused):
    """A component has a loss; `sync` shares it among all it is owed to, and must come first."""

    reasons = ("vault: sync first",)


class WoundDown(VaultRefused):
    """The index is being wound down: only redeems and claims are left."""

    reasons = ("vault: wound down",)


class MintedJustNow(VaultRefused):
    """Not in the block of a mint."""

    reasons = ("vault: minted just now",)


class NotAComponent(VaultRefused):
    """The vault holds no such token, or skips what is not there."""

    reasons = ("vault: not a component", "vault: skips what is not there", "basket: not a constituent")


class InvalidVaultCall(VaultRefused):
    """An argument that the vault never takes."""

    reasons = (
        "vault: wrong number of amounts",
        "basket: wrong number of amounts",
        "vault: cap too large",
        "vault: initialized",
        "vault: no extension",
        "vault: more than the backing",
        "vault: supply too small",
    )


class ReservesRefused(Reverted):
    """There is nothing to take from what the vault holds beyond what it owes, or too little of it."""

    reasons = ("reserves: nothing over", "reserves: too little yet", "reserves: token is worthless")


class FlashRefused(Reverted):
    """The vault lends no such flash mint."""

    reasons = (
        "flash: above cap",
        "flash: cap too large",
        "flash: fee too high",
        "flash: not this token",
        "flash: refused",
    )


class InvalidBasket(Reverted):
    """An index with a basket, fee or unit that cannot be."""

    reasons = (
        "vault: no components",
        "vault: component is itself",
        "vault: duplicate component",
        "vault: added with a unit",
        "basket: unit is zero",
        "basket: unit too large",
        "basket: unit has too many digits",
        "basket: growth too large",
        "basket: mint fee too high",
        "basket: redeem fee too high",
        "basket: streaming fee too high",
        "exp: exponent too large",
    )


class ShareRefused(Reverted):
    """The share token does not do this."""


class InsufficientShares(ShareRefused):
    """The holder has fewer shares."""

    reasons = ("share: insufficient balance",)


class InsufficientAllowance(ShareRefused):
    """The owner allowed the spender less."""

    reasons = ("share: insufficient allowance",)


class NotRegistered(ShareRefused):
    """This share is permissioned, and the registry does not know this holder."""

    reasons = ("share: not registered",)


class InvalidReceiver(ShareRefused):
    """Shares cannot go to the zero address or to the vault itself."""

    reasons = ("share: invalid receiver",)


class PermitRefused(ShareRefused):
    """The permit is expired, used, of another chain or vault, or not the owner's."""

    reasons = ("share: permit expired", "share: invalid signature", "share: signature not low-s")


class TokenRefused(Reverted):
    """A component's token did not move: balance, allowance, or the token itself."""

    reasons = (
        "token: transferFrom failed",
        "token: transfer failed",
        "token: amount not received",
        "router: transferFrom failed",
        "router: approve failed",
        "desk: approve failed",
    )


class FloatRefused(Reverted):
    """The keeper's float does not allow this."""

    reasons: ClassVar[tuple[str, ...]] = (
        "float: too large",
        "float: token is worthless",
        "float: generation not over",
    )


class InsufficientFloat(FloatRefused):
    """The float holds less of a component."""

    reasons = ("float: insufficient",)
