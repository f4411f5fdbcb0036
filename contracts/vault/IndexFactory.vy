# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Index Factory
@license AGPL-3.0-only
@notice Makes index vaults in one call, each a minimal clone of one implementation, and remembers which it made.
@dev Has no owner and no say over what it made. The clone is initialized in the call that makes it, so nobody can
     get in between.
"""

from contracts.interfaces import IIndexFactory
from contracts.interfaces import IIndexVault

implements: IIndexFactory

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
def create(params: IIndexVault.IndexParams) -> address:
    """
    @notice A new index.
    @param params what it is made of; the vault checks it
    @return the index
    """
    index: address = create_minimal_proxy_to(implementation)
    count: uint256 = self.index_count
    self.index_at[count] = index
    self.index_count = count + 1
    self.is_index[index] = True
    extcall IIndexVault(index).initialize(params)
    log IIndexFactory.IndexCreated(index=index, creator=msg.sender, owner=params.owner)
    return index
