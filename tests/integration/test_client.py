# SPDX-License-Identifier: AGPL-3.0-only
"""The client library on a real chain, deployed as any local chain is."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from eth_account import Account
from scripts.deployment import cast, steps
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.market import deploy
from tests.helpers.stage import connected, undone
from tests.helpers.stage import deployed as deployed_chain
from web3 import AsyncHTTPProvider, AsyncWeb3

from plumbline import AsyncOracle, AsyncVault, Oracle, Vault
from plumbline.client import Event, StalePrice, errors, parse_units

pytestmark = pytest.mark.anvil
PARAMETERS = Parameters(heartbeat_s=600)
AGE_S = 10_000
WAD = 10**18


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Anvil, Chain]]:
    with deployed_chain(PARAMETERS) as stage:
        yield stage


@pytest.fixture
def chain(deployed: tuple[Anvil, Chain]) -> Iterator[Chain]:
    """As it was deployed: what a test does is undone."""
    anvil, chain = deployed
    with undone(anvil.url):
        yield chain


@pytest.fixture
def url(deployed: tuple[Anvil, Chain]) -> str:
    return deployed[0].url


@pytest.fixture
def oracle(chain: Chain, url: str) -> Iterator[Oracle]:
    with Oracle(url, chain.address("oracle")) as oracle:
        yield oracle


@pytest.fixture
def vault(chain: Chain, url: str) -> Iterator[Vault]:
    with Vault(url, chain.address("vault")) as vault:
        yield vault


@pytest.fixture
def depositor(chain: Chain, url: str) -> Account:
    """Somebody with a key of his own, ether and the components of ten shares and more."""
    account = Account.from_key(b"\x42" * 32)
    rpc(url, "anvil_setBalance", account.address, hex(10**18))
    for token in cast.COMPONENTS:
        contract = chain.at(f"token {token.symbol}", steps.compile_contract("MockERC20").abi)
        chain.send(contract.functions.mint(account.address, 20 * token.per_share), cast.address("owner"))
    return account


def test_price__by_name__is_exact_dated_and_in_the_feeds_unit(oracle: Oracle, chain: Chain) -> None:
    price = oracle.price("BTC/USD", max_age_s=AGE_S)
    assert price.value == Fraction(60_000)
    assert str(price) == "60000.00000000 USD per BTC"
    assert price.round_id == 1
    block = chain.web3.eth.get_block("latest")
    assert price.age_s == block["timestamp"] - price.timestamp
    assert price.feed.heartbeat_s == 600
    assert price.feed.deviation_bps == 25


def test_price__without_an_age__uses_the_feeds_own_heartbeat(oracle: Oracle, url: str) -> None:
    assert oracle.price("EUR/USD").value == Fraction(108, 100)
    rpc(url, "evm_increaseTime", 600 + PARAMETERS.max_lateness_s + 1)
    rpc(url, "evm_mine")
    with pytest.raises(StalePrice):
        oracle.price("EUR/USD")
    assert oracle.latest("EUR/USD").age_s > 900


def test_prices__several_in_one_call__all_or_nothing(oracle: Oracle) -> None:
    found = oracle.prices(["BTC/USD", "EUR/USD"], AGE_S)
    assert {name: price.value for name, price in found.items()} == {"BTC/USD": 60_000, "EUR/USD": Fraction(108, 100)}
    with pytest.raises(errors.UnknownFeed, match="'DOGE/USD'"):
        oracle.prices(["BTC/USD", "DOGE/USD"], AGE_S)


def test_price__paused_and_tripped__are_errors_of_their_own(oracle: Oracle, chain: Chain) -> None:
    functions = chain.at("oracle", steps.compile_contract("MedianOracle").abi).functions
    chain.send(functions.trip(1), cast.address("owner"))
    with pytest.raises(errors.FeedTripped):
        oracle.price("USDC/USD", AGE_S)
    latest = oracle.all_latest()
    assert isinstance(latest["USDC/USD"], errors.FeedTripped)
    assert latest["BTC/USD"].value == 60_000
    chain.send(functions.pause(), cast.address("owner"))
    with pytest.raises(errors.OraclePaused):
        oracle.price("BTC/USD", AGE_S)
    assert oracle.state().paused


def test_history__by_round_and_by_time(oracle: Oracle) -> None:
    now = oracle.latest("BTC/USD")
    assert oracle.price_in_round("BTC/USD", 1).timestamp == now.timestamp
    assert oracle.price_at("BTC/USD", now.timestamp).amount == now.amount
    with pytest.raises(errors.RoundNotInHistory):
        oracle.price_in_round("BTC/USD", 2)
    with pytest.raises(errors.TimeNotReached):
        oracle.price_at("BTC/USD", now.timestamp + 10_000)


def test_twap__is_the_average_of_what_was_served__and_none_where_the_oracle_keeps_none(
    oracle: Oracle, chain: Chain, url: str
) -> None:
    with pytest.raises(errors.KeepsNoTwap):
        oracle.twap("BTC/USD", 60)
    mock = deploy(chain.web3, "MockOracle", ["BTC/USD"], [8], sender=cast.address("owner"))
    start = chain.web3.eth.get_block("latest")["timestamp"] + 100
    for at, price in ((start, 100), (start + 30, 200), (start + 40, 300)):
        rpc(url, "evm_setNextBlockTimestamp", at)
        chain.send(mock.functions.set_price(0, price * 10**8), cast.address("owner"))
    with Oracle(url, mock.address) as mocked:
        average = mocked.twap("BTC/USD", 40)
        assert (average.value, average.start, average.end) == (125, start, start + 40)
        assert str(average) == "125.00000000 USD per BTC"
        assert mocked.twap("BTC/USD", 20, end=start + 30).value == 100
        with pytest.raises(errors.TimeNotReached):
            mocked.twap("BTC/USD", 20, end=start + 1_000)
        with pytest.raises(ValueError, match="window_s: expected 1 to"):
            mocked.twap("BTC/USD", -1)


def test_notices__announced_on_chain__come_with_the_price__until_withdrawn(chain: Chain, url: str) -> None:
    functions = chain.at("feed notices", steps.compile_contract("FeedNotices").abi).functions
    where, owner, newer = chain.address("oracle"), cast.address("owner"), chain.address("oracle")
    ends_at = chain.web3.eth.get_block("latest")["timestamp"] + 20 * 86_400
    with Oracle(url, where, notices=chain.address("feed notices")) as oracle:
        assert oracle.notices() == {}
        assert oracle.price("EUR/USD", AGE_S).notice is None
        chain.send(functions.announce(where, 3, ends_at, newer, 1, "the euro goes on elsewhere"), owner)
        notice = oracle.price("EUR/USD", AGE_S).notice
        assert notice is not None
        assert (notice.ends_at, notice.reason) == (ends_at, "the euro goes on elsewhere")
        assert (notice.successor, notice.successor_feed) == (newer, 1)
        assert oracle.latest("EUR/USD").notice == oracle.notices()["EUR/USD"] == notice
        both = oracle.prices(["BTC/USD", "EUR/USD"], AGE_S)
        assert (both["BTC/USD"].notice, both["EUR/USD"].notice) == (None, notice)
        chain.send(functions.withdraw(where, 3), owner)
        assert oracle.price("EUR/USD", AGE_S).notice is None
    with Oracle(url, where) as deaf, pytest.raises(ValueError, match="notices: expected the address of a FeedNotices"):
        deaf.notices()


def test_state__tells_feeds_reporters_and_roles(oracle: Oracle) -> None:
    state = oracle.state()
    assert [feed.name for feed in state.feeds] == [feed.name for feed in cast.FEEDS]
    assert state.reporters == tuple(cast.address(role) for role in cast.REPORTERS)
    assert (state.owner, state.chain_id, state.round_id) == (cast.address("owner"), cast.LOCAL_CHAIN_ID, 1)


def test_rounds__backfilled_from_the_first_block(oracle: Oracle) -> None:
    (only,) = oracle.rounds(since_block=0, follow=False)
    assert only.round_id == 1
    assert only.amounts == {feed.name: feed.opening for feed in cast.FEEDS}


def test_mint_and_redeem__with_an_account_of_ones_own__moves_what_the_preview_said(
    vault: Vault, depositor: Account
) -> None:
    shares = parse_units("1.5")
    preview = vault.preview_mint(shares)
    minted = vault.mint(shares, depositor, approve=True)
    assert minted.shares.amount == shares
    assert vault.balance(depositor.address).value == Fraction(3, 2)
    # A streaming fee accrues between the two: never more than the preview, and a wei or two less at most.
    for paid, foreseen in zip(minted.amounts, preview, strict=True):
        assert foreseen.amount - 2 <= paid.amount <= foreseen.amount, str(paid.token)
    assert minted.fee_shares.amount == shares * PARAMETERS.mint_fee_bps // 10_000
    assert minted.receipt.fee_wei > 0

    foreseen = vault.preview_redeem(shares)
    redeemed = vault.redeem(shares, depositor)
    assert vault.balance(depositor.address).amount == 0
    for got, expected in zip(redeemed.amounts, foreseen, strict=True):
        assert expected.amount - 2 <= got.amount <= expected.amount


def test_mint__without_allowance__is_a_token_error_and_sends_nothing(
    vault: Vault, depositor: Account, chain: Chain
) -> None:
    with pytest.raises(errors.Reverted) as caught:
        vault.mint(WAD, depositor)
    assert caught.value.tx_hash == ""
    assert chain.web3.eth.get_transaction_count(depositor.address) == 0


def test_mint__beyond_the_limits_given__is_an_amount_limit(vault: Vault, depositor: Account) -> None:
    with pytest.raises(errors.AmountLimit):
        vault.mint(WAD, depositor, max_amounts=[1, 1, 1, 1], approve=True)
    with pytest.raises(errors.SharesOutOfRange):
        vault.mint(0, depositor)
    with pytest.raises(errors.DeadlinePassed):
        vault.mint(WAD, depositor, deadline_s=-1_000, approve=True)


def test_mint__paused_or_above_the_cap__is_typed__and_redeem_goes_on(
    vault: Vault, depositor: Account, chain: Chain
) -> None:
    vault.mint(2 * WAD, depositor, approve=True)
    functions = chain.at("vault", steps.compile_contract("IndexVault").abi).functions
    chain.send(functions.set_supply_cap(2), cast.address("owner"))
    with pytest.raises(errors.AboveSupplyCap):
        vault.mint(WAD, depositor, approve=True)
    chain.send(functions.pause(), cast.address("owner"))
    with pytest.raises(errors.VaultPaused):
        vault.mint(WAD, depositor, approve=True)
    assert vault.basket().paused
    vault.redeem(2 * WAD, depositor)


def test_redeem__more_than_one_has__is_insufficient_shares(vault: Vault, depositor: Account) -> None:
    with pytest.raises(errors.InsufficientShares):
        vault.redeem(WAD, depositor)


def test_redeem__skipping_a_component__leaves_a_claim_that_pays(vault: Vault, depositor: Account) -> None:
    vault.mint(WAD, depositor, approve=True)
    usdt = next(part.token for part in vault.basket().components if part.token.symbol == "USDT")
    foreseen = {amount.token.symbol: amount.amount for amount in vault.preview_redeem(WAD)}
    settled = vault.redeem(WAD, depositor, skip=[usdt.address])
    assert {amount.token.symbol: amount.amount for amount in settled.amounts}["USDT"] == 0
    left = {amount.token.symbol: amount.amount for amount in vault.claims(depositor.address)}
    assert 0 <= foreseen["USDT"] - left["USDT"] <= 2
    assert {symbol for symbol, amount in left.items() if amount} == {"USDT"}
    vault.claim(usdt.address, depositor)
    assert not any(amount.amount for amount in vault.claims(depositor.address))


def test_redeem__skipping_what_is_no_component__is_refused_here(vault: Vault, depositor: Account) -> None:
    with pytest.raises(errors.NotAComponent, match="is none of"):
        vault.redeem(WAD, depositor, skip=[depositor.address])


def test_quote__amounts_are_the_previews_and_the_cost_is_the_fee(vault: Vault) -> None:
    quote = vault.quote_mint(100 * WAD, AGE_S)
    assert quote.amounts == vault.preview_mint(100 * WAD)
    assert quote.total == sum(quote.worth)
    assert abs(quote.cost_bps - PARAMETERS.mint_fee_bps) < Fraction(1, 100)
    back = vault.quote_redeem(100 * WAD, AGE_S)
    assert abs(back.cost_bps - PARAMETERS.redeem_fee_bps) < Fraction(1, 100)
    assert abs(quote.nav.value - Fraction(1316, 10)) < Fraction(1, 10_000)


def test_quote__without_a_price__has_the_oracles_reason_but_the_preview_goes_on(vault: Vault, url: str) -> None:
    rpc(url, "evm_increaseTime", 100)
    rpc(url, "evm_mine")
    with pytest.raises(StalePrice):
        vault.quote_redeem(WAD, max_age_s=10)
    assert len(vault.preview_redeem(WAD)) == 4


def test_basket__tells_units_fees_and_supply(vault: Vault, chain: Chain) -> None:
    basket = vault.basket()
    assert [(part.token.symbol, part.feed) for part in basket.components] == [
        (token.symbol, token.feed) for token in cast.COMPONENTS
    ]
    for part, token in zip(basket.components, cast.COMPONENTS, strict=True):
        assert abs(part.per_share - Fraction(token.per_share, 10**token.decimals)) < Fraction(1, 10**6)
    assert (basket.mint_fee_bps, basket.redeem_fee_bps, basket.streaming_fee_bps) == (5, 5, 50)
    assert basket.share.symbol == cast.INDEX_SYMBOL
    assert basket.oracle == chain.address("oracle")


def test_auction__proposed_then_open__with_what_is_left_and_what_a_bid_pays(
    vault: Vault, depositor: Account, chain: Chain, url: str
) -> None:
    assert vault.auction() is None
    vault.mint(WAD, depositor, approve=True)
    functions = chain.at("auction house", steps.compile_contract("AuctionHouse").abi).functions
    where, owner, keep = chain.address("vault"), cast.address("owner"), 2**256 - 1
    # A tenth of the USDC into EURC.
    units = [keep, 22_500_000 * WAD, keep, 23_000_000 * WAD]
    chain.send(functions.propose(where, (units, [], 0, 10_050, 9_950, 3_600, 3_600)), owner)
    proposed = vault.auction()
    assert proposed is not None
    assert (proposed.state, proposed.factor_bps, proposed.paused) == ("proposed", None, False)
    rpc(url, "evm_increaseTime", 86_401)
    rpc(url, "evm_mine")
    chain.send(functions.open(where), owner)
    auction = vault.auction()
    assert auction is not None
    assert (auction.state, auction.start_bps, auction.floor_bps, auction.max_age_s) == ("open", 10_050, 9_950, 3_600)
    assert auction.factor_bps == 10_050
    assert auction.left_s == 3_600
    left = {lot.token.symbol: (lot.surplus.amount > 0, lot.deficit.amount > 0) for lot in auction.lots}
    assert left == {"WBTC": (False, False), "USDC": (True, False), "USDT": (False, False), "EURC": (False, True)}


def test_permit__is_used_by_somebody_else__once(vault: Vault, depositor: Account, chain: Chain) -> None:
    spender = cast.address("trader")
    permit = vault.permit(depositor, spender, 7 * WAD)
    assert chain.web3.eth.get_transaction_count(depositor.address) == 0
    vault.use_permit(permit, cast.address("keeper"))
    functions = chain.at("vault", steps.compile_contract("IndexVault").abi).functions
    assert functions.allowance(depositor.address, spender).call() == 7 * WAD
    with pytest.raises(errors.PermitRefused, match="invalid signature"):
        vault.use_permit(permit, cast.address("keeper"))


def test_permit__changed_or_too_late__is_refused(vault: Vault, depositor: Account, url: str) -> None:
    permit = vault.permit(depositor, cast.address("trader"), WAD, deadline_s=60)
    with pytest.raises(errors.PermitRefused, match="invalid signature"):
        vault.use_permit(replace(permit, value=2 * WAD), cast.address("keeper"))
    rpc(url, "evm_increaseTime", 120)
    rpc(url, "evm_mine")
    with pytest.raises(errors.PermitRefused, match="permit expired"):
        vault.use_permit(permit, cast.address("keeper"))


def test_events__of_the_vault__are_those_of_the_acts(vault: Vault, depositor: Account, chain: Chain) -> None:
    since = chain.web3.eth.block_number + 1
    vault.mint(WAD, depositor, approve=True)
    vault.redeem(WAD, depositor)
    found = list(vault.events("Minted", "Redeemed", since_block=since, follow=False))
    assert [event.name for event in found if isinstance(event, Event)] == ["Minted", "Redeemed"]
    assert all(event["caller"] == depositor.address and event["shares"] == WAD for event in found)


def test_async__reads_mints_and_follows_as_the_other(chain: Chain, url: str, depositor: Account) -> None:
    async def play() -> tuple[str, int, list[str]]:
        async with (
            AsyncOracle(url, chain.address("oracle")) as oracle,
            AsyncVault(url, chain.address("vault")) as vault,
        ):
            price = await oracle.price("BTC/USD", AGE_S)
            since = chain.web3.eth.block_number + 1
            await vault.mint(WAD, depositor, approve=True)
            names = [event.name async for event in vault.events("Minted", since_block=since, follow=False)]
            return str(price), (await vault.balance(depositor.address)).amount, names

    assert asyncio.run(play()) == ("60000.00000000 USD per BTC", WAD, ["Minted"])


def test_provider__a_web3_and_an_async_web3__give_the_same_price(chain: Chain, url: str) -> None:
    where = chain.address("oracle")
    with connected(url) as web3:
        from_web3 = Oracle(web3, where).price("BTC/USD", AGE_S)

    async def ask() -> object:
        provider = AsyncHTTPProvider(url)
        try:
            return await AsyncOracle(AsyncWeb3(provider), where).price("BTC/USD", AGE_S)
        finally:
            await provider.disconnect()

    assert from_web3.amount == asyncio.run(ask()).amount


def test_oracle__that_nobody_closes__leaves_no_socket_open(chain: Chain, url: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert Oracle(url, chain.address("oracle")).latest("BTC/USD").value == 60_000
        gc.collect()
    assert [str(each.message) for each in told if issubclass(each.category, ResourceWarning)] == []


def test_keys_and_signatures__are_in_no_log_and_no_repr(
    vault: Vault, depositor: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    permit = vault.permit(depositor, cast.address("trader"), WAD)
    vault.mint(WAD, depositor, approve=True)
    told = caplog.text + repr(permit) + repr(vars(vault))
    assert depositor.key.hex() not in told
    assert permit.r.hex() not in told
    assert str(permit.r) not in told
