# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Basket Token View
@license AGPL-3.0-only
@notice One index by the names of ERC-7621's views and previews. Read-only: minting, redeeming and rebalancing are the
        index's own and work otherwise, so this is no ERC-7621 token and claims no interface id.
@dev Standard names keep their case. No state and no privileges. Views with a value in them revert when the oracle does
     not serve, with its reason.
"""

from contracts.interfaces import IBasketToken
from contracts.interfaces import IIndexVault
from contracts.interfaces import IMedianOracle
from contracts.modules import basket
from contracts.modules import constants as c
from contracts.modules import fixed_point

implements: IBasketToken

WAD: constant(uint256) = c.WAD
MAX_BPS: constant(uint256) = c.MAX_BPS
MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = basket.MAX_BODY
MAX_BASE: constant(uint256) = basket.MAX_BASE
_HALVINGS: constant(uint256) = 112               # 2**112 is MAX_BASE

index: public(immutable(IIndexVault))
max_age: public(immutable(uint256))              # {s} the oldest price that counts


@deploy
def __init__(vault: IIndexVault, oldest: uint256):
    """
    @param oldest {s} the oldest price that counts in weights and value
    """
    index = vault
    max_age = oldest


@external
@view
def getConstituents() -> (DynArray[address, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS]):
    """
    @return (components, {bps} what part of the value each is now; what rounding leaves goes to the most valuable)
    """
    return self._weights()


@external
@view
def getWeight(token: address) -> uint256:
    """
    @notice Reverts for a token that is no component.
    @return {bps} what part of the value the token is now, as `getConstituents` tells it
    """
    tokens: DynArray[address, MAX_COMPONENTS] = []
    weights: DynArray[uint256, MAX_COMPONENTS] = []
    tokens, weights = self._weights()
    for i: uint256 in range(len(tokens), bound=MAX_COMPONENTS):
        if tokens[i] == token:
            return weights[i]
    raise "basket: not a constituent"


@external
@view
def totalConstituents() -> uint256:
    """
    @return {1} how many components the basket has
    """
    return basket._unpack_terms((staticcall index.book())[1][0]).count


@external
@view
def isConstituent(token: address) -> bool:
    """
    @return whether the basket holds the token
    """
    body: DynArray[uint256, MAX_BODY] = (staticcall index.book())[1]
    return basket._find(body, basket._unpack_terms(body[0]).count, token) != 0


@external
@view
def getReserve(token: address) -> uint256:
    """
    @return {tok} behind the whole supply, rounded down
    """
    base: uint256 = 0
    body: DynArray[uint256, MAX_BODY] = []
    base, body = staticcall index.book()
    at: uint256 = basket._find(body, basket._unpack_terms(body[0]).count, token)
    if at == 0:
        return 0
    return basket._amount_down(base, body[at])


@external
@view
def totalBasketValue() -> uint256:
    """
    @return D18{currency} NAV of a share times the supply, rounded down
    """
    return fixed_point._mul_div_down(staticcall index.nav(max_age), staticcall index.totalSupply(), WAD)


@external
@view
def previewContribute(amounts: DynArray[uint256, MAX_COMPONENTS]) -> uint256:
    """
    @notice The most shares that `mint` gives for at most these amounts, fee paid: by halving, as what a mint takes only
            grows with the shares.
    """
    low: uint256 = 0
    high: uint256 = MAX_BASE - 1
    # What one share takes bounds the shares from above, roughly, and spares most of the halvings.
    units: DynArray[uint256, MAX_COMPONENTS] = (staticcall index.components())[1]
    assert len(amounts) == len(units), "basket: wrong number of amounts"
    for i: uint256 in range(len(units), bound=MAX_COMPONENTS):
        if units[i] != 0 and amounts[i] < MAX_BASE:
            high = min(high, (amounts[i] + 1) * WAD * WAD // units[i] + 1)
    for _: uint256 in range(_HALVINGS):
        if low == high:
            break
        middle: uint256 = (low + high + 1) // 2
        needed: DynArray[uint256, MAX_COMPONENTS] = staticcall index.preview_mint(middle)
        enough: bool = True
        for i: uint256 in range(len(needed), bound=MAX_COMPONENTS):
            if needed[i] > amounts[i]:
                enough = False
                break
        if enough:
            low = middle
        else:
            high = middle - 1
    return low


@external
@view
def previewWithdraw(lpAmount: uint256) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @return {tok} what `redeem` gives, net of the fee
    """
    return staticcall index.preview_redeem(lpAmount)


@internal
@view
def _weights() -> (DynArray[address, MAX_COMPONENTS], DynArray[uint256, MAX_COMPONENTS]):
    body: DynArray[uint256, MAX_BODY] = (staticcall index.book())[1]
    count: uint256 = basket._unpack_terms(body[0]).count
    prices: DynArray[uint256, MAX_COMPONENTS] = staticcall IMedianOracle(basket._oracle(body, count)).prices(
        basket._feeds(body, count), max_age
    )
    tokens: DynArray[address, MAX_COMPONENTS] = []
    values: DynArray[uint256, MAX_COMPONENTS] = []    # D18{currency/base}
    total: uint256 = 0
    largest: uint256 = 0
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        tokens.append(basket._token(body[i + 1]))
        values.append(basket._value(body[i + 1], basket._pricing(body, count, i), prices[i]))
        total += values[i]
        if values[i] > values[largest]:
            largest = i
    assert total != 0, "basket: worth nothing"
    weights: DynArray[uint256, MAX_COMPONENTS] = []
    left: uint256 = MAX_BPS
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        weights.append(values[i] * MAX_BPS // total)
        left -= weights[i]
    weights[largest] += left
    return tokens, weights
