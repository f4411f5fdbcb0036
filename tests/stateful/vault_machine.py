# SPDX-License-Identifier: AGPL-3.0-only
"""What may happen to the index of vault_world.py; the model goes along."""

from __future__ import annotations

from collections.abc import Callable

from tests.helpers.reference.vault import WAD
from tests.stateful.auction_acts import AuctionActs
from tests.stateful.vault_world import DAY_S, MAX_UINT, OWNER, PEOPLE, SLASHABLE, TOLLED


class VaultMachine(AuctionActs):
    """A run is its seed. `step` does one thing to contract and model, and then looks at both."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.trace: list[str] = []

    def step(self) -> None:
        name, act = self.random.choices(self.acts(), self.weights())[0]
        self.trace.append(name)
        act()
        self.check()

    def acts(self) -> list[tuple[str, Callable[[], None]]]:
        return [(name, getattr(self, name)) for name in WEIGHTS]

    def weights(self) -> list[float]:
        idle = (() if self.auction else IN_AUCTION) + (() if self.proposal else PROPOSED)
        return [0 if name in idle else weight for name, weight in WEIGHTS.items()]

    # -- shares

    def mint(self) -> None:
        self._mint(self._actor(), self._actor(), self._size())

    def redeem(self) -> None:
        actor, receiver = self._holder(), self._actor()
        shares = self.model.shares[actor] * self._part() // 10_000
        skip = self.random.choice((0, 0, self.random.randrange(2 ** len(self.model.places))))
        if not shares:
            self._fails("vault: shares out of range", "redeem", 0, receiver, self._zeros(), MAX_UINT, sender=actor)
        elif self._payable(shares, skip):
            self._redeem(actor, receiver, shares, skip)
        else:
            self._fails(None, "redeem", shares, receiver, self._zeros(), MAX_UINT, sender=actor)

    def mint_and_redeem_at_once(self) -> None:
        """V-5"""
        actor, shares = self._actor(), self._size()
        paid = self._mint(actor, actor, shares)
        if paid and self._payable(shares, 0):
            back = self._redeem(actor, actor, shares, 0)
            assert all(out <= put for out, put in zip(back, paid, strict=True))

    def transfer(self) -> None:
        actor, receiver = self._actor(), self._actor()
        shares = self.model.shares[actor] * self._part() // 10_000
        self.model.transfer(actor, receiver, shares)
        self.vault.call("transfer", receiver, shares, sender=actor)

    def overspend(self) -> None:
        """V-7"""
        actor, receiver = self._actor(), self._actor()
        shares = self.model.shares[actor] + self._size()
        self._fails("share: insufficient balance", "transfer", receiver, shares, sender=actor)
        self._fails("share: insufficient balance", "redeem", shares, receiver, self._zeros(), MAX_UINT, sender=actor)

    def flash(self) -> None:
        """V-13: what is lent comes back with the fee, and while it is out no door of the index opens."""
        borrower, amount = self.borrower.address, self.random.randint(1, 10**22)
        holder = self._holder()
        fee = -(-amount * 9 // 10_000)
        if not self.flash_on or self.model.shares[holder] < fee:
            return
        self.model.transfer(holder, borrower, fee)
        self.vault.call("transfer", borrower, fee, sender=holder)
        self.borrower.call("arm", self.vault.address, self._door())
        self.vault.call("flashLoan", borrower, self.vault.address, amount, b"", sender=holder)
        self.model.flash(borrower, fee)
        self._check_lock(self.borrower)
        assert self.vault.call("balanceOf", borrower) == self.model.shares[borrower] == 0

    # -- time, gifts and losses

    def wait(self) -> None:
        dice = self.random
        longest = 3_600 if self.auction and dice.random() < 0.7 else dice.choice((10**7, 365 * DAY_S))
        self._wait(dice.choice((dice.randint(1, 100), dice.randint(1, longest))))

    def donate(self) -> None:
        i, amount = self.random.randrange(len(self.tokens)), self._size()
        self.model.tokens[i].balance += amount
        self.tokens[i].call("mint", self.vault.address, amount)

    def collect(self) -> None:
        assert self.vault.call("collect_fees", sender=self._actor()) == self.model.collect()

    def change_fees(self) -> None:
        fees = [self.random.randint(0, top) for top in (500, 500, 1_000)]
        refusal = "vault: wound down" if self.wound_down else None
        self._announced("set_fees(uint256,uint256,uint256)", *fees, refusal=refusal)
        if not refusal:
            self.model.set_fees(*fees)

    def wind_down(self) -> None:
        """V-15"""
        self._announced("wind_down()")
        self.model.set_fees(0, 0, 0)
        self.wound_down = True

    def halt(self) -> None:
        """Mints or bids stop, or both go on; exits do not ask."""
        dice, index = self.random, self.vault.address
        self.halted, self.bids_paused = dice.choice(((True, False), (False, True), (False, False), (False, False)))
        self.vault.call("pause" if self.halted else "unpause", sender=OWNER)
        self.house.call("pause" if self.bids_paused else "unpause", index, sender=OWNER)

    def toll(self) -> None:
        """One token begins to keep a part of what is sent, or stops."""
        token = self.model.tokens[TOLLED]
        token.toll_bps = self.random.choice((0, 0, 0, self.random.randint(1, 1_000)))
        self.tokens[TOLLED].call("set_fee", token.toll_bps)

    def lose(self) -> None:
        i = self.random.choice(SLASHABLE)
        amount = self.model.tokens[i].balance * self.random.randint(0, 10_000) // 10_000
        self.model.tokens[i].balance -= amount
        self.tokens[i].call("slash", self.vault.address, amount)

    def sync(self) -> None:
        self._sync(self.random.randrange(len(self.tokens)))

    def sweep(self) -> None:
        """V-12"""
        i = self.random.choice(self.model.places)
        component = self.tokens[i].address
        if self.auction:
            self._fails("vault: in auction", "sweep_surplus", component)
        elif self.model.base < 10**15:
            self._fails("vault: supply too small", "sweep_surplus", component)
        else:
            # A refused call shares no loss either: shared before, there is none.
            for place in self.model.places:
                self._sync(place)
            if not self.model.tokens[i].index:
                self._fails("reserves: token is worthless", "sweep_surplus", component)
                return
            if not self.model.tokens[i].swept_at:
                assert self.vault.call("sweep_surplus", component) == self.model.sweep(i) == 0
                self._wait(self.random.randint(1, 1_000))
            swept = self.model.sweep(i)
            if swept is None:
                self._fails(None, "sweep_surplus", component)
            else:
                assert self.vault.call("sweep_surplus", component) == swept

    def declare(self) -> None:
        self._declare(self.random.choice(self.model.places), self.random.random() < 0.5)

    # -- claims and float

    def claim(self) -> None:
        i = self.random.randrange(len(self.tokens))
        owners = [person for person in PEOPLE if self.model.tokens[i].claims[person]]
        actor = self.random.choice(owners or PEOPLE)
        expected, before = self.model.claim(actor, i), self._balance(i, actor)
        assert self.vault.call("claim", self.tokens[i].address, actor, sender=actor) == expected
        assert self.vault.call("claim_of", actor, self.tokens[i].address) == 0
        assert self._balance(i, actor) == before + self.model.tokens[i].arriving(expected)

    def deposit(self) -> None:
        self._deposit(self._actor(), self.random.choice(self.model.places), self._size())

    def mint_from_deposits(self) -> None:
        """Brings in what is missing of each component and mints from float at once."""
        actor, shares = self._actor(), self._size()
        for place, i in enumerate(list(self.model.places)):
            self._sync(i)
            token = self.model.tokens[i]
            short = self.model.float_cost(shares)[place] - token.floats[actor]
            if short > 0 and not self._deposit(actor, i, short * token.index // WAD + 2):
                return
        arguments = shares, actor, self.vault.call("basket_version"), MAX_UINT
        if self.halted or self.wound_down:
            self._fails("vault: paused", "mint_from_float", *arguments, sender=actor)
        else:
            self.model.mint_from_float(actor, shares)
            self.vault.call("mint_from_float", *arguments, sender=actor)

    def redeem_to_float(self) -> None:
        actor = self._holder()
        shares = self.model.shares[actor] * self._part() // 10_000
        if shares:
            for i in list(self.model.places):
                self._sync(i)
            self.model.redeem_to_float(actor, shares)
            self.vault.call("redeem_to_float", shares, self.vault.call("basket_version"), MAX_UINT, sender=actor)

    def withdraw(self) -> None:
        i = self.random.choice(self.model.places)
        self._sync(i)
        token = self.model.tokens[i]
        actor = self.random.choice([person for person in PEOPLE if token.floats[person]] or PEOPLE)
        amount = token.worth(token.floats[actor]) * self._part() // 10_000
        if amount:
            self.model.withdraw(actor, i, amount)
            before = self._balance(i, actor)
            amounts = [amount if i == j else 0 for j in self.model.places]
            self.vault.call("withdraw_float", amounts, actor, sender=actor)
            assert self._balance(i, actor) == before + token.arriving(amount)

    def carry(self) -> None:
        """V-11"""
        if self.model.generation:
            waiting = [key for token in self.model.tokens for key, points in token.old_floats.items() if points]
            generation, actor = self.random.choice(waiting or [(0, self._actor())])
            self.model.carry(actor, generation)
            self.vault.call("carry_float", actor, generation)


WEIGHTS: dict[str, float] = {
    "mint": 3,
    "redeem": 4,
    "mint_and_redeem_at_once": 2,
    "transfer": 1,
    "overspend": 1,
    "flash": 1,
    "wait": 3,
    "donate": 2,
    "collect": 1,
    "change_fees": 1,
    "wind_down": 0.03,
    "halt": 0.5,
    "toll": 1,
    "lose": 2,
    "sync": 2,
    "sweep": 2,
    "declare": 1,
    "claim": 2,
    "deposit": 2,
    "mint_from_deposits": 3,
    "redeem_to_float": 2,
    "withdraw": 2,
    "carry": 1,
    "rebalance": 3,
    "open": 2,
    "cancel": 0.5,
    "contest": 1,
    "limit": 0.5,
    "darken": 1.5,
    "bid": 14,
    "close": 1,
}
"""How often each act is drawn."""
IN_AUCTION, PROPOSED = ("bid", "close"), ("open", "cancel", "contest")
"""Drawn only while there is an auction, or a proposal."""
