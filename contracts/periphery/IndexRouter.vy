# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Router
@license AGPL-3.0-only
@notice Shares of an index for one token and back, through Uniswap v3, in one call; in kind where a route is empty.
@dev A mint buys exactly what the vault will take (exact outputs), so nothing is ever left over: the caller's asset goes
     from the caller straight to the pools, and only as much as they ask for. A redeem sells all that came out. Nothing
     is kept between calls, neither a token nor an allowance. What somebody sends here by mistake stays here, and no call
     counts it.
     Amounts are in each token's own smallest unit; shares have 18 decimals.
@custom:security People allow this contract to take their tokens, so it takes from nobody but the caller, in the call.
        Indices and pools are of the two factories' making, so their code is known: a pool calls back only whom it was
        swapped by, and hands back the data as given. The callback pays the one pool just asked, once.
        Tokens are not trusted: whatever they call in their transfers, the lock is held.
@custom:kill None, and nothing to take. Holders redeem at the vault itself.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IIndexFactory
from contracts.interfaces import IIndexRouter
from contracts.interfaces import IIndexVault
from contracts.interfaces import IUniswapV3Pool
from contracts.modules import constants as c
from contracts.modules import token
from contracts.modules import uniswap_v3

implements: IIndexRouter

MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_ROUTE: constant(uint256) = uniswap_v3.MAX_ROUTE
HOP: constant(uint256) = uniswap_v3.HOP
MAX_PERMITS: constant(uint256) = 33              # the asset and every component

index_factory: public(immutable(address))
pool_factory: public(immutable(address))

# The pool whose callback is awaited; empty at any other time.
_awaited: transient(address)
# While exact outputs are bought: who pays for them. Empty: the router pays with what it sells.
_payer: transient(address)


@deploy
def __init__(indices: address, pools: address):
    """
    @param indices the IndexFactory whose indices are traded
    @param pools the Uniswap v3 factory whose pools are used
    """
    assert indices.is_contract and pools.is_contract, "router: no factory"
    index_factory = indices
    pool_factory = pools


@external
def mint(order: IIndexRouter.Order, permits: DynArray[IIndexRouter.Permit, MAX_PERMITS]) -> uint256:
    """
    @notice Buys the components of `order.shares` with the caller's asset, along the routes, and mints.
    @param order what is asked for
    @param permits of the caller, for the asset and what is brought in kind
    @return {asset} what the caller paid of it, at most `order.asset_limit`
    """
    tokens: DynArray[address, MAX_COMPONENTS] = self._open(order, permits)
    amounts: DynArray[uint256, MAX_COMPONENTS] = staticcall IIndexVault(order.index).preview_mint(order.shares)

    # Told by the caller's own balance, whatever the asset takes on the way.
    before: uint256 = staticcall IERC20(order.asset).balanceOf(msg.sender)
    self._payer = msg.sender
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        if len(order.routes[i]) != 0:
            uniswap_v3._check_route(order.routes[i], tokens[i], order.asset)
        # A component on its way in or out of the index: some tokens refuse to move nothing.
        if amounts[i] == 0:
            continue
        if len(order.routes[i]) != 0:
            self._buy(order.routes[i], amounts[i], self)
        else:
            token._pull(tokens[i], msg.sender, amounts[i])
        assert extcall IERC20(tokens[i]).approve(
            order.index, amounts[i], default_return_value=True
        ), "router: approve failed"
    self._payer = empty(address)
    paid: uint256 = before - staticcall IERC20(order.asset).balanceOf(msg.sender)
    assert paid <= order.asset_limit, "router: above limit"

    # A token's hook could have changed the basket since the preview. Then something would be left here, or allowed.
    taken: DynArray[uint256, MAX_COMPONENTS] = extcall IIndexVault(order.index).mint(
        order.shares, order.receiver, order.limits, order.deadline
    )
    assert keccak256(abi_encode(taken)) == keccak256(abi_encode(amounts)), "router: basket changed"
    log IIndexRouter.Minted(
        index=order.index,
        caller=msg.sender,
        receiver=order.receiver,
        shares=order.shares,
        asset=order.asset,
        asset_paid=paid,
    )
    return paid


@external
def redeem(order: IIndexRouter.Order, permits: DynArray[IIndexRouter.Permit, MAX_PERMITS]) -> uint256:
    """
    @notice Redeems the caller's shares and sells the components for the asset, along the routes.
    @param order what is asked for
    @param permits of the caller, for the share
    @return {asset} what the receiver got of it, at least `order.asset_limit`
    """
    tokens: DynArray[address, MAX_COMPONENTS] = self._open(order, permits)
    # What the receiver has in the end counts, whatever the asset takes on the way.
    before: uint256 = staticcall IERC20(order.asset).balanceOf(order.receiver)
    held: DynArray[uint256, MAX_COMPONENTS] = []
    for component: address in tokens:
        held.append(staticcall IERC20(component).balanceOf(self))
    token._pull(order.index, msg.sender, order.shares)
    extcall IIndexVault(order.index).redeem(order.shares, self, order.limits, order.deadline)

    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        # What arrived, not what was sent: of a token with a fee the vault sends more than comes here.
        amount: uint256 = staticcall IERC20(tokens[i]).balanceOf(self) - held[i]
        assert amount >= order.limits[i], "router: component below limit"
        if len(order.routes[i]) != 0:
            self._sell(order.routes[i], tokens[i], order.asset, amount, order.receiver)
        else:
            token._push(tokens[i], order.receiver, amount)
    got: uint256 = staticcall IERC20(order.asset).balanceOf(order.receiver) - before
    assert got >= order.asset_limit, "router: below limit"
    log IIndexRouter.Redeemed(
        index=order.index,
        caller=msg.sender,
        receiver=order.receiver,
        shares=order.shares,
        asset=order.asset,
        asset_got=got,
    )
    return got


@external
@reentrant
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[MAX_ROUTE]):
    """
    @notice Pays the pool that this contract has just asked.
    @dev Open while the lock is held, because the pool calls in the middle of our own call. The awaited pool is
         forgotten first, so one swap is paid once.
    @param amount0_delta {token0} owed if positive
    @param amount1_delta {token1} owed if positive
    @param data the route from the token owed on to the asset; only that token: it is paid outright
    """
    assert msg.sender == self._awaited, "router: not the pool asked"
    self._awaited = empty(address)
    # A pool that gives all it was asked for is owed one of the two.
    owed: uint256 = convert(max(amount0_delta, amount1_delta), uint256)
    if len(data) != 20:
        # Bought with what the next hop brings, straight into this pool.
        self._buy(data, owed, msg.sender)
        return
    asset: address = uniswap_v3._token(data, 0)
    if self._payer == empty(address):
        token._push(asset, msg.sender, owed)
    else:
        # The pool itself measures what arrived.
        assert extcall IERC20(asset).transferFrom(
            self._payer, msg.sender, owed, default_return_value=True
        ), "router: transferFrom failed"


@internal
def _open(
    order: IIndexRouter.Order, permits: DynArray[IIndexRouter.Permit, MAX_PERMITS]
) -> DynArray[address, MAX_COMPONENTS]:
    """
    @notice What every order has to keep.
    @return the components
    """
    assert block.timestamp <= order.deadline, "router: expired"
    # What comes here is nobody's.
    assert order.receiver != empty(address) and order.receiver != self, "router: invalid receiver"
    assert staticcall IIndexFactory(index_factory).is_index(order.index), "router: unknown index"
    for permit: IIndexRouter.Permit in permits:
        # Whoever saw the signature may have used it first: then the allowance is there, and this call fails in vain.
        success: bool = raw_call(
            permit.token,
            abi_encode(
                msg.sender,
                self,
                permit.amount,
                permit.deadline,
                permit.v,
                permit.r,
                permit.s,
                method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
            ),
            revert_on_failure=False,
        )
    tokens: DynArray[address, MAX_COMPONENTS] = (staticcall IIndexVault(order.index).components())[0]
    assert len(order.routes) == len(tokens), "router: wrong number of routes"
    assert len(order.limits) == len(tokens), "router: wrong number of limits"
    return tokens


@internal
def _buy(route: Bytes[MAX_ROUTE], amount: uint256, recipient: address):
    """
    @notice Exactly `amount`, not zero, of the route's first token to the recipient, paid for in the callback.
    """
    token_out: address = uniswap_v3._token(route, 0)
    zero_for_one: bool = uniswap_v3._zero_for_one(uniswap_v3._token(route, 1), token_out)
    delta: int256 = self._swap(
        uniswap_v3._pool(pool_factory, route, 0),
        recipient,
        zero_for_one,
        -convert(amount, int256),
        slice(route, HOP, len(route) - HOP),
    )
    assert delta == -convert(amount, int256), "router: pool ran dry"


@internal
def _sell(
    route: Bytes[MAX_ROUTE], first: address, last: address, amount: uint256, recipient: address
):
    """
    @notice All of `amount` of the route's first token, for its last to the recipient.
    """
    hops: uint256 = uniswap_v3._check_route(route, first, last)
    left: uint256 = amount
    for i: uint256 in range(hops, bound=uniswap_v3.MAX_HOPS):
        if left == 0:
            break
        token_in: address = uniswap_v3._token(route, i)
        zero_for_one: bool = uniswap_v3._zero_for_one(token_in, uniswap_v3._token(route, i + 1))
        to: address = self
        if i + 1 == hops:
            to = recipient
        left = convert(
            -self._swap(
                uniswap_v3._pool(pool_factory, route, i),
                to,
                zero_for_one,
                convert(left, int256),
                slice(route, i * HOP, 20),
            ),
            uint256,
        )


@internal
def _swap(
    pool: address, recipient: address, zero_for_one: bool, specified: int256, data: Bytes[MAX_ROUTE]
) -> int256:
    """
    @param specified {token in} exact input if positive, {token out} exact output if negative
    @return the pool's delta of the token out, negative: what it gave. An input is taken whole, or this reverts.
    """
    self._awaited = pool
    amount0: int256 = 0
    amount1: int256 = 0
    amount0, amount1 = extcall IUniswapV3Pool(pool).swap(
        recipient, zero_for_one, specified, uniswap_v3._limit(zero_for_one), data
    )
    delta_in: int256 = amount0
    delta_out: int256 = amount1
    if not zero_for_one:
        delta_in = amount1
        delta_out = amount0
    assert specified < 0 or delta_in == specified, "router: pool ran dry"
    return delta_out
