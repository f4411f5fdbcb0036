# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Vault
@license AGPL-3.0-only
@notice One ERC-20 share over a basket of up to 32 tokens, fully backed in kind. Anyone mints by bringing the
        components and redeems by taking them out; neither reads a price.
@dev The accounts are kept in *base* {base}, which no fee ever moves: for each component the vault owes
     base * unit {tok} and holds at least that. Growth {share/base} says how many shares one base answers for
     (modules/streaming_fee.vy); base * growth is the total supply, and what of it is in nobody's balance is the
     pending fee. So mint and redeem fees, the streaming fee and every rounding go to the pending fees by
     themselves, and no operation accrues anything.

     What the vault owes comes from this ledger alone, never from a token balance: a donation changes nothing.

     Runs behind EIP-1167 clones: no immutables, all state set by `initialize`.
@custom:security Components are chosen at creation and trusted to be tokens, not to be kind: what arrives is
                 measured, transfers in are exact or revert, every entry and every price view is locked while a
                 token is being called. The oracle can only make `nav` wrong or revert; it cannot stop a redeem.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.modules import basket
from contracts.modules import constants as c
from contracts.modules import fixed_point
from contracts.modules import ownable
from contracts.modules import share
from contracts.modules import streaming_fee
from contracts.modules import token

implements: IERC20
implements: IIndexVault

initializes: ownable
initializes: share

# ERC-20 and ERC-2612
exports: (
    share.name,
    share.symbol,
    share.decimals,
    share.balanceOf,
    share.allowance,
    share.nonces,
    share.transfer,
    share.transferFrom,
    share.approve,
    share.permit,
    share.DOMAIN_SEPARATOR,
)
# two-step owner
exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.transfer_ownership,
    ownable.accept_ownership,
)

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY
MAX_BASE: constant(uint256) = basket.MAX_BASE

MAX_MINT_FEE_BPS: constant(uint256) = 500
MAX_REDEEM_FEE_BPS: constant(uint256) = 500
MAX_STREAMING_FEE_BPS: constant(uint256) = 1_000    # a year
MAX_TOKEN_DECIMALS: constant(uint256) = 27

_SEALED: constant(address) = 0x000000000000000000000000000000000000dEaD

struct Ledger:
    base: uint256     # {base} what the backing answers for
    held: uint256     # {share} the sum of all balances


fee_recipient: public(address)
# The data contract of modules/basket.vy.
_data: address
# base 112 | held 112 | 0 32: one slot, written once by every mint and redeem.
_ledger: uint256


@deploy
def __init__():
    """
    @notice Deploys the implementation, which can never be initialized and belongs to nobody.
    """
    ownable.__init__(self)
    self._data = _SEALED


@external
def initialize(params: IIndexVault.IndexParams):
    """
    @notice Makes a fresh clone an index. The factory calls it in the transaction that makes the clone.
    """
    assert self._data == empty(address), "vault: initialized"
    assert params.mint_fee_bps <= MAX_MINT_FEE_BPS, "vault: mint fee too high"
    assert params.redeem_fee_bps <= MAX_REDEEM_FEE_BPS, "vault: redeem fee too high"
    assert params.streaming_fee_bps <= MAX_STREAMING_FEE_BPS, "vault: streaming fee too high"
    share._check_receiver(params.fee_recipient)
    share.name = params.name
    share.symbol = params.symbol
    ownable._set_owner(params.owner)
    self.fee_recipient = params.fee_recipient
    data: address = basket._store(self._body(params))
    self._data = data
    log IIndexVault.Initialized(
        owner=params.owner, fee_recipient=params.fee_recipient, oracle=params.oracle, basket=data
    )


@external
def mint(
    shares: uint256,
    receiver: address,
    max_amounts: DynArray[uint256, MAX_COMPONENTS],
    deadline: uint256,
) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice Bring the components of `shares` and the mint fee, get exactly `shares`.
    @param shares {share}
    @param receiver who gets them
    @param max_amounts {tok} the most the caller pays of each component
    @param deadline {s} the last block time at which this may happen
    @return {tok} what was paid of each component
    """
    assert block.timestamp <= deadline, "vault: expired"
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data)
    terms: basket.Terms = basket._unpack_terms(body[0])
    assert len(max_amounts) == terms.count, "vault: wrong number of limits"
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = self._base_to_mint(shares, terms)

    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        word: uint256 = body[i + 1]
        amount: uint256 = basket._amount_up(base, word)
        assert amount <= max_amounts[i], "vault: above limit"
        token._pull(basket._token(word), msg.sender, amount)
        amounts.append(amount)

    # Credited only now: a token's hook must not find shares that are not yet paid for.
    ledger: Ledger = self._read_ledger()
    self._write_ledger(Ledger(base=ledger.base + base, held=ledger.held + shares))
    share._credit(receiver, shares)
    log IIndexVault.Minted(caller=msg.sender, receiver=receiver, shares=shares, fee_shares=fee)
    return amounts


@external
def redeem(
    shares: uint256,
    receiver: address,
    min_amounts: DynArray[uint256, MAX_COMPONENTS],
    deadline: uint256,
) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice Give exactly `shares`, get the components of them net of the redeem fee.
    @param shares {share} of the caller
    @param receiver who gets the components
    @param min_amounts {tok} the least the receiver gets of each component
    @param deadline {s} the last block time at which this may happen
    @return {tok} what was paid out of each component
    """
    assert block.timestamp <= deadline, "vault: expired"
    assert receiver != empty(address) and receiver != self, "vault: invalid receiver"
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data)
    terms: basket.Terms = basket._unpack_terms(body[0])
    assert len(min_amounts) == terms.count, "vault: wrong number of limits"
    base: uint256 = 0
    fee: uint256 = 0
    base, fee = self._base_to_redeem(shares, terms)

    # Burnt before anything leaves.
    share._debit(msg.sender, shares)
    ledger: Ledger = self._read_ledger()
    self._write_ledger(Ledger(base=ledger.base - base, held=ledger.held - shares))

    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        word: uint256 = body[i + 1]
        amount: uint256 = basket._amount_down(base, word)
        assert amount >= min_amounts[i], "vault: below limit"
        token._push(basket._token(word), receiver, amount)
        amounts.append(amount)
    log IIndexVault.Redeemed(caller=msg.sender, receiver=receiver, shares=shares, fee_shares=fee)
    return amounts


@external
def collect_fees() -> uint256:
    """
    @notice Mint the pending fees to the fee recipient. Anyone may.
    @return {share}
    """
    return self._collect_fees()


@external
def set_fee_recipient(recipient: address):
    """
    @notice Owner only. What is pending was earned by the old recipient and goes there first.
    """
    ownable._check_owner()
    share._check_receiver(recipient)
    self._collect_fees()
    log IIndexVault.FeeRecipientChanged(old_recipient=self.fee_recipient, new_recipient=recipient)
    self.fee_recipient = recipient


@external
@view
def preview_mint(shares: uint256) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} what `mint` takes in this block, fee included, to the wei.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data)
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = self._base_to_mint(shares, terms)[0]
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        amounts.append(basket._amount_up(base, body[i + 1]))
    return amounts


@external
@view
def preview_redeem(shares: uint256) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice {tok} what `redeem` pays in this block, net of the fee, to the wei.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data)
    terms: basket.Terms = basket._unpack_terms(body[0])
    base: uint256 = self._base_to_redeem(shares, terms)[0]
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        amounts.append(basket._amount_down(base, body[i + 1]))
    return amounts


@external
@view
def components() -> (DynArray[address, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice (tokens, D18{tok/share} rounded down) as of now.
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data)
    terms: basket.Terms = basket._unpack_terms(body[0])
    growth: uint256 = self._growth(terms)
    tokens: DynArray[address, MAX_COMPONENTS] = []
    units: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        tokens.append(basket._token(body[i + 1]))
        units.append(fixed_point._mul_div_down(basket._unit(body[i + 1]), WAD, growth))
    return tokens, units


@external
@view
def nav(max_age: uint256) -> uint256:
    """
    @notice What one share is worth at the oracle's prices.
    @param max_age {s} the oldest price the caller accepts; the oracle reverts past it
    @return D18{currency/share}, rounded down
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data)
    terms: basket.Terms = basket._unpack_terms(body[0])
    prices: DynArray[uint256, MAX_COMPONENTS] = staticcall IMedianOracle(
        basket._oracle(body, terms.count)
    ).prices(basket._feeds(body, terms.count), max_age)
    value: uint256 = 0    # D18{currency/base}
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        value += basket._value(body[i + 1], basket._pricing(body, terms.count, i), prices[i])
    return fixed_point._mul_div_down(value, WAD, self._growth(terms))


@external
@view
def price_feeds() -> (address, DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice (oracle, feed index of each component)
    """
    body: DynArray[uint256, MAX_BODY] = basket._load(self._data)
    count: uint256 = basket._unpack_terms(body[0]).count
    return basket._oracle(body, count), basket._feeds(body, count)


@external
@view
def fees() -> (uint256, uint256, uint256):
    """
    @notice (mint fee {bps}, redeem fee {bps}, streaming fee {bps/year})
    """
    terms: basket.Terms = self._terms()
    return terms.mint_fee_bps, terms.redeem_fee_bps, terms.streaming_fee_bps


@external
@view
def totalSupply() -> uint256:
    """
    @notice {share} all that the backing answers for: every balance and the pending fees.
    """
    return self._total_shares(self._read_ledger())


@external
@view
def pending_fees() -> uint256:
    """
    @notice {share} earned by the fee recipient and not collected yet.
    """
    ledger: Ledger = self._read_ledger()
    return self._total_shares(ledger) - ledger.held


@internal
def _collect_fees() -> uint256:
    ledger: Ledger = self._read_ledger()
    pending: uint256 = self._total_shares(ledger) - ledger.held
    if pending != 0:
        recipient: address = self.fee_recipient
        ledger.held += pending
        self._write_ledger(ledger)
        share._credit(recipient, pending)
        log IIndexVault.FeesCollected(caller=msg.sender, recipient=recipient, shares=pending)
    return pending


@internal
@view
def _base_to_mint(shares: uint256, terms: basket.Terms) -> (uint256, uint256):
    """
    @notice ({base} to bring in for `shares`, {share} fee), both rounded up. The one place that says what a mint costs.
    """
    assert shares != 0 and shares < MAX_BASE, "vault: shares out of range"
    fee: uint256 = fixed_point._mul_div_up(shares, terms.mint_fee_bps, MAX_BPS)
    return fixed_point._mul_div_up(shares + fee, WAD, self._growth(terms)), fee


@internal
@view
def _base_to_redeem(shares: uint256, terms: basket.Terms) -> (uint256, uint256):
    """
    @notice ({base} to pay out for `shares`, rounded down; {share} fee, rounded up). The one place that says what a
            redeem pays.
    """
    assert shares != 0 and shares < MAX_BASE, "vault: shares out of range"
    fee: uint256 = fixed_point._mul_div_up(shares, terms.redeem_fee_bps, MAX_BPS)
    return fixed_point._mul_div_down(shares - fee, WAD, self._growth(terms)), fee


@internal
@view
def _terms() -> basket.Terms:
    return basket._unpack_terms(basket._load(self._data)[0])


@internal
@view
def _growth(terms: basket.Terms) -> uint256:
    """
    @notice D18{share/base} now.
    """
    return streaming_fee._growth(terms.growth_0, block.timestamp - terms.since, terms.streaming_fee_bps)


@internal
@view
def _total_shares(ledger: Ledger) -> uint256:
    """
    @dev Never below `ledger.held`: mint adds base rounded up, redeem takes base rounded down, growth never falls.
    """
    return fixed_point._mul_div_down(ledger.base, self._growth(self._terms()), WAD)


@internal
@view
def _read_ledger() -> Ledger:
    word: uint256 = self._ledger
    return Ledger(base=word >> 144, held=(word >> 32) & (2**112 - 1))


@internal
def _write_ledger(ledger: Ledger):
    assert ledger.base < MAX_BASE and ledger.held < 2**112, "vault: supply too large"
    self._ledger = (ledger.base << 144) | (ledger.held << 32)


@internal
@view
def _body(params: IIndexVault.IndexParams) -> DynArray[uint256, MAX_BODY]:
    """
    @notice Checks the components and packs them. What a token and a feed say of their decimals is read here, once.
    """
    count: uint256 = len(params.tokens)
    assert count != 0, "vault: no components"
    assert len(params.units) == count, "vault: wrong number of units"
    assert len(params.feeds) == count, "vault: wrong number of feeds"
    body: DynArray[uint256, MAX_BODY] = [
        basket._pack_terms(
            basket.Terms(
                growth_0=WAD,
                since=block.timestamp,
                count=count,
                streaming_fee_bps=params.streaming_fee_bps,
                mint_fee_bps=params.mint_fee_bps,
                redeem_fee_bps=params.redeem_fee_bps,
            )
        )
    ]
    lanes: uint256[4] = empty(uint256[4])
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        component: address = params.tokens[i]
        assert component != self, "vault: component is itself"
        for j: uint256 in range(i, bound=MAX_COMPONENTS):
            assert params.tokens[j] != component, "vault: duplicate component"
        body.append(basket._pack_component(component, params.units[i]))
        token_decimals: uint256 = convert(staticcall IERC20Detailed(component).decimals(), uint256)
        assert token_decimals <= MAX_TOKEN_DECIMALS, "vault: too many token decimals"
        feed: IMedianOracle.Feed = staticcall IMedianOracle(params.oracle).feed(params.feeds[i])
        lane: uint256 = basket._pack_pricing(params.feeds[i], convert(feed.decimals, uint256), token_decimals)
        lanes[i // 8] |= lane << (32 * (i % 8))
    body.append(convert(params.oracle, uint256))
    for i: uint256 in range((count + 7) // 8, bound=4):
        body.append(lanes[i])
    return body
