# SPDX-License-Identifier: AGPL-3.0-only
"""The vault against an independent model: eight actors, time, donations. Invariants are those of docs/invariants.md.

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
    tokens = [chain.deploy(compile_contract("MockERC20"), f"T{d}", f"T{d}", d) for d in DECIMALS]
    names = [f"T{d}/USD" for d in DECIMALS]
    oracle = chain.deploy(compile_contract("MockOracle"), names, [8] * len(names))
    implementation = chain.deploy(compile_contract("IndexVault"))
    return chain, tokens, oracle, chain.deploy(compile_contract("IndexFactory"), implementation.address)


class VaultMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.chain, self.tokens, self.oracle, self.factory = stage()
        self.start = self.chain.evm.snapshot()
        self.chain.set_time(START_S)
        self.donated = [0] * len(self.tokens)

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

    @rule(actor=actors, receiver=actors, shares=sizes)
    def mint(self, actor: str, receiver: str, shares: int) -> None:
        self._mint(actor, receiver, shares)

    @rule(actor=st.sampled_from(PEOPLE), receiver=actors, part=parts)
    def redeem(self, actor: str, receiver: str, part: int) -> None:
        shares = self.model.shares[actor] * part // 10_000
        if shares:
            self._redeem(actor, receiver, shares)
        else:
            self._fails("vault: shares out of range", "redeem", 0, receiver, [0] * 5, MAX_UINT, sender=actor)

    @rule(actor=actors, shares=sizes)
    def mint_and_redeem_at_once(self, actor: str, shares: int) -> None:
        """V-5"""
        paid = self._mint(actor, actor, shares)
        back = self._redeem(actor, actor, shares)
        assert all(out <= put for out, put in zip(back, paid, strict=True))

    @rule(actor=actors, receiver=actors, part=parts)
    def transfer(self, actor: str, receiver: str, part: int) -> None:
        shares = self.model.shares[actor] * part // 10_000
        self.model.transfer(actor, receiver, shares)
        self.vault.call("transfer", receiver, shares, sender=actor)

    @rule(actor=actors, receiver=actors, excess=st.integers(1, 10**24))
    def overspend(self, actor: str, receiver: str, excess: int) -> None:
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

    @rule(actor=actors, i=st.integers(0, 4), amount=sizes)
    def donate(self, actor: str, i: int, amount: int) -> None:
        self.donated[i] += amount
        self.tokens[i].call("transfer", self.vault.address, amount, sender=actor)

    @rule(caller=actors)
    def collect_fees(self, caller: str) -> None:
        assert self.vault.call("collect_fees", sender=caller) == self.model.collect()

    @invariant()
    def invariant_V1_backing_is_there(self) -> None:
        """V-1: for each component, balance >= base * unit, and it is exactly what came in through the doors."""
        for i, owed in enumerate(self.model.owed(self.model.base)):
            balance = self.tokens[i].call("balanceOf", self.vault.address)
            assert balance - self.donated[i] == self.model.backing[i] >= owed

    @invariant()
    def invariant_V2_supply_is_balances_and_pending_fees(self) -> None:
        """V-2: totalSupply = the sum of balances + pending fees = base * growth, rounded down."""
        balances = [self.vault.call("balanceOf", person) for person in PEOPLE]
        assert balances == [self.model.shares[person] for person in PEOPLE]
        total, pending = self.vault.call("totalSupply"), self.vault.call("pending_fees")
        assert (total, pending) == (self.model.total, self.model.pending)
        assert total == sum(balances) + pending

    @invariant()
    def invariant_V7_everybody_can_leave(self) -> None:
        """V-7: what all shares together would be paid is there."""
        total = self.model.total
        if total:
            payable = self.vault.call("preview_redeem", total)
            for token, amount in zip(self.tokens, payable, strict=True):
                assert token.call("balanceOf", self.vault.address) >= amount

    def _mint(self, actor: str, receiver: str, shares: int) -> list[int]:
        """V-3, V-4: the preview, the act and the model agree to the wei, and that is what moved."""
        preview = list(self.vault.call("preview_mint", shares))
        expected = self.model.mint(receiver, shares)
        before = self._balances(actor)
        paid = list(self.vault.call("mint", shares, receiver, preview, self.chain.timestamp, sender=actor))
        assert preview == paid == expected
        assert self._balances(actor) == [had - amount for had, amount in zip(before, paid, strict=True)]
        return paid

    def _redeem(self, actor: str, receiver: str, shares: int) -> list[int]:
        """V-3, V-4, as for a mint."""
        preview = list(self.vault.call("preview_redeem", shares))
        expected = self.model.redeem(actor, shares)
        before = self._balances(receiver)
        paid = list(self.vault.call("redeem", shares, receiver, preview, self.chain.timestamp, sender=actor))
        assert preview == paid == expected
        assert self._balances(receiver) == [had + amount for had, amount in zip(before, paid, strict=True)]
        return paid

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
