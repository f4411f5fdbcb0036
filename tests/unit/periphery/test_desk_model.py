# SPDX-License-Identifier: AGPL-3.0-only
"""NavDesk over the real oracle against an independent model: which requests it takes, at which round and price it
settles them, and every credit to the wei, after each of many random steps."""

from __future__ import annotations

import random
from typing import Any

import boa
import pytest

from tests.helpers.reference.desk import DeskModel, Part, Refused
from tests.unit.periphery.desk import DELAY_S, INVENTORY, LIFE_S, PRICES, SPREAD_BPS, Desk
from tests.unit.periphery.market import BASKET, FOREVER, USDC, WAD

STEPS = 90
SMALLEST, LARGEST = 10**15, 100 * WAD
FLOAT_SHARES = 4_000
PERIOD_S = 5


class Play:
    """One desk and its model, and what may happen to them."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.dice = desk, random.Random(seed)
        self.model = DeskModel(
            parts=[Part(unit * WAD, decimals + 8) for _, decimals, unit, _ in BASKET],
            asset=USDC,
            maker=desk.maker,
            delay_s=DELAY_S,
            life_s=LIFE_S,
            spread_bps=SPREAD_BPS,
            min_shares=SMALLEST,
            max_shares=LARGEST,
        )
        self.model.assets[desk.maker], self.model.shares[desk.maker] = INVENTORY * 120 * 10**6, INVENTORY * WAD
        self.ids: list[int] = []
        """The oracle's, of the model's rounds."""
        self.settled = self.unfilled = self.refused = 0
        amounts = desk.vault.preview_mint(FLOAT_SHARES * WAD)
        for token in desk.tokens:
            token.approve(desk.desk.address, FOREVER, sender=desk.maker)
        desk.desk.deposit_float(amounts, sender=desk.maker)

    def both(self, model: Any, contract: Any) -> bool:
        """Whether both did it; that one refuses what the other does is a fault."""
        try:
            model()
        except Refused:
            self.refused += 1
            with boa.reverts():
                contract()
            return False
        contract()
        return True

    def publish(self, missing: tuple[int, ...] = ()) -> None:
        """A round at the next time of the grid there may be, everything within 4 % of where it began."""
        prices = [
            0 if i in missing else price * self.dice.randint(9_600, 10_400) // 10_000 for i, price in enumerate(PRICES)
        ]
        behind = max(0, self.desk.now() - self.desk.rounds.timestamp)
        self.ids.append(self.desk.round(*prices, after_s=PERIOD_S * (behind // PERIOD_S + 1)))
        self.model.rounds.append((self.desk.rounds.timestamp, prices))

    def buy(self) -> None:
        self.publish()
        desk, shares = self.desk, self.size()
        today = self.model.cost(shares, self.model.rounds[-1][1], self.model.spread_bps)
        limit = today * self.dice.choice((1_009, 1_011, 1_030, 1_100)) // 1_000
        self.both(
            lambda: self.model.buy(desk.requester, desk.now(), shares, limit),
            lambda: desk.desk.request_buy(shares, limit, 500, sender=desk.requester),
        )

    def sell(self) -> None:
        self.publish()
        desk, shares = self.desk, self.size()
        today = self.model.proceeds(shares, self.model.rounds[-1][1], self.model.spread_bps)
        limits = (
            today * self.dice.choice((900, 970, 989, 991)) // 1_000,
            today * self.dice.choice((1_009, 1_011, 1_100, 1_240, 1_260)) // 1_000,
        )
        self.both(
            lambda: self.model.sell(desk.requester, desk.now(), shares, *limits),
            lambda: desk.desk.request_sell(shares, *limits, 500, sender=desk.requester),
        )

    def round(self) -> None:
        boa.env.evm.patch.timestamp += self.dice.choice((0, 0, PERIOD_S, DELAY_S))
        self.publish(tuple(self.dice.sample(range(4), self.dice.choice((0, 0, 1, 1, 2, 4)))[:3]))

    def settle(self) -> None:
        if not self.model.requests:
            return
        id_ = self.dice.choice(list(self.model.requests))
        first = self.model.first(id_)
        there = first if first is not None and self.dice.random() < 0.8 else self.dice.randrange(len(self.ids))
        witnesses = self.model.proof(id_) if first is not None else [self.dice.randrange(5) for _ in range(4)]
        if self.both(
            lambda: self.model.settle(id_, self.desk.now(), there),
            lambda: self.desk.desk.settle(id_, self.ids[there], witnesses),
        ):
            names = {type(log).__name__ for log in self.desk.desk.get_logs()}
            self.settled += "Settled" in names
            self.unfilled += "Unfilled" in names

    def expire(self) -> None:
        if self.model.requests and self.dice.random() < 0.3:
            boa.env.evm.patch.timestamp += self.dice.choice((LIFE_S - 60, LIFE_S + DELAY_S + 1))
        for id_ in list(self.model.requests):
            self.both(
                lambda id_=id_: self.model.expire(id_, self.desk.now()), lambda id_=id_: self.desk.desk.expire(id_)
            )

    def withdraw(self) -> None:
        desk, who = self.desk, self.dice.choice((self.desk.maker, self.desk.requester))
        token, books = self.dice.choice(((desk.usdc, self.model.assets), (desk.vault, self.model.shares)))
        amount = books[who] // self.dice.choice((1, 7)) + self.dice.choice((0, 0, 1))
        taken = (amount, 0) if token is desk.usdc else (0, amount)
        self.both(
            lambda: self.model.withdraw(who, *taken),
            lambda: desk.desk.withdraw(token.address, amount, who, sender=who),
        )

    def terms(self) -> None:
        self.model.spread_bps = self.dice.randint(0, 500)
        self.desk.desk.set_terms(self.model.spread_bps, SMALLEST, LARGEST, sender=self.desk.maker)

    def size(self) -> int:
        edge = self.dice.choice((SMALLEST - 1, SMALLEST, LARGEST, LARGEST + 1))
        return edge if self.dice.random() < 0.2 else self.dice.randint(SMALLEST, 50 * WAD)

    def check(self) -> None:
        desk, model = self.desk, self.model
        for who in (desk.maker, desk.requester):
            assert desk.credits(who) == (model.assets[who], model.shares[who])
        assert desk.held() == model.held
        assert desk.desk.request_count() == model.count
        for id_ in range(model.count):
            known = model.requests.get(id_)
            told = desk.desk.request(id_)
            assert (known is None) == (told.settles_from == 0)
            if known is not None:
                assert tuple(told)[:-1] == tuple(known.__dict__.values())
                assert told.expires_at == known.settles_from + LIFE_S


@pytest.mark.parametrize("seed", range(2))
def test_desk__in_any_sequence_of_acts__does_what_the_model_does(desk: Desk, seed: int):
    play = Play(desk, seed)
    acts = ["buy", "sell"] * 3 + ["round"] * 4 + ["settle"] * 6 + ["expire", "withdraw", "terms"]
    for _ in range(STEPS):
        getattr(play, play.dice.choice(acts))()
        play.check()
    assert play.settled > 4
    assert play.unfilled > 0
    assert play.refused > 10
