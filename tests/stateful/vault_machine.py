# SPDX-License-Identifier: AGPL-3.0-only
"""One index, its people and its six odd tokens, and what may happen to them; the model goes along.

Eight actors and the fee recipient; tokens of 0, 6, 8, 18 and 27 decimals that lose balance, return nothing, call back
in every transfer, or take a fee when told; the sixth comes and goes by auction.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from functools import cache

from eth_abi import encode
from scripts.artifacts import compile_contract

from tests.helpers.index import factory_on
from tests.helpers.reference.auction import AuctionModel
from tests.helpers.reference.vault import WAD, VaultModel
from tests.helpers.revm import Chain, Contract, Reverted

MAX_UINT = 2**256 - 1
KEEP = MAX_UINT
START_S = 1_700_000_000
DAY_S = 86_400

TOKENS = (
    ("MockSlashableERC20", 0),
    ("MockNoReturnERC20", 6),
    ("MockReentrantERC20", 8),
    ("MockSlashableERC20", 18),
    ("MockFeeERC20", 27),
    ("MockSlashableERC20", 18),
)
SLASHABLE, HOOKED, FEE, LATECOMER = (0, 3, 5), 2, 4, 5
ACTORS = [f"0x{0xA0 + i:040x}" for i in range(8)]
OWNER, RECIPIENT = f"0x{0xE0:040x}", f"0x{0xE1:040x}"
PEOPLE = [*ACTORS, RECIPIENT]
FEED_DECIMALS = 8
REFUSED = "refused"


@cache
def stage() -> tuple[Chain, list[Contract], Contract, Contract, Contract]:
    """(chain, tokens, oracle, factory, borrower), made once; every run starts from here and is rolled back."""
    chain = Chain(START_S)
    tokens = [chain.deploy(compile_contract(kind), f"T{i}", f"T{i}", d) for i, (kind, d) in enumerate(TOKENS)]
    oracle = chain.deploy(
        compile_contract("MockOracle"), [f"T{i}/USD" for i in range(len(tokens))], [FEED_DECIMALS] * len(tokens)
    )
    return chain, tokens, oracle, factory_on(chain), chain.deploy(compile_contract("MockFlashBorrower"))


class VaultMachine:
    """A run is its seed. `step` does one thing to contract and model, and then looks at both."""

    def __init__(self, seed: int) -> None:
        self.chain, self.tokens, self.oracle, self.factory, self.borrower = stage()
        self.start = self.chain.evm.snapshot()
        self.random = random.Random(seed)
        self.auction: AuctionModel | None = None
        self.flash_on = False
        self.trace: list[str] = []
        self.chain.set_time(START_S)
        self._create()

    def end(self) -> None:
        self.chain.evm.revert(self.start)

    def _create(self) -> None:
        """Units from 1 base unit a share to 1.2 million whole tokens of 18 decimals."""
        dice = self.random
        units = [WAD * dice.randint(1, 10 ** dice.randint(0, top)) for top in (6, 12, 12, 24, 24)]
        fees = dice.choice((0, dice.randint(0, 500))), dice.choice((0, dice.randint(0, 500)))
        streaming_bps = dice.choice((0, 50, dice.randint(0, 1_000)))
        addresses = [token.address for token in self.tokens]
        params = ("Fuzzed Index", "FUZZ", addresses[:LATECOMER], units, self.oracle.address, list(range(LATECOMER)))
        index = self.factory.call("create", (*params, *fees, streaming_bps, OWNER, RECIPIENT))
        self.vault = Contract(self.chain, index, compile_contract("IndexVault").abi)
        self.house = Contract(self.chain, self.vault.call("auction_house"), compile_contract("AuctionHouse").abi)
        self.model = VaultModel([*units, 0], *fees, streaming_bps, START_S, RECIPIENT)
        self.model.places.pop()
        for i, token in enumerate(self.tokens):
            self.house.call("approve_component", index, token.address, i, sender=OWNER)
            for actor in PEOPLE:
                token.call("mint", actor, 2**128)
                token.call("approve", index, MAX_UINT, sender=actor)
        self.prices = [10 ** dice.randint(4, 12) for _ in self.tokens]
        # Something to lose, and two components that are watched, so that most runs have both.
        self._mint(ACTORS[0], ACTORS[0], WAD)
        for i in (1, 3):
            self._declare(i, True)
        self._wait(3 * DAY_S)
        if dice.random() < 0.5:
            self._announced("set_flash_terms(uint256,uint256)", 9, 10**24)
            self.flash_on = True
        self._arm()

    def step(self) -> None:
        name, act = self.random.choices(self.acts(), self.weights())[0]
        self.trace.append(name)
        act()
        self.check()

    def acts(self) -> list[tuple[str, Callable[[], None]]]:
        return [(name, getattr(self, name)) for name in WEIGHTS]

    def weights(self) -> list[int]:
        return [
            weight if self.auction else weight if name not in ("bid", "close") else 0
            for name, weight in WEIGHTS.items()
        ]

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
        if self._payable(shares, 0):
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
        self.borrower.call("arm", self.vault.address, self._entry())
        self.vault.call("flashLoan", borrower, self.vault.address, amount, b"", sender=holder)
        self.model.flash(borrower, fee)
        assert self.borrower.call("successes") == 0
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
        self._announced("set_fees(uint256,uint256,uint256)", *fees)
        self.model.set_fees(*fees)

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
        assert self._balance(i, actor) == before + expected

    def deposit(self) -> None:
        self._deposit(self._actor(), self.random.choice(self.model.places), self._size())

    def mint_from_deposits(self) -> None:
        """Brings in what is missing of each component and mints from float at once."""
        actor, shares = self._actor(), self._size()
        for place, i in enumerate(list(self.model.places)):
            self._sync(i)
            token = self.model.tokens[i]
            short = self.model.float_cost(shares)[place] - token.floats[actor]
            if short > 0:
                self._deposit(actor, i, short * token.index // WAD + 2)
        self.model.mint_from_float(actor, shares)
        version = self.vault.call("basket_version")
        self.vault.call("mint_from_float", shares, actor, version, MAX_UINT, sender=actor)

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
            assert self._balance(i, actor) == before + amount

    def carry(self) -> None:
        """V-11"""
        if self.model.generation:
            waiting = [key for token in self.model.tokens for key, points in token.old_floats.items() if points]
            generation, actor = self.random.choice(waiting or [(0, self._actor())])
            self.model.carry(actor, generation)
            self.vault.call("carry_float", actor, generation)

    # -- auctions

    def rebalance(self) -> None:
        """Any units for some, others left alone, one perhaps removed or added; open a day later."""
        if self.auction:
            return
        dice, places = self.random, self.model.places
        goals = [dice.choice((KEEP, 0, self._around(i), self._around(i), self._around(i))) for i in places]
        if not any(goals):
            goals[0] = KEEP
        added = [
            i for i in range(len(self.tokens)) if i not in places and self.model.tokens[i].index and dice.random() < 0.7
        ]
        goals += [WAD * dice.randint(1, 10**12) for _ in added]
        terms = dice.randint(10_001, 12_000), dice.randint(9_800, 10_000), dice.randint(600, DAY_S)
        growth, addresses = self.model.growth, [self.tokens[i].address for i in added]
        self.house.call("propose", self.vault.address, (goals, addresses, 0, *terms, 3_600), sender=OWNER)
        self._wait(DAY_S)
        self.house.call("open", self.vault.address, sender=OWNER)
        units = [None if goal == KEEP else AuctionModel.goal(goal, growth) for goal in goals]
        self.auction = AuctionModel(self.model, units, added, *terms)
        self.auction.begin()

    def bid(self) -> None:
        """A-1 to A-3: what is exchanged is what the model says; no unit passes its goal."""
        auction, dice = self.auction, self.random
        assert auction is not None
        self._quote_prices()
        pairs = [
            (sell, buy)
            for sell in range(len(auction.goals))
            for buy in range(len(auction.goals))
            if auction.surplus(sell) and auction.deficit(buy)
        ]
        sell, buy = dice.choice(pairs) if pairs and dice.random() < 0.95 else (0, dice.randrange(len(auction.goals)))
        i, j = self.model.places[sell], self.model.places[buy]
        most, actor = max(1, auction.surplus(sell) * dice.choice((1, 5_000, 10_001)) // 10_000), self._actor()
        pair = self.tokens[i].address, self.tokens[j].address
        arguments = self.vault.address, *pair, most, 0, MAX_UINT, b""
        if auction.is_over:
            self._refused("auction: over", "bid", *arguments, sender=actor)
            self.close()
            return
        sold, bought = auction.quote(sell, buy, most, self._rate(i, j))
        if not sold:
            self._refused("auction: nothing to trade", "bid", *arguments, sender=actor)
            return
        leaving, coming = self.model.tokens[i], self.model.tokens[j]
        if any(not each.rebasing and each.left(self.model.base_in) != WAD for each in (leaving, coming)):
            self._refused("vault: sync first", "bid", *arguments, sender=actor)
            return
        if coming.index * (coming.left(self.model.base_in) if coming.rebasing else WAD) < WAD:
            self._refused("reserves: token is worthless", "bid", *arguments, sender=actor)
            return
        if sold > leaving.balance or bought > self._balance(j, actor):
            self._refused(None, "bid", *arguments, sender=actor)
            return
        before = self._balance(i, actor), self._balance(j, actor)
        assert tuple(self.house.call("quote", self.vault.address, *pair, most)) == (sold, bought)
        assert tuple(self.house.call("bid", *arguments, sender=actor)) == (sold, bought)
        self.model.exchange(i, sold, j, bought)
        assert (self._balance(i, actor), self._balance(j, actor)) == (before[0] + sold, before[1] - bought)

    def close(self) -> None:
        """A-4"""
        auction = self.auction
        assert auction is not None
        leaving = auction.leaving()
        self.house.call("close", self.vault.address, sender=ACTORS[0] if auction.is_over else OWNER)
        self.model.drop(leaving)
        self.auction = None
        assert self.vault.call("float_generation") == self.model.generation

    # -- what must hold after each step

    def check(self) -> None:
        self._check_backing()
        self._check_supply()
        self._check_units()
        self._check_promises(self._actor())
        assert self.tokens[HOOKED].call("successes") == 0

    def _check_backing(self) -> None:
        """V-1: base * unit + claims + float <= balance for each token without a pending shortfall."""
        for place, token in zip(self.model.tokens, self.tokens, strict=True):
            assert token.call("balanceOf", self.vault.address) == place.balance
            if place.left(self.model.base_in) == WAD:
                assert place.promised(self.model.base) <= place.balance

    def _check_supply(self) -> None:
        """V-2: totalSupply = the sum of balances + pending fees = base * growth, rounded down."""
        person = self._actor()
        assert self.vault.call("balanceOf", person) == self.model.shares[person]
        assert self.vault.call("totalSupply") == self.model.total
        assert self.vault.call("pending_fees") == self.model.pending >= 0

    def _check_units(self) -> None:
        """V-10: the basket is the model's, to the last digit."""
        base, body = self.vault.call("book")
        assert base == self.model.base
        tokens = [f"0x{word % 2**160:040x}" for word in body[1 : len(self.model.places) + 1]]
        assert tokens == [self.tokens[i].address.lower() for i in self.model.places]
        units = [Fraction(word >> 176, 10 ** (word >> 168 & 255)) for word in body[1 : len(tokens) + 1]]
        assert units == self.model._current_units()

    def _check_promises(self, actor: str) -> None:
        """V-9: what each can claim and withdraw is what he left or brought, times what losses left of it."""
        floats = self.vault.call("float_of", actor)
        assert list(floats) == [token.worth(token.floats[actor]) for token in self.model.parts]
        i = self.random.randrange(len(self.tokens))
        place = self.model.tokens[i]
        assert self.vault.call("claim_of", actor, self.tokens[i].address) == place.worth(place.claims[actor])

    # -- helpers

    def _actor(self) -> str:
        return self.random.choice(ACTORS)

    def _holder(self) -> str:
        """Anybody, or who holds most when he holds nothing: most acts want a holder."""
        actor = self.random.choice(PEOPLE)
        return actor if self.model.shares[actor] else max(PEOPLE, key=lambda person: self.model.shares[person])

    def _size(self) -> int:
        dice = self.random
        return dice.choice((dice.randint(1, 1_000), dice.randint(1, 10 ** dice.randint(1, 24)), WAD, 10**21))

    def _part(self) -> int:
        return self.random.choice((self.random.randint(1, 10_000), 10_000))

    def _around(self, i: int) -> int:
        """A unit not far from what the component has, or from one base unit when it has nothing."""
        now = int(self.model.tokens[i].unit.value * 10**36) * WAD // self.model.growth
        unit = max(1, now) * self.random.randint(1, 30_000) // 10_000
        return max(1, unit) if unit < 2**80 else unit // 10**12 * 10**12

    def _zeros(self) -> list[int]:
        return [0] * len(self.model.places)

    def _wait(self, seconds: int) -> None:
        pending = self.model.pending
        self.chain.set_time(self.chain.timestamp + seconds)
        self.model.now = self.chain.timestamp
        # V-6
        assert self.model.pending >= pending

    def _quote_prices(self) -> None:
        for i in range(len(self.tokens)):
            self.prices[i] = max(1, self.prices[i] * self.random.randint(9_000, 11_000) // 10_000)
            self.oracle.call("set_price", i, self.prices[i])

    def _rate(self, i: int, j: int) -> Fraction:
        """Base units of j that one base unit of i is worth."""
        return Fraction(self.prices[i] * 10 ** TOKENS[j][1], self.prices[j] * 10 ** TOKENS[i][1])

    def _entry(self) -> bytes:
        """The calldata of some door of the index that is welcome at other times."""
        component = self.tokens[self.random.choice(self.model.places)].address
        zeros = self._zeros()
        return self.random.choice(
            (
                self.vault.calldata("mint", 1, ACTORS[0], [MAX_UINT] * len(zeros), MAX_UINT),
                self.vault.calldata("redeem", 1, ACTORS[0], zeros, MAX_UINT),
                self.vault.calldata("sync", component),
                self.vault.calldata("claim", component, ACTORS[0]),
                self.vault.calldata("sweep_surplus", component),
                self.vault.calldata("collect_fees"),
                self.vault.calldata("totalSupply"),
                self.vault.calldata("book"),
            )
        )

    def _arm(self) -> None:
        """From now on the token with the hook tries a door in each of its transfers."""
        self.tokens[HOOKED].call("arm", self.vault.address, self._entry())

    def _announced(self, signature: str, *values: int) -> None:
        name = signature.split("(")[0]
        call = self.vault.calldata(name, *values)
        assert call[4:] == encode(["uint256"] * len(values), values)
        self.vault.call("announce", call, sender=OWNER)
        self._wait(3 * DAY_S)
        self.vault.call(name, *values, sender=OWNER)

    def _declare(self, i: int, rebasing: bool) -> None:
        self.model.tokens[i].rebasing = rebasing
        self.vault.call("set_rebasing", self.tokens[i].address, rebasing, sender=OWNER)

    def _sync(self, i: int) -> None:
        """V-8"""
        assert self.vault.call("sync", self.tokens[i].address) == self.model.sync(i)
        assert self.model.tokens[i].promised(self.model.base) <= self.model.tokens[i].balance

    def _deposit(self, actor: str, i: int, amount: int) -> None:
        amounts = [amount if i == j else 0 for j in self.model.places]
        if self.model.tokens[i].left(self.model.base_in) == 0 or not self.model.tokens[i].index:
            self._fails("float: token is worthless", "deposit_float", amounts, sender=actor)
        else:
            self.model.deposit(actor, i, amount)
            self.vault.call("deposit_float", amounts, sender=actor)

    def _payable(self, shares: int, skip: int) -> bool:
        """Whether the balances cover a redeem: a loss nobody shared yet may leave too little."""
        preview = self.model.preview_redeem(shares)
        return all(
            skip >> place & 1 or amount <= token.balance
            for place, (amount, token) in enumerate(zip(preview, self.model.parts, strict=True))
        )

    def _mint(self, actor: str, receiver: str, shares: int) -> list[int]:
        """V-3, V-4: the preview, the act and the model agree to the wei, and that is what moved."""
        preview = list(self.vault.call("preview_mint", shares))
        expected = self.model.mint(receiver, shares)
        before = self._balances(actor)
        paid = list(self.vault.call("mint", shares, receiver, preview, self.chain.timestamp, sender=actor))
        assert preview == paid == expected
        assert self._balances(actor) == [had - amount for had, amount in zip(before, paid, strict=True)]
        return paid

    def _redeem(self, actor: str, receiver: str, shares: int, skip: int) -> list[int]:
        """V-3, V-4, as for a mint."""
        preview = list(self.vault.call("preview_redeem", shares))
        assert preview == self.model.preview_redeem(shares)
        expected = self.model.redeem(actor, shares, skip)
        before, deadline = self._balances(receiver), self.chain.timestamp
        if skip:
            paid = self.vault.call("redeem_skipping", shares, receiver, preview, skip, deadline, sender=actor)
        else:
            paid = self.vault.call("redeem", shares, receiver, preview, deadline, sender=actor)
        assert list(paid) == expected
        # A skipped token is not asked its balance: its claim is made before a loss is shared, and then shares it.
        assert preview == expected or skip
        moved = [0 if skip >> place & 1 else amount for place, amount in enumerate(expected)]
        assert self._balances(receiver) == [had + amount for had, amount in zip(before, moved, strict=True)]
        return expected

    def _balance(self, i: int, who: str) -> int:
        return int(self.tokens[i].call("balanceOf", who))

    def _balances(self, who: str) -> list[int]:
        return [self._balance(i, who) for i in self.model.places]

    def _fails(self, reason: str | None, name: str, *arguments: object, sender: str = ACTORS[0]) -> None:
        self._reverts(self.vault, reason, name, *arguments, sender=sender)

    def _refused(self, reason: str | None, name: str, *arguments: object, sender: str) -> None:
        self._reverts(self.house, reason, name, *arguments, sender=sender)

    def _reverts(self, contract: Contract, reason: str | None, name: str, *arguments: object, sender: str) -> None:
        try:
            answer = contract.call(name, *arguments, sender=sender)
        except Reverted as reverted:
            if reason not in (None, str(reverted)):
                raise AssertionError(f"{name}: expected {reason!r}") from reverted
        else:
            raise AssertionError(f"{name}{arguments}: expected {reason!r}, got {answer!r}")


WEIGHTS = {
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
    "bid": 12,
    "close": 1,
}
"""How often each act is drawn; bids and closings only while there is an auction."""
