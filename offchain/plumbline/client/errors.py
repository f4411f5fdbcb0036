# SPDX-License-Identifier: Apache-2.0
"""Everything the client raises on purpose. A contract's refusal is a `Reverted` of the type its words stand for.

ClientError
|-- Unreachable            the endpoint did not answer; says only which host
|-- RpcError               it answered, and the node said no
|-- BadAnswer              it answered nonsense
|-- NoContract             there is no code where a contract was expected
|-- NotMined               a transaction was sent and is not in a block yet; carries its hash
`-- Reverted               the contract said no; `reason` are its own words
    |-- NoPrice            the oracle serves no price now: stop what needs one, it comes back by itself
    |   `-- StalePrice, FeedTripped, OraclePaused, NoAnswerYet, SequencerDown
    |-- NoHistory          `-- NoAnswerInRound, RoundNotInHistory, TimeNotReached, GapInWindow, KeepsNoTwap
    |-- UnknownFeed
    |-- RoundRefused       `-- RoundNotNewer, RoundOffTheClock, RoundShortOfQuorum, BadBundle
    |-- NotAllowed         the sender lacks the role
    |-- InvalidEpoch, InvalidTerms, NothingProposed, TooEarly, NotPaused, NotTripped    what an owner sets
    |-- VaultRefused       `-- VaultPaused, AboveSupplyCap, AmountLimit, DeadlinePassed, BasketChanged, ...
    |-- ShareRefused       `-- InsufficientShares, InsufficientAllowance, InvalidReceiver, PermitRefused
    |-- TokenRefused       a component's token did not move as it should
    |-- FloatRefused       `-- InsufficientFloat
    `-- InvalidBasket      an index that cannot be
"""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """Base of all."""


class Unreachable(ClientError):
    """No endpoint, or no answer in time."""


class RpcError(ClientError):
    """The node's own error: `code` and `message` of JSON-RPC, `data` as it came."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(f"the node said {code}: {message}")
        self.code, self.message, self.data = code, message, data


class BadAnswer(ClientError):
    """An answer that is none."""


class NoContract(ClientError):
    """No code at this address on this chain."""


class NotMined(ClientError):
    """Sent, and not in a block in time; it may still be."""

    def __init__(self, tx_hash: str, waited_s: float) -> None:
        super().__init__(f"{tx_hash} is in no block after {waited_s:g} s; it may still be mined")
        self.tx_hash = tx_hash


class Reverted(ClientError):
    """The contract said no. `tx_hash` is that of a transaction that failed on chain; empty when nothing was sent."""

    reasons: ClassVar[tuple[str, ...]] = ()
    """The contracts' words that mean this."""

    def __init__(self, reason: str, tx_hash: str = "") -> None:
        meaning = (type(self).__doc__ or "").strip().partition("\n")[0] if type(self) is not Reverted else ""
        super().__init__(": ".join(filter(None, (reason or "reverted without a reason", meaning))))
        self.reason, self.tx_hash = reason, tx_hash


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

    reasons = ("oracle: unknown feed",)


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
    )


class NotPaused(Reverted):
    """There is no pause to end."""

    reasons = ("oracle: not paused",)


class NothingProposed(Reverted):
    """Nothing was announced that could be done now."""

    reasons = ("epoch: nothing proposed", "clear: nothing proposed", "delay: not announced")


class TooEarly(Reverted):
    """The delay after the announcement is not over."""

    reasons = ("epoch: too early", "clear: too early", "delay: not yet")


class TooLate(Reverted):
    """The time to do what was announced is over: announce it again."""

    reasons = ("delay: too late",)


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
        "terms: history out of range",
        "terms: history not a power of 2",
        "terms: lateness below period",
        "terms: lateness above a day",
        "terms: delay above 30 days",
        "owner: zero address",
    )


# -- the vault


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


class WoundDown(VaultRefused):
    """The index is being wound down: only redeems and claims are left."""

    reasons = ("vault: wound down",)


class MintedJustNow(VaultRefused):
    """Not in the block of a mint."""

    reasons = ("vault: minted just now",)


class NotAComponent(VaultRefused):
    """The vault holds no such token, or skips what is not there."""

    reasons = ("vault: not a component", "vault: skips what is not there")


class InvalidVaultCall(VaultRefused):
    """An argument that the vault never takes."""

    reasons = (
        "vault: wrong number of amounts",
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

    reasons = ("token: transferFrom failed", "token: transfer failed", "token: amount not received")


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


def _every(kind: type[Reverted]) -> list[type[Reverted]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _every(child))]


BY_REASON: dict[str, type[Reverted]] = {reason: kind for kind in _every(Reverted) for reason in kind.reasons}


def reverted(reason: str, tx_hash: str = "") -> Reverted:
    """The error of a contract's words; `Reverted` itself for words that are not ours (a component's token, a pool)."""
    return BY_REASON.get(reason, Reverted)(reason, tx_hash)
