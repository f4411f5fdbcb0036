# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Vault, extension
@license AGPL-3.0-only
@notice What an index does beside moving shares and components: its creation, its roles and delayed changes, the
        beginning and end of an auction, flash mints, and the views.
@dev Runs only as code that the core delegates to (vault/IndexVault.vy), in the storage of a clone. Called directly it is
     sealed and owned by itself.
@custom:security What the owner may do waits where it could take from a holder (modules/delays.vy).
@custom:kill None of its own; see the core's.
"""

from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.modules import basket
from contracts.modules import books
from contracts.modules import checks
from contracts.modules import constants as c
from contracts.modules import delays
from contracts.modules import fixed_point
from contracts.modules import flash_mint
from contracts.modules import keeper_float
from contracts.modules import overlay
from contracts.modules import ownable
from contracts.modules import reserves
from contracts.modules import share

# The same modules in the same order as in the core: this is the storage layout.
initializes: ownable
initializes: share
initializes: reserves
initializes: keeper_float[reserves := reserves]
initializes: overlay
initializes: delays
initializes: books[share := share, reserves := reserves, keeper_float := keeper_float, overlay := overlay]
initializes: flash_mint[share := share]

# two-step owner
exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.transfer_ownership,
    ownable.accept_ownership,
)
# claims, roles
exports: (
    reserves.claim_of,
    books.fee_recipient,
    books.guardian,
    share.registry,
)

WAD: constant(uint256) = c.WAD
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY
MAX_CALL: constant(uint256) = delays.MAX_CALL

# Below a thousandth of a share surplus stays where it is: next to nobody owns what it would become.
_MIN_SWEEP_BASE: constant(uint256) = 10**15

HOUSE: immutable(address)


@deploy
def __init__(house: address):
    """
    @param house the AuctionHouse, for good
    """
    assert house.is_contract, "vault: no auction house"
    HOUSE = house
    ownable.__init__(self)
    books._seal()


@external
def initialize(name: String[64], symbol: String[16], data: address, owner: address, recipient: address):
    """
    @notice Makes a fresh clone an index. The factory calls it in the transaction that makes the clone.
    @param data the data contract that holds the basket; the factory has checked and written it
    """
    books._open(data)
    share._check_receiver(recipient)
    share.name = name
    share.symbol = symbol
    ownable._set_owner(owner)
    books.fee_recipient = recipient
    log IIndexVault.Initialized(owner=owner, fee_recipient=recipient, basket=data)


@external
def set_rebasing(component: address, rebasing: bool):
    """
    @notice Owner only. The balance of a component declared rebasing is checked inside each mint and redeem.
    """
    ownable._check_owner()
    body: DynArray[uint256, MAX_BODY] = books._body(books._head)
    count: uint256 = basket._unpack_terms(body[0]).count
    at: uint256 = basket._find(body, count, component)
    checks._that(at != 0, "vault: not a component")
    body[at] = (body[at] & ~basket.REBASING) | (basket.REBASING * convert(rebasing, uint256))
    body[0] = basket._with_rebasing_mark(body, count)
    books._write_body(body)
    log IIndexVault.RebasingChanged(component=component, rebasing=rebasing)


@external
def pause():
    """
    @notice Owner or guardian: stop mints. Redeems and claims go on.
    """
    checks._that(msg.sender == books.guardian or msg.sender == ownable.owner, "vault: not owner or guardian")
    books._set_flag(books.PAUSED, True)
    log IIndexVault.Paused(caller=msg.sender)


@external
def unpause():
    """
    @notice Owner only.
    """
    ownable._check_owner()
    books._set_flag(books.PAUSED, False)
    log IIndexVault.Unpaused(caller=msg.sender)


@external
def set_guardian(guardian: address):
    """
    @notice Owner only. The zero address: nobody but the owner may pause.
    """
    ownable._check_owner()
    log IIndexVault.GuardianChanged(old_guardian=books.guardian, new_guardian=guardian)
    books.guardian = guardian


@external
def set_supply_cap(whole_shares: uint256):
    """
    @notice Owner only. Mints that would bring the total supply above it revert; nobody is forced out.
    """
    ownable._check_owner()
    log IIndexVault.SupplyCapChanged(old_cap=books._cap(books._head), new_cap=whole_shares * WAD)
    books._set_cap(whole_shares)


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
    log IIndexVault.FeeRecipientChanged(old_recipient=books.fee_recipient, new_recipient=recipient)
    books.fee_recipient = recipient


@external
def begin_auction(words: DynArray[uint256, MAX_COMPONENTS], lanes: DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice Auction house only: units may now be moved by `settle`.
    @param words components to add, as in the basket, with a mantissa of zero; the house has checked what they are
    @param lanes the pricing of each
    """
    self._check_house()
    head: uint256 = books._head
    assert head & (books.IN_AUCTION | books.WOUND_DOWN) == 0, "vault: no auction now"
    books._set_flag(books.IN_AUCTION, True)
    if len(words) != 0:
        self._add_components(books._body(head), words, lanes)
    log IIndexVault.AuctionBegun(basket=books._data_of(books._head))


@external
def end_auction(dropped: uint256):
    """
    @notice Auction house only: what bids have moved is written down for good.
    @param dropped bit i: component i leaves; what is left of it belongs to nobody, but for claims and float
    """
    self._check_house()
    head: uint256 = books._head
    assert head & books.IN_AUCTION != 0, "vault: not in auction"
    books._set_flag(books.IN_AUCTION, False)
    body: DynArray[uint256, MAX_BODY] = books._body(head)
    if dropped != 0:
        body = self._without(body, dropped)
    books._write_body(body)
    log IIndexVault.AuctionEnded(
        basket=books._data_of(books._head), generation=basket._unpack_terms(body[0]).generation
    )


@external
def carry_float(owner: address, generation: uint256):
    """
    @notice Bring somebody's float of an older generation over to the components of today; what has left the index becomes
            a claim. Anyone may: it gives nobody anything.
    """
    body: DynArray[uint256, MAX_BODY] = books._body(books._head)
    keeper_float._carry(generation, owner, body, basket._unpack_terms(body[0]))
    log IIndexVault.FloatCarried(owner=owner, generation=generation)


@external
def sweep_surplus(component: address) -> uint256:
    """
    @notice Anyone may: let a little of what the vault holds of a component beyond what it owes become backing, for every
            holder alike. The first call for a component only starts the clock.
    @return {tok} that became backing
    """
    head: uint256 = books._head
    checks._that(head & books.IN_AUCTION == 0, "vault: in auction")
    # Whoever minted in this transaction could be gone before it ends.
    checks._that(not books.minted_now, "vault: minted just now")
    base: uint256 = books._read_ledger().base
    checks._that(base >= _MIN_SWEEP_BASE, "vault: supply too small")
    body: DynArray[uint256, MAX_BODY] = books._checked_body(0)
    at: uint256 = basket._find(body, basket._unpack_terms(body[0]).count, component)
    checks._that(at != 0, "vault: not a component")
    # What comes back of a token that was lost altogether is nobody's: no claim on it could be kept.
    checks._that(reserves._index(component) != 0, "reserves: token is worthless")
    amount: uint256 = reserves._drip(component, body[at], books._base_in())
    if amount != 0:
        body[at] = books._moved(body[at], base, amount, True)
        books._write_body(body)
        log IIndexVault.SurplusSwept(component=component, amount=amount)
    return amount


@external
def announce(call: Bytes[MAX_CALL]):
    """
    @notice Owner only: say what will be called; it may be after delays.DELAY, to the byte.
    """
    ownable._check_owner()
    log IIndexVault.CallAnnounced(call=call, ready_at=delays._announce(call))


@external
def retract(call: Bytes[MAX_CALL]):
    """
    @notice Owner only.
    """
    ownable._check_owner()
    delays._retract(call)
    log IIndexVault.CallRetracted(call=call)


@external
def set_fees(mint_fee_bps: uint256, redeem_fee_bps: uint256, streaming_fee_bps: uint256):
    """
    @notice Owner only, announced. What the old streaming fee has earned stays earned.
    """
    ownable._check_owner()
    delays._take(
        abi_encode(
            mint_fee_bps,
            redeem_fee_bps,
            streaming_fee_bps,
            method_id=method_id("set_fees(uint256,uint256,uint256)"),
        )
    )
    checks._that(books._head & books.WOUND_DOWN == 0, "vault: wound down")
    self._write_fees(mint_fee_bps, redeem_fee_bps, streaming_fee_bps)


@external
def wind_down():
    """
    @notice Owner only, announced: the end. No mint and no fee from now on; redeems, claims and float go on for ever.
    """
    ownable._check_owner()
    delays._take(method_id("wind_down()", output_type=Bytes[4]))
    books._set_flag(books.WOUND_DOWN, True)
    self._write_fees(0, 0, 0)
    log IIndexVault.WoundDown(caller=msg.sender)


@external
def set_registry(registry: address):
    """
    @notice Owner only, announced. An IHolderRegistry that is asked before shares come to somebody; zero: nobody is.
    """
    ownable._check_owner()
    delays._take(abi_encode(registry, method_id=method_id("set_registry(address)")))
    log IIndexVault.RegistryChanged(old_registry=share.registry, new_registry=registry)
    share.registry = registry
    books._set_flag(books.PERMISSIONED, registry != empty(address))


@external
def set_flash_terms(fee_bps: uint256, cap: uint256):
    """
    @notice Owner only, announced.
    @param cap {share} the largest flash mint; 0: none
    """
    ownable._check_owner()
    delays._take(abi_encode(fee_bps, cap, method_id=method_id("set_flash_terms(uint256,uint256)")))
    flash_mint._set(fee_bps, cap)
    log IIndexVault.FlashTermsChanged(fee_bps=fee_bps, cap=cap)


@external
def flashLoan(receiver: address, lent: address, amount: uint256, data: Bytes[1024]) -> bool:
    """
    @notice ERC-3156: shares for the length of one call. The lock is held meanwhile: they can be transferred, not redeemed.
    """
    if books._head & books.PERMISSIONED != 0:
        share._check_movable(empty(address), receiver)
    fee: uint256 = flash_mint._lend(receiver, lent, amount, data)
    # What is burnt beyond what was lent is in nobody's balance any more: it is a pending fee.
    ledger: books.Ledger = books._read_ledger()
    ledger.held -= fee
    books._write_ledger(ledger)
    log IIndexVault.FlashMinted(caller=msg.sender, receiver=receiver, amount=amount, fee=fee)
    return True


@external
@view
def components() -> (DynArray[address, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice (tokens, D18{tok/share} rounded down) as of now.
    """
    body: DynArray[uint256, MAX_BODY] = books._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    growth: uint256 = books._growth(terms)
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
    body: DynArray[uint256, MAX_BODY] = books._current_body()
    terms: basket.Terms = basket._unpack_terms(body[0])
    prices: DynArray[uint256, MAX_COMPONENTS] = staticcall IMedianOracle(
        basket._oracle(body, terms.count)
    ).prices(basket._feeds(body, terms.count), max_age)
    value: uint256 = 0    # D18{currency/base}
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        value += basket._value(body[i + 1], basket._pricing(body, terms.count, i), prices[i])
    return fixed_point._mul_div_down(value, WAD, books._growth(terms))


@external
@view
def price_feeds() -> (address, DynArray[uint256, MAX_COMPONENTS]):
    """
    @notice (oracle, feed index of each component)
    """
    body: DynArray[uint256, MAX_BODY] = books._body(books._head)
    count: uint256 = basket._unpack_terms(body[0]).count
    return basket._oracle(body, count), basket._feeds(body, count)


@external
@view
def fees() -> (uint256, uint256, uint256):
    """
    @notice (mint fee {bps}, redeem fee {bps}, streaming fee {bps/year})
    """
    terms: basket.Terms = books._terms()
    return terms.mint_fee_bps, terms.redeem_fee_bps, terms.streaming_fee_bps


@external
@view
def basket_data() -> address:
    """
    @notice The data contract in force: another one means other units, fees or flags.
    """
    return books._data_of(books._head)


@external
@view
def paused() -> bool:
    """
    @notice Whether mints are stopped.
    """
    return books._head & books.PAUSED != 0


@external
@view
def supply_cap() -> uint256:
    """
    @notice {share}
    """
    return books._cap(books._head)


@external
@view
def pending_fees() -> uint256:
    """
    @notice {share} earned by the fee recipient and not collected yet.
    """
    ledger: books.Ledger = books._read_ledger()
    return books._total_shares(ledger) - ledger.held


@external
@view
def maxFlashLoan(lent: address) -> uint256:
    """
    @notice {share} 0 for any other token, or when flash mints are off.
    """
    return flash_mint._cap(lent)


@external
@view
def flashFee(lent: address, amount: uint256) -> uint256:
    """
    @notice {share} rounded up.
    """
    return flash_mint._fee(lent, amount)


@external
@pure
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself, ERC-20, ERC-2612, ERC-5267, ERC-3156.
    """
    return interface_id in [0x01ffc9a7, 0x36372b07, 0x9d8ff7da, 0x84b0196e, 0xe4143091]


@external
@view
def book() -> (uint256, DynArray[uint256, MAX_BODY]):
    """
    @notice ({base}, the basket's words as of this block): what the auction house computes with.
    """
    return books._read_ledger().base, books._current_body()


@external
@view
def pair(sell: address, buy: address) -> IIndexVault.Pair:
    """
    @notice Two components as of this block: all that a bid needs, and less than `book` to read.
    """
    head: uint256 = books._head
    body: DynArray[uint256, MAX_BODY] = basket._load(books._data_of(head))
    count: uint256 = basket._unpack_terms(body[0]).count
    return IIndexVault.Pair(
        base=books._read_ledger().base,
        oracle=basket._oracle(body, count),
        sell=self._lot(head, body, count, sell),
        buy=self._lot(head, body, count, buy),
    )


@external
@view
def basket_version() -> uint256:
    """
    @notice Grows with every change of units, fees, flags or components.
    """
    return books._read_ledger().version


@external
@view
def float_generation() -> uint256:
    """
    @notice The generation of places that float operations use now.
    """
    return books._terms().generation


@external
@view
def in_auction() -> bool:
    """
    @notice Whether an auction is under way.
    """
    return books._head & books.IN_AUCTION != 0


@external
@view
def wound_down() -> bool:
    """
    @notice Whether the index has been ended.
    """
    return books._head & books.WOUND_DOWN != 0


@external
@view
def auction_house() -> address:
    """
    @notice The one contract that may call `begin_auction`, `settle` and `end_auction`.
    """
    return HOUSE


@external
@view
def ready_at(call: Bytes[MAX_CALL]) -> uint256:
    """
    @notice {s} from when an announced call may be made; 0: not announced.
    """
    return delays._when(call)


@internal
@view
def _lot(
    head: uint256, body: DynArray[uint256, MAX_BODY], count: uint256, component: address
) -> IIndexVault.Lot:
    at: uint256 = basket._find(body, count, component)
    checks._that(at != 0, "vault: not a component")
    word: uint256 = books._word(head, body, at - 1)
    return IIndexVault.Lot(
        place=at - 1, word=books._after_loss(word), lane=basket._pricing(body, count, at - 1)
    )


@internal
@view
def _check_house():
    checks._that(msg.sender == HOUSE, "vault: not the auction house")


@internal
def _write_fees(mint_fee_bps: uint256, redeem_fee_bps: uint256, streaming_fee_bps: uint256):
    """
    @notice New fees from this block on; growth goes on from where it is.
    """
    body: DynArray[uint256, MAX_BODY] = books._body(books._head)
    terms: basket.Terms = basket._unpack_terms(body[0])
    terms.growth_0 = books._growth(terms)
    terms.since = block.timestamp
    terms.mint_fee_bps = mint_fee_bps
    terms.redeem_fee_bps = redeem_fee_bps
    terms.streaming_fee_bps = streaming_fee_bps
    body[0] = basket._pack_terms(terms) | (body[0] & basket.ANY_REBASING)
    books._write_body(body)
    log IIndexVault.FeesChanged(
        mint_fee_bps=mint_fee_bps, redeem_fee_bps=redeem_fee_bps, streaming_fee_bps=streaming_fee_bps
    )


@internal
def _add_components(
    body: DynArray[uint256, MAX_BODY],
    added: DynArray[uint256, MAX_COMPONENTS],
    added_lanes: DynArray[uint256, MAX_COMPONENTS],
):
    terms: basket.Terms = basket._unpack_terms(body[0])
    words: DynArray[uint256, MAX_COMPONENTS] = []
    lanes: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        words.append(body[i + 1])
        lanes.append(basket._pricing(body, terms.count, i))
    for i: uint256 in range(len(added), bound=MAX_COMPONENTS):
        component: address = basket._token(added[i])
        checks._that(component != self, "vault: component is itself")
        checks._that(basket._find(body, terms.count, component) == 0, "vault: duplicate component")
        checks._that(basket._mantissa(added[i]) == 0, "vault: added with a unit")
        words.append(added[i] | reserves._cut_flag(component))
        lanes.append(added_lanes[i])
    books._write_body(basket._rebuilt(body, terms, words, lanes))


@internal
def _without(body: DynArray[uint256, MAX_BODY], dropped: uint256) -> DynArray[uint256, MAX_BODY]:
    """
    @notice The basket without some components, and so a new generation of places.
    """
    terms: basket.Terms = basket._unpack_terms(body[0])
    words: DynArray[uint256, MAX_COMPONENTS] = []
    lanes: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(terms.count, bound=MAX_COMPONENTS):
        word: uint256 = body[i + 1]
        if (dropped >> i) & 1 == 0:
            words.append(word)
            lanes.append(basket._pricing(body, terms.count, i))
        else:
            reserves._move_unit(basket._token(word), word, basket._with_mantissa(word, 0), keeper_float.minted)
    checks._that(len(words) != 0, "vault: no components")
    keeper_float._end_generation(terms.generation, books._data_of(books._head))
    terms.generation += 1
    return basket._rebuilt(body, terms, words, lanes)


@internal
def _collect_fees() -> uint256:
    ledger: books.Ledger = books._read_ledger()
    pending: uint256 = books._total_shares(ledger) - ledger.held
    if pending != 0:
        recipient: address = books.fee_recipient
        ledger.held += pending
        books._write_ledger(ledger)
        share._credit(recipient, pending)
        log IIndexVault.FeesCollected(caller=msg.sender, recipient=recipient, shares=pending)
    return pending
