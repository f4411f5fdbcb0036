# SPDX-License-Identifier: AGPL-3.0-only
"""One index, its people and its six odd tokens, with the model beside it; what happens to them is in vault_machine.py.

Eight actors, a contract that bids and the fee recipient; tokens of 0, 6, 8, 18 and 27 decimals: three lose balance, one
returns nothing, one knocks at a door in each of its transfers, one keeps a part of what is sent while its toll is on.
The sixth comes and goes by auction.
"""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache

from eth_abi import encode
from scripts.artifacts import compile_contract

from tests.helpers.doors import doors, knock
from tests.helpers.index import factory_on
from tests.helpers.reference.auction import AuctionModel, Limits, Proposal
from tests.helpers.reference.vault import WAD, VaultModel
from tests.helpers.revm import Chain, Contract, Reverted

MAX_UINT = 2**256 - 1
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
SLASHABLE, HOOKED, TOLLED, LATECOMER = (0, 3, 5), 2, 4, 5
ACTORS = [f"0x{0xA0 + i:040x}" for i in range(8)]
OWNER, RECIPIENT, REBALANCER = (f"0x{0xE0 + i:040x}" for i in range(3))
PEOPLE = [*ACTORS, RECIPIENT]
FEED_DECIMALS = 8
LOCKED = b""
"""What a lock answers: nothing. All else that refuses gives a reason."""


@cache
def stage() -> tuple[Chain, list[Contract], Contract, Contract, Contract, Contract]:
    """(chain, tokens, oracle, factory, borrower, bidder), made once; a run starts from here and is rolled back."""
    chain = Chain(START_S)
    tokens = [chain.deploy(compile_contract(kind), f"T{i}", f"T{i}", d) for i, (kind, d) in enumerate(TOKENS)]
    oracle = chain.deploy(
        compile_contract("MockOracle"), [f"T{i}/USD" for i in range(len(tokens))], [FEED_DECIMALS] * len(tokens)
    )
    callers = (chain.deploy(compile_contract(name)) for name in ("MockFlashBorrower", "MockBidder"))
    return chain, tokens, oracle, factory_on(chain), *callers


class World:
    """A world is its seed. `check` looks at contract and model."""

    def __init__(self, seed: int) -> None:
        self.chain, self.tokens, self.oracle, self.factory, self.borrower, self.bidder = stage()
        self.start = self.chain.evm.snapshot()
        self.random = random.Random(seed)
        self.proposal: Proposal | None = None
        self.auction: AuctionModel | None = None
        self.limits = Limits()
        self.flash_on = self.halted = self.bids_paused = self.wound_down = False
        self.priced_at = [0] * len(TOKENS)
        self.dark: set[int] = set()
        self.tripped: set[int] = set()
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
        self.house.call("set_rebalancer", index, REBALANCER, sender=OWNER)
        self.model = VaultModel([*units, 0], *fees, streaming_bps, START_S, RECIPIENT)
        self.model.places.pop()
        for i, token in enumerate(self.tokens):
            self.house.call("approve_component", index, token.address, i, sender=OWNER)
            token.call("mint", self.bidder.address, 2**128)
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
        self.tokens[HOOKED].call("arm", index, self._door())

    # -- what must hold after each step

    def check(self) -> None:
        self._check_backing()
        self._check_supply()
        self._check_units()
        self._check_promises(self._actor())
        self._check_lock(self.tokens[HOOKED])

    def _check_lock(self, caller: Contract) -> None:
        """V-14: whatever calls back in the middle of an operation has found its door locked."""
        assert caller.call("successes") == 0
        assert caller.call("heard") == LOCKED

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
        assert units == self.model.current_units()

    def _check_promises(self, actor: str) -> None:
        """V-9: what each can claim and withdraw is what he left or brought, times what losses left of it."""
        floats = self.vault.call("float_of", actor)
        assert list(floats) == [token.worth(token.floats[actor]) for token in self.model.parts]
        i = self.random.randrange(len(self.tokens))
        place = self.model.tokens[i]
        assert self.vault.call("claim_of", actor, self.tokens[i].address) == place.worth(place.claims[actor])

    # -- what is drawn

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

    def _door(self) -> bytes:
        """The calldata of some door of the index."""
        component = self.tokens[self.random.choice(self.model.places)].address
        return knock(self.random.choice(doors("IndexVault")), component)

    # -- what acts are made of

    def _wait(self, seconds: int) -> None:
        pending = self.model.pending
        self.chain.set_time(self.chain.timestamp + seconds)
        self.model.now = self.chain.timestamp
        # V-6
        assert self.model.pending >= pending

    def _announced(self, signature: str, *values: int, refusal: str | None = None) -> None:
        name = signature.split("(")[0]
        call = self.vault.calldata(name, *values)
        assert call[4:] == encode(["uint256"] * len(values), values)
        self.vault.call("announce", call, sender=OWNER)
        self._wait(3 * DAY_S)
        if refusal is None:
            self.vault.call(name, *values, sender=OWNER)
        else:
            self._fails(refusal, name, *values, sender=OWNER)

    def _declare(self, i: int, rebasing: bool) -> None:
        self.model.tokens[i].rebasing = rebasing
        self.vault.call("set_rebasing", self.tokens[i].address, rebasing, sender=OWNER)

    def _sync(self, i: int) -> None:
        """V-8"""
        assert self.vault.call("sync", self.tokens[i].address) == self.model.sync(i)
        assert self.model.tokens[i].promised(self.model.base) <= self.model.tokens[i].balance

    def _deposit(self, actor: str, i: int, amount: int) -> bool:
        amounts, token = [amount if i == j else 0 for j in self.model.places], self.model.tokens[i]
        refusal = None
        if token.arriving(amount) != amount:
            refusal = "token: amount not received"
        elif token.left(self.model.base_in) == 0 or not token.index:
            refusal = "float: token is worthless"
        if refusal:
            self._fails(refusal, "deposit_float", amounts, sender=actor)
            return False
        self.model.deposit(actor, i, amount)
        self.vault.call("deposit_float", amounts, sender=actor)
        return True

    def _payable(self, shares: int, skip: int) -> bool:
        """Whether the balances cover a redeem: a loss nobody shared yet may leave too little."""
        preview = self.model.preview_redeem(shares)
        return all(
            skip >> place & 1 or amount <= token.balance
            for place, (amount, token) in enumerate(zip(preview, self.model.parts, strict=True))
        )

    def _mint(self, actor: str, receiver: str, shares: int) -> list[int] | None:
        """V-3, V-4: preview, act and model agree to the wei, and that is what moved; None: it was refused."""
        preview = list(self.vault.call("preview_mint", shares))
        assert preview == self.model.preview_mint(shares)
        arguments = shares, receiver, preview, self.chain.timestamp
        if refusal := self._mint_refusal(preview):
            self._fails(refusal, "mint", *arguments, sender=actor)
            return None
        before, expected = self._balances(actor), self.model.mint(receiver, shares)
        assert list(self.vault.call("mint", *arguments, sender=actor)) == expected == preview
        assert self._balances(actor) == [had - amount for had, amount in zip(before, expected, strict=True)]
        return expected

    def _mint_refusal(self, amounts: list[int]) -> str | None:
        if self.halted or self.wound_down:
            return "vault: paused"
        whole = all(token.arriving(amount) == amount for token, amount in zip(self.model.parts, amounts, strict=True))
        return None if whole else "token: amount not received"

    def _redeem(self, actor: str, receiver: str, shares: int, skip: int) -> list[int]:
        """V-3, V-4, as for a mint; a token that keeps a part does so at the receiver's cost."""
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
        parts = enumerate(zip(self.model.parts, expected, strict=True))
        moved = [0 if skip >> place & 1 else token.arriving(amount) for place, (token, amount) in parts]
        assert self._balances(receiver) == [had + amount for had, amount in zip(before, moved, strict=True)]
        return expected

    def _zeros(self) -> list[int]:
        return [0] * len(self.model.places)

    def _balance(self, i: int, who: str) -> int:
        return int(self.tokens[i].call("balanceOf", who))

    def _balances(self, who: str) -> list[int]:
        return [self._balance(i, who) for i in self.model.places]

    def _fails(self, reason: str | None, name: str, *arguments: object, sender: str = ACTORS[0]) -> None:
        self._reverts(self.vault, reason, name, *arguments, sender=sender)

    def _reverts(self, contract: Contract, reason: str | None, name: str, *arguments: object, sender: str) -> None:
        """V-7"""
        try:
            answer = contract.call(name, *arguments, sender=sender)
        except Reverted as reverted:
            if reason not in (None, str(reverted)):
                raise AssertionError(f"{name}: expected {reason!r}") from reverted
        else:
            raise AssertionError(f"{name}{arguments}: expected {reason!r}, got {answer!r}")
