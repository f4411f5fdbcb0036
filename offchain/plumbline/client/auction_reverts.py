# SPDX-License-Identifier: Apache-2.0
"""What an auction house and FeedNotices say no with; the whole tree is in `errors`."""

from __future__ import annotations

from plumbline.client.failures import Reverted


class AuctionRefused(Reverted):
    """The auction house does not do this now."""


class AuctionsPaused(AuctionRefused):
    """Guardian or owner of the index stopped bids and openings; exits go on."""

    reasons = ("auction: paused",)


class NoBidding(AuctionRefused):
    """No auction is open, or its time is over."""

    reasons = ("auction: not open", "auction: over")


class AuctionUnderWay(AuctionRefused):
    """An auction is open, with time and something to trade left."""

    reasons = ("auction: is open", "auction: not over")


class BidLimit(AuctionRefused):
    """The bid would buy less, or pay more, than you allow; or nothing of this pair is left."""

    reasons = ("auction: above limit", "auction: less than wanted", "auction: nothing to trade")


class NothingToContest(AuctionRefused):
    """The proposal abandons no component that has a price."""

    reasons = ("auction: nothing to contest",)


class InvalidRebalance(AuctionRefused):
    """A rebalance, or the approval of a token, that cannot be."""

    reasons = (
        "auction: abandons a price",
        "auction: abandons nothing",
        "auction: abandons what stays",
        "auction: added without a unit",
        "auction: delay out of range",
        "auction: duration out of range",
        "auction: floor out of range",
        "auction: is a component",
        "auction: max age out of range",
        "auction: not a token",
        "auction: removes everything",
        "auction: start out of range",
        "auction: token not approved",
        "auction: token twice",
        "auction: too many additions",
        "auction: too many components",
        "auction: too many token decimals",
        "auction: unknown feed",
        "auction: wrong number of units",
    )


class NoticeRefused(Reverted):
    """The end of a feed cannot be announced so: too soon, too far, of no feed, or saying nothing."""

    reasons = (
        "notice: feed of no successor",
        "notice: no oracle",
        "notice: none given",
        "notice: says nothing",
        "notice: successor is itself",
        "notice: too far",
        "notice: too soon",
        "notice: unknown feed",
        "notice: unknown successor",
    )
