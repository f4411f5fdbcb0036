# SPDX-License-Identifier: AGPL-3.0-only
"""The vault against an independent model: eight actors, time, donations, losses, float, skipped components.

Invariants are those of docs/invariants.md.

PLUMBLINE_FUZZ=long runs it for hours instead of seconds.
"""

from __future__ import annotations

import os
from functools import cache

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scripts.artifacts import compile_contract

from tests.helpers.index import factory_on
from tests.helpers.reference.vault import WAD, VaultModel
from tests.helpers.revm import Chain, Contract, Reverted

MAX_UINT = 2**256 - 1
START_S = 1_700_000_000
LONG = os.environ.get("PLUMBLINE_FUZZ") == "long"

DECIMALS = (0, 6, 8, 18, 27)
ACTORS = [f"0x{0xA0 + i:040x}" for i in range(8)]
OWNER, RECIPIENT = f"0x{0xE0:040x}", f"0x{0xE1:040x}"
PEOPLE = [*ACTORS, RECIPIENT]

actors = st.sampled_from(ACTORS)
sizes = st.one_of(st.integers(1, 1_000), st.integers(1, 10**24), st.sampled_from([WAD, 10**15, 10**21]))
parts = st.integers(1, 10_000)
places = st.integers(0, 4)
units = st.tuples(
    st.integers(1, 10**6),
    st.integers(1, 10**12),
    st.integers(1, 10**12),
    st.integers(1, 2**80 - 1),
    st.integers(1, 2**80 - 1),
)


@cache
def stage() -> tuple[Chain, list[Contract], Contract, Contract]:
    """(chain, tokens, oracle, factory), made once; every run starts from here and is rolled back."""
    chain = Chain(START_S)
    tokens = [chain.deploy(compile_contract("MockSlashableERC20"), f"T{d}", f"T{d}", d) for d in DECIMALS]
    names = [f"T{d}/USD" for d in DECIMALS]
    oracle = chain.deploy(compile_contract("MockOracle"), names, [8] * len(names))
    return chain, tokens, oracle, factory_on(chain)


class VaultMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.chain, self.tokens, self.oracle, self.factory = stage()
        self.start = self.chain.evm.snapshot()
        self.chain.set_time(START_S)

    def teardown(self) -> None:
        self.chain.evm.revert(self.start)

    @initialize(
        scale=units, mint_fee=st.integers(0, 500), redeem_fee=st.integers(0, 500), streaming=st.integers(0, 1_000)
    )
    def create(self, scale: tuple[int, ...], mint_fee: int, redeem_fee: int, streaming: int) -> None:
        """Units from 1 base unit a share to 1.2 million whole tokens of 18 decimals."""
        units = [unit * WAD for unit in scale]
        params = (
            "Fuzzed Index",
            "FUZZ",
            [token.address for token in self.tokens],
            units,
            self.oracle.address,
            list(range(len(self.tokens))),
            mint_fee,
            redeem_fee,
            streaming,
            OWNER,
            RECIPIENT,
        )
        index = self.factory.call("create", params)
        self.vault = Contract(self.chain, index, compile_contract("IndexVault").abi)
        self.model = VaultModel(units, mint_fee, redeem_fee, streaming, START_S, RECIPIENT)
        for token in self.tokens:
            for actor in PEOPLE:
                token.call("mint", actor, 2**128)
                token.call("approve", index, MAX_UINT, sender=actor)
        # Something to lose, and two components that are watched, so that most runs have both.
        self._mint(ACTORS[0], ACTORS[0], WAD)
        for i in (1, 3):
            self.declare(i, True)

    @rule(actor=actors, receiver=actors, shares=sizes)
    def mint(self, actor: str, receiver: str, shares: int) -> None:
        self._mint(actor, receiver, shares)

    @rule(actor=st.sampled_from(PEOPLE), receiver=actors, part=parts, skip=st.integers(0, 31))
    def redeem(self, actor: str, receiver: str, part: int, skip: int) -> None:
        actor = self._holder(actor)
        shares = self.model.shares[actor] * part // 10_000
        if shares and self._payable(shares, skip):
            self._redeem(actor, receiver, shares, skip)
        elif shares:
            self._fails("erc20: insufficient balance", "redeem", shares, receiver, [0] * 5, MAX_UINT, sender=actor)
        else:
            self._fails("vault: shares out of range", "redeem", 0, receiver, [0] * 5, MAX_UINT, sender=actor)

    @rule(actor=actors, shares=sizes)
    def mint_and_redeem_at_once(self, actor: str, shares: int) -> None:
        """V-5"""
        paid = self._mint(actor, actor, shares)
        if self._payable(shares, 0):
            back = self._redeem(actor, actor, shares, 0)
            assert all(out <= put for out, put in zip(back, paid, strict=True))

    @rule(actor=actors, receiver=actors, part=parts)
    def transfer(self, actor: str, receiver: str, part: int) -> None:
        shares = self.model.shares[actor] * part // 10_000
        self.model.transfer(actor, receiver, shares)
        self.vault.call("transfer", receiver, shares, sender=actor)

    @rule(actor=actors, receiver=actors, excess=st.integers(1, 10**24))
    def overspend(self, actor: str, receiver: str, excess: int) -> None:
        """V-7"""
        shares = self.model.shares[actor] + excess
        self._fails("share: insufficient balance", "transfer", receiver, shares, sender=actor)
        self._fails("share: insufficient balance", "redeem", shares, receiver, [0] * 5, MAX_UINT, sender=actor)

    @rule(seconds=st.one_of(st.integers(1, 100), st.integers(1, 10**7), st.just(365 * 86_400)))
    def wait(self, seconds: int) -> None:
        pending = self.model.pending
        self.chain.set_time(self.chain.timestamp + seconds)
        self.model.now = self.chain.timestamp
        # V-6
        assert self.model.pending >= pending

    @rule(actor=actors, i=places, amount=sizes)
    def donate(self, actor: str, i: int, amount: int) -> None:
        self.model.tokens[i].balance += amount
        self.tokens[i].call("transfer", self.vault.address, amount, sender=actor)

    @rule(caller=actors)
    def collect_fees(self, caller: str) -> None:
        assert self.vault.call("collect_fees", sender=caller) == self.model.collect()

    @rule(i=places, part=st.integers(0, 10_000))
    def lose(self, i: int, part: int) -> None:
        amount = self.model.tokens[i].balance * part // 10_000
        self.model.tokens[i].balance -= amount
        self.tokens[i].call("slash", self.vault.address, amount)

    @rule(caller=actors, i=places)
    def sync(self, caller: str, i: int) -> None:
        """V-8"""
        assert self.vault.call("sync", self.tokens[i].address, sender=caller) == self.model.sync(i)
        assert self.vault.call("sync", self.tokens[i].address, sender=caller) == WAD
        assert self.model.tokens[i].promised(self.model.base) <= self.model.tokens[i].balance

    @rule(i=places, rebasing=st.booleans())
    def declare(self, i: int, rebasing: bool) -> None:
        self.model.tokens[i].rebasing = rebasing
        self.vault.call("set_rebasing", self.tokens[i].address, rebasing, sender=OWNER)

    @rule(actor=st.sampled_from(PEOPLE), i=places)
    def claim(self, actor: str, i: int) -> None:
        owners = [person for person in PEOPLE if self.model.tokens[i].claims[person]]
        actor = actor if actor in owners or not owners else owners[0]
        expected, before = self.model.claim(actor, i), self._balances(actor)[i]
        assert self.vault.call("claim", self.tokens[i].address, actor, sender=actor) == expected
        assert self.vault.call("claim_of", actor, self.tokens[i].address) == 0
        assert self._balances(actor)[i] == before + expected

    @rule(actor=actors, i=places, amount=sizes)
    def deposit(self, actor: str, i: int, amount: int) -> None:
        amounts = [amount if i == j else 0 for j in range(5)]
        if self.model.tokens[i].left(self.model.base_in) == 0 or not self.model.tokens[i].index:
            self._fails("float: token is worthless", "deposit_float", amounts, sender=actor)
        else:
            self.model.deposit(actor, i, amount)
            self.vault.call("deposit_float", amounts, sender=actor)

    @rule(actor=actors, shares=sizes)
    def mint_from_deposits(self, actor: str, shares: int) -> None:
        """Brings in what is missing of each component and mints from float at once."""
        for i, token in enumerate(self.model.tokens):
            self.sync(actor, i)
            short = self.model.float_cost(shares)[i] - token.floats[actor]
            if short > 0:
                self.deposit(actor, i, short * token.index // WAD + 2)
        self.model.mint_from_float(actor, shares)
        data = self.vault.call("basket_version")
        self.vault.call("mint_from_float", shares, actor, data, MAX_UINT, sender=actor)

    @rule(actor=st.sampled_from(PEOPLE), part=parts)
    def redeem_to_float(self, actor: str, part: int) -> None:
        actor = self._holder(actor)
        shares = self.model.shares[actor] * part // 10_000
        if shares:
            for i in range(5):
                self.sync(actor, i)
            self.model.redeem_to_float(actor, shares)
            self.vault.call("redeem_to_float", shares, self.vault.call("basket_version"), MAX_UINT, sender=actor)

    @rule(actor=st.sampled_from(PEOPLE), i=places, part=parts)
    def withdraw(self, actor: str, i: int, part: int) -> None:
        self.sync(actor, i)
        token = self.model.tokens[i]
        amount = token.worth(token.floats[actor]) * part // 10_000
        if amount:
            self.model.withdraw(actor, i, amount)
            before = self._balances(actor)[i]
            amounts = [amount if i == j else 0 for j in range(5)]
            self.vault.call("withdraw_float", amounts, actor, sender=actor)
            assert self._balances(actor)[i] == before + amount

    @invariant()
    def invariant_V1_promises_are_backed(self) -> None:
        """V-1: base * unit + claims + float <= balance for each token without a pending shortfall."""
        for place, token in zip(self.model.tokens, self.tokens, strict=True):
            assert token.call("balanceOf", self.vault.address) == place.balance
            if place.left(self.model.base_in) == WAD:
                assert place.promised(self.model.base) <= place.balance

    @invariant()
    def invariant_V9_claims_and_float_are_as_promised(self) -> None:
        """V-9: what each can claim and withdraw is what he left or brought, times what losses left of it."""
        for actor in ACTORS[:2]:
            floats = self.vault.call("float_of", actor)
            assert list(floats) == [token.worth(token.floats[actor]) for token in self.model.tokens]
            for place, token in zip(self.model.tokens, self.tokens, strict=True):
                assert self.vault.call("claim_of", actor, token.address) == place.worth(place.claims[actor])

    @invariant()
    def invariant_V2_supply_is_balances_and_pending_fees(self) -> None:
        """V-2: totalSupply = the sum of balances + pending fees = base * growth, rounded down."""
        balances = [self.vault.call("balanceOf", person) for person in PEOPLE]
        assert balances == [self.model.shares[person] for person in PEOPLE]
        total, pending = self.vault.call("totalSupply"), self.vault.call("pending_fees")
        assert (total, pending) == (self.model.total, self.model.pending)
        assert total == sum(balances) + pending

    def _holder(self, actor: str) -> str:
        """The actor, or who holds most when he holds nothing: most acts want a holder."""
        return actor if self.model.shares[actor] else max(PEOPLE, key=lambda person: self.model.shares[person])

    def _payable(self, shares: int, skip: int) -> bool:
        """Whether the balances cover a redeem: a loss nobody shared yet may leave too little."""
        return all(
            skip >> i & 1 or amount <= token.balance
            for i, (amount, token) in enumerate(zip(self.model.preview_redeem(shares), self.model.tokens, strict=True))
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
        moved = [0 if skip >> i & 1 else amount for i, amount in enumerate(expected)]
        assert self._balances(receiver) == [had + amount for had, amount in zip(before, moved, strict=True)]
        return expected

    def _balances(self, who: str) -> list[int]:
        return [token.call("balanceOf", who) for token in self.tokens]

    def _fails(self, reason: str, name: str, *arguments: object, sender: str) -> None:
        with pytest.raises(Reverted, match=reason):
            self.vault.call(name, *arguments, sender=sender)


TestVault = VaultMachine.TestCase
TestVault.settings = settings(
    max_examples=100_000 if LONG else 200,
    stateful_step_count=60 if LONG else 40,
    derandomize=not LONG,
    deadline=None,
)
