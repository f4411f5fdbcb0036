# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Feed Notices
@license AGPL-3.0-only
@notice Where the owner of an oracle says that a feed will end: when, why, and where to read instead.
@dev Beside the oracle and not in it: a notice changes no price and stops no read, so it needs no place in the code that
     serves them. Whoever is the oracle's owner now speaks for its feeds; an address that is no oracle speaks for itself.
     A notice is never dated nearer than MIN_NOTICE, nor does a new one bring an old one nearer than that: who looks
     once in MIN_NOTICE misses none. After its end it stays, so that who comes late finds where to go.
@custom:security A false owner can frighten readers, and send those who follow blindly to a feed of its own: whoever moves
        to a successor checks it as any new feed. It can serve no price here.
@custom:kill Nothing to stop: ask no notices.
"""

from contracts.interfaces import IFeedNotices
from contracts.interfaces import IMedianOracle
from contracts.modules import checks

implements: IFeedNotices

MIN_NOTICE: public(constant(uint256)) = 14 * 86_400       # {s}
MAX_NOTICE: public(constant(uint256)) = 2 * 365 * 86_400  # {s} a date beyond is a mistyped one

_notices: HashMap[address, HashMap[uint256, IFeedNotices.Notice]]


@external
def announce(
    oracle: address, feed: uint256, ends_at: uint256, successor: address, successor_feed: uint256, reason: String[128]
):
    """
    @notice Owner of the oracle only: this feed ends.
    @param oracle whose feed it is
    @param feed its index
    @param ends_at {s} MIN_NOTICE .. MAX_NOTICE from now
    @param successor the oracle to read instead; zero: none, then there must be a reason
    @param successor_feed the index there; 0 without a successor
    @param reason in words, for people; may be empty where there is a successor
    """
    self._check_owner(oracle)
    checks._that(feed < staticcall IMedianOracle(oracle).feed_count(), "notice: unknown feed")
    checks._that(ends_at >= block.timestamp + MIN_NOTICE, "notice: too soon")
    checks._that(ends_at <= block.timestamp + MAX_NOTICE, "notice: too far")
    if successor == empty(address):
        checks._that(successor_feed == 0, "notice: feed of no successor")
        checks._that(reason != "", "notice: says nothing")
    else:
        checks._that(successor.is_contract, "notice: no oracle")
        checks._that(successor != oracle or successor_feed != feed, "notice: successor is itself")
        checks._that(
            successor_feed < staticcall IMedianOracle(successor).feed_count(), "notice: unknown successor"
        )
    log IFeedNotices.NoticeGiven(
        oracle=oracle,
        feed=feed,
        old_ends_at=self._notices[oracle][feed].ends_at,
        new_ends_at=ends_at,
        successor=successor,
        successor_feed=successor_feed,
        reason=reason,
    )
    self._notices[oracle][feed] = IFeedNotices.Notice(
        announced_at=block.timestamp,
        ends_at=ends_at,
        successor=successor,
        successor_feed=successor_feed,
        reason=reason,
    )


@external
def withdraw(oracle: address, feed: uint256):
    """
    @notice Owner of the oracle only: the feed goes on after all.
    """
    self._check_owner(oracle)
    ends_at: uint256 = self._notices[oracle][feed].ends_at
    checks._that(ends_at != 0, "notice: none given")
    self._notices[oracle][feed] = empty(IFeedNotices.Notice)
    log IFeedNotices.NoticeWithdrawn(oracle=oracle, feed=feed, ends_at=ends_at)


@external
@view
@reentrant
def notice(oracle: address, feed: uint256) -> IFeedNotices.Notice:
    """
    @notice The notice in force, over or not; all zeros: none.
    """
    return self._notices[oracle][feed]


@internal
@view
def _check_owner(oracle: address):
    checks._that(oracle.is_contract, "notice: no oracle")
    checks._that(msg.sender == staticcall IMedianOracle(oracle).owner(), "notice: not the owner")
