# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Quoter
@license AGPL-3.0-only
@notice Foresees the router's `mint` and `redeem` in views, to the wei, without tokens or allowances.
@dev Goes through the same hops in the same order, and carries the state of each pool from one swap to the next
     (modules/uniswap_v3_swap.vy): routes may share pools. No state and no privileges.
"""

from contracts.interfaces import IIndexQuoter
from contracts.interfaces import IIndexRouter
from contracts.interfaces import IIndexVault
from contracts.modules import constants as c
from contracts.modules import uniswap_v3
from contracts.modules import uniswap_v3_swap as foreseen

implements: IIndexQuoter

MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_ROUTE: constant(uint256) = uniswap_v3.MAX_ROUTE
MAX_HOPS: constant(uint256) = uniswap_v3.MAX_HOPS
MAX_POOLS: constant(uint256) = 96                # MAX_COMPONENTS * MAX_HOPS
MAX_HALVINGS: constant(uint256) = 128

router: public(immutable(address))
POOL_FACTORY: immutable(address)


@deploy
def __init__(index_router: address):
    """
    @param index_router the IndexRouter whose calls are foreseen
    """
    router = index_router
    POOL_FACTORY = staticcall IIndexRouter(index_router).pool_factory()


@external
@view
def quote_mint(order: IIndexRouter.Order) -> (uint256, DynArray[uint256, MAX_COMPONENTS]):
    """
    @return ({asset} that `mint` takes, {tok} that goes in of each component)
    """
    return self._quote(order, order.shares, False)


@external
@view
def quote_redeem(order: IIndexRouter.Order) -> (uint256, DynArray[uint256, MAX_COMPONENTS]):
    """
    @return ({asset} that `redeem` gives, {tok} that comes out of each component)
    """
    return self._quote(order, order.shares, True)


@external
@view
def most_shares(order: IIndexRouter.Order, steps: uint256) -> (uint256, uint256):
    """
    @notice The most shares, up to `order.shares`, whose mint takes at most `order.asset_limit`, by halving.
    @param steps {1} how often the interval is halved: the answer is short by at most `order.shares` / 2**steps
    @return ({share}, {asset} what they cost); zeros when nothing that was looked at is that cheap
    """
    assert steps <= MAX_HALVINGS, "quoter: too many steps"
    high: uint256 = order.shares
    high_cost: uint256 = self._quote(order, high, False)[0]
    if high_cost <= order.asset_limit:
        return high, high_cost
    low: uint256 = 0
    low_cost: uint256 = 0
    for _: uint256 in range(steps, bound=MAX_HALVINGS):
        if high - low <= 1:
            break
        middle: uint256 = low + (high - low) // 2
        cost: uint256 = self._quote(order, middle, False)[0]
        if cost <= order.asset_limit:
            low = middle
            low_cost = cost
        else:
            high = middle
    return low, low_cost


@internal
@view
def _quote(
    order: IIndexRouter.Order, shares: uint256, redeeming: bool
) -> (uint256, DynArray[uint256, MAX_COMPONENTS]):
    tokens: DynArray[address, MAX_COMPONENTS] = (staticcall IIndexVault(order.index).components())[0]
    assert len(order.routes) == len(tokens), "router: wrong number of routes"
    amounts: DynArray[uint256, MAX_COMPONENTS] = []
    if redeeming:
        amounts = staticcall IIndexVault(order.index).preview_redeem(shares)
    else:
        amounts = staticcall IIndexVault(order.index).preview_mint(shares)

    pools: DynArray[foreseen.Pool, MAX_POOLS] = []
    total: uint256 = 0
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        moved: uint256 = amounts[i]
        route: Bytes[MAX_ROUTE] = order.routes[i]
        if len(route) == 0:
            if tokens[i] == order.asset:
                total += moved
            continue
        hops: uint256 = uniswap_v3._check_route(route, tokens[i], order.asset)
        asked: DynArray[address, MAX_HOPS] = []
        for hop: uint256 in range(hops, bound=MAX_HOPS):
            if moved == 0:
                break
            pool: address = uniswap_v3._pool(POOL_FACTORY, route, hop)
            # A mint asks the next pool while the last one waits for its money, and so none twice.
            assert redeeming or pool not in asked, "swap: pool is locked"
            asked.append(pool)
            at: uint256 = len(pools)
            for j: uint256 in range(len(pools), bound=MAX_POOLS):
                if pools[j].at == pool:
                    at = j
                    break
            if at == len(pools):
                pools.append(foreseen._load(pool))
            # Along the route the component's side comes first: sold in a redeem, bought in a mint.
            first: address = uniswap_v3._token(route, hop)
            second: address = uniswap_v3._token(route, hop + 1)
            zero_for_one: bool = uniswap_v3._zero_for_one(first, second) == redeeming
            pools[at], moved = foreseen._swap(pools[at], zero_for_one, moved, redeeming)
        total += moved
    return total, amounts
