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
    |   `-- StalePrice, FeedTripped, OraclePaused, NoAnswerYet, SequencerDown, RateOutOfLimits
    |-- NoHistory          `-- NoAnswerInRound, RoundNotInHistory, TimeNotReached, GapInWindow, KeepsNoTwap
    |-- UnknownFeed
    |-- RoundRefused       `-- RoundNotNewer, RoundOffTheClock, RoundShortOfQuorum, BadBundle
    |-- NotAllowed         the sender lacks the role
    |-- InvalidEpoch, InvalidTerms, NothingProposed, TooEarly, NotPaused, NotTripped    what an owner sets
    |-- VaultRefused       `-- VaultPaused, AboveSupplyCap, AmountLimit, DeadlinePassed, BasketChanged, ...
    |-- ShareRefused       `-- InsufficientShares, InsufficientAllowance, InvalidReceiver, PermitRefused
    |-- TokenRefused       a component's token did not move as it should
    |-- FloatRefused       `-- InsufficientFloat
    |-- InvalidBasket      an index that cannot be
    |-- AuctionRefused     `-- AuctionsPaused, NoBidding, AuctionUnderWay, BidLimit, InvalidRebalance, NothingToContest
    |-- NoticeRefused      the end of a feed cannot be announced so
    |-- RouterRefused      `-- RouterLimit, RouterDeadlinePassed, RouterBasketChanged, InvalidRoute, PoolRanDry, ...
    |-- DeskRefused        `-- InsufficientCredit, RequestRefused, RequestExpired, SettlementRefused, InvalidDeskCall
    |-- RegistryRefused    nobody can be registered so
    |-- InvalidYieldFeed   what an owner of yield feeds sets
    `-- ViewRefused        a lens, or ERC-7621's view, cannot tell this
"""

from __future__ import annotations

from plumbline.client.auction_reverts import AuctionRefused as AuctionRefused
from plumbline.client.auction_reverts import AuctionsPaused as AuctionsPaused
from plumbline.client.auction_reverts import AuctionUnderWay as AuctionUnderWay
from plumbline.client.auction_reverts import BidLimit as BidLimit
from plumbline.client.auction_reverts import InvalidRebalance as InvalidRebalance
from plumbline.client.auction_reverts import NoBidding as NoBidding
from plumbline.client.auction_reverts import NothingToContest as NothingToContest
from plumbline.client.auction_reverts import NoticeRefused as NoticeRefused
from plumbline.client.failures import BadAnswer as BadAnswer
from plumbline.client.failures import ClientError as ClientError
from plumbline.client.failures import NoContract as NoContract
from plumbline.client.failures import NotMined as NotMined
from plumbline.client.failures import Reverted as Reverted
from plumbline.client.failures import RpcError as RpcError
from plumbline.client.failures import Unreachable as Unreachable
from plumbline.client.oracle_reverts import BadBundle as BadBundle
from plumbline.client.oracle_reverts import FeedTripped as FeedTripped
from plumbline.client.oracle_reverts import GapInWindow as GapInWindow
from plumbline.client.oracle_reverts import InvalidEpoch as InvalidEpoch
from plumbline.client.oracle_reverts import InvalidTerms as InvalidTerms
from plumbline.client.oracle_reverts import KeepsNoTwap as KeepsNoTwap
from plumbline.client.oracle_reverts import NoAnswerInRound as NoAnswerInRound
from plumbline.client.oracle_reverts import NoAnswerYet as NoAnswerYet
from plumbline.client.oracle_reverts import NoHistory as NoHistory
from plumbline.client.oracle_reverts import NoPrice as NoPrice
from plumbline.client.oracle_reverts import NotAllowed as NotAllowed
from plumbline.client.oracle_reverts import NothingProposed as NothingProposed
from plumbline.client.oracle_reverts import NotPaused as NotPaused
from plumbline.client.oracle_reverts import NotTripped as NotTripped
from plumbline.client.oracle_reverts import OraclePaused as OraclePaused
from plumbline.client.oracle_reverts import RoundNotInHistory as RoundNotInHistory
from plumbline.client.oracle_reverts import RoundNotNewer as RoundNotNewer
from plumbline.client.oracle_reverts import RoundOffTheClock as RoundOffTheClock
from plumbline.client.oracle_reverts import RoundRefused as RoundRefused
from plumbline.client.oracle_reverts import RoundShortOfQuorum as RoundShortOfQuorum
from plumbline.client.oracle_reverts import SequencerDown as SequencerDown
from plumbline.client.oracle_reverts import StalePrice as StalePrice
from plumbline.client.oracle_reverts import TimeNotReached as TimeNotReached
from plumbline.client.oracle_reverts import TooEarly as TooEarly
from plumbline.client.oracle_reverts import TooLate as TooLate
from plumbline.client.oracle_reverts import UnknownFeed as UnknownFeed
from plumbline.client.periphery_reverts import DeskRefused as DeskRefused
from plumbline.client.periphery_reverts import InsufficientCredit as InsufficientCredit
from plumbline.client.periphery_reverts import InvalidDeskCall as InvalidDeskCall
from plumbline.client.periphery_reverts import InvalidRoute as InvalidRoute
from plumbline.client.periphery_reverts import InvalidRouterCall as InvalidRouterCall
from plumbline.client.periphery_reverts import InvalidYieldFeed as InvalidYieldFeed
from plumbline.client.periphery_reverts import PoolRanDry as PoolRanDry
from plumbline.client.periphery_reverts import RateOutOfLimits as RateOutOfLimits
from plumbline.client.periphery_reverts import RegistryRefused as RegistryRefused
from plumbline.client.periphery_reverts import RequestExpired as RequestExpired
from plumbline.client.periphery_reverts import RequestRefused as RequestRefused
from plumbline.client.periphery_reverts import RouterBasketChanged as RouterBasketChanged
from plumbline.client.periphery_reverts import RouterDeadlinePassed as RouterDeadlinePassed
from plumbline.client.periphery_reverts import RouterLimit as RouterLimit
from plumbline.client.periphery_reverts import RouterRefused as RouterRefused
from plumbline.client.periphery_reverts import SettlementRefused as SettlementRefused
from plumbline.client.periphery_reverts import ViewRefused as ViewRefused
from plumbline.client.vault_reverts import AboveSupplyCap as AboveSupplyCap
from plumbline.client.vault_reverts import AmountLimit as AmountLimit
from plumbline.client.vault_reverts import BasketChanged as BasketChanged
from plumbline.client.vault_reverts import DeadlinePassed as DeadlinePassed
from plumbline.client.vault_reverts import FlashRefused as FlashRefused
from plumbline.client.vault_reverts import FloatRefused as FloatRefused
from plumbline.client.vault_reverts import InAuction as InAuction
from plumbline.client.vault_reverts import InsufficientAllowance as InsufficientAllowance
from plumbline.client.vault_reverts import InsufficientFloat as InsufficientFloat
from plumbline.client.vault_reverts import InsufficientShares as InsufficientShares
from plumbline.client.vault_reverts import InvalidBasket as InvalidBasket
from plumbline.client.vault_reverts import InvalidReceiver as InvalidReceiver
from plumbline.client.vault_reverts import InvalidVaultCall as InvalidVaultCall
from plumbline.client.vault_reverts import LossNotShared as LossNotShared
from plumbline.client.vault_reverts import MintedJustNow as MintedJustNow
from plumbline.client.vault_reverts import NotAComponent as NotAComponent
from plumbline.client.vault_reverts import NotRegistered as NotRegistered
from plumbline.client.vault_reverts import PermitRefused as PermitRefused
from plumbline.client.vault_reverts import ReservesRefused as ReservesRefused
from plumbline.client.vault_reverts import ShareRefused as ShareRefused
from plumbline.client.vault_reverts import SharesOutOfRange as SharesOutOfRange
from plumbline.client.vault_reverts import TokenRefused as TokenRefused
from plumbline.client.vault_reverts import VaultPaused as VaultPaused
from plumbline.client.vault_reverts import VaultRefused as VaultRefused
from plumbline.client.vault_reverts import WoundDown as WoundDown


def _every(kind: type[Reverted]) -> list[type[Reverted]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _every(child))]


BY_REASON: dict[str, type[Reverted]] = {reason: kind for kind in _every(Reverted) for reason in kind.reasons}


def reverted(reason: str, tx_hash: str = "") -> Reverted:
    """The error of a contract's words; `Reverted` itself for words that are not ours (a component's token, a pool)."""
    return BY_REASON.get(reason, Reverted)(reason, tx_hash)
