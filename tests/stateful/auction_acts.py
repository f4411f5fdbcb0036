# SPDX-License-Identifier: AGPL-3.0-only
"""What happens at the auction house and at the oracle it reads: the acts of vault_machine.py that are of rebalances."""

from __future__ import annotations

from fractions import Fraction

from tests.helpers.doors import doors, knock
from tests.helpers.reference.auction import AuctionModel, Limits, Proposal, is_unpriced
from tests.helpers.reference.vault import WAD
from tests.stateful.vault_world import (
    ACTORS,
    DAY_S,
    MAX_UINT,
    OWNER,
    REBALANCER,
    TOKENS,
    World,
)

KEEP = MAX_UINT
MAX_AGE_S = 3_600


class AuctionActs(World):
    # -- proposals

    def rebalance(self) -> None:
        """A-5, A-6: any units for some, others left alone, one perhaps removed, added or written off; mostly opened as
        soon as it may be."""
        dice, caller = self.random, self.random.choice((OWNER, REBALANCER))
        if dice.random() < 0.8:
            self._publish()
        limits = self.limits if caller == REBALANCER else Limits()
        goals, abandoned, added = self._goals()
        terms = dice.randint(10_001, 12_000), dice.randint(9_800, 10_000), dice.randint(600, DAY_S)
        addresses, mask = [self.tokens[i].address for i in added], sum(1 << place for place in abandoned)
        plan = goals, addresses, mask, *terms, MAX_AGE_S
        growth = self.model.growth
        if refusal := self._proposal_refusal(limits, terms[1], abandoned):
            self._refused(refusal, "propose", self.vault.address, plan, sender=caller)
            return
        self.house.call("propose", self.vault.address, plan, sender=caller)
        units = [None if goal == KEEP else AuctionModel.goal(goal, growth) for goal in goals]
        self.proposal = Proposal(units, added, abandoned, *terms, self.model.now, limits.delay_s)
        if dice.random() < 0.8:
            self._wait(self.proposal.opens_at - self.model.now)
            self.open()

    def _goals(self) -> tuple[list[int], frozenset[int], list[int]]:
        """(units to propose, places to abandon, tokens to add)"""
        dice, places = self.random, self.model.places
        goals = [dice.choice((KEEP, 0, self._around(i), self._around(i), self._around(i))) for i in places]
        hopeless = [place for place, i in enumerate(places) if i in self._unpriced() or dice.random() < 0.02]
        abandoned = frozenset(place for place in hopeless if dice.random() < 0.4)
        for place in abandoned:
            goals[place] = 0
        if not any(goals):
            goals[0], abandoned = KEEP, abandoned - {0}
        added = [
            i for i in range(len(self.tokens)) if i not in places and self.model.tokens[i].index and dice.random() < 0.7
        ]
        return goals + [WAD * dice.randint(1, 10**12) for _ in added], abandoned, added

    def _proposal_refusal(self, limits: Limits, floor_bps: int, abandoned: frozenset[int]) -> str | None:
        if self.auction:
            return "auction: is open"
        if floor_bps < limits.floor_bps:
            return "auction: floor out of range"
        priced = {self.model.places[place] for place in abandoned} - self._unpriced()
        return "auction: abandons a price" if priced else None

    def open(self) -> None:
        """A-6"""
        proposal, caller = self.proposal, self.random.choice((OWNER, REBALANCER))
        assert proposal is not None
        refusal = "auction: paused" if self.bids_paused else proposal.refusal(self.model.now)
        if not refusal and self.wound_down:
            refusal = "vault: no auction now"
        if not refusal and not all(self.model.tokens[i].index for i in proposal.added):
            refusal = "reserves: token is worthless"
        if refusal:
            self._refused(refusal, "open", self.vault.address, sender=caller)
            return
        self.house.call("open", self.vault.address, sender=caller)
        self.auction, self.proposal = AuctionModel(self.model, proposal), None

    def cancel(self) -> None:
        self._refused("auction: no role", "cancel", self.vault.address, sender=self._actor())
        self.house.call("cancel", self.vault.address, sender=self.random.choice((OWNER, REBALANCER)))
        self.proposal = None

    def contest(self) -> None:
        """A-7"""
        proposal, actor = self.proposal, self._actor()
        assert proposal is not None
        if self.random.random() < 0.5:
            self._recover()
            self._publish()
        if {self.model.places[place] for place in proposal.abandoned} - self._unpriced():
            self.house.call("contest", self.vault.address, sender=actor)
            self.proposal = None
        else:
            self._refused("auction: nothing to contest", "contest", self.vault.address, sender=actor)

    def limit(self) -> None:
        dice = self.random
        self.limits = Limits(dice.randint(9_800, 10_000), dice.choice((DAY_S, dice.randint(DAY_S, 10 * DAY_S))))
        terms = self.limits.floor_bps, self.limits.delay_s
        self.house.call("set_limits", self.vault.address, *terms, sender=OWNER)
        assert tuple(self.house.call("limits", self.vault.address)) == terms

    # -- auctions

    def bid(self) -> None:
        """A-1 to A-3: what is exchanged is what the model says; no unit passes its goal."""
        auction, dice = self.auction, self.random
        assert auction is not None
        self._publish()
        places = range(len(auction.goals))
        pairs = [(a, b) for a in places for b in places if auction.surplus(a) and auction.deficit(b)]
        sell, buy = dice.choice(pairs) if pairs and dice.random() < 0.95 else (0, dice.choice(places))
        i, j = self.model.places[sell], self.model.places[buy]
        pair, bidder = (self.tokens[i].address, self.tokens[j].address), self._actor()
        most = max(1, auction.surplus(sell) * dice.choice((1, 5_000, 10_001)) // 10_000)
        if refusal := self._bidding_refusal(i, j):
            self._refuses_bid(refusal, pair, most, bidder)
            if auction.is_over:
                self.close()
            return
        sold, bought = auction.quote(sell, buy, most, self._rate(i, j))
        assert tuple(self.house.call("quote", self.vault.address, *pair, most)) == (sold, bought)
        if refusal := self._bid_refusal(i, sold, j, bought, bidder):
            self._refuses_bid(refusal, pair, most, bidder)
            if not pairs and dice.random() < 0.5:
                self.close()
            return
        if dice.random() < 0.2 and bought <= self._balance(j, self.bidder.address):
            bidder = self.bidder.address
        before = self._balance(i, bidder), self._balance(j, bidder)
        assert self._place_bid(pair, most, bidder) == (sold, bought)
        arrived = self.model.tokens[i].arriving(sold)
        assert (self._balance(i, bidder), self._balance(j, bidder)) == (before[0] + arrived, before[1] - bought)
        self.model.exchange(i, sold, j, bought)

    def _bidding_refusal(self, i: int, j: int) -> str | None:
        """What the house says before it computes anything."""
        assert self.auction is not None
        if self.bids_paused:
            return "auction: paused"
        if self.auction.is_over:
            return "auction: over"
        return self._oracle_refusal(i) or self._oracle_refusal(j)

    def _bid_refusal(self, i: int, sold: int, j: int, bought: int, bidder: str) -> str | None:
        """What is found out by the bid alone; "": the token's own words."""
        leaving, coming, base_in = self.model.tokens[i], self.model.tokens[j], self.model.base_in
        if not sold:
            return "auction: nothing to trade"
        if any(not each.rebasing and each.left(base_in) != WAD for each in (leaving, coming)):
            return "vault: sync first"
        if coming.index * (coming.left(base_in) if coming.rebasing else WAD) < WAD:
            return "reserves: token is worthless"
        if sold > leaving.balance or bought > self._balance(j, bidder):
            return "erc20: insufficient balance"
        return None if coming.arriving(bought) == bought else "token: amount not received"

    def _refuses_bid(self, refusal: str, pair: tuple[str, str], most: int, bidder: str) -> None:
        self._refused(refusal, "bid", self.vault.address, *pair, most, 0, MAX_UINT, b"", sender=bidder)

    def _place_bid(self, pair: tuple[str, str], most: int, bidder: str) -> tuple[int, int]:
        """From the bidder's allowance; the contract knocks at a door of the index or of the house before it pays."""
        if bidder != self.bidder.address:
            answer = self.house.call("bid", self.vault.address, *pair, most, 0, MAX_UINT, b"", sender=bidder)
        else:
            dice, index = self.random, self.vault.address
            at_house = self.house.address, knock(dice.choice(doors("AuctionHouse")), index)
            self.bidder.call("arm", *dice.choice(((index, self._door()), at_house)), True)
            answer = self.bidder.call("bid", self.house.address, index, *pair, most)
            self._check_lock(self.bidder)
        return tuple(answer)

    def close(self) -> None:
        """A-4"""
        auction = self.auction
        assert auction is not None
        leaving = auction.leaving(self._unpriced())
        self.house.call("close", self.vault.address, sender=ACTORS[0] if auction.is_over else OWNER)
        self.model.drop(leaving)
        self.auction = None
        assert self.vault.call("float_generation") == self.model.generation

    # -- the oracle

    def darken(self) -> None:
        """A feed stops, or is tripped, or all are well again."""
        i, what = self.random.choice(self.model.places), self.random.choice(("stops", "trips", "well", "well"))
        if what == "stops":
            self.dark.add(i)
        elif what == "trips":
            self.tripped.add(i)
            self.oracle.call("set_tripped", i, True)
        else:
            self._recover()

    def _recover(self) -> None:
        for feed in self.tripped:
            self.oracle.call("set_tripped", feed, False)
        self.tripped, self.dark = set(), set()

    def _publish(self) -> None:
        for i in set(range(len(self.tokens))) - self.dark:
            self.prices[i] = max(1, self.prices[i] * self.random.randint(9_000, 11_000) // 10_000)
            self.priced_at[i] = self.chain.timestamp
            self.oracle.call("set_price", i, self.prices[i])

    def _oracle_refusal(self, i: int) -> str | None:
        if i in self.tripped:
            return "oracle: tripped"
        if not self.priced_at[i]:
            return "oracle: no quorum yet"
        return "oracle: stale" if self.model.now - self.priced_at[i] > MAX_AGE_S else None

    def _unpriced(self) -> set[int]:
        feeds = enumerate(self.priced_at)
        return self.tripped | {i for i, priced_at in feeds if is_unpriced(priced_at, self.model.now)}

    # -- helpers

    def _around(self, i: int) -> int:
        """A unit not far from what the component has, or from one base unit when it has nothing."""
        now = int(self.model.tokens[i].unit.value * 10**36) * WAD // self.model.growth
        unit = max(1, now) * self.random.randint(1, 30_000) // 10_000
        return max(1, unit) if unit < 2**80 else unit // 10**12 * 10**12

    def _rate(self, i: int, j: int) -> Fraction:
        """Base units of j that one base unit of i is worth."""
        return Fraction(self.prices[i] * 10 ** TOKENS[j][1], self.prices[j] * 10 ** TOKENS[i][1])

    def _refused(self, reason: str | None, name: str, *arguments: object, sender: str) -> None:
        self._reverts(self.house, reason, name, *arguments, sender=sender)
