# SPDX-License-Identifier: Apache-2.0
"""What an oracle says no with, and what any owner or guardian may be told; the whole tree is in `errors`."""

from __future__ import annotations

from plumbline.client.failures import Reverted

# -- reading the oracle


class NoPrice(Reverted):
    """The oracle serves no price for this feed now."""


class StalePrice(NoPrice):
    """The last answer is older than you accept."""

    reasons = ("oracle: stale",)


class FeedTripped(NoPrice):
    """The median moved beyond the feed's step limit and is not confirmed yet, or the feed is held by hand."""

    reasons = ("oracle: tripped",)


class OraclePaused(NoPrice):
    """Guardian or owner stopped the oracle."""

    reasons = ("oracle: paused",)


class NoAnswerYet(NoPrice):
    """The feed is new and has never had an answer."""

    reasons = ("oracle: no quorum yet",)


class SequencerDown(NoPrice):
    """The rollup's sequencer is down, or back for less than its grace period."""

    reasons = ("oracle: sequencer down", "oracle: sequencer grace")


class UnknownFeed(Reverted):
    """The oracle has no feed of this name or index."""

    reasons = ("oracle: unknown feed", "feeds: unknown feed")


class NoHistory(Reverted):
    """The oracle cannot tell the answer of that round or time."""


class NoAnswerInRound(NoHistory):
    """The feed had no answer in that round, or never before that time."""

    reasons = ("oracle: no answer in round",)


class RoundNotInHistory(NoHistory):
    """The ring no longer has that round, or not yet."""

    reasons = ("oracle: round not in history",)


class TimeNotReached(NoHistory):
    """No round at or after that time yet: the answer is not final."""

    reasons = ("oracle: time not reached",)


class GapInWindow(NoHistory):
    """For a part of the window the feed answered nothing: no average."""

    reasons = ("oracle: gap in window",)


class KeepsNoTwap(NoHistory):
    """This oracle's terms have no TWAP, or the window is empty."""

    reasons = ("oracle: keeps no TWAP", "oracle: empty window")


# -- bringing a round


class RoundRefused(Reverted):
    """The oracle does not take this round."""


class RoundNotNewer(RoundRefused):
    """A round of that time or a later one is there already."""

    reasons = ("oracle: round not newer",)


class RoundOffTheClock(RoundRefused):
    """The round's time is off the grid, in the future or too long ago."""

    reasons = ("oracle: off the grid", "oracle: round in the future", "oracle: round too late")


class RoundShortOfQuorum(RoundRefused):
    """Too few observations, or a median claimed where there is no quorum."""

    reasons = ("oracle: no quorum", "oracle: median of no quorum")


class BadBundle(RoundRefused):
    """Rows, signatures or medians are not what the oracle can believe."""

    reasons = (
        "oracle: signers",
        "oracle: lane",
        "oracle: median",
        "oracle: signature",
        "oracle: high s",
        "oracle: lengths",
        "oracle: calldata",
    )


# -- roles and what an owner sets


class NotAllowed(Reverted):
    """The sender does not have the role this takes."""

    reasons = (
        "owner: caller is not the owner",
        "owner: caller is not pending",
        "oracle: not guardian or owner",
        "vault: not owner or guardian",
        "vault: not the auction house",
        "auction: no role",
        "auction: not owner or guardian",
        "auction: not the owner",
        "auction: not the rebalancer",
        "notice: not the owner",
        "desk: not the maker",
        "registry: not a registrar",
        "feeds: not keeper or owner",
    )


class NotPaused(Reverted):
    """There is no pause to end."""

    reasons = ("oracle: not paused",)


class NothingProposed(Reverted):
    """Nothing was announced that could be done now."""

    reasons = (
        "epoch: nothing proposed",
        "clear: nothing proposed",
        "delay: not announced",
        "auction: nothing proposed",
        "feeds: nothing proposed",
    )


class TooEarly(Reverted):
    """The delay after the announcement is not over."""

    reasons = (
        "epoch: too early",
        "clear: too early",
        "delay: not yet",
        "auction: not yet",
        "feeds: too early",
        "feeds: checkpoint too young",
    )


class TooLate(Reverted):
    """The time to do what was announced is over: announce it again."""

    reasons = ("delay: too late", "auction: too late", "feeds: anchor expired")


class NotTripped(Reverted):
    """The feed is served: there is nothing to clear."""

    reasons = ("clear: feed is not tripped", "clear: feed was served since")


class InvalidEpoch(Reverted):
    """A feed or reporter set that the oracle does not take."""

    reasons = (
        "feeds: none",
        "feeds: one is missing",
        "feed: name is empty",
        "feed: name is taken",
        "feed: name changed",
        "feed: decimals changed",
        "feed: decimals above 18",
        "feed: quorum below 2 faulty + 1",
        "feed: quorum above reporters",
        "feed: heartbeat is 0",
        "feed: deviation is 0",
        "feed: min price is 0",
        "feed: max price above 2**63 - 1",
        "feed: first price below min",
        "feed: first price above max",
        "feed: first price band is empty",
        "feed: step is 0",
        "feed: step above its cap",
        "feed: confirm rounds below 2",
        "reporters: none",
        "reporter: zero address",
        "reporter: named twice",
        "reporter: unknown",
    )


class InvalidTerms(Reverted):
    """What an oracle cannot be deployed with, or an owner cannot be."""

    reasons = (
        "terms: period is 0",
        "terms: writer has no code",
        "terms: sequencer has no code",
        "terms: history out of range",
        "terms: history not a power of 2",
        "terms: lateness below period",
        "terms: lateness above a day",
        "terms: delay above 30 days",
        "owner: zero address",
    )
