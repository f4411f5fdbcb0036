# SPDX-License-Identifier: Apache-2.0
"""What router, quoter, desk, registry, yield feeds and lens say no with; the whole tree is in `errors`."""

from __future__ import annotations

from plumbline.client.failures import Reverted
from plumbline.client.oracle_reverts import NoPrice

# -- an index for one token: IndexRouter and IndexQuoter


class RouterRefused(Reverted):
    """The router does not do this; nothing of yours was left with it."""


class RouterLimit(RouterRefused):
    """It would cost more, or bring less, than you allow: ask the quoter again, or allow more slippage."""

    reasons = ("router: above limit", "router: below limit", "router: component below limit")


class RouterDeadlinePassed(RouterRefused):
    """The transaction was mined after its deadline."""

    reasons = ("router: expired",)


class RouterBasketChanged(RouterRefused):
    """The basket is not the one you quoted: ask the quoter again."""

    reasons = ("router: basket changed",)


class InvalidRoute(RouterRefused):
    """A way from the asset to a component, or back, that does not lead there."""

    reasons = (
        "route: no such pool",
        "route: not from the component",
        "route: not to the asset",
        "route: wrong length",
        "router: wrong number of routes",
    )


class PoolRanDry(RouterRefused):
    """A pool of a route has not so much to give, or is being traded in at this moment."""

    reasons = (
        "router: not the pool asked",
        "router: pool ran dry",
        "swap: pool is locked",
        "swap: pool ran dry",
        "swap: quotient too large",
        "swap: too many steps",
        "quoter: too many steps",
    )


class InvalidRouterCall(RouterRefused):
    """An argument that the router never takes."""

    reasons = (
        "router: invalid receiver",
        "router: no factory",
        "router: unknown index",
        "router: wrong number of limits",
    )


# -- shares at NAV by request: NavDesk


class DeskRefused(Reverted):
    """The desk does not do this."""


class InsufficientCredit(DeskRefused):
    """The desk owes this account less than that; of the maker: it has no inventory for the request."""

    reasons = ("desk: insufficient credit",)


class RequestRefused(DeskRefused):
    """A request beyond the maker's terms, or with limits that leave less room than the desk asks for."""

    reasons = (
        "desk: amount too large",
        "desk: limits too tight",
        "desk: request too large",
        "desk: request too small",
        "desk: sets too much aside",
        "desk: spread above limit",
    )


class RequestExpired(DeskRefused):
    """Too late to settle the request: anybody may `expire` it, which gives both sides back what they set aside."""

    reasons = ("desk: expired",)


class SettlementRefused(DeskRefused):
    """Not at this round, or no such request; or it cannot be given back yet."""

    reasons = (
        "desk: no such request",
        "desk: not expired yet",
        "desk: not the first round",
        "desk: oracle changed",
        "desk: round too early",
        "desk: unknown witness",
    )


class InvalidDeskCall(DeskRefused):
    """An argument that a desk never takes."""

    reasons = (
        "desk: delay out of range",
        "desk: invalid asset or maker",
        "desk: invalid receiver",
        "desk: life out of range",
        "desk: neither asset nor share",
        "desk: spread too large",
        "desk: wrong number of amounts",
    )


# -- permissioned holders, yield-bearing components, views


class RegistryRefused(Reverted):
    """Nobody can be registered so."""

    reasons = ("registry: zero address",)


class RateOutOfLimits(NoPrice):
    """An ERC-4626 vault's rate moved further than its feed allows in that time, or its price fits no feed."""

    reasons = ("feeds: rate out of limits", "feeds: price out of range")


class InvalidYieldFeed(Reverted):
    """A yield feed, or a contract of them, that cannot be."""

    reasons = (
        "feeds: bounds out of order",
        "feeds: delay above 30 days",
        "feeds: limit too large",
        "feeds: name is taken",
        "feeds: no oracle",
        "feeds: too many",
    )


class ViewRefused(Reverted):
    """A view that cannot tell this."""

    reasons = (
        "lens: NAV is zero",
        "lens: not a pool of the share",
        "lens: page too long",
        "lens: pool has no price",
        "lens: quote has no decimals",
        "basket: worth nothing",
    )
