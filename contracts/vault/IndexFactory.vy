# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Factory
@license AGPL-3.0-only
@notice Makes index vaults in one call, each a minimal clone of one implementation, and remembers which it made. It
        checks what an index is made of; the clone trusts the factory that initializes it.
@dev Has no owner and no say over what it made. The clone is initialized in the call that makes it, so nobody can
     get in between.
"""

from ethereum.ercs import IERC20Detailed

from contracts.interfaces import IIndexFactory
from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.modules import basket
from contracts.modules import constants as c

implements: IIndexFactory

WAD: constant(uint256) = c.WAD
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY

MAX_TOKEN_DECIMALS: constant(uint256) = 27

implementation: public(immutable(address))

index_count: public(uint256)
index_at: public(HashMap[uint256, address])
is_index: public(HashMap[address, bool])


@deploy
def __init__(index_implementation: address):
    """
    @param index_implementation a deployed IndexVault
    """
    assert index_implementation.is_contract, "factory: no implementation"
    implementation = index_implementation


@external
def create(params: IIndexFactory.IndexParams) -> address:
    """
    @notice A new index.
    @param params what it is made of
    @return the index
    """
    index: address = create_minimal_proxy_to(implementation)
    count: uint256 = self.index_count
    self.index_at[count] = index
    self.index_count = count + 1
    self.is_index[index] = True
    data: address = basket._store(self._body(params, index))
    extcall IIndexVault(index).initialize(params.name, params.symbol, data, params.owner, params.fee_recipient)
    log IIndexFactory.IndexCreated(index=index, creator=msg.sender, owner=params.owner)
    return index


@internal
@view
def _body(params: IIndexFactory.IndexParams, index: address) -> DynArray[uint256, MAX_BODY]:
    """
    @notice Checks the components and packs them. What a token and a feed say of their decimals is read here, once.
    """
    count: uint256 = len(params.tokens)
    assert count != 0, "factory: no components"
    assert len(params.units) == count, "factory: wrong number of units"
    assert len(params.feeds) == count, "factory: wrong number of feeds"
    body: DynArray[uint256, MAX_BODY] = [
        basket._pack_terms(
            basket.Terms(
                growth_0=WAD,
                since=block.timestamp,
                count=count,
                streaming_fee_bps=params.streaming_fee_bps,
                mint_fee_bps=params.mint_fee_bps,
                redeem_fee_bps=params.redeem_fee_bps,
                generation=0,
            )
        )
    ]
    lanes: uint256[4] = empty(uint256[4])
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        component: address = params.tokens[i]
        assert component != index, "factory: component is itself"
        for j: uint256 in range(i, bound=MAX_COMPONENTS):
            assert params.tokens[j] != component, "factory: duplicate component"
        body.append(basket._pack_component(component, params.units[i]))
        token_decimals: uint256 = convert(staticcall IERC20Detailed(component).decimals(), uint256)
        assert token_decimals <= MAX_TOKEN_DECIMALS, "factory: too many token decimals"
        feed: IMedianOracle.Feed = staticcall IMedianOracle(params.oracle).feed(params.feeds[i])
        lane: uint256 = basket._pack_pricing(params.feeds[i], convert(feed.decimals, uint256), token_decimals)
        lanes[i // 8] |= lane << (32 * (i % 8))
    body.append(convert(params.oracle, uint256))
    for i: uint256 in range((count + 7) // 8, bound=4):
        body.append(lanes[i])
    return body
