# SPDX-License-Identifier: AGPL-3.0-only
"""Components of 0 to 27 decimals, all in one index, and supplies from one wei to nearly the largest: what is taken,
paid, owed and bid is what fractions say, to the base unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import pytest
from scripts.artifacts import compile_contract

from tests.helpers.index import factory_on
from tests.helpers.reference.vault import ceil, floor, growth
from tests.helpers.revm import Chain, Contract, Reverted

WAD = 10**18
MAX_UINT = 2**256 - 1
KEEP = MAX_UINT
YEAR_S, DAY_S = 365 * 86_400, 86_400
START_S = 1_700_000_000
DECIMALS = range(28)
FEED_DECIMALS = tuple((0, 8, 18)[d % 3] for d in DECIMALS)
USD = tuple(1 + d % 7 for d in DECIMALS)
WHOLE = Fraction(1_234_567, 10**6)
"""Whole tokens a share, of each."""
AMOUNTS = tuple(WHOLE * 10**d for d in DECIMALS)
"""{tok/share}; of few decimals a share is no whole number of base units."""
MINT_BPS, REDEEM_BPS, STREAMING_BPS = 7, 11, 1_000
SUPPLIES = (1, 999, 10**12 + 1, WAD + 1, 10**26 + 7, 4 * 10**33)
"""{share}, in wei; an index counts up to 2**112, pending fees included."""
FLOAT_POINTS = 2**128
HOLDER, OWNER, RECIPIENT, BIDDER = (f"0x{0xC0 + i:040x}" for i in range(4))


@dataclass
class Stage:
    chain: Chain
    tokens: list[Contract]
    oracle: Contract
    vault: Contract
    house: Contract

    def mint(self, shares: int) -> list[int]:
        return list(self.vault.call("mint", shares, HOLDER, [MAX_UINT] * 28, MAX_UINT, sender=HOLDER))

    def redeem(self, shares: int, skip: int = 0, who: str = HOLDER) -> list[int]:
        return list(self.vault.call("redeem_skipping", shares, who, [0] * 28, skip, MAX_UINT, sender=who))

    def balances(self, who: str) -> list[int]:
        return [token.call("balanceOf", who) for token in self.tokens]

    def publish(self) -> None:
        for feed, usd in enumerate(USD):
            self.oracle.call("set_price", feed, usd * 10 ** FEED_DECIMALS[feed])

    def pass_time(self, seconds: int) -> None:
        self.chain.set_time(self.chain.timestamp + seconds)

    def is_solvent(self) -> bool:
        """V-1: what everybody could take out together is there."""
        owed = self.vault.call("preview_redeem", self.vault.call("totalSupply"))
        reserved = self.vault.call("float_of", HOLDER)
        held = self.balances(self.vault.address)
        return all(due + rest <= has for due, rest, has in zip(owed, reserved, held, strict=True))


@pytest.fixture(scope="module")
def built() -> Stage:
    chain = Chain(START_S)
    tokens = [chain.deploy(compile_contract("MockERC20"), f"T{d}", f"T{d}", d) for d in DECIMALS]
    oracle = chain.deploy(compile_contract("MockOracle"), [f"T{d}/USD" for d in DECIMALS], list(FEED_DECIMALS))
    units = [int(amount * WAD) for amount in AMOUNTS]
    addresses = [token.address for token in tokens]
    fees = MINT_BPS, REDEEM_BPS, STREAMING_BPS
    params = ("Matrix", "MTX", addresses, units, oracle.address, list(DECIMALS), *fees, OWNER, RECIPIENT)
    index = factory_on(chain).call("create", params)
    vault = Contract(chain, index, compile_contract("IndexVault").abi)
    house = Contract(chain, vault.call("auction_house"), compile_contract("AuctionHouse").abi)
    for token in tokens:
        for who in (HOLDER, BIDDER):
            token.call("mint", who, 2**160)
            token.call("approve", index, MAX_UINT, sender=who)
    return Stage(chain, tokens, oracle, vault, house)


@pytest.fixture
def stage(built: Stage) -> Iterator[Stage]:
    before = built.chain.evm.snapshot()
    built.chain.set_time(START_S)
    yield built
    built.chain.evm.revert(before)


def spent(before: list[int], after: list[int]) -> list[int]:
    return [had - has for had, has in zip(before, after, strict=True)]


def base_to_mint(shares: int, grown: int) -> int:
    return ceil(Fraction((shares + ceil(Fraction(shares * MINT_BPS, 10_000))) * WAD, grown))


def base_to_redeem(shares: int, grown: int) -> int:
    return floor(Fraction((shares - ceil(Fraction(shares * REDEEM_BPS, 10_000))) * WAD, grown))


@pytest.mark.parametrize("shares", SUPPLIES)
def test_mint_and_redeem__of_every_decimals__move_what_the_units_say(stage: Stage, shares: int):
    born = stage.chain.timestamp
    had = stage.balances(HOLDER)
    grown = growth(0, STREAMING_BPS)
    expected = [ceil(base_to_mint(shares, grown) * amount / WAD) for amount in AMOUNTS]
    assert list(stage.vault.call("preview_mint", shares)) == expected
    assert stage.mint(shares) == expected == spent(had, stage.balances(HOLDER))
    assert stage.is_solvent()

    stage.pass_time(YEAR_S)
    grown = growth(stage.chain.timestamp - born, STREAMING_BPS)
    expected = [floor(base_to_redeem(shares, grown) * amount / WAD) for amount in AMOUNTS]
    had = stage.balances(HOLDER)
    assert list(stage.vault.call("preview_redeem", shares)) == expected
    assert stage.redeem(shares) == expected == spent(stage.balances(HOLDER), had)
    assert stage.is_solvent()


@pytest.mark.parametrize("shares", SUPPLIES)
def test_fees__of_every_supply__are_what_time_and_operations_left(stage: Stage, shares: int):
    born = stage.chain.timestamp
    stage.mint(shares)
    stage.pass_time(YEAR_S)
    base = base_to_mint(shares, WAD)
    total = base * growth(stage.chain.timestamp - born, STREAMING_BPS) // WAD
    assert stage.vault.call("totalSupply") == total
    assert stage.vault.call("collect_fees") == total - shares == stage.vault.call("balanceOf", RECIPIENT)
    if total > shares:
        paid = stage.redeem(total - shares, who=RECIPIENT)
        assert stage.balances(RECIPIENT) == paid
    assert stage.is_solvent()


@pytest.mark.parametrize("shares", SUPPLIES[:-1])
def test_float__of_every_decimals__is_charged_up_and_credited_down(stage: Stage, shares: int):
    cost = [ceil(base_to_mint(shares, WAD) * amount / WAD) for amount in AMOUNTS]
    brought = [2 * amount + 1 for amount in cost]
    stage.vault.call("deposit_float", brought, sender=HOLDER)
    version = stage.vault.call("basket_version")
    had = stage.balances(HOLDER)
    stage.vault.call("mint_from_float", shares, HOLDER, version, MAX_UINT, sender=HOLDER)
    left = spent(brought, cost)
    assert list(stage.vault.call("float_of", HOLDER)) == left
    stage.vault.call("redeem_to_float", shares, version, MAX_UINT, sender=HOLDER)
    paid = [floor(base_to_redeem(shares, WAD) * amount / WAD) for amount in AMOUNTS]
    left = [rest + amount for rest, amount in zip(left, paid, strict=True)]
    assert list(stage.vault.call("float_of", HOLDER)) == left
    assert stage.is_solvent()
    stage.vault.call("withdraw_float", left, HOLDER, sender=HOLDER)
    assert spent(stage.balances(HOLDER), had) == left
    assert not any(stage.vault.call("float_of", HOLDER))


def test_float__holds_up_to_128_bits__and_says_so_beyond(stage: Stage):
    amounts = [0] * 27
    stage.vault.call("deposit_float", [*amounts, FLOAT_POINTS - 1], sender=HOLDER)
    with pytest.raises(Reverted, match="float: too large"):
        stage.vault.call("deposit_float", [*amounts, 1], sender=HOLDER)
    stage.vault.call("withdraw_float", [*amounts, FLOAT_POINTS - 1], HOLDER, sender=HOLDER)


@pytest.mark.parametrize("shares", SUPPLIES)
def test_claims__of_every_decimals__are_what_was_skipped(stage: Stage, shares: int):
    stage.mint(shares)
    had = stage.balances(HOLDER)
    owed = stage.redeem(shares, skip=2**28 - 1)
    assert stage.balances(HOLDER) == had
    assert [stage.vault.call("claim_of", HOLDER, token.address) for token in stage.tokens] == owed
    for token in stage.tokens:
        stage.vault.call("claim", token.address, HOLDER, sender=HOLDER)
    assert spent(stage.balances(HOLDER), had) == owed
    assert stage.is_solvent()


def test_nav__of_every_decimals_of_token_and_feed__is_the_sum_of_what_they_are_worth(stage: Stage):
    stage.mint(WAD)
    stage.publish()
    assert stage.vault.call("nav", 60) == floor(sum(WHOLE * usd for usd in USD) * WAD)


@pytest.mark.parametrize(("bit", "shares"), [*((bit, 10**24 + 7) for bit in range(5)), (0, SUPPLIES[-1])])
def test_bids__of_any_decimals_for_any_other__pay_the_price_to_the_base_unit(stage: Stage, bit: int, shares: int):
    """Half of the components are sold for the other half, and back: all bits together make every pair."""
    stage.mint(shares)
    for selling in (0, 1):
        sells = [d for d in DECIMALS if (d >> bit) & 1 == selling]
        buys = [d for d in DECIMALS if d not in sells]
        units = stage.vault.call("components")[1]
        plan = [unit // 2 if d in sells else 3 * unit for d, unit in enumerate(units)]
        open_auction(stage, plan)
        for sell in sells:
            lot = stage.house.call("lots", stage.vault.address)[0][sell]
            for buy in buys:
                check_bid(stage, sell, buy, lot // 30)
        assert stage.is_solvent()
        stage.house.call("close", stage.vault.address, sender=OWNER)
        assert stage.is_solvent()


def open_auction(stage: Stage, plan: list[int]) -> None:
    proposal = (plan, [], 0, 10_001, 9_999, DAY_S, 3_600)
    stage.house.call("propose", stage.vault.address, proposal, sender=OWNER)
    stage.pass_time(DAY_S)
    stage.house.call("open", stage.vault.address, sender=OWNER)
    stage.publish()


def check_bid(stage: Stage, sell: int, buy: int, most: int) -> None:
    pair = [stage.tokens[sell], stage.tokens[buy]]
    had = [token.call("balanceOf", BIDDER) for token in pair]
    sold, bought = stage.house.call(
        "bid", stage.vault.address, *(token.address for token in pair), most, 0, MAX_UINT, b"", sender=BIDDER
    )
    rate = Fraction(USD[sell] * 10**buy, USD[buy] * 10**sell) * Fraction(10_001, 10_000)
    assert (sold, bought) == (most, ceil(most * rate))
    assert spent(had, [token.call("balanceOf", BIDDER) for token in pair]) == [-sold, bought]
